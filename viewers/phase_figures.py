"""Figures of phases: a slice with its segmentation and the histogram behind it, fractions by place and by volume."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from viewers.charts import foot_of, lay_out_charts, length_name, mark_steps, phase_colours
from viewers.slices import lay_out_slices, show_grey, show_labels
from viewers.style import INK, MUTED, save_figures, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segmentation import Histogram
    from volcorr.fraction_run import FractionStep, FractionStudy
    from volcorr.segmentation_study import SegmentationStudy, SegmentedVolume

__all__ = [
    "draw_fraction_figures",
    "draw_fraction_profiles",
    "draw_fraction_steps",
    "draw_segmentation",
    "draw_segmentation_figures",
    "draw_segmentation_steps",
]

#: Opacity of phases over the grey values.
_OVER: Final = 0.55
_BINS: Final = 256
_AXES: Final = {"z": "z", "y": "y", "x": "x", "radial": "distance from the axis along z"}


def draw_segmentation_figures(study: "SegmentationStudy", folder: str | Path) -> list[Path]:
    """Draw a figure of each volume, ``NAME.png``, and of several the fractions by volume, ``fractions.png``.

    Parameters
    ----------
    study : SegmentationStudy
        From `volcorr.segmentation_run.run_segmentation`.
    folder : path
        Where to write; made when missing.

    Returns
    -------
    list of Path
        The files.
    """
    figures = {volume.name: draw_segmentation(volume) for volume in study.volumes}
    if len(study.volumes) > 1:
        figures["fractions"] = draw_segmentation_steps(study)
    return save_figures(figures, folder)


def draw_fraction_figures(study: "FractionStudy", folder: str | Path) -> list[Path]:
    """Draw the profiles of each volume, ``NAME.png``, and of several the fractions by volume, ``fractions.png``.

    Parameters
    ----------
    study : FractionStudy
        From `volcorr.fraction_run.run_fractions`.
    folder : path
        Where to write; made when missing.

    Returns
    -------
    list of Path
        The files.
    """
    figures = {step.name: draw_fraction_profiles(step) for step in study.steps}
    if len(study.steps) > 1:
        figures["fractions"] = draw_fraction_steps(study)
    return save_figures(figures, folder)


@styled
def draw_segmentation(volume: "SegmentedVolume", *, title: str = "Segmentation") -> "Figure":
    """Draw a slice, its phases over it, and below the histogram with the thresholds and their bands.

    Parameters
    ----------
    volume : SegmentedVolume
        One volume of a study.
    title : str
        Head of the figure.
    """
    unit = length_name("voxel" if volume.grey.voxel_size is None else volume.grey.unit)
    notes = [volume.name, str(volume.segmentation["method"]), f"slice z = {volume.grey.origin[0]:.4g} {unit}"]
    figure, panels, chart = lay_out_slices(volume.grey, 2, title=title, notes=notes, below=1.9)
    assert chart is not None
    colours = phase_colours(list(volume.counts))
    show_grey(panels[0], volume.grey)
    show_grey(panels[1], volume.grey, pale=True)
    show_labels(panels[1], volume.labels, colours, alpha=_OVER)
    panels[0].set_title("as read", loc="left", pad=4)
    panels[1].set_title("phases", loc="left", pad=4)
    _draw_histogram(chart, volume, colours)
    return figure


def _draw_histogram(axes: "Axes", volume: "SegmentedVolume", colours: Mapping[int, str]) -> None:
    """Draw the histogram in the colours of the phases, the thresholds, and the valleys."""
    grey = volume.histogram.coarsened(_BINS)
    x, share = grey.centres, 100 * grey.counts / grey.total
    low, high = _shown(volume.histogram)
    thresholds = volume.thresholds if len(volume.thresholds) == len(colours) - 1 else []
    cuts = [-np.inf, *thresholds, np.inf]
    bands = volume.bands()
    handles: list[Any] = []
    for number, (phase, fraction) in enumerate(volume.fractions.items()):
        colour = colours[phase]
        text = f"phase {phase}: {100 * fraction:.1f} %"
        if phase in bands:
            text += f" ({100 * bands[phase][0]:.1f} to {100 * bands[phase][1]:.1f} % by threshold)"
        if thresholds:
            inside = (x > cuts[number]) & (x <= cuts[number + 1])
            axes.bar(x[inside], share[inside], width=grey.width, color=colour)
        handles.append(Patch(facecolor=colour, label=text))
    if not thresholds:
        axes.bar(x, share, width=grey.width, color="#bdbdbd")
    ends = zip(volume.segmentation.get("threshold_low", ()), volume.segmentation.get("threshold_high", ()), strict=True)
    for number, (first, last) in enumerate(ends):
        axes.axvspan(first, last, color=MUTED, alpha=0.18, linewidth=0, label=None if number else "its band")
    for number, limit in enumerate(volume.thresholds):
        axes.axvline(limit, color=INK, linewidth=1.2, linestyle="--", label=None if number else "threshold")
    axes.set_xlim(low, high)
    axes.set_ylim(0, 1.12 * float(share.max()))
    axes.set_xlabel("grey value, after filters" if "filters" in volume.labels.metadata else "grey value")
    axes.set_ylabel("voxels (%)")
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    handles += axes.get_legend_handles_labels()[0][::-1]
    columns = 2 if len(handles) < 5 else 3
    axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, handlelength=1.2, fontsize=8
    )


def _shown(histogram: "Histogram") -> tuple[float, float]:
    """Return the grey values between which nearly all voxels lie."""
    filled = np.cumsum(histogram.counts) / histogram.total
    first, last = np.searchsorted(filled, [0.0005, 0.9995])
    low, high = histogram.edge(float(first) - 0.5), histogram.edge(float(last) + 0.5)
    margin = 0.03 * (high - low)
    return low - margin, high + margin


@styled
def draw_segmentation_steps(study: "SegmentationStudy", *, title: str = "Phase fractions by volume") -> "Figure":
    """Draw the fractions of the phases against the volumes in their order, with the bands of the thresholds.

    Parameters
    ----------
    study : SegmentationStudy
        Two volumes or more.
    title : str
        Head of the figure.
    """
    values = {phase: np.array([volume.fractions.get(phase, 0.0) for volume in study.volumes]) for phase in study.phases}
    ends = {
        phase: np.array([volume.bands().get(phase, (np.nan, np.nan)) for volume in study.volumes])
        for phase in study.phases
    }
    names = [volume.name for volume in study.volumes]
    return _draw_steps(title, names, values, ends, "bands: what the thresholds leave open")


@styled
def draw_fraction_steps(study: "FractionStudy", *, title: str = "Phase fractions by volume") -> "Figure":
    """Draw the fractions of the phases against the volumes in their order, with their confidence intervals.

    Parameters
    ----------
    study : FractionStudy
        Two volumes or more.
    title : str
        Head of the figure.
    """
    table = study.table().set_index(["phase", "volume"])
    names = [step.name for step in study.steps]
    parts = {phase: table.loc[phase].reindex(names) for phase in study.phases}
    values = {phase: part["fraction"].fillna(0.0).to_numpy() for phase, part in parts.items()}
    ends = {phase: part[["low", "high"]].to_numpy() for phase, part in parts.items()}
    return _draw_steps(title, names, values, ends, f"bars: {_interval(study.steps[0])}")


def _interval(step: "FractionStep") -> str:
    return f"{100 * step.found.confidence:g} % confidence interval"


def _draw_steps(title: str, names: list[str], values: Any, ends: Any, note: str) -> "Figure":
    """Draw one chart for all phases, over the volumes."""
    known = any(np.isfinite(pair).any() for pair in ends.values())
    figure, (axes,) = lay_out_charts(
        title, [f"{len(names)} volumes", *([note] if known else [])], columns=1, height=3.0, foot=foot_of(names)
    )
    places = np.arange(len(names))
    for phase, colour in phase_colours(list(values)).items():
        share, pair = 100 * values[phase], 100 * ends[phase]
        axes.plot(places, share, color=colour, marker="o", markersize=4.5, label=f"phase {phase}")
        finite = np.isfinite(pair).all(axis=1)
        axes.fill_between(places, pair[:, 0], pair[:, 1], where=finite, color=colour, alpha=0.15, linewidth=0)
        axes.vlines(places[finite], pair[finite, 0], pair[finite, 1], color=colour, linewidth=1.0)
    axes.set_ylabel("fraction (%)")
    axes.set_ylim(bottom=0)
    mark_steps(axes, names)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.4)
    box = axes.get_position()
    axes.set_position((box.x0, box.y0, box.width - 0.11, box.height))
    return figure


@styled
def draw_fraction_profiles(step: "FractionStep", *, title: str = "Phase fractions by place") -> "Figure":
    """Draw the fractions of the phases in slabs along z, y, x and in rings about z.

    Parameters
    ----------
    step : FractionStep
        One volume of a study.
    title : str
        Head of the figure.
    """
    found = step.found
    ranges = {}
    for number, phase in enumerate(found.phases):
        text = f"phase {phase}: {100 * found.fraction[number]:.2f} %"
        if np.isfinite(found.low[number]):
            text += f" ({100 * found.low[number]:.2f} to {100 * found.high[number]:.2f})"
        ranges[phase] = text
    notes = [step.name, *([f"in brackets: {_interval(step)}"] if np.isfinite(found.low).any() else [])]
    rows = -(-len(ranges) // 3)
    figure, charts = lay_out_charts(title, notes, rows=2, height=2.2, foot=0.1 + 0.25 * rows)
    colours = phase_colours(found.phases)
    length = length_name(found.unit)
    for axes, (axis, profile) in zip(charts, found.profiles.items(), strict=True):
        for number, (phase, colour) in enumerate(colours.items()):
            axes.axhline(100 * found.fraction[number], color=colour, linewidth=0.8, linestyle=":")
            axes.plot(profile["position"], 100 * profile[str(phase)], color=colour, linewidth=1.4, label=ranges[phase])
        axes.set_xlabel(f"{_AXES[axis]} ({length})")
        axes.set_ylabel("fraction (%)")
        axes.set_ylim(bottom=0)
        axes.margins(x=0.01)
    figure.legend(
        *charts[0].get_legend_handles_labels(), loc="lower center", ncols=min(len(ranges), 3), handlelength=1.4
    )
    return figure
