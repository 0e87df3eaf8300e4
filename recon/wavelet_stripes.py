"""Stripes of a sinogram removed by wavelets and Fourier transforms, after Münch et al., doi:10.1364/OE.17.008567."""

import numpy as np
from numpy.typing import NDArray

from recon.sinograms import check_sinograms
from volio.errors import InputError

__all__ = ["remove_stripes_by_wavelets"]


def remove_stripes_by_wavelets(
    sinograms: NDArray[np.generic], *, levels: int = 3, damping: float = 1.0, wavelet: str = "db5"
) -> NDArray[np.float32]:
    """Remove stripes where they are alone: in the wavelet bands of what changes across columns and not along angles.

    Parameters
    ----------
    sinograms : (row, angle, column) array
        Line integrals.
    levels : int, default: 3
        Each level takes stripes twice as wide as the one before: 3 reach about 8 columns.
    damping : float, default: 1
        Width of the band of slow changes along the angles that is taken out, in changes over the scan (the deviation
        of a Gaussian). Larger takes stripes that are broken, and more of the specimen.
    wavelet : str, default: "db5"
        A wavelet of PyWavelets. Longer ones tell stripes and specimen better apart.

    Returns
    -------
    (row, angle, column) float32 array

    Raises
    ------
    InputError
        If the sinograms are not finite or too small for the levels, the wavelet is not known, or a number is not
        positive.
    """
    import pywt

    blocks = check_sinograms(sinograms)
    if not damping > 0:
        raise InputError(f"damping must be positive, got {damping}: 1 change over the scan is usual")
    if wavelet not in pywt.wavelist(kind="discrete"):
        raise InputError(f"wavelet {wavelet!r} is not one of PyWavelets: db2 to db10 are usual")
    most = pywt.dwt_max_level(min(blocks.shape[1:]), wavelet)
    if not 1 <= levels <= most:
        raise InputError(f"levels must be 1 to {most} for sinograms of {blocks.shape[1:]} with {wavelet}, got {levels}")
    smooth, sizes, bands = blocks, [], []
    for _ in range(levels):
        parts = pywt.dwtn(smooth, wavelet, mode="symmetric", axes=(1, 2))
        sizes.append(smooth.shape[1:])
        smooth = parts.pop("aa")
        # "ad": smooth along the angles, detail across the columns, where the stripes are
        parts["ad"] = _without_slow(parts["ad"], damping)
        bands.append(parts)
    for (angles, columns), parts in zip(reversed(sizes), reversed(bands), strict=True):
        whole = pywt.idwtn({"aa": smooth, **parts}, wavelet, mode="symmetric", axes=(1, 2))
        smooth = whole[:, :angles, :columns]
    return np.ascontiguousarray(smooth, np.float32)


def _without_slow(band: NDArray[np.float32], damping: float) -> NDArray[np.float32]:
    """Return a band without what changes slowly along the angles."""
    from scipy.fft import irfft, rfft

    frequencies = np.arange(band.shape[1] // 2 + 1)
    kept = (1 - np.exp(-0.5 * (frequencies / damping) ** 2)).astype(np.float32)
    fast: NDArray[np.float32] = irfft(rfft(band, axis=1) * kept[:, np.newaxis], n=band.shape[1], axis=1)
    return fast
