"""Vertical shifts of projections from their mass profiles, before anything is reconstructed.

The attenuation of a slice is the same in all projections, so the sum along a detector row is the same at all angles
(the zeroth of the consistency conditions of Helgason and Ludwig): profiles of these sums lie where the projections lie.
Of a specimen that is wider than the detector this holds nearly, for details along the axis.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["find_row_shifts"]

Floats = npt.NDArray[np.float64]

#: Rounds of comparison with the mean profile.
_ROUNDS: Final = 4
#: Part of the rows over which a change counts as even, and largest shift, both as a part of the rows.
_EVEN, _LARGEST = 0.1, 0.33
#: Correlation with the mean profile from which a shift is believed.
_LEAST: Final = 0.5


def find_row_shifts(projections: Any) -> Floats:
    """Return by how many rows each projection lies too low.

    Parameters
    ----------
    projections : (angles, rows, columns) array
        Line integrals.

    Returns
    -------
    (angles,) float64 array
        With the mean 0; all 0 where the profiles are not alike.
    """
    count, rows, columns = projections.shape
    # the middle counts most: least enters or leaves there
    window = np.sin(np.pi * (np.arange(columns) + 0.5) / columns) ** 2
    profiles = np.stack([np.asarray(projections[i], np.float64) @ window for i in range(count)])
    profiles = _detail(profiles, max(_EVEN * rows, 1.0)) * np.hanning(rows + 2)[1:-1]
    shifts = np.zeros(count)
    for _ in range(_ROUNDS):
        mean = np.median([_moved(p, -s) for p, s in zip(profiles, shifts, strict=True)], axis=0)
        found = np.array([_lag(p, mean) for p in profiles])
        if np.median(found[:, 1]) < _LEAST:
            return np.zeros(count)
        shifts = found[:, 0] - found[:, 0].mean()
    return shifts


def _detail(profiles: Floats, sigma: float) -> Floats:
    """Return profiles without what is even."""
    from scipy.ndimage import gaussian_filter1d

    detail: Floats = profiles - gaussian_filter1d(profiles, sigma, axis=1, mode="nearest")
    return detail


def _moved(profile: Floats, shift: float) -> Floats:
    places = np.arange(profile.size)
    moved: Floats = np.interp(places - shift, places, profile)
    return moved


def _lag(profile: Floats, mean: Floats) -> tuple[float, float]:
    """Return by how much a profile lies further than the mean one, and their correlation there."""
    n = profile.size
    largest = max(int(_LARGEST * n), 2)
    spectrum = np.fft.rfft(profile, 2 * n) * np.conj(np.fft.rfft(mean, 2 * n))
    values = np.roll(np.fft.irfft(spectrum, 2 * n), largest)[: 2 * largest + 1]
    best = int(np.argmax(values[1:-1])) + 1
    before, here, after = values[best - 1 : best + 2]
    bend = before - 2 * here + after
    part = 0.5 * (before - after) / bend if bend < 0 else 0.0
    scale = np.sqrt(np.sum(profile**2) * np.sum(mean**2))
    return best - largest + float(np.clip(part, -0.5, 0.5)), float(here / scale) if scale > 0 else 0.0
