"""How far the interpolation of the deformed volume misleads a match, told from the spectrum of the texture.

Detail near the finest that a volume can hold (two voxels a period) comes back from interpolation at a wrong frequency.
The match is then drawn to one side, by an amount that goes with the sine of the displacement's part of a voxel. Noise
averages out over a subset, this does not. But it can be told beforehand, and taken off.

Source: the Fourier view of H. W. Schreier, J. R. Braasch & M. A. Sutton, "Systematic errors in digital image
correlation caused by intensity interpolation", Opt. Eng. 39 (2000) 2915-2921, doi:10.1117/1.1314593, applied to the
equation that inverse-compositional Gauss-Newton solves, with central differences as the gradient.
"""

from typing import TYPE_CHECKING

import numpy as np

from volcorr.noise import interpolation_gain
from volcorr.windows import Grey

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from volcorr.icgn import Refined

__all__ = ["interpolation_amplitude", "interpolation_error", "measure_amplitudes"]

#: Points whose subsets are looked at.
MOST = 24
#: Least and largest half edge of what is looked at around a point: fewer voxels blur the spectrum, more tell no more.
SMALLEST, LARGEST = 16, 20
#: Share of the frequencies, the highest, whose power is taken for that of the noise.
FLOOR = 1 / 6
#: A subset with all its voxels.
WHOLE = 0.999
#: How far the error may be from what is told, as a share of it.
UNSURE = 0.4


def interpolation_amplitude(frequency: "NDArray[np.float64]", power: "NDArray[np.float64]", degree: int) -> float:
    """Return by how much interpolation shifts a match at most.

    Parameters
    ----------
    frequency : (n,) float64 array
        Frequencies along one axis, 0 to 1/2 per voxel.
    power : (n,) float64 array
        Power of the texture there, in any unit.
    degree : int
        Degree of the interpolating B-spline.

    Returns
    -------
    float
        Factor of ``sin(2 pi u)`` in the error at the displacement u, in voxels. Positive: away from whole voxels.
    """
    images = [np.sinc(frequency + k) ** (degree + 1) for k in range(-4, 5)]
    # what a wave becomes one turn further up and down; the cardinal spline is the basis spline over its sum of images
    alias = (images[5] - images[3]) / np.sum(images, axis=0)
    gradient = power * np.sin(2 * np.pi * frequency) / (2 * np.pi)
    texture = float(np.sum(gradient * frequency))
    return -float(np.sum(gradient * alias)) / (2 * np.pi * texture) if texture > 0 else 0.0


def measure_amplitudes(
    reference: Grey, points: "NDArray[np.int64]", found: "Refined", half: tuple[int, int, int], degree: int
) -> "NDArray[np.float64]":
    """Return the factors of ``sin(2 pi u)`` in the error of the displacement along each axis.

    Parameters
    ----------
    reference : Grey
        The reference volume.
    points : (n, 3) int64 array
        Voxel positions z, y, x of the points that were found.
    found : Refined
        What was found there.
    half : three ints
        Half edges of the subsets.
    degree : int
        Degree of the interpolating B-spline.

    Returns
    -------
    (3,) float64 array
        Along z, y, x, in voxels; 0 where no subset can be looked at. White noise is told from texture by the power at
        the highest frequencies, as far as the correlation leaves room for it.
    """
    whole = found.share >= WHOLE
    rows = np.flatnonzero(whole if whole.any() else found.share > 0)
    rows = rows[np.linspace(0, len(rows) - 1, min(MOST, len(rows))).astype(int)]
    reach = np.minimum(np.clip(half, SMALLEST, LARGEST), (np.asarray(reference.shape) - 1) // 2)
    looked = [(row, _read(reference, points[row], reach)) for row in rows]
    kept = [(row, values) for row, values in looked if values is not None]
    if not kept:
        return np.zeros(3)
    rows = np.array([row for row, _ in kept])
    # the noise of the deformed scan is less where it is interpolated
    gain = interpolation_gain(found.parameters[rows, :, 0]).prod(axis=1)
    noise = float(np.median(2 * (1 - found.cc[rows]) / (1 + gain)))
    amplitudes = np.zeros(3)
    for axis in range(3):
        power = np.asarray(np.mean([_power(values, axis) for _, values in kept], axis=0), np.float64)
        floor = float(power[-max(1, int(FLOOR * len(power))) :].mean())
        texture = np.maximum(power - min(floor, noise), 0.0)
        frequency = np.asarray(np.fft.rfftfreq(2 * int(reach[axis]) + 1), np.float64)
        amplitudes[axis] = interpolation_amplitude(frequency, texture, degree)
    return amplitudes


def interpolation_error(
    found: "Refined", half: tuple[int, int, int], amplitudes: "NDArray[np.float64]"
) -> tuple["NDArray[np.float64]", "NDArray[np.float64]"]:
    """Return the error of the displacement that interpolation makes at each point.

    Parameters
    ----------
    found : Refined
        What was found at n points.
    half : three ints
        Half edges of the subsets.
    amplitudes : (3,) float64 array
        What `measure_amplitudes` returns.

    Returns
    -------
    error : (n, 3) float64 array
        What was measured too much, in voxels: the mean over the subset, whose displacement is taken as linear.
    uncertainty : (n, 3) float64 array
        Its standard uncertainty, for any part of a voxel.
    """
    u, gradient = found.parameters[:, :, 0], found.parameters[:, :, 1:4]
    # mean of a wave over a cuboid
    left = np.sinc(gradient * (2 * np.asarray(half) + 1)).prod(axis=2)
    return amplitudes * left * np.sin(2 * np.pi * u), UNSURE * np.abs(amplitudes * left) / np.sqrt(2)


def _read(reference: Grey, point: "NDArray[np.int64]", reach: "NDArray[np.int64]") -> "NDArray[np.float64] | None":
    """Return the grey around a point with mean 0 and variance 1; None if a voxel is bad or all are the same."""
    centre = np.clip(point, reach, np.asarray(reference.shape) - 1 - reach)
    box = tuple(slice(int(c - r), int(c + r + 1)) for c, r in zip(centre, reach, strict=True))
    values = np.array(reference.voxels[box], np.float64)
    values -= values.mean()
    deviation = float(values.std())
    return values / deviation if np.isfinite(deviation) and deviation > 0 else None


def _power(values: "NDArray[np.float64]", axis: int) -> "NDArray[np.float64]":
    """Return the mean power spectrum of the lines along an axis; white noise of variance 1 gives 1 everywhere."""
    # every second line will do
    lines = np.moveaxis(values, axis, -1)[::2, ::2]
    window = np.hanning(lines.shape[-1] + 2)[1:-1]
    spectrum = np.abs(np.fft.rfft(lines * window)) ** 2 / np.sum(window**2)
    return np.asarray(spectrum.mean(axis=(0, 1)))
