"""Even contrast: faint texture made to count as much as the bright surface of the specimen."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from volcorr.averaging import Averaged

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["even_contrast"]

#: Neighbourhood within which the contrast is made even: standard deviation of a Gaussian, in averaged voxels.
EVEN = 1.0


def even_contrast(volume: Averaged) -> Averaged:
    """Subtract the local mean, and divide by the local standard deviation where that is not below the usual one.

    The usual one is low, the first quartile: however faint the texture is beside the surface of the specimen, it
    counts as much. The price is that the noise of the air does so too.
    """
    weights = (volume.weights >= 0.5).astype(np.float32)
    if not weights.any():
        return replace(volume, values=np.zeros_like(volume.values), weights=weights)
    near = _share_near(weights)

    def local_mean(values: "NDArray[np.float32]") -> "NDArray[np.float32]":
        smooth: NDArray[np.float32] = ndimage.gaussian_filter(values, EVEN, mode="constant", truncate=3) / near
        return smooth

    mean = np.float32(np.sum(volume.values * weights, dtype=np.float64) / np.sum(weights, dtype=np.float64))
    values = (volume.values - mean) * weights
    values = (values - local_mean(values)) * weights
    variance = local_mean(values**2)
    usual = max(float(np.quantile(variance[weights > 0], 0.25)), 1e-6 * float(variance.max()), 1e-30)
    return replace(volume, values=(values / np.sqrt(variance + np.float32(usual))).astype(np.float32), weights=weights)


def _share_near(weights: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Return the share of the neighbourhood of each voxel that counts, or 1 where there is next to nothing."""
    if weights.all():
        z, y, x = (
            ndimage.gaussian_filter1d(np.ones(n, np.float32), EVEN, mode="constant", truncate=3) for n in weights.shape
        )
        return np.asarray(z[:, None, None] * y[:, None] * x)
    near = ndimage.gaussian_filter(weights, EVEN, mode="constant", truncate=3)
    return np.where(near > 1e-3, near, np.float32(1))
