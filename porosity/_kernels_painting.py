"""Kernels that paint balls into a map, so that each voxel holds the largest value whose ball reaches it.

`field` and `painted` are padded maps as in `_kernels_distance`, (z + 2, y + 2, x + 17), of uint16 or int32, and
`weights` (3) are the squared edge lengths of a voxel as whole numbers. The ball about voxel p with the value d =
field[p] holds the voxels p + u with |u|^2 < d, where |u|^2 = sum of weight * u^2. `painted` starts as a copy of
`field`.

What a ball has to paint is what its neighbours leave. Ball p + e covers p + u when |u - e|^2 < field[p + e], which is
certain where 2 <u, e> > |e|^2 - 1 - (field[p + e] - d), because |u|^2 <= d - 1. A neighbour across a face that is no
smaller thus bounds u along its axis, and together they leave a box. Where that is large, the diagonal neighbours cut
half spaces off it as well and leave a small cell; one that covers the whole ball drops it before that. Where both
values are equal, the centre that is nearer to the voxel paints it, and of two at the same distance the one with the
lower index. The result is exact: of all balls that reach a voxel with the largest value, take the one with the nearest
centre, and of those the first; no neighbour holds it back. And it does not depend on the order, because a value is only
ever raised.
"""

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.extending import intrinsic

from volio.jit import inner, jit

#: Bytes of the vectors that raise a row: those of the frame behind a row, less one value.
BLOCK_BYTES = 32
#: A limit that no ball reaches.
FREE = 1 << 40
#: Voxels of a box from which on diagonal neighbours are asked as well.
LARGE_BOX = 100


@intrinsic
def _raise_block(typing, array, index, count, value):
    """Raise the first `count` values from flat `index` on to `value`; a block is read and written back."""
    if not (isinstance(array, types.Array) and array.layout == "C" and isinstance(array.dtype, types.Integer)):
        return None
    bits = array.dtype.bitwidth
    lanes = 8 * BLOCK_BYTES // bits

    def code(context, builder, sig, args):
        item, number = ir.IntType(bits), ir.IntType(32)
        vector = ir.VectorType(item, lanes)
        nothing, first = ir.Constant(vector, ir.Undefined), ir.Constant(number, 0)
        same = ir.Constant(ir.VectorType(number, lanes), [0] * lanes)

        def spread(scalar):
            return builder.shuffle_vector(builder.insert_element(nothing, scalar, first), nothing, same)

        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        place = builder.bitcast(builder.gep(data, [args[1]]), vector.as_pointer())
        old = builder.load(place, align=bits // 8)
        numbers = ir.Constant(vector, list(range(lanes)))
        chosen = builder.icmp_unsigned("<", numbers, spread(builder.trunc(args[2], item)))
        wanted = builder.select(chosen, spread(args[3]), ir.Constant(vector, [0] * lanes))
        raised = builder.select(builder.icmp_unsigned("<", old, wanted), wanted, old)
        builder.store(raised, place, align=bits // 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64, array.dtype), code


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
def _is_covered(maxima, x, value, squares, lengths):
    """Tell whether the ball of a voxel lies in that of a diagonal neighbour."""
    root = np.sqrt(value - 1.0) + 1e-9
    for k in range(4):  # noqa: SIM110 (numba knows no any())
        if np.int64(maxima[k, x]) >= value + squares[k] + 2 * np.int64(lengths[k] * root):
            return True
    return False


@inner
def _nearest(low, high):
    """Return the square of the least u in low ... high."""
    near = max(low, -high, 0)
    return near * near


@inner
def _find_box(field, z, y, x, value, weights, box):
    """Set box to the first and last u along z, y, x that neighbours across faces leave; False if none."""
    radii = (
        np.sqrt((value - 0.5) / weights[0]),
        np.sqrt((value - 0.5) / weights[1]),
        np.sqrt((value - 0.5) / weights[2]),
    )
    before = np.int64(field[z - 1, y, x]), np.int64(field[z, y - 1, x]), np.int64(field[z, y, x - 1])
    after = np.int64(field[z + 1, y, x]), np.int64(field[z, y + 1, x]), np.int64(field[z, y, x + 1])
    places = z, y, x
    sizes = field.shape[0] - 2, field.shape[1] - 2, field.shape[2] - 17
    for k in range(3):
        low, high = -np.int64(radii[k]), np.int64(radii[k])
        if before[k] >= value:
            low = (before[k] - value + weights[k]) // (2 * weights[k])
        if after[k] >= value:
            high = -((after[k] - value + weights[k]) // (2 * weights[k]))
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
    kind, lanes = flat.dtype.type, BLOCK_BYTES // flat.itemsize
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
                _raise_block(flat, place, min(count, lanes), kind(value))
                place += lanes
                count -= lanes


@inner
def _find_limits(flat, place, value, steps, squares, limits):
    """Set limits (27,) to the largest <u, e> that each neighbour e leaves to the ball about flat index `place`."""
    for k in range(27):
        lead = np.int64(flat[np.uint64(place + steps[k])]) - value
        twice = squares[k] - 1 - lead
        if lead == 0 and k > 13:
            twice += 1  # at the same distance the ball itself paints: it has the lower index
        limits[k] = twice >> 1 if lead >= 0 else FREE


@inner
def _paint_cell(flat, rows, width, z, y, x, value, weights, box, limits):
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
        _paint_rows(flat, width, line, value, plane, first, last, sides, wy, wx)


@inner
def _paint_rows(flat, width, line, value, plane, first, last, sides, wy, wx):
    """Paint rows `first` ... `last` of a plane of a cell; the flat index of the place beside the centre is `line`."""
    kind, lanes, per_x = flat.dtype.type, BLOCK_BYTES // flat.itemsize, 1.0 / wx
    right, up_right, down_right, left, up_left, down_left = sides
    for uy in range(first, last + 1):
        side = wy * uy
        half = np.sqrt((plane - side * uy - 0.5) * per_x)
        end = np.int64(np.floor(min(half, (min(right, up_right - side, down_right + side) + 0.5) * per_x)))
        start = -np.int64(np.floor(min(half, (min(left, up_left - side, down_left + side) + 0.5) * per_x)))
        place, count = line + uy * width + start, end - start + 1
        while count > 0:
            _raise_block(flat, place, min(count, lanes), kind(value))
            place += lanes
            count -= lanes


@inner
def _neighbours(rows, width, weights):
    """Return the steps (27,) in flat index to all neighbours, and their squares |e|^2; more than FREE across faces."""
    steps, squares = np.zeros(27, np.int64), np.full(27, 2 * FREE)
    for k in range(27):
        ez, ey, ex = k // 9 - 1, k // 3 % 3 - 1, k % 3 - 1
        steps[k] = (ez * rows + ey) * width + ex
        if abs(ez) + abs(ey) + abs(ex) > 1:
            squares[k] = weights[0] * ez * ez + weights[1] * ey * ey + weights[2] * ex * ex
    return steps, squares


@jit
def paint_block(field, painted, z_first, z_last, y_first, y_last, weights):
    """Paint the balls of the voxels z = z_first ... z_last - 1, y = y_first ... y_last - 1 of the volume."""
    wz, wy, wx = weights[0], weights[1], weights[2]
    squares = wz + wy, wz + wx, wy + wx, wz + wy + wx
    lengths = np.sqrt(wz + wy), np.sqrt(wz + wx), np.sqrt(wy + wx), np.sqrt(wz + wy + wx)
    _, rows, width = field.shape
    steps, step_squares = _neighbours(rows, width, weights)
    values, flat = field.reshape(-1), painted.reshape(-1)
    maxima = np.zeros((4, width), field.dtype)
    box, limits = np.empty(6, np.int64), np.empty(27, np.int64)
    for z in range(z_first + 1, z_last + 1):
        for y in range(y_first + 1, y_last + 1):
            row = field[z, y]
            _find_maxima(field, z, y, maxima)
            for x in range(1, width - 16):
                value = np.int64(row[x])
                if value == 0 or _is_covered(maxima, x, value, squares, lengths):
                    continue
                if not _find_box(field, z, y, x, value, weights, box):
                    continue
                if (box[1] - box[0] + 1) * (box[3] - box[2] + 1) * (box[5] - box[4] + 1) < LARGE_BOX:
                    _paint_box(flat, rows, width, z, y, x, value, weights, box)
                else:
                    _find_limits(values, (z * rows + y) * width + x, value, steps, step_squares, limits)
                    _paint_cell(flat, rows, width, z, y, x, value, weights, box, limits)


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
