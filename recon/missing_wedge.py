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
from recon.fourier_correlation import soft_window

__all__ = ["MissingWedge", "find_missing_wedge", "measure_axis_ratio"]

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


def measure_axis_ratio(first: npt.ArrayLike, second: npt.ArrayLike, *, direction: float, cutoff: float = 0.5) -> float:
    """Measure how much coarser two reconstructions are along a direction in the slice than across it.

    Parameters
    ----------
    first, second : array, shape (z, y, x)
        Of the same specimen, with independent noise: only what both have in common counts.
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
    one, other = np.asarray(first, np.float32), np.asarray(second, np.float32)
    window = soft_window(one.shape[1:]).astype(np.float32)
    y, x = np.fft.fftfreq(one.shape[1])[:, None], np.fft.rfftfreq(one.shape[2])
    common = np.zeros((one.shape[1], x.size))
    for a, b in zip(one, other, strict=True):
        spectra = [np.fft.rfft2((image - image.mean()) * window) for image in (a, b)]
        common += (spectra[0] * spectra[1].conj()).real
    # columns of a half spectrum stand for two, but for the first (and the last of an even number)
    twice = np.where((x > 0) & (x < 0.5), 2.0, 1.0) * (np.hypot(y, x) <= cutoff)
    along = x * np.cos(direction) + y * np.sin(direction)
    across = y * np.cos(direction) - x * np.sin(direction)
    moments = [float(np.sum(common * twice * part**2)) for part in (across, along)]
    return float(np.sqrt(moments[0] / moments[1])) if min(moments) > 0 else float("nan")
