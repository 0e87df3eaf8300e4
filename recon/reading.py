"""Read the projections of a scan from any of the known formats."""

import logging
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from recon.angles import Angles, AngleUnit, given_angles, spread_angles
from recon.formats.registry import NXTOMO, TXRM, Found, ScanFormat, find_format, read_head
from recon.geometry import check_parallel
from recon.scan import Scan
from recon.stacks import read_images
from volio.errors import FormatError, InputError, VolcorrError
from volio.formats.registry import split_dataset
from volio.lazy import LAZY_BYTES, LazyArray, one_line
from volio.units import Length, length_unit, parse_length

__all__ = ["is_scan", "open_scan", "read_scan"]

logger = logging.getLogger(__name__)


def is_scan(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file is a scan by itself: Xradia, NXtomo, or HDF5 with ``/exchange/theta``.

    Images and MRC files may be projections or a volume; they count as volumes, and so does what cannot be read.
    """
    file, _ = split_dataset(path if isinstance(path, str) else os.fspath(path))
    if TXRM.recognises(read_head(file)):
        return True
    try:
        found = find_format(file)
        if found.title != "Data Exchange":
            return found is NXTOMO
        from recon.formats.hdf5_images import open_file

        with open_file(file) as opened:
            return "exchange/theta" in opened
    except FormatError:
        return False


def read_scan(
    path: str | os.PathLike[str],
    *,
    angles: Any = None,
    angle_range: Sequence[float] | None = None,
    angle_unit: AngleUnit = "degrees",
    pixel_size: str | float | Length | None = None,
    unit: str = "um",
    flats: Any = None,
    darks: Any = None,
    dataset: str | None = None,
    lazy: bool | None = None,
) -> Scan:
    """Read a scan: Zeiss Xradia (`.txrm`), Data Exchange, NXtomo, TIFF images, or a tilt series (MRC).

    What was guessed, left out or disagrees is said in ``metadata["notes"]`` and in the log.

    Parameters
    ----------
    path : path
        A file, or a folder of images. ``file.h5::/path/to/dataset`` names the projections inside.
    angles : path or sequence of float, optional
        One angle a projection; wins over what the file states. A text file has one a line.
    angle_range : 2 floats, optional
        Angles of the first and the last projection, in place of `angles`.
    angle_unit : {"degrees", "radians"}, default: "degrees"
        Unit of `angles` and `angle_range`.
    pixel_size : float or str, optional
        Edge of a pixel at the specimen; wins over what the file states. ``"65nm"`` carries its unit.
    unit : str, default: "um"
        Unit of a bare `pixel_size`.
    flats, darks : path, array or number, optional
        Images without specimen, and without beam; they win over those of the file. A file may be `.xrm`, TIFF or a
        folder; one number holds for every pixel, so ``flats=1`` makes transmissions of the projections.
    dataset : str, optional
        The projections in an HDF5 file, the entry of a NXtomo file; for a folder a pattern such as ``"proj_*.tif"``.
    lazy : bool, optional
        Leave the projections on disk until indexed. When not given, those over 256 MB stay on disk.

    Returns
    -------
    Scan
        Angles in radians. Without flats the values count as line integrals.

    Raises
    ------
    FormatError
        If the file is missing, damaged, no scan, or of no known format.
    InputError
        If the angles are missing or of another number than the projections, there is only one projection, an option
        is not usable, or the scan is a cone-beam scan that may not count as parallel.
    """
    scan = open_scan(
        path,
        angles=angles,
        angle_range=angle_range,
        angle_unit=angle_unit,
        pixel_size=pixel_size,
        unit=unit,
        flats=flats,
        darks=darks,
        dataset=dataset,
    )
    if scan.n_angles < 2:
        raise InputError(
            f"{scan.metadata['path']} holds a single projection, a scan needs two or more: "
            "give the file of the scan, or use this one as flats="
        )
    scan = check_parallel(scan)
    for note in scan.metadata.get("notes", ()):
        logger.info("%s: %s", scan.metadata["path"], note)
    return scan if lazy or (lazy is None and scan.nbytes > LAZY_BYTES) else scan.load()


def open_scan(
    path: str | os.PathLike[str],
    *,
    angles: Any = None,
    angle_range: Sequence[float] | None = None,
    angle_unit: AngleUnit = "degrees",
    pixel_size: str | float | Length | None = None,
    unit: str = "um",
    flats: Any = None,
    darks: Any = None,
    dataset: str | None = None,
) -> Scan:
    """Open a scan as `read_scan` does, on disk, of any number of projections and any beam."""
    file, inside = split_dataset(path if isinstance(path, str) else os.fspath(path))
    found_format = find_format(file)
    inside = inside if dataset is None else dataset
    found = _guarded(found_format, file, inside)
    _keep_reopening(found, file.absolute(), inside)
    shape = tuple(int(n) for n in found.projections.shape)
    if angles is not None and angle_range is not None:
        raise InputError("angles and angle_range say the same: give one of them")
    if angles is not None:
        found.angles = given_angles(angles, angle_unit, found.notes)
    elif angle_range is not None:
        found.angles = spread_angles(angle_range, shape[0], angle_unit)
    if found.angles is None:
        raise InputError(f"{file} states no angles for its {shape[0]} projections: give angles or angle_range")
    if flats is not None:
        found.flats = read_images(flats, shape, "flats")
    if darks is not None:
        found.darks = read_images(darks, shape, "darks")
    if pixel_size is not None:
        _take_pixel_size(found, pixel_size, unit, file)
    return _finished(found, found.angles, file, found_format)


def _guarded(found_format: ScanFormat, file: Path, dataset: str | None) -> Found:
    """Let only our own errors out."""
    try:
        return found_format.load().read(file, dataset)
    except VolcorrError:
        raise
    except PermissionError as error:
        raise FormatError(f"{file} cannot be read: permission denied") from error
    except Exception as error:  # whatever a third-party reader raises on damaged data
        raise FormatError(f"{file} cannot be read as {found_format.title}: {one_line(error)}") from error


def _keep_reopening(found: Found, file: Path, dataset: str | None) -> None:
    """Let images on disk travel to other processes as their place on disk."""
    for what in ("projections", "flats", "darks"):
        images = getattr(found, what)
        if isinstance(images, LazyArray):
            images.reopen = partial(_reopened, file, dataset, what)


def _reopened(file: Path, dataset: str | None, what: str) -> Any:
    """Open images again: how those on disk are unpickled."""
    found = _guarded(find_format(file), file, dataset)
    _keep_reopening(found, file, dataset)
    return getattr(found, what)


def _take_pixel_size(found: Found, pixel_size: str | float | Length, unit: str, file: Path) -> None:
    """Take the user's pixel size, and say so where the file states another."""
    length = parse_length(pixel_size)
    given_unit = length_unit(length.unit or unit)
    if given_unit is None:
        raise InputError(f"unit {unit!r} of pixel_size is not a unit of length: use nm, um, mm, cm, m or A")
    given = Length(length.value, given_unit)
    if found.pixel_size is not None:
        stated = Length(found.pixel_size, found.unit).to(given_unit)
        if abs(stated - given.value) > 1e-3 * stated:
            note = f"the file states a pixel size of {stated:g} {given_unit}, but {given} was given: that is used"
            found.notes.append(note)
            logger.warning("%s: %s", file, note)
    found.pixel_size, found.unit = given.value, given_unit


def _finished(found: Found, angles: Angles, file: Path, found_format: ScanFormat) -> Scan:
    """Make a scan of what was found and given; say what is missing."""
    notes = list(found.notes)
    if found.pixel_size is None:
        notes.append("no pixel size is stated: lengths count pixels until pixel_size is given")
    if found.flats is None:
        notes.append("there are no flats: the values count as line integrals; if they are counts, give flats")
        if found.darks is not None:
            notes.append("the darks of the file are not used without flats")
            found.darks = None
    metadata = {"format": found_format.title, "path": str(file), **found.metadata, "notes": notes}
    if not notes:
        del metadata["notes"]
    return Scan(
        found.projections,
        angles,
        pixel_size=found.pixel_size,
        unit=found.unit,
        flats=found.flats,
        darks=found.darks,
        shifts=found.shifts,
        center=found.center,
        name=found.name or file.name.split(".")[0],
        metadata=metadata,
    )
