"""Pictures of the benchmarks, in the style of the project's figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from viewers.style import head_height, new_figure, save_figure, styled, write_head

#: Colours that any colour vision tells apart (Okabe and Ito).
COLOURS = {"volcorr": "#0072b2", "al-dvc": "#d55e00", "spam": "#009e73", "bound": "#222222"}
MORE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
MARKERS = {"volcorr": "o", "al-dvc": "s", "spam": "^"}


def colour_of(name: str, number: int) -> str:
    """Return the colour of a package by its name, or of a curve by its number."""
    return COLOURS.get(name, MORE[number % len(MORE)])


@styled
def draw_curves(
    panels: Sequence[Mapping[str, Any]],
    path: Path,
    *,
    title: str,
    lines: Sequence[str],
    columns: int = 2,
    legend_in: int = 0,
) -> None:
    """Draw panels of curves with one legend, in the panel of that number.

    Each panel is a dict of `curves` (name to (x, y) or (x, y, spread)), `xlabel` and `ylabel`, and, if wanted, `title`,
    `xscale`, `yscale`, `xlim`, `ylim`, `level` (a dashed horizontal line), `reverse` (x falls to the right) and
    `markers` (False: lines only).
    """
    rows = -(-len(panels) // columns)
    width, height = 4.2 * columns, 2.9 * rows + head_height(lines) + 0.3
    figure = new_figure(width, height)
    grid = figure.subplots(rows, columns, squeeze=False)
    top = 1 - (head_height(lines) + 0.25) / height
    figure.subplots_adjust(
        left=0.85 / width, right=1 - 0.2 / width, top=top, bottom=0.5 / height, wspace=0.35, hspace=0.35
    )
    write_head(figure, title, lines, left=0.25)
    names = list(dict.fromkeys(name for panel in panels for name in panel["curves"]))
    handles: dict[str, Any] = {}
    for axes, panel in zip(grid.flat, panels, strict=False):
        for name, curve in panel["curves"].items():
            number = names.index(name)
            x, y, *spread = (np.asarray(part, float) for part in curve)
            # the first are wider: where curves lie on each other all can be seen
            size = max(2.6 - 0.8 * number, 1.2)
            style = {"color": colour_of(name, number), "markersize": 2.3 * size}
            if panel.get("markers", True):
                style["marker"] = MARKERS.get(name, "o")
            (handles[name],) = axes.plot(x, y, label=name, linewidth=size, **style)
            if spread:
                axes.fill_between(x, y - spread[0], y + spread[0], color=style["color"], alpha=0.18, linewidth=0)
        for key in ("xlabel", "ylabel", "xscale", "yscale", "xlim", "ylim"):
            if key in panel:
                axes.set(**{key: panel[key]})
        if panel.get("xscale") == "log":
            ticks = sorted({float(x) for curve in panel["curves"].values() for x in curve[0]})
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.set_xticks([], minor=True)
        if "level" in panel:
            axes.axhline(panel["level"], color="#888888", linewidth=0.8, linestyle="--")
        if panel.get("reverse"):
            axes.invert_xaxis()
        axes.set_title(panel.get("title", ""), loc="left")
        axes.spines[["top", "right"]].set_visible(False)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_axis_off()
    grid.flat[legend_in].legend(handles=list(handles.values()), labels=list(handles), loc="best")
    save_figure(figure, path)


@styled
def draw_bars(
    groups: Mapping[str, Mapping[str, float]], path: Path, *, title: str, lines: Sequence[str], ylabel: str
) -> None:
    """Draw bars: one group a key, one bar a package, with the numbers on top."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    width, height = 6.4, 3.4 + head_height(lines)
    figure = new_figure(width, height)
    axes = figure.add_axes((0.7 / width, 0.45 / height, 1 - 0.9 / width, 1 - (head_height(lines) + 0.75) / height))
    write_head(figure, title, lines, left=0.25)
    bar = 0.8 / len(names)
    for rank, name in enumerate(names):
        places = [place + (rank - (len(names) - 1) / 2) * bar for place, group in enumerate(groups.values())]
        values = [group.get(name, np.nan) for group in groups.values()]
        axes.bar(places, values, 0.92 * bar, color=colour_of(name, rank), label=name)
        for place, value in zip(places, values, strict=True):
            if np.isfinite(value):
                axes.text(
                    place,
                    value,
                    f"{value:.3g}" if value < 100 else f"{value:.0f}",
                    ha="center",
                    va="bottom",
                    fontsize=8,
                )
    axes.set(ylabel=ylabel)
    axes.set_xticks(range(len(groups)), list(groups))
    axes.margins(y=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    if len(names) > 1:
        axes.legend(loc="upper right")
    save_figure(figure, path)


@styled
def draw_maps(
    rows: Sequence[Sequence[Mapping[str, Any]]],
    path: Path,
    *,
    title: str,
    lines: Sequence[str],
    extent: tuple[float, float, float, float],
) -> None:
    """Draw maps of one section in rows.

    Each is a dict of `values` (y, x) and `title`, and, if wanted, `label` (of a colour bar), `cmap`, `limits`, `extend`
    (see matplotlib's colour bar) and `extent`.
    """
    count = max(len(row) for row in rows)
    width, height = 4.1 * count, 3.3 * len(rows) + head_height(lines) + 0.2
    figure = new_figure(width, height)
    grid = figure.subplots(len(rows), count, squeeze=False)
    top = 1 - (head_height(lines) + 0.3) / height
    figure.subplots_adjust(
        left=0.6 / width, right=1 - 0.55 / width, top=top, bottom=0.5 / height, wspace=0.3, hspace=0.3
    )
    write_head(figure, title, lines, left=0.25)
    for axes in grid.flat:
        axes.set_axis_off()
    for frames, row in zip(grid, rows, strict=True):
        for axes, one in zip(frames, row, strict=False):
            axes.set_axis_on()
            low, high = one.get("limits", (None, None))
            # the grey volume lies on its voxels; the maps on their points
            image = axes.imshow(
                one["values"],
                cmap=one.get("cmap", "viridis"),
                vmin=low,
                vmax=high,
                extent=one.get("extent", extent),
                origin="lower",
                interpolation="nearest",
            )
            axes.set(title=one["title"], xlabel="x (voxel)", ylabel="y (voxel)")
            if "label" in one:
                bar = figure.colorbar(image, ax=axes, extend=one.get("extend", "neither"), shrink=0.85)
                bar.set_label(one["label"])
                bar.outline.set_linewidth(0.6)
    save_figure(figure, path)
