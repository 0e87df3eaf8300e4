"""What the neighbours of a point say: outliers, missing values, gradients over a window of points.

All functions work on displacement fields (3, nz, ny, nx) in which missing points are NaN.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["displacement_gradient", "fill_missing", "fit_window", "median_outliers", "neighbour_mean"]


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
    around = np.stack([_shifted(field, offset) for offset in _offsets((1, 1, 1)) if any(offset)])
    enough = np.isfinite(around).sum(axis=0) >= 5
    around = np.where(enough, around, 0.0)
    median = np.nanmedian(around, axis=0)
    deviation = np.nanmedian(np.abs(around - median), axis=0)
    bad = enough & (np.abs(field - median) > threshold * (deviation + noise))
    return np.asarray(bad.any(axis=0))


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
    reach = tuple(min(w // 2, n - 1) for w, n in zip(window, shape, strict=True))
    there = np.asarray(np.isfinite(field).all(axis=0))
    clean = np.where(there, field, 0.0)
    free = [0, *(1 + a for a in range(3) if reach[a] > 0)]
    normal = np.zeros((*shape, 4, 4))
    right = np.zeros((*shape, 4, 3))
    for offset in _offsets((reach[0], reach[1], reach[2])):
        values = _shifted(np.concatenate([clean, there[None].astype(np.float64)]), offset)
        weight = np.nan_to_num(values[3])
        row = np.array([1.0, *offset])  # in steps of the grid: well scaled
        normal += weight[..., None, None] * np.outer(row, row)
        right += row[:, None] * np.moveaxis(np.nan_to_num(values[:3]), 0, -1)[..., None, :]
    count = normal[..., 0, 0].astype(np.int16)
    normal, right = normal[..., free, :][..., free], right[..., free, :]
    smallest = np.linalg.eigvalsh(normal)[..., 0]
    enough = (count >= min_points) & (smallest > 1e-9 * np.maximum(count, 1))
    good = np.logical_and(there, enough)
    normal[~good] = np.eye(len(free))
    slopes = np.linalg.solve(normal, right)
    gradient = np.full((3, 3, *shape), np.nan)
    for row_number, parameter in enumerate(free[1:], start=1):
        gradient[:, parameter - 1] = np.moveaxis(slopes[..., row_number, :], -1, 0) / spacing[parameter - 1]
    gradient[:, :, ~good] = np.nan
    return gradient, np.where(there, count, 0).astype(np.int16)


def displacement_gradient(field: "NDArray[np.float64]", spacing: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Fit the gradient (3, 3, nz, ny, nx) over 3 x 3 x 3 points, NaN where they do not suffice."""
    return fit_window(field, spacing, window=(3, 3, 3), min_points=4)[0]
