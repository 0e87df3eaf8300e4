"""The rotation axis from test slices: that with which the slice is sharpest, whatever the range of angles.

A wrong axis draws every edge as an arc. A slice of few sharp edges is sparse in its slope, and the sum of the square
roots of the slope is least for the sparsest. Over less than half a turn, only the slope along the middle direction of
the beam's travel across the detector is measured well, so it alone counts.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recon.axis_estimate import AxisCandidate, find_minimum, summarize_rows
from volio.blocks import run_blocks
from volio.errors import InputError

__all__ = ["CandidateSlices", "find_axis_by_sharpness", "reconstruct_candidates"]

#: Deviation of the Gaussian that keeps noise out of the slope, in pixels.
SMOOTHING = 0.8
#: More columns are averaged before a slice is tried: it would take long and say no more.
WIDEST = 640
#: Of the first search, where nothing is known.
WIDEST_FIRST = 160
#: From this range of angles on the slopes of both directions are measured, in radians.
FULL = math.radians(170)
#: Candidates of the last search on each side, and their distance in columns.
CANDIDATES, STEP = 5, 0.5


@dataclass(frozen=True, eq=False)
class CandidateSlices:
    """A slice reconstructed with several candidate axes, to look at.

    Attributes
    ----------
    centers : (candidate,) float64 array
        Columns of the candidate axes.
    slices : (candidate, y, x) float32 array
        Attenuation per pixel inside the inner disc, zero outside; the same part of the specimen in all of them.
    roughness : (candidate,) float64 array
        Least for the sharpest. Over less than half a turn, only the slope along the middle direction counts.
    """

    centers: NDArray[np.float64]
    slices: NDArray[np.float32]
    roughness: NDArray[np.float64]


def reconstruct_candidates(
    sinogram: NDArray[np.generic],
    angles: NDArray[np.float64],
    centers: NDArray[np.float64],
    *,
    size: int | None = None,
) -> CandidateSlices:
    """Reconstruct the middle of a slice with several candidate axes: filtered back projection, slightly smoothed.

    Parameters
    ----------
    sinogram : (angle, column) array
        Line integrals.
    angles : (angle,) array
        In radians.
    centers : (candidate,) array
        Columns of the candidate axes.
    size : int, optional
        Edge of the slices in pixels; when not given what is seen at all angles with every candidate.

    Returns
    -------
    CandidateSlices

    Raises
    ------
    InputError
        If a candidate is not on the detector, or the shapes do not fit.
    """
    rows, places = np.asarray(sinogram, np.float32), np.asarray(centers, np.float64)
    if rows.ndim != 2 or rows.shape[0] != len(angles):
        raise InputError(f"a sinogram needs axes (angle, column) for {len(angles)} angles, got shape {rows.shape}")
    columns = rows.shape[1]
    room = min(float(places.min()), columns - 1 - float(places.max()))
    if not room >= 2:
        raise InputError(f"candidate axes must be inside the columns 2 to {columns - 3}, got {places.min():g} to "
                         f"{places.max():g}")  # fmt: skip
    turns = np.asarray(angles, np.float64)
    slices = _slices(rows, turns, places, size or int(2 * room))
    along = None if np.ptp(turns) >= FULL else 0.5 * float(turns.min() + turns.max())
    return CandidateSlices(places, slices, _roughness(slices, along=along))


def find_axis_by_sharpness(
    sinograms: NDArray[np.generic],
    angles: NDArray[np.float64],
    *,
    search: tuple[float, float],
    near: float | None = None,
    threads: int | None = None,
) -> AxisCandidate:
    """Find the axis with which test slices are sharpest.

    Parameters
    ----------
    sinograms : (row, angle, column) array
        Line integrals; the specimen may reach beyond the detector.
    angles : (angle,) array
        In radians, over any range.
    search : (lowest, highest)
        Columns that the axis lies between.
    near : float, optional
        Where other methods see the axis: a first search is then left out.
    threads : int, optional
        Rows at a time.

    Returns
    -------
    AxisCandidate
    """
    if np.ptp(angles) < math.radians(30) or len(angles) < 16:
        span = math.degrees(np.ptp(angles))
        reason = f"a slice is tried with 16 angles or more over 30 degrees or more, got {len(angles)} over {span:.0f}"
        return AxisCandidate("sharpness", None, math.nan, reason)
    # half a turn says it all: opposite views would only blur one another
    chosen = angles < angles.min() + math.pi * (1 + 1e-6)
    blocks, angles = np.asarray(sinograms, np.float32)[:, chosen], angles[chosen]
    start = _first_search(blocks, angles, search) if near is None else near
    rows = run_blocks(lambda sinogram: _search(sinogram, angles, start, search), list(blocks), threads=threads)
    reason = f"slices of {len(angles)} angles over {np.degrees(np.ptp(angles)):.0f} degrees"
    return summarize_rows("sharpness", np.array(rows), reason)


def _first_search(sinograms: NDArray[np.float32], angles: NDArray[np.float64], search: tuple[float, float]) -> float:
    """Return the sharpest axis of the whole range, on averaged columns, of all rows together."""
    factor = math.ceil(sinograms.shape[2] / WIDEST_FIRST)
    low = max(search[0], 0.15 * sinograms.shape[2])
    high = min(search[1], 0.85 * sinograms.shape[2])
    places = np.arange(low, high + factor, factor)
    total = np.zeros(len(places))
    for sinogram in sinograms:
        scores = _score(sinogram, angles, places, factor)
        total += scores / max(scores.mean(), 1e-30)
    # far from the axis the score drifts with what is in the slice: the dip counts, not the drift
    drift = np.polyval(np.polyfit(places, total, 2), places) if len(places) > 4 else 0
    return float(places[np.argmin(total - drift)])


def _search(
    sinogram: NDArray[np.float32], angles: NDArray[np.float64], near: float, search: tuple[float, float]
) -> float:
    """Return the sharpest axis of a row: the search moves along until the best is not at its end."""
    factor = math.ceil(sinogram.shape[1] / WIDEST)
    coarse = np.arange(-CANDIDATES, CANDIDATES + 1) * factor
    for _ in range(4):
        scores = _score(sinogram, angles, near + coarse, factor)
        best = int(np.argmin(scores))
        near += float(coarse[best])
        if 0 < best < len(coarse) - 1 or not search[0] <= near <= search[1]:
            break
    fine = near + coarse * STEP
    scores = _score(sinogram, angles, fine, factor)
    if not 0 < int(np.argmin(scores)) < len(fine) - 1:
        return math.nan
    # the dip is not quite a parabola: a polynomial through all of it
    return _lowest(fine, scores)


def _lowest(places: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    """Return the minimum of a polynomial of fourth degree fitted to scores."""
    middle, step = float(places.mean()), float(places[1] - places[0])
    fitted = np.polynomial.Polynomial.fit((places - middle) / step, scores, 4)
    dense = np.linspace(-CANDIDATES, CANDIDATES, 40 * CANDIDATES + 1)
    return find_minimum(middle + step * dense, fitted(dense))


def _score(
    sinogram: NDArray[np.float32], angles: NDArray[np.float64], centers: NDArray[np.float64], factor: int
) -> NDArray[np.float64]:
    """Return the roughness for each axis, of a slice of averaged columns, with the middle of the angles along x."""
    columns = sinogram.shape[1] // factor
    averaged = sinogram[:, : columns * factor].reshape(len(sinogram), columns, factor).mean(axis=2)
    middle = 0.5 * (angles.min() + angles.max())
    places = (centers + 0.5) / factor - 0.5
    room = min(places.min(), columns - 1 - places.max())
    size = max(int(1.7 * min(room, 0.4 * columns)), 8)
    slices = _slices(averaged, angles - middle, places, size)
    return _roughness(slices, along=None if np.ptp(angles) >= FULL else 0.0)


def _slices(
    sinogram: NDArray[np.float32], angles: NDArray[np.float64], centers: NDArray[np.float64], size: int
) -> NDArray[np.float32]:
    """Return slices (candidate, y, x) by filtered back projection; the shift of the axis is part of the filter."""
    from scipy.fft import irfft, next_fast_len, rfft

    from recon._kernels_axis import back_project_candidates

    count, columns = sinogram.shape
    padded = next_fast_len(2 * columns, real=True)
    left = (padded - columns) // 2
    frequencies = np.fft.rfftfreq(padded)
    ramp = frequencies * np.exp(-2 * (math.pi * SMOOTHING * frequencies) ** 2)
    middle = 0.5 * (columns - 1)
    spectra = rfft(np.pad(sinogram, ((0, 0), (left, padded - columns - left)), mode="edge"), axis=1)
    rows = np.empty((count, columns, len(centers)), np.float32)
    for k, center in enumerate(centers):
        kept = (ramp * np.exp(2j * math.pi * frequencies * (center - middle))).astype(np.complex64)
        rows[:, :, k] = irfft(spectra * kept, n=padded, axis=1)[:, left : left + columns]
    slices = np.zeros((size, size, len(centers)), np.float32)
    back_project_candidates(rows, np.cos(angles), np.sin(angles), middle, slices)
    slices *= np.float32(math.pi / count)
    return np.ascontiguousarray(np.moveaxis(slices, 2, 0))


def _roughness(slices: NDArray[np.float32], *, along: float | None) -> NDArray[np.float64]:
    """Return the sum of the roots of the slope, well inside the disc: in one direction from x to y, or in both."""
    size = slices.shape[1]
    offsets = np.arange(size) - 0.5 * (size - 1)
    inside = np.hypot(offsets[:, np.newaxis], offsets) < 0.5 * size - 2
    scores = []
    for image in slices:
        up, right = (slope[inside] for slope in np.gradient(image))
        slopes = [up, right] if along is None else [math.cos(along) * right + math.sin(along) * up]
        scores.append(sum(float(np.sqrt(np.abs(slope)).sum(dtype=np.float64)) for slope in slopes))
    return np.array(scores)
