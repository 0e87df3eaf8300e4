"""The study of subset sizes in one picture: how well subsets match, and noise against resolution."""

from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from viewers.charts import add_chart, length_name
from viewers.style import INK, MUTED, head_height, new_figure, styled, unit_label, wrap_phrases, write_head

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from volcorr.subset_result import SubsetStudy

__all__ = ["draw_subset_study"]

_BLUE, _GREEN, _ORANGE = "#0072b2", "#009e73", "#d55e00"  # Okabe and Ito
_SIZE: Final = (9.6, 5.0)
_LEFT, _RIGHT, _FOOT, _GAP = 0.78, 0.3, 0.6, 0.42


@styled
def draw_subset_study(study: "SubsetStudy", *, title: str = "Which size of subset") -> "Figure":
    """Draw correlation and valid points by size, and the noise of strain against its resolution.

    On the left the mean correlation and the part of valid points by the edge of the subset. On the right, on
    logarithmic axes, the noise of a strain against the period of the wave that it resolves: every size is one point,
    a better measurement would lie further down and to the left. The recommended size is ringed everywhere.

    Parameters
    ----------
    study : SubsetStudy
        From `volcorr.subset_study.study_subsets`.
    title : str
        Head of the figure.
    """
    width, height = _SIZE
    lines = wrap_phrases(_describe(study), width - _LEFT - _RIGHT)
    figure = new_figure(width, height)
    write_head(figure, title, lines, left=_LEFT)
    caption = 0.35 if study.unit == "voxel" else 0.62
    room = height - _FOOT - head_height(lines) - caption
    half, narrow, wide = (room - _GAP) / 2, 3.5, 4.15
    match = add_chart(figure, _LEFT, _FOOT + half + _GAP, narrow, half, grid=True)
    share = add_chart(figure, _LEFT, _FOOT, narrow, half, grid=True)
    trade = add_chart(figure, width - _RIGHT - wide, _FOOT, wide, room, grid=True)
    edges = [row.edge for row in study.sizes]
    _draw_by_size(match, study, edges, [row.mean_cc for row in study.sizes], _BLUE)
    _draw_by_size(share, study, edges, [100 * row.valid_share for row in study.sizes], _GREEN)
    match.set_ylabel("mean ZNCC")
    match.tick_params(labelbottom=False)
    match.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    share.axhline(100 * study.min_valid, color=MUTED, linewidth=0.9, linestyle="--")
    share.set_ylabel("valid points (%)")
    share.set_ylim(min(90.0, share.get_ylim()[0]), 101.5)
    share.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    share.set_xlabel(f"edge of the subset ({length_name(study.unit)})")
    if study.unit != "voxel":
        _add_voxel_axis(match, study)
    _draw_trade(trade, study)
    return figure


def _describe(study: "SubsetStudy") -> list[str]:
    """Phrases for the head."""
    names = [f"{study.reference} → {study.deformed}"] if study.reference and study.deformed else []
    row = study.recommended
    physical = "" if study.unit == "voxel" else f" ({row.edge:.3g} {unit_label(study.unit)})"
    noise = "noise from a repeat scan" if study.has_repeat else "noise as stated by the correlation"
    points = f"{study.points} points that are valid at every usable size"
    return [*names, points, noise, f"recommended: {row.label} voxels{physical}"]


def _draw_by_size(axes: "Axes", study: "SubsetStudy", edges: list[float], values: list[float], colour: str) -> None:
    """Draw one quantity over the edge of the subset, with the recommended size ringed."""
    axes.plot(edges, values, color=colour, linewidth=1.4, marker="o", markersize=4.5)
    _ring(axes, edges[study.chosen], values[study.chosen])
    axes.margins(x=0.07, y=0.18)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))


def _ring(axes: "Axes", x: float, y: float) -> None:
    axes.plot([x], [y], marker="o", markersize=12, markerfacecolor="none", markeredgecolor=_ORANGE, markeredgewidth=1.8)


def _add_voxel_axis(axes: "Axes", study: "SubsetStudy") -> None:
    """Mark the sizes in voxels above the panel."""
    above = axes.secondary_xaxis("top")
    labels, places, last = [], [], np.inf
    apart = 0.075 * (axes.get_xlim()[1] - axes.get_xlim()[0])
    for row in study.sizes:
        crowded = last - row.edge < apart
        labels.append(
            "" if crowded else f"{row.subset[0]}" if len(set(row.subset)) == 1 else row.label.replace(" ", "")
        )
        places.append(row.edge)
        last = last if crowded else row.edge
    above.xaxis.set_major_locator(FixedLocator(places))
    above.set_xticks(places, labels)
    above.set_xlabel("edge of the subset (voxels)", labelpad=6)


def _draw_trade(axes: "Axes", study: "SubsetStudy") -> None:
    """Draw noise of strain over the resolved period, and the total error of the detail where one was named."""
    known = [(i, row) for i, row in enumerate(study.sizes) if np.isfinite(row.strain_noise) and row.strain_noise > 0]
    axes.set_xlabel(f"period of a wave of strain that loses a tenth ({length_name(study.unit)})")
    axes.set_ylabel("noise of strain (%)" if study.detail is None else "error of strain (%)")
    if not known:
        axes.text(0.5, 0.5, "no valid point", transform=axes.transAxes, ha="center", va="center")
        return
    x = [row.strain_resolution for _, row in known]
    y = [100 * row.strain_noise for _, row in known]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.plot(x, y, color=_BLUE, linewidth=1.4, marker="o", markersize=4.5, label="noise")
    errors = [100 * row.total_error for _, row in known]
    if study.detail is not None:
        label = f"total error of a wave of {study.detail.replace('um', 'µm')}"
        axes.plot(x, errors, color=_GREEN, linewidth=1.4, marker="s", markersize=4, label=label)
    else:
        limit = 100 * study.strain_noise_limit
        axes.axhline(limit, color=MUTED, linewidth=0.9, linestyle="--", label=f"limit {limit:.2g} %")
    for (number, row), across, up in zip(known, x, y, strict=True):
        text = row.label if study.unit == "voxel" else f"{row.edge:.3g} {unit_label(study.unit)}"
        weight = "bold" if number == study.chosen else "normal"
        axes.annotate(
            text, (across, up), (-7, -9), textcoords="offset points", ha="right", fontsize=8, color=INK, weight=weight
        )
        if number == study.chosen:
            _ring(axes, across, up)
            if study.detail is not None:
                _ring(axes, across, 100 * row.total_error)
    axes.margins(x=0.24 if study.unit != "voxel" else 0.16, y=0.12)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0, 7.0) if axis is axes.xaxis else (1.0, 2.0, 5.0)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_title("noise against resolution", loc="left", pad=6)
    axes.legend(loc="lower left")
