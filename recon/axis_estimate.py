"""What is known of the rotation axis: what each method says, and what they say together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["AxisCandidate", "AxisEstimate", "combine_candidates", "find_minimum", "summarize_rows"]

#: No method is trusted further than this, in columns: what is common to all rows does not show in their scatter.
SMALLEST_SIGMA = 0.03
#: Uncertainty in columns of a method with too few rows to tell.
LONE_SIGMA = 0.5


@dataclass(frozen=True, eq=False)
class AxisCandidate:
    """What one method says of the rotation axis.

    Attributes
    ----------
    method : str
        "pairs", "wedge", "moments", "sharpness", or "reprojection" (an alignment of the projections).
    center : float or None
        Column of the axis, pixel centres at integers; None when the method does not apply.
    sigma : float
        Standard uncertainty in columns, from the scatter of rows; NaN when the method does not apply.
    reason : str
        Why the method does not apply, else what it used.
    rows : (row,) float64 array
        The answer of each row; NaN where a row gave none.
    """

    method: str
    center: float | None
    sigma: float
    reason: str
    rows: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, eq=False)
class AxisEstimate:
    """The rotation axis as found by several methods.

    Attributes
    ----------
    center : float
        Column of the axis, pixel centres at integers.
    sigma : float
        Standard uncertainty in columns.
    confidence : float
        0 to 1: the share of the methods which agree, times 1/2 if only one does, 3/4 if two, 7/8 if three ...
    candidates : tuple of AxisCandidate
        What each method said, or why it does not apply.
    agreeing : tuple of str
        Methods of which the answer was made.
    """

    center: float
    sigma: float
    confidence: float
    candidates: tuple[AxisCandidate, ...]
    agreeing: tuple[str, ...]


def combine_candidates(candidates: Sequence[AxisCandidate]) -> AxisEstimate | None:
    """Combine what methods say: the largest group that agrees, averaged with weights 1 / sigma².

    Two methods agree when they differ by less than three standard uncertainties of the difference and a quarter of a
    column. Of groups of the same size the one with the least uncertainty counts.

    Returns
    -------
    AxisEstimate or None
        None when no method applies.
    """
    usable = [c for c in candidates if c.center is not None]
    groups = [[other for other in usable if _agree(one, other)] for one in usable]
    if not groups:
        return None
    best = min(groups, key=lambda group: (-len(group), min(c.sigma for c in group)))
    weights = np.array([c.sigma**-2 for c in best])
    centers = np.array([c.center for c in best], np.float64)
    center = float(np.sum(weights * centers) / weights.sum())
    sigma = 1 / math.sqrt(weights.sum())
    if len(best) > 1:
        # what they differ by more than they should is in none of their uncertainties
        chi = math.sqrt(float(np.sum(weights * (centers - center) ** 2)) / (len(best) - 1))
        sigma *= max(chi, 1.0)
    confidence = len(best) / len(usable) * (1 - 0.5 ** len(best))
    return AxisEstimate(center, sigma, confidence, tuple(candidates), tuple(c.method for c in best))


def summarize_rows(method: str, rows: NDArray[np.float64], reason: str) -> AxisCandidate:
    """Make one answer of those of the rows: their median, and its uncertainty from their scatter.

    Rows that gave none are NaN. When most did so, the method does not apply.
    """
    found = rows[np.isfinite(rows)]
    if 2 * found.size <= rows.size:
        return AxisCandidate(method, None, math.nan, f"only {found.size} of {rows.size} rows gave an answer", rows)
    center = float(np.median(found))
    if found.size < 3:
        return AxisCandidate(method, center, LONE_SIGMA, reason, rows)
    # 1.25 / sqrt(n): the median of normal numbers scatters more than their mean
    sigma = 1.25 * 1.4826 * float(np.median(np.abs(found - center))) / math.sqrt(found.size)
    return AxisCandidate(method, center, max(sigma, SMALLEST_SIGMA), reason, rows)


def find_minimum(places: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    """Return where scores at evenly spaced places are least, by a parabola; NaN when that is at an end."""
    if not np.isfinite(scores).any():
        return math.nan
    best = int(np.nanargmin(scores))
    if not 0 < best < len(places) - 1 or not np.isfinite(scores[best - 1 : best + 2]).all():
        return math.nan
    before, here, after = scores[best - 1 : best + 2]
    bend = before - 2 * here + after
    offset = 0.5 * (before - after) / bend if bend > 0 else 0.0
    return float(places[best] + offset * (places[1] - places[0]))


def _agree(one: AxisCandidate, other: AxisCandidate) -> bool:
    assert one.center is not None
    assert other.center is not None
    return abs(one.center - other.center) <= 0.25 + 3 * math.hypot(one.sigma, other.sigma)
