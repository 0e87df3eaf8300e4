"""Angles of projections, as files and people state them: degrees or radians, in lists or as a range."""

import logging
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from volio.errors import FormatError, InputError

__all__ = ["AngleUnit", "Angles", "angles_beside", "given_angles", "radians", "read_angles", "spread_angles"]

logger = logging.getLogger(__name__)

AngleUnit = Literal["degrees", "radians"]
Angles = NDArray[np.float64]

_DEGREES = ("deg", "degree", "degrees", "°")
_RADIANS = ("rad", "radian", "radians")
#: An angle beyond this (in its own unit) must be degrees where no unit is stated: two turns in radians.
_LARGEST_RADIANS = 4 * math.pi + 1e-3


def radians(values: Any, unit: str | None, notes: list[str], *, source: str) -> Angles:
    """Return angles in radians.

    Where no unit is stated it is guessed, and said so in `notes` and the log: degrees if any angle is beyond two
    turns in radians (12.57), or if all are whole numbers; else radians.

    Parameters
    ----------
    values : array
        Angles in the unit of the file.
    unit : str or None
        The unit as the file spells it.
    notes : list of str
        Receives a sentence where the unit had to be guessed.
    source : str
        Who states the angles, for the note.

    Raises
    ------
    FormatError
        If the unit is neither degrees nor radians.
    """
    angles = np.asarray(values, np.float64).reshape(-1)
    word = (unit or "").strip().lower()
    if word in _DEGREES:
        return np.deg2rad(angles)
    if word in _RADIANS:
        return angles.copy()
    if word:
        raise FormatError(f"{source} states angles in {unit!r}: readable are degrees and radians")
    finite = angles[np.isfinite(angles)]
    in_degrees = bool(np.any(np.abs(finite) > _LARGEST_RADIANS) or np.all(finite == np.round(finite)))
    guess: AngleUnit = "degrees" if in_degrees else "radians"
    low, high = (f"{value:g}" for value in ((finite.min(), finite.max()) if finite.size else (math.nan, math.nan)))
    note = f"{source} states angles from {low} to {high} without a unit: they are taken for {guess}"
    notes.append(note)
    logger.warning("%s", note)
    return np.deg2rad(angles) if in_degrees else angles.copy()


def given_angles(angles: Any, unit: AngleUnit, notes: list[str]) -> Angles:
    """Return the angles that a user gave, as a list or a file, in radians.

    Parameters
    ----------
    angles : path, or sequence of float
        A text file with one angle a line, see `read_angles`; or numbers.
    unit : {"degrees", "radians"}
        Unit of the numbers; a file that states its unit comes first.
    notes : list of str
        Receives what a user should be told.

    Raises
    ------
    InputError, FormatError
        If `unit` is unknown, or the file cannot be read or holds no angles.
    """
    if unit not in ("degrees", "radians"):
        raise InputError(f"angle_unit must be 'degrees' or 'radians', got {unit!r}")
    if isinstance(angles, str | Path):
        values, stated = read_angles(Path(angles).expanduser())
        return radians(values, stated or unit, notes, source=str(angles))
    try:
        values = np.asarray(angles, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"angles must be numbers or a file of numbers, got {angles!r:.80}") from error
    if unit == "degrees" and values.size > 10 and 0 < np.ptp(values) <= math.tau + 1e-3:
        note = f"the angles span {np.ptp(values):g} degrees: if they are radians, say angle_unit='radians'"
        notes.append(note)
        logger.warning("%s", note)
    return radians(values, unit, notes, source="angles")


def spread_angles(angle_range: Sequence[float], number: int, unit: AngleUnit) -> Angles:
    """Return `number` evenly spaced angles in radians.

    Parameters
    ----------
    angle_range : 2 floats
        Angle of the first and of the last projection; both count. For a half turn whose last projection is one
        step short of 180 degrees give ``(0, 180 - 180 / number)``.
    number : int
        Number of projections.
    unit : {"degrees", "radians"}
        Unit of `angle_range`.

    Raises
    ------
    InputError
        If it is not two different finite numbers.
    """
    if unit not in ("degrees", "radians"):
        raise InputError(f"angle_unit must be 'degrees' or 'radians', got {unit!r}")
    bounds = [float(value) for value in angle_range] if len(angle_range) == 2 else [math.nan]
    if not all(math.isfinite(value) for value in bounds) or bounds[0] == bounds[1]:
        raise InputError(
            f"angle_range must be the angles of the first and the last projection, got {tuple(angle_range)}"
        )
    angles = np.linspace(bounds[0], bounds[1], number)
    return np.deg2rad(angles) if unit == "degrees" else angles


def read_angles(path: Path) -> tuple[Angles, str | None]:
    """Return the angles of a file, and their unit where it states one.

    Readable are `.tlt` and `.rawtlt` (IMOD, degrees), `.mdoc` (SerialEM, degrees), `.npy`, and text with one angle a
    line (the last number of the line, so that an index may stand before it). Lines that begin with ``#``, ``;`` or
    ``%`` are comments, and so is a first line without a number; a "deg" or "rad" in them is the unit.

    Raises
    ------
    FormatError
        If the file is missing or holds no angles, or a line has no number.
    """
    if not path.is_file():
        raise FormatError(f"{path} does not exist: give the file of the angles, or angle_range")
    if path.suffix.lower() == ".npy":
        try:
            return np.load(path, allow_pickle=False).astype(np.float64).reshape(-1), None
        except (ValueError, OSError, EOFError) as error:
            raise FormatError(f"{path} is no NumPy file of numbers: save the angles again") from error
    text = path.read_text(encoding="utf-8", errors="replace")
    unit: str | None
    if path.suffix.lower() == ".mdoc":
        angles, unit = _mdoc_angles(text), "degrees"
    else:
        angles, unit = _listed_angles(text, path)
        if path.suffix.lower() in (".tlt", ".rawtlt"):
            unit = "degrees"
    if not angles:
        raise FormatError(f"{path} holds no angles: one number a line is expected")
    return np.array(angles, np.float64), unit


def _listed_angles(text: str, path: Path) -> tuple[list[float], str | None]:
    angles: list[float] = []
    unit = None
    for number, line in enumerate(text.splitlines(), start=1):
        body = re.split(r"[#;%]", line, maxsplit=1)
        words = re.split(r"[\s,]+", body[0].strip())
        try:
            if words[-1]:
                angles.append(float(words[-1]))
            comment = " ".join(body[1:])
        except ValueError as error:
            if angles:
                raise FormatError(f"{path} has no number in line {number}: {line.strip()[:40]!r}") from error
            comment = line
        found = re.search(r"\b(deg|rad)", comment.lower())
        unit = unit or (found[1] if found else None)
    return angles, unit


def _mdoc_angles(text: str) -> list[float]:
    """Return the tilt angles of a SerialEM file in the order of its sections."""
    return [float(value) for value in re.findall(r"^\s*TiltAngle\s*=\s*(\S+)\s*$", text, re.MULTILINE)]


def angles_beside(path: Path) -> Path | None:
    """Return the file of angles that stands beside a stack or inside a folder of projections, if there is one.

    Looked for are, in this order: for a stack ``scan.mrc`` its ``scan.mrc.mdoc``, ``scan.rawtlt``, ``scan.tlt``
    (``scan.tlt`` first for an aligned stack ``scan.ali``), ``scan.angles.txt``; in a folder ``angles.txt``.
    """
    if path.is_dir():
        candidates = [path / "angles.txt"]
    else:
        tilt = [path.with_suffix(".rawtlt"), path.with_suffix(".tlt")]
        if path.suffix.lower() == ".ali":
            tilt.reverse()
        candidates = [path.with_name(path.name + ".mdoc"), *tilt, path.with_suffix(".angles.txt")]
    return next((candidate for candidate in candidates if candidate.is_file()), None)
