"""Kernels of total variation (see `primal_dual`): differences of neighbouring pixels, some slices at a time.

Images are lines as in `slice_lanes`, flat: (rows, values of a row).
"""

from math import sqrt

import numpy as np
import numpy.typing as npt

from recon.slice_lanes import PAD
from volio.jit import jit
from volio.simd import LANES

Singles = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


@jit
def ascend(image: Singles, before: Singles, step: float, weight: float, first: int, last: int, duals: Singles) -> None:
    """Move the duals of the rows `first` to `last` up the gradient, and back to a length of at most `weight`.

    image, before (rows, values): this and the last iterate; the gradient is taken ahead of them, at 2 image - before.
    duals (2, rows, values): of differences along y and along x.
    """
    rows, values = image.shape
    rate, longest = np.float32(step), np.float32(weight)
    for row in range(first, last):
        below = min(row + 1, rows - 1)
        down, along = duals[0, row], duals[1, row]
        here, there, past, past_there = image[row], image[below], before[row], before[below]
        for i in range(values - LANES):
            ahead = np.float32(2.0) * here[i] - past[i]
            dy = down[i] + rate * (np.float32(2.0) * there[i] - past_there[i] - ahead)
            dx = along[i] + rate * (np.float32(2.0) * here[i + LANES] - past[i + LANES] - ahead)
            length = np.float32(sqrt(dy * dy + dx * dx))
            factor = longest / max(length, longest)
            down[i] = factor * dy
            along[i] = factor * dx


@jit
def descend(
    image: Singles,
    gradient: Singles,
    duals: Singles,
    spans: Integers,
    step: float,
    lowest: float,
    first: int,
    last: int,
    out: Singles,
) -> None:
    """Write the next iterate of the rows `first` to `last`: image - step (gradient + what the duals ask for).

    spans (rows, 2): first and last + 1 pixel of each row that may differ from 0; lowest: smallest value allowed.
    """
    rate, least = np.float32(step), np.float32(lowest)
    for row in range(first, last):
        above = max(row - 1, 0)
        begin, end = (spans[row, 0] + PAD) * LANES, (spans[row, 1] + PAD) * LANES
        factor = np.float32(row > 0)
        down, upper, along = duals[0, row], duals[0, above], duals[1, row]
        pixels, slope, new = image[row], gradient[row], out[row]
        for i in range(begin, end):
            pull = factor * upper[i] - down[i] + along[i - LANES] - along[i]
            new[i] = max(pixels[i] - rate * (slope[i] + pull), least)


@jit
def add_variation(image: Singles, sums: npt.NDArray[np.float64]) -> None:
    """Add to sums (LANES,) the total variation of each slice of image (rows, values)."""
    rows, values = image.shape
    for row in range(rows):
        here, there = image[row], image[min(row + 1, rows - 1)]
        for i in range(0, values - LANES, LANES):
            for lane in range(LANES):
                dy = there[i + lane] - here[i + lane]
                dx = here[i + LANES + lane] - here[i + lane]
                sums[lane] += sqrt(dy * dy + dx * dx)
