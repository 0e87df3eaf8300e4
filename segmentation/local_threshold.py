"""Thresholds that follow the surroundings of each voxel, for uneven grey values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import ndimage

from segmentation.blockwise import crop_margin
from segmentation.histogram import Histogram
from volio import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["label_locally"]


def label_locally(
    histogram: Histogram, method: Literal["sauvola", "local"], window: int, weight: float
) -> "Callable[[NDArray[Any]], NDArray[np.uint8]]":
    """Return what labels a block by the mean m and standard deviation s in the window around each voxel.

    Parameters
    ----------
    histogram : Histogram
        Of the whole volume: its least value g and range 2 R.
    method : {"sauvola", "local"}
        ``sauvola``: above g + (m - g) (1 + weight (s / R - 1)); ``local``: above m + weight s.
    window : int
        Odd edge of the window in voxels; blocks have half of it as their halo.
    weight : float
        See above.

    Returns
    -------
    callable

    Raises
    ------
    InputError
        If all voxels are alike.
    """
    least, largest = histogram.first, histogram.edge(histogram.counts.size - 1)
    if least == largest:
        raise InputError(f"all voxels have the grey value {least:g}: there is nothing to tell apart")
    return _LocalThreshold(method, window, weight, (least + largest) / 2, (largest - least) / 2)


@dataclass(frozen=True)
class _LocalThreshold:
    """Labels a block; `half` is half the range of all grey values, `middle` lies in the middle of it."""

    method: Literal["sauvola", "local"]
    window: int
    weight: float
    middle: float
    half: float

    def __call__(self, block: "NDArray[Any]") -> "NDArray[np.uint8]":
        # counted from the middle of the range, so that squares keep their digits
        grey = block.astype(np.float64) - self.middle
        average = self._mean(grey)
        spread = np.sqrt(np.maximum(self._mean(grey**2) - average**2, 0.0))
        if self.method == "local":
            limit = average + self.weight * spread
        else:
            limit = -self.half + (average + self.half) * (1 + self.weight * (spread / self.half - 1))
        return (crop_margin(grey, self.window // 2) > limit).astype(np.uint8)

    def _mean(self, values: "NDArray[np.float64]") -> "NDArray[np.float64]":
        # sums of the same terms in the same order wherever a block begins, unlike running sums
        reach = self.window // 2
        for axis in range(3):
            inside = tuple(slice(reach, -reach or None) if a == axis else slice(None) for a in range(3))
            values = ndimage.correlate1d(values, np.ones(self.window), axis=axis, mode="nearest")[inside]
        return values / self.window**3
