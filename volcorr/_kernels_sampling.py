"""Kernels that sample B-spline coefficients along a row of a deformed subset (see `interpolation`).

A row is cut into vectors of `LANES` voxels along x. Where the integer part of the position is the same in all lanes of
a vector, but for one voxel a lane along x, its coefficients are contiguous runs and need no gathering; where it
changes within the vector, the lanes before and after the change share the runs of a support that is one voxel longer.

Coefficients (z, y, x) float32 C-contiguous are given by pointer, with the strides sz, sy in values. NaN stands for a
coefficient that is missing, and gives NaN.
"""

import math

import numpy as np

from volio.jit import inlined
from volio.simd import LANES, at_most, floor, lane, lane_numbers, load, select, splat, store

CUBIC, QUINTIC = 3, 5
#: Voxels before and behind the integer position that a spline reaches.
BEFORE, BEHIND = {CUBIC: 1, QUINTIC: 2}, {CUBIC: 2, QUINTIC: 3}

_ZERO, _ONE, _HALF = np.float32(0), np.float32(1), np.float32(0.5)
_SIXTH, _TWO_THIRDS = np.float32(1 / 6), np.float32(2 / 3)
_1, _5, _10, _30, _60, _66 = (np.float32(n / 120) for n in (1, 5, 10, 30, 60, 66))


@inlined
def _cubic_weights(t):
    """Weigh the coefficients at -1, 0, 1, 2 from the integer position, t behind it."""
    u = splat(_ONE) - t
    t2, u2 = t * t, u * u
    return (
        splat(_SIXTH) * (u2 * u),
        splat(_TWO_THIRDS) - t2 + splat(_HALF) * (t2 * t),
        splat(_TWO_THIRDS) - u2 + splat(_HALF) * (u2 * u),
        splat(_SIXTH) * (t2 * t),
    )


@inlined
def _dot4(c, i, w):
    return w[0] * load(c, i) + w[1] * load(c, i + 1) + w[2] * load(c, i + 2) + w[3] * load(c, i + 3)


@inlined
def _plane(c, i, sy, y, x):
    r0, r1 = y[0] * _dot4(c, i, x), y[1] * _dot4(c, i + sy, x)
    return r0 + r1 + y[2] * _dot4(c, i + 2 * sy, x) + y[3] * _dot4(c, i + 3 * sy, x)


@inlined
def _cubic(c, i, sz, sy, z, y, x):
    """Sum the 64 weighted coefficients of each lane; i is the first coefficient of lane 0."""
    p0, p1 = z[0] * _plane(c, i, sy, y, x), z[1] * _plane(c, i + sz, sy, y, x)
    return p0 + p1 + z[2] * _plane(c, i + 2 * sz, sy, y, x) + z[3] * _plane(c, i + 3 * sz, sy, y, x)


@inlined
def _put_late4(weights, at, w, late):
    """Store four weights as five vectors, one coefficient later in the lanes that are late."""
    store(weights, at, select(late, splat(_ZERO), w[0]))
    store(weights, at + LANES, select(late, w[0], w[1]))
    store(weights, at + 2 * LANES, select(late, w[1], w[2]))
    store(weights, at + 3 * LANES, select(late, w[2], w[3]))
    store(weights, at + 4 * LANES, select(late, w[3], splat(_ZERO)))


@inlined
def _wide_cubic(c, i, sz, sy, weights, nz, ny, nx):
    """Sum nz * ny * nx weighted coefficients of each lane, four or five an axis; the weights are five vectors each."""
    x0, x1, x2 = load(weights, 14 * LANES), load(weights, 15 * LANES), load(weights, 16 * LANES)
    x3, x4 = load(weights, 17 * LANES), load(weights, 18 * LANES)
    s = splat(_ZERO)
    for k in range(nz):
        plane = splat(_ZERO)
        for j in range(ny):
            q = i + k * sz + j * sy
            row = x0 * load(c, q) + x1 * load(c, q + 1) + x2 * load(c, q + 2) + x3 * load(c, q + 3)
            if nx == 5:
                row = row + x4 * load(c, q + 4)
            plane = plane + load(weights, (7 + j) * LANES) * row
        s = s + load(weights, k * LANES) * plane
    return s


@inlined
def _quintic_weights(t):
    """Weigh the coefficients at -2 ... 3 from the integer position, t behind it."""
    u = splat(_ONE) - t
    t2, u2 = t * t, u * u
    t4, u4 = t2 * t2, u2 * u2
    t5, u5 = t4 * t, u4 * u
    rise = splat(_1) + splat(_5) * t + splat(_10) * (t2 + t2 * t) + splat(_5) * t4
    fall = splat(_1) + splat(_5) * u + splat(_10) * (u2 + u2 * u) + splat(_5) * u4
    return (
        splat(_1) * u5,
        fall - splat(_5) * u5,
        splat(_66) - splat(_60) * t2 + splat(_30) * t4 - splat(_10) * t5,
        splat(_66) - splat(_60) * u2 + splat(_30) * u4 - splat(_10) * u5,
        rise - splat(_5) * t5,
        splat(_1) * t5,
    )


@inlined
def _put_late6(weights, at, w, late):
    """Store six weights as seven vectors, one coefficient later in the lanes that are late."""
    store(weights, at, select(late, splat(_ZERO), w[0]))
    store(weights, at + LANES, select(late, w[0], w[1]))
    store(weights, at + 2 * LANES, select(late, w[1], w[2]))
    store(weights, at + 3 * LANES, select(late, w[2], w[3]))
    store(weights, at + 4 * LANES, select(late, w[3], w[4]))
    store(weights, at + 5 * LANES, select(late, w[4], w[5]))
    store(weights, at + 6 * LANES, select(late, w[5], splat(_ZERO)))


@inlined
def _quintic(c, i, sz, sy, weights, nz, ny, nx):
    """Sum nz * ny * nx weighted coefficients of each lane; the weights are seven vectors an axis."""
    x0, x1, x2 = load(weights, 14 * LANES), load(weights, 15 * LANES), load(weights, 16 * LANES)
    x3, x4, x5 = load(weights, 17 * LANES), load(weights, 18 * LANES), load(weights, 19 * LANES)
    s = splat(_ZERO)
    for k in range(nz):
        plane = splat(_ZERO)
        for j in range(ny):
            q = i + k * sz + j * sy
            row = x0 * load(c, q) + x1 * load(c, q + 1) + x2 * load(c, q + 2)
            row = row + x3 * load(c, q + 3) + x4 * load(c, q + 4) + x5 * load(c, q + 5)
            if nx == 7:
                row = row + load(weights, 20 * LANES) * load(c, q + 6)
            plane = plane + load(weights, (7 + j) * LANES) * row
        s = s + load(weights, k * LANES) * plane
    return s


@inlined
def _range(value, curved):
    """Return the smallest and the largest lane; where the lanes are not curved these are at the ends."""
    low, high = lane(value, 0), lane(value, LANES - 1)
    if low > high:
        low, high = high, low
    if curved:
        for number in range(1, LANES - 1):
            inner = lane(value, number)
            low, high = min(low, inner), max(high, inner)
    return int(low), int(high)


@inlined
def _sample(c, i, sz, sy, quintic, weights, pz, py, px, wz, wy, wx, lows, highs):
    """Interpolate one vector; p are positions, w their integer parts, whose ranges are from lows to highs.

    i is the coefficient at integer position 0 of lane 0.
    """
    none = splat(_ZERO)
    out = none
    for z in range(lows[0], highs[0] + 1, 2):
        for y in range(lows[1], highs[1] + 1, 2):
            for x in range(lows[2], highs[2] + 1, 2):
                dz, dy, dx = wz - splat(z), wy - splat(y), wx - splat(x)
                late_z, late_y, late_x = none < dz, none < dy, none < dx
                more_z, more_y, more_x = highs[0] > z, highs[1] > y, highs[2] > x
                q = i + z * sz + y * sy + x
                if quintic is None:
                    _put_late4(weights, 0, _cubic_weights(pz - wz), late_z)
                    _put_late4(weights, 7 * LANES, _cubic_weights(py - wy), late_y)
                    _put_late4(weights, 14 * LANES, _cubic_weights(px - wx), late_x)
                    nz, ny, nx = 4 + int(more_z), 4 + int(more_y), 4 + int(more_x)
                    value = _wide_cubic(c, q - sz - sy - 1, sz, sy, weights, nz, ny, nx)
                else:
                    _put_late6(weights, 0, _quintic_weights(pz - wz), late_z)
                    _put_late6(weights, 7 * LANES, _quintic_weights(py - wy), late_y)
                    _put_late6(weights, 14 * LANES, _quintic_weights(px - wx), late_x)
                    nz, ny, nx = 6 + int(more_z), 6 + int(more_y), 6 + int(more_x)
                    value = _quintic(c, q - 2 * sz - 2 * sy - 2, sz, sy, weights, nz, ny, nx)
                square = dz * dz + dy * dy + dx * dx - dz - dy - dx  # zero where each is 0 or 1
                out = select(square == none, value, out)
    return out


@inlined
def sample_row(c, at, sz, sy, quintic, weights, constant, slope, curvature, first, count, out, to):
    """Interpolate out[to + i] at x = first + i, displaced by constant + slope * x + curvature * x * x along z, y, x.

    c coefficients; at index of the one at x = 0 before the displacement; quintic None for cubic, else True (each
    kind is compiled when it is first used); weights room for 21 vectors; constant, slope, curvature three floats each.
    Writes whole vectors: those lanes behind `count` are not to be used.
    """
    bz, by, bx = math.floor(constant[0]), math.floor(constant[1]), math.floor(constant[2])
    cz, cy, cx = splat(constant[0] - bz), splat(constant[1] - by), splat(constant[2] - bx)
    gz, gy, gx = splat(slope[0]), splat(slope[1]), splat(slope[2])
    curved = curvature[0] != 0.0 or curvature[1] != 0.0 or curvature[2] != 0.0
    base = at + int(bz) * sz + int(by) * sy + int(bx) + first
    last = splat(first + count - 1)
    for block in range(0, count, LANES):
        x = splat(first + block) + lane_numbers()
        x = at_most(x, last)
        pz, py, px = cz + gz * x, cy + gy * x, cx + gx * x
        if curved:
            square = x * x
            pz = pz + splat(curvature[0]) * square
            py = py + splat(curvature[1]) * square
            px = px + splat(curvature[2]) * square
        wz, wy, wx = floor(pz), floor(py), floor(px)
        z0, z1 = _range(wz, curved)
        y0, y1 = _range(wy, curved)
        x0, x1 = _range(wx, curved)
        i = base + block
        if quintic is None and z0 == z1 and y0 == y1 and x0 == x1:
            q = i + (z0 - 1) * sz + (y0 - 1) * sy + x0 - 1
            z, y = _cubic_weights(pz - wz), _cubic_weights(py - wy)
            value = _cubic(c, q, sz, sy, z, y, _cubic_weights(px - wx))
        else:
            value = _sample(c, i, sz, sy, quintic, weights, pz, py, px, wz, wy, wx, (z0, y0, x0), (z1, y1, x1))
        store(out, to + block, value)
