"""Stripes of a sinogram removed by sorting, after Vo, Atwood and Drakopoulos, doi:10.1364/OE.26.028396.

A pixel of the detector that answers wrongly draws a stripe along the angles of its column of the sinogram, and a ring
in the slice. Neighbouring columns see nearly the same values over a scan, if in another order: sorted, they differ by
what the pixels add, and a median over columns takes that away.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from recon.sinograms import check_sinograms
from volio.errors import InputError

__all__ = [
    "remove_all_stripes",
    "remove_dead_stripes",
    "remove_large_stripes",
    "remove_stripes_by_filtering",
    "remove_stripes_by_sorting",
]

Sinograms = NDArray[np.float32]


def remove_stripes_by_sorting(sinograms: NDArray[np.generic], *, width: int | None = None) -> Sinograms:
    """Remove narrow stripes: sort each column, smooth along columns, put back (algorithm 3 of the paper).

    Parameters
    ----------
    sinograms : (row, angle, column) array
        Line integrals.
    width : int, optional
        Columns of the median: stripes up to half as wide vanish. Larger takes more of the specimen with it, above all
        near the axis. When not given a hundredth of the columns, and at least 5.

    Returns
    -------
    (row, angle, column) float32 array

    Raises
    ------
    InputError
        If the sinograms are not finite, or `width` is below 3.
    """
    return _each(sinograms, lambda sinogram: _sort_and_smooth(sinogram, _narrow(width, sinogram))[2])


def remove_stripes_by_filtering(
    sinograms: NDArray[np.generic], *, cutoff: float = 1.0, width: int | None = None
) -> Sinograms:
    """Remove blurry stripes: only what changes slowly along the angles is sorted and smoothed (algorithm 2).

    Parameters
    ----------
    sinograms : (row, angle, column) array
        Line integrals.
    cutoff : float, default: 1
        What changes fewer times than this over the scan counts as slow (the deviation of a Gaussian low pass).
    width : int, optional
        As for `remove_stripes_by_sorting`.

    Returns
    -------
    (row, angle, column) float32 array

    Raises
    ------
    InputError
        If the sinograms are not finite, `width` is below 3 or `cutoff` is not positive.
    """
    if not cutoff > 0:
        raise InputError(f"cutoff must be positive, got {cutoff}: 1 change over the scan is usual")

    def filtered(sinogram: Sinograms) -> Sinograms:
        slow = _low_pass(sinogram, cutoff)
        corrected: Sinograms = sinogram - slow + _sort_and_smooth(slow, _narrow(width, slow))[2]
        return corrected

    return _each(sinograms, filtered)


def remove_large_stripes(
    sinograms: NDArray[np.generic],
    *,
    snr: float = 3.0,
    width: int | None = None,
    steadiness: float = 2.0,
    drop: float = 0.1,
) -> Sinograms:
    """Remove wide and strong stripes (after algorithm 5).

    Sorted columns are compared with the median of `width` columns. Where the mean difference of a column stands out of
    those of all columns, and is much the same for dark and bright values, it is taken off.

    Parameters
    ----------
    sinograms : (row, angle, column) array
        Line integrals.
    snr : float, default: 3
        How far a stripe stands out of the scatter of the other columns. Smaller finds more.
    width : int, optional
        Columns of the median: more than twice the widest stripe. When not given a sixteenth of the columns, and at
        least 31.
    steadiness : float, default: 2
        How many times its scatter over dark and bright values the mean difference must be. Below 1 more of the specimen
        near the axis is taken for stripes; 0 is the paper's choice.
    drop : float, default: 0.1
        Fraction of the darkest, and of the brightest, values of a column that are left out.

    Returns
    -------
    (row, angle, column) float32 array

    Raises
    ------
    InputError
        If the sinograms are not finite, `width` is below 3, `snr` not positive, `steadiness` negative or `drop` not in
        [0, 0.5).

    Notes
    -----
    The paper divides all columns by a mean ratio of intensities, and replaces those that stand out by sorted values.
    Of line integrals it is a difference, and other columns are left alone: near the axis neighbouring columns do not
    see the same values, and what the paper does draws the specimen's own shape into them.
    """
    _check_snr(snr)
    if not 0 <= drop < 0.5:
        raise InputError(f"drop must be from 0 to below 0.5, got {drop}: it is left out at both ends")
    if not steadiness >= 0:
        raise InputError(f"steadiness must not be negative, got {steadiness}: 2 is usual, 0 takes every stripe")

    def corrected(sinogram: Sinograms) -> Sinograms:
        ranked, smoothed, _ = _sort_and_smooth(sinogram, _wide(width, sinogram))
        cut = int(drop * len(sinogram))
        difference = (ranked - smoothed)[cut : len(sinogram) - cut]
        offset = difference.mean(axis=0, dtype=np.float64)
        steady = np.abs(offset) >= steadiness * difference.std(axis=0, dtype=np.float64)
        level: Sinograms = sinogram - np.where(_find_outliers(offset, snr) & steady, offset, 0).astype(np.float32)
        return level

    return _each(sinograms, corrected)


def remove_dead_stripes(sinograms: NDArray[np.generic], *, snr: float = 3.0, width: int | None = None) -> Sinograms:
    """Replace columns that do not follow the specimen, or fluctuate by themselves, by their neighbours (algorithm 6).

    Parameters
    ----------
    sinograms : (row, angle, column) array
        Line integrals.
    snr : float, default: 3
        How far the roughness of a column along the angles stands out. Smaller finds more.
    width : int, optional
        Columns of the median that the roughness is compared with. When not given a sixteenth of the columns, and at
        least 31.

    Returns
    -------
    (row, angle, column) float32 array

    Raises
    ------
    InputError
        If the sinograms are not finite, `width` is below 3 or `snr` not positive.
    """
    from scipy.ndimage import median_filter, uniform_filter1d

    _check_snr(snr)

    def corrected(sinogram: Sinograms) -> Sinograms:
        smooth = uniform_filter1d(sinogram, 10, axis=0, mode="nearest")
        rough = np.abs(sinogram - smooth).mean(axis=0, dtype=np.float64)
        usual = median_filter(rough, _wide(width, sinogram), mode="nearest")
        ratio = np.divide(rough, usual, out=np.ones_like(rough), where=usual > 0)
        dead = _widened(_find_outliers(ratio, snr))
        dead[:2] = dead[-2:] = False  # nothing lies beyond, and the edge of the detector is rough by itself
        good = np.flatnonzero(~dead)
        return _interpolated(sinogram, np.flatnonzero(dead), good) if dead.any() else sinogram

    return _each(sinograms, corrected)


def remove_all_stripes(
    sinograms: NDArray[np.generic], *, snr: float = 3.0, large_width: int | None = None, width: int | None = None
) -> Sinograms:
    """Remove stripes of all kinds: dead ones, then large ones, then narrow ones (after the combination of the paper).

    Narrow stripes are removed by filtering, where the paper sorts: it takes less of the specimen.

    Parameters
    ----------
    sinograms : (row, angle, column) array
        Line integrals.
    snr : float, default: 3
        How far dead and large stripes stand out. Smaller finds more.
    large_width, width : int, optional
        Columns of the median for dead and large stripes, and for narrow ones; see `remove_large_stripes` and
        `remove_stripes_by_sorting`.

    Returns
    -------
    (row, angle, column) float32 array

    Raises
    ------
    InputError
        If the sinograms are not finite, a width is below 3 or `snr` not positive.
    """
    alive = remove_dead_stripes(sinograms, snr=snr, width=large_width)
    even = remove_large_stripes(alive, snr=snr, width=large_width)
    return remove_stripes_by_filtering(even, width=width)


def _each(sinograms: NDArray[np.generic], correct: Callable[[Sinograms], Sinograms]) -> Sinograms:
    """Correct one sinogram after the other."""
    return np.stack([correct(sinogram) for sinogram in check_sinograms(sinograms)])


def _sort_and_smooth(sinogram: Sinograms, width: int) -> tuple[Sinograms, Sinograms, Sinograms]:
    """Return sorted columns, their median over columns, and that median put back to the angles of the values."""
    from recon._kernels_rings import smooth_ranks

    # a value and its angle in one whole number: sorted at once, and equal values in the order of their angles
    bits = np.ascontiguousarray(sinogram.T).view(np.uint32)
    sign = np.uint32(0x80000000)
    keys = np.where(bits & sign, ~bits, bits | sign).astype(np.uint64)
    keys <<= np.uint64(32)
    keys |= np.arange(len(sinogram), dtype=np.uint64)
    keys.sort(axis=1)
    order = np.ascontiguousarray((keys & np.uint64(0xFFFFFFFF)).astype(np.int32).T)
    ranked = np.take_along_axis(sinogram, order, axis=0)
    smoothed, placed = np.empty_like(ranked), np.empty_like(ranked)
    smooth_ranks(ranked, order, width // 2, smoothed, placed)
    return ranked, smoothed, placed


def _low_pass(sinogram: Sinograms, cutoff: float) -> Sinograms:
    """Return what changes slowly along the angles; the ends are mirrored."""
    from scipy.fft import dct, idct

    # a cosine transform has the mirrored ends built in; its term k changes k / 2 times over the scan
    window = np.exp(-0.5 * (np.arange(len(sinogram)) / (2 * cutoff)) ** 2)[:, np.newaxis]
    slow: Sinograms = idct(dct(sinogram, axis=0) * window.astype(np.float32), axis=0)
    return slow


def _find_outliers(values: NDArray[np.float64], snr: float) -> NDArray[np.bool_]:
    """Find values that stand out (algorithm 4): beyond the line through the middle half of the sorted values."""
    ranked = np.sort(values)
    n = len(ranked)
    place = np.arange(n)
    middle = slice(n // 4, n - n // 4)
    slope, start = np.polyfit(place[middle], ranked[middle], 1)
    low, high = start, start + slope * (n - 1)
    # what all have in common but for rounding spans nothing; the outliers themselves do not say what is small
    span = max(high - low, 1e-6 * float(np.abs(ranked[middle]).max()))
    outliers = np.zeros(n, bool)
    if ranked[-1] - high > snr * span:
        outliers |= values > high + 0.5 * snr * span
    if low - ranked[0] > snr * span:
        outliers |= values < low - 0.5 * snr * span
    return outliers


def _widened(found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    wide = found.copy()
    wide[1:] |= found[:-1]
    wide[:-1] |= found[1:]
    return wide


def _interpolated(sinogram: Sinograms, dead: NDArray[np.intp], good: NDArray[np.intp]) -> Sinograms:
    """Return the sinogram with its dead columns interpolated linearly between the nearest good ones."""
    right = np.searchsorted(good, dead)
    before, after = good[right - 1], good[right]
    weight = ((dead - before) / (after - before)).astype(np.float32)
    filled = sinogram.copy()
    filled[:, dead] = (1 - weight) * sinogram[:, before] + weight * sinogram[:, after]
    return filled


def _narrow(width: int | None, sinogram: Sinograms) -> int:
    return _odd(max(sinogram.shape[1] // 100, 5) if width is None else width)


def _wide(width: int | None, sinogram: Sinograms) -> int:
    return _odd(max(sinogram.shape[1] // 16, 31) if width is None else width)


def _odd(width: int) -> int:
    if width < 3:
        raise InputError(f"width must be at least 3 columns, got {width}: twice the widest stripe is usual")
    return int(width) | 1


def _check_snr(snr: float) -> None:
    if not snr > 0:
        raise InputError(f"snr must be positive, got {snr}: 3 is usual, less finds fainter stripes")
