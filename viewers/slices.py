"""Slices of volumes side by side, in the unit of their voxels."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.ticker import MaxNLocator

from viewers.charts import add_chart, length_name
from viewers.style import add_scale_bar, head_height, new_figure, wrap_phrases, write_head

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from volio import Volume

__all__ = ["lay_out_slices", "show_grey", "show_labels", "show_values"]

_LEFT, _RIGHT, _FOOT, _CAPTION, _GAP = 0.72, 0.2, 0.55, 0.28, 0.3
#: Inches between the panels' foot and a chart below, for its legend.
_ABOVE: Final = 0.5
_WIDTH, _TALL = 8.6, 4.6
#: Pixels along the longest edge of a picture.
_MOST_PIXELS: Final = 1200


def lay_out_slices(
    plane: "Volume", count: int, *, title: str, notes: Sequence[str], below: float = 0.0, side: float = 0.0
) -> "tuple[Figure, list[Axes], Axes | None]":
    """Return a figure with equal panels for a slice, and a chart below them.

    Parameters
    ----------
    plane : Volume
        A slice, shape (1, y, x): its size and place set the panels.
    count : int
        How many panels.
    title, notes : str, sequence of str
        Head of the figure, and phrases under it.
    below : float
        Inches of the chart; 0 for none.
    side : float
        Inches kept free on the right, for a colour bar or a legend.

    Returns
    -------
    figure, panels, chart
    """
    left, right, bottom, top = _extent(plane)
    room = _WIDTH - _LEFT - _RIGHT - side - (count - 1) * _GAP
    scale = min(room / count / (right - left), _TALL / (top - bottom))
    wide, tall = scale * (right - left), scale * (top - bottom)
    width = _WIDTH if below else max(_LEFT + count * wide + (count - 1) * _GAP + side + _RIGHT, 6.0)
    lines = wrap_phrases(notes, width - _LEFT - _RIGHT)
    height = head_height(lines) + _CAPTION + tall + _FOOT + (below + _ABOVE + _FOOT if below else 0)
    figure = new_figure(width, height)
    write_head(figure, title, lines, left=_LEFT)
    panels = []
    up = height - head_height(lines) - _CAPTION - tall
    for number in range(count):
        box = (_LEFT + number * (wide + _GAP), up, wide, tall)
        panel = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
        _dress(panel, plane, labelled=number == 0)
        panels.append(panel)
    chart = None
    if below:
        chart = add_chart(figure, _LEFT, _FOOT, width - _LEFT - _RIGHT - side, below)
    if plane.voxel_size is not None:
        add_scale_bar(panels[-1], plane.unit)
    return figure, panels, chart


def show_grey(axes: "Axes", plane: "Volume", *, pale: bool = False) -> None:
    """Draw a slice of grey values between its robust extremes; pale ones leave room for colours over them."""
    image = _thinned(plane)
    finite = image[np.isfinite(image)] if image.dtype.kind == "f" else image
    low, high = np.percentile(finite, [0.5, 99.5]) if finite.size else (0.0, 1.0)
    high = high if high > low else low + 1
    _show(axes, plane, image, cmap="gray", vmin=low - (high - low if pale else 0), vmax=high)


def show_labels(axes: "Axes", plane: "Volume", colours: Mapping[int, str], *, alpha: float = 1.0) -> None:
    """Draw a slice of labels in the colours of the phases; others stay transparent."""
    image = _thinned(plane)
    numbers = np.full(image.shape, -1)
    for number, label in enumerate(colours):
        numbers[image == label] = number
    shown = np.ma.masked_less(numbers, 0)
    map_ = ListedColormap(list(colours.values()))
    _show(axes, plane, shown, cmap=map_, vmin=-0.5, vmax=len(colours) - 0.5, alpha=alpha, interpolation="nearest")


def show_values(axes: "Axes", plane: "Volume", values: "NDArray[Any]", **style: Any) -> None:
    """Draw values (y, x) of a slice; masked ones stay transparent."""
    step = -(-max(values.shape) // _MOST_PIXELS)
    _show(axes, plane, values[::step, ::step], interpolation="nearest", **style)


def _thinned(plane: "Volume") -> "NDArray[Any]":
    """Return the voxels (y, x), every so many where there are more than a picture has pixels."""
    image: NDArray[Any] = np.asarray(plane.data)[0]
    step = -(-max(image.shape) // _MOST_PIXELS)
    return image[::step, ::step]


def _extent(plane: "Volume") -> tuple[float, float, float, float]:
    """Return the outer edges of the voxels: left, right, bottom, top."""
    _, rows, columns = plane.shape
    _, dy, dx = plane.voxel_size or (1.0, 1.0, 1.0)
    _, y, x = plane.origin
    return x - dx / 2, x + (columns - 0.5) * dx, y - dy / 2, y + (rows - 0.5) * dy


def _show(axes: "Axes", plane: "Volume", image: Any, **style: Any) -> None:
    limits = _extent(plane)
    axes.imshow(image, extent=limits, origin="lower", aspect="auto", **style)
    axes.set_xlim(*limits[:2])
    axes.set_ylim(*limits[2:])


def _dress(axes: "Axes", plane: "Volume", *, labelled: bool) -> None:
    limits = _extent(plane)
    axes.set_xlim(*limits[:2])
    axes.set_ylim(*limits[2:])
    unit = length_name("voxel" if plane.voxel_size is None else plane.unit)
    axes.set_xlabel(f"x ({unit})")
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    if labelled:
        axes.set_ylabel(f"y ({unit})")
    else:
        axes.tick_params(labelleft=False)
