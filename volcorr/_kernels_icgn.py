"""Kernels of the inverse-compositional Gauss-Newton refinement (see `icgn`).

Windows, sums and monomials are those of `_kernels_subset`. Parameters p (3, 10) float64 of a point: row a holds the
factors of the monomials in the displacement along axis a.
"""

import math

import numpy as np

from volcorr._kernels_hessian import factorise_hessian
from volcorr._kernels_linear import solve
from volcorr._kernels_parts import add_parts
from volcorr._kernels_subset import POWERS, gradient, grey_sums, sample_subset, usable
from volcorr._kernels_warp import compose, travel
from volio.jit import inlined, jit
from volio.simd import LANES, clear, is_number, lane_numbers, load, pointer, select, splat, total

# of `fields.Status`
STATUS_VALID, STATUS_OUTSIDE, STATUS_NO_TEXTURE, STATUS_NOT_CONVERGED = 0, 2, 4, 5
STATUS_OUTSIDE_MASK, STATUS_LOW_CORRELATION = 1, 6

_GRADIENT_NOISE = 2 / 3  # what noise of variance 1 adds to the product of the two differences (see `transfer`)
_RATIO = 0.05  # of one step to that before, unless it is seen to be larger
_REBUILD = 0.02  # share of the voxels of a subset that may go or come before its Hessian is made again
_ACCELERATION = 3.0  # largest factor by which a step is lengthened or shortened


@inlined
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
        use = usable(absent, partial, j, block, count) & is_number(v)
        r = select(use, factor * v - load(f, j) + shift, none)
        gz, gy, gx = gradient(f, j, sz, sy)
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


@inlined
def project(f, absent, partial, corner, sz, sy, g, lanes, half, terms, f_mean, g_mean, scale, row, plane, b):
    """Fill b (3 terms) with the sums of r g_a m_u over the subset; return that of r r (see `_row_projection`).

    row (3, 3) and plane (3, 3, 3) are work space.
    """
    second_order = terms == 10
    clear(b)
    squares = 0.0
    ny, nx = 2 * half[1] + 1, 2 * half[2] + 1
    for k in range(2 * half[0] + 1):
        z = float(k - half[0])
        clear(plane)
        for j in range(ny):
            y = float(j - half[1])
            at = (k * ny + j) * lanes
            i = corner + k * sz + j * sy
            squares += _row_projection(
                f, absent, partial, i, sz, sy, g, at, -half[2], nx, f_mean, g_mean, scale, second_order, row
            )
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
                power = 1.0 if POWERS[u, 0] == 0 else (z if POWERS[u, 0] == 1 else z * z)
                b[a * terms + u] += power * plane[a, POWERS[u, 1], POWERS[u, 2]]
    return squares


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
    parts,
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
    In and out: p (n, 3, 10). Out: cc (n), sigma (n, 3), iterations (n), share of the voxels used (n), status (n),
    parts (n, 3, 3, 2, 2): of a point that matched, see `add_parts`.
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
            for _ in range(POWERS[u, a]):
                edges[u] *= float(max(half[a], 1))
    f, keep, c, g, w = pointer(reference), pointer(absent), pointer(coefficients), pointer(out), pointer(weights)
    sy, ty = reference.shape[2], coefficients.shape[2]
    sz, tz = sy * reference.shape[1], ty * coefficients.shape[1]
    power, factors = np.empty(3), np.empty(3)

    for q in range(points.shape[0]):
        iterations[q] = 0
        corner = (points[q, 0] - half[0]) * sz + (points[q, 1] - half[1]) * sy + points[q, 2] - half[2]
        target = (points[q, 0] + offset[0]) * tz + (points[q, 1] + offset[1]) * ty + points[q, 2] + offset[2]
        number, first, second = grey_sums(f, keep, partial, corner, sz, sy, (nz, ny, nx))
        share[q] = number / voxels
        if number < least * voxels:
            status[q] = STATUS_OUTSIDE_MASK
            continue
        if second - first * first / number <= min_std * min_std * number:
            status[q] = STATUS_NO_TEXTURE
            continue
        built = 0.0  # voxels that the Hessian is made of
        if not factorise_hessian(
            f, keep, partial, corner, sz, sy, g, lanes, built > 0.0, half, basis, edges,
            row, plane, moments, full, factors, power, h,
        ):  # fmt: skip
            status[q] = STATUS_NO_TEXTURE
            continue
        built = number
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
                built, before, lengthen = n, 0.0, 1.0
                if not factorise_hessian(
                    f, keep, partial, corner, sz, sy, g, lanes, built > 0.0, half, basis, edges,
                    row, plane, moments, full, factors, power, h,
                ):  # fmt: skip
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
            add_parts(f, keep, partial, corner, sz, sy, g, lanes, half, f1 / n, g1 / n, scale, parts[q])


@inlined
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
