"""Which of several subset sizes to take: a rule that can be read, and its reason in words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from volcorr.grid import MIN_SUBSET
from volcorr.subset_result import SizeResult

__all__ = ["Target", "choose_subset"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a size must reach.

    Attributes
    ----------
    min_valid : float
        Part of the points that must be valid.
    strain_noise : float
        Largest noise of a strain.
    strain : float or None
        Mean strain of which that is a tenth; None where the limit was given.
    detail : str or None
        Period of the finest wave that matters; decides in place of `strain_noise` when given.
    amplitude : float
        Strain of that wave.
    """

    min_valid: float
    strain_noise: float
    strain: float | None
    detail: str | None = None
    amplitude: float = 0.0


def choose_subset(rows: Sequence[SizeResult], target: Target, *, unit: str) -> tuple[int, str]:
    """Recommend one of several sizes.

    The rule: only sizes with enough valid points count. Among them

    - without a detail, the smallest one whose strain noise is at most the limit (the finest resolution that the
      noise allows), or the quietest one where none is below;
    - with a detail, the one with the least total error ``sqrt(noise**2 + loss**2)`` of a strain wave of that period.

    Where no size has enough valid points, the one with the most.

    Parameters
    ----------
    rows : sequence of SizeResult
        From the largest to the smallest size.
    target : Target
        What a size must reach.
    unit : str
        Unit of lengths in `rows`.

    Returns
    -------
    index : int
        The recommended row.
    reason : str
        Why, in a sentence or two.
    """
    names = [row.label + " voxels" + ("" if unit == "voxel" else f" ({row.edge:.3g} {unit})") for row in rows]
    share = f"{100 * target.min_valid:g} %"
    enough = [i for i, row in enumerate(rows) if row.valid_share >= target.min_valid and not math.isnan(row.noise)]
    if not enough:
        best = max(range(len(rows)), key=lambda i: rows[i].valid_share)
        return best, (
            f"{names[best]} has the most valid points, {_percent(rows[best].valid_share, 1)}, but no size reaches "
            f"{share}: look at why points are invalid (volcorr dvc draws status.png) before you trust any size"
        )

    def untried(index: int) -> str:
        last = index + 1 == len(rows) and min(rows[index].subset) > MIN_SUBSET
        return "; smaller sizes were not tried" if last else ""

    if target.detail is not None:
        best = min(enough, key=lambda i: rows[i].total_error)
        return best, (
            f"{names[best]} has the least total error for a wave of strain with a period of {target.detail} and an "
            f"amplitude of {_percent(target.amplitude, 2)}: "
            f"{_percent(rows[best].total_error)}, of which noise is {_percent(rows[best].strain_noise)}{untried(best)}"
        )
    limit = f"the limit of {_percent(target.strain_noise)}"
    if target.strain is not None:
        limit += f" (a tenth of the mean strain of this pair, {_percent(target.strain, 2)}"
        small = target.strain < 9.99 * target.strain_noise
        limit += f", taken as {_percent(10 * target.strain_noise, 1)})" if small else ")"
    quiet = [i for i in enough if rows[i].strain_noise <= target.strain_noise]
    if not quiet:
        best = min(enough, key=lambda i: rows[i].strain_noise)
        return best, (
            f"{names[best]} has the least noise of strain, {_percent(rows[best].strain_noise)}, of the sizes with at "
            f"least {share} valid points; none reaches {limit}: a larger spacing or strain window would"
        )
    best = quiet[-1]
    reason = (
        f"{names[best]} is the smallest size with at least {share} valid points and a noise of strain, "
        f"{_percent(rows[best].strain_noise)}, below {limit}{untried(best)}"
    )
    if best + 1 < len(rows):
        following = rows[best + 1]
        why = (
            f"only {_percent(following.valid_share, 1)} valid points"
            if following.valid_share < target.min_valid
            else f"a noise of {_percent(following.strain_noise)}"
        )
        reason += f"; {names[best + 1]} has {why}"
    return best, reason


def _percent(value: float, digits: int = 3) -> str:
    return f"{100 * value:.{digits}f} %"
