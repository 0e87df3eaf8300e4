"""Crofton's formula on voxels: the area of a surface from how often lines of 13 directions cut through it."""

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DIRECTIONS", "area_per_cut"]

#: Steps (dz, dy, dx) to the 26 neighbours, one of each opposite pair.
DIRECTIONS = np.array([step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)])


def area_per_cut(voxel_size: Any) -> NDArray[np.float64]:
    """Return the area that one cut between neighbouring voxels stands for, for each of the 13 directions.

    Parameters
    ----------
    voxel_size : 3 floats
        Edge lengths of a voxel (z, y, x).

    Returns
    -------
    array, shape (13,)
        In the unit of `voxel_size` squared. The area of a surface is the sum of these over all pairs of neighbouring
        voxels that lie on its two sides.

    Notes
    -----
    A line that meets a surface in random position and direction cuts it so that area per volume is twice the number of
    cuts per length [1]_. Lines along direction k, one through each voxel, have voxel volume / length of the step as
    cross-section, and stand for the directions nearest to k: for their part of the unit sphere (Voronoi cells, also
    for voxels with unequal edges).

    References
    ----------
    .. [1] J. Ohser, F. Mücklich, Statistical Analysis of Microstructures in Materials Science, Wiley 2000.
    """
    from scipy.spatial import SphericalVoronoi

    size = np.asarray(voxel_size, float)
    steps = DIRECTIONS * size
    lengths = np.linalg.norm(steps, axis=1)
    units = steps / lengths[:, None]
    weights = SphericalVoronoi(np.concatenate([units, -units])).calculate_areas()[: len(units)] / (2 * np.pi)
    area: NDArray[np.float64] = 2 * weights * size.prod() / lengths
    return area
