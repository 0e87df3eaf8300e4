"""Kernels that count grey values (see `histogram`)."""

import numpy as np

from volio.jit import jit


@jit
def count_levels(values, wanted, masked, first, counts):
    """Add to counts (n,) int64 how often each whole number first + i is among values (m,).

    values: any integers; wanted (m,) uint8: only where not zero, or empty (0,) when masked is False.
    """
    for i in range(values.size):
        if not masked or wanted[i] != 0:
            counts[np.int64(values[i]) - first] += 1


@jit
def count_bins(values, wanted, masked, low, scale, counts):
    """Add to counts (n,) int64 how many of values (m,) are in bin floor((value - low) * scale); the last is closed."""
    last = counts.size - 1
    for i in range(values.size):
        if not masked or wanted[i] != 0:
            place = np.int64((np.float64(values[i]) - low) * scale)
            counts[min(max(place, 0), last)] += 1


@jit
def value_range(values, wanted, masked):
    """Return (least, largest, number of values that are not finite) of values (m,) as float64."""
    low, high, bad = np.inf, -np.inf, 0
    for i in range(values.size):
        if not masked or wanted[i] != 0:
            value = np.float64(values[i])
            if np.isfinite(value):
                low, high = min(low, value), max(high, value)
            else:
                bad += 1
    return low, high, bad
