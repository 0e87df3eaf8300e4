"""Kernels that sample cubic B-spline coefficients at the voxels of a deformed subset (see `interpolation`).

Interpolation works in whole lanes of `LANES` voxels along x, which may run over the end of a row segment: rows are
padded by LANES values, and the buffer of the coefficients goes on for LANES values behind its end.
"""

import math

import numpy as np

from volio.jit import jit

LANES = 16

_ONE = np.float32(1.0)
_THREE = np.float32(3.0)
_FOUR = np.float32(4.0)
_SIX = np.float32(6.0)
_SIXTH = np.float32(1.0 / 6.0)
_U1, _U2, _U3 = np.uint64(1), np.uint64(2), np.uint64(3)


@jit
def _weights(t):
    """Cubic B-spline weights of the four coefficients around a position with fraction t."""
    t2 = t * t
    t3 = t2 * t
    return (
        _SIXTH * (_ONE - _THREE * t + _THREE * t2 - t3),
        _SIXTH * (_FOUR - _SIX * t2 + _THREE * t3),
        _SIXTH * (_ONE + _THREE * t + _THREE * t2 - _THREE * t3),
        _SIXTH * t3,
    )


@jit
def _column(z, y, r00, r01, r02, r03, r10, r11, r12, r13, r20, r21, r22, r23, r30, r31, r32, r33, i):
    """Weigh the 16 coefficients of one x position with the four weights along z and along y."""
    return (
        z[0] * (y[0] * r00[i] + y[1] * r01[i] + y[2] * r02[i] + y[3] * r03[i])
        + z[1] * (y[0] * r10[i] + y[1] * r11[i] + y[2] * r12[i] + y[3] * r13[i])
        + z[2] * (y[0] * r20[i] + y[1] * r21[i] + y[2] * r22[i] + y[3] * r23[i])
        + z[3] * (y[0] * r30[i] + y[1] * r31[i] + y[2] * r32[i] + y[3] * r33[i])
    )


@jit
def sample_segment(c, iz, iy, ix, start, stop, tz, ty, tx, out):
    """Interpolate out[start:stop] where the integer position advances by exactly one voxel in x from lane to lane.

    c (z, y, x) coefficients; iz, iy, ix integer position of lane 0 of the row; tz, ty, tx fractions of every
    lane. The 64 coefficients of a lane are then 16 contiguous rows and no gather is needed. Works in whole
    lanes: up to LANES - 1 values behind `stop` are overwritten.
    """
    a, b = iz - 1, iy - 1
    for block in range(start, stop, LANES):
        x0 = ix - 1 + block
        fz, fy, fx, o = tz[block:], ty[block:], tx[block:], out[block:]
        r00, r01, r02, r03 = c[a, b, x0:], c[a, b + 1, x0:], c[a, b + 2, x0:], c[a, b + 3, x0:]
        r10, r11, r12, r13 = (
            c[a + 1, b, x0:],
            c[a + 1, b + 1, x0:],
            c[a + 1, b + 2, x0:],
            c[a + 1, b + 3, x0:],
        )
        r20, r21, r22, r23 = (
            c[a + 2, b, x0:],
            c[a + 2, b + 1, x0:],
            c[a + 2, b + 2, x0:],
            c[a + 2, b + 3, x0:],
        )
        r30, r31, r32, r33 = (
            c[a + 3, b, x0:],
            c[a + 3, b + 1, x0:],
            c[a + 3, b + 2, x0:],
            c[a + 3, b + 3, x0:],
        )
        for lane in range(np.uint64(LANES)):
            z = _weights(fz[lane])
            y = _weights(fy[lane])
            v0 = _column(z, y, r00, r01, r02, r03, r10, r11, r12, r13, r20, r21, r22, r23, r30, r31, r32, r33, lane)
            i = lane + _U1
            v1 = _column(z, y, r00, r01, r02, r03, r10, r11, r12, r13, r20, r21, r22, r23, r30, r31, r32, r33, i)
            i = lane + _U2
            v2 = _column(z, y, r00, r01, r02, r03, r10, r11, r12, r13, r20, r21, r22, r23, r30, r31, r32, r33, i)
            i = lane + _U3
            v3 = _column(z, y, r00, r01, r02, r03, r10, r11, r12, r13, r20, r21, r22, r23, r30, r31, r32, r33, i)
            x = _weights(fx[lane])
            o[lane] = x[0] * v0 + x[1] * v1 + x[2] * v2 + x[3] * v3


@jit
def _split(position, slope, x, n, fraction, whole):
    """Fill the integer and fractional parts of position + slope * x along a row; return the base integer."""
    base = math.floor(position)
    rest, g = np.float32(position - base), np.float32(slope)
    for i in range(n):
        v = rest + x[i] * g
        low = np.floor(v)
        fraction[i] = v - low
        whole[i] = np.int32(low)
    return int(base)


@jit
def warp(c, cz, cy, cx, p, rz, ry, x, nx, fractions, wholes, out):
    """Interpolate the deformed subset: out[r, i] = volume at centre + X + u(X).

    rz, ry (rows) and x (nx) are voxel offsets from the subset's centre; a row is cut where the integer part of
    the position changes by other than one voxel in x. `fractions` (3, nx + LANES), `wholes` (3, nx) are work space.
    """
    n = np.uint64(nx)
    tz, ty, tx = fractions[0], fractions[1], fractions[2]
    wz, wy, wx = wholes[0], wholes[1], wholes[2]
    first = int(x[0])
    for r in range(out.shape[0]):
        z, y = rz[r], ry[r]
        bz = _split(cz + z + p[0, 0] + p[0, 1] * z + p[0, 2] * y, p[0, 3], x, n, tz, wz)
        by = _split(cy + y + p[1, 0] + p[1, 1] * z + p[1, 2] * y, p[1, 3], x, n, ty, wy)
        bx = _split(cx + p[2, 0] + p[2, 1] * z + p[2, 2] * y, p[2, 3], x, n, tx, wx) + first
        row = out[r]
        start = 0
        while start < nx:
            kz, ky, kx = wz[start], wy[start], wx[start]
            stop = start + 1
            while stop < nx and wz[stop] == kz and wy[stop] == ky and wx[stop] == kx:
                stop += 1
            sample_segment(c, bz + kz, by + ky, bx + kx, start, stop, tz, ty, tx, row)
            start = stop
