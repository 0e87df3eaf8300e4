"""Kernels on the voxels of a subset: which of them can be used, their grey and its gradient, their deformed grey.

A window is a float32 array (z, y, x) that holds every subset with a margin; its values are addressed by flat index.
Sums over a row or a plane are float32, sums over planes float64. The monomials are 1, z, y, x and for second order also
zz, zy, zx, yy, yx, xx, of the distance from the subset's centre.
"""

import numpy as np

from volcorr._kernels_sampling import sample_row
from volio.jit import inlined
from volio.simd import LANES, is_number, lane_numbers, load, pointer, select, splat, total

# powers of z, y, x in the ten monomials
POWERS = np.array(
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [2, 0, 0], [1, 1, 0], [1, 0, 1], [0, 2, 0], [0, 1, 1], [0, 0, 2]]
)
_HALF = np.float32(0.5)


@inlined
def gradient(f, i, sz, sy):
    """Grey gradient of one vector along z, y, x by central differences."""
    half = splat(_HALF)
    gz = half * (load(f, i + sz) - load(f, i - sz))
    gy = half * (load(f, i + sy) - load(f, i - sy))
    return gz, gy, half * (load(f, i + 1) - load(f, i - 1))


@inlined
def usable(absent, partial, i, block, count):
    """Tell which lanes of a vector are voxels of the subset that can be used."""
    inside = lane_numbers() < splat(count - block)
    if partial:
        inside = inside & is_number(load(absent, i))
    return inside


@inlined
def grey_sums(f, absent, partial, corner, sz, sy, shape):
    """Return the number of usable voxels of a subset, the sums of their grey and of its square."""
    nz, ny, nx = shape
    none, one = splat(np.float32(0)), splat(np.float32(1))
    number, first, second = 0.0, 0.0, 0.0
    for k in range(nz):
        for j in range(ny):
            i = corner + k * sz + j * sy
            n, s, ss = none, none, none
            for block in range(0, nx, LANES):
                use = usable(absent, partial, i + block, block, nx)
                v = select(use, load(f, i + block), none)
                n, s, ss = n + select(use, one, none), s + v, ss + v * v
            number += total(n)
            first += total(s)
            second += total(ss)
    return number, first, second


@inlined
def sample_subset(c, f, absent, partial, corner, sz, sy, target, tz, ty, quintic, weights, p, half, out, lanes):
    """Interpolate the deformed subset into out (rows of `lanes` values, NaN where a coefficient is missing).

    corner is the flat index of the subset's first voxel in the reference window, target that of its centre in the
    deformed window; sz, sy and tz, ty are the strides of the two. Returns over the voxels used: their number, the sums
    of f, f f, g and g g.
    """
    none, one = splat(np.float32(0)), splat(np.float32(1))
    o = pointer(out)
    n0, f1, f2, g1, g2 = 0.0, 0.0, 0.0, 0.0, 0.0
    ny, nx = 2 * half[1] + 1, 2 * half[2] + 1
    curvature = (p[0, 9], p[1, 9], p[2, 9])
    for k in range(2 * half[0] + 1):
        z = float(k - half[0])
        a0, a1, a2, b1, b2 = none, none, none, none, none
        for j in range(ny):
            y = float(j - half[1])
            at = (k * ny + j) * lanes
            constant = (
                p[0, 0] + z * (p[0, 1] + z * p[0, 4] + y * p[0, 5]) + y * (p[0, 2] + y * p[0, 7]),
                p[1, 0] + z * (p[1, 1] + z * p[1, 4] + y * p[1, 5]) + y * (p[1, 2] + y * p[1, 7]),
                p[2, 0] + z * (p[2, 1] + z * p[2, 4] + y * p[2, 5]) + y * (p[2, 2] + y * p[2, 7]),
            )
            slope = (
                p[0, 3] + z * p[0, 6] + y * p[0, 8],
                p[1, 3] + z * p[1, 6] + y * p[1, 8],
                p[2, 3] + z * p[2, 6] + y * p[2, 8],
            )
            centre = target + (k - half[0]) * tz + (j - half[1]) * ty
            sample_row(c, centre, tz, ty, quintic, weights, constant, slope, curvature, -half[2], nx, o, at)
            i = corner + k * sz + j * sy
            for block in range(0, nx, LANES):
                g, v = load(o, at + block), load(f, i + block)
                use = usable(absent, partial, i + block, block, nx) & is_number(g)
                g, v = select(use, g, none), select(use, v, none)
                a0, a1, a2 = a0 + select(use, one, none), a1 + v, a2 + v * v
                b1, b2 = b1 + g, b2 + g * g
        n0 += total(a0)
        f1 += total(a1)
        f2 += total(a2)
        g1 += total(b1)
        g2 += total(b2)
    return n0, f1, f2, g1, g2
