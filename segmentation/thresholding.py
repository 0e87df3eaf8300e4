"""Grey volume to phases by thresholds: of the whole, of the surroundings of each voxel, or with hysteresis."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, Unpack, get_args

import numpy as np

from segmentation.blockwise import BLOCK, BlockOptions, map_blocks, read_padded
from segmentation.components import EDGE, find_components
from segmentation.criteria import find_fraction, find_li, find_otsu, find_triangle
from segmentation.histogram import BINS, Histogram, compute_histogram
from segmentation.inputs import UNLABELLED, as_volume, extend_metadata, is_whole
from segmentation.valley import find_valley
from volio import InputError, LazyArray, Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from volio.lazy import Box

__all__ = ["Method", "apply_thresholds", "find_thresholds", "threshold"]

logger = logging.getLogger(__name__)

Method = Literal["otsu", "valley", "li", "triangle", "fraction", "manual", "hysteresis", "sauvola", "local"]

_MOST_CLASSES: Final = 5
_ONE_BOUNDARY: Final = ("li", "triangle", "fraction", "hysteresis", "sauvola", "local")


def threshold(
    volume: Volume,
    *,
    method: Method = "otsu",
    classes: int = 2,
    values: Sequence[float] | None = None,
    fraction: float | None = None,
    window: int = 25,
    weight: float = 0.2,
    mask: Volume | None = None,
    bins: int = BINS,
    **options: Unpack[BlockOptions],
) -> Volume:
    """Segment a grey volume of any size by thresholds; the darkest phase becomes 0.

    The histogram is counted first, block by block, then the labels are made, block by block.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        Grey values.
    method : {"otsu", "valley", "li", "triangle", "fraction", "manual", "hysteresis", "sauvola", "local"}
        ``otsu``: largest variance between 2 to 5 classes. ``valley``: where the histogram is lowest between the peaks
        of Otsu's classes, for phases of very different fractions. ``li``: least cross-entropy. ``triangle``: for a
        small phase without a peak. ``fraction``: so that the dark phase has the known `fraction`. ``manual``: at
        `values`. ``hysteresis``: above the first of two `values`, where connected (through faces) to a voxel above the
        second. ``local``: above the mean of a window plus `weight` times its standard deviation. ``sauvola``: above
        Sauvola's mean of a window, for uneven grey values.
    classes : int
        Number of phases; more than 2 for ``otsu``, ``valley`` and ``manual``.
    values : sequence of float, optional
        Ascending grey values for ``manual`` (`classes` - 1 of them) and ``hysteresis`` (2). A voxel is above a value if
        it is larger.
    fraction : float, optional
        Known fraction of the dark phase, for example a porosity, for ``fraction``.
    window : int
        Edge of the window of ``sauvola`` and ``local``: an odd number of voxels.
    weight : float
        Weight of the standard deviation in the window for ``sauvola`` and ``local``.
    mask : Volume or array, optional
        Where it is zero, voxels do not count and get the label 255.
    bins : int
        Bins of the histogram of real numbers.
    **options
        Target, threads, executor and more: see `segmentation.blockwise.BlockOptions`.

    Returns
    -------
    Volume
        Labels, uint8, 0 for the darkest phase. ``metadata["segmentation"]`` holds the method, `thresholds`, the
        `fractions` of the phases, and how far both are uncertain: the thresholds from `threshold_low` to
        `threshold_high` lie in the same valley of the histogram, and give `fractions_low` to `fractions_high`.

    Raises
    ------
    InputError
        If an option is not usable or not one of the method, all voxels are alike, or some are NaN.

    Notes
    -----
    Sauvola: J. Sauvola and M. Pietikäinen, Pattern Recognit. 33 (2000) 225-236, doi:10.1016/S0031-3203(99)00055-2, with
    grey values counted from the least one and R half their range, so that offset and scale change nothing.
    """
    _check_options(method, classes, values, fraction, window)
    grey = as_volume(volume)
    histogram = compute_histogram(grey, mask=mask, bins=bins, threads=options.get("threads"))
    if method in ("sauvola", "local"):
        from segmentation.local_threshold import label_locally

        entry: dict[str, Any] = {"method": method, "window": window, "weight": weight}
        function = label_locally(histogram, method, window, weight)
        return _label(grey, function, entry, mask, halo=window // 2, **options)
    limits = find_thresholds(histogram, method=method, classes=classes, values=values, fraction=fraction)
    if method == "hysteresis":
        entry = {"method": method, "thresholds": limits}
        return _label_connected(grey, limits, entry, mask, **options)
    labels = apply_thresholds(grey, limits, histogram=histogram, method=method, mask=mask, **options)
    _tell_valleys(labels.metadata["segmentation"])
    return labels


def find_thresholds(
    histogram: Histogram,
    *,
    method: Method = "otsu",
    classes: int = 2,
    values: Sequence[float] | None = None,
    fraction: float | None = None,
) -> list[float]:
    """Find the thresholds of a method that needs nothing but the histogram.

    Parameters
    ----------
    histogram : Histogram
        Of the grey values.
    method, classes, values, fraction
        See `threshold`.

    Returns
    -------
    list of float
        Ascending grey values, those of a manual method as they were given.

    Raises
    ------
    InputError
        If there are too few different grey values, or the options do not fit the method.
    """
    if method == "otsu":
        return find_otsu(histogram, classes=classes)
    if method == "valley":
        limits = find_otsu(histogram, classes=classes)
        return [find_valley(histogram, limits, number).bottom for number in range(classes - 1)]
    if method in ("li", "triangle"):
        return [find_li(histogram) if method == "li" else find_triangle(histogram)]
    if method == "fraction" and fraction is not None:
        return [find_fraction(histogram, fraction)]
    if method in ("manual", "hysteresis") and values is not None:
        return [float(value) for value in values]
    raise InputError(f"method {method!r} has no thresholds of the whole volume: take otsu, li, triangle or manual")


def apply_thresholds(
    volume: Volume,
    thresholds: Sequence[float],
    *,
    histogram: Histogram | None = None,
    method: str = "manual",
    mask: Volume | None = None,
    **options: Unpack[BlockOptions],
) -> Volume:
    """Label a volume by ascending thresholds, with what the histogram says about their uncertainty.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        Grey values.
    thresholds : sequence of float
        Ascending; a voxel gets as its label how many of them it is larger than.
    histogram : Histogram, optional
        Of the grey values, if known already.
    method : str
        Name of how the thresholds were found, for the metadata.
    mask, **options
        See `threshold`.

    Returns
    -------
    Volume
        Labels, uint8.

    Raises
    ------
    InputError
        If a class would be empty, or voxels are NaN.
    """
    grey = as_volume(volume)
    limits = [float(value) for value in thresholds]
    known = histogram or compute_histogram(grey, mask=mask, threads=options.get("threads"))
    entry = {"method": method, **describe_thresholds(known, limits)}
    return _label(grey, _labeller(grey.dtype, limits), entry, mask, **options)


def describe_thresholds(histogram: Histogram, thresholds: list[float]) -> dict[str, Any]:
    """Return thresholds, fractions and their uncertainty as they travel in the metadata of labels.

    Parameters
    ----------
    histogram : Histogram
        Of the grey values.
    thresholds : list of float
        Ascending.

    Raises
    ------
    InputError
        If a class holds no voxel.
    """
    fractions = histogram.fractions(thresholds)
    if 0.0 in fractions:
        low, high = histogram.first, histogram.edge(histogram.counts.size - 1)
        raise InputError(
            f"class {fractions.index(0.0)} would be empty with the thresholds {_show(thresholds)}: "
            f"the grey values reach from {low:g} to {high:g}"
        )
    valleys = [find_valley(histogram, thresholds, number) for number in range(len(thresholds))]
    bounds = []
    for number, valley in enumerate(valleys):
        for end in (valley.low, valley.high):
            moved = [*thresholds[:number], end, *thresholds[number + 1 :]]
            bounds.append(histogram.fractions(moved))
    ends = np.array([fractions, *bounds])
    return {
        "thresholds": thresholds,
        "threshold_low": [valley.low for valley in valleys],
        "threshold_high": [valley.high for valley in valleys],
        "valley_found": [valley.found for valley in valleys],
        "fractions": fractions,
        "fractions_low": ends.min(axis=0).tolist(),
        "fractions_high": ends.max(axis=0).tolist(),
    }


def _tell_valleys(stated: dict[str, Any]) -> None:
    """Say which thresholds tell the phases apart badly."""
    ends = zip(stated["threshold_low"], stated["threshold_high"], stated["valley_found"], strict=True)
    for limit, (low, high, found) in zip(stated["thresholds"], ends, strict=True):
        if not found:
            logger.warning("the histogram has no valley at the threshold %g: the phases are not well told apart", limit)
        elif limit in (low, high):
            logger.info("the threshold %g lies beside the valley of the histogram, %g to %g", limit, low, high)


def _check_options(
    method: Method, classes: int, values: Sequence[float] | None, fraction: float | None, window: int
) -> None:
    if method not in get_args(Method):
        raise InputError(f"method must be one of {', '.join(get_args(Method))}, got {method!r}")
    if not is_whole(classes) or not 2 <= classes <= _MOST_CLASSES:
        raise InputError(f"classes must be a whole number from 2 to {_MOST_CLASSES}, got {classes!r}")
    if classes > 2 and method in _ONE_BOUNDARY:
        raise InputError(f"method {method} makes 2 classes, got classes={classes}: take otsu or manual")
    if (values is not None) != (method in ("manual", "hysteresis")):
        verb = "has no" if values is not None else "needs"
        raise InputError(f"method {method} {verb} values: they are for manual and hysteresis")
    if values is not None:
        number = 2 if method == "hysteresis" else classes - 1
        given = [float(value) for value in values]
        if len(given) != number or not np.isfinite(given).all() or any(np.diff(given) <= 0):
            raise InputError(f"method {method} with {classes} classes needs {number} ascending values, got {given}")
    if (fraction is not None) != (method == "fraction"):
        verb = "has no" if fraction is not None else "needs a"
        raise InputError(f"method {method} {verb} fraction: it is the known part of the dark phase, for fraction")
    if not is_whole(window) or window < 3 or window % 2 == 0:
        raise InputError(f"window must be an odd number of voxels of at least 3, got {window!r}")


def _labeller(dtype: Any, thresholds: list[float]) -> "Callable[[NDArray[Any]], NDArray[np.uint8]]":
    """Return what labels a block."""
    if np.dtype(dtype).kind in "iu" and np.dtype(dtype).itemsize <= 2:
        info = np.iinfo(dtype)
        # the type of the same size without a sign indexes the table, negative numbers its end
        levels = np.roll(np.arange(info.min, info.max + 1), info.min).astype(np.float64)
        table = np.searchsorted(thresholds, levels, side="left").astype(np.uint8)
        return partial(_look_up, table, np.dtype(f"u{np.dtype(dtype).itemsize}"))
    return partial(_compare, thresholds)


def _look_up(table: "NDArray[np.uint8]", unsigned: "np.dtype[Any]", block: "NDArray[Any]") -> "NDArray[np.uint8]":
    return np.asarray(table[block.view(unsigned)])


def _compare(thresholds: list[float], block: "NDArray[Any]") -> "NDArray[np.uint8]":
    labels = np.zeros(block.shape, np.uint8)
    for value in thresholds:
        labels += block > np.float64(value)
    return labels


def _label(
    grey: Volume,
    function: "Callable[[NDArray[Any]], NDArray[Any]]",
    entry: dict[str, Any],
    mask: Volume | None,
    *,
    halo: int = 0,
    edge: int = BLOCK,
    **options: Unpack[BlockOptions],
) -> Volume:
    """Make the labels block by block, 255 outside the mask."""
    return map_blocks(
        grey,
        function,
        dtype=np.uint8,
        halo=halo,
        edge=edge,
        mask=None if mask is None else as_volume(mask, "mask"),
        outside=UNLABELLED,
        label="labelling",
        pyramid="nearest",
        metadata=extend_metadata(grey, segmentation=entry),
        **options,
    )


def _label_connected(
    grey: Volume, limits: list[float], entry: dict[str, Any], mask: Volume | None, **options: Unpack[BlockOptions]
) -> Volume:
    """Label what is above the low threshold and connected to what is above the high one."""
    inside = None if mask is None else as_volume(mask, "mask").data
    chunks = getattr(grey.data, "chunks", grey.shape)
    low, high = (LazyArray(_Above(grey.data, inside, limit), grey.shape, np.bool_, chunks=chunks) for limit in limits)
    components = find_components(low, marks=high, threads=options.get("threads"))
    connected = replace(grey, data=components.where(components.marked))
    return _label(connected, _as_labels, entry, mask, edge=EDGE, **options)


@dataclass(frozen=True)
class _Above:
    """Reads where a volume is above a value, and inside of a mask."""

    data: Any
    inside: Any
    value: float

    def __call__(self, box: "Box") -> "NDArray[np.bool_]":
        found: NDArray[np.bool_] = read_padded(self.data, box, 0, self.inside) > np.float64(self.value)
        return found if self.inside is None else found & (np.asarray(self.inside[box]) != 0)


def _as_labels(block: "NDArray[Any]") -> "NDArray[np.uint8]":
    return block.view(np.uint8)


def _show(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
