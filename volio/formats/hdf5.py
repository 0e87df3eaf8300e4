"""HDF5: one dataset of three axes in a file of any layout."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from volio.errors import FormatError
from volio.formats.checks import check_axes, choose_dataset
from volio.formats.registry import ReadOptions, WriteOptions
from volio.formats.sizes import Size, micrometres, plain_metadata, stated_size
from volio.lazy import LazyArray, one_line, slab_depth, slabs
from volio.volume import Volume

__all__ = ["read", "write"]

#: Small entries that are taken over into the metadata, at most.
MOST_ENTRIES = 60


def read(path: Path, options: ReadOptions) -> Volume:
    """Open a dataset; the file stays open as long as the volume is used."""
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise FormatError(f"{path} is damaged or in use ({one_line(error)}): copy it again or close it") from error
    try:
        return _open(file, path, options.dataset)
    except BaseException:
        file.close()
        raise


def _open(file: Any, path: Path, wanted: str | None) -> Volume:
    volumes: list[tuple[str, tuple[int, ...]]] = []
    entries: dict[str, Any] = {}
    names: list[str] = []

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or item.shape is None:
            return
        names.append(name)
        if item.ndim == 3 and item.dtype.kind in "biuf":
            volumes.append((name, item.shape))
        elif item.size == 1 and len(entries) < MOST_ENTRIES:
            entries[name] = _plain(item[()])

    file.visititems(visit)
    name = choose_dataset(path, volumes, wanted, names)
    dataset = file[name]
    label = f"{path}::/{name}"
    check_axes(label, dataset.shape, dataset.dtype)
    _check_filters(dataset, label)
    notes: list[str] = []
    attributes = {key: _plain(value) for key, value in dataset.attrs.items()}
    size = _voxel_size(attributes, notes)
    origin = attributes.get("origin_um", (0.0, 0.0, 0.0)) if size is not None else (0.0, 0.0, 0.0)
    kept = _kept(attributes)
    if entries:
        kept["hdf5"] = entries
    data = LazyArray(
        lambda box: dataset[box],
        dataset.shape,
        dataset.dtype,
        chunks=dataset.chunks or (1, *dataset.shape[1:]),
        name=label,
        close=file.close,
    )
    return Volume(data, size, origin=_three(origin), metadata={"dataset": f"/{name}", **kept, "notes": notes})


def _check_filters(dataset: Any, label: str) -> None:
    properties = dataset.id.get_create_plist()
    for index in range(properties.get_nfilters()):
        code = properties.get_filter(index)[0]
        if not h5py.h5z.filter_avail(code):
            raise FormatError(
                f"{label} is compressed by HDF5 filter {code}, which is not installed: rewrite it with gzip (h5repack)"
            )


def _plain(value: Any) -> Any:
    """Return an HDF5 scalar or short array as Python has it."""
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size == 1 else value.tolist()
    if isinstance(value, np.generic):
        value = value.item()
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _voxel_size(attributes: dict[str, Any], notes: list[str]) -> Size | None:
    """Read ``element_size_um`` (z, y, x; ilastik, BigDataViewer), or ``voxel_size`` with ``unit``."""
    for key, unit in (("element_size_um", "um"), ("voxel_size", str(attributes.get("unit", "")))):
        values = attributes.get(key)
        if isinstance(values, (int, float)):
            values = [values] * 3
        if isinstance(values, list) and len(values) == 3 and all(isinstance(v, (int, float)) for v in values):
            return stated_size(values, unit, notes, source=f"attribute {key}")
    return None


def _three(values: Any) -> tuple[float, float, float]:
    """Return an origin, or zero where it is not three finite numbers."""
    if len(values) == 3 and all(isinstance(v, (int, float)) and math.isfinite(v) for v in values):
        return float(values[0]), float(values[1]), float(values[2])
    return 0.0, 0.0, 0.0


def _kept(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata that `write` left, and other short attributes."""
    kept: dict[str, Any] = {}
    try:
        own = json.loads(attributes.get("metadata", "{}"))
    except (TypeError, ValueError):
        own = {}
    if isinstance(own, dict):
        kept |= own
    shown = {k: v for k, v in attributes.items() if k not in ("metadata", "element_size_um", "origin_um")}
    if shown:
        kept["attributes"] = shown
    return kept


def write(volume: Volume, path: Path, options: WriteOptions, done: Callable[[int], None]) -> None:
    """Stream slabs into one dataset with the attributes ``element_size_um`` and ``origin_um``."""
    name = (options.dataset or "").strip("/") or "volume"
    deflate = options.compression == "deflate"
    _, height, width = volume.shape
    depth = slab_depth(volume.data)
    chunk = (min(16, depth), min(128, height), min(128, width))
    if deflate:
        depth -= depth % chunk[0]
    size, origin = micrometres(volume)
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(
            name,
            volume.shape,
            volume.dtype,
            chunks=chunk if deflate else None,
            compression="gzip" if deflate else None,
            compression_opts=4 if deflate else None,
            shuffle=deflate,
        )
        if size is not None:
            dataset.attrs["element_size_um"] = size
            dataset.attrs["origin_um"] = origin
        kept = plain_metadata(volume)
        if kept:
            dataset.attrs["metadata"] = json.dumps(kept)
        for z, slab in slabs(volume.data, depth=depth):
            dataset[z] = slab
            done(slab.size)
