"""Where panels, colour bars and titles stand on a figure: computed in inches, so that nothing overlaps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator

from viewers.sections import Section, Sections
from viewers.style import ALPHA, DPI, INK, add_scale_bar, head_height, new_figure, wrap_phrases, write_head

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from viewers.scales import Scale

__all__ = ["Page", "lay_out_grid", "lay_out_sections", "paint", "tell_no_valid_point"]

_CONTENT: Final = (8.2, 5.0)  # largest width and height of all panels together
_FOOT, _LEFT, _RIGHT = 0.55, 0.72, 0.12
_GAP_X, _GAP_Y = 0.72, 0.72  # between panels that have labels of their own
_NARROW, _CAPTION = 0.34, 0.28  # between panels that share labels; caption of a panel
_BAR, _BAR_GAP, _BAR_LABELS = 0.15, 0.22, 0.78
_ROW_GAP = 0.16
_LEAST_WIDTH, _LEAST_BAR, _LEAST_ROW = 6.4, 2.4, 1.55

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Page:
    """A figure with its panels, and beside them places for colour bars.

    Attributes
    ----------
    figure : Figure
        The figure.
    panels : list of Axes
        One for each section, in the order they were asked for.
    bars : list of Axes
        Places of the colour bars, from top to bottom.
    """

    figure: "Figure"
    panels: "list[Axes]"
    bars: "list[Axes]"


def lay_out_sections(sections: Sections, *, title: str, notes: Sequence[str], side: float | None = None) -> Page:
    """Place the three sections at one scale, side by side or the upright ones of a flat specimen stacked.

    Parameters
    ----------
    sections : Sections
        What to place; the panels get limits, labels, the grey reference and a scale bar.
    title, notes : str, sequence of str
        Head of the figure, and phrases under it.
    side : float, optional
        Inches kept free on the right instead of a colour bar (for a legend).
    """
    boxes = max((_in_a_row(sections), _stacked(sections)), key=lambda boxes: boxes[0][2])
    width, height = max(b[0] + b[2] for b in boxes), max(b[1] + b[3] for b in boxes)
    page = _make_page(
        boxes,
        (width, height),
        [] if side is not None else [(0.0, min(height, max(boxes[-1][3], _LEAST_BAR)))],
        (title, notes),
        side,
    )
    for axes, section in zip(page.panels, sections.planes, strict=True):
        _dress(axes, section, sections)
        axes.set_title(f"{section.normal} = {section.position:.4g} {sections.length_label}", loc="left", pad=4)
    if boxes[0][1] == boxes[1][1]:
        page.panels[1].set_ylabel("")
        page.panels[1].tick_params(labelleft=False)
    if sections.unit != "voxel":
        add_scale_bar(max(page.panels, key=lambda axes: axes.bbox.height), sections.unit)
    return page


def lay_out_grid(
    sections: Sections, section: Section, captions: list[list[str]], *, title: str, notes: Sequence[str]
) -> Page:
    """Place one section several times, in rows that each share one colour bar.

    Parameters
    ----------
    sections : Sections
        Where `section` belongs.
    section : Section
        What every panel shows.
    captions : list of lists of str
        One list a row, one caption a panel.
    title, notes : str, sequence of str
        Head of the figure, and phrases under it.
    """
    rows, columns = len(captions), len(captions[0])
    room = _CONTENT[0] - (columns - 1) * _NARROW, _CONTENT[1] + 1.0 - (rows - 1) * (_ROW_GAP + _CAPTION)
    scale = min(room[0] / (columns * section.width), room[1] / (rows * section.height))
    w, h = scale * section.width, scale * section.height
    apart = max(h + _ROW_GAP + _CAPTION, _LEAST_ROW)
    tops = [row * apart for row in range(rows)]
    boxes = [(column * (w + _NARROW), top, w, h) for top in tops for column in range(columns)]
    tall = max(h, _LEAST_ROW - _CAPTION)
    extent = (boxes[-1][0] + w, boxes[-1][1] + tall)
    page = _make_page(boxes, extent, [(top, tall) for top in tops], (title, notes), None)
    for number, (axes, caption) in enumerate(zip(page.panels, [c for row in captions for c in row], strict=True)):
        _dress(axes, section, sections)
        axes.set_title(caption, loc="left", pad=4)
        if number % columns:
            axes.set_ylabel("")
            axes.tick_params(labelleft=False)
        if number < (rows - 1) * columns:
            axes.set_xlabel("")
            axes.tick_params(labelbottom=False)
    if sections.unit != "voxel":
        add_scale_bar(page.panels[-1], sections.unit)
    return page


def _in_a_row(sections: Sections) -> list[Box]:
    """Return boxes (left, top, width, height) in inches of the three sections side by side."""
    zx, zy, yx = sections.planes
    room = _CONTENT[0] - _NARROW - _GAP_X
    scale = min(room / (zx.width + zy.width + yx.width), _CONTENT[1] / max(zx.height, yx.height))
    boxes, left = [], 0.0
    for section, gap in ((zx, _NARROW), (zy, _GAP_X), (yx, 0.0)):
        boxes.append((left, 0.0, scale * section.width, scale * section.height))
        left += scale * section.width + gap
    return boxes


def _stacked(sections: Sections) -> list[Box]:
    """Return boxes with the upright sections above each other and the one across beside them."""
    zx, zy, yx = sections.planes
    gap = _GAP_Y + _CAPTION - 0.2
    across = (_CONTENT[0] - _GAP_X) / (max(zx.width, zy.width) + yx.width)
    scale = min(across, (_CONTENT[1] - gap) / (zx.height + zy.height), _CONTENT[1] / yx.height)
    second = scale * zx.height + gap
    return [
        (0.0, 0.0, scale * zx.width, scale * zx.height),
        (0.0, second, scale * zy.width, scale * zy.height),
        (scale * max(zx.width, zy.width) + _GAP_X, 0.0, scale * yx.width, scale * yx.height),
    ]


def _make_page(
    boxes: list[Box],
    extent: tuple[float, float],
    bars: list[tuple[float, float]],
    head: tuple[str, Sequence[str]],
    side: float | None,
) -> Page:
    """Make the figure around boxes (left, top, width, height) and bars (top, height), all in inches."""
    right = (_BAR_GAP + _BAR + _BAR_LABELS) if side is None else side
    width = max(_LEAST_WIDTH, _LEFT + extent[0] + right + _RIGHT)
    lines = wrap_phrases(head[1], width - _LEFT - _RIGHT)
    height = head_height(lines) + _CAPTION + extent[1] + _FOOT
    figure = new_figure(width, height)
    top = height - head_height(lines) - _CAPTION

    def place(left: float, down: float, w: float, h: float) -> "Axes":
        return figure.add_axes(((_LEFT + left) / width, (top - down - h) / height, w / width, h / height))

    panels = [place(*box) for box in boxes]
    places = [place(extent[0] + _BAR_GAP, down, _BAR, min(tall, 4.0)) for down, tall in bars]
    write_head(figure, head[0], lines, left=_LEFT)
    return Page(figure, panels, places)


def _dress(axes: "Axes", section: Section, sections: Sections) -> None:
    """Set limits, labels and the grey reference of a panel."""
    left, right, bottom, top = section.window
    if section.grey is not None:
        low, high = sections.grey_limits
        axes.imshow(
            section.grey,
            cmap="gray",
            vmin=low,
            vmax=high,
            extent=section.grey_extent,
            origin="lower",
            interpolation="antialiased",
            aspect="auto",
            zorder=1,
        )
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_facecolor("#f4f4f4")
    unit = sections.length_label
    axes.set_xlabel(f"{section.horizontal} ({unit})")
    width, height = axes.bbox.width / DPI, axes.bbox.height / DPI
    upright = "z, compression axis" if section.vertical == "z" and height > 1.8 else section.vertical
    axes.set_ylabel(f"{upright} ({unit})")
    for axis, room in ((axes.xaxis, width / 0.62), (axes.yaxis, height / 0.4)):
        most = int(np.clip(room, 1, 6))
        axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 5, 10], min_n_ticks=min(most, 2)))


def paint(
    axes: "Axes", section: Section, values: "NDArray[np.float64]", scale: "Scale", *, alpha: float = ALPHA
) -> None:
    """Lay values of the points of a section over it as patches; NaN stays transparent, and if all are, words say so."""
    shown = np.isfinite(values)
    if not shown.any():
        tell_no_valid_point(axes)
        return
    axes.imshow(
        np.ma.masked_invalid(values * scale.factor),
        cmap=scale.cmap,
        norm=scale.norm,
        extent=section.patches,
        origin="lower",
        interpolation="nearest",
        aspect="auto",
        alpha=alpha,
        zorder=2,
    )
    _outline(axes, shown, section.patches)
    axes.set_xlim(*section.window[:2])
    axes.set_ylim(*section.window[2:])


def _outline(axes: "Axes", shown: "NDArray[np.bool_]", extent: Box) -> None:
    """Draw a thin line around the patches that are shown: white ones would look like transparent ones."""
    left, right, bottom, top = extent
    rows, columns = shown.shape
    x, y = np.linspace(left, right, columns + 1), np.linspace(bottom, top, rows + 1)
    framed = np.pad(shown, 1)
    i, j = np.nonzero(framed[1:-1, 1:] != framed[1:-1, :-1])
    upright = np.stack([np.stack([x[j], y[i]], -1), np.stack([x[j], y[i + 1]], -1)], 1)
    i, j = np.nonzero(framed[1:, 1:-1] != framed[:-1, 1:-1])
    level = np.stack([np.stack([x[j], y[i]], -1), np.stack([x[j + 1], y[i]], -1)], 1)
    lines = LineCollection(list(np.concatenate([upright, level])), colors=INK, linewidths=0.5, alpha=0.7, zorder=3)
    axes.add_collection(lines, autolim=False)


def tell_no_valid_point(axes: "Axes", text: str = "no valid point") -> None:
    """Write `text` into the middle of a panel that has nothing to show."""
    axes.text(
        0.5,
        0.5,
        text,
        transform=axes.transAxes,
        ha="center",
        va="center",
        fontsize=9,
        zorder=7,
        bbox={"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
    )
