"""How much each projection counts in a back projection: the part of the half circle that it stands for."""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from volio.errors import InputError

__all__ = ["Weighting", "angle_weights"]

Floats = npt.NDArray[np.float64]
Weighting = Literal["mass", "angular"]

_SAME = 1e-3  # of the mean step: angles closer than this count as one direction
_WEDGE = 4.0  # median steps: a wider gap between neighbouring directions is missing, not measured


def angle_weights(angles: npt.ArrayLike, *, weighting: Weighting = "mass") -> Floats:
    """Return the weight of each projection, in radians.

    A projection stands for the directions that are nearer to it than to its neighbours, over the half circle of
    directions (t and t + 180 degrees are one). In a gap of more than 4 median steps nothing was measured.

    Parameters
    ----------
    angles : array, shape (angles,)
        In radians, in any order, over any range; more than a half turn counts directions twice.
    weighting : {"mass", "angular"}
        "angular": these parts as they are, so that what was not measured is missing: a limited range gives a slice of
        lower attenuation. "mass": all of them times one number that makes their sum pi, so that the mean attenuation
        is right for any range. For even steps over a half turn both are pi / n.

    Returns
    -------
    (angles,) float64 array

    Raises
    ------
    InputError
        If there are no angles or the weighting is not known.
    """
    if weighting not in get_args(Weighting):
        raise InputError(f"weighting must be mass or angular, got {weighting!r}")
    directions = np.mod(np.asarray(angles, np.float64), np.pi)
    if directions.ndim != 1 or directions.size == 0:
        raise InputError(f"angles need shape (n,) with at least one angle, got {directions.shape}")
    order = np.argsort(directions, kind="stable")
    gaps = np.diff(directions[order], append=directions[order[0]] + np.pi)
    apart = gaps > _SAME * np.pi / directions.size
    # directions that were measured several times share what one of them stands for
    number = np.concatenate([[0], np.cumsum(apart[:-1])])
    if not apart[-1]:
        number[number == number[-1]] = 0
    steps = gaps[apart]
    step = float(np.median(steps))
    steps = np.where(steps > _WEDGE * step, step, steps)
    parts = 0.5 * (steps + np.roll(steps, 1))
    weights = np.empty(directions.size)
    weights[order] = (parts / np.bincount(number))[number]
    return weights * (np.pi / weights.sum()) if weighting == "mass" else weights
