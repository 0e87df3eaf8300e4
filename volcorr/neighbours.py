"""What the neighbours of a point say: medians, outliers, missing values.

Most functions work on displacement fields (3, nz, ny, nx) in which missing points are NaN.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage

from volcorr._kernels_median import median_planes
from volcorr.local_fit import plane_blocks
from volio.blocks import run_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FEWEST_NEIGHBOURS", "fill_missing", "median_outliers", "median_spread", "neighbour_median"]

#: Neighbours that the median test needs.
FEWEST_NEIGHBOURS: Final = 5


def median_outliers(field: "NDArray[np.float64]", *, threshold: float = 3.0, noise: float = 0.5) -> "NDArray[np.bool_]":
    """Mark points that disagree with their neighbours by the normalised median test.

    Parameters
    ----------
    field : (3, nz, ny, nx) array
        Displacement, NaN where missing.
    threshold : float
        Largest accepted deviation from the median, in units of the neighbours' median deviation plus `noise`.
    noise : float
        Deviation that is always accepted, in the unit of the field.

    Returns
    -------
    (nz, ny, nx) bool array
        True where at least five neighbours are there and one component fails.

    Notes
    -----
    J. Westerweel and F. Scarano, "Universal outlier detection for PIV data", Experiments in Fluids 39 (2005)
    1096-1100, doi:10.1007/s00348-005-0016-6, here with 26 neighbours.
    """
    median, deviation, judged = neighbour_median(field)
    bad = judged & (np.abs(field - median) > threshold * (deviation + noise))
    return np.asarray(bad.any(axis=0))


def neighbour_median(
    field: "NDArray[np.float64]", *, threads: int | None = None
) -> "tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]":
    """Find the median of the up to 26 neighbours of each point, and their median distance from it.

    Parameters
    ----------
    field : (3, nz, ny, nx) array
        Displacement, NaN where missing.
    threads : int, optional
        Number of threads; the result does not depend on it.

    Returns
    -------
    median, deviation : (3, nz, ny, nx) arrays
        By component; zero where there are fewer than five neighbours. The point itself does not count.
    judged : (nz, ny, nx) bool array
        Where there are at least five neighbours.
    """
    there = np.isfinite(field).all(axis=0)
    shape = there.shape
    values = np.pad(np.moveaxis(np.where(there, field, 0.0), 0, -1), [(1, 1)] * 3 + [(0, 0)])
    padded = np.pad(there.astype(np.uint8), 1)
    median, deviation = np.zeros((3, *shape)), np.zeros((3, *shape))
    judged = np.zeros(shape, np.uint8)

    def task(block: slice) -> None:
        median_planes(
            values, padded, block.start, FEWEST_NEIGHBOURS, median[:, block], deviation[:, block], judged[block]
        )

    run_blocks(task, plane_blocks(shape), threads=threads)
    return median, deviation, judged.astype(np.bool_)


def median_spread(
    values: "NDArray[np.float64]", there: "NDArray[np.bool_]"
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Find the median of what the neighbours of each point give, and their median distance from it.

    Parameters
    ----------
    values : (n, m, k) array
        k numbers from each of m neighbours of n points.
    there : (n, m) bool array
        Which neighbours count.

    Returns
    -------
    median, deviation : (n, k) arrays
        NaN where no neighbour counts.
    """
    median = _median(values, there)
    return median, _median(np.abs(values - median[:, None]), there)


def _median(values: "NDArray[np.float64]", there: "NDArray[np.bool_]") -> "NDArray[np.float64]":
    """Return the median (n, k) of values (n, m, k) over the m that are there (n, m); NaN where none is."""
    rows = np.sort(np.where(there[:, None], np.moveaxis(values, 1, 2), np.inf), axis=2)  # those not there come last
    number = there.sum(axis=1)
    low, high = (np.take_along_axis(rows, at[:, None, None], 2)[..., 0] for at in ((number - 1) // 2, number // 2))
    return np.where(number[:, None] > 0, 0.5 * (low + high), np.nan)


def fill_missing(field: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Give each missing point the value of the nearest one that is there; at least one must be."""
    missing = ~np.isfinite(field).all(axis=0)
    if not missing.any():
        return field
    nearest = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
    return np.asarray(field[(slice(None), *nearest)])
