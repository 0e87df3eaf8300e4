"""Kernels of local fits over a window of points (see `local_fit`).

A fit is a weighted sum of the displacements in the window. Its coefficients c (r, m) float64 belong to r estimated
quantities and m window points (z slowest, x fastest); they are zero where a point is missing. Arrays of points are
padded by the reach of the window; missing points are zero there, so that no NaN is met.
"""

import math

import numpy as np

from volcorr._kernels_linear import cholesky, solve
from volio.jit import inlined, jit

# how missing points are treated; of `local_fit`
BRIDGE, STOP, ELEMENTS = 0, 1, 2

_SMALLEST_PIVOT = 1e-9  # of a Cholesky factor, relative to its diagonal: below it the points do not span the window


@inlined
def neighbour_table(window, table):
    """Fill table (m, 6) int64 with the window points across the faces of each, -1 where there is none."""
    wz, wy, wx = window[0], window[1], window[2]
    for z in range(wz):
        for y in range(wy):
            for x in range(wx):
                k = (z * wy + y) * wx + x
                table[k, 0] = k - wy * wx if z > 0 else -1
                table[k, 1] = k + wy * wx if z < wz - 1 else -1
                table[k, 2] = k - wx if y > 0 else -1
                table[k, 3] = k + wx if y < wy - 1 else -1
                table[k, 4] = k - 1 if x > 0 else -1
                table[k, 5] = k + 1 if x < wx - 1 else -1


@inlined
def keep_connected(present, table, stack):
    """Clear what is not connected to the centre through faces of present points; return how many stay.

    present (m,) uint8: 1 where a point is there, changed in place; table: see `neighbour_table`; stack (m,) int64.
    """
    m = present.size
    present[m // 2] = 2
    stack[0] = m // 2
    waiting, kept = 1, 1
    while waiting > 0:
        waiting -= 1
        k = stack[waiting]
        for side in range(6):
            n = table[k, side]
            if n >= 0 and present[n] == 1:
                present[n] = 2
                stack[waiting] = n
                waiting += 1
                kept += 1
    for k in range(m):
        present[k] >>= 1
    return kept


@inlined
def add_normal(present, wanted, sign, basis, weights, normal):
    """Add sign times the normal matrix of the points for which present is `wanted` to the lower triangle of normal."""
    m, p = basis.shape
    for k in range(m):
        if present[k] == wanted:
            for i in range(p):
                part = sign * weights[k] * basis[k, i]
                for j in range(i + 1):
                    normal[i, j] += part * basis[k, j]


@jit
def polynomial_coefficients(present, n, basis, weights, rows, whole, normal, solution, c):
    """Coefficients of some parameters of a weighted least-squares fit to the present points; False if they do not span.

    n: number of present points; basis (m, p), weights (m,), rows (r,) int64: the wanted parameters; whole (p, p): the
    normal matrix of all points; normal (p, p), solution (p,): scratch.
    """
    m, p = basis.shape
    most = 2 * n > m
    for i in range(p):
        for j in range(i + 1):
            normal[i, j] = whole[i, j] if most else 0.0
    add_normal(present, 0 if most else 1, -1.0 if most else 1.0, basis, weights, normal)
    if not cholesky(normal, _SMALLEST_PIVOT):
        return False
    for b in range(rows.size):
        for i in range(p):
            solution[i] = 1.0 if i == rows[b] else 0.0
        solve(normal, solution)
        for k in range(m):
            value = 0.0
            if present[k]:
                for i in range(p):
                    value += solution[i] * basis[k, i]
                value *= weights[k]
            c[b, k] = value
    return True


@jit
def element_coefficients(present, window, c):
    """Coefficients of the mean gradient of the complete elements around the centre; return how many there are.

    window: 3 along an axis with elements, 1 along an axis of a single point. present is changed to the points used.
    """
    wz, wy, wx = window[0], window[1], window[2]
    sz, sy, sx = (wz + 1) // 2, (wy + 1) // 2, (wx + 1) // 2  # nodes of an element: 2, or 1
    edges = sz * sy * sx / 2.0  # parallel edges of an element
    used = np.empty(present.size, np.uint8)
    for k in range(present.size):
        used[k] = 0
    for b in range(c.shape[0]):
        for k in range(c.shape[1]):
            c[b, k] = 0.0
    count = 0
    for ez in range(sz):
        for ey in range(sy):
            for ex in range(sx):
                complete = True
                for node in range(sz * sy * sx):
                    z, y, x = node // (sy * sx), (node // sx) % sy, node % sx
                    if not present[((ez + z) * wy + ey + y) * wx + ex + x]:
                        complete = False
                if not complete:
                    continue
                count += 1
                for node in range(sz * sy * sx):
                    z, y, x = node // (sy * sx), (node // sx) % sy, node % sx
                    k = ((ez + z) * wy + ey + y) * wx + ex + x
                    used[k] = 1
                    b = 0
                    if sz == 2:
                        c[b, k] += (2 * z - 1) / edges
                        b += 1
                    if sy == 2:
                        c[b, k] += (2 * y - 1) / edges
                        b += 1
                    if sx == 2:
                        c[b, k] += (2 * x - 1) / edges
    for k in range(present.size):
        present[k] = used[k]
    if count > 0:
        for b in range(c.shape[0]):
            for k in range(c.shape[1]):
                c[b, k] /= count
    return count


@jit
def coefficient_covariance(c, window, lags, scratch, k_matrix):
    """Fill k_matrix (r, r) with sum_kl c[b, k] rho(k - l) c[b', l], for errors of unit variance and correlation rho.

    lags (t, 3, n): rho is the sum over t of products of functions of the lag along z, y, x; scratch (2, m).
    """
    wz, wy, wx = window[0], window[1], window[2]
    r = c.shape[0]
    first, second = scratch[0], scratch[1]
    for b in range(r):
        for other in range(r):
            k_matrix[b, other] = 0.0
    plane = wy * wx
    for t in range(lags.shape[0]):
        for b in range(r):
            for k in range(wz * plane):
                first[k] = 0.0
                second[k] = 0.0
            for line in range(wz * wy):
                for i in range(wx):
                    for j in range(wx):
                        first[line * wx + i] += lags[t, 2, abs(i - j)] * c[b, line * wx + j]
            for z in range(wz):
                for i in range(wy):
                    for j in range(wy):
                        factor = lags[t, 1, abs(i - j)]
                        if factor != 0.0:
                            for x in range(wx):
                                second[z * plane + i * wx + x] += factor * first[z * plane + j * wx + x]
            for k in range(wz * plane):
                first[k] = 0.0
            for i in range(wz):
                for j in range(wz):
                    factor = lags[t, 0, abs(i - j)]
                    if factor != 0.0:
                        for q in range(plane):
                            first[i * plane + q] += factor * second[j * plane + q]
            for other in range(b, r):
                value = 0.0
                for k in range(wz * plane):
                    value += first[k] * c[other, k]
                k_matrix[b, other] += value
    for b in range(r):
        for other in range(b):
            k_matrix[b, other] = k_matrix[other, b]


@inlined
def _add_row(data, z, y, window, c, sums):
    """Sum the products of coefficients with the windows of all points of a row.

    data (q, Z, Y, X): padded; c (2, r, m): coefficients of values, the first three, and of variances; sums (r, q, nx).
    """
    wz, wy, wx = window[0], window[1], window[2]
    nx = sums.shape[2]
    for b in range(sums.shape[0]):
        for a in range(sums.shape[1]):
            for x in range(nx):
                sums[b, a, x] = 0.0
            for dz in range(wz):
                for dy in range(wy):
                    line = data[a, z + dz, y + dy]
                    for dx in range(wx):
                        factor = c[a // 3, b, (dz * wy + dy) * wx + dx]
                        if factor != 0.0:
                            for x in range(nx):
                                sums[b, a, x] += factor * line[dx + x]


@inlined
def _add_window(data, z, y, x, window, c, sums):
    """Sum the products of coefficients with the window of one point; see `_add_row`."""
    wz, wy, wx = window[0], window[1], window[2]
    for b in range(sums.shape[0]):
        for a in range(sums.shape[1]):
            total = 0.0
            for dz in range(wz):
                for dy in range(wy):
                    k = (dz * wy + dy) * wx
                    for dx in range(wx):
                        total += c[a // 3, b, k + dx] * data[a, z + dz, y + dy, x + dx]
            sums[b, a, x] = total


@inlined
def _count_row(there, z, y, window, number):
    """Count the points that are there in the windows of all points of a row; return the largest number.

    number (nx,) int64, out.
    """
    for x in range(number.size):
        number[x] = 0
    for dz in range(window[0]):
        for dy in range(window[1]):
            line = there[z + dz, y + dy]
            for dx in range(window[2]):
                for x in range(number.size):
                    number[x] += line[dx + x]
    largest = 0
    for x in range(number.size):
        largest = max(largest, number[x])
    return largest


@inlined
def _copy_window(there, z, y, x, window, present):
    """Copy the window of a point to present (m,)."""
    k = 0
    for dz in range(window[0]):
        for dy in range(window[1]):
            for dx in range(window[2]):
                present[k] = there[z + dz, y + dy, x + dx]
                k += 1


@inlined
def _find_coefficients(present, n, min_points, mode, window, table, stack, basis, weights, rows, whole, work, own):
    """Fill the coefficients of a window with missing points; return how many points count and whether that suffices.

    work (p + 1, p): scratch.
    """
    if mode == ELEMENTS:
        solved = element_coefficients(present, window, own) > 0
        used = 0
        for k in range(present.size):
            used += present[k]
        return used, solved
    if mode == STOP:
        n = keep_connected(present, table, stack)
    if n < min_points:
        return n, False
    p = work.shape[1]
    return n, polynomial_coefficients(present, n, basis, weights, rows, whole, work[:p], work[p], own)


@inlined
def _put_covariance(sums, x, c_square, k_matrix, share, covariance, z, y):
    """Write the covariance of the estimates at one point.

    sums (r, 6, nx): the last three are sums of squared coefficients times variance; k_matrix: the covariance for unit
    variance; share (r, 3): scratch, the standard uncertainty of each component as the estimate sees it.
    """
    r = share.shape[0]
    for b in range(r):
        total = 0.0
        for k in range(c_square.shape[1]):
            total += c_square[b, k]
        for a in range(3):
            share[b, a] = math.sqrt(sums[b, 3 + a, x] / total)
    for a in range(3):
        for b in range(r):
            for other in range(r):
                covariance[a, b, other, z, y, x] = share[b, a] * share[other, a] * k_matrix[b, other]


@jit
def fit_planes(
    data,  # (q, Z, Y, X) float64, padded: displacement, and its variance where q is 6
    there,  # (Z, Y, X) uint8, padded
    begin,  # first plane of the output
    window,  # (3,) int64
    basis,  # (m, p) float64
    weights,  # (m,) float64
    rows,  # (r,) int64
    whole,  # (p, p) float64: normal matrix where nothing is missing
    complete,  # (2, r, m) float64: coefficients where nothing is missing, and their squares
    complete_k,  # (r, r) float64
    lags,  # (t, 3, n) float64; not read where q is 3
    min_points,
    mode,
    estimate,  # (r, 3, nz, ny, nx) float64, out
    covariance,  # (3, r, r, nz, ny, nx) float64, out; or empty where q is 3
    good,  # (nz, ny, nx) uint8, out
    count,  # (nz, ny, nx) int16, out
):
    """Fit at every point of some planes; what is not good is left as it is."""
    cz, cy, cx = window[0] // 2, window[1] // 2, window[2] // 2
    m, p = basis.shape
    r = rows.size
    nz, ny, nx = good.shape
    known = data.shape[0] == 6
    present, stack, table = np.empty(m, np.uint8), np.empty(m, np.int64), np.empty((m, 6), np.int64)
    neighbour_table(window, table)
    work, scratch = np.empty((p + 1, p)), np.empty((2, m))
    own, own_k, share = np.empty((2, r, m)), np.empty((r, r)), np.empty((r, 3))
    number, sums = np.empty(nx, np.int64), np.empty((r, data.shape[0], nx))
    for z in range(nz):
        for y in range(ny):
            largest = _count_row(there, begin + z, y, window, number)
            if largest == m:
                _add_row(data, begin + z, y, window, complete, sums)
            for x in range(nx):
                if not there[begin + z + cz, y + cy, x + cx]:
                    continue
                n = number[x]
                c, k_matrix = complete, complete_k
                if n < m:
                    c, k_matrix = own, own_k
                    _copy_window(there, begin + z, y, x, window, present)
                    n, solved = _find_coefficients(
                        present, n, min_points, mode, window, table, stack, basis, weights, rows, whole, work, own[0]
                    )
                    count[z, y, x] = n
                    if not solved:
                        continue
                    if known:
                        for b in range(r):
                            for k in range(m):
                                own[1, b, k] = own[0, b, k] * own[0, b, k]
                        coefficient_covariance(own[0], window, lags, scratch, own_k)
                    _add_window(data, begin + z, y, x, window, own, sums)
                count[z, y, x] = n
                good[z, y, x] = 1
                for b in range(r):
                    for a in range(3):
                        estimate[b, a, z, y, x] = sums[b, a, x]
                if known:
                    _put_covariance(sums, x, c[1], k_matrix, share, covariance, z, y)
