"""The valley between two peaks of a histogram: how far a threshold may be moved within what the grey values say."""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage

from segmentation.criteria import find_li, find_otsu, find_triangle
from segmentation.histogram import Histogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Valley", "find_valley"]

#: Bins that are enough to see peaks.
_BINS: Final = 2048
#: The histogram is smoothed by this part of the distance between the means of two classes.
_SMOOTH: Final = 0.03
#: The valley is where the histogram stays within this part of its depth.
_LEVEL: Final = 0.1
#: It ends this part of the way from either peak to the other.
_QUARTER: Final = 0.25
#: A valley less deep than this part of its lower peak is none, nor is one less deep than this many standard deviations
#: of the counts.
_SHALLOW: Final = 0.05
_CHANCE: Final = 5.0


@dataclass(frozen=True)
class Valley:
    """The interval in which a threshold is uncertain.

    Attributes
    ----------
    low, high : float
        Grey values between which the threshold may lie. The threshold that was asked about is always among them.
    bottom : float
        Grey value at which the smoothed histogram is lowest; the threshold itself where there is no valley.
    found : bool
        Whether there is a valley. Without one, `low` and `high` span the thresholds by Otsu, Li and the triangle.
    peaks : 2 floats
        Grey values of the peaks beside the valley, finer than a bin; NaN where there is none.
    """

    low: float
    high: float
    bottom: float
    found: bool
    peaks: tuple[float, float] = (float("nan"), float("nan"))


def find_valley(histogram: Histogram, thresholds: "list[float] | tuple[float, ...]", boundary: int = 0) -> Valley:
    """Find how uncertain one of several thresholds is.

    The valley is the interval between the peaks of the two classes in which the smoothed histogram stays within a tenth
    of the valley's depth above its bottom, and at most the middle half of the way between the peaks: any threshold in
    it parts the peaks equally well to the eye. Where blurred surfaces fill the valley evenly, as they do in volumes
    with much surface, the histogram says no more than that.

    Parameters
    ----------
    histogram : Histogram
        Of grey values.
    thresholds : list of float
        Ascending.
    boundary : int
        Which of them.

    Returns
    -------
    Valley
    """
    threshold = thresholds[boundary]
    grey = histogram.coarsened(_BINS)
    cuts = [-1, *(grey.index(t) for t in thresholds), grey.counts.size - 1]
    pair = cuts[boundary : boundary + 3]
    if pair[0] < pair[1] < pair[2]:
        smooth, width = _smoothed(grey, pair)
        # the threshold may stand on the slope of the larger peak: from there downhill
        floor = _descend(ndimage.gaussian_filter1d(smooth, 2 * width), pair[1], pair[0] + 1, pair[2])
        tops = _top(smooth, pair[0] + 1, floor), _top(smooth, floor, pair[2])
        left, right = (round(top) for top in tops)
        bottom = left + int(smooth[left : right + 1].argmin())
        lower = min(smooth[left], smooth[right])
        # a Gaussian of the standard deviation s averages 2 sqrt(pi) s independent counts
        chance = _CHANCE * np.sqrt((lower + smooth[bottom]) / max(2 * np.sqrt(np.pi) * width, 1.0))
        if left < bottom < right and lower - smooth[bottom] > max(_SHALLOW * lower, chance):
            level = smooth[bottom] + _LEVEL * (lower - smooth[bottom])
            first = left + int(np.flatnonzero(smooth[left:bottom] > level)[-1]) + 1
            last = bottom + int(np.flatnonzero(smooth[bottom : right + 1] > level)[0]) - 1
            margin = _QUARTER * (right - left)
            first, last = max(first, min(bottom, round(left + margin))), min(last, max(bottom, round(right - margin)))
            low, high = grey.edge(first - 0.5), grey.edge(last + 0.5)
            peaks = grey.edge(tops[0]), grey.edge(tops[1])
            return Valley(min(low, threshold), max(high, threshold), grey.edge(bottom), True, peaks)
    others = [threshold]
    if np.count_nonzero(histogram.counts) > 1:
        others += [find_otsu(histogram)[0], find_li(histogram), find_triangle(histogram)]
    below = thresholds[boundary - 1] if boundary else -np.inf
    above = thresholds[boundary + 1] if boundary + 1 < len(thresholds) else np.inf
    others = [t for t in others if below < t < above]
    return Valley(min(others), max(others), threshold, False)


def _smoothed(histogram: Histogram, cuts: list[int]) -> "tuple[NDArray[np.float64], float]":
    """Smooth by a part of the distance between the means of the classes that end at `cuts`, and return it."""
    counts = histogram.counts.astype(np.float64)
    places = np.arange(counts.size)
    means = [
        np.average(places[a + 1 : b + 1], weights=counts[a + 1 : b + 1])
        for a, b in pairwise(cuts)
        if counts[a + 1 : b + 1].any()
    ]
    distance = min((b - a for a, b in pairwise(means)), default=1.0)
    width = float(_SMOOTH * distance)
    return ndimage.gaussian_filter1d(counts, width, mode="constant"), width


def _descend(smooth: "NDArray[np.float64]", place: int, first: int, last: int) -> int:
    """Return the place of the minimum between `first` and `last` that is reached from `place` downhill."""
    step = -1 if place > first and (place == last or smooth[place - 1] < smooth[place + 1]) else 1
    while first <= place + step <= last and smooth[place + step] < smooth[place]:
        place += step
    return place


def _top(smooth: "NDArray[np.float64]", first: int, last: int) -> float:
    """Return the place of the largest value from `first` to `last`, between the bins where there are neighbours."""
    place = first + int(smooth[first : last + 1].argmax())
    if not 0 < place < smooth.size - 1:
        return float(place)
    a, b, c = smooth[place - 1 : place + 2]
    curve = a - 2 * b + c
    return float(place if curve >= 0 else place + np.clip(0.5 * (a - c) / curve, -0.5, 0.5))
