"""MRC: electron microscopy's format, with cell sizes in angstrom (MRC2014, doi:10.1016/j.jsb.2015.04.002)."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE

from volio.errors import FormatError, InputError
from volio.formats.checks import check_axes, check_bytes
from volio.formats.registry import ReadOptions, WriteOptions
from volio.formats.sizes import Size, micrometres, stated_size
from volio.lazy import LazyArray, slabs
from volio.units import conversion_factor
from volio.volume import Volume

__all__ = ["read", "write"]

_MODES = {0: "int8", 1: "int16", 2: "float32", 6: "uint16", 12: "float16"}
_HEADER_BYTES = HEADER_DTYPE.itemsize
_VOLUME_STACK = 401


def read(path: Path, options: ReadOptions) -> Volume:
    """Open an MRC file as a memory map."""
    header = _header(path)
    mode = int(header["mode"])
    if mode == 16:
        raise FormatError(f"{path} is a colour image (mode 16): convert to grey first")
    if mode not in _MODES:
        known = ", ".join(f"{number} ({name})" for number, name in _MODES.items())
        raise FormatError(f"{path} has mode {mode}, which is no grey volume: readable are {known}")
    shape = tuple(int(header[key]) for key in ("nz", "ny", "nx"))
    if int(header["ispg"]) >= _VOLUME_STACK and 0 < int(header["mz"]) < shape[0]:
        raise FormatError(f"{path} is a stack of {shape[0] // int(header['mz'])} volumes: split it first")
    dtype = np.dtype(_MODES[mode]).newbyteorder(header.dtype["nx"].byteorder)
    check_axes(path, shape, dtype)
    offset = _HEADER_BYTES + int(header["nsymbt"])
    check_bytes(path, shape, dtype, offset)
    notes: list[str] = []
    data: Any = np.memmap(path, dtype, "r", offset, shape)
    order = _axis_order(header)
    if not dtype.isnative or order != [0, 1, 2]:
        data = LazyArray.wrap(data, name=str(path)).transpose(order)
    size = _voxel_size(header, notes)
    labels = [bytes(text).decode("ascii", "replace").strip("\0 ") for text in header["label"][: int(header["nlabl"])]]
    metadata = {"labels": [text for text in labels if text], "notes": notes}
    return Volume(data, size, origin=_origin(header, size), metadata=metadata)


def _header(path: Path) -> Any:
    """Return the header in the byte order in which its numbers make sense."""
    if path.stat().st_size < _HEADER_BYTES:
        raise FormatError(f"{path} is truncated: an MRC header has {_HEADER_BYTES} bytes: copy or export it again")
    for order in "<>":
        header = np.fromfile(path, HEADER_DTYPE.newbyteorder(order), 1)[0]
        sides = [int(header[key]) for key in ("nx", "ny", "nz")]
        if 0 <= int(header["mode"]) <= 101 and all(0 < n < 2**20 for n in sides) and int(header["nsymbt"]) >= 0:
            return header
    raise FormatError(f"{path} is not MRC as its name says (no sensible header): rename or export it again")


def _axis_order(header: Any) -> list[int]:
    """Return how sections, rows and columns are to be ordered as z, y, x."""
    stored = [int(header[key]) for key in ("maps", "mapr", "mapc")]
    return [stored.index(axis) for axis in (3, 2, 1)] if sorted(stored) == [1, 2, 3] else [0, 1, 2]


def _voxel_size(header: Any, notes: list[str]) -> Size | None:
    sizes = []
    for axis in "zyx":
        cell, steps = float(header["cella"][axis]), int(header[f"m{axis}"])
        sizes.append(cell / steps if steps > 0 else 0.0)
    if not any(sizes):
        return None
    if all(math.isclose(size, 1.0, rel_tol=1e-6) for size in sizes):
        notes.append("the voxel size is exactly 1 angstrom, which many programs write when they do not know it")
    return stated_size(sizes, "A", notes, source="the MRC header")


def _origin(header: Any, size: Size | None) -> Size:
    values = [float(header["origin"][axis]) for axis in "zyx"]
    if size is None or not all(math.isfinite(v) for v in values):
        return 0.0, 0.0, 0.0
    z, y, x = (v * conversion_factor("A") for v in values)
    return z, y, x


def write(volume: Volume, path: Path, options: WriteOptions, done: Callable[[int], None]) -> None:
    """Stream slabs behind a header, which is completed with the grey range at the end."""
    mode = next((number for number, name in _MODES.items() if name == volume.dtype.name), None)
    if mode is None:
        raise InputError(f"MRC cannot hold {volume.dtype.name}: convert it to one of {', '.join(_MODES.values())}")
    header = _new_header(volume, mode)
    little = volume.dtype.newbyteorder("<")
    low, high, total, squares = math.inf, -math.inf, 0.0, 0.0
    with path.open("wb") as file:
        file.write(header.tobytes())
        for _, slab in slabs(volume.data):
            file.write(slab.astype(little, copy=False).data)
            finite = slab[np.isfinite(slab)].astype(np.float64)
            if finite.size:
                low, high = min(low, float(finite.min())), max(high, float(finite.max()))
                total, squares = total + float(finite.sum()), squares + float(np.square(finite).sum())
            done(slab.size)
        mean = total / volume.size
        header["dmin"], header["dmax"], header["dmean"] = (low, high, mean) if low <= high else (0, -1, -2)
        header["rms"] = math.sqrt(max(squares / volume.size - mean**2, 0.0))
        file.seek(0)
        file.write(header.tobytes())


def _new_header(volume: Volume, mode: int) -> Any:
    header = np.zeros((), HEADER_DTYPE.newbyteorder("<"))
    size, origin = micrometres(volume)
    angstrom = conversion_factor("um", "A")
    for index, axis in enumerate("zyx"):
        header[f"n{axis}"] = header[f"m{axis}"] = volume.shape[index]
        if size is not None:
            header["cella"][axis] = size[index] * angstrom * volume.shape[index]
            header["origin"][axis] = origin[index] * angstrom
    for angle in ("alpha", "beta", "gamma"):
        header["cellb"][angle] = 90
    header["mode"], header["ispg"], header["nversion"] = mode, 1, 20141
    header["mapc"], header["mapr"], header["maps"] = 1, 2, 3
    header["map"], header["machst"] = b"MAP ", (0x44, 0x44, 0, 0)
    header["nlabl"], header["label"][0] = 1, b"written by volcorr"
    return header
