"""Kernels of the filters that keep edges (see `filters`)."""

import numpy as np

from volio.jit import jit


@jit
def diffuse_step(before, conductance, rate, law, after):
    """One explicit step of Perona-Malik diffusion, six neighbours.

    before, after: (z, y, x) float32; the outermost voxels of `after` are not written. conductance: gradient at which
    the flux is cut; law 0: g = exp(-(d / K)^2), 1: g = 1 / (1 + (d / K)^2).
    """
    inverse = np.float32(1.0) / np.float32(conductance * conductance)
    for z in range(1, before.shape[0] - 1):
        for y in range(1, before.shape[1] - 1):
            for x in range(1, before.shape[2] - 1):
                here = before[z, y, x]
                total = np.float32(0.0)
                for n in range(6):
                    if n == 0:
                        d = before[z - 1, y, x] - here
                    elif n == 1:
                        d = before[z + 1, y, x] - here
                    elif n == 2:
                        d = before[z, y - 1, x] - here
                    elif n == 3:
                        d = before[z, y + 1, x] - here
                    elif n == 4:
                        d = before[z, y, x - 1] - here
                    else:
                        d = before[z, y, x + 1] - here
                    s = d * d * inverse
                    # divided in float64: single precision is approximated in vectors, but not at the end of a row
                    total += d * (np.exp(-s) if law == 0 else np.float32(1.0 / (1.0 + np.float64(s))))
                after[z, y, x] = here + rate * total


@jit
def weigh_offset(grey, reach, patch, dz, dy, dx, scale, floor, squares, sums, total, weights):
    """Add the voxels at one offset to the weighted means of non-local means.

    grey: (z, y, x) float32 with a margin of reach + patch. squares, sums: scratch of the shape of grey. total, weights:
    (z, y, x) float32 without the margin. The weight is exp(-max(d - floor, 0) * scale), d the mean squared difference
    of the patches, by (1 - t / 1024)^1024, which is zero from t = 1024 on and within t^2 / 2048 of exp(-t).
    """
    edge = 2 * patch + 1
    volume = np.float32(1.0 / edge**3)
    part = np.float32(1.0 / 1024)
    nz, ny, nx = total.shape
    for z in range(nz + 2 * patch):
        for y in range(ny + 2 * patch):
            row = grey[z + reach, y + reach]
            other = grey[z + reach + dz, y + reach + dy]
            out = squares[z, y]
            for x in range(nx + 2 * patch):
                d = row[x + reach] - other[x + reach + dx]
                out[x] = d * d
    for z in range(nz + 2 * patch):
        for y in range(ny + 2 * patch):
            out = sums[z, y]
            row = squares[z, y]
            for x in range(nx):
                s = row[x]
                for k in range(1, edge):
                    s += row[x + k]
                out[x] = s
    for z in range(nz + 2 * patch):
        for y in range(ny):
            out = squares[z, y]
            for x in range(nx):
                out[x] = sums[z, y, x]
            for k in range(1, edge):
                row = sums[z, y + k]
                for x in range(nx):
                    out[x] += row[x]
    for z in range(nz):
        for y in range(ny):
            out = sums[z, y]
            for x in range(nx):
                out[x] = squares[z, y, x]
            for k in range(1, edge):
                row = squares[z + k, y]
                for x in range(nx):
                    out[x] += row[x]
            other = grey[z + reach + patch + dz, y + reach + patch + dy]
            mean, sum_ = total[z, y], weights[z, y]
            for x in range(nx):
                w = max(np.float32(1.0) - max(out[x] * volume - floor, np.float32(0.0)) * scale * part, np.float32(0.0))
                w = w * w
                w = w * w
                w = w * w
                w = w * w
                w = w * w
                w = w * w
                w = w * w
                w = w * w
                w = w * w
                w = w * w
                mean[x] += w * other[x + reach + patch + dx]
                sum_[x] += w
