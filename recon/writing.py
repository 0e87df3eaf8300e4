"""Write a scan as a Data Exchange file, with all that a `Scan` holds."""

import os
from contextlib import ExitStack
from pathlib import Path

from recon.scan import Scan
from volio.errors import InputError
from volio.progress import Progress, SupportsUpdate
from volio.staging import staged

__all__ = ["write_scan"]

_EXTENSIONS = (".h5", ".hdf5", ".hdf")


def write_scan(
    scan: Scan,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    progress: bool | SupportsUpdate | None = None,
) -> Path:
    """Write a scan as Data Exchange (HDF5); images on disk are streamed, never loaded as a whole.

    `read_scan` gives back the same scan: images and their types, angles (stored in degrees, to the last digit or
    one beside it), pixel size and unit, shifts, center, name and metadata. The file appears complete or not at all.

    Parameters
    ----------
    scan : Scan
        What to write.
    path : path
        Target, ``.h5``, ``.hdf5`` or ``.hdf``.
    overwrite : bool, default: False
        Replace an existing target.
    progress : bool or Progress, optional
        Show a bar; or tell this object of every image written.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    OutputError
        If the target exists, its folder is missing or not writable, or the disk is full.
    InputError
        If it is not a scan, or the extension is not one of HDF5.
    """
    if not isinstance(scan, Scan):
        raise InputError(f"write_scan needs a Scan, got {type(scan).__name__}: use recon.Scan(projections, angles)")
    target = Path(path).expanduser()
    if target.suffix.lower() not in _EXTENSIONS:
        raise InputError(f"scans are written as HDF5, got {target.name!r}: use one of {', '.join(_EXTENSIONS)}")
    from recon.formats import data_exchange

    with ExitStack() as stack:
        temporary = stack.enter_context(staged(target, overwrite=overwrite))
        if progress is True:
            stacks = (scan.projections, scan.flats, scan.darks)
            total = sum(images.shape[0] for images in stacks if images is not None)
            progress = stack.enter_context(Progress(total, unit="images", label=f"writing {target.name}"))
        data_exchange.write(scan, temporary, progress.update if progress else _ignore)
    return target


def _ignore(n: int) -> None:
    """Nobody watches."""
