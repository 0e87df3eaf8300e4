"""Search for subsets in a window, by zero-normalised cross-correlation at all shifts.

Source of the normalised correlation by Fourier transforms and running sums: J. P. Lewis, "Fast normalized
cross-correlation", Vision Interface (1995) 120-123.
"""

from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["highest_echo", "search_zncc"]

#: Shifts up to this many voxels belong to the peak of a subset with itself.
OWN_PEAK = 3


def search_zncc(
    reference: "NDArray[np.float32]",
    deformed: "NDArray[np.float32]",
    points: "NDArray[np.int64]",
    guess: "NDArray[np.float64]",
    half: "NDArray[np.int64]",
    reach: "NDArray[np.int64]",
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Find subsets of the reference in the deformed volume, by zero-normalised cross-correlation.

    Every shift up to `reach` voxels from the rounded `guess` is tried whose subset lies wholly in the volume: the
    window is larger than the subset, and nothing wraps around.

    Parameters
    ----------
    reference, deformed : (z, y, x) float32 arrays
    points : (n, 3) int array
        Centres of the subsets in the reference, at least `half` from its faces.
    guess : (n, 3) float array
        Expected displacements in voxels.
    half, reach : (3,) int arrays
        Half edges of the subsets; largest distance from the guess.

    Returns
    -------
    (n, 3) float64 array
        Displacement of the best match, between voxels by a parabola through the peak; the guess where there is none.
    (n,) float64 array
        Its correlation; NaN where no shift is possible or the subset has no texture.
    """
    low = points + np.round(guess).astype(int) - half - reach
    cc, norm = _surface(reference, deformed, points, low, half, reach)
    peak = np.stack(np.unravel_index(cc.reshape(len(cc), -1).argmax(axis=1), cc.shape[1:]), axis=1)
    best = cc[np.arange(len(cc)), *peak.T]
    found = (norm > 0) & np.isfinite(best)
    shift = low + half + peak - points + _parabola(cc, peak)
    return np.where(found[:, None], shift, guess), np.where(found, best, np.nan)


def highest_echo(
    volume: "NDArray[np.float32]", points: "NDArray[np.int64]", half: "NDArray[np.int64]", reach: "NDArray[np.int64]"
) -> "NDArray[np.float64]":
    """Return the highest correlation (n,) of subsets with other places of the same volume, NaN without texture.

    Near 1 the texture repeats itself, and no correlation can tell a motion from the same motion and a period.
    """
    cc, norm = _surface(volume, volume, points, points - half - reach, half, reach)
    own = tuple(slice(max(r - OWN_PEAK, 0), r + OWN_PEAK + 1) for r in reach)
    cc[(slice(None), *own)] = -1.0
    return np.where(norm > 0, cc.max(axis=(1, 2, 3)), np.nan)


def _surface(
    reference: "NDArray[np.float32]",
    deformed: "NDArray[np.float32]",
    points: "NDArray[np.int64]",
    low: "NDArray[np.int64]",
    half: "NDArray[np.int64]",
    reach: "NDArray[np.int64]",
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Return the correlation of each subset at all shifts of its window, and the norm of the subset, 0 if too small.

    The windows begin at low (n, 3). Shifts that would reach beyond the volume are -inf.
    """
    size = 2 * half + 1
    template = _cut(reference, points - half, size)
    window = _cut(deformed, low, size + 2 * reach)
    template -= template.mean(axis=(1, 2, 3), keepdims=True)
    window -= window.mean(axis=(1, 2, 3), keepdims=True)
    norm = np.sqrt(np.sum(template**2, axis=(1, 2, 3), dtype=np.float64))
    padded = [fft.next_fast_len(int(n), real=True) for n in window.shape[1:]]
    product = fft.rfftn(window, padded, axes=(1, 2, 3)) * np.conj(fft.rfftn(template, padded, axes=(1, 2, 3)))
    shifts = tuple(slice(2 * r + 1) for r in reach)
    cross = fft.irfftn(product, padded, axes=(1, 2, 3))[:, *shifts]
    total, squares = _window_sums(window, size), _window_sums(window**2, size)
    spread = squares - total**2 / np.prod(size)
    usable = (spread > 1e-6 * spread.max(axis=(1, 2, 3), keepdims=True)) & (spread > 0)
    for axis in range(3):  # subsets that would reach beyond the volume
        first = low[:, axis, None] + np.arange(2 * reach[axis] + 1)
        inside = (first >= 0) & (first + size[axis] <= deformed.shape[axis])
        usable &= np.expand_dims(inside, [1 + other for other in range(3) if other != axis])
    cc = np.where(usable, cross / np.sqrt(np.where(usable, spread, 1.0)), -np.inf)
    norm = np.where(norm > 1e-3 * np.sqrt(np.prod(size)), norm, 0.0)
    return cc / np.where(norm > 0, norm, 1.0)[:, None, None, None], norm


def _cut(volume: "NDArray[np.float32]", low: "NDArray[np.int64]", size: "NDArray[np.int64]") -> "NDArray[np.float32]":
    """Cut boxes (n, *size) that begin at low (n, 3); beyond the volume its outermost voxels are repeated."""
    z, y, x = (np.clip(low[:, a, None] + np.arange(size[a]), 0, volume.shape[a] - 1) for a in range(3))
    return volume[z[:, :, None, None], y[:, None, :, None], x[:, None, None, :]]


def _window_sums(values: "NDArray[np.float32]", size: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """Sum over every box of `size` inside `values` (n, z, y, x), by running sums."""
    sums = values.astype(np.float64)
    for axis, n in enumerate(size, start=1):
        sums = np.moveaxis(np.cumsum(sums, axis=axis), axis, 0)
        sums[n:] -= sums[:-n].copy()
        sums = np.moveaxis(sums[n - 1 :], 0, axis)
    return sums


def _parabola(cc: "NDArray[np.float64]", peak: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """Return the offsets (n, 3) of the maxima from `peak` by a parabola along each axis; 0 at the window's edge."""
    offset, rows = np.zeros(peak.shape), np.arange(len(cc))
    for axis in range(3):
        at, last = peak.copy(), cc.shape[1 + axis] - 1
        values = []
        for step in (-1, 0, 1):
            at[:, axis] = np.clip(peak[:, axis] + step, 0, last)
            values.append(cc[rows, *at.T])
        before, here, after = values
        good = (peak[:, axis] > 0) & (peak[:, axis] < last) & np.isfinite(before) & np.isfinite(after)
        curvature = np.where(good, before, 0.0) - 2 * np.where(good, here, 0.0) + np.where(good, after, 0.0)
        good &= curvature < 0
        half_slope = 0.5 * (np.where(good, before, 0.0) - np.where(good, after, 0.0))
        offset[:, axis] = np.clip(half_slope / np.where(good, curvature, 1.0), -0.5, 0.5)
    return offset
