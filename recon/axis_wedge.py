"""The rotation axis from the double wedge of a sinogram's Fourier transform, after Vo et al., doi:10.1364/OE.22.019078.

A sinogram over half a turn and its mirror image are one over a full turn, if mirrored about the axis. Its Fourier
transform is then empty outside a double wedge: a specimen of radius r draws no line steeper than r columns a radian.
"""

import math

import numpy as np
from numpy.typing import NDArray

from recon.axis_estimate import AxisCandidate, find_minimum, summarize_rows
from volio.blocks import run_blocks

__all__ = ["find_axis_by_wedge"]

#: Highest frequency looked at, in cycles a column: faster ones are mostly noise.
FASTEST = 0.1
#: Radius that a specimen may have, as a fraction of the columns: it may reach beyond the detector.
RADIUS = 0.75
#: Widest window of the first search: more columns are averaged.
COARSE = 400


def find_axis_by_wedge(
    sinograms: NDArray[np.generic],
    angles: NDArray[np.float64],
    *,
    search: tuple[float, float],
    threads: int | None = None,
) -> AxisCandidate:
    """Find the axis about which mirroring leaves least outside the double wedge.

    Parameters
    ----------
    sinograms : (row, angle, column) array
        Line integrals.
    angles : (angle,) array
        In radians, evenly spaced over half a turn at least.
    search : (lowest, highest)
        Columns that the axis lies between.
    threads : int, optional
        Rows at a time.

    Returns
    -------
    AxisCandidate
    """
    half_turn = _half_turn(angles)
    if isinstance(half_turn, str):
        return AxisCandidate("wedge", None, math.nan, half_turn)
    turns = [np.asarray(sinogram, np.float32)[half_turn] for sinogram in sinograms]
    rows = run_blocks(lambda sinogram: _search(sinogram, search), turns, threads=threads)
    return summarize_rows("wedge", np.array(rows), f"double wedge of {len(half_turn)} angles over half a turn")


def _half_turn(angles: NDArray[np.float64]) -> NDArray[np.intp] | str:
    """Return the projections of half a turn, in order and the first not repeated; or why there is none."""
    order = np.argsort(angles, kind="stable")
    ranked = angles[order] - angles.min()
    chosen: NDArray[np.intp] = order[ranked < math.pi - 1e-6]
    steps = np.diff(ranked[: len(chosen)])
    if len(chosen) < 16:
        return f"half a turn needs 16 projections or more, got {len(chosen)}"
    step = float(np.median(steps))
    if np.abs(steps - step).max() > 0.25 * step:
        return "the angles are not evenly spaced"
    if math.pi - step * len(chosen) > 0.75 * step:
        return f"the angles span {math.degrees(ranked[-1]):.1f} degrees, a full sinogram is made of 180"
    return chosen


def _search(sinogram: NDArray[np.float32], search: tuple[float, float]) -> float:
    """Return the axis of one sinogram over half a turn: first of averaged columns, then of all."""
    factor = math.ceil(sinogram.shape[1] / COARSE)
    places = np.arange(search[0], search[1] + 0.5 * factor, 0.5 * factor)
    averaged = sinogram[:, : sinogram.shape[1] // factor * factor]
    averaged = averaged.reshape(len(sinogram), -1, factor).mean(axis=2)
    coarse = find_minimum(places, _outside(averaged, (places + 0.5) / factor - 0.5))
    if math.isnan(coarse):
        return coarse
    reach = max(1.0, 0.75 * factor)
    fine = np.linspace(coarse - reach, coarse + reach, 9)
    return find_minimum(fine, _outside(sinogram, fine))


def _outside(sinogram: NDArray[np.float32], centers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean amplitude outside the double wedge of the full turn, for each axis."""
    from scipy.fft import next_fast_len, rfft2
    from scipy.ndimage import spline_filter1d

    count, columns = sinogram.shape
    inside = centers[(centers > 8) & (centers < columns - 9)]
    if inside.size == 0:
        return np.full(centers.shape, np.nan)
    # the window around every axis is the same, or the scores would tell windows apart
    half = int(min(inside.min(), columns - 1 - inside.max())) - 2
    width = 2 * half + 1
    taper = np.minimum(1, (half + 0.5 - np.abs(np.arange(width) - half)) / (0.2 * half))
    taper = np.sin(0.5 * math.pi * taper).astype(np.float32) ** 2
    coefficients = spline_filter1d(sinogram, axis=1, mode="mirror", output=np.float32)
    padded = next_fast_len(width, real=True)
    speeds = np.arange(padded // 2 + 1) / padded
    turns = np.abs(np.fft.fftfreq(2 * count, 1 / (2 * count)))[:, np.newaxis]
    empty = (turns > 2 * math.pi * speeds * RADIUS * columns + 2) & (speeds > 1 / width) & (speeds < FASTEST)
    scores = np.full(centers.shape, np.nan)
    if not empty.any():  # of so few columns no frequency lies outside
        return scores
    for k, center in enumerate(centers):
        if not 8 < center < columns - 9:
            continue
        left = math.floor(center)
        weights = _spline_weights(center - left)
        start = left - half - 1
        window = sum(w * coefficients[:, start + j : start + j + width] for j, w in enumerate(weights)) * taper
        full = np.concatenate([window, window[:, ::-1]])
        scores[k] = np.abs(rfft2(full, (2 * count, padded)))[empty].mean(dtype=np.float64)
    return scores


def _spline_weights(t: float) -> list[np.float32]:
    """Return the weights of four cubic B-spline coefficients, for a place t right of the second."""
    u = 1 - t
    weights = (u**3 / 6, 2 / 3 - t * t * (1 - t / 2), 2 / 3 - u * u * (1 - u / 2), t**3 / 6)
    return [np.float32(w) for w in weights]
