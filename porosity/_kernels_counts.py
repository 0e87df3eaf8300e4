"""Kernels that count phases (see `fractions`)."""

from volio.jit import jit


@jit
def count_phases(labels, mask, number, by_plane, by_column):
    """Count into by_plane (z, phase) and by_column (y, x, phase), both int64 and 0 at first.

    `labels` (z, y, x) is uint8 or uint16; `number` (65536,) int32 is the number of the phase of a label, the last one
    for labels that are not counted by themselves. `mask` (z, y, x) uint8 says which voxels count; without voxels: all
    do.
    """
    masked = mask.size > 0
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            row = labels[z, y]
            for x in range(labels.shape[2]):
                if masked and mask[z, y, x] == 0:
                    continue
                phase = number[row[x]]
                by_plane[z, phase] += 1
                by_column[y, x, phase] += 1
