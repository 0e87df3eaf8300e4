"""Read a volume from any of the known formats."""

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from volio.errors import FormatError, InputError, VolcorrError
from volio.formats.registry import Format, ReadOptions, find_reader, split_dataset
from volio.formats.sizes import same_size, show_size
from volio.lazy import LAZY_BYTES, LazyArray, one_line
from volio.units import Length, parse_lengths
from volio.volume import Volume

__all__ = ["read"]

logger = logging.getLogger(__name__)

Sizes = str | float | Length | Sequence[str | float | Length]


def read(
    path: str | os.PathLike[str],
    *,
    voxel_size: Sizes | None = None,
    unit: str = "um",
    dataset: str | None = None,
    shape: Sequence[int] | None = None,
    dtype: Any = None,
    offset: int | None = None,
    lazy: bool | None = None,
) -> Volume:
    """Read a volume: TIFF, a folder of slices, OME-Zarr, HDF5, NumPy, NRRD, MRC, NIfTI or raw.

    The voxel size is what the file states, in micrometres; it is never invented. What could not be used, or
    disagrees, is said in ``metadata["notes"]``. Voxels keep the type that they were stored in.

    Parameters
    ----------
    path : path
        A file or folder. ``file.h5::/path/to/dataset`` names a dataset inside.
    voxel_size : float, str, or three of them, optional
        Voxel size (z, y, x); wins over what the file states. ``"8um"`` carries its unit, a bare number is
        in `unit`.
    unit : str, default: "um"
        Unit of a bare `voxel_size`.
    dataset : str, optional
        The array inside an HDF5 or Zarr file; for a folder of slices a pattern such as ``"*_bse.tif"``.
    shape : 3 ints, optional
        Shape (z, y, x) of a raw file.
    dtype : dtype, optional
        Type of the voxels of a raw file; ``">u2"`` for big-endian.
    offset : int, optional
        Bytes before the first voxel of a raw file.
    lazy : bool, optional
        Leave the voxels on disk until indexed. When not given, volumes over 256 MB stay on disk.

    Returns
    -------
    Volume
        In the axis order z, y, x.

    Raises
    ------
    FormatError
        If the file is missing, damaged, not a grey volume, or of no known format.
    InputError
        If an option is not usable, or the volume does not fit into memory.
    """
    file, inside = split_dataset(path if isinstance(path, str) else os.fspath(path))
    found = find_reader(file)
    options = ReadOptions(
        dataset=dataset if dataset is not None else inside,
        shape=None if shape is None else _shape(shape),
        dtype=None if dtype is None else _dtype(dtype),
        offset=offset,
    )
    found.check_options(options)
    volume = _guarded(found, file, options)
    if isinstance(volume.data, LazyArray):
        volume.data.reopen = partial(_data, file.absolute(), options)
    volume = _finished(volume, file, found)
    if voxel_size is not None:
        volume = _with_size(volume, voxel_size, unit, file)
    if lazy or (lazy is None and volume.nbytes > LAZY_BYTES):
        return volume
    return volume.load()


def _guarded(found: Format, file: Path, options: ReadOptions) -> Volume:
    """Let only our own errors out."""
    try:
        return found.load().read(file, options)
    except VolcorrError:
        raise
    except PermissionError as error:
        raise FormatError(f"{file} cannot be read: permission denied") from error
    except MemoryError as error:
        raise InputError(f"{file} does not fit into memory: crop it, or convert it to .ome.zarr first") from error
    except Exception as error:  # whatever a third-party reader raises on damaged data
        raise FormatError(f"{file} cannot be read as {found.title}: {one_line(error)}") from error


def _data(file: Path, options: ReadOptions) -> Any:
    """Open the voxels again: how a volume on disk is unpickled."""
    data = _guarded(find_reader(file), file, options).data
    if isinstance(data, LazyArray):
        data.reopen = partial(_data, file, options)
    return data


def _finished(volume: Volume, file: Path, found: Format) -> Volume:
    """Add what holds for every format."""
    metadata = {"format": found.title, "path": str(file), **volume.metadata}
    if not metadata.get("notes"):
        metadata.pop("notes", None)
    for note in metadata.get("notes", ()):
        logger.info("%s: %s", file, note)
    return replace(volume, name=volume.name or file.name.split(".")[0], metadata=metadata)


def _with_size(volume: Volume, voxel_size: Sizes, unit: str, file: Path) -> Volume:
    """Take the user's voxel size, and say so where the file states another."""
    lengths = parse_lengths(voxel_size)
    z, y, x = (Length(length.value, length.unit or unit).to("um") for length in lengths)
    given = (z, y, x)
    stated = volume.voxel_size
    metadata = dict(volume.metadata)
    origin = volume.origin
    if stated is None:
        origin = (origin[0] * z, origin[1] * y, origin[2] * x)
    elif not same_size(given, stated):
        note = (
            f"the file states a voxel size of {show_size(stated)}, but {show_size(given)} was given: "
            "the given one is used"
        )
        logger.warning("%s: %s", file, note)
        metadata["notes"] = [*metadata.get("notes", ()), note]
        oz, oy, ox = (o / s * g for o, s, g in zip(origin, stated, given, strict=True))
        origin = (oz, oy, ox)
    return replace(volume, voxel_size=given, unit="um", origin=origin, metadata=metadata)


def _shape(shape: Sequence[int]) -> tuple[int, int, int]:
    if len(shape) != 3 or any(int(n) != n or n < 1 for n in shape):
        raise InputError(f"shape must be three whole numbers of at least 1 (z, y, x), got {tuple(shape)}")
    return int(shape[0]), int(shape[1]), int(shape[2])


def _dtype(dtype: Any) -> str:
    try:
        return str(np.dtype(dtype).str)
    except TypeError as error:
        raise InputError(f"dtype {dtype!r} is not known: use for example uint8, uint16, >u2 or float32") from error
