"""Lengths as people write them: ``33`` (voxels), ``8um``, ``0.5 mm``."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from volio.errors import InputError

__all__ = ["Length", "conversion_factor", "length_unit", "parse_length", "parse_lengths"]

#: How many picometres each unit holds: whole numbers, so that factors are exact to the last digit.
PICOMETRES = {
    "A": 100,
    "nm": 1000,
    "um": 10**6,
    "mm": 10**9,
    "cm": 10**10,
    "m": 10**12,
    "inch": 254 * 10**8,
}

_SPELLINGS = {
    "A": ("a", "å", "ang", "angstrom", "ångström", "ångstrom"),
    "nm": ("nm", "nanometer", "nanometre"),
    "um": ("um", "µm", "μm", "micron", "micrometer", "micrometre", "µ", "μ", "micro-meter"),
    "mm": ("mm", "millimeter", "millimetre"),
    "cm": ("cm", "centimeter", "centimetre"),
    "m": ("m", "meter", "metre"),
    "inch": ("inch", "inches", "in"),
}
_CANONICAL = {spelling: unit for unit, spellings in _SPELLINGS.items() for spelling in spellings}
_VOXELS = ("voxel", "vx", "px", "pixel")
_ALLOWED = "nm, um, mm, cm, m, angstrom or voxels"
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*)", re.DOTALL)


def length_unit(text: str) -> str | None:
    """Return the canonical name ("um", "nm", "mm", "cm", "m", "A", "inch") of a length unit, or None.

    Spellings as files have them are understood ("micron", "µm", "micrometers", "Angstrom"); anything else,
    and voxels or pixels, gives None.
    """
    word = text.strip().strip('"').lower().replace("\\u00b5", "µ")
    return _CANONICAL.get(word) or (_CANONICAL.get(word[:-1]) if word.endswith("s") else None)


def conversion_factor(unit: str, target: str = "um") -> float:
    """Return how many `target` one `unit` holds.

    Raises
    ------
    InputError
        If either is not a unit of length.
    """
    names = [length_unit(unit), length_unit(target)]
    for text, name in zip((unit, target), names, strict=True):
        if name is None:
            raise InputError(f"unit {text!r} is not a unit of length: use nm, um, mm, cm, m or angstrom")
    return PICOMETRES[str(names[0])] / PICOMETRES[str(names[1])]


@dataclass(frozen=True)
class Length:
    """A length that may be physical or counted in voxels.

    Attributes
    ----------
    value : float
        The number.
    unit : str or None
        "nm", "um", "mm", "cm", "m", "A" or "inch"; None for voxels.
    """

    value: float
    unit: str | None = None

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit or 'voxels'}"

    def to_voxels(self, voxel_size: float | None, unit: str = "um") -> float:
        """Return the length in voxels of size `voxel_size` (in `unit`) along one axis.

        Raises
        ------
        InputError
            If the length is physical and the voxel size is not known (None).
        """
        if self.unit is None:
            return self.value
        if voxel_size is None:
            raise InputError(
                f"{self} cannot be turned into voxels because the voxel size is not known: "
                "give voxel_size, or give the length in voxels"
            )
        return self.value * conversion_factor(self.unit, unit) / voxel_size

    def to(self, unit: str, *, voxel_size: float | None = None) -> float:
        """Return the length in `unit`; a length in voxels needs their size `voxel_size` (in `unit`).

        Raises
        ------
        InputError
            If the length is in voxels and the voxel size is not known (None).
        """
        if self.unit is not None:
            return self.value * conversion_factor(self.unit, unit)
        if voxel_size is None:
            raise InputError(f"{self} cannot be turned into {unit} because the voxel size is not known: give {unit}")
        return self.value * voxel_size


def parse_length(value: "str | float | Length") -> Length:
    """Read a length such as ``33``, ``"33"``, ``"33 voxels"``, ``"8um"`` or ``"0.5 mm"``.

    Parameters
    ----------
    value : str, float or Length
        A bare number counts voxels. Units: nm, um (or µm), mm, cm, m, A or angstrom; voxels, vx or px.

    Returns
    -------
    Length
        With unit None when counted in voxels.

    Raises
    ------
    InputError
        If it is not a number with a known unit, or is negative or not finite.
    """
    if isinstance(value, Length):
        return value
    text = str(value).strip()
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise InputError(f"length {text!r} is not a number with a unit: write for example 33 (voxels) or 8um")
    number, word = float(match[1]), match[2].strip()
    if number < 0 or not math.isfinite(number):
        raise InputError(f"length {text!r} must be zero or more and finite")
    if not word or word.lower() in _VOXELS or word.lower().removesuffix("s") in _VOXELS:
        return Length(number, None)
    unit = length_unit(word)
    if unit is None:
        raise InputError(f"unit {word!r} in length {text!r} is unknown: use {_ALLOWED}")
    return Length(number, unit)


def parse_lengths(
    value: "str | float | Length | Sequence[str | float | Length]",
) -> tuple[Length, Length, Length]:
    """Read one length for all axes, or three in the order z, y, x: ``"8um"``, ``"8,8,16"``, ``(8, 8, 16)``.

    Raises
    ------
    InputError
        If there are neither one nor three, or if some count voxels and others are physical.
    """
    items: list[str | float | Length]
    if isinstance(value, str):
        items = list(value.split(","))
    elif isinstance(value, Sequence) or hasattr(value, "__len__"):
        items = list(cast("Sequence[str | float | Length]", value))
    else:
        items = [value]
    if len(items) not in (1, 3):
        raise InputError(f"{value!r} holds {len(items)} lengths: give one for all axes, or three in the order z, y, x")
    lengths = [parse_length(item) for item in items] * (3 if len(items) == 1 else 1)
    if len({length.unit is None for length in lengths}) > 1:
        raise InputError(f"{value!r} mixes voxels and physical lengths: give every axis its unit, as in 8um,8um,16um")
    return lengths[0], lengths[1], lengths[2]
