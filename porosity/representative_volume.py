"""Representative volume: how much a measurement scatters between sub-volumes, and how large one must be."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from porosity.chords import measure_chords
from porosity.labels import Labels, VoxelSize, check_labels, phase_mask
from porosity.surface import measure_surface
from porosity.topology import count_euler
from porosity.transport import measure_transport
from volio import InputError, Volume, run_blocks

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RepresentativeVolume", "study_representative_volume"]

Metric = Literal["fraction", "surface", "chord", "euler", "diffusivity_z", "diffusivity_y", "diffusivity_x"]
Measure = Callable[[Volume], float]

METRICS: tuple[Metric, ...] = (
    "fraction",
    "surface",
    "chord",
    "euler",
    "diffusivity_z",
    "diffusivity_y",
    "diffusivity_x",
)


@dataclass(frozen=True, eq=False)
class RepresentativeVolume:
    """How metrics scatter between sub-volumes of growing size.

    Attributes
    ----------
    table : DataFrame
        One row a metric and size: metric, edge (mean edge of the sub-volumes, in `unit`), volume, count (of
        sub-volumes), mean, spread (standard deviation between them), relative (spread over the mean of the largest
        sub-volumes).
    unit : str
        Unit of length.
    """

    table: "pd.DataFrame"
    unit: str

    def required_edge(self, metric: str, *, relative: float = 0.05) -> float:
        """Return the edge of the cube whose spread is `relative` times the mean.

        Parameters
        ----------
        metric : str
            One of those that were measured.
        relative : float, default: 0.05
            Standard deviation over the mean.

        Returns
        -------
        float
            In `unit`, from spread squared ~ 1 / volume through all sizes: the law of volumes much larger than the
            features. An edge larger than the volume is an extrapolation.

        Raises
        ------
        InputError
            If the metric was not measured or its scatter is not known.
        """
        rows = self.table[(self.table["metric"] == metric) & (self.table["count"] > 1) & (self.table["relative"] > 0)]
        if rows.empty or not relative > 0:
            names = ", ".join(dict.fromkeys(self.table["metric"]))
            raise InputError(
                f"no spread is known of {metric!r} (relative {relative!r}): give one of {names}, "
                "measured in at least 2 sub-volumes of a size"
            )
        # the largest sub-volumes obey the law best, but are few: weights are their numbers of degrees of freedom
        degrees = rows["count"] - 1
        volume = float(np.average(rows["relative"] ** 2 * rows["volume"], weights=degrees)) / relative**2
        return float(np.cbrt(volume))


def study_representative_volume(
    labels: Any,
    *,
    phase: int,
    voxel_size: VoxelSize | None = None,
    metrics: Sequence[Metric] | Mapping[str, Measure] = ("fraction", "surface", "chord"),
    divisions: Sequence[int] = (8, 6, 4, 3, 2, 1),
    threads: int | None = None,
) -> RepresentativeVolume:
    """Measure metrics in sub-volumes of growing size.

    Parameters
    ----------
    labels : Volume or array, shape (z, y, x)
        Label volume.
    phase : int
        Label of the phase.
    voxel_size : float or 3 floats, optional
        Edge lengths of a voxel (z, y, x), if the volume does not state them.
    metrics : sequence of str, or dict of str to callable
        "fraction", "surface" (area per volume), "chord" (mean over the axes), "euler" (density), "diffusivity_z", "_y",
        "_x"; or functions of your own, called with a mask (`Volume` of 0 and 1) and returning a number.
    divisions : sequence of int, default: (8, 6, 4, 3, 2, 1)
        Into how many parts each edge is cut: 4 gives 64 sub-volumes, which do not overlap.
    threads : int, optional
        How many sub-volumes are measured at once; the answer does not depend on it.

    Returns
    -------
    RepresentativeVolume

    Raises
    ------
    InputError
        If these are no labels, the phase does not occur, a metric is unknown, or sub-volumes would be smaller than 4
        voxels.

    Notes
    -----
    Where a sub-volume does not let a metric be measured (it holds none of the phase, or nothing else), the value is NaN
    and not counted, but for "fraction", "surface" and "diffusivity", which are 0 or 1 there.
    """
    checked = check_labels(labels, voxel_size)
    mask = phase_mask(checked, phase)
    chosen = _chosen(metrics)
    if not divisions or min(divisions) < 1 or min(mask.shape) // max(divisions) < 4:
        raise InputError(
            f"divisions must be 1 to {min(mask.shape) // 4} so that sub-volumes keep 4 voxels along each axis, "
            f"got {list(divisions)}"
        )
    boxes = [(n, box) for n in sorted(set(divisions), reverse=True) for box in _boxes(mask.shape, n)]
    whole = Volume(mask, voxel_size=checked.voxel_size, unit="um" if checked.unit == "voxel" else checked.unit)

    def measure(block: tuple[int, tuple[slice, ...]]) -> list[float]:
        part = whole.crop(block[1])
        return [one(part) for one in chosen.values()]

    values = np.array(run_blocks(measure, boxes, threads=threads))
    return RepresentativeVolume(_tabulate(boxes, values, list(chosen), checked), checked.unit)


def _chosen(metrics: Sequence[Metric] | Mapping[str, Measure]) -> dict[str, Measure]:
    """Return the functions by name."""
    if isinstance(metrics, Mapping):
        return dict(metrics)
    unknown = [one for one in metrics if one not in METRICS]
    if unknown or not metrics or isinstance(metrics, str):
        raise InputError(f"metrics must be some of {', '.join(METRICS)}, or functions by name, got {metrics!r}")
    return {one: partial(_measure, one) for one in metrics}


def _boxes(shape: tuple[int, ...], divisions: int) -> list[tuple[slice, ...]]:
    """Return the sub-volumes."""
    cuts = [np.linspace(0, n, divisions + 1).astype(int) for n in shape]
    ranges = [[slice(a, b) for a, b in pairwise(cut)] for cut in cuts]
    return list(product(*ranges))


def _measure(metric: Metric, part: Volume) -> float:
    """Return one metric of one sub-volume."""
    fraction = float(part.data.mean())
    if metric == "fraction":
        return fraction
    if fraction in (0.0, 1.0):
        return {"chord": np.nan, "euler": np.nan, "surface": 0.0}.get(metric, fraction)
    options: dict[str, Any] = {"phase": 1, "threads": 1}
    if metric == "surface":
        return measure_surface(part, **options).per_volume
    if metric == "chord":
        mean = float(np.mean(measure_chords(part, **options).mean))
        return mean if np.isfinite(mean) else np.nan
    if metric == "euler":
        return count_euler(part, **options).density
    axis = metric[-1]
    return measure_transport(part, axes=axis, **options)[axis].diffusivity  # type: ignore[index]


def _tabulate(boxes: Sequence[Any], values: Any, names: Sequence[str], labels: Labels) -> "pd.DataFrame":
    """Return the table of means and spreads."""
    import pandas as pd

    number = np.array([n for n, _ in boxes])
    rows = []
    for i, name in enumerate(names):
        last = (
            np.nanmean(values[number == number.min(), i])
            if not np.isnan(values[number == number.min(), i]).all()
            else np.nan
        )
        for n in dict.fromkeys(number):
            found = values[number == n, i]
            found = found[~np.isnan(found)]
            volume = float(np.prod(labels.extent)) / n**3
            spread = found.std(ddof=1) if len(found) > 1 else np.nan
            mean = found.mean() if len(found) else np.nan
            row = (name, np.cbrt(volume), volume, len(found), mean, spread, spread / abs(last) if last else np.nan)
            rows.append(row)
    return pd.DataFrame(rows, columns=["metric", "edge", "volume", "count", "mean", "spread", "relative"])
