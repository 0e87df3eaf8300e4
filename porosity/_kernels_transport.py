"""Kernels of steady diffusion through a phase (see `transport`): conjugate gradients without a matrix.

Fields are (z + 2, y + 2, x + 2) float32 with a frame of zeros; the current flows along z. `degree` is the sum of the
conductances of a voxel, `inverse` one over it, both 0 outside the phase. `weights` (3,) are the conductances between
neighbours along z, y, x.
"""

import numpy as np

from volio.jit import inner, jit


@jit
def fill_degree(phase, weights, degree, inverse):
    """Set `degree` and `inverse`; `phase` (z + 2, y + 2, x + 2) is uint8. The faces along z lie half a voxel away."""
    nz, ny, nx = phase.shape
    for z in range(1, nz - 1):
        ends = (2 * weights[0] if z == 1 else 0.0) + (2 * weights[0] if z == nz - 2 else 0.0)
        for y in range(1, ny - 1):
            for x in range(1, nx - 1):
                if phase[z, y, x] == 0:
                    continue
                total = ends
                total += weights[0] * (phase[z - 1, y, x] + phase[z + 1, y, x])
                total += weights[1] * (phase[z, y - 1, x] + phase[z, y + 1, x])
                total += weights[2] * (phase[z, y, x - 1] + phase[z, y, x + 1])
                degree[z, y, x] = total
                inverse[z, y, x] = 1 / total if total > 0 else 0


@inner
def _apply(degree, weights, p, q):
    """Set q = A p where the phase is, anything elsewhere, and return p.q."""
    wz, wy, wx = np.float32(weights[0]), np.float32(weights[1]), np.float32(weights[2])
    nz, ny, nx = p.shape
    total = 0.0
    for z in range(1, nz - 1):
        for y in range(1, ny - 1):
            d, here, out = degree[z, y], p[z, y], q[z, y]
            a, b, c, e = p[z - 1, y], p[z + 1, y], p[z, y - 1], p[z, y + 1]
            row = np.float32(0)
            for x in range(1, nx - 1):
                value = d[x] * here[x] - wz * (a[x] + b[x]) - wy * (c[x] + e[x]) - wx * (here[x - 1] + here[x + 1])
                out[x] = value
                row += value * here[x]
            total += row
    return total


@inner
def _advance(alpha, inverse, p, q, u, r):
    """Set u += alpha p and r -= alpha q, and return r.r / degree."""
    step = np.float32(alpha)
    total = 0.0
    for z in range(1, p.shape[0] - 1):
        for y in range(1, p.shape[1] - 1):
            i, pp, qq, uu, rr = inverse[z, y], p[z, y], q[z, y], u[z, y], r[z, y]
            row = np.float32(0)
            for x in range(1, p.shape[2] - 1):
                uu[x] += step * pp[x]
                value = rr[x] - step * qq[x]
                rr[x] = value
                row += value * value * i[x]
            total += row
    return total


@inner
def _turn(beta, inverse, r, p):
    """Set p = r / degree + beta p."""
    factor = np.float32(beta)
    for z in range(1, p.shape[0] - 1):
        for y in range(1, p.shape[1] - 1):
            i, rr, pp = inverse[z, y], r[z, y], p[z, y]
            for x in range(1, p.shape[2] - 1):
                pp[x] = rr[x] * i[x] + factor * pp[x]


@jit
def solve(degree, inverse, weights, u, r, p, q, tolerance, most):
    """Solve for the concentration u, 1 at the face before plane 1 and 0 behind the last; return iterations, residual.

    u holds the start values; r, p, q are of its shape and 0. The residual is that of the preconditioned system,
    relative to that of u = 0.
    """
    source = np.float32(2 * weights[0])
    size = 0.0
    for y in range(1, u.shape[1] - 1):
        for x in range(1, u.shape[2] - 1):
            size += source * source * inverse[1, y, x]
            if inverse[1, y, x] > 0:
                r[1, y, x] = source
    _apply(degree, weights, u, q)
    rho = _advance(1.0, inverse, p, q, u, r)
    _turn(0.0, inverse, r, p)
    count = 0
    while rho > tolerance * tolerance * size and count < most:
        alpha = rho / _apply(degree, weights, p, q)
        last, rho = rho, _advance(alpha, inverse, p, q, u, r)
        _turn(rho / last, inverse, r, p)
        count += 1
    return count, np.sqrt(rho / size)


@jit
def currents(phase, weights, u, out):
    """Set out (z + 1,) float64 to the current through each plane between voxels, and through both faces."""
    nz, ny, nx = phase.shape
    for z in range(nz - 1):
        total = 0.0
        for y in range(1, ny - 1):
            for x in range(1, nx - 1):
                if z == 0:
                    total += 2 * phase[1, y, x] * (1 - np.float64(u[1, y, x]))
                elif z == nz - 2:
                    total += 2 * phase[z, y, x] * np.float64(u[z, y, x])
                elif phase[z, y, x] != 0 and phase[z + 1, y, x] != 0:
                    total += np.float64(u[z, y, x]) - np.float64(u[z + 1, y, x])
        out[z] = weights[0] * total
