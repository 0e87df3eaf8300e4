"""NRRD: a text header and the voxels, raw or gzipped, in one file or two."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nrrd
import numpy as np
from numpy.typing import NDArray

from volio.errors import FormatError, InputError
from volio.formats.checks import check_axes, check_bytes
from volio.formats.registry import ReadOptions, WriteOptions
from volio.formats.sizes import Size, micrometres, stated_size
from volio.lazy import LazyArray, slabs
from volio.volume import Volume

__all__ = ["read", "write"]

_TYPES = {
    "int8": ("signed char", "int8", "int8_t"),
    "uint8": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "int16": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "uint16": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "int32": ("int", "signed int", "int32", "int32_t"),
    "uint32": ("uint", "unsigned int", "uint32", "uint32_t"),
    "int64": ("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"),
    "uint64": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "float32": ("float",),
    "float64": ("double",),
}
_FROM_NRRD = {spelling: name for name, spellings in _TYPES.items() for spelling in spellings}


def read(path: Path, options: ReadOptions) -> Volume:
    """Open an NRRD file: a memory map where it is raw, else decoded as a whole."""
    notes: list[str] = []
    with path.open("rb") as file:
        header = nrrd.read_header(file)
        kind = _FROM_NRRD.get(header.get("type", ""))
        if kind is None:
            raise FormatError(f"{path} holds {header.get('type')!r} and not whole or real numbers: convert it first")
        shape = tuple(int(n) for n in reversed(header["sizes"]))
        check_axes(path, shape, kind)
        dtype = np.dtype(kind).newbyteorder(">" if header.get("endian") == "big" else "<")
        plain = header.get("encoding") == "raw" and not {"data file", "datafile", "line skip", "byte skip"} & set(
            header
        )
        if plain:
            offset = file.tell()
            check_bytes(path, shape, dtype, offset)
            data: Any = np.memmap(path, dtype, "r", offset, shape)
            if not dtype.isnative:
                data = LazyArray.wrap(data, name=str(path))
        else:
            data = nrrd.read_data(header, file, str(path), index_order="C")
            data = data.astype(data.dtype.newbyteorder("="), copy=False)
    size, origin = _voxel_size(header, notes), _origin(header)
    metadata = {key: str(header[key]) for key in ("space", "content", "date") if key in header}
    return Volume(data, size, origin=origin if size else (0.0, 0.0, 0.0), metadata={**metadata, "notes": notes})


def _voxel_size(header: Any, notes: list[str]) -> Size | None:
    """Read the lengths of the space directions, or the spacings; NRRD lists the fastest axis, x, first."""
    if "space directions" in header:
        matrix: NDArray[Any] = np.asarray(header["space directions"], dtype=float)
        lengths = np.sqrt(np.sum(matrix**2, axis=1))
        units = header.get("space units")
        source = "space directions"
        if np.count_nonzero(matrix - np.diag(np.diag(matrix)) if matrix.shape == (3, 3) else matrix):
            notes.append("the space directions are turned: axes are kept as stored")
    elif "spacings" in header:
        lengths, units, source = np.asarray(header["spacings"], dtype=float), header.get("units"), "spacings"
    else:
        return None
    sizes = [None if math.isnan(v) else float(v) for v in lengths[::-1]]
    return stated_size(sizes, list(units)[::-1] if units else None, notes, source=source)


def _origin(header: Any) -> Size:
    """Return the space origin in micrometres where it has the unit of the directions."""
    values, units = header.get("space origin"), header.get("space units")
    if values is None or not units or not np.all(np.isfinite(values)):
        return 0.0, 0.0, 0.0
    factors = [stated_size((1.0, 1.0, 1.0), str(unit), [], source="space units") for unit in units]
    x, y, z = (float(v) * (f or (0.0,))[0] for v, f in zip(values, factors, strict=True))
    return z, y, x


def write(volume: Volume, path: Path, options: WriteOptions, done: Callable[[int], None]) -> None:
    """Stream slabs behind a header (http://teem.sourceforge.net/nrrd/format.html), raw and little-endian."""
    kind = volume.dtype.name
    if kind not in _TYPES:
        raise InputError(f"NRRD cannot hold {kind}: convert it to one of {', '.join(_TYPES)}")
    z, y, x = volume.shape
    lines = [
        "NRRD0004",
        "# written by volcorr",
        f"type: {_TYPES[kind][-1] if kind in ('float32', 'float64') else kind}",
        "dimension: 3",
        f"sizes: {x} {y} {z}",
        "endian: little",
        "encoding: raw",
    ]
    size, origin = micrometres(volume)
    if size is not None:
        dz, dy, dx = size
        oz, oy, ox = origin
        lines += [
            "space dimension: 3",
            f"space directions: ({dx!r},0,0) (0,{dy!r},0) (0,0,{dz!r})",
            f"space origin: ({ox!r},{oy!r},{oz!r})",
            'space units: "um" "um" "um"',
        ]
    little = volume.dtype.newbyteorder("<")
    with path.open("wb") as file:
        file.write(("\n".join(lines) + "\n\n").encode())
        for _, slab in slabs(volume.data):
            file.write(slab.astype(little, copy=False).data)
            done(slab.size)
