"""NIfTI (.nii, .nii.gz): medical imaging's format, x fastest, mostly in millimetres."""

import gzip
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

import nibabel
import numpy as np
from numpy.typing import NDArray

from volio.errors import FormatError, InputError
from volio.formats.checks import check_axes, check_bytes
from volio.formats.registry import ReadOptions, WriteOptions
from volio.formats.sizes import Size, micrometres, stated_size
from volio.lazy import Box, LazyArray, one_line, slabs
from volio.quiet import captured_log
from volio.units import conversion_factor
from volio.volume import Volume

__all__ = ["read", "write"]

_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")
_NIFTI1_SIDE = 32767
_MILLIMETRE = conversion_factor("mm")


def read(path: Path, options: ReadOptions) -> Volume:
    """Open a NIfTI file: a memory map where plain, else read through nibabel."""
    with captured_log("nibabel.global"):
        try:
            image: Any = nibabel.load(path)
        except (nibabel.filebasedimages.ImageFileError, OSError, EOFError, ValueError) as error:
            raise FormatError(f"{path} is damaged or not NIfTI ({one_line(error)}): export it again") from error
    header = image.header
    shape = tuple(int(n) for n in image.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    shape = shape[::-1]
    stored = header.get_data_dtype()
    if stored.fields is not None:
        raise FormatError(f"{path} is a colour image: convert to grey first")
    check_axes(path, shape, stored)
    proxy = image.dataobj
    data: Any
    if (proxy.slope, proxy.inter) == (1, 0) and path.suffix.lower() == ".nii":
        check_bytes(path, shape, stored, int(proxy.offset))
        data = np.memmap(path, stored, "r", int(proxy.offset), shape)
        if not stored.isnative:
            data = LazyArray.wrap(data, name=str(path))
    else:
        data = _through_proxy(proxy, shape, stored, path)
    notes: list[str] = []
    sizes = [float(v) for v in header.get_zooms()[:3]][::-1]
    unit = header.get_xyzt_units()[0]
    size = stated_size(sizes, None if unit == "unknown" else unit, notes, source="the NIfTI header")
    text = bytes(np.asarray(header["descrip"]).item()).decode(errors="replace").strip("\0 ")
    metadata = {"description": text, "notes": notes} if text else {"notes": notes}
    return Volume(data, size, origin=_origin(header, size, unit, notes), metadata=metadata)


def _through_proxy(proxy: Any, shape: tuple[int, ...], stored: np.dtype[Any], path: Path) -> LazyArray:
    """Scale and decompress when asked; one thread at a time, the file has one position."""
    lock = threading.Lock()
    scaled = (proxy.slope, proxy.inter) != (1, 0)
    extra = (0,) * (len(proxy.shape) - 3)

    def read_box(box: Box) -> NDArray[Any]:
        with lock:
            return np.asarray(proxy[(*box[::-1], *extra)]).T

    dtype = np.dtype(np.float64) if scaled else stored
    return LazyArray(read_box, shape, dtype, chunks=(1, *shape[1:]), name=str(path))


def _origin(header: Any, size: Size | None, unit: str, notes: list[str]) -> Size:
    """Take the offset of the stated affine; one that turns or mirrors the axes is not followed."""
    affine = header.get_sform(coded=True)[0]
    if affine is None:
        affine = header.get_qform(coded=True)[0]
    if affine is None or size is None:
        return 0.0, 0.0, 0.0
    turned = affine[:3, :3] - np.diag(np.diag(affine)[:3])
    if np.abs(turned).max() > 1e-6 * np.abs(affine[:3, :3]).max() or np.any(np.diag(affine)[:3] <= 0):
        notes.append("the orientation matrix turns or mirrors the axes: they are kept as stored")
        return 0.0, 0.0, 0.0
    x, y, z = (float(v) * conversion_factor(unit) for v in affine[:3, 3])
    return z, y, x


def write(volume: Volume, path: Path, options: WriteOptions, done: Callable[[int], None]) -> None:
    """Stream slabs behind a NIfTI header (NIfTI-2 where an axis is longer than 32767)."""
    if volume.dtype.name not in _TYPES:
        raise InputError(f"NIfTI cannot hold {volume.dtype.name}: convert it to one of {', '.join(_TYPES)}")
    second = max(volume.shape) > _NIFTI1_SIDE
    kind: Any = nibabel.Nifti2Header if second else nibabel.Nifti1Header
    header = kind(endianness="<")
    header.set_data_dtype(volume.dtype)
    header.set_data_shape(volume.shape[::-1])
    size, origin = micrometres(volume)
    if size is not None:
        edges = [edge / _MILLIMETRE for edge in size[::-1]]
        affine = np.diag([*edges, 1.0])
        affine[:3, 3] = [position / _MILLIMETRE for position in origin[::-1]]
        header.set_zooms(edges)
        header.set_sform(affine, code=1)
        header.set_xyzt_units("mm")
    header["magic"] = b"n+2\0\r\n\x1a\n" if second else b"n+1"
    header["vox_offset"] = 544 if second else 352
    header["descrip"] = b"written by volcorr"
    little = volume.dtype.newbyteorder("<")
    with _stream(path) as file:
        file.write(header.binaryblock + b"\0" * 4)
        for _, slab in slabs(volume.data):
            file.write(slab.astype(little, copy=False).data)
            done(slab.size)


def _stream(path: Path) -> IO[bytes]:
    if path.name.lower().endswith(".gz"):
        return cast("IO[bytes]", gzip.open(path, "wb", compresslevel=4))
    return path.open("wb")
