"""Correlation of two volumes frequency by frequency: down to which detail they say the same.

Fourier shell correlation (Harauz and van Heel, 1986) of two reconstructions of the same specimen from different
projections, as a rule the odd and the even ones. What is in both by mistake, such as rings, counts as signal.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from volio.errors import InputError

__all__ = [
    "FourierCorrelation",
    "check_pair",
    "fade_out",
    "fourier_ring_correlation",
    "fourier_shell_correlation",
    "soft_window",
]

Floats = npt.NDArray[np.float64]

#: Part of each edge of the window over which it falls to 0.
_EDGE: Final = 0.2


@dataclass(frozen=True, eq=False)
class FourierCorrelation:
    """How well two volumes agree at each frequency.

    Attributes
    ----------
    frequencies : array, shape (n,), float64
        In cycles per voxel, rising to 0.5.
    correlation : array, shape (n,), float64
        Of the Fourier coefficients of a shell or ring: 1 where both say the same, 0 for noise.
    half_bit : array, shape (n,), float64
        What it must exceed for half a bit of information a voxel of the volume made of both (van Heel and Schatz,
        doi:10.1016/j.jsb.2005.05.009); it depends on how many coefficients there are.
    common, power : arrays, shape (n,), float64
        Power that both have in common, and mean of that of each, summed over the coefficients of a shell or ring.
    counts : array, shape (n,), int64
        How many coefficients there are, each for itself and its mirror image.
    voxel_size : float
        Edge of a voxel, of which the unit is that of the resolutions.
    """

    frequencies: Floats
    correlation: Floats
    half_bit: Floats
    common: Floats
    power: Floats
    counts: npt.NDArray[np.int64]
    voxel_size: float = 1.0

    @property
    def resolution(self) -> float:
        """Smallest detail by the half-bit criterion: two voxels if all of them pass, NaN if none does."""
        return self._crossing(self.half_bit)

    @property
    def resolution_seventh(self) -> float:
        """Smallest detail with a correlation of 1/7."""
        return self._crossing(np.full_like(self.correlation, 1.0 / 7.0))

    def _crossing(self, threshold: Floats) -> float:
        excess = self.correlation - threshold
        below = np.flatnonzero(~(excess > 0))
        if below.size == 0:
            return 2.0 * self.voxel_size
        last = int(below[0])
        if last == 0:
            return float("nan")
        part = excess[last - 1] / (excess[last - 1] - excess[last])
        frequency = self.frequencies[last - 1] + part * (self.frequencies[last] - self.frequencies[last - 1])
        return float(self.voxel_size / frequency)


def fourier_shell_correlation(
    first: npt.ArrayLike, second: npt.ArrayLike, *, voxel_size: float = 1.0
) -> FourierCorrelation:
    """Correlate two volumes over shells of equal frequency.

    Parameters
    ----------
    first, second : array, shape (z, y, x)
        Two volumes of the same thing with independent noise. They are faded out towards their edges and towards the
        cylinder around the axis in the middle.
    voxel_size : float
        Edge of a voxel.

    Raises
    ------
    InputError
        If shapes differ, edges are below 16 voxels, or values are not finite.
    """
    one, other = check_pair(first, second, slices=16)
    window = soft_window(one.shape)
    spectra = [np.fft.rfftn(fade_out(volume, window)) for volume in (one, other)]
    z, y = (np.fft.fftfreq(n) for n in one.shape[:2])
    x = np.fft.rfftfreq(one.shape[2])
    radius = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    filled = float(np.mean(window**2))
    # no finer than the frequencies along the shortest axis, or shells would take turns in having some of them
    return _correlate(spectra, radius, np.ones_like(radius, bool), min(one.shape), filled, voxel_size)


def fourier_ring_correlation(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    direction: float | None = None,
    voxel_size: float = 1.0,
) -> FourierCorrelation:
    """Correlate the slices of two volumes over rings of equal frequency, or over what lies near one direction.

    Parameters
    ----------
    first, second : array, shape (z, y, x)
        As for `fourier_shell_correlation`; a single slice will do.
    direction : float, optional
        Angle from x towards y, in radians: frequencies within 45 degrees of it count.
    voxel_size : float
        Edge of a voxel.

    Raises
    ------
    InputError
        As `fourier_shell_correlation`.
    """
    one, other = check_pair(first, second)
    window = soft_window(one.shape[1:])
    spectra = [np.fft.rfft2(fade_out(volume, window)) for volume in (one, other)]
    y, x = np.fft.fftfreq(one.shape[1])[:, None], np.fft.rfftfreq(one.shape[2])
    radius = np.hypot(y, x)
    kept = np.ones_like(radius, bool)
    if direction is not None:
        kept = np.abs(x * np.cos(direction) + y * np.sin(direction)) >= np.sqrt(0.5) * radius
    shape = spectra[0].shape
    filled = float(np.mean(window**2))
    return _correlate(
        spectra, np.broadcast_to(radius, shape), np.broadcast_to(kept, shape), min(one.shape[1:]), filled, voxel_size
    )


def soft_window(shape: tuple[int, ...]) -> Floats:
    """Return weights that fall to 0 at the ends of z and at the cylinder that fills y and x.

    Parameters
    ----------
    shape : tuple of ints
        ``(z, y, x)`` or ``(y, x)``.
    """
    y, x = (2.0 * (np.arange(n) - 0.5 * (n - 1)) / n for n in shape[-2:])
    window = _fade(np.hypot(y[:, None], x))
    if len(shape) == 2:
        return window
    z = 2.0 * (np.arange(shape[0]) - 0.5 * (shape[0] - 1)) / shape[0]
    return _fade(np.abs(z))[:, None, None] * window


def _fade(distance: Floats) -> Floats:
    """Return 1 in the middle, and a cosine down to 0 at the distance 1."""
    part = np.clip((distance - 1.0 + _EDGE) / _EDGE, 0.0, 1.0)
    fade: Floats = 0.5 + 0.5 * np.cos(np.pi * part)
    return fade


def fade_out(volume: npt.NDArray[np.float32], window: Floats) -> npt.NDArray[np.float32]:
    """Return a volume less its mean, times a window; the last axes of both are the same."""
    weights = np.broadcast_to(window, volume.shape)
    mean = np.float32(np.sum(volume * weights) / np.sum(weights))
    faded: npt.NDArray[np.float32] = (volume - mean) * window.astype(np.float32)
    return faded


def check_pair(
    first: npt.ArrayLike, second: npt.ArrayLike, *, slices: int = 1
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return two volumes as float32.

    Raises
    ------
    InputError
        If shapes differ, there are fewer than `slices` slices or 16 voxels along y and x, or values are not finite.
    """
    one, other = np.asarray(first, np.float32), np.asarray(second, np.float32)
    if one.shape != other.shape or one.ndim != 3:
        raise InputError(f"two volumes (z, y, x) of the same shape are needed, got {one.shape} and {other.shape}")
    if one.shape[0] < slices or min(one.shape[1:]) < 16:
        raise InputError(f"volumes need {slices} slices and 16 voxels along y and x or more, got {one.shape}")
    if not (np.isfinite(one.sum(dtype=np.float64)) and np.isfinite(other.sum(dtype=np.float64))):
        raise InputError("the volumes hold NaN or infinite values: replace them or crop the volumes")
    return one, other


def _correlate(
    spectra: list[npt.NDArray[Any]],
    radius: Floats,
    kept: npt.NDArray[np.bool_],
    size: int,
    filled: float,
    voxel_size: float,
) -> FourierCorrelation:
    """Sum over shells one frequency step wide."""
    shells = size // 2
    number = np.rint(radius * size).astype(np.intp)
    inside = kept & (number >= 1) & (number <= shells)
    at = number[inside] - 1
    one, other = (spectrum[inside] for spectrum in spectra)

    def total(values: npt.NDArray[Any]) -> Floats:
        return np.bincount(at, values, shells).astype(np.float64)

    cross, powers = total((one * other.conj()).real), [total(np.abs(part) ** 2) for part in (one, other)]
    # each root by itself: the product of powers may be beyond what float64 holds
    roots = np.sqrt(powers[0]) * np.sqrt(powers[1])
    correlation = np.divide(cross, roots, out=np.zeros_like(cross), where=roots > 0)
    counts = np.bincount(at, minlength=shells)
    # both halves of the spectrum count, but a faded volume has fewer independent coefficients
    root = np.sqrt(np.maximum(2.0 * filled * counts, 1.0))
    half_bit = (0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root)
    frequencies = np.arange(1, shells + 1) / size
    mean = 0.5 * (powers[0] + powers[1])
    return FourierCorrelation(frequencies, correlation, half_bit, cross, mean, counts, float(voxel_size))
