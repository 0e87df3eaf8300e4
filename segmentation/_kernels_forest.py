"""Kernel that walks voxels down the trees of a forest (see `forest`)."""

import numpy as np

from volio.jit import jit


@jit
def vote(values, feature, limit, child, leaf, roots, out):
    """Compute the class fractions of the leaves that each voxel reaches: out (classes, n) float32.

    values: (features, n) float32. Nodes: feature (m,) int32, limit (m,) float32, child (m,) int32: a voxel goes
    to child + 1 if its value is larger than the limit, else to child. A leaf has itself as its child and an infinite
    limit. leaf: (m, classes) float32. roots (t,) int32: first node of each tree. Trees are added in their order. 16
    voxels walk side by side, so that none waits for memory alone. Indices are unsigned: negative ones would be tested.
    """
    lanes, chunk = 16, 128
    n = values.shape[1]
    classes = out.shape[0]
    local = np.zeros((chunk, values.shape[0]), np.float32)
    votes = np.empty((chunk, classes), np.float32)
    nodes = np.empty(chunk, np.uint32)
    for start in range(0, n, chunk):
        width = min(chunk, n - start)
        for f in range(values.shape[0]):
            for i in range(width):
                local[i, f] = values[f, start + i]
        votes[:] = np.float32(0.0)
        for t in range(roots.size):
            for first in range(0, width, lanes):
                for i in range(first, first + lanes):
                    nodes[i] = roots[t]
                moved = np.uintp(1)
                while moved != np.uintp(0):
                    moved = np.uintp(0)
                    for i in range(first, first + lanes):
                        node = np.uintp(nodes[i])
                        right = np.uintp(local[i, np.uintp(feature[node])] > limit[node])
                        following = np.uintp(child[node]) + right
                        moved |= following ^ node
                        nodes[i] = following
                for i in range(first, first + lanes):
                    node = np.uintp(nodes[i])
                    for c in range(classes):
                        votes[i, c] += leaf[node, c]
        for c in range(classes):
            for i in range(width):
                out[c, start + i] = votes[i, c]
