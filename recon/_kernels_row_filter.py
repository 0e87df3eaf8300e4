"""Kernels that filter detector rows (see `row_filter`): eight slices at a time, one in each lane of a vector.

A filter is real and the same for all rows, so two projections are filtered as the real and the imaginary part of one
complex row. The transform forth leaves its result in an order of its own, and the transform back starts from that
order: nothing is ever sorted. Both work in place, by fours (Gentleman and Sande; doi:10.1145/1464291.1464352).
"""

import numpy as np
import numpy.typing as npt

from volio.jit import jit
from volio.simd import LANES, load, pointer, splat, store

Singles = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

_CACHED = 256  # samples: a run that stays in the first cache from transform to transform
_PAIR = 2 * LANES  # numbers of a complex sample: LANES real parts, then LANES imaginary ones


@jit
def _forth_by_four(data: Singles, begin: int, end: int, length: int, turns: Singles) -> None:
    """Split each run of `length` samples from `begin` to `end` into four, to be transformed on their own."""
    p = pointer(data)
    quarter = length // 4
    stride = data.size // _PAIR // length
    for j in range(quarter):
        c1, s1 = splat(turns[2 * j * stride]), splat(turns[2 * j * stride + 1])
        c2, s2 = splat(turns[4 * j * stride]), splat(turns[4 * j * stride + 1])
        c3, s3 = splat(turns[6 * j * stride]), splat(turns[6 * j * stride + 1])
        for start in range(begin + j, end, length):
            i0 = start * _PAIR
            i1, i2, i3 = i0 + quarter * _PAIR, i0 + 2 * quarter * _PAIR, i0 + 3 * quarter * _PAIR
            ar, ai, br, bi = load(p, i0), load(p, i0 + LANES), load(p, i1), load(p, i1 + LANES)
            cr, ci, dr, di = load(p, i2), load(p, i2 + LANES), load(p, i3), load(p, i3 + LANES)
            er, ei, fr, fi = ar + cr, ai + ci, ar - cr, ai - ci
            gr, gi, hr, hi = br + dr, bi + di, bi - di, dr - br
            store(p, i0, er + gr)
            store(p, i0 + LANES, ei + gi)
            ur, ui = er - gr, ei - gi
            store(p, i1, ur * c2 - ui * s2)
            store(p, i1 + LANES, ur * s2 + ui * c2)
            vr, vi = fr + hr, fi + hi
            store(p, i2, vr * c1 - vi * s1)
            store(p, i2 + LANES, vr * s1 + vi * c1)
            wr, wi = fr - hr, fi - hi
            store(p, i3, wr * c3 - wi * s3)
            store(p, i3 + LANES, wr * s3 + wi * c3)


@jit
def _back_by_four(data: Singles, begin: int, end: int, length: int, turns: Singles) -> None:
    """Undo `_forth_by_four`, times four."""
    p = pointer(data)
    quarter = length // 4
    stride = data.size // _PAIR // length
    for j in range(quarter):
        c1, s1 = splat(turns[2 * j * stride]), splat(turns[2 * j * stride + 1])
        c2, s2 = splat(turns[4 * j * stride]), splat(turns[4 * j * stride + 1])
        c3, s3 = splat(turns[6 * j * stride]), splat(turns[6 * j * stride + 1])
        for start in range(begin + j, end, length):
            i0 = start * _PAIR
            i1, i2, i3 = i0 + quarter * _PAIR, i0 + 2 * quarter * _PAIR, i0 + 3 * quarter * _PAIR
            ar, ai = load(p, i0), load(p, i0 + LANES)
            xr, xi = load(p, i1), load(p, i1 + LANES)
            ur, ui = xr * c2 + xi * s2, xi * c2 - xr * s2
            xr, xi = load(p, i2), load(p, i2 + LANES)
            vr, vi = xr * c1 + xi * s1, xi * c1 - xr * s1
            xr, xi = load(p, i3), load(p, i3 + LANES)
            wr, wi = xr * c3 + xi * s3, xi * c3 - xr * s3
            er, ei, gr, gi = ar + ur, ai + ui, ar - ur, ai - ui
            fr, fi, hr, hi = vr + wr, vi + wi, vr - wr, vi - wi
            store(p, i0, er + fr)
            store(p, i0 + LANES, ei + fi)
            store(p, i1, gr - hi)
            store(p, i1 + LANES, gi + hr)
            store(p, i2, er - fr)
            store(p, i2 + LANES, ei - fi)
            store(p, i3, gr + hi)
            store(p, i3 + LANES, gi - hr)


@jit
def _by_two(data: Singles, begin: int, end: int) -> None:
    """Transform neighbouring samples, forth or back."""
    p = pointer(data)
    for i in range(begin * _PAIR, end * _PAIR, 2 * _PAIR):
        for part in range(0, _PAIR, LANES):
            a, b = load(p, i + part), load(p, i + _PAIR + part)
            store(p, i + part, a + b)
            store(p, i + _PAIR + part, a - b)


@jit
def _multiply(data: Singles, response: Singles, begin: int, end: int) -> None:
    """Multiply complex samples."""
    p, h = pointer(data), pointer(response)
    for i in range(begin * _PAIR, end * _PAIR, _PAIR):
        re, im, hr, hi = load(p, i), load(p, i + LANES), load(h, i), load(h, i + LANES)
        store(p, i, re * hr - im * hi)
        store(p, i + LANES, re * hi + im * hr)


@jit
def convolve(data: Singles, turns: Singles, response: Singles) -> None:
    """Convolve the samples of `data`, flat with LANES real and LANES imaginary numbers each; their number is 2^n.

    turns (2 * samples,): cosine and -sine of 0, 1, ... samples - 1 parts of a turn. response, flat as data: the filter
    at the frequencies that the transform leaves at these places, over the number of samples.
    """
    samples = data.size // _PAIR
    length = samples
    while length > _CACHED:
        _forth_by_four(data, 0, samples, length, turns)
        length //= 4
    cached = length
    for begin in range(0, samples, cached):
        end = begin + cached
        length = cached
        while length >= 4:
            _forth_by_four(data, begin, end, length, turns)
            length //= 4
        if length == 2:
            _by_two(data, begin, end)
        _multiply(data, response, begin, end)
        if length == 2:
            _by_two(data, begin, end)
        length *= 4
        while length <= cached:
            _back_by_four(data, begin, end, length, turns)
            length *= 4
    length = 4 * cached
    while length <= samples:
        _back_by_four(data, 0, samples, length, turns)
        length *= 4


@jit
def _fill(rows: Singles, data: Singles, part: int, fade: Singles) -> None:
    """Copy rows (slices, columns) to the real (part 0) or imaginary (part 1) lanes, and go on beyond their ends.

    fade (samples - columns,): how much of the value at the right end there is beyond it; read backwards, of that at
    the left end.
    """
    slices, columns = rows.shape
    offset = part * LANES
    for k in range(slices):
        for column in range(columns):
            data[column * _PAIR + offset + k] = rows[k, column]
        right, left = rows[k, columns - 1], rows[k, 0]
        for i in range(fade.size):
            value = right * fade[i] + left * fade[fade.size - 1 - i]
            data[(columns + i) * _PAIR + offset + k] = value


@jit
def filter_rows(
    rows: Singles,
    places: Integers,
    turns: Singles,
    response: Singles,
    fade: Singles,
    lead: int,
    out: Singles,
) -> None:
    """Filter rows (angles, slices, columns) float32 of at most LANES slices, two angles at a time.

    turns, response: see `convolve`. The row of angle n goes to out[places[n]] (width, LANES), where
    column 0 stands at `lead`; beyond the ends of the detector stands what the filter makes there.
    """
    samples = turns.size // 2
    width = out.shape[1]
    data = np.zeros(samples * _PAIR, np.float32)
    for first in range(0, rows.shape[0], 2):
        for part in range(2):
            _fill(rows[min(first + part, rows.shape[0] - 1)], data, part, fade)
        convolve(data, turns, response.reshape(-1))
        p = pointer(data)
        for part in range(min(2, rows.shape[0] - first)):
            filtered = pointer(out[places[first + part]].reshape(-1))
            for i in range(width):
                at = ((i - lead) % samples) * _PAIR + part * LANES
                store(filtered, i * LANES, load(p, at))
