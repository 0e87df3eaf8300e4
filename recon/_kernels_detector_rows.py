"""Kernel that samples detector rows between rows (see `detector_rows`)."""

from math import floor

import numpy as np
import numpy.typing as npt

from volio.jit import jit

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]


@jit
def _cubic(t: float, weights: Floats) -> None:
    """Weights of four rows around a place at `t` right of the second one (Keys; doi:10.1109/TASSP.1981.1163711)."""
    weights[0] = t * (-0.5 + t * (1.0 - 0.5 * t))
    weights[1] = 1.0 + t * t * (-2.5 + 1.5 * t)
    weights[2] = t * (0.5 + t * (2.0 - 1.5 * t))
    weights[3] = t * t * (-0.5 + 0.5 * t)


@jit
def sample_rows(
    block: Singles,
    first_row: int,
    starts: Floats,
    axes: Floats,
    first_slice: int,
    pitch: float,
    slope: float,
    height: float,
    out: Singles,
) -> None:
    """Write rows out (angles, slices, columns) from `first_slice` on between those of block (angles, rows, columns).

    first_row: of block in the detector. starts (angles,): row of slice 0 in each projection, at the column axes[angle];
    each further slice lies `pitch` rows on, and each further column `slope` rows. Places are those in the detector, so
    that they are the same numbers whatever the block. A slice is `height` rows high: up to 1 rows are interpolated,
    else averaged. Beyond the first and last row these go on.
    """
    rows = block.shape[1]
    angles, slices, columns = out.shape
    taps = 4 if height <= 1.0 else int(height) + 2
    weights = np.zeros(taps)
    for a in range(angles):
        for k in range(slices):
            out[a, k] = 0.0
            for column in range(columns):
                place = starts[a] + (first_slice + k) * pitch + (column - axes[a]) * slope
                if column == 0 or slope != 0.0:
                    if height <= 1.0:
                        first = floor(place) - 1
                        _cubic(place - first - 1, weights)
                    else:
                        low, high = place - 0.5 * height, place + 0.5 * height
                        first = floor(low + 0.5)
                        for tap in range(taps):
                            row = first + tap
                            covered = min(high, row + 0.5) - max(low, row - 0.5)
                            weights[tap] = max(covered, 0.0) / height
                value = 0.0
                for tap in range(taps):
                    row = min(max(first + tap - first_row, 0), rows - 1)
                    value += weights[tap] * block[a, row, column]
                out[a, k, column] = value
