"""The histogram of grey values, counted block by block: exact for whole numbers, in fine bins for real ones."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from segmentation.inputs import as_volume, check_shape
from volio import InputError, Volume, run_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Histogram", "compute_histogram"]

#: Bins of a histogram of real numbers, and most levels of an exact one.
BINS: Final = 65536
_SLAB: Final = 1 << 22  # voxels


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many voxels have which grey value.

    Attributes
    ----------
    counts : (n,) int64 array
        Voxels in each bin; the first and the last are not empty.
    first : float
        Grey value in the middle of the first bin.
    width : float
        Width of a bin in grey values: 1 for exact counts of whole numbers.
    """

    counts: "NDArray[np.int64]"
    first: float
    width: float
    total: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", int(self.counts.sum()))

    @property
    def centres(self) -> "NDArray[np.float64]":
        """Grey values in the middle of the bins."""
        return np.asarray(self.first + self.width * np.arange(self.counts.size), np.float64)

    def edge(self, index: float) -> float:
        """Return the grey value at a position in bins: 0 is the middle of the first bin, 0.5 its upper edge."""
        return float(self.first + self.width * index)

    def index(self, value: float) -> int:
        """Return the last bin that is not above a threshold `value`; -1 when all are above."""
        place = np.floor((value - self.first) / self.width + 1e-9)
        return int(np.clip(place, -1, self.counts.size - 1))

    def coarsened(self, most: int) -> "Histogram":
        """Return the histogram with neighbouring bins added up, so that there are no more than `most`."""
        step = -(-self.counts.size // most)
        if step == 1:
            return self
        counts = np.add.reduceat(self.counts, np.arange(0, self.counts.size, step))
        return Histogram(counts, self.edge((step - 1) / 2), self.width * step)

    def fractions(self, thresholds: "list[float] | tuple[float, ...]") -> list[float]:
        """Return the fraction of voxels in each class that ascending `thresholds` make, darkest first.

        A voxel belongs to the class above a threshold if its value is larger than it. Voxels in the bin that a
        threshold falls into are taken as evenly spread over it when they are real numbers.
        """
        cumulative = [0.0, *(self._below(t) for t in thresholds), float(self.total)]
        return [(b - a) / self.total for a, b in pairwise(cumulative)]

    def _below(self, value: float) -> float:
        if self.width == 1:
            return float(self.counts[: self.index(value) + 1].sum())
        edges = self.first + self.width * (np.arange(self.counts.size + 1) - 0.5)
        return float(np.interp(value, edges, np.concatenate([[0.0], np.cumsum(self.counts, dtype=np.float64)])))


def compute_histogram(
    volume: Volume, *, mask: Volume | None = None, bins: int = BINS, threads: int | None = None
) -> Histogram:
    """Count the grey values of a volume of any size.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        Whole numbers with up to 65536 different levels are counted exactly; else there are `bins` bins from the
        least to the largest value.
    mask : Volume or array, optional
        Only voxels where it is not zero are counted.
    bins : int
        For real numbers.
    threads : int, optional
        How many slabs at once; the counts do not depend on it.

    Returns
    -------
    Histogram

    Raises
    ------
    InputError
        If voxels are NaN or infinite, the mask has another shape or is empty, or there are fewer than 2 bins.
    """
    grey = as_volume(volume)
    if bins < 2:
        raise InputError(f"a histogram needs at least 2 bins, got {bins}")
    inside = None if mask is None else as_volume(mask, "mask")
    if inside is not None:
        check_shape(inside, grey, "mask")
    low, high = _range(grey, inside, threads)
    whole = grey.dtype.kind in "biu"
    if whole and high - low < BINS:
        counts = _count(grey, inside, threads, int(high - low) + 1, int(low), None)
        present = np.flatnonzero(counts)
        if present.size == 0:
            raise InputError("the mask leaves no voxel: it must be non-zero somewhere")
        return Histogram(counts[present[0] : present[-1] + 1], low + float(present[0]), 1.0)
    width = (high - low) / bins
    if not whole and width == 0:
        return Histogram(_count(grey, inside, threads, 1, low, 1.0), low, 0.0)
    counts = _count(grey, inside, threads, bins, low, 1 / width)
    return Histogram(counts, low + width / 2, width)


def _planes(grey: Volume) -> list[slice]:
    depth = max(1, _SLAB // (grey.shape[1] * grey.shape[2]))
    return [slice(start, min(start + depth, grey.shape[0])) for start in range(0, grey.shape[0], depth)]


def _part(grey: Volume, inside: Volume | None, z: slice) -> "tuple[NDArray[Any], NDArray[np.uint8], bool]":
    """Return values and mask of a slab as the kernels take them."""
    values = np.ascontiguousarray(grey.data[z]).reshape(-1)
    if values.dtype == bool:
        values = values.view(np.uint8)
    elif values.dtype == np.float16:
        values = values.astype(np.float32)
    if inside is None:
        return values, np.empty(0, np.uint8), False
    return values, (np.asarray(inside.data[z]) != 0).reshape(-1).view(np.uint8), True


def _range(grey: Volume, inside: Volume | None, threads: int | None) -> tuple[float, float]:
    """Return the least and the largest value."""
    from segmentation._kernels_histogram import value_range

    if grey.dtype.kind in "biu" and grey.dtype.itemsize <= 2:  # all levels are counted, without a look at them first
        limits = np.iinfo(np.uint8 if grey.dtype == bool else grey.dtype)
        return float(limits.min), float(limits.max)
    found = run_blocks(lambda z: value_range(*_part(grey, inside, z)), _planes(grey), threads=threads)
    bad = sum(item[2] for item in found)
    if bad:
        raise InputError(f"the volume holds {bad} NaN or infinite voxels: crop, fill or mask them first")
    low, high = min(item[0] for item in found), max(item[1] for item in found)
    if low > high:
        raise InputError("the mask leaves no voxel: it must be non-zero somewhere")
    return float(low), float(high)


def _count(
    grey: Volume, inside: Volume | None, threads: int | None, bins: int, low: float, scale: float | None
) -> "NDArray[np.int64]":
    """Return the counts of `bins` whole numbers from `low` on, or of bins when there is a `scale`."""
    from segmentation._kernels_histogram import count_bins, count_levels

    def task(z: slice) -> "NDArray[np.int64]":
        counts = np.zeros(bins, np.int64)
        if scale is None:
            count_levels(*_part(grey, inside, z), low, counts)
        else:
            count_bins(*_part(grey, inside, z), low, scale, counts)
        return counts

    return np.asarray(sum(run_blocks(task, _planes(grey), threads=threads)))
