"""Kernels that solve the normal equations of a point."""

import math

from volio.jit import inlined


@inlined
def cholesky(h, smallest):
    """Factorise the symmetric h in place into its lower triangle; return False if it is not positive definite.

    Reads the lower triangle. It is not where a pivot is not above `smallest` times the diagonal.
    """
    n = h.shape[0]
    for j in range(n):
        diagonal = h[j, j]
        pivot = diagonal
        for k in range(j):
            pivot -= h[j, k] * h[j, k]
        if not pivot > smallest * diagonal:
            return False
        root = math.sqrt(pivot)
        h[j, j] = root
        for i in range(j + 1, n):
            s = h[i, j]
            for k in range(j):
                s -= h[i, k] * h[j, k]
            h[i, j] = s / root
    return True


@inlined
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
