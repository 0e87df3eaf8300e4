"""Charts side by side, and the colours of steps and phases: what figures of curves share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.ticker import MaxNLocator

from viewers.style import head_height, new_figure, unit_label, wrap_phrases, write_head

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "PHASE_COLOURS",
    "add_chart",
    "foot_of",
    "lay_out_charts",
    "length_name",
    "mark_steps",
    "phase_colours",
    "step_colours",
]

#: Colours of phases that any colour vision tells apart (Okabe and Ito).
PHASE_COLOURS: Final = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#0072b2", "#d55e00")
_LEFT, _RIGHT, _FOOT, _CAPTION, _GAP = 0.78, 0.25, 0.55, 0.2, 0.9
#: Names of steps that fit below an axis.
_MOST_NAMES: Final = 8
#: Letters that fit below all charts side by side.
_LETTERS: Final = 90


def lay_out_charts(
    title: str,
    notes: Sequence[str],
    *,
    rows: int = 1,
    columns: int = 2,
    height: float = 2.6,
    above: float = 0.0,
    foot: float = 0.0,
) -> "tuple[Figure, list[Axes]]":
    """Return a figure of 8.4 inches with charts in rows, and its head.

    Parameters
    ----------
    title, notes : str, sequence of str
        Head of the figure, and phrases under it.
    rows, columns : int
        How many charts.
    height : float
        Inches of a chart.
    above, foot : float
        Inches kept free above the first row and below the last, for a legend.
    """
    width = 8.4
    lines = wrap_phrases(notes, width - _LEFT - _RIGHT)
    tall = head_height(lines) + rows * (height + _CAPTION) + (rows - 1) * _FOOT + _FOOT + above + foot
    figure = new_figure(width, tall)
    write_head(figure, title, lines, left=_LEFT)
    wide = (width - _LEFT - _RIGHT - (columns - 1) * _GAP) / columns
    charts = []
    for row in range(rows):
        bottom = tall - head_height(lines) - above - _CAPTION - height - row * (height + _CAPTION + _FOOT)
        for column in range(columns):
            left = _LEFT + column * (wide + _GAP)
            axes = add_chart(figure, left, bottom, wide, height, grid=True)
            axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
            axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
            charts.append(axes)
    return figure, charts


def add_chart(
    figure: "Figure", left: float, bottom: float, width: float, height: float, *, grid: bool = False
) -> "Axes":
    """Return a chart at a place in inches from the lower left corner, without a frame above and on the right."""
    across, up = figure.get_size_inches()
    axes = figure.add_axes((left / across, bottom / up, width / across, height / up))
    axes.spines[["top", "right"]].set_visible(False)
    if grid:
        axes.grid(color="#e6e6e6", linewidth=0.6)
        axes.set_axisbelow(True)
    return axes


def length_name(unit: str) -> str:
    """Return how a unit stands behind the name of a length: "um" as "µm", "voxel" as "voxels"."""
    return "voxels" if unit == "voxel" else unit_label(unit)


def step_colours(count: int) -> list[str]:
    """Return colours for the steps of a series, dark to light; one step is blue."""
    if count == 1:
        return ["#0072b2"]
    return [to_hex(mpl.colormaps["viridis"](place)) for place in np.linspace(0.0, 0.85, count)]


def phase_colours(phases: Sequence[int]) -> dict[int, str]:
    """Return the colour of each phase."""
    return {phase: PHASE_COLOURS[number % len(PHASE_COLOURS)] for number, phase in enumerate(phases)}


def foot_of(names: Sequence[str], *, charts: int = 1) -> float:
    """Return the inches that the names of steps need below an axis, with as many charts side by side."""
    return 0.4 if _are_long(names, charts) else 0.0


def mark_steps(axes: "Axes", names: Sequence[str], *, charts: int = 1) -> None:
    """Name the steps 0, 1, 2, ... below an axis; long names are slanted, and of many only the numbers stand there."""
    axes.set_xlim(-0.3, len(names) - 0.7)
    if len(names) > _MOST_NAMES:
        axes.set_xlabel("volume, from 0")
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        return
    long = _are_long(names, charts)
    shown = [name if len(name) <= 22 else f"{name[:12]}…{name[-8:]}" for name in names]
    axes.set_xticks(range(len(names)), shown, rotation=20 if long else 0, ha="right" if long else "center")


def _are_long(names: Sequence[str], charts: int) -> bool:
    """Tell whether names would run into each other."""
    return len(names) <= _MOST_NAMES and max(map(len, names)) > _LETTERS // (charts * len(names))
