"""Where the specimen of the first volume stands in a later one: its points carried along by their displacement."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from volcorr.composition import voxel_positions
from volcorr.fields import valid_points
from volio.errors import InputError
from volio.lazy import LazyArray

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from volcorr.grid import Roi

__all__ = ["moved_mask", "moved_roi"]

#: Spacings of points around the moved ones that are measured too: an interpolation looks that far.
_RIM: Final = 2
#: Part of a subset around a moved point that belongs to the specimen, to each side.
_SUBSET_PART: Final = 0.4


def moved_mask(field: "xr.Dataset") -> LazyArray:
    """Return the mask of the specimen in the deformed volume of a field.

    A voxel belongs to it that is not further from a moved point, along any axis, than one distance of points or 0.4 of
    a subset. That is a little more than the specimen, so that around each moved point there are measured points on all
    sides.

    Parameters
    ----------
    field : xarray.Dataset
        Displacement field.

    Returns
    -------
    (z, y, x) array of bools
        Of the shape of the volume, but made only where it is indexed.
    """
    points = np.rint(_moved(field)).astype(np.int64)
    reach = np.maximum(field.attrs["spacing"], np.ceil(_SUBSET_PART * np.asarray(field.attrs["subset_size"])))
    reach = reach.astype(np.int64)

    def paint(box: tuple[slice, ...]) -> "NDArray[Any]":
        from scipy.ndimage import maximum_filter1d

        low, high = (np.array([getattr(part, end) for part in box]) for end in ("start", "stop"))
        near = ((points >= low - reach) & (points < high + reach)).all(axis=1)
        block = np.zeros(high - low + 2 * reach, np.uint8)
        block[tuple((points[near] - low + reach).T)] = 1
        for axis, r in enumerate(reach):
            block = maximum_filter1d(block, 2 * int(r) + 1, axis=axis, mode="constant")
        return np.asarray(block[tuple(slice(r, -r) for r in reach)].view(np.bool_))

    return LazyArray(paint, field.attrs["volume_shape"], np.bool_, name="mask of the moved specimen")


def moved_roi(field: "xr.Dataset") -> "Roi":
    """Return the box of the deformed volume that holds the moved points and two more points on each side.

    Raises
    ------
    InputError
        If no point is valid, or all have left the volume.
    """
    points, shape = _moved(field), np.asarray(field.attrs["volume_shape"])
    rim = _RIM * np.asarray(field.attrs["spacing"])
    low = np.maximum(np.floor(points.min(axis=0)).astype(int) - rim, 0)
    high = np.minimum(np.ceil(points.max(axis=0)).astype(int) + rim + 1, shape)
    if not (low < high).all():
        raise InputError("all points have left the volume: the steps are too large, or the volumes are not aligned")
    z, y, x = ((int(a), int(b)) for a, b in zip(low, high, strict=True))
    return z, y, x


def _moved(field: "xr.Dataset") -> "NDArray[np.float64]":
    """Return the moved valid points as (n, 3) voxel indices."""
    valid = valid_points(field).ravel()
    if not valid.any():
        raise InputError("no point is left to follow: compare the volumes by eye, or raise search or subset_size")
    return voxel_positions(field)[valid]
