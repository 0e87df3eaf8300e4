"""The rotation axis from the centre of mass, which moves along a sinusoid about it: also over less than half a turn.

The first of the conditions of Helgason and Ludwig, which moments of consistent projections keep (see Natterer, The
Mathematics of Computerized Tomography, doi:10.1137/1.9780898719284, section II.4).
"""

import math

import numpy as np
from numpy.typing import NDArray

from recon.axis_estimate import SMALLEST_SIGMA, AxisCandidate

__all__ = ["find_axis_by_moments"]

#: Fraction of the columns at each edge that must see air.
EDGE = 0.02
#: Largest line integral there, of that at the middle of the specimen.
AIR = 0.05
#: Largest scatter of the mass over the angles.
MASS = 0.05
#: Range of angles in radians from which a sinusoid is told from a constant.
RANGE = math.radians(60)


def find_axis_by_moments(sinograms: NDArray[np.generic], angles: NDArray[np.float64]) -> AxisCandidate:
    """Fit a sinusoid to the centre of mass of the projections; its constant is the column of the axis.

    Parameters
    ----------
    sinograms : (row, angle, column) array
        Line integrals, air at both edges at all angles.
    angles : (angle,) array
        In radians, over 60 degrees or more.

    Returns
    -------
    AxisCandidate
        Does not apply where the specimen reaches beyond the detector: its centre of mass is then not seen.
    """
    if np.ptp(angles) < RANGE:
        return _not(f"the angles span {math.degrees(np.ptp(angles)):.0f} degrees, a sinusoid needs 60")
    if len(angles) < 8:
        return _not(f"a sinusoid is fitted to 8 or more angles, got {len(angles)}")
    blocks = np.asarray(sinograms, np.float64)
    columns = blocks.shape[2]
    width = max(2, round(EDGE * columns))
    # an even offset of the edges, constant in time, is not the specimen
    left = blocks[:, :, :width].mean(axis=2)
    right = blocks[:, :, -width:].mean(axis=2)
    ramp = np.linspace(0, 1, columns)
    lines = blocks - (left.mean(axis=1)[:, None] * (1 - ramp) + right.mean(axis=1)[:, None] * ramp)[:, np.newaxis]
    thickest = np.percentile(blocks.mean(axis=1), 95, axis=1)
    edge = float(np.median(np.maximum(left.max(axis=1), right.max(axis=1)) / np.maximum(thickest, 1e-30)))
    mass = lines.sum(axis=2)
    scatter = float(np.median(mass.std(axis=1) / np.maximum(np.abs(mass.mean(axis=1)), 1e-30)))
    if edge > AIR or scatter > MASS:
        return _not(
            f"the specimen is not seen whole: {100 * edge:.0f} % of its thickness at the edges of the detector, its "
            f"mass changes by {100 * scatter:.0f} %"
        )
    places = (lines * np.arange(columns)).sum(axis=2) / mass
    waves = np.stack([np.ones_like(angles), np.cos(angles), np.sin(angles)], axis=1)
    inverse = np.linalg.inv(waves.T @ waves)
    fits = places @ waves @ inverse
    residuals = places - fits @ waves.T
    variances = inverse[0, 0] * (residuals**2).sum(axis=1) / (len(angles) - 3)
    weights = 1 / np.maximum(variances, 1e-12)
    center = float(np.sum(weights * fits[:, 0]) / weights.sum())
    sigma = 1 / math.sqrt(weights.sum())
    if len(weights) > 1:
        # rows that differ by more than their fits admit
        sigma *= max(1.0, math.sqrt(float(np.sum(weights * (fits[:, 0] - center) ** 2)) / (len(weights) - 1)))
    sigma = max(sigma, SMALLEST_SIGMA)
    return AxisCandidate("moments", center, sigma, f"centre of mass at {len(angles)} angles", fits[:, 0])


def _not(reason: str) -> AxisCandidate:
    return AxisCandidate("moments", None, math.nan, reason)
