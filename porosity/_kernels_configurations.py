"""Kernels that count the configurations of 2 x 2 x 2 voxels (see `configurations`)."""

import numpy as np

from volio.jit import jit


@jit
def count_configurations(mask, first, last):
    """Return how often each configuration occurs between planes first ... last - 1 and the next ones: (256,) int64.

    `mask` (z, y, x) is uint8, 0 or 1. The voxel (dz, dy, dx) of a configuration sets bit 4 dx + 2 dz + dy.
    """
    counts = np.zeros((4, 256), np.int64)
    width = mask.shape[2]
    code = np.empty(width, np.uint8)
    for z in range(first, last):
        for y in range(mask.shape[1] - 1):
            a, b, c, d = mask[z, y], mask[z, y + 1], mask[z + 1, y], mask[z + 1, y + 1]
            for x in range(width):
                code[x] = a[x] | b[x] << 1 | c[x] << 2 | d[x] << 3
            for x in range(width - 1):
                counts[x & 3, code[x] | code[x + 1] << 4] += 1
    return counts.sum(axis=0)
