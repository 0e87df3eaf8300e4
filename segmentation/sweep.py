"""How results change when a threshold moves within what the histogram leaves open."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from segmentation.histogram import BINS, compute_histogram
from segmentation.inputs import as_volume, extend_metadata, is_whole
from segmentation.thresholding import Method, apply_thresholds, find_thresholds
from segmentation.valley import find_valley
from volio import InputError, Volume

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Band", "ThresholdSweep", "threshold_sweep"]


@dataclass(frozen=True)
class Band:
    """A value and how far it may be off, by the choice of the threshold alone.

    Attributes
    ----------
    value : float
        At the threshold that was found.
    low, high : float
        Least and largest value at any threshold of the sweep.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class ThresholdSweep:
    """Results at thresholds that are as good as the one that was found.

    Attributes
    ----------
    thresholds : (n,) float64 array
        The moved threshold, ascending; the one that was found is among them.
    best : int
        Which of them was found.
    fractions : (n, classes) float64 array
        Fractions of the phases, darkest first.
    metrics : dict of str to (n,) float64 array
        What the metrics gave.
    valley_found : bool
        Whether the histogram has a valley; without one, the thresholds span those of Otsu, Li and the triangle.
    """

    thresholds: "NDArray[np.float64]"
    best: int
    fractions: "NDArray[np.float64]"
    metrics: "dict[str, NDArray[np.float64]]"
    valley_found: bool

    def band(self, what: int | str) -> Band:
        """Return the band of a phase's fraction (by its label) or of a metric (by its name).

        Parameters
        ----------
        what : int or str
            Label or name.

        Raises
        ------
        InputError
            If there is no such phase or metric.
        """
        if isinstance(what, str) and what in self.metrics:
            values = self.metrics[what]
        elif is_whole(what) and 0 <= int(what) < self.fractions.shape[1]:
            values = self.fractions[:, int(what)]
        else:
            known = [*map(str, range(self.fractions.shape[1])), *self.metrics]
            raise InputError(f"the sweep has no phase or metric {what!r}: there are {', '.join(known)}")
        return Band(float(values[self.best]), float(values.min()), float(values.max()))

    def table(self) -> "pd.DataFrame":
        """Return a row for each threshold."""
        import pandas as pd

        columns: dict[str, Any] = {"threshold": self.thresholds}
        columns |= {f"fraction_{n}": self.fractions[:, n] for n in range(self.fractions.shape[1])}
        return pd.DataFrame(columns | self.metrics)

    def attach(self, labels: Volume) -> Volume:
        """Return labels with the bands in ``metadata["threshold_sweep"]``, so that they travel with them.

        Parameters
        ----------
        labels : Volume
            The segmentation that the sweep belongs to.
        """
        from dataclasses import asdict, replace

        names: list[int | str] = [*range(self.fractions.shape[1]), *self.metrics]
        bands = {name if isinstance(name, str) else f"fraction_{name}": asdict(self.band(name)) for name in names}
        ends = {"threshold_low": float(self.thresholds[0]), "threshold_high": float(self.thresholds[-1])}
        entry = {**ends, "threshold": float(self.thresholds[self.best]), **bands, "valley_found": self.valley_found}
        return replace(labels, metadata=extend_metadata(labels, threshold_sweep=entry))


def threshold_sweep(
    volume: Volume,
    *,
    method: Method = "otsu",
    classes: int = 2,
    values: list[float] | None = None,
    fraction: float | None = None,
    boundary: int = 0,
    steps: int = 7,
    metrics: Mapping[str, Callable[[Volume], float]] | None = None,
    mask: Volume | None = None,
    bins: int = BINS,
    threads: int | None = None,
) -> ThresholdSweep:
    """Move a threshold through the valley of the histogram and see what changes.

    Grey values alone do not say where in the valley between two peaks the threshold belongs. What changes within it, is
    not known better than that. Fractions cost nothing: they are read off the histogram. Each metric is called with the
    labels made at each threshold.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        Grey values.
    method, classes, values, fraction, mask, bins
        How the threshold is found: see `threshold`. Only methods with thresholds of the whole volume.
    boundary : int
        Which threshold is moved when there are several, 0 the darkest; the others stay.
    steps : int
        Number of thresholds over the valley, beside the one that was found.
    metrics : mapping of str to callable, optional
        Functions of labels (uint8 `Volume`) that return a number, such as the mean pore radius.
    threads : int, optional
        How many blocks at once; the result does not depend on it.

    Returns
    -------
    ThresholdSweep

    Raises
    ------
    InputError
        If an option is not usable, a class would be empty, or voxels are NaN.
    """
    if not is_whole(steps) or steps < 2:
        raise InputError(f"steps must be a whole number of at least 2, got {steps!r}")
    if method == "hysteresis":
        raise InputError("a sweep moves one threshold of the whole volume: method hysteresis has two that act together")
    grey = as_volume(volume)
    histogram = compute_histogram(grey, mask=mask, bins=bins, threads=threads)
    found = find_thresholds(histogram, method=method, classes=classes, values=values, fraction=fraction)
    if not is_whole(boundary) or not 0 <= boundary < len(found):
        raise InputError(f"boundary must be a whole number from 0 to {len(found) - 1}, got {boundary!r}")
    valley = find_valley(histogram, found, boundary)
    moved = np.unique([*np.linspace(valley.low, valley.high, steps), found[boundary]])
    sets = [[*found[:boundary], float(value), *found[boundary + 1 :]] for value in moved]
    fractions = np.array([histogram.fractions(limits) for limits in sets])
    results: dict[str, list[float]] = {name: [] for name in metrics or {}}
    for limits in sets if metrics else []:
        labels = apply_thresholds(grey, limits, histogram=histogram, method=method, mask=mask, threads=threads)
        for name, metric in (metrics or {}).items():
            results[name].append(float(metric(labels)))
    best = int(np.searchsorted(moved, found[boundary]))
    return ThresholdSweep(moved, best, fractions, {k: np.array(v) for k, v in results.items()}, valley.found)
