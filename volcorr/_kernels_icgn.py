"""Kernels of the inverse-compositional Gauss-Newton refinement (see `icgn`).

A subset of (nz, ny, nx) voxels is held as rows: float32 arrays (nz * ny, nx + LANES) with x fastest, padded for the
interpolation. Row sums are float32, sums over rows float64. Indices of inner loops are unsigned: numba's check for
negative indices would keep the compiler from using vector instructions.

Parameters p (3, 4) float64 of a point: row a holds the displacement along axis a at the centre and its derivatives
along z, y, x.
"""

import math

import numpy as np

from volcorr._kernels_sampling import LANES, warp
from volio.jit import jit

STATUS_VALID, STATUS_OUTSIDE, STATUS_NO_TEXTURE, STATUS_NOT_CONVERGED = 0, 2, 4, 5  # of `fields.Status`

_NEAR = np.float32(8.0 / 12.0)  # weights of the fourth-order central difference
_FAR = np.float32(1.0 / 12.0)
_GRADIENT_NOISE = 2.0 * (64.0 + 1.0) / 144.0  # variance of that difference where the grey noise has variance 1


@jit
def load_subset(volume, z0, y0, x0, shape, f, gz, gy, gx):
    """Copy a subset and its grey gradients (fourth-order central differences) into rows.

    volume (z, y, x) float32; z0, y0, x0 first voxel of the subset; shape its three edges.
    """
    nz, ny, nx = shape
    n = np.uint64(nx)
    one, two = np.uint64(1), np.uint64(2)
    for k in range(nz):
        for j in range(ny):
            z, y, r = z0 + k, y0 + j, k * ny + j
            row = volume[z, y, x0 - 2 : x0 + nx + 2]
            z1, z2 = volume[z - 2, y, x0 : x0 + nx], volume[z - 1, y, x0 : x0 + nx]
            z3, z4 = volume[z + 1, y, x0 : x0 + nx], volume[z + 2, y, x0 : x0 + nx]
            y1, y2 = volume[z, y - 2, x0 : x0 + nx], volume[z, y - 1, x0 : x0 + nx]
            y3, y4 = volume[z, y + 1, x0 : x0 + nx], volume[z, y + 2, x0 : x0 + nx]
            fr, gzr, gyr, gxr = f[r], gz[r], gy[r], gx[r]
            for i in range(n):
                fr[i] = row[i + two]
                gzr[i] = _NEAR * (z3[i] - z2[i]) - _FAR * (z4[i] - z1[i])
                gyr[i] = _NEAR * (y3[i] - y2[i]) - _FAR * (y4[i] - y1[i])
                gxr[i] = _NEAR * (row[i + two + one] - row[i + one]) - _FAR * (row[i + two + two] - row[i])


@jit
def centre(f, nx):
    """Subtract the mean of the rows in place; return the Euclidean norm of what remains."""
    n = np.uint64(nx)
    total = 0.0
    for r in range(f.shape[0]):
        row, s = f[r], np.float32(0)
        for i in range(n):
            s += row[i]
        total += s
    mean = np.float32(total / (f.shape[0] * nx))
    squares = 0.0
    for r in range(f.shape[0]):
        row, s = f[r], np.float32(0)
        for i in range(n):
            d = row[i] - mean
            row[i] = d
            s += d * d
        squares += s
    return math.sqrt(squares)


@jit
def _row_products(a, b, x, n):
    """Sum a*b, a*b*x and a*b*x*x over one row."""
    s0, s1, s2 = np.float32(0), np.float32(0), np.float32(0)
    for i in range(n):
        v = a[i] * b[i]
        w = v * x[i]
        s0 += v
        s1 += w
        s2 += w * x[i]
    return s0, s1, s2


@jit
def hessian(gz, gy, gx, rz, ry, x, nx, h):
    """Fill h (12, 12) with sum_voxels g_a g_b m_u m_v, m = (1, z, y, x), parameters ordered (a, u).

    The 144 sums come from 6 products of gradients times 10 products of coordinates. rz, ry (rows) and x (nx)
    are the coordinates from the subset's centre.
    """
    n = np.uint64(nx)
    moments = np.zeros((3, 3, 4, 4))
    for r in range(gz.shape[0]):
        z, y = rz[r], ry[r]
        for a in range(3):
            first = gz[r] if a == 0 else (gy[r] if a == 1 else gx[r])
            for b in range(a, 3):
                second = gz[r] if b == 0 else (gy[r] if b == 1 else gx[r])
                s0, s1, s2 = _row_products(first, second, x, n)
                m = moments[a, b]
                m[0, 0] += s0
                m[0, 1] += s0 * z
                m[0, 2] += s0 * y
                m[0, 3] += s1
                m[1, 1] += s0 * z * z
                m[1, 2] += s0 * z * y
                m[1, 3] += s1 * z
                m[2, 2] += s0 * y * y
                m[2, 3] += s1 * y
                m[3, 3] += s2
    for a in range(3):
        for b in range(3):
            for u in range(4):
                for v in range(4):
                    h[4 * a + u, 4 * b + v] = moments[min(a, b), max(a, b), min(u, v), max(u, v)]


@jit
def cholesky(h):
    """Factorise the symmetric h in place into its lower triangle; return False if it is not positive definite."""
    n = h.shape[0]
    for j in range(n):
        diagonal = h[j, j]
        pivot = diagonal
        for k in range(j):
            pivot -= h[j, k] * h[j, k]
        if not pivot > 1e-7 * diagonal:
            return False
        root = math.sqrt(pivot)
        h[j, j] = root
        for i in range(j + 1, n):
            s = h[i, j]
            for k in range(j):
                s -= h[i, k] * h[j, k]
            h[i, j] = s / root
    return True


@jit
def solve(factor, b):
    """Solve L L^T x = b in place."""
    n = factor.shape[0]
    for i in range(n):
        s = b[i]
        for k in range(i):
            s -= factor[i, k] * b[k]
        b[i] = s / factor[i, i]
    for i in range(n - 1, -1, -1):
        s = b[i]
        for k in range(i + 1, n):
            s -= factor[k, i] * b[k]
        b[i] = s / factor[i, i]


@jit
def project(f, g, gz, gy, gx, rz, ry, x, nx, sums):
    """Sum g * G_a * (1, z, y, x) over the subset into sums (12); return sum g, sum g*g, sum f*g."""
    n = np.uint64(nx)
    sums[:] = 0.0
    total, squares, cross = 0.0, 0.0, 0.0
    for r in range(f.shape[0]):
        fr, gr, a, b, c = f[r], g[r], gz[r], gy[r], gx[r]
        s, ss, sf = np.float32(0), np.float32(0), np.float32(0)
        a0, a1, b0 = np.float32(0), np.float32(0), np.float32(0)
        b1, c0, c1 = np.float32(0), np.float32(0), np.float32(0)
        for i in range(n):
            v, xi = gr[i], x[i]
            s += v
            ss += v * v
            sf += v * fr[i]
            w = v * a[i]
            a0 += w
            a1 += w * xi
            w = v * b[i]
            b0 += w
            b1 += w * xi
            w = v * c[i]
            c0 += w
            c1 += w * xi
        total += s
        squares += ss
        cross += sf
        z, y = rz[r], ry[r]
        sums[0] += a0
        sums[1] += a0 * z
        sums[2] += a0 * y
        sums[3] += a1
        sums[4] += b0
        sums[5] += b0 * z
        sums[6] += b0 * y
        sums[7] += b1
        sums[8] += c0
        sums[9] += c0 * z
        sums[10] += c0 * y
        sums[11] += c1
    return total, squares, cross


@jit
def compose(p, dp):
    """Update the warp in place, W(p) <- W(p) o W(dp)^-1; p, dp (3, 4). Return False if W(dp) is singular."""
    b00, b01, b02 = 1.0 + dp[0, 1], dp[0, 2], dp[0, 3]
    b10, b11, b12 = dp[1, 1], 1.0 + dp[1, 2], dp[1, 3]
    b20, b21, b22 = dp[2, 1], dp[2, 2], 1.0 + dp[2, 3]
    i00, i01, i02 = b11 * b22 - b12 * b21, b02 * b21 - b01 * b22, b01 * b12 - b02 * b11
    i10, i11, i12 = b12 * b20 - b10 * b22, b00 * b22 - b02 * b20, b02 * b10 - b00 * b12
    i20, i21, i22 = b10 * b21 - b11 * b20, b01 * b20 - b00 * b21, b00 * b11 - b01 * b10
    determinant = b00 * i00 + b01 * i10 + b02 * i20
    if not determinant > 0.1:
        return False
    for a in range(3):
        q0, q1, q2 = p[a, 1], p[a, 2], p[a, 3]
        if a == 0:
            q0 += 1.0
        elif a == 1:
            q1 += 1.0
        else:
            q2 += 1.0
        n0 = (q0 * i00 + q1 * i10 + q2 * i20) / determinant
        n1 = (q0 * i01 + q1 * i11 + q2 * i21) / determinant
        n2 = (q0 * i02 + q1 * i12 + q2 * i22) / determinant
        p[a, 0] -= n0 * dp[0, 0] + n1 * dp[1, 0] + n2 * dp[2, 0]
        p[a, 1], p[a, 2], p[a, 3] = n0, n1, n2
        p[a, 1 + a] -= 1.0
    return True


@jit
def _inside(p, cz, cy, cx, half, shape):
    """Whether all taps of the warped subset lie in a volume of that shape."""
    for a in range(3):
        at = cz if a == 0 else (cy if a == 1 else cx)
        reach = 0.0
        for b in range(3):
            slope = p[a, 1 + b] + (1.0 if a == b else 0.0)
            reach += abs(slope) * half[b]
        low, high = at + p[a, 0] - reach, at + p[a, 0] + reach
        if not (low >= 1.0 and high < shape[a] - 2.0):
            return False
    return True


@jit
def refine_points(
    reference,
    coefficients,
    points,
    half,
    max_iterations,
    tolerance,
    min_std,
    p,
    cc,
    sigma,
    iterations,
    status,
):
    """Refine the parameters of each point by IC-GN on the zero-normalised sum of squared differences.

    reference (z, y, x) float32, zero mean and unit variance; coefficients of the deformed volume, likewise, in a
    buffer that goes on for LANES values behind its end; points (n, 3) int64 voxel positions with room for the
    gradient; half (3) int64 half edges of the subset; min_std smallest grey deviation that counts as texture.
    In and out: p (n, 3, 4). Out: cc (n), sigma (n, 3), iterations (n), status (n).
    """
    nz, ny, nx = 2 * half[0] + 1, 2 * half[1] + 1, 2 * half[2] + 1
    rows, voxels = nz * ny, nz * ny * nx
    f, g = np.zeros((rows, nx + LANES), np.float32), np.zeros((rows, nx + LANES), np.float32)
    gz, gy = np.zeros((rows, nx + LANES), np.float32), np.zeros((rows, nx + LANES), np.float32)
    gx = np.zeros((rows, nx + LANES), np.float32)
    fractions, wholes = np.zeros((3, nx + LANES), np.float32), np.zeros((3, nx), np.int32)
    x = np.arange(-half[2], half[2] + 1).astype(np.float32)
    rz, ry = np.empty(rows), np.empty(rows)
    for r in range(rows):
        rz[r], ry[r] = r // ny - half[0], r % ny - half[1]
    edges = np.array([1.0, half[0], half[1], half[2]])
    h, unit, power = np.empty((12, 12)), np.empty(12), np.empty(3)
    target, mean_part, sums, dp = np.empty(12), np.empty(12), np.empty(12), np.empty((3, 4))

    for q in range(points.shape[0]):
        cz, cy, cx = points[q, 0], points[q, 1], points[q, 2]
        load_subset(reference, cz - half[0], cy - half[1], cx - half[2], (nz, ny, nx), f, gz, gy, gx)
        norm = centre(f, nx)
        iterations[q] = 0
        if norm <= min_std * math.sqrt(voxels):
            status[q] = STATUS_NO_TEXTURE
            continue
        hessian(gz, gy, gx, rz, ry, x, nx, h)
        for a in range(3):
            power[a] = h[4 * a, 4 * a]
        for a in range(12):  # gradients are measured by the motion of the subset's face: all parameters in voxels
            for b in range(12):
                h[a, b] /= edges[a % 4] * edges[b % 4]
        if not cholesky(h):
            status[q] = STATUS_NO_TEXTURE
            continue
        project(f, f, gz, gy, gx, rz, ry, x, nx, target)
        g[:, :nx] = 1
        project(f, g, gz, gy, gx, rz, ry, x, nx, mean_part)

        status[q] = STATUS_NOT_CONVERGED
        start = p[q, 0, 0], p[q, 1, 0], p[q, 2, 0]
        while iterations[q] < max_iterations:
            if not _inside(p[q], cz, cy, cx, half, coefficients.shape):
                status[q] = STATUS_OUTSIDE
                break
            iterations[q] += 1
            warp(coefficients, cz, cy, cx, p[q], rz, ry, x, nx, fractions, wholes, g)
            total, squares, cross = project(f, g, gz, gy, gx, rz, ry, x, nx, sums)
            mean = total / voxels
            spread = squares - voxels * mean * mean
            if spread <= min_std * min_std * voxels:
                break
            scale = norm / math.sqrt(spread)
            cc[q] = cross * scale / (norm * norm)
            for a in range(12):
                unit[a] = (scale * (sums[a] - mean * mean_part[a]) - target[a]) / edges[a % 4]
            solve(h, unit)
            step = 0.0
            for a in range(12):
                step += unit[a] * unit[a]
                dp[a // 4, a % 4] = unit[a] / edges[a % 4]
            if not compose(p[q], dp):
                break
            if math.sqrt(step) < tolerance:
                status[q] = STATUS_VALID
                break
            moved = max(abs(p[q, 0, 0] - start[0]), abs(p[q, 1, 0] - start[1]), abs(p[q, 2, 0] - start[2]))
            if moved > max(half[0], half[1], half[2]):
                break
        if status[q] == STATUS_VALID:
            variance = max(2.0 * (1.0 - cc[q]), 0.0) * norm * norm / (voxels - 12)
            for a in range(3):
                unit[:] = 0.0
                unit[4 * a] = 1.0
                solve(h, unit)
                # noise of the reference, half of the residual's, counts as texture in h but does not hold the match
                texture = power[a] - voxels * _GRADIENT_NOISE * 0.5 * variance
                sigma[q, a] = math.sqrt(variance * unit[4 * a]) * power[a] / max(texture, 0.2 * power[a])
