"""Kernels that paint balls into a map, so that each voxel holds the largest value whose ball reaches it.

`field` and `painted` are padded maps as in `_kernels_distance`, (z + 2, y + 2, x + 17), of uint16 or int32, and
`weights` (3) are the squared edge lengths of a voxel as whole numbers. The ball about voxel p with the value d =
field[p] holds the voxels p + u with |u|^2 < d, where |u|^2 = sum of weight * u^2. `painted` starts as a copy of
`field`.

What a ball has to paint is what its neighbours leave. Ball p + e covers p + u when |u - e|^2 < field[p + e], which is
certain where 2 <u, e> > |e|^2 - 1 - (field[p + e] - d), because |u|^2 <= d - 1. A neighbour across a face that is no
smaller thus bounds u along its axis, and together they leave a box. Where that is large, the diagonal neighbours cut
half spaces off it as well and leave a small cell; one that covers the whole ball drops it before that. Of a large cell
the rows of the larger neighbours' own balls are left out too: what remains is a thin rim, a tenth of it. Where both
values are equal, the centre that is nearer to the voxel paints it, and of two at the same distance the one with the
lower index. The result is exact: of all balls that reach a voxel with the largest value, take the one with the nearest
centre, and of those the first; no neighbour holds it back. And it does not depend on the order, because a value is only
ever raised.
"""

import numpy as np

from porosity._kernels_rows import QUEUE, WIDE, paint_queue, paint_rim, paint_rows, raise_block
from volio.jit import inner, jit
from volio.simd import LANES, at_least, bits, first_bit, highest, load, pointer, select, splat, store

#: A limit that no ball reaches.
FREE = 1 << 40
#: How many larger neighbours are looked at row by row.
RIVALS = 3
#: Voxels of a box from which on diagonal neighbours are asked as well, and from which on row by row.
LARGE_BOX, HUGE_BOX = 100, 10_000


@inner
def _find_maxima(field, z, y, maxima):
    """Set maxima (4, x) to the largest of the diagonal neighbours of a row: along zy, zx, yx, and zyx."""
    above, below, left, right = field[z - 1, y], field[z + 1, y], field[z, y - 1], field[z, y + 1]
    corners = field[z - 1, y - 1], field[z - 1, y + 1], field[z + 1, y - 1], field[z + 1, y + 1]
    zy, zx, yx, zyx = maxima[0], maxima[1], maxima[2], maxima[3]
    last = zy.shape[0] - 1
    for x in range(last + 1):
        zy[x] = max(max(corners[0][x], corners[1][x]), max(corners[2][x], corners[3][x]))
    for x in range(1, last):
        zx[x] = max(max(above[x - 1], above[x + 1]), max(below[x - 1], below[x + 1]))
    for x in range(1, last):
        yx[x] = max(max(left[x - 1], left[x + 1]), max(right[x - 1], right[x + 1]))
    for x in range(1, last):
        zyx[x] = max(zy[x - 1], zy[x + 1])


@inner
def _is_covered(maxima, x, value, squares):
    """Tell whether the ball of a voxel lies in that of a diagonal neighbour: no <u, e> is too large for it."""
    for k in range(4):
        most = (np.int64(maxima[k, x]) - value - squares[k]) >> 1
        if most >= 0 and (most + 1) * (most + 1) > squares[k] * (value - 1):
            return True
    return False


@inner
def _nearest(low, high):
    """Return the square of the least u in low ... high."""
    near = max(low, -high, 0)
    return near * near


@inner
def _find_box(field, z, y, x, value, weights, per, box):
    """Set box to the first and last u along z, y, x that neighbours across faces leave; False if none.

    per (3,) is 0.5 / weights.
    """
    radius = np.int64(np.sqrt((value - 0.5) / weights[0]))
    radii = radius, radius, radius
    if weights[0] != weights[1] or weights[0] != weights[2]:
        radii = radius, np.int64(np.sqrt((value - 0.5) / weights[1])), np.int64(np.sqrt((value - 0.5) / weights[2]))
    before = np.int64(field[z - 1, y, x]), np.int64(field[z, y - 1, x]), np.int64(field[z, y, x - 1])
    after = np.int64(field[z + 1, y, x]), np.int64(field[z, y + 1, x]), np.int64(field[z, y, x + 1])
    places = z, y, x
    sizes = field.shape[0] - 2, field.shape[1] - 2, field.shape[2] - 17
    for k in range(3):
        low, high = -radii[k], radii[k]
        # whole numbers divided without a division: half a step away from the next one
        if before[k] >= value:
            low = np.int64((before[k] - value + weights[k] + 0.5) * per[k])
        if after[k] >= value:
            high = -np.int64((after[k] - value + weights[k] + 0.5) * per[k])
        low, high = max(low, 1 - places[k]), min(high, sizes[k] - places[k])
        if low > high:
            return False
        box[2 * k], box[2 * k + 1] = low, high
    nearest = 0
    for k in range(3):
        nearest += weights[k] * _nearest(box[2 * k], box[2 * k + 1])
    return nearest < value


@inner
def _paint_box(flat, rows, width, z, y, x, value, weights, box):
    """Paint what is inside the box and the ball."""
    kind, lanes = flat.dtype.type, WIDE if flat.itemsize == 2 else WIDE // 2
    wz, wy, wx = weights[0], weights[1], weights[2]
    per_y, per_x = 1.0 / wy, 1.0 / wx
    z_low, z_high, y_low, y_high, x_low, x_high = box[0], box[1], box[2], box[3], box[4], box[5]
    near_y, near_x = wy * _nearest(y_low, y_high), wx * _nearest(x_low, x_high)
    for uz in range(z_low, z_high + 1):
        plane = value - wz * uz * uz
        if plane <= near_y + near_x:
            continue
        reach = np.int64(np.sqrt((plane - near_x - 0.5) * per_y))
        line = ((z + uz) * rows + y) * width + x
        for uy in range(max(y_low, -reach), min(y_high, reach) + 1):
            half = np.int64(np.sqrt((plane - wy * uy * uy - 0.5) * per_x))
            start = max(x_low, -half)
            count = min(x_high, half) - start + 1
            place = line + uy * width + start
            while count > 0:
                raise_block(flat, place, min(count, lanes), kind(value))
                place += lanes
                count -= lanes


@inner
def _find_limits(flat, place, value, steps, squares, limits, leads):
    """Set limits (27,) to the largest <u, e> that each neighbour e leaves to the ball about flat index `place`.

    Set leads (27,) to how much larger they are.
    """
    for k in range(27):
        lead = np.int64(flat[np.uint64(place + steps[k])]) - value
        leads[k] = lead
        twice = squares[k] - 1 - lead
        if lead == 0 and k > 13:
            twice += 1  # at the same distance the ball itself paints: it has the lower index
        limits[k] = twice >> 1 if lead >= 0 else FREE


@inner
def _find_rivals(leads, lengths, value, larger):
    """Write those of the larger neighbours that leave least to larger (RIVALS, 4): steps, value; return their number.

    leads (64,): how much larger the 27 neighbours are, zeros, and 32 values of scratch; lengths (64,): |e|, 1 / |e| of
    the neighbours, each 32 values.
    """
    lead, length, none = pointer(leads), pointer(lengths), splat(-1e9)
    for k in range(0, 32, LANES):
        ahead = load(lead, k)
        depth = ahead * load(length, 32 + k) - load(length, k)
        store(lead, 32 + k, select(splat(0.5) < ahead, depth, none))
    for number in range(RIVALS):
        one, two, three, four = load(lead, 32), load(lead, 40), load(lead, 48), load(lead, 56)
        best = highest(at_least(at_least(one, two), at_least(three, four)))
        if best < -1e8:
            return number
        is_best = splat(best)
        low = bits(one == is_best) | bits(two == is_best) << LANES
        high = bits(three == is_best) | bits(four == is_best) << LANES
        k = first_bit(low | high << 2 * LANES)
        larger[number, 0], larger[number, 1], larger[number, 2] = k // 9 - 1, k // 3 % 3 - 1, k % 3 - 1
        larger[number, 3] = value + np.int64(leads[k])
        leads[32 + k] = -1e9
    return RIVALS


@inner
def _paint_cell(flat, rows, width, z, y, x, value, weights, box, limits, larger, number, over, ends, queue, queued):
    """Paint what is inside the box, the limits and the ball."""
    wz, wy, wx = weights[0], weights[1], weights[2]
    near_y, near_x = wy * _nearest(box[2], box[3]), wx * _nearest(box[4], box[5])
    box_up, box_down, box_right, box_left = wy * box[3], -wy * box[2], wx * box[5], -wx * box[4]
    for uz in range(box[0], box[1] + 1):
        plane = value - wz * uz * uz
        if plane <= near_y + near_x:
            continue
        # what is left in the plane lies below a limit in each of eight directions of y (up, down) and x (right, left)
        here = wz * uz
        up = min(box_up, limits[25] - here, limits[7] + here)
        down = min(box_down, limits[19] - here, limits[1] + here)
        right = min(box_right, limits[23] - here, limits[5] + here)
        left = min(box_left, limits[21] - here, limits[3] + here)
        up_right = min(limits[17], limits[26] - here, limits[8] + here)
        down_right = min(limits[11], limits[20] - here, limits[2] + here)
        up_left = min(limits[15], limits[24] - here, limits[6] + here)
        down_left = min(limits[9], limits[18] - here, limits[0] + here)
        # rows that two limits leave empty are not visited
        up = min(up, up_right + left, up_left + right, (up_right + up_left) >> 1)
        down = min(down, down_right + left, down_left + right, (down_right + down_left) >> 1)
        if up + down < 0:
            continue
        reach = np.int64(np.sqrt((plane - near_x - 0.5) / wy))
        first, last = -min(down // wy, reach), min(up // wy, reach)
        line = ((z + uz) * rows + y) * width + x
        sides = right, up_right, down_right, left, up_left, down_left
        if number == 0:
            queued = paint_rows(flat, width, line, value, plane, first, last, sides, wy, wx, queue, queued)
        else:
            for k in range(number):
                step = uz - larger[k, 0]
                over[k] = larger[k, 3] - wz * step * step - 0.5
            queued = paint_rim(
                flat, width, line, value, plane, first, last, sides, wy, wx, larger, over, number, ends, queue, queued
            )
    return queued


@inner
def _set_neighbours(rows, width, weights, steps, squares, lengths):
    """Set the steps (27,) in flat index to all neighbours, and their squares |e|^2; more than FREE across faces.

    Set lengths (64,) to their |e| and 1 / |e|, each 32 values.
    """
    for k in range(27):
        ez, ey, ex = k // 9 - 1, k // 3 % 3 - 1, k % 3 - 1
        steps[k] = (ez * rows + ey) * width + ex
        square = weights[0] * ez * ez + weights[1] * ey * ey + weights[2] * ex * ex
        squares[k] = square if abs(ez) + abs(ey) + abs(ex) > 1 else 2 * FREE
        if square > 0:
            lengths[k], lengths[32 + k] = np.sqrt(square), 1 / np.sqrt(square)


@jit
def paint_block(field, painted, z_first, z_last, y_first, y_last, weights):
    """Paint the balls of the voxels z = z_first ... z_last - 1, y = y_first ... y_last - 1 of the volume."""
    wz, wy, wx = weights[0], weights[1], weights[2]
    squares = wz + wy, wz + wx, wy + wx, wz + wy + wx
    per = 0.5 / wz, 0.5 / wy, 0.5 / wx
    _, rows, width = field.shape
    steps, step_squares = np.empty(27, np.int64), np.empty(27, np.int64)
    step_lengths, leads = np.ones(64, np.float32), np.zeros(64, np.float32)
    _set_neighbours(rows, width, weights, steps, step_squares, step_lengths)
    values, flat = field.reshape(-1), painted.reshape(-1)
    maxima = np.zeros((4, width), field.dtype)
    box, limits = np.empty(6, np.int64), np.empty(27, np.int64)
    larger, over = np.empty((RIVALS, 4), np.float32), np.empty(RIVALS, np.float32)
    ends, queue, queued = np.empty(4 * LANES, np.float32), np.empty((3, QUEUE), np.int64), 0
    for z in range(z_first + 1, z_last + 1):
        for y in range(y_first + 1, y_last + 1):
            row = field[z, y]
            _find_maxima(field, z, y, maxima)
            for x in range(1, width - 16):
                value = np.int64(row[x])
                if value == 0 or _is_covered(maxima, x, value, squares):
                    continue
                if not _find_box(field, z, y, x, value, weights, per, box):
                    continue
                size = (box[1] - box[0] + 1) * (box[3] - box[2] + 1) * (box[5] - box[4] + 1)
                if size < LARGE_BOX:
                    _paint_box(flat, rows, width, z, y, x, value, weights, box)
                else:
                    place = (z * rows + y) * width + x
                    _find_limits(values, place, value, steps, step_squares, limits, leads)
                    number = 0
                    if size >= HUGE_BOX and values.itemsize == 2:
                        number = _find_rivals(leads, step_lengths, value, larger)
                    queued = _paint_cell(
                        flat,
                        rows,
                        width,
                        z,
                        y,
                        x,
                        value,
                        weights,
                        box,
                        limits,
                        larger,
                        number,
                        over,
                        ends,
                        queue,
                        queued,
                    )
    paint_queue(flat, queue, queued)


@jit
def count_values(values, counts):
    """Add to counts[v] how many of values (z, y, x) are v."""
    for z in range(values.shape[0]):
        for y in range(values.shape[1]):
            row = values[z, y]
            last, run = np.int64(row[0]), 0
            for x in range(row.shape[0]):
                value = np.int64(row[x])
                if value != last:
                    counts[last] += run
                    last, run = value, 0
                run += 1
            counts[last] += run
