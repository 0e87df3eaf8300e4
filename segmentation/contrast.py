"""Grey values of several scans brought to one scale: a gain and an offset for each."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from segmentation.blockwise import read_padded
from segmentation.criteria import find_otsu
from segmentation.histogram import compute_histogram
from segmentation.inputs import as_volume, extend_metadata
from segmentation.valley import find_valley
from volio import InputError, LazyArray, Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from volio.volume import Roi

__all__ = ["match_contrast", "match_series"]


def match_contrast(
    volume: Volume,
    reference: Volume,
    *,
    method: Literal["peaks", "region"] = "peaks",
    region: "Roi | None" = None,
    threads: int | None = None,
) -> Volume:
    """Bring the grey values of a volume to the scale of another, by a gain and an offset.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        What is changed.
    reference : Volume or array
        What it shall look like; it may have another shape.
    method : {"peaks", "region"}
        ``peaks``: the two main peaks of the histogram come to lie where those of the reference are. Right while phases
        keep their grey value, whatever their fractions become. ``region``: median and spread (between the quartiles) of
        a region that holds the same in both scans.
    region : 3 slices or 3 pairs, optional
        That region, in voxels of each of the two volumes.
    threads : int, optional
        How many blocks at once; the result does not depend on it.

    Returns
    -------
    Volume
        float32. What is on disk stays there and is changed when it is read. ``metadata["contrast"]`` holds gain, offset
        and the name of the reference.

    Raises
    ------
    InputError
        If a histogram has no two peaks, a region is missing or constant, or voxels are NaN.
    """
    if method not in ("peaks", "region"):
        raise InputError(f"method must be peaks or region, got {method!r}")
    if (region is not None) != (method == "region"):
        raise InputError(f"method {method} {'needs a' if method == 'region' else 'has no'} region")
    grey, wanted = as_volume(volume), as_volume(reference, "reference")
    marks = [_marks(item, region, threads) for item in (grey, wanted)]
    (low, high), (first, second) = marks
    gain = (second - first) / (high - low)
    offset = first - gain * low
    entry = {"method": method, "gain": gain, "offset": offset, "reference": wanted.name}
    lazy = LazyArray.wrap(grey.data).map(partial(_rescale, gain, offset), np.float32)
    return replace(grey, data=lazy if grey.is_lazy else lazy[:], metadata=extend_metadata(grey, contrast=entry))


def match_series(
    volumes: Sequence[Volume],
    *,
    method: Literal["peaks", "region"] = "peaks",
    region: "Roi | None" = None,
    threads: int | None = None,
) -> list[Volume]:
    """Bring the grey values of all steps of a series to the scale of the first one.

    Parameters
    ----------
    volumes : sequence of Volume
        The steps; the first is returned with the same values, as float32.
    method, region, threads
        See `match_contrast`.

    Returns
    -------
    list of Volume

    Raises
    ------
    InputError
        If there is no volume, or one cannot be matched.
    """
    if not volumes:
        raise InputError("a series needs at least one volume, got none")
    return [match_contrast(v, volumes[0], method=method, region=region, threads=threads) for v in volumes]


def _rescale(gain: float, offset: float, block: "NDArray[Any]") -> "NDArray[np.float32]":
    return (block.astype(np.float64) * gain + offset).astype(np.float32)


def _marks(volume: Volume, region: "Roi | None", threads: int | None) -> tuple[float, float]:
    """Return two grey values that stand for the same in each scan."""
    label = volume.name or "the volume"
    if region is not None:
        part = volume.crop(region)
        values = read_padded(part.data, tuple(slice(0, n) for n in part.shape))
        low, middle, high = (float(q) for q in np.percentile(values, (25, 50, 75)))
        if low == high:
            raise InputError(f"the region of {label} has the grey value {middle:g} nearly everywhere: take another one")
        return middle, middle + (high - low)
    histogram = compute_histogram(volume, threads=threads)
    valley = find_valley(histogram, find_otsu(histogram))
    if not valley.found:
        raise InputError(f"the histogram of {label} has no two peaks: match by a region that holds the same")
    return valley.peaks
