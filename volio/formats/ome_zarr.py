"""OME-Zarr 0.4 (Zarr v2) and 0.5 (Zarr v3): https://ngff.openmicroscopy.org/0.5."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zarr

from volio.errors import FormatError
from volio.formats.checks import check_axes, choose_dataset
from volio.formats.pyramid import level_shapes, write_level, write_shards
from volio.formats.registry import ReadOptions, WriteOptions
from volio.formats.sizes import Size, micrometres, plain_metadata, stated_size
from volio.lazy import LazyArray, one_line
from volio.units import conversion_factor, length_unit
from volio.volume import Volume

__all__ = ["read", "write"]


def read(path: Path, options: ReadOptions) -> Volume:
    """Open the finest level of an OME-Zarr image, or any array of a Zarr folder."""
    try:
        node: Any = zarr.open(str(path), mode="r")
    except (ValueError, KeyError, OSError, TypeError) as error:
        raise FormatError(f"{path} is a damaged Zarr folder ({one_line(error)}): copy or export it again") from error
    notes: list[str] = []
    if isinstance(node, zarr.Array):
        return Volume(_lazy(node, str(path)), metadata={"notes": notes})
    attributes = dict(node.attrs)
    ome = attributes.get("ome", attributes)
    scales = ome.get("multiscales") if isinstance(ome, dict) else None
    if not scales:
        array, label = _any_array(node, path, options.dataset)
        return Volume(_lazy(array, label), metadata={"dataset": label, "notes": notes})
    image = scales[0]
    levels = {str(level["path"]): level for level in image["datasets"]}
    name = options.dataset.strip("/") if options.dataset else next(iter(levels))
    if name not in levels:
        raise FormatError(f"{path} has no level {name!r}: there are {', '.join(levels)}")
    try:
        array = node[name]
    except KeyError as error:
        raise FormatError(f"{path} is incomplete: level {name} is missing: copy or export it again") from error
    data = _lazy(array, str(path))
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in image.get("axes", "zyx")]
    if [axis["name"] for axis in axes[-3:]] != ["z", "y", "x"]:
        stored = ", ".join(axis["name"] for axis in axes)
        raise FormatError(f"{path} has the axes {stored}: a volume needs z, y, x as the last three")
    size, origin = _placement(image, levels[name], axes, notes)
    metadata = {"ome_zarr": str(ome.get("version", image.get("version", "0.4"))), "level": name}
    own = attributes.get("volcorr", {}).get("metadata", {})
    return Volume(data, size, origin=origin, name=image.get("name", ""), metadata={**metadata, **own, "notes": notes})


def _any_array(group: Any, path: Path, wanted: str | None) -> tuple[Any, str]:
    arrays = {name: item for name, item in group.members(max_depth=None) if isinstance(item, zarr.Array)}
    volumes = [(name, item.shape) for name, item in arrays.items() if item.ndim == 3]
    name = choose_dataset(path, volumes, wanted, arrays)
    return arrays[name], f"{path}::/{name}"


def _lazy(array: Any, label: str) -> LazyArray:
    """Return the last three axes; those before must have a single entry."""
    lead = array.ndim - 3
    if lead > 0 and any(n != 1 for n in array.shape[:lead]):
        raise FormatError(
            f"{label} has {array.ndim} axes (shape {array.shape}): a volume needs 3, give one channel and time"
        )
    shape = array.shape[lead:] if lead > 0 else array.shape
    check_axes(label, shape, array.dtype)
    first = (0,) * lead
    return LazyArray(lambda box: array[(*first, *box)], shape, array.dtype, chunks=array.chunks[lead:], name=label)


def _placement(
    image: dict[str, Any], level: dict[str, Any], axes: list[dict[str, Any]], notes: list[str]
) -> tuple[Size | None, Size]:
    """Return voxel size and origin in micrometres by the level's transformations and then the image's."""
    scale, shift = [1.0] * 3, [0.0] * 3
    steps = [*level.get("coordinateTransformations", ()), *image.get("coordinateTransformations", ())]
    for step in steps:
        if step.get("type") == "scale" and "scale" in step:
            factors = [float(v) for v in step["scale"][-3:]]
            scale = [a * b for a, b in zip(scale, factors, strict=True)]
            shift = [a * b for a, b in zip(shift, factors, strict=True)]
        elif step.get("type") == "translation" and "translation" in step:
            shift = [a + float(b) for a, b in zip(shift, step["translation"][-3:], strict=True)]
    units = [str(axis.get("unit") or "") for axis in axes[-3:]]
    if not any(step.get("type") == "scale" for step in steps):
        return None, (0.0, 0.0, 0.0)
    size = stated_size(scale, units, notes, source="OME-Zarr")
    if size is None or not all(math.isfinite(v) for v in shift):
        return size, (0.0, 0.0, 0.0)
    z, y, x = (v * conversion_factor(unit) for v, unit in zip(shift, units, strict=True) if length_unit(unit))
    return size, (z, y, x)


def write(volume: Volume, path: Path, options: WriteOptions, done: Callable[[int], None]) -> None:
    """Write OME-Zarr 0.5: chunks of 64^3 in shards of 256^3, each coarser level streamed from the one before."""
    how = options.pyramid or "mean"
    if volume.dtype == bool and how == "mean":
        how = "nearest"
    shapes = level_shapes(volume.shape) if how != "none" else [volume.shape]
    group = zarr.open_group(str(path), mode="w", zarr_format=3)
    finest = write_shards(group, "0", volume.data, scratch=path / "scratch", threads=options.threads, done=done)
    for number in range(1, len(shapes)):
        finest = write_level(group, str(number), finest, how, threads=options.threads)
    group.attrs["ome"] = {"version": "0.5", "multiscales": [_multiscale(volume, shapes, how)]}
    group.attrs["volcorr"] = {"metadata": plain_metadata(volume)}


def _multiscale(volume: Volume, shapes: list[tuple[int, int, int]], how: str) -> dict[str, Any]:
    size, origin = micrometres(volume)
    unit = {} if size is None else {"unit": "micrometer"}
    edges = size or (1.0, 1.0, 1.0)
    datasets = []
    for number in range(len(shapes)):
        # the centre of a coarse voxel lies in the middle of the voxels that it stands for
        middle = (2**number - 1) / 2 if how == "mean" else 0.0
        shift = [o + middle * e for o, e in zip(origin, edges, strict=True)]
        steps: list[dict[str, Any]] = [{"type": "scale", "scale": [e * 2**number for e in edges]}]
        if any(shift):
            steps.append({"type": "translation", "translation": shift})
        datasets.append({"path": str(number), "coordinateTransformations": steps})
    return {
        "name": volume.name or "volume",
        "axes": [{"name": axis, "type": "space", **unit} for axis in "zyx"],
        "datasets": datasets,
        "type": how,
    }
