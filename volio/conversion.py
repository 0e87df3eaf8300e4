"""Convert a volume to another format, type or part of it, without loading it."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volio.errors import InputError
from volio.formats.registry import Compression, Pyramid
from volio.lazy import LazyArray
from volio.progress import SupportsUpdate
from volio.reading import Sizes, read
from volio.volume import Roi, Volume
from volio.writing import write

__all__ = ["as_dtype", "convert"]


def convert(
    source: str | os.PathLike[str] | Volume,
    target: str | os.PathLike[str],
    *,
    crop: Roi | None = None,
    voxel_size: Sizes | None = None,
    unit: str = "um",
    dtype: Any = None,
    rescale: tuple[float, float] | None = None,
    overwrite: bool = False,
    progress: bool | SupportsUpdate | None = None,
    compression: Compression | None = None,
    pyramid: Pyramid | None = None,
    threads: int | None = None,
    **read_options: Any,
) -> Path:
    """Copy a volume into another file, streaming.

    Parameters
    ----------
    source : path or Volume
        What to convert.
    target : path
        The extension says the format, see `volio.write`.
    crop : 3 pairs, optional
        Only this part, ``((z0, z1), (y0, y1), (x0, x1))`` in voxels; the origin moves along.
    voxel_size : float, str, or three of them, optional
        Voxel size (z, y, x) to be written, see `volio.read`.
    unit : str, default: "um"
        Unit of a bare `voxel_size`.
    dtype : dtype, optional
        Type of the voxels. Values that do not fit are an error and never wrap round, see `as_dtype`.
    rescale : 2 floats, optional
        Grey values (low, high) that become the ends of a whole-number type, or 0 and 1; what lies beyond is
        clipped to them.
    overwrite, progress, compression, pyramid, threads
        See `volio.write`.
    **read_options
        `dataset`, `shape`, `offset` of `volio.read`, and `source_dtype` for the type of a raw file.

    Returns
    -------
    Path
        The file or folder that was written.

    Raises
    ------
    FormatError, InputError, OutputError
        As `volio.read`, `as_dtype` and `volio.write`.
    """
    if isinstance(source, Volume):
        if read_options or voxel_size is not None:
            raise InputError("voxel_size and options of reading are for files: give them to the Volume instead")
        volume = source
    else:
        stored = read_options.pop("source_dtype", None)
        volume = read(source, voxel_size=voxel_size, unit=unit, dtype=stored, lazy=True, **read_options)
    if crop is not None:
        volume = volume.crop(crop)
    if dtype is not None or rescale is not None:
        volume = as_dtype(volume, volume.dtype if dtype is None else dtype, rescale=rescale)
    return write(
        volume,
        target,
        overwrite=overwrite,
        progress=progress,
        compression=compression,
        pyramid=pyramid,
        threads=threads,
    )


def as_dtype(volume: Volume, dtype: Any, *, rescale: Sequence[float] | None = None) -> Volume:
    """Return the volume with voxels of another type, converted when they are read.

    Parameters
    ----------
    volume : Volume
        What to convert.
    dtype : dtype
        The type wanted.
    rescale : 2 floats, optional
        Grey values (low, high) that become the smallest and largest number of a whole-number type, or 0 and 1
        of a real one; values beyond are clipped.

    Returns
    -------
    Volume
        Reading it raises InputError where, without `rescale`, a value lies outside the range of `dtype` or is
        not a whole number although `dtype` is a whole-number type; and wherever NaN would have to become a
        whole number.

    Raises
    ------
    InputError
        If `dtype` is not whole or real numbers or `rescale` is not two rising numbers.
    """
    try:
        wanted: np.dtype[Any] = np.dtype(dtype).newbyteorder("=")
    except TypeError as error:
        raise InputError(f"dtype {dtype!r} is not known: use for example uint8, uint16 or float32") from error
    if wanted.kind not in "biuf":
        raise InputError(f"dtype {dtype!r} is not whole or real numbers: use for example uint8, uint16 or float32")
    if rescale is not None:
        return _rescaled(volume, wanted, rescale)
    if np.can_cast(volume.dtype, wanted, "safe"):
        return _mapped(volume, lambda part: part.astype(wanted), wanted)
    return _mapped(volume, lambda part: _checked(part, wanted), wanted)


def _mapped(volume: Volume, function: Callable[[NDArray[Any]], NDArray[Any]], dtype: np.dtype[Any]) -> Volume:
    return replace(volume, data=LazyArray.wrap(volume.data, name=volume.name or "volume").map(function, dtype))


def _checked(part: NDArray[Any], wanted: np.dtype[Any]) -> NDArray[Any]:
    """Convert, and refuse values that would change by more than rounding to a coarser real number."""
    with np.errstate(all="ignore"):
        result = part.astype(wanted)
        if wanted.kind == "f":
            wrong = np.isinf(result) & np.isfinite(part)
        else:
            wrong = result.astype(part.dtype) != part
            if part.dtype.kind in "iu":
                # a number that wraps round twice comes back as itself
                wrong |= (result < 0) != (part < 0)
    if wrong.any():
        value = part[wrong][0]
        raise InputError(
            f"value {value:g} does not fit {wanted.name}{_range(wanted)}: give the grey values that become its ends "
            "(--rescale LOW HIGH, rescale=), or another dtype"
        )
    return result


def _range(dtype: np.dtype[Any]) -> str:
    if dtype.kind in "iu":
        return f" (whole numbers {np.iinfo(dtype).min} to {np.iinfo(dtype).max})"
    return " (0 or 1)" if dtype.kind == "b" else ""


def _rescaled(volume: Volume, wanted: np.dtype[Any], rescale: Sequence[float]) -> Volume:
    low, high = (float(v) for v in rescale) if len(rescale) == 2 else (0.0, 0.0)
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise InputError(f"rescale must be two rising grey values (low, high), got {tuple(rescale)}")
    if wanted.kind == "b":
        raise InputError("a mask (bool) cannot be rescaled: threshold the volume instead")
    bottom, top = (0.0, 1.0) if wanted.kind == "f" else (float(np.iinfo(wanted).min), float(np.iinfo(wanted).max))
    if wanted.kind in "iu" and wanted.itemsize == 8:
        # the largest 64-bit numbers have no neighbour in float64 that fits
        top = float(np.nextafter(top, 0))

    def function(part: NDArray[Any]) -> NDArray[Any]:
        share = (part.astype(np.float64) - low) / (high - low)
        if wanted.kind in "iu" and np.isnan(share).any():
            raise InputError(f"NaN does not fit {wanted.name}: choose a real dtype such as float32")
        scaled = np.minimum(bottom + np.clip(share, 0.0, 1.0) * (top - bottom), top)
        return (np.rint(scaled) if wanted.kind in "iu" else scaled).astype(wanted)

    return _mapped(volume, function, wanted)
