"""Kernel of the watershed on a distance map (see `particles`)."""

import numpy as np

from volio.jit import jit


@jit
def find_root(parents, i):
    """Return the basin that basin i was merged into; parents (n,) int32."""
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return i


@jit
def flood(order, distance, steps, depth, labels):
    """Flood the distance map from its peaks down, merging peaks that stand out by less than `depth`.

    order: (m,) int64 flat places of the voxels inside, from the largest distance to the smallest. distance: (n,)
    float32, of a volume with a margin of one voxel, negative outside and in the margin. steps: (k,) int64 flat steps to
    the neighbours. labels: (n,) int32, zeros; receives the number of the peak, counted from 1 in flooding order, that
    each voxel belongs to.
    """
    parents = np.empty(1024, np.int32)
    peaks = np.empty(1024, np.float32)
    parents[0] = 0
    count = 0
    for at in order:
        level = distance[at]
        best = 0
        height = np.float32(-1.0)
        for step in steps:
            label = labels[at + step]
            if label == 0:
                continue
            label = find_root(parents, label)
            if best != 0 and label != best:
                # of two basins that meet, the lower peak gives way if it does not stand out
                low, high = (label, best) if peaks[label] < peaks[best] else (best, label)
                if peaks[label] == peaks[best]:
                    low, high = max(label, best), min(label, best)
                if peaks[low] - level < depth:
                    parents[low] = high
                    best = high
                    height = max(height, distance[at + step])
                    continue
            if distance[at + step] > height:
                best, height = label, distance[at + step]
        if best == 0:
            count += 1
            if count == parents.size:
                more = np.empty(2 * count, np.int32)
                more[:count] = parents
                parents = more
                tops = np.empty(2 * count, np.float32)
                tops[:count] = peaks
                peaks = tops
            parents[count] = count
            peaks[count] = level
            best = count
        labels[at] = best
    for at in order:
        labels[at] = find_root(parents, labels[at])
