"""Kernels of the cubic B-spline prefilter (see `interpolation`)."""

import math

from volio.jit import jit

_POLE = math.sqrt(3.0) - 2.0  # of the cubic B-spline
_GAIN = (1.0 - _POLE) * (1.0 - 1.0 / _POLE)
_HORIZON = 28  # |pole|^28 = 1e-16: the start of the recursion is exact in double precision


@jit
def _mirror(k, n):
    """Return the index in 0 .. n - 1 that k >= 0 is reflected to at the ends, which are not repeated."""
    k %= 2 * (n - 1)
    return k if k < n else 2 * (n - 1) - k


@jit
def filter_first_axis(c):
    """Prefilter along the first axis, in place; c (n, m) float32 with n >= 2, row by row."""
    n, m = c.shape
    first_row = c[0]
    for i in range(m):  # causal start for the signal that is mirrored at both ends
        total = 0.0
        power = _POLE
        for k in range(1, _HORIZON + 1):
            total += power * c[_mirror(k, n), i]
            power *= _POLE
        first_row[i] += total
    for k in range(1, n):
        before = c[k - 1]
        row = c[k]
        for i in range(m):
            row[i] += _POLE * before[i]
    before = c[n - 2]
    row = c[n - 1]
    for i in range(m):
        row[i] = _POLE / (_POLE * _POLE - 1.0) * (row[i] + _POLE * before[i])
    for k in range(n - 2, -1, -1):
        after = c[k + 1]
        row = c[k]
        for i in range(m):
            row[i] = _POLE * (after[i] - row[i])
    for k in range(n):
        row = c[k]
        for i in range(m):
            row[i] *= _GAIN


@jit
def filter_last_axis(c):
    """Prefilter along the last axis, in place; c (m, n) float32 with n >= 2."""
    m, n = c.shape
    for j in range(m):
        row = c[j]
        value = float(row[0])
        power = _POLE
        for k in range(1, _HORIZON + 1):
            value += power * row[_mirror(k, n)]
            power *= _POLE
        row[0] = value
        for k in range(1, n):
            value = row[k] + _POLE * value
            row[k] = value
        value = _POLE / (_POLE * _POLE - 1.0) * (row[n - 1] + _POLE * row[n - 2])
        row[n - 1] = _GAIN * value
        for k in range(n - 2, -1, -1):
            value = _POLE * (value - row[k])
            row[k] = _GAIN * value
