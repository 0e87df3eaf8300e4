"""The histogram of the correlation, and the profile of mean strain along the compression axis."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from viewers.charts import add_chart
from viewers.layout import tell_no_valid_point
from viewers.scales import strain_unit
from viewers.style import (
    AXIS_COLOURS,
    AXIS_WIDTHS,
    INK,
    MUTED,
    STATUS_COLOURS,
    describe_fields,
    group_digits,
    head_height,
    new_figure,
    styled,
    symbol,
    unit_label,
    wrap_phrases,
    write_head,
)
from volcorr.fields import STRAIN, Status, check_fields, valid_points
from volio.errors import InputError

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["draw_correlation_histogram", "draw_strain_profile"]

#: Colour and width of the lines of the three normal strains.
_LINES: Final = dict(zip(STRAIN[:3], zip(AXIS_COLOURS, AXIS_WIDTHS, strict=True), strict=True))
_VALID: Final = STATUS_COLOURS[Status.VALID]
_INVALID: Final = STATUS_COLOURS[Status.LOW_CORRELATION]


@styled
def draw_correlation_histogram(fields: "xr.Dataset", *, title: str = "Distribution of the correlation") -> "Figure":
    """Draw the histogram of the zero-normalised cross-correlation (ZNCC), valid and invalid points apart.

    On the left all points that were correlated, counted on a logarithmic axis; on the right the valid points
    with their median. Points below the right axis (at most 0.5 %) are counted in a note.

    Parameters
    ----------
    fields : xarray.Dataset
        A displacement field.
    title : str
        Head of the figure.

    Raises
    ------
    InputError
        If the dataset is not a displacement field.
    """
    check_fields(fields)
    cc, valid = fields["cc"].to_numpy(), valid_points(fields)
    good, bad = cc[valid & np.isfinite(cc)], cc[~valid & np.isfinite(cc)]
    never = cc.size - good.size - bad.size
    figure, (whole, zoom) = _charts(title, describe_fields(fields), (8.4, 4.0), (2.6, 4.0))
    whole.set_ylabel("number of points")
    for axes, name in ((whole, "all correlated points"), (zoom, "valid points")):
        axes.set_title(name, loc="left")
        axes.set_xlabel("ZNCC")
    if good.size + bad.size == 0:
        tell_no_valid_point(whole, "no point was correlated")
    else:
        _draw_whole(whole, good, bad)
    if good.size == 0:
        tell_no_valid_point(zoom)
        return figure
    low = float(np.percentile(good, 0.5))
    low = max(-1.0, low - 0.05 * max(1 - low, 1e-4))
    zoom.hist(good, list(np.linspace(low, 1.0, 51)), color=_VALID, edgecolor="white", linewidth=0.4)
    median = float(np.median(good))
    zoom.axvline(median, color=INK, linewidth=1.2, linestyle="--")
    zoom.set_xlim(low, 1.0)
    zoom.margins(y=0.08)
    zoom.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    zoom.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    lines = [f"{group_digits(good.size)} of {group_digits(cc.size)} points", f"median {median:.4f}"]
    lines += [f"{group_digits(never)} never correlated"] if never else []
    below = int((good < low).sum())
    lines += [f"{group_digits(below)} below this axis"] if below else []
    zoom.text(0.03, 0.96, "\n".join(lines), transform=zoom.transAxes, va="top", linespacing=1.5, fontsize=8.5)
    return figure


def _draw_whole(axes: "Axes", good: "NDArray[Any]", bad: "NDArray[Any]") -> None:
    """Draw valid and invalid points over the whole range that was met, on a logarithmic axis."""
    low = min(0.0, float(np.concatenate([good, bad]).min()))
    edges = list(np.linspace(low, 1.0, 41))
    for values, colour, name in ((good, _VALID, "valid"), (bad, _INVALID, "invalid")):
        if values.size:
            label = f"{name} ({group_digits(values.size)})"
            axes.hist(values, edges, color=colour, alpha=0.85, label=label, edgecolor="white", linewidth=0.4)
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7)
    axes.set_xlim(low, 1.0)
    axes.legend(loc="upper left", handlelength=1.0, borderaxespad=0.2)


@styled
def draw_strain_profile(fields: "xr.Dataset", *, title: str = "Mean strain along the compression axis") -> "Figure":
    """Draw the mean of the normal strains in each layer of points along z, with the spread of e_zz.

    The band holds the middle 80 % (10th to 90th percentile) of e_zz in the layer; the bars on the right count
    the valid points of each layer.

    Parameters
    ----------
    fields : xarray.Dataset
        A field with strain.
    title : str
        Head of the figure.

    Raises
    ------
    InputError
        If the field has no strain.
    """
    check_fields(fields)
    if any(name not in fields for name in _LINES):
        raise InputError("the field has no strain e_zz, e_yy, e_xx; compute it first with volcorr.strain(field)")
    layers = {name: _layers(fields[name].where(valid_points(fields)).to_numpy()) for name in _LINES}
    z, length = fields["z"].to_numpy(), unit_label(fields.attrs["unit"])
    figure, (axes, beside) = _charts(
        title, describe_fields(fields, strain=True), (6.8, 5.2), (4.4, 1.1), foot=1.1, caption=0.1
    )
    unit, factor = strain_unit([values for layer in layers["e_zz"] for values in layer])
    axes.set_xlabel(f"strain ({unit}), negative: compression")
    axes.set_ylabel(f"z ({length})")
    counts = np.array([layer.size for layer in layers["e_zz"]])
    if not counts.any():
        tell_no_valid_point(axes)
    else:
        _draw_lines(axes, z, layers, factor, unit)
    step = float(fields.attrs["spacing"][0]) * float(fields.attrs["voxel_size"][0])
    axes.set_ylim(z[0] - 0.7 * step, z[-1] + 0.7 * step)
    _draw_counts(beside, z, counts, 0.8 * step)
    beside.set_ylim(axes.get_ylim())
    return figure


def _draw_lines(
    axes: "Axes", z: "NDArray[Any]", layers: "dict[str, list[NDArray[Any]]]", factor: float, unit: str
) -> None:
    axes.axvline(0, color=MUTED, linewidth=0.8, zorder=1)
    low, high = (factor * _each(layers["e_zz"], lambda v, q=q: np.percentile(v, q)) for q in (10, 90))
    axes.fill_betweenx(
        z, low, high, color=_LINES["e_zz"][0], alpha=0.18, linewidth=0, label=f"{symbol('e_zz')}, middle 80 %"
    )
    for name, (colour, width) in _LINES.items():
        means = factor * _each(layers[name], np.mean)
        overall = factor * float(np.concatenate(layers[name]).mean())
        axes.plot(
            means,
            z,
            color=colour,
            linewidth=width,
            marker="o",
            markersize=2 * width**0.5,
            zorder=4 if name == "e_zz" else 3,
            label=f"{symbol(name)}, mean {overall:+.3g} {unit}".replace("-", "−"),
        )
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, columnspacing=1.6)


def _draw_counts(beside: "Axes", z: "NDArray[Any]", counts: "NDArray[Any]", thickness: float) -> None:
    """Draw the number of points of each layer."""
    beside.barh(z, counts, height=thickness, color="#c9c9c9")
    beside.tick_params(labelleft=False)
    beside.set_xlabel("valid points")
    beside.set_xlim(0, max(1.0, 1.08 * counts.max()))
    beside.xaxis.set_major_locator(MaxNLocator(2, integer=True))
    beside.xaxis.set_major_formatter(FuncFormatter(lambda value, _: group_digits(round(value))))


def _layers(values: "NDArray[Any]") -> "list[NDArray[Any]]":
    """Return the finite values of each layer along z."""
    return [layer[np.isfinite(layer)] for layer in values]


def _each(layers: "list[NDArray[Any]]", statistic: Any) -> "NDArray[np.float64]":
    return np.array([statistic(layer) if layer.size else np.nan for layer in layers], np.float64)


def _charts(
    title: str,
    notes: Sequence[str],
    size: tuple[float, float],
    widths: tuple[float, float],
    *,
    foot: float = 0.55,
    caption: float = 0.3,
) -> "tuple[Figure, tuple[Axes, Axes]]":
    """Return a figure of `size` inches with two charts of `widths` inches side by side, and its head."""
    width, height = size
    left, right = 0.78, 0.25
    lines = wrap_phrases(notes, width - left - right)
    figure = new_figure(width, height)
    write_head(figure, title, lines, left=left)
    tall = height - foot - head_height(lines) - caption
    first = add_chart(figure, left, foot, widths[0], tall)
    return figure, (first, add_chart(figure, width - right - widths[1], foot, widths[1], tall))
