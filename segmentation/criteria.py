"""Thresholds that a histogram suggests: Otsu, minimum cross-entropy (Li), triangle, and a known fraction."""

from typing import TYPE_CHECKING, Final

import numpy as np

from segmentation.histogram import Histogram
from volio import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["find_fraction", "find_li", "find_otsu", "find_triangle"]

#: Bins by which the triangle is drawn: more would let it follow the noise of single levels.
_COARSE: Final = 256
_MOST_STEPS: Final = 1000


def find_otsu(histogram: Histogram, *, classes: int = 2) -> list[float]:
    """Find the thresholds with the largest variance between classes.

    Parameters
    ----------
    histogram : Histogram
        Of grey values.
    classes : int
        At least 2.

    Returns
    -------
    list of float
        Ascending, `classes` - 1 of them, each in the middle between the levels that it parts.

    Raises
    ------
    InputError
        If there are fewer different grey values than classes.

    Notes
    -----
    N. Otsu, IEEE Trans. Syst. Man Cybern. 9 (1979) 62-66, doi:10.1109/TSMC.1979.4310076; several thresholds: P.-S. Liao
    et al., J. Inf. Sci. Eng. 17 (2001) 713-727. Exact on all levels: the criterion is that of k-means in one dimension,
    for which H. Wang and M. Song, R Journal 3 (2011) 29-33, doi:10.32614/RJ-2011-015, give a dynamic programme.
    """
    from segmentation._kernels_otsu import split_classes

    levels = _levels(histogram, classes)
    # positions from -1 to 1, so that squares keep their digits
    places = levels / max(histogram.counts.size - 1, 1) * 2.0 - 1.0
    ends = split_classes(np.stack([histogram.counts[levels].astype(np.float64), places]), classes)
    return [histogram.edge((levels[i] + levels[i + 1]) / 2) for i in ends]


def find_li(histogram: Histogram) -> float:
    """Find the threshold of least cross-entropy between the volume and its two classes' means.

    Grey values are counted from the least one, so that an offset does not change the result.

    Parameters
    ----------
    histogram : Histogram
        Of grey values.

    Returns
    -------
    float

    Raises
    ------
    InputError
        If there is only one grey value.

    Notes
    -----
    C. H. Li and P. K. S. Tam, Pattern Recognit. Lett. 19 (1998) 771-776, doi:10.1016/S0167-8655(98)00057-9.
    """
    levels = _levels(histogram, 2)
    counts = histogram.counts[levels].astype(np.float64)
    places = levels - levels[0]
    mass, moment = np.cumsum(counts), np.cumsum(counts * places)
    split = int(np.searchsorted(places, moment[-1] / mass[-1], side="right"))
    for _ in range(_MOST_STEPS):
        split = min(max(split, 1), levels.size - 1)
        dark = moment[split - 1] / mass[split - 1]
        bright = (moment[-1] - moment[split - 1]) / (mass[-1] - mass[split - 1])
        # the level 0 alone has no logarithm: the least value that the classes may have is half a level
        limit = (bright - dark) / np.log(bright / max(dark, 0.5))
        following = min(max(int(np.searchsorted(places, limit, side="right")), 1), levels.size - 1)
        if following == split:
            break
        split = following
    return histogram.edge((levels[split - 1] + levels[split]) / 2)


def find_triangle(histogram: Histogram) -> float:
    """Find the grey value where the histogram lies farthest below the line from its peak to its longer tail.

    For one large phase and a small one that makes no peak of its own.

    Parameters
    ----------
    histogram : Histogram
        Of grey values; exact ones are taken in 256 bins.

    Returns
    -------
    float

    Raises
    ------
    InputError
        If there is only one grey value.

    Notes
    -----
    G. W. Zack et al., J. Histochem. Cytochem. 25 (1977) 741-753, doi:10.1177/25.7.70454.
    """
    _levels(histogram, 2)
    coarse = histogram.coarsened(_COARSE)
    heights = coarse.counts.astype(np.float64)
    peak = int(heights.argmax())
    flip = peak > heights.size - 1 - peak
    if flip:
        heights, peak = heights[::-1], heights.size - 1 - peak
    length = heights.size - 1 - peak
    along = np.arange(length + 1) / length
    depth = heights[peak] * (1 - along) + heights[-1] * along - heights[peak:]
    place = peak + int(depth.argmax())
    place = heights.size - 1 - place if flip else place
    return coarse.edge(place - 0.5 if flip else place + 0.5)


def find_fraction(histogram: Histogram, fraction: float) -> float:
    """Find the threshold at or below which lies a given fraction of the voxels.

    Parameters
    ----------
    histogram : Histogram
        Of grey values.
    fraction : float
        Between 0 and 1, for example a porosity that was measured in another way.

    Returns
    -------
    float
        The one of all possible thresholds that comes closest.

    Raises
    ------
    InputError
        If the fraction is not between 0 and 1, or there is only one grey value.
    """
    if not 0 < fraction < 1:
        raise InputError(f"the known fraction must lie between 0 and 1, got {fraction}: 0.35 means 35 %")
    levels = _levels(histogram, 2)
    dark = np.cumsum(histogram.counts[levels])[:-1] / histogram.total
    split = int(np.abs(dark - fraction).argmin())
    return histogram.edge((levels[split] + levels[split + 1]) / 2)


def _levels(histogram: Histogram, classes: int) -> "NDArray[np.int64]":
    """Return the bins that are not empty, if they suffice for the classes."""
    levels = np.flatnonzero(histogram.counts)
    if levels.size == 1:
        raise InputError(f"all voxels have the grey value {histogram.first:g}: there is nothing to tell apart")
    if levels.size < classes:
        raise InputError(f"{levels.size} different grey values cannot make {classes} classes: ask for fewer classes")
    return levels
