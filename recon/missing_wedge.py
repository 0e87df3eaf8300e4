"""What a limited range of angles does to a volume: detail is coarser along the directions that were not measured.

A projection at the angle t measures the frequencies along (cos t, sin t) in the slice, in the order x, y. The ratio of
the second moments of what was measured, across and along the wedge that is missing, is the elongation of a point
(Radermacher, in: Electron Tomography, 2006, doi:10.1007/978-0-387-69008-7_9). The same ratio of what two
reconstructions have in common is that of the volume itself.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recon.angle_weights import angle_weights
from recon.fourier_correlation import check_pair, fade_out, soft_window

__all__ = ["MissingWedge", "find_missing_wedge", "measure_axis_ratio", "measure_common_power"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MissingWedge:
    """The directions in the slice that were not measured.

    Attributes
    ----------
    direction : float
        Middle of the missing directions, from x towards y, in radians, 0 to pi: detail is coarsest along it.
    width : float
        Angle that is missing, in radians; 0 for a half turn or more.
    elongation : float
        By how much longer a point appears along `direction` than across it, as expected of the angles.
    """

    direction: float
    width: float
    elongation: float


def find_missing_wedge(angles: npt.ArrayLike) -> MissingWedge:
    """Return which directions were not measured.

    Parameters
    ----------
    angles : array, shape (angles,)
        In radians.

    Raises
    ------
    InputError
        If there are no angles.
    """
    weights = angle_weights(angles, weighting="angular")
    turns = np.asarray(angles, np.float64)
    # second moments of the directions, as a vector at twice the angle
    moment = complex(np.sum(weights * np.exp(2j * turns)))
    total = float(weights.sum())
    direction = 0.5 * float(np.angle(-moment)) % np.pi
    width = max(np.pi - total, 0.0)
    elongation = np.sqrt((total + abs(moment)) / max(total - abs(moment), 1e-12))
    return MissingWedge(direction, width if width > 1e-9 else 0.0, float(elongation))


def measure_common_power(first: npt.ArrayLike, second: npt.ArrayLike) -> Floats:
    """Measure which frequencies of the slices two reconstructions have in common.

    Parameters
    ----------
    first, second : array, shape (z, y, x)
        Of the same specimen, with independent noise: only what both have in common counts.

    Returns
    -------
    (y, x) float64 array
        Power, summed over the slices, at the frequencies ``fftshift(fftfreq(n))`` along both axes; noise leaves
        positive and negative values of the mean 0.

    Raises
    ------
    InputError
        If shapes differ, values are not finite, or slices are smaller than 16 voxels.
    """
    one, other = check_pair(first, second)
    window = soft_window(one.shape[1:])
    height, width = one.shape[1:]
    common = np.zeros((height, width // 2 + 1))
    for images in zip(one, other, strict=True):
        a, b = (np.fft.rfft2(fade_out(image, window)) for image in images)
        common += (a * b.conj()).real
    whole = np.empty((height, width))
    whole[:, : common.shape[1]] = common
    # the spectrum of a real image is the same at a frequency and at its negative
    mirrored = np.arange(common.shape[1], width)
    whole[:, mirrored] = common[-np.arange(height)][:, width - mirrored]
    return np.asarray(np.fft.fftshift(whole), np.float64)


def measure_axis_ratio(power: npt.ArrayLike, *, direction: float, cutoff: float = 0.5) -> float:
    """Measure how much coarser slices are along a direction than across it.

    Parameters
    ----------
    power : array, shape (y, x)
        From `measure_common_power`.
    direction : float
        From x towards y, in radians.
    cutoff : float
        Highest frequency, in cycles per voxel: beyond the resolution there is but noise.

    Returns
    -------
    float
        The ratio of the root mean square frequencies across and along; 1 for a specimen without preferred direction
        that is measured from all sides. NaN where the volumes have nothing in common.
    """
    values = np.asarray(power, np.float64)
    y, x = (np.fft.fftshift(np.fft.fftfreq(n)) for n in values.shape)
    kept = np.where(np.hypot(y[:, None], x) <= cutoff, values, 0.0)
    along = x * np.cos(direction) + y[:, None] * np.sin(direction)
    across = y[:, None] * np.cos(direction) - x * np.sin(direction)
    moments = [float(np.sum(kept * part**2)) for part in (across, along)]
    return float(np.sqrt(moments[0] / moments[1])) if min(moments) > 0 else float("nan")
