"""What a file states about its voxel size: taken over where complete and sensible, told otherwise."""

import json
import logging
import math
from collections.abc import Sequence
from typing import Any

from volio.units import conversion_factor, length_unit
from volio.volume import Volume

__all__ = ["agreed_size", "micrometres", "plain_metadata", "same_size", "show_size", "stated_size"]

logger = logging.getLogger(__name__)

Size = tuple[float, float, float]


def stated_size(
    sizes: Sequence[float | None], unit: str | Sequence[str] | None, notes: list[str], *, source: str
) -> Size | None:
    """Return the voxel size in micrometres if `source` states it completely, else None and a note why.

    Parameters
    ----------
    sizes : 3 floats or None
        What the file says for z, y, x; None where it says nothing.
    unit : str, 3 str or None
        The unit as the file spells it.
    notes : list of str
        Receives a sentence when something was stated but cannot be used.
    source : str
        Who says so, for the note.
    """
    if all(size is None for size in sizes):
        return None
    units = [unit] * 3 if isinstance(unit, str) or unit is None else list(unit)
    given = ", ".join("none" if size is None else f"{size:g}" for size in sizes)
    spelt = "/".join(dict.fromkeys(u or "without unit" for u in units))
    said = f"{source} states sizes (z, y, x) {given} {spelt}"
    if any(length_unit(u or "") is None for u in units):
        # 1, 1, 1 without a unit is what writers put where they know nothing
        if any(size not in (None, 0, 1) for size in sizes):
            notes.append(f"{said}: no unit of length, so the voxel size counts as not stated")
        return None
    if any(size is not None and not (math.isfinite(size) and size > 0) for size in sizes):
        notes.append(f"{said}: not a positive number, so the voxel size counts as not stated")
        return None
    if any(size is None for size in sizes):
        missing = ", ".join(axis for axis, size in zip("zyx", sizes, strict=True) if size is None)
        notes.append(f"{said}: nothing along {missing}, so the voxel size counts as not stated")
        return None
    z, y, x = (float(s or 0) * conversion_factor(str(u)) for s, u in zip(sizes, units, strict=True))
    return z, y, x


def same_size(a: Size, b: Size) -> bool:
    """Tell whether two voxel sizes agree within a thousandth."""
    return all(math.isclose(p, q, rel_tol=1e-3) for p, q in zip(a, b, strict=True))


def agreed_size(found: Sequence[tuple[str, Size | None]], notes: list[str], *, name: str) -> Size | None:
    """Return the first size that is stated; where another disagrees, warn and note it.

    Parameters
    ----------
    found : sequence of (source, size)
        In falling order of trust.
    notes : list of str
        Receives a sentence on each disagreement.
    name : str
        The file, for the log.
    """
    stated = [(source, size) for source, size in found if size is not None]
    if not stated:
        return None
    first, size = stated[0]
    for source, other in stated[1:]:
        if not same_size(size, other):
            text = (
                f"voxel size {show_size(size)} by {first} and {show_size(other)} by {source} disagree: {first} is used"
            )
            notes.append(text)
            logger.warning("%s: %s", name, text)
    return size


def show_size(size: Size) -> str:
    """Return a voxel size in words."""
    return " x ".join(f"{value:g}" for value in size) + " um"


def micrometres(volume: Volume) -> tuple[Size | None, Size]:
    """Return voxel size and origin in micrometres; without a voxel size the origin stays in voxels."""
    if volume.voxel_size is None:
        return None, volume.origin
    factor = conversion_factor(volume.unit)
    z, y, x = (size * factor for size in volume.voxel_size)
    oz, oy, ox = (position * factor for position in volume.origin)
    return (z, y, x), (oz, oy, ox)


def plain_metadata(volume: Volume) -> dict[str, Any]:
    """Return the metadata that travel with a copy, as JSON can hold them: without path, format and notes."""
    kept = {key: value for key, value in volume.metadata.items() if key not in ("path", "format", "notes")}
    plain: dict[str, Any] = json.loads(json.dumps(kept, default=str), parse_constant=str)
    return plain
