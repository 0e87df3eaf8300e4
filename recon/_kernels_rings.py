"""Kernel of the removal of stripes by sorting (see `sorted_stripes`)."""

import numpy as np
import numpy.typing as npt

from volio.jit import jit

Singles = npt.NDArray[np.float32]


@jit
def smooth_ranks(ranked: Singles, order: npt.NDArray[np.int32], half: int, smoothed: Singles, placed: Singles) -> None:
    """Run a median over columns along each rank, and put the result where the ranked values were.

    The window reaches `half` columns to both sides, and less near the edges: it stays symmetric, so that a slope stays
    as it is. ranked: (rank, column) float32, each column sorted; order: (rank, column) int32: the angle that each came
    from; smoothed: (rank, column) float32, the medians; placed: (angle, column) float32, the same values at the angles
    that they belong to.
    """
    ranks, columns = ranked.shape
    window = np.empty(2 * half + 1, np.float32)
    for rank in range(ranks):
        line = ranked[rank]
        low, high = 0, 0  # the window holds the columns low to high - 1, sorted
        for column in range(columns):
            reach = min(half, column, columns - 1 - column)
            while low < column - reach:
                j = 0
                while window[j] != line[low]:
                    j += 1
                low += 1
                while j < high - low:
                    window[j] = window[j + 1]
                    j += 1
            while high < column + reach + 1:
                value = line[high]
                j = high - low - 1
                while j >= 0 and window[j] > value:
                    window[j + 1] = window[j]
                    j -= 1
                window[j + 1] = value
                high += 1
            smoothed[rank, column] = window[reach]
            placed[order[rank, column], column] = window[reach]
