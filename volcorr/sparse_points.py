"""A coarse grid of some hundred points, evenly spread, for questions that need no map."""

from typing import TYPE_CHECKING

import numpy as np

from volcorr.grid import Roi, make_grid
from volio.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MARGIN", "spread_points"]

Triple = tuple[int, int, int]

#: Voxels between a subset and the faces of the volume: room for the grey gradient and for a small motion.
MARGIN = 4


def spread_points(
    shape: Triple,
    *,
    subset: Triple,
    points: int,
    roi: Roi | None = None,
    mask: "NDArray[np.bool_] | None" = None,
) -> tuple[Roi, int]:
    """Choose region and spacing such that `correlate` measures about so many points, for any subset up to a size.

    Nothing is left to chance: the same input gives the same points.

    Parameters
    ----------
    shape : three ints
        Shape of the volume, z, y, x.
    subset : three ints
        Largest subset, in voxels: it fits into the volume at every point.
    points : int
        Most points wanted in the mask.
    roi : three pairs, optional
        Half-open voxel ranges in which the points lie.
    mask : (z, y, x) bool array, optional
        The specimen: the points lie in the smallest box that holds it.

    Returns
    -------
    roi : three pairs
        From the first to the last point along z, y, x: every smaller subset meets exactly these points.
    spacing : int
        Distance of the points along every axis, in voxels.

    Raises
    ------
    InputError
        If no point has room for the subset, or the mask leaves none.
    """
    if points < 1:
        raise InputError(f"points must be at least 1, got {points}; use for example 500")
    z, y, x = (edge // 2 + MARGIN for edge in subset)
    room = make_grid(shape, margin=(z, y, x), spacing=(1, 1, 1), roi=roi)
    ends = [[low, low + number] for low, number in zip(room.first, room.shape, strict=True)]
    share = 1.0
    if mask is not None:
        inside = mask[tuple(slice(*pair) for pair in ends)]
        if not inside.any():
            raise InputError(f"the mask leaves no point with room for a subset of {subset} voxels: use smaller sizes")
        for axis, pair in enumerate(ends):
            used = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
            pair[:] = pair[0] + int(used[0]), pair[0] + int(used[-1]) + 1
        share = float(mask[tuple(slice(*pair) for pair in ends)].mean())
    edges = [high - low for low, high in ends]
    spacing = next(s for s in range(1, max(edges) + 1) if share * np.prod([-(-n // s) for n in edges]) <= points)
    box = ((ends[0][0], ends[0][1]), (ends[1][0], ends[1][1]), (ends[2][0], ends[2][1]))
    grid = make_grid(shape, margin=(z, y, x), spacing=(spacing,) * 3, roi=box)
    a, b, c = ((int(axis[0]), int(axis[-1]) + 1) for axis in grid.axes())
    return (a, b, c), spacing
