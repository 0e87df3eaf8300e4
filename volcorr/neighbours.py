"""What the neighbours of a point say: outliers, missing values, gradients over a window of points.

All functions work on displacement fields (3, nz, ny, nx) in which missing points are NaN.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage

from volcorr._kernels_median import median_planes
from volcorr.local_fit import LocalFit, plane_blocks, polynomial_stencil
from volio.blocks import run_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "displacement_gradient",
    "fill_missing",
    "fit_window",
    "median_outliers",
    "neighbour_mean",
    "neighbour_median",
]

#: Neighbours that the median test needs.
_FEWEST_NEIGHBOURS: Final = 5


def _offsets(reach: tuple[int, int, int]) -> Iterator[tuple[int, int, int]]:
    for z, y, x in np.ndindex(*(2 * r + 1 for r in reach)):
        yield z - reach[0], y - reach[1], x - reach[2]


def _shifted(field: "NDArray[np.float64]", offset: tuple[int, int, int]) -> "NDArray[np.float64]":
    """Return the value that each point's neighbour at `offset` has, NaN where there is none."""
    out = np.full_like(field, np.nan)
    to, source = [slice(None)], [slice(None)]
    for d, n in zip(offset, field.shape[1:], strict=True):
        to.append(slice(max(-d, 0), max(min(n - d, n), 0)))
        source.append(slice(max(d, 0), max(min(n + d, n), 0)))
    out[tuple(to)] = field[tuple(source)]
    return out


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
            values, padded, block.start, _FEWEST_NEIGHBOURS, median[:, block], deviation[:, block], judged[block]
        )

    run_blocks(task, plane_blocks(shape), threads=threads)
    return median, deviation, judged.astype(np.bool_)


def fill_missing(field: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Give each missing point the value of the nearest one that is there; at least one must be."""
    missing = ~np.isfinite(field).all(axis=0)
    if not missing.any():
        return field
    nearest = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
    return np.asarray(field[(slice(None), *nearest)])


def neighbour_mean(values: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Average the up to 26 neighbours of each point that are there; values (m, nz, ny, nx), NaN where none is."""
    total, count = np.zeros_like(values), np.zeros_like(values)
    for offset in _offsets((1, 1, 1)):
        if any(offset):
            part = _shifted(values, offset)
            there = np.isfinite(part)
            total += np.where(there, part, 0.0)
            count += there
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def fit_window(
    field: "NDArray[np.float64]",
    spacing: "NDArray[np.float64]",
    *,
    window: tuple[int, int, int],
    min_points: int,
) -> "tuple[NDArray[np.float64], NDArray[np.int16]]":
    """Fit a linear displacement by least squares to the points of a window around each point.

    Parameters
    ----------
    field : (3, nz, ny, nx) array
        Displacement, NaN where missing; missing points of a window are left out.
    spacing : (3,) array
        Distance of points along z, y, x, in the unit of the field.
    window : three odd ints
        Points of the window along z, y, x.
    min_points : int
        Points that a window needs.

    Returns
    -------
    gradient : (3, 3, nz, ny, nx) array
        ``gradient[a, b] = du_a / dX_b``; NaN where the centre is missing, the window has too few points or they
        do not span it, and everywhere along an axis that has a single point.
    count : (nz, ny, nx) int16 array
        Points used.
    """
    shape = field.shape[1:]
    z, y, x = (2 * min(w // 2, n - 1) + 1 for w, n in zip(window, shape, strict=True))
    stencil = polynomial_stencil((z, y, x), order=1, shape=shape, min_points=min_points)
    slopes, _, _, count = LocalFit(field, stencil).whole()
    gradient = np.full((3, 3, *shape), np.nan)
    for row, axis in enumerate(a for a in range(3) if shape[a] > 1):
        gradient[:, axis] = slopes[row] / spacing[axis]
    return gradient, count


def displacement_gradient(field: "NDArray[np.float64]", spacing: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Fit the gradient (3, 3, nz, ny, nx) over 3 x 3 x 3 points, NaN where they do not suffice."""
    return fit_window(field, spacing, window=(3, 3, 3), min_points=4)[0]
