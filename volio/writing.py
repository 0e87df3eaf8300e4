"""Write a volume in the format that the extension asks for."""

import logging
import os
from contextlib import ExitStack
from pathlib import Path

from volio.errors import InputError
from volio.formats.registry import Compression, Pyramid, WriteOptions, find_writer, split_dataset
from volio.progress import Progress, SupportsUpdate
from volio.staging import staged
from volio.volume import Volume

__all__ = ["write"]

logger = logging.getLogger(__name__)


def write(
    volume: Volume,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    progress: bool | SupportsUpdate | None = None,
    compression: Compression | None = None,
    pyramid: Pyramid | None = None,
    dataset: str | None = None,
    threads: int | None = None,
) -> Path:
    """Write a volume; a volume on disk is streamed, never loaded as a whole.

    The file appears complete or not at all: it is written under a temporary name and then moved into place.

    Parameters
    ----------
    volume : Volume
        What to write; plain arrays need ``Volume(array, voxel_size=...)`` around them.
    path : path
        Target. ``.tif``, ``.ome.zarr`` or ``.zarr`` (OME-Zarr 0.5), ``.h5``, ``.npy``, ``.nrrd``, ``.mrc``,
        ``.nii``, ``.nii.gz`` or ``.raw`` (with a ``.raw.json`` beside it).
    overwrite : bool, default: False
        Replace an existing target.
    progress : bool or Progress, optional
        Show a bar; or tell this object of every voxel written.
    compression : {"none", "deflate"}, optional
        For TIFF and HDF5; "none" when not given.
    pyramid : {"mean", "nearest", "none"}, optional
        How OME-Zarr's coarser copies are made: means of 2 x 2 x 2 voxels ("mean", when not given), every
        second voxel (for labels), or no copies. Masks (bool) are never averaged.
    dataset : str, optional
        Name of the dataset in an HDF5 file; "/volume" when not given. ``file.h5::/name`` does the same.
    threads : int, optional
        Threads for OME-Zarr.

    Returns
    -------
    Path
        The file or folder that was written.

    Raises
    ------
    OutputError
        If the target exists, its folder is missing or not writable, or the disk is full.
    InputError
        If the extension names no writable format, or the format cannot hold the type of the voxels.
    """
    if not isinstance(volume, Volume):
        raise InputError(f"write needs a Volume, got {type(volume).__name__}: use volio.Volume(array, voxel_size=...)")
    target, inside = split_dataset(path if isinstance(path, str) else os.fspath(path))
    found = find_writer(target)
    options = WriteOptions(
        compression=compression,
        pyramid=pyramid,
        dataset=dataset if dataset is not None else inside,
        threads=threads,
    )
    found.check_options(options)
    module = found.load()
    with ExitStack() as stack:
        if found.title == "raw":
            from volio.formats import raw

            beside = stack.enter_context(staged(raw.sidecar(target), overwrite=overwrite))
            raw.write_sidecar(volume, beside)
        temporary = stack.enter_context(staged(target, overwrite=overwrite))
        if progress is True:
            label = f"writing {target.name}"
            progress = stack.enter_context(Progress(volume.size, unit="voxels", label=label))
        module.write(volume, temporary, options, progress.update if progress else _ignore)
    return target


def _ignore(n: int) -> None:
    """Nobody watches."""
