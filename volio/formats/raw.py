"""Raw voxels: nothing but numbers, so shape and type are given, or stand in a small file beside them."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from volio.errors import FormatError, InputError
from volio.formats.registry import ReadOptions, WriteOptions
from volio.formats.sizes import Size, micrometres, plain_metadata, stated_size
from volio.lazy import LazyArray, slabs
from volio.volume import Volume

__all__ = ["read", "sidecar", "write", "write_sidecar"]


def sidecar(path: Path) -> Path:
    """Return the name of the file that describes `path`: ``scan.raw.json`` for ``scan.raw``."""
    return path.with_name(path.name + ".json")


def read(path: Path, options: ReadOptions) -> Volume:
    """Open raw voxels as a memory map; what is given wins over what the file beside says."""
    beside = _beside(path)
    shape = options.shape or _shape(beside, path)
    kind = options.dtype or beside.get("dtype")
    if shape is None or kind is None:
        raise FormatError(
            f"{path} is raw: give its shape (z, y, x) and dtype, or put {sidecar(path).name} beside it "
            f"({path.stat().st_size} bytes)"
        )
    dtype = _dtype(kind, path)
    offset = int(beside.get("offset", 0)) if options.offset is None else options.offset
    if offset < 0:
        raise InputError(f"offset must be 0 or more bytes, got {offset}")
    need, have = offset + math.prod(shape) * dtype.itemsize, path.stat().st_size
    if need != have:
        hint = f"a z of {(have - offset) / (math.prod(shape[1:]) * dtype.itemsize):g} would fit"
        raise FormatError(
            f"{path} has {have} bytes, but shape {shape} of {dtype.name} with offset {offset} needs {need}: "
            f"correct them ({hint})"
        )
    notes: list[str] = []
    data: Any = np.memmap(path, dtype, "r", offset, shape)
    if not dtype.isnative:
        data = LazyArray.wrap(data, name=str(path))
    size = _voxel_size(beside, notes)
    origin = beside.get("origin", (0.0, 0.0, 0.0)) if size is not None else (0.0, 0.0, 0.0)
    kept = beside.get("metadata", {})
    return Volume(
        data, size, origin=tuple(origin), metadata={**(kept if isinstance(kept, dict) else {}), "notes": notes}
    )


def _beside(path: Path) -> dict[str, Any]:
    file = sidecar(path)
    if not file.exists():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(f"{file} is damaged ({error}): correct it, or give shape and dtype and remove it") from error
    if not isinstance(content, dict):
        raise FormatError(f"{file} must hold an object with shape and dtype: correct or remove it")
    return content


def _shape(beside: dict[str, Any], path: Path) -> tuple[int, int, int] | None:
    values = beside.get("shape")
    if values is None:
        return None
    if not isinstance(values, list) or len(values) != 3 or any(not isinstance(n, int) or n < 1 for n in values):
        raise FormatError(f"{sidecar(path)} states shape {values!r}: it must be three whole numbers (z, y, x)")
    return values[0], values[1], values[2]


def _dtype(kind: Any, path: Path) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = np.dtype(str(kind))
    except TypeError as error:
        raise FormatError(f"{sidecar(path)} states dtype {kind!r}: use for example uint16 or >u2") from error
    if dtype.kind not in "biuf":
        raise InputError(f"dtype {kind!r} is not whole or real numbers: use for example uint8, >u2 or float32")
    return dtype


def _voxel_size(beside: dict[str, Any], notes: list[str]) -> Size | None:
    values = beside.get("voxel_size")
    if not isinstance(values, list) or len(values) != 3 or not all(isinstance(v, (int, float)) for v in values):
        return None
    return stated_size(values, str(beside.get("unit", "")), notes, source="the file beside it")


def write(volume: Volume, path: Path, options: WriteOptions, done: Callable[[int], None]) -> None:
    """Stream the voxels, little-endian, x fastest."""
    little = volume.dtype.newbyteorder("<")
    with path.open("wb") as file:
        for _, slab in slabs(volume.data):
            file.write(slab.astype(little, copy=False).data)
            done(slab.size)


def write_sidecar(volume: Volume, path: Path) -> None:
    """Write the description of a raw file to `path`."""
    size, origin = micrometres(volume)
    content: dict[str, Any] = {"shape": list(volume.shape), "dtype": volume.dtype.newbyteorder("<").str}
    if size is not None:
        content |= {"voxel_size": list(size), "unit": "um", "origin": list(origin)}
    content["metadata"] = plain_metadata(volume)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
