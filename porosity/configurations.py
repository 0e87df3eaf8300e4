"""Configurations of 2 x 2 x 2 voxels: how often each of the 256 occurs tells the Euler number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from porosity._kernels_configurations import count_configurations
from volio import run_blocks

__all__ = ["CORNERS", "configuration_counts", "corner_set"]

#: The voxels (dz, dy, dx) of a configuration in the order of their bits.
CORNERS = np.array([(i >> 1 & 1, i & 1, i >> 2) for i in range(8)])

#: Planes that one task counts.
PLANES = 32


def corner_set(corner: Any) -> NDArray[np.bool_]:
    """Return for each of the 256 configurations whether its voxel `corner` (dz, dy, dx) is set."""
    dz, dy, dx = corner
    return (np.arange(256) >> int(4 * dx + 2 * dz + dy) & 1).astype(bool)


def configuration_counts(mask: NDArray[np.uint8], *, threads: int | None = None) -> NDArray[np.int64]:
    """Return how often each configuration of 2 x 2 x 2 voxels occurs inside the volume, shape (256,).

    Parameters
    ----------
    mask : uint8 array, shape (z, y, x)
        1 where the phase is, else 0.
    threads : int, optional
        How many threads count; the counts do not depend on it.
    """
    planes = mask.shape[0] - 1
    blocks = [(start, min(start + PLANES, planes)) for start in range(0, planes, PLANES)]
    parts = run_blocks(lambda block: count_configurations(mask, *block), blocks, threads=threads)
    return np.sum(parts, axis=0, dtype=np.int64) if parts else np.zeros(256, np.int64)
