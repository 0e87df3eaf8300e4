"""The rotation axis from pairs of projections half a turn apart: mirror images of each other about it."""

import math

import numpy as np
from numpy.typing import NDArray

from recon.axis_estimate import AxisCandidate, find_minimum, summarize_rows

__all__ = ["find_axis_by_pairs"]

#: Pairs that are looked at, at most.
PAIRS = 32
#: Deviation of the Gaussian that smooths the projections before their slope is compared, in columns.
SMOOTHING = 1.5


def find_axis_by_pairs(
    sinograms: NDArray[np.generic], angles: NDArray[np.float64], *, search: tuple[float, float]
) -> AxisCandidate:
    """Register projections with the mirrored ones half a turn later, by normalised correlation over their overlap.

    Parameters
    ----------
    sinograms : (row, angle, column) array
        Line integrals.
    angles : (angle,) array
        In radians. A partner between two angles, or one step beyond the last, is interpolated from its neighbours.
    search : (lowest, highest)
        Columns that the axis lies between.

    Returns
    -------
    AxisCandidate
    """
    from scipy.ndimage import gaussian_filter1d

    pairs = _find_pairs(angles)
    if not pairs:
        span = math.degrees(np.ptp(angles))
        reason = f"no two projections are 180 degrees apart: the angles span {span:.1f} degrees"
        return AxisCandidate("pairs", None, math.nan, reason)
    slopes = gaussian_filter1d(np.asarray(sinograms, np.float64), SMOOTHING, axis=2, order=1, mode="nearest")
    columns = slopes.shape[2]
    # a mirrored projection fits where the axis is at a half or whole column
    doubled = np.arange(math.ceil(2 * max(search[0], 1)), math.floor(2 * min(search[1], columns - 2)) + 1)
    curves = np.stack([_mismatch(slopes, pair, doubled) for pair in pairs])
    best = int(np.argmin(curves.mean(axis=(0, 1))))
    near = slice(max(best - 6, 0), best + 7)
    each = np.array([[find_minimum(doubled[near] / 2, row[near]) for row in curve] for curve in curves])
    rows = each.T.ravel()
    return summarize_rows("pairs", rows, f"{len(pairs)} pairs of projections 180 degrees apart")


def _find_pairs(angles: NDArray[np.float64]) -> list[tuple[int, int, int, float]]:
    """Return (projection, two that its partner is interpolated from, weight of the second), at most `PAIRS`."""
    if len(angles) < 2:
        return []
    order = np.argsort(angles, kind="stable")
    ranked = angles[order]
    step = float(np.median(np.diff(ranked)))
    wanted = np.flatnonzero(ranked + math.pi <= ranked[-1] + 1.05 * step)
    if wanted.size > PAIRS:
        wanted = wanted[np.linspace(0, wanted.size - 1, PAIRS).astype(int)]
    pairs = []
    for i in wanted:
        after = int(np.clip(np.searchsorted(ranked, ranked[i] + math.pi), 1, len(ranked) - 1))
        gap = ranked[after] - ranked[after - 1]
        # a wide gap between the two is no neighbourhood
        if 0 < gap <= 2.5 * step:
            weight = (ranked[i] + math.pi - ranked[after - 1]) / gap
            pairs.append((int(order[i]), int(order[after - 1]), int(order[after]), float(weight)))
    return pairs


def _mismatch(
    slopes: NDArray[np.float64], pair: tuple[int, int, int, float], doubled: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return 1 - correlation of each row with its mirrored partner, for the axis at ``doubled / 2``."""
    first, before, after, weight = pair
    one = slopes[:, first]
    # mirrored, a slope changes its sign
    other = -((1 - weight) * slopes[:, before] + weight * slopes[:, after])
    columns = one.shape[1]
    scores = np.ones((len(one), len(doubled)))
    for k, twice in enumerate(doubled):
        # column s of the one is column twice - s of the other
        start, stop = max(0, twice - columns + 1), min(columns, twice + 1)
        a = one[:, start:stop]
        b = other[:, twice - stop + 1 : twice - start + 1][:, ::-1]
        power = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
        scores[:, k] -= np.divide((a * b).sum(axis=1), power, out=np.zeros(len(one)), where=power > 0)
    return scores
