"""Kernels of the inverse-compositional Gauss-Newton refinement (see `icgn`).

A window is a float32 array (z, y, x) that holds every subset with a margin; its values are addressed by flat index.
Sums over a row or a plane are float32, sums over planes float64. The monomials are 1, z, y, x and for second order also
zz, zy, zx, yy, yx, xx, of the distance from the subset's centre. Parameters p (3, 10) float64 of a point: row a holds
the factors of the monomials in the displacement along axis a.
"""

import math

import numpy as np

from volcorr._kernels_linear import cholesky, solve
from volcorr._kernels_sampling import sample_row
from volcorr._kernels_warp import compose, travel
from volio.jit import inner, jit
from volio.simd import LANES, is_number, lane_numbers, load, pointer, select, splat, total

# of `fields.Status`
STATUS_VALID, STATUS_OUTSIDE, STATUS_NO_TEXTURE, STATUS_NOT_CONVERGED = 0, 2, 4, 5
STATUS_OUTSIDE_MASK, STATUS_LOW_CORRELATION = 1, 6

# powers of z, y, x in the ten monomials
_POWERS = np.array(
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [2, 0, 0], [1, 1, 0], [1, 0, 1], [0, 2, 0], [0, 1, 1], [0, 0, 2]]
)
_HALF = np.float32(0.5)
_GRADIENT_NOISE = 2 / 3  # what noise of variance 1 adds to the product of the two differences (see `transfer`)
_RATIO = 0.05  # of one step to that before, unless it is seen to be larger
_REBUILD = 0.02  # share of the voxels of a subset that may go or come before its Hessian is made again
_ACCELERATION = 3.0  # largest factor by which a step is lengthened or shortened


@inner
def clear(values):
    """Fill an array with zeros."""
    flat = values.ravel()
    for i in range(flat.size):
        flat[i] = 0.0


@inner
def _gradient(f, i, sz, sy):
    """Grey gradient of one vector along z, y, x by central differences."""
    half = splat(_HALF)
    gz = half * (load(f, i + sz) - load(f, i - sz))
    gy = half * (load(f, i + sy) - load(f, i - sy))
    return gz, gy, half * (load(f, i + 1) - load(f, i - 1))


@inner
def _usable(absent, partial, i, block, count):
    """Tell which lanes of a vector are voxels of the subset that can be used."""
    inside = lane_numbers() < splat(count - block)
    if partial:
        inside = inside & is_number(load(absent, i))
    return inside


@inner
def _grey_sums(f, absent, partial, corner, sz, sy, shape):
    """Return the number of usable voxels of a subset, the sums of their grey and of its square."""
    nz, ny, nx = shape
    none, one = splat(np.float32(0)), splat(np.float32(1))
    number, first, second = 0.0, 0.0, 0.0
    for k in range(nz):
        for j in range(ny):
            i = corner + k * sz + j * sy
            n, s, ss = none, none, none
            for block in range(0, nx, LANES):
                use = _usable(absent, partial, i + block, block, nx)
                v = select(use, load(f, i + block), none)
                n, s, ss = n + select(use, one, none), s + v, ss + v * v
            number += total(n)
            first += total(s)
            second += total(ss)
    return number, first, second


@inner
def _row_moments(f, absent, partial, i, sz, sy, g, at, found, first, count, second_order, sums):
    """Fill sums (5, 6) with the sums over one row of g_a g_b x^k; k up to 2, or up to 4 for second order."""
    none = splat(np.float32(0))
    for high in range(1 + int(second_order)):
        zz0, zy0, zx0, yy0, yx0, xx0 = none, none, none, none, none, none
        zz1, zy1, zx1, yy1, yx1, xx1 = none, none, none, none, none, none
        zz2, zy2, zx2, yy2, yx2, xx2 = none, none, none, none, none, none
        for block in range(0, count, LANES):
            use = _usable(absent, partial, i + block, block, count)
            if found:
                use = use & is_number(load(g, at + block))
            gz, gy, gx = _gradient(f, i + block, sz, sy)
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


@inner
def transfer(f, absent, partial, corner, sz, sy, half, factors):
    """Fill factors (3) with the sum of g_a e_a over that of g_a g_a, e being the fourth-order central difference.

    The central difference g misses some of the slope of fine texture. A Hessian from g alone is too small by that, and
    its steps are too long. Every third plane is enough to know by how much.
    """
    none, four_thirds, twelfth = splat(np.float32(0)), splat(np.float32(4 / 3)), splat(np.float32(1 / 12))
    count = 2 * half[2] + 1
    own, other = np.zeros(3), np.zeros(3)
    for k in range(half[0] % 3, 2 * half[0] + 1, 3):
        zz, yy, xx, ze, ye, xe = none, none, none, none, none, none
        for j in range(2 * half[1] + 1):
            first = corner + k * sz + j * sy
            for block in range(0, count, LANES):
                i = first + block
                use = _usable(absent, partial, i, block, count)
                gz, gy, gx = _gradient(f, i, sz, sy)
                ez = four_thirds * gz - twelfth * (load(f, i + 2 * sz) - load(f, i - 2 * sz))
                ey = four_thirds * gy - twelfth * (load(f, i + 2 * sy) - load(f, i - 2 * sy))
                ex = four_thirds * gx - twelfth * (load(f, i + 2) - load(f, i - 2))
                gz, gy, gx = select(use, gz, none), select(use, gy, none), select(use, gx, none)
                zz, yy, xx = zz + gz * gz, yy + gy * gy, xx + gx * gx
                ze, ye, xe = ze + gz * ez, ye + gy * ey, xe + gx * ex
        own[0] += total(zz)
        own[1] += total(yy)
        own[2] += total(xx)
        other[0] += total(ze)
        other[1] += total(ye)
        other[2] += total(xe)
    for a in range(3):
        factors[a] = other[a] / own[a] if own[a] > 0.0 else 1.0


@inner
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
                        _POWERS[u, 0] + _POWERS[v, 0],
                        _POWERS[u, 1] + _POWERS[v, 1],
                        _POWERS[u, 2] + _POWERS[v, 2],
                    )
                    value = moments[p, q, r, pair]
                    h[a * terms + u, b * terms + v] = value
                    h[b * terms + v, a * terms + u] = value


@inner
def sample_subset(c, f, absent, partial, corner, sz, sy, target, tz, ty, quintic, weights, p, half, out, lanes):
    """Interpolate the deformed subset into out (rows of `lanes` values, NaN where a coefficient is missing).

    corner is the flat index of the subset's first voxel in the reference window, target that of its centre in the
    deformed window; sz, sy and tz, ty are the strides of the two. Returns over the voxels used: their number, the sums
    of f, f f, g and g g.
    """
    none, one = splat(np.float32(0)), splat(np.float32(1))
    o = pointer(out)
    n0, f1, f2, g1, g2 = 0.0, 0.0, 0.0, 0.0, 0.0
    nx, at = 2 * half[2] + 1, 0
    curvature = (p[0, 9], p[1, 9], p[2, 9])
    for k in range(2 * half[0] + 1):
        z = float(k - half[0])
        a0, a1, a2, b1, b2 = none, none, none, none, none
        for j in range(2 * half[1] + 1):
            y = float(j - half[1])
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
                use = _usable(absent, partial, i + block, block, nx) & is_number(g)
                g, v = select(use, g, none), select(use, v, none)
                a0, a1, a2 = a0 + select(use, one, none), a1 + v, a2 + v * v
                b1, b2 = b1 + g, b2 + g * g
            at += lanes
        n0 += total(a0)
        f1 += total(a1)
        f2 += total(a2)
        g1 += total(b1)
        g2 += total(b2)
    return n0, f1, f2, g1, g2


@inner
def _row_projection(f, absent, partial, i, sz, sy, g, at, first, count, f_mean, g_mean, scale, second_order, sums):
    """Fill sums (3, 3) with the sums over one row of r g_a x^k, r = scale (g - g_mean) - (f - f_mean).

    Returns the sum of r r.
    """
    none = splat(np.float32(0))
    z0, y0, x0, z1, y1, x1 = none, none, none, none, none, none
    z2, y2, x2, rr = none, none, none, none
    shift, factor = splat(f_mean - scale * g_mean), splat(scale)
    for block in range(0, count, LANES):
        v, j = load(g, at + block), i + block
        use = _usable(absent, partial, j, block, count) & is_number(v)
        r = select(use, factor * v - load(f, j) + shift, none)
        gz, gy, gx = _gradient(f, j, sz, sy)
        gz, gy, gx = select(use, r * gz, none), select(use, r * gy, none), select(use, r * gx, none)
        x = splat(first + block) + lane_numbers()
        z0, y0, x0, rr = z0 + gz, y0 + gy, x0 + gx, rr + r * r
        z1, y1, x1 = z1 + gz * x, y1 + gy * x, x1 + gx * x
        if second_order:
            square = x * x
            z2, y2, x2 = z2 + gz * square, y2 + gy * square, x2 + gx * square
    sums[0, 0], sums[1, 0], sums[2, 0] = total(z0), total(y0), total(x0)
    sums[0, 1], sums[1, 1], sums[2, 1] = total(z1), total(y1), total(x1)
    if second_order:
        sums[0, 2], sums[1, 2], sums[2, 2] = total(z2), total(y2), total(x2)
    return total(rr)


@inner
def project(f, absent, partial, corner, sz, sy, g, lanes, half, terms, f_mean, g_mean, scale, row, plane, b):
    """Fill b (3 terms) with the sums of r g_a m_u over the subset; return that of r r (see `_row_projection`).

    row (3, 3) and plane (3, 3, 3) are work space.
    """
    second_order = terms == 10
    clear(b)
    squares, at = 0.0, 0
    nx = 2 * half[2] + 1
    for k in range(2 * half[0] + 1):
        z = float(k - half[0])
        clear(plane)
        for j in range(2 * half[1] + 1):
            y = float(j - half[1])
            i = corner + k * sz + j * sy
            squares += _row_projection(
                f, absent, partial, i, sz, sy, g, at, -half[2], nx, f_mean, g_mean, scale, second_order, row
            )
            at += lanes
            for a in range(3):
                plane[a, 0, 0] += row[a, 0]
                plane[a, 0, 1] += row[a, 1]
                plane[a, 1, 0] += y * row[a, 0]
                if second_order:
                    plane[a, 0, 2] += row[a, 2]
                    plane[a, 1, 1] += y * row[a, 1]
                    plane[a, 2, 0] += y * y * row[a, 0]
        for a in range(3):
            for u in range(terms):
                power = 1.0 if _POWERS[u, 0] == 0 else (z if _POWERS[u, 0] == 1 else z * z)
                b[a * terms + u] += power * plane[a, _POWERS[u, 1], _POWERS[u, 2]]
    return squares


@inner
def scale_hessian(h, factors, edges, terms, power):
    """Turn h in place to parameters that are motions of the faces in voxels; fill power (3) from its diagonal."""
    for a in range(3):
        power[a] = h[a * terms, a * terms] * factors[a]
    for a in range(3 * terms):
        for b in range(3 * terms):
            scale = math.sqrt(factors[a // terms] * factors[b // terms])
            h[a, b] *= scale / (edges[a % terms] * edges[b % terms])


@inner
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


@jit
def refine_points(
    reference,
    absent,
    partial,
    coefficients,
    points,
    offset,
    half,
    basis,
    rigid,
    quintic,
    reach,
    settings,
    p,
    cc,
    sigma,
    iterations,
    share,
    status,
):
    """Refine the parameters of each point by IC-GN on the zero-normalised sum of squared differences.

    reference, absent (z, y, x) float32: grey of the reference window, zero where missing, and NaN where it is not to
    be used (absent is any array where partial is False). coefficients (z, y, x) float32: B-spline coefficients of the
    deformed window, NaN where missing. Both go on for LANES values behind their end. points (n, 3) int64: subset
    centres in the reference window; offset (3) int64: what is added to get the same place in the deformed window.
    half (3) int64: half edges of the subset. basis (n, 3 terms): motions that the subset may make, in parameters
    whose unit is the motion of the subset's face. quintic: None for cubic splines, else True. reach (3): how far its
    corners may go from where they start.
    settings: largest number of iterations, tolerance, smallest share of voxels, smallest grey deviation, variance of
    the noise (0: from the residual), largest sigma.
    In and out: p (n, 3, 10). Out: cc (n), sigma (n, 3), iterations (n), share of the voxels used (n), status (n).
    """
    limit, tolerance, least, min_std, noise, max_sigma = settings
    count, size = basis.shape
    terms = size // 3
    nz, ny, nx = 2 * half[0] + 1, 2 * half[1] + 1, 2 * half[2] + 1
    voxels, lanes = nz * ny * nx, (nx + LANES - 1) // LANES * LANES
    out, weights = np.empty(nz * ny * lanes + LANES, np.float32), np.empty(21 * LANES, np.float32)
    row, plane, moments = np.empty((5, 6)), np.empty((5, 5, 6)), np.empty((5, 5, 5, 6))
    row3, plane3 = np.empty((3, 3)), np.empty((3, 3, 3))
    full, h = np.empty((size, size)), np.empty((count, count))
    unit, last = np.empty(count), np.zeros(count)
    right, dp, start, now = np.empty(size), np.empty((3, 10)), np.empty((3, 10)), np.empty((3, 10))
    left, other = np.empty((terms, terms)), np.empty((terms, terms))
    edges = np.empty(terms)
    for u in range(terms):
        edges[u] = 1.0
        for a in range(3):
            edges[u] *= float(max(half[a], 1)) ** _POWERS[u, a]
    f, keep, c, g, w = pointer(reference), pointer(absent), pointer(coefficients), pointer(out), pointer(weights)
    sy, ty = reference.shape[2], coefficients.shape[2]
    sz, tz = sy * reference.shape[1], ty * coefficients.shape[1]
    power, factors = np.empty(3), np.empty(3)

    for q in range(points.shape[0]):
        iterations[q] = 0
        corner = (points[q, 0] - half[0]) * sz + (points[q, 1] - half[1]) * sy + points[q, 2] - half[2]
        target = (points[q, 0] + offset[0]) * tz + (points[q, 1] + offset[1]) * ty + points[q, 2] + offset[2]
        number, first, second = _grey_sums(f, keep, partial, corner, sz, sy, (nz, ny, nx))
        share[q] = number / voxels
        if number < least * voxels:
            status[q] = STATUS_OUTSIDE_MASK
            continue
        if second - first * first / number <= min_std * min_std * number:
            status[q] = STATUS_NO_TEXTURE
            continue
        hessian(f, keep, partial, corner, sz, sy, g, lanes, False, half, terms, row, plane, moments, full)
        transfer(f, keep, partial, corner, sz, sy, half, factors)
        scale_hessian(full, factors, edges, terms, power)
        reduce_hessian(full, basis, h)
        built = number  # voxels that the Hessian is made of
        if not cholesky(h):
            status[q] = STATUS_NO_TEXTURE
            continue
        if noise > 0.0:
            expected = 0.0
            for a in range(3):
                expected = max(expected, _sigma(h, basis, terms, a, 2.0 * noise, power[a], number, noise, unit))
            if expected > max_sigma:
                status[q] = STATUS_NO_TEXTURE
                continue

        status[q] = STATUS_NOT_CONVERGED
        for a in range(3):
            for m in range(now.shape[1]):
                now[a, m] = p[q, a, m]
                start[a, m] = now[a, m]
        before, lengthen = 0.0, 1.0
        while iterations[q] < limit:
            if not travel(now, start, half, reach):
                break
            iterations[q] += 1
            n, f1, f2, g1, g2 = sample_subset(
                c, f, keep, partial, corner, sz, sy, target, tz, ty, quintic, w, now, half, out, lanes
            )
            if n < least * voxels:
                status[q] = STATUS_OUTSIDE
                break
            share[q] = n / voxels
            if abs(n - built) > _REBUILD * number:
                # with voxels that are not there, the Hessian leads astray and the steps say little of what is left
                hessian(f, keep, partial, corner, sz, sy, g, lanes, True, half, terms, row, plane, moments, full)
                scale_hessian(full, factors, edges, terms, power)
                reduce_hessian(full, basis, h)
                built, before, lengthen = n, 0.0, 1.0
                if not cholesky(h):
                    break
            f_spread, g_spread = f2 - f1 * f1 / n, g2 - g1 * g1 / n
            if f_spread <= min_std * min_std * n or g_spread <= min_std * min_std * n:
                break
            scale = math.sqrt(f_spread / g_spread)
            squares = project(
                f, keep, partial, corner, sz, sy, g, lanes, half, terms, f1 / n, g1 / n, scale, row3, plane3, right
            )
            cc[q] = 1.0 - 0.5 * squares / f_spread
            for m in range(count):
                unit[m] = 0.0
                for a in range(size):
                    unit[m] += basis[m, a] * right[a] / edges[a % terms]
            solve(h, unit)
            product, square = 0.0, 0.0
            for m in range(count):
                product += unit[m] * last[m]
                square += unit[m] * unit[m]
                last[m] = unit[m]
            if before > 0.0:
                # each step should leave nothing to the next: what is left tells by how much it was too short
                ratio = product / before
                if -3.0 < ratio < 0.9:
                    lengthen = min(max(lengthen / (1.0 - ratio), 1.0 / _ACCELERATION), _ACCELERATION)
                ratio = min(max(abs(ratio), _RATIO), 1.0)
            else:
                # noise of the reference counts as texture in h and makes steps too short
                noisy = 0.0
                for a in range(3):
                    added = built * _GRADIENT_NOISE * 0.5 * squares / max(n - count, 1.0)
                    noisy = max(noisy, added / max(power[a], added))
                ratio = max(noisy, _RATIO)
            before = square
            for a in range(3):
                for m in range(now.shape[1]):
                    dp[a, m] = 0.0
            for m in range(count):
                for a in range(size):
                    dp[a // terms, a % terms] += lengthen * unit[m] * basis[m, a] / edges[a % terms]
            if not compose(now, dp, rigid, left, other):
                break
            if lengthen * math.sqrt(square) * ratio < tolerance:
                status[q] = STATUS_VALID
                break
        for a in range(3):
            for m in range(now.shape[1]):
                p[q, a, m] = now[a, m]
        if status[q] == STATUS_VALID:
            residual = squares / max(n - count, 1.0)
            spread = 2.0 * noise if noise > 0.0 else residual
            for a in range(3):
                value = _sigma(h, basis, terms, a, spread, power[a], built, 0.5 * spread, unit)
                sigma[q, a] = value * math.sqrt(built / n)
                # a match by chance leaves so much over that it does not hold the subset
                if _sigma(h, basis, terms, a, residual, power[a], built, 0.5 * residual, unit) > max_sigma:
                    status[q] = STATUS_LOW_CORRELATION


@inner
def _sigma(h, basis, terms, axis, variance, power, voxels, noise, unit):
    """Return the standard uncertainty of the displacement along an axis from the variance of the residual.

    h: Cholesky factor of the reduced Hessian; power: sum of the squared gradient; noise: variance of the reference's
    noise, which counts as texture in h but does not hold the match.
    """
    for m in range(basis.shape[0]):
        unit[m] = basis[m, axis * terms]
    solve(h, unit)
    inverse = 0.0
    for m in range(basis.shape[0]):
        inverse += unit[m] * basis[m, axis * terms]
    texture = power - voxels * _GRADIENT_NOISE * noise
    return math.sqrt(max(variance, 0.0) * inverse) * power / max(texture, 0.05 * power)
