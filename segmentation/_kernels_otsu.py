"""Kernel of Otsu's criterion with several thresholds (see `criteria`)."""

import numpy as np

from volio.jit import jit


@jit
def split_classes(weights, classes):
    """Return the last index of each class but the last, (classes - 1,) int64, of the best partition of n levels.

    weights: (n,) float64, all positive levels at positions (n,) in `weights[1]`: weights is (2, n), row 0 the counts,
    row 1 the positions. Best is the largest sum over classes of (sum of count * position)^2 / (sum of count), which is
    the largest variance between classes. Dynamic programming; the best start of the last class grows with its end, so
    that a row of the table is filled by halving: O(classes n log n).
    """
    n = weights.shape[1]
    mass = np.zeros(n + 1)
    moment = np.zeros(n + 1)
    for i in range(n):
        mass[i + 1] = mass[i] + weights[0, i]
        moment[i + 1] = moment[i] + weights[0, i] * weights[1, i]
    before = np.empty(n + 1)  # best value of the first j levels
    before[0] = -np.inf
    for j in range(1, n + 1):
        before[j] = moment[j] ** 2 / mass[j]
    starts = np.zeros((classes, n + 1), np.int64)
    stack = np.empty((128, 4), np.int64)
    for k in range(1, classes):
        now = np.full(n + 1, -np.inf)
        stack[0] = (k + 1, n, k, n - 1)
        depth = 1
        while depth > 0:
            depth -= 1
            first, last, low, high = stack[depth, 0], stack[depth, 1], stack[depth, 2], stack[depth, 3]
            if first > last:
                continue
            middle = (first + last) // 2
            best, where = -np.inf, low
            for i in range(low, min(high, middle - 1) + 1):
                value = before[i] + (moment[middle] - moment[i]) ** 2 / (mass[middle] - mass[i])
                if value > best:
                    best, where = value, i
            now[middle] = best
            starts[k, middle] = where
            stack[depth] = (first, middle - 1, low, where)
            stack[depth + 1] = (middle + 1, last, where, high)
            depth += 2
        before = now
    ends = np.empty(classes - 1, np.int64)
    end = n
    for k in range(classes - 1, 0, -1):
        end = starts[k, end]
        ends[k - 1] = end - 1
    return ends
