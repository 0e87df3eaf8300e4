"""Kernels on the warp of a subset, X -> X + u(X), u a polynomial of second degree in the distance from its centre.

Parameters p (3, 10): row a holds the factors of 1, z, y, x, zz, zy, zx, yy, yx, xx in the displacement along axis a.
"""

import math

import numpy as np

from volio.jit import inlined

# the monomial that the product of two of the first four is, and the two that make each of the last six
_PRODUCT = np.array([[0, 1, 2, 3], [1, 4, 5, 6], [2, 5, 7, 8], [3, 6, 8, 9]])
_FACTORS = np.array([[0, 0], [0, 0], [0, 0], [0, 0], [1, 1], [1, 2], [1, 3], [2, 2], [2, 3], [3, 3]])


@inlined
def fill_matrix(p, m):
    """Fill m (4, 4), or (10, 10) for second order, with the warp as a matrix.

    Row u says how monomial u of the warped position is made of the monomials of the position, up to the second degree.
    """
    terms = m.shape[0]
    for u in range(terms):
        for v in range(terms):
            m[u, v] = 0.0
            if 1 <= u <= 3:
                m[u, v] = p[u - 1, v]
    m[0, 0] = 1.0
    for u in range(1, 4):
        m[u, u] += 1.0
    for u in range(4, terms):
        i, j = _FACTORS[u, 0], _FACTORS[u, 1]
        for v in range(4):
            for w in range(4):
                m[u, _PRODUCT[v, w]] += m[i, v] * m[j, w]
        for v in range(4, terms):
            m[u, v] += m[i, 0] * m[j, v] + m[i, v] * m[j, 0]


@inlined
def rotate(dp, k):
    """Replace the slope of a small rigid motion, an antisymmetric matrix, by that of the exact rotation.

    k, at least (3, 3), is work space.
    """
    z, y, x = dp[2, 2], dp[0, 3], dp[1, 1]  # the rotation vector: a positive turn about z takes y to x
    angle = math.sqrt(z * z + y * y + x * x)
    if angle == 0.0:
        return
    first = math.sin(angle) / angle
    second = (1.0 - math.cos(angle)) / (angle * angle)
    n = dp.shape[0]
    for a in range(n):
        for b in range(n):
            k[a, b] = dp[a, 1 + b]
    for a in range(n):
        for b in range(n):
            square = k[a, 0] * k[0, b] + k[a, 1] * k[1, b] + k[a, 2] * k[2, b]
            dp[a, 1 + b] = first * k[a, b] + second * square


@inlined
def compose(p, dp, rigid, left, right):
    """Update the warp in place, W(p) <- W(p) o W(dp)^-1, up to second degree; return False if W(dp) is singular.

    left, right are work space, (4, 4) for warps of first degree and else (10, 10).
    """
    if rigid:
        rotate(dp, left)
    fill_matrix(p, left)
    fill_matrix(dp, right)
    terms = left.shape[0]
    # rows 1 to 3 of left times the inverse of right, by elimination of columns
    for k in range(terms):
        pivot = right[k, k]
        if not pivot > 0.1:
            return False
        for v in range(terms):
            if v != k:
                factor = right[k, v] / pivot
                for u in range(terms):
                    right[u, v] -= factor * right[u, k]
                for u in range(1, 4):
                    left[u, v] -= factor * left[u, k]
    for u in range(1, 4):
        for v in range(terms):
            p[u - 1, v] = left[u, v] / right[v, v] - (1.0 if u == v else 0.0)
    return True


@inlined
def travel(p, start, half, reach):
    """Whether no corner of the subset is further than `reach` (3) from where it started, along any axis."""
    z, y, x = float(half[0]), float(half[1]), float(half[2])
    edges = (1.0, z, y, x, z * z, z * y, z * x, y * y, y * x, x * x)
    for a in range(p.shape[0]):
        far = 0.0
        for m in range(p.shape[1]):
            far += abs(p[a, m] - start[a, m]) * edges[m]
        if not far <= reach[a]:
            return False
    return True
