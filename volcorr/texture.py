"""Texture judged before a subset is matched: whether it stands out from the noise.

The noise is estimated in two ways, each of which can only be too high, and the lower is taken: from the finest detail
of the reference, which fine texture adds to, and from what is left after matching on a coarse level, which every motion
that a subset cannot follow adds to.

J. Immerkaer, "Fast noise variance estimation", Computer Vision and Image Understanding 64 (1996) 300-302,
doi:10.1006/cviu.1996.0060.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from volcorr.windows import Grey

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fine_detail", "least_correlation", "least_deviation", "level_noise"]

#: Planes of the volume that are looked at for fine detail.
PLANES = 9
#: Subsets of a level whose variance is looked at.
SUBSETS = 120
#: Least correlation of a match, and share of what noise leaves of a perfect one's.
LEAST_CC, NOISY_SHARE = 0.5, 0.7
#: A subset is not tried where its noise alone would keep its correlation below this share of the least one accepted.
HOPELESS = 0.6
#: Least grey deviation of a subset, as a share of the volume's, where there is no noise.
SMALLEST = 1e-3


def fine_detail(grey: Grey) -> float:
    """Return the standard deviation of white noise that would make the finest detail of a volume, normalised."""
    depth = grey.shape[0]
    found = []
    for z in np.unique(np.linspace(0, depth - 1, min(PLANES, depth)).astype(int)):
        plane = np.asarray(grey.voxels[int(z) : int(z) + 1], np.float64)[0]
        detail = ndimage.convolve1d(ndimage.convolve1d(plane, [1, -2, 1], axis=0), [1, -2, 1], axis=1)[1:-1, 1:-1]
        detail = detail[np.isfinite(detail)]
        if detail.size:
            found.append(float(np.median(np.abs(detail))) * 1.4826 / 6)
    return float(np.median(found)) / grey.std if found else 0.0


def level_noise(
    level: Grey,
    full: Grey,
    factor: "NDArray[Any]",
    points: "NDArray[np.int64]",
    half: "NDArray[Any]",
    cc: "NDArray[Any]",
) -> float:
    """Return the noise of the full volume, normalised, from correlations (n) at points (n, 3) of a level.

    White noise is taken; `factor` voxels were averaged along each axis. NaN where nothing was measured.
    """
    measured = np.flatnonzero(np.isfinite(cc))
    if not len(measured):
        return float("nan")
    some = measured[np.unique(np.linspace(0, len(measured) - 1, min(SUBSETS, len(measured))).astype(int))]
    variance = [_variance(level, points[row], half) for row in some]
    left = float(np.median((1 - cc[some]) * variance))
    return float(np.sqrt(max(left, 0.0) * np.prod(factor))) * level.std / full.std


def _variance(level: Grey, point: "NDArray[np.int64]", half: "NDArray[Any]") -> float:
    """Return the variance of the normalised grey of a subset; missing voxels count as the mean of the level."""
    box = tuple(slice(max(int(c - h), 0), int(c + h) + 1) for c, h in zip(point, half, strict=True))
    values = (np.asarray(level.voxels[box], np.float64) - level.mean) / level.std
    return float(np.nan_to_num(values, nan=0.0).var())


def least_correlation(noise: float) -> float:
    """Return the correlation below which a match is not believed, where nobody said it.

    Noise alone, of this deviation in both volumes, normalised, keeps that of perfect matches at 1 / (1 + noise²).
    """
    return min(LEAST_CC, NOISY_SHARE / (1 + noise**2))


def least_deviation(noise: float, min_cc: float) -> float:
    """Return the least grey deviation of a subset, normalised, that is worth matching."""
    return float(max(SMALLEST, noise / np.sqrt(1 - HOPELESS * max(min_cc, 0.0))))
