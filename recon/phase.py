"""Phase retrieval from one distance, after Paganin et al., doi:10.1046/j.1365-2818.2002.01010.x."""

import math

import numpy as np
from numpy.typing import NDArray

from volio.errors import InputError

__all__ = ["retrieve_phase", "wavelength"]

#: Planck's constant times the speed of light, keV nm (CODATA 2018, exact by definition).
HC = 1.239841984


def wavelength(energy: float) -> float:
    """Return the wavelength in nm of photons of an energy in keV."""
    if not energy > 0 or not math.isfinite(energy):
        raise InputError(f"energy must be positive, in keV, got {energy}")
    return HC / energy


def retrieve_phase(
    transmissions: NDArray[np.generic],
    *,
    energy: float,
    distance: float,
    delta_beta: float,
    pixel_size: float,
    padding: int | None = None,
) -> NDArray[np.float32]:
    """Turn the edge contrast of propagation into attenuation, for a specimen of one material in a plane wave.

    Each projection is low-passed by ``1 / (1 + pi lambda z (delta / beta) f²)``, f the spatial frequency. Minus the
    logarithm of the result is the line integral of the attenuation, as without propagation; the phase is
    -delta / (2 beta) times that line integral.

    Parameters
    ----------
    transmissions : (angle, row, column) array
        Intensity over that of the bare beam (before the logarithm is taken).
    energy : float
        Photon energy in keV.
    distance : float
        From specimen to detector, in mm. In a cone beam the effective distance, divided by the magnification.
    delta_beta : float
        Ratio of the decrement of the refractive index to its absorption index. Too large a value blurs.
    pixel_size : float
        Edge of a pixel at the specimen, in um.
    padding : int, optional
        Pixels by which the edges are continued on each side before filtering; when not given three times the reach
        ``sqrt(lambda z delta / (4 pi beta))`` of the filter, and at least 16.

    Returns
    -------
    (angle, row, column) float32 array
        Transmissions without the edge contrast.

    Raises
    ------
    InputError
        If a quantity is not positive, or the images are not three-dimensional.
    """
    from scipy.fft import irfft2, next_fast_len, rfft2

    images = np.asarray(transmissions)
    if images.ndim != 3 or 0 in images.shape:
        raise InputError(f"transmissions need 3 axes (angle, row, column) and no empty one, got shape {images.shape}")
    for what, value in (("distance", distance), ("delta_beta", delta_beta), ("pixel_size", pixel_size)):
        if not value > 0 or not math.isfinite(value):
            raise InputError(f"{what} must be positive, got {value}")
    # lambda z delta / beta in square pixels: nm times mm is um²
    area = wavelength(energy) * distance * delta_beta / pixel_size**2
    reach = math.sqrt(area / (4 * math.pi))
    border = max(16, math.ceil(3 * reach)) if padding is None else padding
    if border < 0:
        raise InputError(f"padding must not be negative, got {padding}")
    rows, columns = images.shape[1:]
    height, breadth = next_fast_len(rows + 2 * border), next_fast_len(columns + 2 * border, real=True)
    pad = ((border, height - rows - border), (border, breadth - columns - border))
    square = np.fft.fftfreq(height)[:, np.newaxis] ** 2 + np.fft.rfftfreq(breadth) ** 2
    kept = (1 / (1 + math.pi * area * square)).astype(np.float32)
    result = np.empty(images.shape, np.float32)
    for i, image in enumerate(images):
        spectrum = rfft2(np.pad(image.astype(np.float32), pad, mode="edge")) * kept
        whole = irfft2(spectrum, s=(height, breadth))
        result[i] = whole[border : border + rows, border : border + columns]
    return result
