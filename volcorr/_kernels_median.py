"""Kernels of the median test (see `neighbours`)."""

import numpy as np

from volio.jit import inlined, jit


@inlined
def _median(sample):
    """Sort values in place and return their median."""
    n = sample.size
    for i in range(1, n):
        value = sample[i]
        j = i
        while j > 0 and sample[j - 1] > value:
            sample[j] = sample[j - 1]
            j -= 1
        sample[j] = value
    return 0.5 * (sample[(n - 1) // 2] + sample[n // 2])


@inlined
def _median_and_spread(sample, distance):
    """Sort values in place; return their median, and the median of their distances (work space) from it."""
    middle = _median(sample)
    for k in range(sample.size):
        distance[k] = abs(sample[k] - middle)
    return middle, _median(distance)


@jit
def median_planes(values, there, begin, least, median, deviation, judged):
    """Median of the neighbours of each point, and the median of their distances from it.

    values (Z, Y, X, 3) float64 and there (Z, Y, X) uint8 are padded by one; median, deviation (3, nz, ny, nx);
    judged (nz, ny, nx) uint8 is set where at least `least` neighbours are there, whether or not the point itself is.
    """
    nz, ny, nx = judged.shape
    around, distance = np.empty((3, 27)), np.empty(27)
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                n = 0
                for k in range(27):
                    if k == 13:
                        continue
                    qz, qy, qx = begin + z + k // 9, y + (k // 3) % 3, x + k % 3
                    if there[qz, qy, qx]:
                        for a in range(3):
                            around[a, n] = values[qz, qy, qx, a]
                        n += 1
                if n < least:
                    continue
                judged[z, y, x] = 1
                for a in range(3):
                    median[a, z, y, x], deviation[a, z, y, x] = _median_and_spread(around[a, :n], distance[:n])
