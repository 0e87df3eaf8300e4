"""Vectors inside kernels, each operation against NumPy."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.errors import TypingError

from volio.simd import (
    LANES,
    at_least,
    at_most,
    bits,
    clear,
    first_bit,
    floor,
    highest,
    is_number,
    lane,
    lane_numbers,
    load,
    pointer,
    root,
    select,
    splat,
    store,
    total,
)

# not cached on disk: a cached caller would keep the code of an older kernel
compiled = numba.njit(error_model="numpy")


@compiled
def operate(a, b, scalar, out):
    """Write one result a row of eight."""
    p, q, o = pointer(a), pointer(b), pointer(out)
    x, y = load(p, 0), load(q, 0)
    none, one = splat(np.float32(0)), splat(np.float32(1))
    store(o, 0, x + y)
    store(o, 8, x - y)
    store(o, 16, x * y)
    store(o, 24, floor(x))
    store(o, 32, splat(scalar))
    store(o, 40, lane_numbers())
    store(o, 48, select(x < y, one, none))
    store(o, 56, select(x == y, one, none))
    store(o, 64, select(is_number(x) & is_number(y), one, none))
    store(o, 72, load(p, 3))
    store(o, 80, select(is_number(x), x, y))
    store(o, 88, at_least(x, y))
    store(o, 96, at_most(x, y))
    store(o, 104, root(x * x))
    store(o, 112, select((x < y) | (y < x), one, none))


@compiled
def lanes_of(a, out):
    x = load(pointer(a), 0)
    for i in range(LANES):
        out[i] = lane(x, i)
    return total(x)


@compiled
def clear_one(arrays, number):
    clear(arrays[number])


@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16])
def test_clear_fills_one_array_and_nothing_beside_it(shape, dtype):
    arrays = np.ones((3, *shape), dtype)
    clear_one(arrays, 1)
    assert not arrays[1].any()
    assert (arrays[[0, 2]] == 1).all()


numbers = st.lists(st.floats(-1e3, 1e3, width=32) | st.just(float("nan")), min_size=LANES, max_size=LANES)


@given(numbers, numbers, st.floats(-100, 100))
@settings(max_examples=60, deadline=None)
def test_every_operation_is_that_of_numpy(first, second, scalar):
    a = np.array([*first, 1, 2, 3], np.float32)
    b = np.array(second, np.float32)
    b[2] = a[2]  # equal somewhere
    out = np.full(120, -7, np.float32)
    operate(a, b, scalar, out)
    x = a[:8]
    expected = [
        x + b,
        x - b,
        x * b,
        np.floor(x),
        np.full(8, scalar, np.float32),
        np.arange(8),
        x < b,
        x == b,
        np.isfinite(x) & np.isfinite(b),
        a[3:11],
        np.where(np.isnan(x), b, x),
        np.where(x > b, x, b),
        np.where(x < b, x, b),
        np.sqrt(x * x),
        (x < b) | (b < x),
    ]
    np.testing.assert_array_equal(out.reshape(-1, 8), np.array(expected, np.float32))


@compiled
def look_at(a, limit):
    x = load(pointer(a), 0)
    found = bits(x < splat(limit))
    return highest(x), found, first_bit(found) if found else -1


@given(st.lists(st.integers(-1000, 1000), min_size=LANES, max_size=LANES), st.integers(-1000, 1001))
@settings(max_examples=60, deadline=None)
def test_the_highest_lane_and_bits(values, limit):
    a = np.array(values, np.float32)
    below = [k for k in range(LANES) if values[k] < limit]
    assert look_at(a, limit) == (max(values), sum(1 << k for k in below), below[0] if below else -1)


@given(st.lists(st.integers(-1000, 1000), min_size=LANES, max_size=LANES))
@settings(max_examples=20, deadline=None)
def test_total_and_lanes(values):
    a, out = np.array(values, np.float32), np.zeros(LANES)
    assert lanes_of(a, out) == sum(values)
    np.testing.assert_array_equal(out, values)


def test_the_order_of_a_total_is_fixed():
    """Halves are added to each other: the sums of a field must not depend on the machine."""
    a = np.array([1e8, 1, -1e8, 2, 3, 1e8, 5, -1e8], np.float32)
    half = a[:4] + a[4:]
    quarter = half[:2] + half[2:]
    assert lanes_of(a, np.zeros(LANES)) == quarter[0] + quarter[1]


@pytest.mark.parametrize("bad", [np.zeros(16), np.zeros((4, 8), np.float32)[:, ::2], np.zeros(16, np.int32)])
def test_only_contiguous_float32_has_a_pointer(bad):
    with pytest.raises(TypingError):
        lanes_of(bad, np.zeros(LANES))


def test_operators_need_two_vectors():
    @compiled
    def wrong(a):
        return total(load(pointer(a), 0) + 1.0)

    with pytest.raises(TypingError):
        wrong(np.zeros(8, np.float32))


def test_what_is_no_vector_is_refused():
    @compiled
    def wrong_floor(a):
        return total(floor(a[0]))

    @compiled
    def wrong_splat(a):
        return total(splat(a))

    for function in (wrong_floor, wrong_splat):
        with pytest.raises(TypingError):
            function(np.zeros(8, np.float32))
