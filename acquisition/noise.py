"""What a detector does to a volume: random noise and rounding to whole grey levels."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from volio.errors import InputError

__all__ = ["add_noise", "quantize"]


def add_noise(
    volume: npt.NDArray[Any],
    *,
    snr: float,
    rng: np.random.Generator | int,
    signal_std: float | None = None,
) -> npt.NDArray[np.float32]:
    """Add independent Gaussian noise to every voxel.

    Parameters
    ----------
    volume : (z, y, x) array
        Grey values.
    snr : float
        Signal-to-noise ratio: standard deviation of the texture over that of the noise.
    rng : numpy.random.Generator or int
        Source of random numbers, or its seed. Two scans of one specimen need two different seeds.
    signal_std : float, optional
        Standard deviation of the texture in grey values; without it, that of the whole volume.

    Returns
    -------
    (z, y, x) float32 array

    Raises
    ------
    InputError
        If `snr` is not positive.
    """
    if not snr > 0:
        raise InputError(f"snr must be positive, got {snr}: it is std(texture) / std(noise)")
    signal = float(np.std(volume, dtype=np.float64)) if signal_std is None else signal_std
    noise = np.random.default_rng(rng).standard_normal(volume.shape, dtype=np.float32)
    noise *= np.float32(signal / snr)
    noise += volume
    return noise


def quantize(
    volume: npt.NDArray[Any], *, dtype: Literal["uint8", "uint16"] = "uint8"
) -> npt.NDArray[np.unsignedinteger[Any]]:
    """Round grey values to the nearest whole level of an 8-bit or 16-bit file, clipped to its range."""
    levels = np.dtype(dtype)
    rounded: npt.NDArray[np.unsignedinteger[Any]] = np.clip(np.rint(volume), 0, np.iinfo(levels).max).astype(levels)
    return rounded
