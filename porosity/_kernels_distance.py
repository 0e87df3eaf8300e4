"""Kernels of the squared distance map (see `distance`): a scan along z, then lower envelopes along x and y.

All distances are whole numbers. `field` is the padded map (z + 2, y + 2, x + 17), uint16 or int32: voxel (z, y, x) of
the volume stands at [z + 1, y + 1, x + 1], and the frame holds zeros. A voxel that no wall has been found for holds
`far`, and neither far + far nor far + a square below far overflows.
"""

import numpy as np

from volio.jit import inner, jit

#: Voxels of a row that are treated at a time.
LANES = 64


@inner
def _begin(middle, out):
    """Copy LANES values to out; return the largest."""
    top = out.dtype.type(0)
    for i in range(LANES):
        out[i] = middle[i]
        top = max(top, middle[i])
    return top


@inner
def _lower(below, above, step, out):
    """Lower out to the values on either side plus `step`; return the largest that is left."""
    kind = out.dtype.type
    square, top = kind(step), kind(0)
    for i in range(LANES):
        value = min(out[i], kind(min(below[i], above[i]) + square))
        out[i] = value
        top = max(top, value)
    return top


@inner
def _lowest_across(lines, centre, reach, weight, out):
    """Set out[:] to the lowest of lines[centre + k] + weight k^2; `reach` lines are on either side."""
    top = _begin(lines[centre], out)
    for k in range(1, reach + 1):
        if weight * k * k >= top:
            break
        top = _lower(lines[centre - k], lines[centre + k], weight * k * k, out)


@inner
def _lowest_along(row, start, reach, weight, out):
    """Set out[i] to the lowest of row[start + i + k] + weight k^2; `reach` values are on either side."""
    top = _begin(row[start : start + LANES], out)
    for k in range(1, reach + 1):
        if weight * k * k >= top:
            break
        below, above = row[start - k : start - k + LANES], row[start + k : start + k + LANES]
        top = _lower(below, above, weight * k * k, out)


@inner
def _scan(pores, y, most, gaps):
    """Fill gaps (z + 2, x), which hold `most` above and below, with the steps along z to the next wall."""
    size, width = pores.shape[0], pores.shape[2]
    for z in range(size):
        before, now, row = gaps[z], gaps[z + 1], pores[z, y]
        for x in range(width):
            now[x] = min(most, gaps.dtype.type(before[x] + 1)) if row[x] else 0
    for z in range(size - 1, -1, -1):
        after, now = gaps[z + 2], gaps[z + 1]
        for x in range(width):
            now[x] = min(now[x], gaps.dtype.type(after[x] + 1))


@jit
def fill_zx(pores, field, first, last, weights, far):
    """Set rows y = first ... last - 1 of `field` to the squared distance within their (z, x) plane.

    `pores` (z, y, x) is uint8, not 0 where there is pore.
    """
    kind = field.dtype.type
    size, width = pores.shape[0], pores.shape[2]
    most = kind(int(np.sqrt((far - 1) / weights[0])) + 1)
    reach = min(int(np.sqrt(far / weights[2])) + 1, width)
    gaps = np.empty((size + 2, width), field.dtype)
    gaps[0] = gaps[size + 1] = most
    row = np.empty(width + 2 * reach + LANES, field.dtype)
    row[:] = far
    out = np.empty(LANES, field.dtype)
    for y in range(first, last):
        _scan(pores, y, most, gaps)
        for z in range(size):
            line = gaps[z + 1]
            for x in range(width):
                steps = np.int64(line[x])
                row[reach + x] = kind(min(np.int64(far), weights[0] * steps * steps))
            target = field[z + 1, y + 1]
            for start in range(0, width, LANES):
                _lowest_along(row, reach + start, reach, weights[2], out)
                for i in range(min(LANES, width - start)):
                    target[1 + start + i] = out[i]


@jit
def lower_y(field, first, last, weight, far):
    """Take the walls along y into account in the planes z = first ... last - 1; return the largest value.

    `field` holds what `fill_zx` made.
    """
    size, width = field.shape[1] - 2, field.shape[2] - 17
    reach = min(int(np.sqrt(far / weight)) + 1, size)
    lines = np.empty((size + 2 * reach, LANES), field.dtype)
    out = np.empty(LANES, field.dtype)
    largest = field.dtype.type(0)
    for z in range(first, last):
        plane = field[z + 1]
        for start in range(0, width, LANES):
            lanes = min(LANES, width - start)
            lines[:] = far
            for y in range(size):
                source = plane[y + 1]
                for i in range(lanes):
                    lines[reach + y, i] = source[1 + start + i]
                for i in range(lanes, LANES):
                    lines[reach + y, i] = 0
            for y in range(size):
                _lowest_across(lines, reach + y, reach, weight, out)
                target = plane[y + 1]
                for i in range(lanes):
                    target[1 + start + i] = out[i]
                    largest = max(largest, out[i])
    return largest
