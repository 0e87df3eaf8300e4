"""Kernel of what is left after matching in the parts of a subset (see `parts`)."""

import numpy as np

from volcorr._kernels_subset import usable
from volio.jit import inlined
from volio.simd import LANES, is_number, load, select, splat, total


@inlined
def add_parts(f, absent, partial, corner, sz, sy, g, lanes, half, f_mean, g_mean, scale, sums):
    """Fill sums (3, 3, 2, 2): of r r, and number of voxels, in 3 x 3 x 2 parts; r as in `_row_projection`.

    Every second plane is enough.
    """
    none, one = splat(np.float32(0)), splat(np.float32(1))
    shift, factor = splat(f_mean - scale * g_mean), splat(scale)
    nz, ny = 2 * half[0] + 1, 2 * half[1] + 1
    ends = (0, lanes // LANES // 2 * LANES, 2 * half[2] + 1)
    for k in range(0, nz, 2):
        for part in range(3):
            for side in range(2):
                e, n = none, none
                for j in range(part * ny // 3, (part + 1) * ny // 3):
                    i, at = corner + k * sz + j * sy, (k * ny + j) * lanes
                    for block in range(ends[side], ends[side + 1], LANES):
                        v = load(g, at + block)
                        use = usable(absent, partial, i + block, block, ends[2]) & is_number(v)
                        r = select(use, factor * v - load(f, i + block) + shift, none)
                        e, n = e + r * r, n + select(use, one, none)
                sums[3 * k // nz, part, side, 0] += total(e)
                sums[3 * k // nz, part, side, 1] += total(n)
