"""Kernels of the distance-driven projector and its adjoint (see `projectors`): eight slices, one in each lane.

Both directions are one and the same thing: a line of cells is laid onto another line of cells, shifted and stretched,
and every cell of the one receives what it overlaps of three cells of the other. Forward, the lines of an image are
laid onto the lines of a sinogram; backward, the other way round. So both see the same overlaps, and where lines meet is
computed once for all lanes.

Lines are those of `slice_lanes`.
"""

from math import ceil, floor

import numpy as np
import numpy.typing as npt

from recon.slice_lanes import PAD
from volio.jit import inner, jit
from volio.simd import LANES, load, pointer, splat, store

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

GROUP = 4  # lines that are laid onto another one at a time


@inner
def _tabulate(
    start: float,
    stride: float,
    scale: float,
    cells: int,
    line: int,
    low: int,
    high: int,
    places: npt.NDArray[np.int32],
    overlaps: Singles,
) -> None:
    """Find where the cells `low` to `high` meet the cells of a line.

    Cell b covers `start` + b * `stride` to `start` + (b + 1) * `stride`, in cells of the other line, and at most two of
    them. places (any,): index of the first value of the first of three cells of the line number `line`; overlaps
    (3, any): `scale` times what is covered of each.
    """
    width = np.float32(abs(stride))
    first = start + min(stride, 0.0) + low * stride + PAD
    offset = np.int32(line * (cells + 2 * PAD) * LANES)
    end = np.float64(cells + PAD)
    lefts = overlaps[0]
    for b in range(high - low):
        place = min(max(first + b * stride, 0.0), end)
        cell = np.int32(place)
        places[b] = offset + cell * np.int32(LANES)
        lefts[b] = place - np.float64(cell)
    seconds, thirds = overlaps[1], overlaps[2]
    one, none, factor = np.float32(1.0), np.float32(0.0), np.float32(scale)
    for b in range(high - low):
        left = lefts[b]
        beyond = left + width - one
        lefts[b] = factor * (min(beyond, none) + one - left)
        seconds[b] = factor * min(max(beyond, none), one)
        thirds[b] = factor * max(beyond - one, none)


@inner
def _add_lines(
    source: Singles, places: npt.NDArray[np.int32], overlaps: Singles, out: Singles, first: int, count: int
) -> None:
    """Add to `count` cells of `out`, from its value `first` on, what they overlap of GROUP lines of `source`."""
    values, sums = pointer(source), pointer(out)
    for b in range(count):
        to = first + b * LANES
        total = load(sums, to)
        for g in range(GROUP):
            at = np.int64(places[g, b])
            total = (
                total
                + splat(overlaps[g, 0, b]) * load(values, at)
                + splat(overlaps[g, 1, b]) * load(values, at + LANES)
                + splat(overlaps[g, 2, b]) * load(values, at + 2 * LANES)
            )
        store(sums, to, total)


@jit
def project_lines(image: Singles, spans: Integers, table: Floats, lines: Integers, block: int, out: Singles) -> None:
    """Add to sinogram lines what they see of an image.

    image (rows, columns + 2 PAD, LANES); spans (rows, 2): first and last + 1 column that are not zero. table (angles,
    4): where in image columns the first bin begins on row 0, how much further on each next row, the width of a bin, and
    the factor of an overlap. lines (n,): which angles. block: rows that are taken at a time, a multiple of GROUP.
    out (angles, bins + 2 PAD, LANES).
    """
    rows, columns, bins = image.shape[0], image.shape[1] - 2 * PAD, out.shape[1] - 2 * PAD
    places = np.empty((GROUP, bins), np.int32)
    overlaps = np.empty((GROUP, 3, bins), np.float32)
    values, sums = image.reshape(-1), out.reshape(-1)
    for first_row in range(0, rows, block):
        for a in lines:
            start, slope, stride, scale = table[a]
            for row in range(first_row, min(first_row + block, rows), GROUP):
                low, high = bins, 0
                count = min(GROUP, rows - row)
                for g in range(count):
                    if spans[row + g, 1] > spans[row + g, 0]:
                        begin = start + (row + g) * slope
                        one = (spans[row + g, 0] - begin) / stride
                        other = (spans[row + g, 1] - begin) / stride
                        low = min(low, floor(min(one, other)))
                        high = max(high, ceil(max(one, other)))
                low, high = max(low, 0), min(high, bins)
                if high <= low:
                    continue
                for g in range(GROUP):
                    # lines beyond the last one count nothing
                    line, factor = (row + g, scale) if g < count else (row, 0.0)
                    begin = start + line * slope
                    _tabulate(begin, stride, factor, columns, line, low, high, places[g], overlaps[g])
                _add_lines(values, places, overlaps, sums, ((a * (bins + 2 * PAD)) + PAD + low) * LANES, high - low)


@jit
def back_project_lines(
    sinogram: Singles, spans: Integers, table: Floats, angles: Integers, lines: Integers, out: Singles
) -> None:
    """Add to the lines of an image what sinogram lines say of them: the adjoint of `project_lines`.

    sinogram (angles, bins + 2 PAD, LANES). spans (rows, 2): first and last + 1 column that are wanted. table (angles,
    4): where in bins the first column begins on row 0, how much further on each next row, the width of a column, and
    the factor of an overlap. angles (m,): which lines of the sinogram; lines (n,): which rows. out (rows, columns +
    2 PAD, LANES).
    """
    bins, columns = sinogram.shape[1] - 2 * PAD, out.shape[1] - 2 * PAD
    places = np.empty((GROUP, columns), np.int32)
    overlaps = np.empty((GROUP, 3, columns), np.float32)
    values, sums = sinogram.reshape(-1), out.reshape(-1)
    for first in range(0, angles.size, GROUP):
        for row in lines:
            low, high = spans[row]
            if high <= low:
                continue
            for g in range(GROUP):
                # lines beyond the last one count nothing
                line, factor = (angles[first + g], 1.0) if first + g < angles.size else (angles[first], 0.0)
                start, slope, stride, scale = table[line]
                begin = start + row * slope
                _tabulate(begin, stride, factor * scale, bins, line, low, high, places[g], overlaps[g])
            _add_lines(values, places, overlaps, sums, ((row * (columns + 2 * PAD)) + PAD + low) * LANES, high - low)
