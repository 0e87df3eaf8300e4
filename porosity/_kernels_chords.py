"""Kernels that measure chords (see `chords`). `mask` (z, y, x) is uint8; `inner`, `border` (longest + 1,) are int64."""

import numpy as np

from volio.jit import jit


@jit
def chords_along_rows(mask, inner, border):
    """Count the chords along x by their length in voxels."""
    size = mask.shape[2]
    for z in range(mask.shape[0]):
        for y in range(mask.shape[1]):
            row = mask[z, y]
            start = 0
            inside = False
            for x in range(size):
                if (row[x] != 0) == inside:
                    continue
                if inside:
                    (border if start == 0 else inner)[x - start] += 1
                start = x
                inside = not inside
            if inside:
                border[size - start] += 1


@jit
def chords_across_rows(mask, inner, border):
    """Count the chords along the first axis by their length in voxels: `mask` (along, across, x)."""
    size, width = mask.shape[0], mask.shape[2]
    run = np.empty(width, np.int32)
    for j in range(mask.shape[1]):
        run[:] = 0
        for i in range(size):
            row = mask[i, j]
            for x in range(width):
                if row[x] != 0:
                    run[x] += 1
                elif run[x] > 0:
                    (border if run[x] == i else inner)[run[x]] += 1
                    run[x] = 0
        for x in range(width):
            if run[x] > 0:
                border[run[x]] += 1
