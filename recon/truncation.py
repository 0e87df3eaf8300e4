"""Specimens wider than the field of view: how far they reach beyond it.

What lies outside adds to every line integral, and a filter that finds nothing there makes the rim of the slice bright.
The missing part is taken to be that of a cylinder (Hsieh et al., doi:10.1118/1.1776673), here of one radius for the
whole scan: the mean over all angles makes any specimen round.
"""

from typing import Any, Final

import numpy as np

__all__ = ["specimen_radius"]

_ROWS: Final = 16  # that are looked at
_PROJECTIONS: Final = 200
_OUTER: Final = 0.7  # of the way from the axis to the nearer end: beyond it the profile is fitted
_EMPTY: Final = 0.05  # of the largest value: an end below it is air
_WIDEST: Final = 4.0  # half widths: beyond it the profile is too flat to tell


def specimen_radius(projections: Any, *, center: float) -> float | None:
    """Return the radius of a specimen that is wider than the detector, in columns; None if both ends see air.

    The square of the mean line integral of a cylinder falls linearly with the square of the distance from the axis: a
    line is fitted near the ends of the detector. A profile that hardly falls counts as four times the half width.

    Parameters
    ----------
    projections : array, shape (angles, rows, columns)
        Line integrals, in memory or on disk; some rows of some of them are read.
    center : float
        Column of the rotation axis.
    """
    count, rows, columns = projections.shape
    steps = max(count // _PROJECTIONS, 1), max(rows // _ROWS, 1)
    profile = np.zeros(columns)
    for angle in range(0, count, steps[0]):
        image = np.asarray(projections[slice(angle, angle + 1), slice(0, rows), slice(0, columns)])
        profile += image[0, :: steps[1]].mean(axis=0, dtype=np.float64)
    ends = profile[: max(columns // 50, 1)].mean(), profile[-max(columns // 50, 1) :].mean()
    if not min(ends) > _EMPTY * profile.max():
        return None
    square = (np.arange(columns) - center) ** 2
    half = min(center, columns - 1 - center)
    outer = (square > (_OUTER * half) ** 2) & (square <= half**2)
    slope, start = np.polyfit(square[outer], profile[outer] ** 2, 1)
    widest = _WIDEST * 0.5 * columns
    radius = float(np.sqrt(-start / slope)) if slope < 0 < start else widest
    return float(min(max(radius, 0.5 * columns + 1), widest))
