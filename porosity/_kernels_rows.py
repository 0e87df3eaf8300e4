"""Kernels that raise pieces of rows of a painted map, behind those that find them (see `_kernels_painting`).

Pieces wait in a queue, (3, QUEUE): flat index, how many, value. Each has been asked for from memory when it gets there
and is in the cache when it is painted.
"""

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.extending import intrinsic

from volio.jit import inner
from volio.simd import (
    LANES,
    at_least,
    at_most,
    bits,
    first_bit,
    floor,
    lane_numbers,
    pointer,
    root,
    select,
    splat,
    store,
)

#: Bytes of the vectors that raise a row: those of the frame behind a row, less one value.
BLOCK_BYTES = 32
#: Pieces of rows that wait until they are in the cache.
QUEUE = 64
#: Values of a row that one vector holds, of 16 bits.
WIDE = BLOCK_BYTES // 2


@intrinsic
def raise_block(typing, array, index, count, value):
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


@intrinsic
def _fetch(typing, array, index):
    """Have the line of a flat index brought to the cache, to be written to."""
    if not (isinstance(array, types.Array) and array.layout == "C"):
        return None

    def code(context, builder, sig, args):
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        place = builder.bitcast(builder.gep(data, [args[1]]), byte)
        builder.call(function, [place, number(1), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), code


@inner
def _queue_piece(flat, line, start, end, value, queue, queued):
    """Queue what is painted from start to end of a row, whose place 0 has the flat index `line`; return the number."""
    if end < start:
        return queued
    _fetch(flat, line + start)
    queue[0, queued], queue[1, queued], queue[2, queued] = line + start, end - start + 1, value
    return queued + 1


@inner
def paint_queue(flat, queue, queued):
    """Paint the pieces of rows that were queued: by now they are in the cache."""
    kind, lanes = flat.dtype.type, WIDE if flat.itemsize == 2 else WIDE // 2
    for k in range(queued):
        place, count, value = queue[0, k], queue[1, k], kind(queue[2, k])
        while count > 0:
            raise_block(flat, place, min(count, lanes), value)
            place += lanes
            count -= lanes


@inner
def paint_rows(flat, width, line, value, plane, first, last, sides, wy, wx, queue, queued):
    """Paint rows `first` ... `last` of a plane of a cell; the flat index of the place beside the centre is `line`."""
    per_x = 1.0 / wx
    right, up_right, down_right, left, up_left, down_left = sides
    for uy in range(first, last + 1):
        side = wy * uy
        half = np.sqrt((plane - side * uy - 0.5) * per_x)
        end = np.int64(np.floor(min(half, (min(right, up_right - side, down_right + side) + 0.5) * per_x)))
        start = -np.int64(np.floor(min(half, (min(left, up_left - side, down_left + side) + 0.5) * per_x)))
        queued = _queue_piece(flat, line + uy * width, start, end, value, queue, queued)
        if queued > QUEUE - 2 * LANES:
            paint_queue(flat, queue, queued)
            queued = 0
    return queued


@inner
def paint_rim(flat, width, line, value, plane, first, last, sides, wy, wx, larger, over, number, ends, queue, queued):
    """Paint rows as `paint_rows`, less what the balls of larger neighbours hold: eight rows at a time.

    The first `number` rows of larger (RIVALS, 4) are the larger neighbours: their steps along y and x are its second
    and third column. over (RIVALS,) is what their values leave to y and x in this plane; ends (4 LANES,) is scratch.
    """
    right, up_right, down_right, left, up_left, down_left = sides
    zero, one, half_step, far = splat(0.0), splat(1.0), splat(0.5), splat(1e9)
    per_x, weight, to = splat(1.0 / wx), splat(wy), pointer(ends)
    for row in range(first, last + 1, LANES):
        uy = splat(row) + lane_numbers()
        side = weight * uy
        half = root(at_least(splat(plane - 0.5) - side * uy, zero) * per_x)
        stop = at_most(splat(right), at_most(splat(up_right) - side, splat(down_right) + side))
        stop = floor(at_most(half, (stop + half_step) * per_x))
        start = at_most(splat(left), at_most(splat(up_left) - side, splat(down_left) + side))
        start = zero - floor(at_most(half, (start + half_step) * per_x))
        low, high = far, zero - far
        for k in range(number):
            across, middle = uy - splat(larger[k, 1]), splat(larger[k, 2])
            reach = floor(root(at_least(splat(over[k]) - weight * across * across, zero) * per_x))
            # one that reaches a voxel from its middle joins the others without a gap
            joins = half_step < reach
            low = select(joins, at_most(low, middle - reach), low)
            high = select(joins, at_least(high, middle + reach), high)
        before, behind = at_most(stop, low - one), at_least(start, high + one)
        left_over = bits((start < before + half_step) | (behind < stop + half_step))
        left_over &= (1 << min(last + 1 - row, LANES)) - 1
        if left_over == 0:
            continue
        store(to, 0, start)
        store(to, LANES, before)
        store(to, 2 * LANES, behind)
        store(to, 3 * LANES, stop)
        while left_over != 0:
            k = first_bit(left_over)
            left_over &= left_over - 1
            at = line + (row + k) * width
            first_start, last_end = np.int64(ends[k]), np.int64(ends[3 * LANES + k])
            if last_end - first_start < WIDE:  # one vector: what lies between the two pieces may be painted as well
                queued = _queue_piece(flat, at, first_start, last_end, value, queue, queued)
                continue
            end = np.int64(ends[LANES + k])
            queued = _queue_piece(flat, at, first_start, end, value, queue, queued)
            if end < last_end:
                queued = _queue_piece(flat, at, np.int64(ends[2 * LANES + k]), last_end, value, queue, queued)
        if queued > QUEUE - 2 * LANES:
            paint_queue(flat, queue, queued)
            queued = 0
    return queued
