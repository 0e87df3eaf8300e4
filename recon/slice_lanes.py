"""Slices in lanes: some slices at a time, one in each lane of a vector, as the projector's kernels take them.

Lines are arrays (lines, cells + 2 PAD, LANES) float32, with PAD cells of zeros at both ends of every line.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from volio.simd import LANES

__all__ = ["CELLS", "PAD", "from_lanes", "lane_chunks", "make_lines", "to_lanes"]

Singles = npt.NDArray[np.float32]

PAD: Final = 3
#: The cells of lines without the zeros around them.
CELLS: Final = slice(PAD, -PAD)


def make_lines(lines: int, cells: int) -> Singles:
    """Return lines of zeros."""
    return np.zeros((lines, cells + 2 * PAD, LANES), np.float32)


def to_lanes(images: Singles) -> Singles:
    """Return at most LANES images (slices, lines, cells) in lanes; lanes without a slice are 0."""
    out = make_lines(*images.shape[1:])
    out[:, CELLS, : len(images)] = images.transpose(1, 2, 0)
    return out


def from_lanes(lanes: Singles, count: int) -> Singles:
    """Return the first `count` images (slices, lines, cells) out of their lanes."""
    return np.ascontiguousarray(lanes[:, CELLS, :count].transpose(2, 0, 1))


def lane_chunks(slices: int) -> Iterator[slice]:
    """Yield ranges of at most LANES slices."""
    for start in range(0, slices, LANES):
        yield slice(start, min(start + LANES, slices))
