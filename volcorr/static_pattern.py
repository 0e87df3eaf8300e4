"""A pattern that stays where it is while the sample moves, such as ring artefacts and dead detector pixels.

It pulls the correlation towards no motion. What the motion does not explain of each volume is noise, and what stays;
the noise of the two scans is independent, so what the two remainders share at the same place is the pattern.
"""

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from volcorr.windows import Grey

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["static_contrast"]

#: Points that are looked at, and fewest that can tell.
MOST, FEWEST = 24, 6
#: Least motion in voxels: below, what the motion leaves of the texture itself would be shared.
LEAST_MOTION = 2.0
#: Largest half edge of what is looked at around a point.
LARGEST = 8
#: How many standard errors the shared part must be, and how many times that at other lags.
SIGNIFICANT, CLEARLY_MORE = 4.0, 2.0
#: By how much the weights of the cubic spline through values fall from voxel to voxel, 2 - sqrt(3).
SPLINE_DECAY = 0.268
#: Least contrast that is spoken of, as a share of the texture's.
LEAST = 0.02
#: Voxels around it that the interpolation reads.
MARGIN = 4
#: What a gradient may move the rim of what is looked at, in voxels, before it is heeded.
RIGID = 0.1


def static_contrast(
    reference: Grey,
    deformed: Grey,
    points: "NDArray[np.int64]",
    displacement: "NDArray[np.float64]",
    gradient: "NDArray[np.float64]",
    half: tuple[int, int, int],
) -> float:
    """Return the contrast of what does not move as a share of the contrast of the texture.

    Parameters
    ----------
    reference, deformed : Grey
        The two volumes.
    points : (n, 3) int64 array
        Voxel positions z, y, x in the reference that were found.
    displacement : (n, 3) float64 array
        Where they went, in voxels.
    gradient : (n, 3, 3) float64 array
        Its derivatives there: row a along the axes of the displacement, column b along z, y, x.
    half : three ints
        Half edges of the subsets.

    Returns
    -------
    float
        0 where nothing stands out; NaN where nothing can be said, because too few points moved by more than two voxels.
    """
    reach = np.minimum(half, LARGEST)
    room = np.ceil(np.abs(displacement)) + reach + MARGIN
    inside = np.all((points >= room) & (points + room < reference.shape), axis=1)
    rows = np.flatnonzero(inside & (np.linalg.norm(displacement, axis=1) >= LEAST_MOTION))
    if len(rows) < FEWEST:
        return float("nan")
    rows = rows[np.linspace(0, len(rows) - 1, min(MOST, len(rows))).astype(int)]
    shared = np.array(
        [_shared(reference, deformed, points[row], displacement[row], gradient[row], reach) for row in rows]
    )
    shared = shared[np.isfinite(shared).all(axis=1)]
    if len(shared) < FEWEST:
        return float("nan")
    here, noise, *elsewhere = np.median(shared, axis=0)
    # a ring is the same further along the axis of rotation: the axis with the least in common is the one to compare
    by_chance = max(0.0, np.reshape(elsewhere, (3, 2)).max(axis=1).min())
    error = 1.25 * shared[:, 0].std() / np.sqrt(len(shared))
    return float(np.sqrt(here)) if here > max(SIGNIFICANT * error, CLEARLY_MORE * by_chance, noise, LEAST**2) else 0.0


def _shared(
    reference: Grey,
    deformed: Grey,
    point: "NDArray[np.int64]",
    step: "NDArray[np.float64]",
    gradient: "NDArray[np.float64]",
    reach: "NDArray[np.int64]",
) -> list[float]:
    """Return what the two remainders share, as a share of the variance of the texture.

    First their covariance at the same place, then the most of it that noise can make (which the interpolation spreads
    over the motion, see `volcorr.interpolation`), then their covariance at lags along the axes.
    """
    rest, forward = np.eye(3), np.eye(3) + gradient
    back = np.asarray(np.linalg.inv(forward), np.float64)
    before, after = (_read(grey, point, np.zeros(3), rest, reach) for grey in (reference, deformed))
    earlier, later = _read(reference, point, -back @ step, back, reach), _read(deformed, point, step, forward, reach)
    if before is None or after is None or earlier is None or later is None:
        return [np.nan] * 8
    a, b = _remainder(after, earlier), _remainder(before, later)
    lag = int(max(np.ceil(np.linalg.norm(step)), *reach))
    lags = [np.roll(b, way * lag, axis=axis) for axis in range(3) for way in (1, -1)]
    scale = float(before.std() * after.std())
    spread = 2 * SPLINE_DECAY ** np.abs(step).max() * float(a.std() * b.std())
    values = [float(np.mean(a * b)), spread, *(float(np.mean(a * other)) for other in lags)]
    return [value / scale if scale > 0 else np.nan for value in values]


def _remainder(values: "NDArray[np.float64]", explained: "NDArray[np.float64]") -> "NDArray[np.float64]":
    values, explained = values - values.mean(), explained - explained.mean()
    power = float(np.mean(explained**2))
    return values - (float(np.mean(values * explained)) / power if power > 0 else 0.0) * explained


def _read(
    grey: Grey,
    point: "NDArray[np.int64]",
    step: "NDArray[np.float64]",
    turn: "NDArray[np.float64]",
    reach: "NDArray[np.int64]",
) -> "NDArray[np.float64] | None":
    """Return the grey at ``point + step + turn @ r`` for the voxels r within reach; None if a voxel is bad."""
    whole = np.rint(step).astype(np.int64)
    bend = np.abs(turn - np.eye(3)) @ reach
    rigid = bool(bend.max() <= RIGID)
    around = reach + MARGIN + (0 if rigid else np.ceil(bend).astype(np.int64))
    low, high = point + whole - around, point + whole + around + 1
    if (low < 0).any() or (high > grey.shape).any():
        return None
    values = np.asarray(grey.voxels[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))], np.float64)
    if not np.isfinite(values).all():
        return None
    if not rigid:
        offsets = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"))
        places = np.tensordot(turn, offsets, axes=1) + (around + step - whole)[:, None, None, None]
        return np.asarray(ndimage.map_coordinates(values, places, order=3, mode="mirror"))
    for axis, part in enumerate(whole - step):
        # the interpolation is linear and separable: a matrix an axis
        moved = np.eye(values.shape[axis])
        if part:
            moved = ndimage.shift(moved, (part, 0.0), order=3, mode="mirror")
        values = np.moveaxis(np.tensordot(moved[MARGIN:-MARGIN], values, axes=(1, axis)), 0, axis)
    return values
