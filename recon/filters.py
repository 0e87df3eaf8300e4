"""Filters of filtered back projection: the ramp, and windows that damp its high frequencies.

The ramp is made in real space and transformed (Kak and Slaney, Principles of Computerized Tomographic Imaging, 1988,
section 3.3, doi:10.1137/1.9780898719277): a ramp sampled in frequency loses its value at zero, and with it the mean of
the slice.
"""

from collections.abc import Callable
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from volio.errors import InputError

__all__ = ["FilterName", "FilterWindow", "filter_response", "ramp_response"]

Floats = npt.NDArray[np.float64]
FilterName = Literal["ramp", "shepp-logan", "cosine", "hamming", "hann", "parzen", "butterworth"]
FilterWindow = FilterName | Callable[[Floats], npt.ArrayLike] | npt.ArrayLike

#: Order of the Butterworth window.
ORDER: Final = 4


def _parzen(u: Floats) -> Floats:
    near = 1.0 - 6.0 * u**2 * (1.0 - u)
    return np.where(u <= 0.5, near, 2.0 * (1.0 - np.minimum(u, 1.0)) ** 3)


#: Each at frequencies in parts of the cutoff: 1 where the window ends.
_WINDOWS: Final[dict[str, Callable[[Floats], Floats]]] = {
    "ramp": np.ones_like,
    "shepp-logan": lambda u: np.sinc(0.5 * u),
    "cosine": lambda u: np.cos(0.5 * np.pi * u),
    "hamming": lambda u: 0.54 + 0.46 * np.cos(np.pi * u),
    "hann": lambda u: 0.5 + 0.5 * np.cos(np.pi * u),
    "parzen": _parzen,
    "butterworth": lambda u: 1.0 / np.sqrt(1.0 + u ** (2 * ORDER)),
}


def ramp_response(samples: int) -> Floats:
    """Return the ramp at the frequencies of a real transform of `samples` points, an even number.

    Returns
    -------
    (samples // 2 + 1,) float64 array
        In cycles per pixel; its first value is not 0, which is right for a row padded to `samples`.
    """
    kernel = np.zeros(samples)
    kernel[0] = 0.25
    odd = np.arange(1, samples // 2 + 1, 2)
    kernel[odd] = kernel[-odd] = -1.0 / (np.pi * odd) ** 2
    response: Floats = np.fft.rfft(kernel).real
    return response


def filter_response(window: FilterWindow, *, samples: int, cutoff: float = 1.0) -> Floats:
    """Return the ramp times a window at the frequencies of a real transform of `samples` points, an even number.

    Parameters
    ----------
    window : {"ramp", "shepp-logan", "cosine", "hamming", "hann", "parzen", "butterworth"}, callable or array
        "ramp" is no window. A callable gets the frequencies (cycles per pixel, 0 to 0.5) and returns the window there;
        an array is the window at evenly spaced frequencies from 0 to 0.5.
    samples : int
        Points of a padded row.
    cutoff : float
        Where a named window ends, in parts of the highest frequency; what lies above is removed. "butterworth" falls
        to 0.71 there and goes on.

    Raises
    ------
    InputError
        If the window is not known, holds other than finite numbers, or the cutoff is not in 0 to 1.
    """
    if not 0 < cutoff <= 1:
        raise InputError(f"cutoff must be above 0 and at most 1 (the highest frequency), got {cutoff}")
    frequency = np.asarray(np.fft.rfftfreq(samples), np.float64)
    if isinstance(window, str):
        if window not in _WINDOWS:
            raise InputError(
                f"filter must be one of {', '.join(get_args(FilterName))}, a callable or an array, got {window!r}"
            )
        relative = frequency / (0.5 * cutoff)
        values: Any = _WINDOWS[window](relative)
        if window != "butterworth":
            values = np.where(relative <= 1.0, values, 0.0)
    else:
        if cutoff != 1:
            raise InputError(f"cutoff {cutoff} is for named filters: put it into the window instead")
        values = window(frequency) if callable(window) else _interpolated(window, frequency)
    try:
        factors = np.broadcast_to(np.asarray(values, np.float64), frequency.shape)
    except (TypeError, ValueError) as error:
        raise InputError(f"filter must give a number for each of {frequency.size} frequencies: {error}") from error
    if not np.all(np.isfinite(factors)):
        raise InputError("filter gives values that are NaN or infinite: give a window of finite numbers")
    return ramp_response(samples) * factors


def _interpolated(window: Any, frequency: Floats) -> Floats:
    """Return a sampled window at the frequencies."""
    try:
        given = np.asarray(window, np.float64)
    except (TypeError, ValueError):
        given = np.zeros(0)
    if given.ndim != 1 or given.size < 2:
        got = f"shape {given.shape}" if given.size else "no numbers"
        raise InputError(f"a filter array needs 2 numbers or more along one axis, from frequency 0 to 0.5, got {got}")
    return np.interp(frequency, np.linspace(0.0, 0.5, given.size), given)
