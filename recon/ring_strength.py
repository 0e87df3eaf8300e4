"""How strong the rings of a volume are: what stays the same along circles about the rotation axis.

A wrong detector pixel draws half a ring, over the angles that were measured, at one distance to one side of the axis.
So distances have a sign, and each side is a line of its own. Lines are averaged over two halves of the angles apart: a
ring is in both averages, and detail of the specimen is not.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from volio.errors import InputError

__all__ = ["RingStrength", "measure_rings"]

Floats = npt.NDArray[np.float64]

#: Nearer to the axis than this many voxels circles are too short to tell rings.
_NEAREST: Final = 8
#: Width in voxels of the median over distances that rings stand out from.
_MEDIAN: Final = 9
#: Slices that are looked at.
_SLICES: Final = 32


@dataclass(frozen=True, eq=False)
class RingStrength:
    """Rings of a volume.

    Attributes
    ----------
    strength : float
        Root mean square of the rings, in the unit of the volume; 0 where there are none.
    distances : array, shape (n,), float64
        From the axis, in voxels; negative on the other side.
    profile : array, shape (n,), float64
        Root mean square over the slices of the rings at each distance, in the unit of the volume; with its noise.
    """

    strength: float
    distances: Floats
    profile: Floats


def measure_rings(volume: npt.ArrayLike, *, angles: npt.ArrayLike | None = None) -> RingStrength:
    """Measure the rings about the axis in the middle of the slices.

    Parameters
    ----------
    volume : array, shape (z, y, x)
        A reconstruction; 32 of its slices are looked at.
    angles : array, shape (angles,), optional
        Of the projections, in radians: rings lie within their range. Half a turn when not given.

    Raises
    ------
    InputError
        If the volume has another number of axes, is too small, or holds values that are not finite.
    """
    from scipy.ndimage import map_coordinates, median_filter

    slices = np.asarray(volume)
    if slices.ndim != 3 or min(slices.shape[1:]) < 4 * _NEAREST:
        raise InputError(f"rings need a volume (z, y, x) of {4 * _NEAREST} voxels or more in y and x: {slices.shape}")
    slices = slices[:: max(len(slices) // _SLICES, 1)]
    if not np.isfinite(slices.sum(dtype=np.float64)):
        raise InputError("rings need finite values, the volume holds NaN or infinite ones: crop or replace them")
    reach = 0.5 * min(slices.shape[1:]) - 2.0
    low, high = (0.0, np.pi) if angles is None else (float(np.min(angles)), float(np.max(angles)))
    span = min(high - low, np.pi)
    turns = low + span * (np.arange(2 * math.ceil(0.5 * span * reach)) + 0.5) / (2 * math.ceil(0.5 * span * reach))
    # the median needs neighbours on both sides
    beyond = _MEDIAN // 2
    sides = np.arange(_NEAREST - beyond, int(reach) + 1, dtype=np.float64)
    distances = np.concatenate([-sides[::-1], sides])
    places = np.stack([0.5 * (slices.shape[1] - 1) + np.sin(turns)[:, None] * distances,
                       0.5 * (slices.shape[2] - 1) + np.cos(turns)[:, None] * distances])  # fmt: skip
    halves = np.empty((2, len(slices), distances.size))
    for k, image in enumerate(slices):
        lines = map_coordinates(image.astype(np.float64), places, order=1)
        halves[:, k] = lines.reshape(2, -1, distances.size).mean(axis=1)
    count = sides.size
    for side in (slice(0, count), slice(count, 2 * count)):
        halves[:, :, side] -= median_filter(halves[:, :, side], (1, 1, _MEDIAN), mode="nearest")
    kept = np.concatenate([np.arange(beyond, count - beyond), count + np.arange(beyond, count - beyond)])
    halves = halves[:, :, kept]
    common = float(np.mean(halves[0] * halves[1]))
    profile = np.sqrt(np.mean(halves.mean(axis=0) ** 2, axis=0))
    return RingStrength(math.sqrt(max(common, 0.0)), distances[kept], profile)
