"""Kernels that paint balls into a map, so that each voxel holds the largest value whose ball reaches it.

`field` and `painted` are padded maps as in `_kernels_distance`, (z + 2, y + 2, x + 17), of uint16 or int32, and
`weights` (3) are the squared edge lengths of a voxel as whole numbers. The ball about voxel p with the value d =
field[p] holds the voxels p + u with |u|^2 < d, where |u|^2 = sum of weight * u^2. `painted` starts as a copy of
`field`.

What a ball has to paint is what its neighbours leave. Ball p + e covers p + u when |u - e|^2 < field[p + e], which is
certain where 2 <u, e> > |e|^2 - 1 - (field[p + e] - d), because |u|^2 <= d - 1. Across the six faces this bounds u
along each axis (a box); a diagonal neighbour that covers the whole ball drops it. Where both values are equal, the
centre that is nearer to the voxel paints it, and the bound is the same. The result is exact: of all balls that reach a
voxel with the largest value, the one with the nearest centre is held back by no neighbour. And it does not depend on
the order, because a value is only ever raised.
"""

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.extending import intrinsic

from volio.jit import inner, jit

#: Bytes of the vectors that raise a row: those of the frame behind a row, less one value.
BLOCK_BYTES = 32


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
    return True


@inner
def _nearest(low, high):
    """Return the square of the least u in low ... high."""
    near = max(low, -high, 0)
    return near * near


@inner
def _paint_cap(painted, z, y, x, value, weights, box):
    """Paint what is inside the box and the ball."""
    flat, kind = painted.reshape(-1), painted.dtype.type
    rows, width = painted.shape[1], painted.shape[2]
    lanes = BLOCK_BYTES // painted.itemsize
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
            side = wy * uy
            half = np.int64(np.sqrt((plane - side * uy - 0.5) * per_x))
            start = max(x_low, -half)
            count = min(x_high, half) - start + 1
            place = line + uy * width + start
            while count > 0:
                _raise_block(flat, place, min(count, lanes), kind(value))
                place += lanes
                count -= lanes


@jit
def paint_block(field, painted, z_first, z_last, y_first, y_last, weights):
    """Paint the balls of the voxels z = z_first ... z_last - 1, y = y_first ... y_last - 1 of the volume."""
    wz, wy, wx = weights[0], weights[1], weights[2]
    squares = wz + wy, wz + wx, wy + wx, wz + wy + wx
    lengths = np.sqrt(wz + wy), np.sqrt(wz + wx), np.sqrt(wy + wx), np.sqrt(wz + wy + wx)
    maxima = np.zeros((4, field.shape[2]), field.dtype)
    box = np.empty(6, np.int64)
    for z in range(z_first + 1, z_last + 1):
        for y in range(y_first + 1, y_last + 1):
            row = field[z, y]
            _find_maxima(field, z, y, maxima)
            for x in range(1, field.shape[2] - 16):
                value = np.int64(row[x])
                if value == 0 or _is_covered(maxima, x, value, squares, lengths):
                    continue
                if _find_box(field, z, y, x, value, weights, box):
                    _paint_cap(painted, z, y, x, value, weights, box)


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
