"""The regular grid of measurement points, and sizes given in voxels or physical units."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from volio.errors import InputError
from volio.units import Length, parse_lengths

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "GRADIENT_REACH",
    "MIN_SUBSET",
    "Grid",
    "LengthLike",
    "Roi",
    "make_grid",
    "resolve_lengths",
    "resolve_spacing",
    "resolve_subset",
]

LengthLike = float | str | Length
Triple = tuple[int, int, int]
Roi = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]

#: Smallest subset edge (voxels): below it twelve parameters are not determined by ordinary texture.
MIN_SUBSET = 9
#: Voxels beyond the subset that the grey gradient needs on each side.
GRADIENT_REACH = 2


def resolve_lengths(
    value: LengthLike | Sequence[LengthLike],
    *,
    name: str,
    voxel_size: tuple[float, float, float] | None,
    unit: str = "um",
) -> tuple[float, float, float]:
    """Turn a length, or one per axis, into voxels along z, y, x.

    Parameters
    ----------
    value : int, float, str, Length, or three of them
        ``33``, ``"33"``, ``"8um"``, or a sequence in the order z, y, x; a string may hold three separated by commas.
    name : str
        What the length is, for the message of an error.
    voxel_size : three floats or None
        Voxel edge along z, y, x in `unit`; None when it is not known.

    Raises
    ------
    InputError
        For an unknown unit, a wrong number of lengths, or a physical length without a voxel size.
    """
    lengths = parse_lengths(value)
    if voxel_size is None and any(length.unit is not None for length in lengths):
        raise InputError(
            f"{name} is given as {value}, but the voxel size is not known: "
            "give it in voxels, or state the voxel size (--voxel-size, voxel_size=)"
        )
    sizes = voxel_size or (1.0, 1.0, 1.0)
    z, y, x = (length.to_voxels(size, unit) for length, size in zip(lengths, sizes, strict=True))
    return z, y, x


def resolve_subset(
    value: LengthLike | Sequence[LengthLike],
    *,
    voxel_size: tuple[float, float, float] | None = None,
    unit: str = "um",
) -> Triple:
    """Turn a subset size into odd numbers of voxels along z, y, x (the nearest odd number).

    Raises
    ------
    InputError
        If a size is below `MIN_SUBSET` voxels.
    """
    lengths = resolve_lengths(value, name="subset_size", voxel_size=voxel_size, unit=unit)
    sizes = [2 * round((length - 1) / 2) + 1 if np.isfinite(length) else 0 for length in lengths]
    for size, length in zip(sizes, lengths, strict=True):
        if size < MIN_SUBSET:
            raise InputError(
                f"subset_size must be odd and >= {MIN_SUBSET} voxels, got {length:g} voxels (from {value}): "
                "the correlation would be singular; use a larger subset"
            )
    return sizes[0], sizes[1], sizes[2]


def resolve_spacing(
    value: LengthLike | Sequence[LengthLike],
    *,
    voxel_size: tuple[float, float, float] | None = None,
    unit: str = "um",
) -> Triple:
    """Turn a distance between points into whole voxels along z, y, x.

    Raises
    ------
    InputError
        If a distance is below one voxel.
    """
    lengths = resolve_lengths(value, name="spacing", voxel_size=voxel_size, unit=unit)
    if not all(np.isfinite(length) and length >= 0.5 for length in lengths):
        raise InputError(f"spacing must be at least one voxel, got {value}; use for example 16")
    z, y, x = (max(1, round(length)) for length in lengths)
    return z, y, x


@dataclass(frozen=True)
class Grid:
    """Measurement points ``first + spacing * index`` along z, y, x, in voxels of the reference.

    Attributes
    ----------
    first, spacing, shape : three ints
        Position of the first point, distance between points, number of points, along z, y, x.
    """

    first: Triple
    spacing: Triple
    shape: Triple

    @property
    def size(self) -> int:
        """Number of points."""
        return int(np.prod(self.shape))

    def axes(self) -> "tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]":
        """Return the voxel positions along z, y and x."""
        z, y, x = (f + s * np.arange(n) for f, s, n in zip(self.first, self.spacing, self.shape, strict=True))
        return z, y, x

    def points(self) -> "NDArray[np.int64]":
        """Return all points as an (n, 3) array of voxel positions z, y, x, x fastest."""
        return np.stack(np.meshgrid(*self.axes(), indexing="ij"), axis=-1).reshape(-1, 3)


def make_grid(shape: Triple, *, margin: Triple, spacing: Triple, roi: Roi | None = None) -> Grid:
    """Lay points over a volume, centred, as many as fit.

    Parameters
    ----------
    shape : three ints
        Shape of the volume, z, y, x.
    margin : three ints
        Voxels that must lie between a point and every face of the volume.
    spacing : three ints
        Distance between points.
    roi : three pairs, optional
        Half-open voxel ranges ``(start, stop)`` along z, y, x in which the points must lie.

    Raises
    ------
    InputError
        If the volume is too small for the margin, or the region holds no point.
    """
    first, count = [], []
    for axis in range(3):
        low, high = margin[axis], shape[axis] - 1 - margin[axis]
        if low > high:
            raise InputError(
                f"the volume has {shape[axis]} voxels along {'zyx'[axis]}, the subset needs "
                f"{2 * margin[axis] + 1} with its margin; use a smaller subset or a larger volume"
            )
        if roi is not None:
            start, stop = roi[axis]
            if not 0 <= start < stop <= shape[axis]:
                raise InputError(
                    f"roi along {'zyx'[axis]} must be start < stop within 0 and {shape[axis]}, got {start}:{stop}"
                )
            low, high = max(low, start), min(high, stop - 1)
            if low > high:
                raise InputError(
                    f"roi {start}:{stop} along {'zyx'[axis]} holds no point whose subset lies inside the volume; "
                    f"points can lie from {margin[axis]} to {shape[axis] - 1 - margin[axis]}"
                )
        number = (high - low) // spacing[axis] + 1
        count.append(number)
        first.append(low + ((high - low) - (number - 1) * spacing[axis]) // 2)
    return Grid((first[0], first[1], first[2]), spacing, (count[0], count[1], count[2]))
