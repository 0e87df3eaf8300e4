"""Kernels of the Hessian of a subset (see `icgn`), made of the grey gradient of the reference.

Windows, sums and monomials are those of `_kernels_subset`.
"""

import math

import numpy as np

from volcorr._kernels_linear import cholesky
from volcorr._kernels_subset import POWERS, gradient, usable
from volio.jit import inlined
from volio.simd import LANES, clear, is_number, lane_numbers, load, select, splat, total

PIVOT = 1e-7  # smallest of the Cholesky factor, relative to the diagonal


@inlined
def _row_moments(f, absent, partial, i, sz, sy, g, at, found, first, count, second_order, sums):
    """Fill sums (5, 6) with the sums over one row of g_a g_b x^k; k up to 2, or up to 4 for second order."""
    none = splat(np.float32(0))
    for high in range(1 + int(second_order)):
        zz0, zy0, zx0, yy0, yx0, xx0 = none, none, none, none, none, none
        zz1, zy1, zx1, yy1, yx1, xx1 = none, none, none, none, none, none
        zz2, zy2, zx2, yy2, yx2, xx2 = none, none, none, none, none, none
        for block in range(0, count, LANES):
            use = usable(absent, partial, i + block, block, count)
            if found:
                use = use & is_number(load(g, at + block))
            gz, gy, gx = gradient(f, i + block, sz, sy)
            x = splat(first + block) + lane_numbers()
            gz, gy, gx = select(use, gz, none), select(use, gy, none), select(use, gx, none)
            if high:
                square = x * x
                hz, hy, hx = gz * square, gy * square, gx * square
            else:
                hz, hy, hx = gz, gy, gx
            a = hz * gz
            zz0, zz1, zz2 = zz0 + a, zz1 + a * x, zz2 + (a * x) * x
            a = hz * gy
            zy0, zy1, zy2 = zy0 + a, zy1 + a * x, zy2 + (a * x) * x
            a = hz * gx
            zx0, zx1, zx2 = zx0 + a, zx1 + a * x, zx2 + (a * x) * x
            a = hy * gy
            yy0, yy1, yy2 = yy0 + a, yy1 + a * x, yy2 + (a * x) * x
            a = hy * gx
            yx0, yx1, yx2 = yx0 + a, yx1 + a * x, yx2 + (a * x) * x
            a = hx * gx
            xx0, xx1, xx2 = xx0 + a, xx1 + a * x, xx2 + (a * x) * x
        k = 2 * high
        sums[k, 0], sums[k, 1], sums[k, 2] = total(zz0), total(zy0), total(zx0)
        sums[k, 3], sums[k, 4], sums[k, 5] = total(yy0), total(yx0), total(xx0)
        sums[k + 1, 0], sums[k + 1, 1], sums[k + 1, 2] = total(zz1), total(zy1), total(zx1)
        sums[k + 1, 3], sums[k + 1, 4], sums[k + 1, 5] = total(yy1), total(yx1), total(xx1)
        sums[k + 2, 0], sums[k + 2, 1], sums[k + 2, 2] = total(zz2), total(zy2), total(zx2)
        sums[k + 2, 3], sums[k + 2, 4], sums[k + 2, 5] = total(yy2), total(yx2), total(xx2)


@inlined
def transfer(f, absent, partial, corner, sz, sy, half, factors):
    """Fill factors (3) with the sum of g_a e_a over that of g_a g_a, e being the fourth-order central difference.

    The central difference g misses some of the slope of fine texture. A Hessian from g alone is too small by that, and
    its steps are too long. Every third plane is enough to know by how much.
    """
    none, four_thirds, twelfth = splat(np.float32(0)), splat(np.float32(4 / 3)), splat(np.float32(1 / 12))
    count = 2 * half[2] + 1
    own_z, own_y, own_x, other_z, other_y, other_x = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(half[0] % 3, 2 * half[0] + 1, 3):
        zz, yy, xx, ze, ye, xe = none, none, none, none, none, none
        for j in range(2 * half[1] + 1):
            first = corner + k * sz + j * sy
            for block in range(0, count, LANES):
                i = first + block
                use = usable(absent, partial, i, block, count)
                gz, gy, gx = gradient(f, i, sz, sy)
                ez = four_thirds * gz - twelfth * (load(f, i + 2 * sz) - load(f, i - 2 * sz))
                ey = four_thirds * gy - twelfth * (load(f, i + 2 * sy) - load(f, i - 2 * sy))
                ex = four_thirds * gx - twelfth * (load(f, i + 2) - load(f, i - 2))
                gz, gy, gx = select(use, gz, none), select(use, gy, none), select(use, gx, none)
                zz, yy, xx = zz + gz * gz, yy + gy * gy, xx + gx * gx
                ze, ye, xe = ze + gz * ez, ye + gy * ey, xe + gx * ex
        own_z += total(zz)
        own_y += total(yy)
        own_x += total(xx)
        other_z += total(ze)
        other_y += total(ye)
        other_x += total(xe)
    factors[0] = other_z / own_z if own_z > 0.0 else 1.0
    factors[1] = other_y / own_y if own_y > 0.0 else 1.0
    factors[2] = other_x / own_x if own_x > 0.0 else 1.0


@inlined
def hessian(f, absent, partial, corner, sz, sy, g, lanes, found, half, terms, row, plane, moments, h):
    """Fill h (3 terms, 3 terms) with sum_voxels g_a g_b m_u m_v; parameters are ordered (a, u).

    Where found is True, over the voxels of which g (rows of `lanes` values) is a number.

    All entries come from six products of gradients times 10 (35 for second order) products of coordinates.
    row (5, 6), plane (5, 5, 6) and moments (5, 5, 5, 6) are work space.
    """
    second_order = terms == 10
    degree = 4 if second_order else 2
    clear(moments)
    for k in range(2 * half[0] + 1):
        z = float(k - half[0])
        clear(plane)
        for j in range(2 * half[1] + 1):
            y = float(j - half[1])
            i = corner + k * sz + j * sy
            at = (k * (2 * half[1] + 1) + j) * lanes
            _row_moments(f, absent, partial, i, sz, sy, g, at, found, -half[2], 2 * half[2] + 1, second_order, row)
            power = 1.0
            for b in range(degree + 1):
                for c in range(degree + 1 - b):
                    for pair in range(6):
                        plane[b, c, pair] += power * row[c, pair]
                power *= y
        power = 1.0
        for a in range(degree + 1):
            for b in range(degree + 1 - a):
                for c in range(degree + 1 - a - b):
                    for pair in range(6):
                        moments[a, b, c, pair] += power * plane[b, c, pair]
            power *= z
    for a in range(3):
        for b in range(a, 3):
            pair = a + b if a == 0 else a + b + 1
            for u in range(terms):
                for v in range(terms):
                    p, q, r = (
                        POWERS[u, 0] + POWERS[v, 0],
                        POWERS[u, 1] + POWERS[v, 1],
                        POWERS[u, 2] + POWERS[v, 2],
                    )
                    value = moments[p, q, r, pair]
                    h[a * terms + u, b * terms + v] = value
                    h[b * terms + v, a * terms + u] = value


@inlined
def scale_hessian(h, factors, edges, terms, power):
    """Turn h in place to parameters that are motions of the faces in voxels; fill power (3) from its diagonal."""
    for a in range(3):
        power[a] = h[a * terms, a * terms] * factors[a]
    for a in range(3 * terms):
        for b in range(3 * terms):
            scale = math.sqrt(factors[a // terms] * factors[b // terms])
            h[a, b] *= scale / (edges[a % terms] * edges[b % terms])


@inlined
def reduce_hessian(h, basis, out):
    """Fill out (n, n) with basis h basis^T; basis (n, 3 terms) are the motions that the subset may make."""
    for m in range(basis.shape[0]):
        for n in range(m + 1):
            value = 0.0
            for a in range(basis.shape[1]):
                if basis[m, a] != 0.0:
                    for b in range(basis.shape[1]):
                        value += basis[m, a] * h[a, b] * basis[n, b]
            out[m, n] = value
            out[n, m] = value


@inlined
def factorise_hessian(
    f,
    absent,
    partial,
    corner,
    sz,
    sy,
    g,
    lanes,
    found,
    half,
    basis,
    edges,
    row,
    plane,
    moments,
    full,
    factors,
    power,
    h,
):
    """Fill h (n, n) with the Cholesky factor of the Hessian in the motions of the subset; return whether it has one.

    basis (n, 3 terms): the motions; edges (terms): the largest value of each monomial in the subset. Where found is
    False, over all usable voxels of the reference, and factors (3) are found on the way; else see `hessian`.
    power (3), out: the corrected sum of g_a g_a. full (3 terms, 3 terms), row, plane, moments: work space.
    """
    terms = edges.size
    hessian(f, absent, partial, corner, sz, sy, g, lanes, found, half, terms, row, plane, moments, full)
    if not found:
        transfer(f, absent, partial, corner, sz, sy, half, factors)
    scale_hessian(full, factors, edges, terms, power)
    reduce_hessian(full, basis, h)
    return cholesky(h, PIVOT)
