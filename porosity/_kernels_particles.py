"""Kernels that measure particles (see `particles`): `labels` (z, y, x) is uint8 or uint16, n the highest label."""

import numpy as np

from volio.jit import jit


@jit
def measure_moments(labels, sums, box):
    """Add up sums (n + 1, 10) int64 and the range of voxels box (n + 1, 6) int64.

    Sums: voxels; z, y, x; zz, yy, xx, zy, zx, yx. Box: lowest z, y, x (the size of the volume at first), highest z, y,
    x (-1 at first).
    """
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            row = labels[z, y]
            start = 0
            for x in range(1, labels.shape[2] + 1):
                if x < labels.shape[2] and row[x] == row[start]:
                    continue
                label = row[start]
                if label != 0:
                    s, b = sums[label], box[label]
                    n = x - start
                    sx = n * (start + x - 1) // 2
                    sxx = (x - 1) * x * (2 * x - 1) // 6 - (start - 1) * start * (2 * start - 1) // 6
                    s[0] += n
                    s[1] += n * z
                    s[2] += n * y
                    s[3] += sx
                    s[4] += n * z * z
                    s[5] += n * y * y
                    s[6] += sxx
                    s[7] += n * z * y
                    s[8] += sx * z
                    s[9] += sx * y
                    b[0], b[1], b[2] = min(b[0], z), min(b[1], y), min(b[2], start)
                    b[3], b[4], b[5] = max(b[3], z), max(b[4], y), max(b[5], x - 1)
                start = x


@jit
def count_cuts(labels, steps, cuts):
    """Count into cuts (n + 1, directions) int64 the pairs of voxels a step (directions, 3) apart across the surface."""
    nz, ny, nx = labels.shape
    for z in range(nz):
        for y in range(ny):
            here = labels[z, y]
            for k in range(len(steps)):
                j, i = z + steps[k, 0], y + steps[k, 1]
                if j < 0 or j >= nz or i < 0 or i >= ny:
                    continue
                there = labels[j, i]
                step = steps[k, 2]
                for x in range(max(0, -step), min(nx, nx - step)):
                    a, b = here[x], there[x + step]
                    if a != b:
                        cuts[a, k] += 1
                        cuts[b, k] += 1


@jit
def count_contacts(labels, axis):
    """Return how many faces across `axis` have particles on both sides."""
    count = 0
    nz, ny, nx = labels.shape
    for z in range(nz - (axis == 0)):
        for y in range(ny - (axis == 1)):
            here, there = labels[z, y], labels[z + (axis == 0), y + (axis == 1)]
            for x in range(nx - (axis == 2)):
                a, b = here[x], there[x + (axis == 2)]
                if a != b and a != 0 and b != 0:
                    count += 1
    return count


@jit
def list_contacts(labels, axis, pairs):
    """Fill pairs (faces,) uint32 with both labels of each face across `axis`: 65536 times the lower plus the higher."""
    count = 0
    nz, ny, nx = labels.shape
    for z in range(nz - (axis == 0)):
        for y in range(ny - (axis == 1)):
            here, there = labels[z, y], labels[z + (axis == 0), y + (axis == 1)]
            for x in range(nx - (axis == 2)):
                a, b = np.uint32(here[x]), np.uint32(there[x + (axis == 2)])
                if a != b and a != 0 and b != 0:
                    pairs[count] = (min(a, b) << 16) | max(a, b)
                    count += 1
