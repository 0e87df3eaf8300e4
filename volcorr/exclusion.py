"""Points that cannot be measured: outside the mask, or with bad voxels in their subset."""

from typing import TYPE_CHECKING, Any

import numpy as np

from volcorr.fields import Status
from volcorr.grid import GRADIENT_REACH
from volio.errors import InputError
from volio.volume import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from volcorr.icgn import Refined

__all__ = ["MIN_MASK_SHARE", "exclude_points", "mark_bad_targets", "read_mask"]

Triple = tuple[int, int, int]

#: A subset is measured when at least this share of its voxels lies in the mask.
MIN_MASK_SHARE = 0.5
#: Distance at which a bad voxel no longer changes the spline coefficients (0.27^8 = 3e-5 of its step).
SPLINE_REACH = 8


def read_mask(mask: Volume, shape: Triple) -> "NDArray[np.bool_]":
    """Read the mask of the specimen.

    Raises
    ------
    InputError
        If it has another shape than the volumes, or is zero everywhere.
    """
    if mask.shape != shape:
        raise InputError(f"the mask has the shape {mask.shape}, the volumes {shape}: make the mask on the reference")
    inside = np.asarray(mask.data[:]) > 0
    if not inside.any():
        raise InputError("the mask is empty: it must be nonzero in the specimen")
    return inside


def exclude_points(
    points: "NDArray[np.int64]",
    *,
    half: Triple,
    mask: "NDArray[np.bool_] | None",
    bad: "NDArray[np.bool_] | None",
) -> "NDArray[np.uint8]":
    """Return the status (n,) that points (n, 3) have before any correlation."""
    status = np.full(len(points), Status.VALID, np.uint8)
    wide = (half[0] + GRADIENT_REACH, half[1] + GRADIENT_REACH, half[2] + GRADIENT_REACH)
    for i, point in enumerate(points):
        if mask is not None and (not mask[tuple(point)] or mask[_box(point, half)].mean() < MIN_MASK_SHARE):
            status[i] = Status.OUTSIDE_MASK
        elif bad is not None and bad[_box(point, wide)].any():
            status[i] = Status.BAD_VOXELS
    return status


def mark_bad_targets(
    found: "Refined", points: "NDArray[np.int64]", *, half: Triple, bad: "NDArray[np.bool_] | None"
) -> None:
    """Mark points whose subset met bad voxels of the deformed volume."""
    if bad is None:
        return
    for i in np.flatnonzero(np.isfinite(found.cc)):
        p = found.parameters[i]
        z, y, x = np.ceil(np.abs(np.eye(3) + p[:, 1:]) @ half).astype(int) + SPLINE_REACH
        if bad[_box(np.round(points[i] + p[:, 0]), (z, y, x))].any():
            found.status[i] = Status.BAD_VOXELS


def _box(point: "NDArray[Any]", half: Triple) -> tuple[slice, slice, slice]:
    z, y, x = (slice(max(int(c) - h, 0), max(int(c) + h + 1, 0)) for c, h in zip(point, half, strict=True))
    return z, y, x
