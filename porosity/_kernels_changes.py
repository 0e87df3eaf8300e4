"""Kernel that counts where a phase begins or ends between voxels (see `surface`)."""

import numpy as np

from volio.jit import jit


@jit
def count_changes(mask, first, last, steps):
    """Return (directions, 2) int64: pairs of different voxels one and two `steps` (directions, 3) apart.

    `mask` (z, y, x) is uint8, 0 or 1; the pairs start in planes first ... last - 1. Steps along z are not negative.
    """
    nz, ny, nx = mask.shape
    counts = np.zeros((len(steps), 2), np.int64)
    for z in range(first, last):
        for y in range(ny):
            here = mask[z, y]
            for k in range(len(steps)):
                for far in range(2):
                    dz, dy, dx = (far + 1) * steps[k, 0], (far + 1) * steps[k, 1], (far + 1) * steps[k, 2]
                    if z + dz >= nz or y + dy < 0 or y + dy >= ny:
                        continue
                    size = nx - abs(dx)
                    a = here[max(0, -dx) :]
                    b = mask[z + dz, y + dy, max(0, dx) :]
                    count = np.int32(0)
                    for x in range(size):
                        count += np.int32(a[x] ^ b[x])
                    counts[k, far] += count
    return counts
