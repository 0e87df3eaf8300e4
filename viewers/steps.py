"""Figures of a compression series: curves against the load step, and one section at every step."""

from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.ticker import MaxNLocator

from viewers.charts import add_chart
from viewers.layout import Page, lay_out_grid, paint
from viewers.scales import Scale, displacement_scale, sequential_scale, strain_scale, strain_unit
from viewers.sections import Section, cut_sections
from viewers.style import (
    ALPHA,
    AXIS_COLOURS,
    AXIS_WIDTHS,
    INK,
    MUTED,
    add_colour_bar,
    add_scale_bar,
    describe_fields,
    head_height,
    new_figure,
    styled,
    symbol,
    unit_label,
    wrap_phrases,
    write_head,
)
from volcorr.fields import DISPLACEMENT, SIGMA, STRAIN, Status, check_fields, is_series, valid_points
from volcorr.steps import each_step, label_names
from volio.errors import InputError

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from viewers.sections import Sections
    from volio import Volume

__all__ = ["draw_series_curves", "draw_series_maps"]

_DASHES: Final = ("-", "-", "--")  # y and x often lie on each other
_MOST: Final = 24  # panels of one figure
_REFERENCES: Final = {
    "first": "each step against the first volume",
    "previous": "each step against the one before, composed",
    "auto": "reference chosen automatically",
}


@styled
def draw_series_curves(
    series: "xr.Dataset", *, against: str = "step", title: str = "The series, step by step"
) -> "Figure":
    """Draw strain, correlation, valid points and uncertainty of a series against the load step.

    Lines are medians over the valid points; bands hold the middle 80 % (10th to 90th percentile). Valid points are
    counted among those that the mask includes. A dashed line marks where the reference changed.

    Parameters
    ----------
    series : xarray.Dataset
        With dimensions (step, z, y, x); without strain, the displacement is drawn in its place.
    against : str
        Coordinate along ``step`` for the horizontal axes: "step", or a label such as a force.
    title : str
        Head of the figure.

    Raises
    ------
    InputError
        If the dataset is not a series or has no such coordinate.
    """
    x, x_label = _abscissa(series, against)
    strain = all(name in series for name in STRAIN[:3])
    width, height, left, foot, gap = 8.4, 6.4, 0.85, 0.55, 0.5
    lines = wrap_phrases([*describe_fields(series, strain=strain), *_how(series)], width - left - 0.25)
    figure = new_figure(width, height)
    write_head(figure, title, lines, left=left)
    w, h = (width - left - 0.25 - 0.95) / 2, (height - head_height(lines) - 0.25 - foot - gap) / 2
    panels = [
        add_chart(figure, left + column * (w + 0.95), foot + row * (h + gap), w, h)
        for row in (1, 0)
        for column in (0, 1)
    ]
    values, sigma, length = (STRAIN[:3] if strain else DISPLACEMENT), SIGMA, unit_label(str(series.attrs["unit"]))
    unit, factor = strain_unit(_values(series, STRAIN[0])) if strain else (length, 1.0)
    _draw_medians(panels[0], x, series, values, factor=factor, band=values[0])
    panels[0].set_ylabel(f"strain ({unit})" if strain else f"displacement ({length})")
    panels[0].axhline(0, color=MUTED, linewidth=0.8, zorder=1)
    _draw_medians(panels[1], x, series, ("cc",), band="cc")
    panels[1].set_ylabel("ZNCC of the match")
    panels[2].plot(x, 100 * _valid_share(series), color=INK, marker="o", markersize=4)
    panels[2].set_ylabel("valid points (%)")
    panels[2].set_ylim(0, 105)
    _draw_medians(panels[3], x, series, sigma)
    panels[3].set_ylabel(f"uncertainty ({length})")
    panels[3].set_ylim(0, 1.15 * max(float(panels[3].get_ylim()[1]), 1e-12))
    changes = _changes(series, x)
    for number, axes in enumerate(panels):
        for change in changes:
            axes.axvline(change, color=MUTED, linewidth=0.9, linestyle="--", zorder=1)
        _dress(axes, x, x_label if number > 1 else "", whole=against == "step")
    return figure


@styled
def draw_series_maps(
    series: "xr.Dataset",
    reference: "Volume | Sections | None" = None,
    *,
    component: str = "e_zz",
    title: str | None = None,
) -> "Figure":
    """Draw one component over the upright section zx at every step, all on one colour scale.

    All sections show the same material, drawn where it is in the first volume. Of more than 24 steps, 24 are drawn.

    Parameters
    ----------
    series : xarray.Dataset
        With dimensions (step, z, y, x).
    reference : Volume or Sections, optional
        The first volume, drawn in grey behind it.
    component : str
        A strain ("e_zz", ...), a displacement ("u_z", ...) or "cc".
    title : str, optional
        Head of the figure.

    Raises
    ------
    InputError
        If the dataset is not a series, has no such component, or the reference does not belong to it.
    """
    _check(series)
    if component not in (*STRAIN, *DISPLACEMENT, "cc") or component not in series:
        hint = "; compute strain first with map_steps(strain, series)" if component in STRAIN else ""
        raise InputError(f"the series has no component {component!r}{hint}")
    fields = list(each_step(series))
    if len(fields) > _MOST:
        fields = [fields[number] for number in np.linspace(0, len(fields) - 1, _MOST).round().astype(int)]
    sections = cut_sections(fields[0], reference)
    section = sections.planes[0]
    place = f"section {section.normal} = {section.position:.4g} {sections.length_label}"
    notes = [*describe_fields(series, strain=component in STRAIN), *_how(series), place]
    rows = _captions(series, fields, section)
    heading = title or f"{symbol(component)} at every step"
    page = lay_out_grid(sections, section, rows, title=heading, notes=notes)
    _keep(page, len(fields), len(rows[0]), section, sections)
    scale = _scale(_values(series, component), component, unit_label(str(series.attrs["unit"])))
    for axes, field in zip(page.panels, fields, strict=False):
        paint(axes, section, section.cut(field[component].where(valid_points(field))), scale)
    label = f"{symbol(component)}, negative: compression" if component in STRAIN[:3] else symbol(component)
    add_colour_bar(page.bars[0], scale, label, alpha=ALPHA)
    return page.figure


def _check(series: "xr.Dataset") -> None:
    check_fields(series, steps=True)
    if not is_series(series):
        raise InputError("this field has no steps: draw it with draw_figures, or give a series")


def _abscissa(series: "xr.Dataset", against: str) -> "tuple[NDArray[np.float64], str]":
    """Return where the steps stand on the horizontal axis, and its label."""
    _check(series)
    known = ["step", *label_names(series)]
    if against not in known:
        raise InputError(f"against must be one of {', '.join(known)}, got {against!r}")
    unit = series[against].attrs.get("units", "")
    name = "load step" if against == "step" else against.replace("_", " ")
    label = f"{name} ({unit_label(unit)})" if unit else name
    return series[against].to_numpy().astype(np.float64), label


def _values(series: "xr.Dataset", name: str) -> "NDArray[np.float64]":
    """Return a variable (step, z, y, x) with NaN at all points that are not valid."""
    return np.asarray(series[name].where(valid_points(series)).to_numpy(), np.float64)


def _how(series: "xr.Dataset") -> list[str]:
    how = _REFERENCES.get(str(series.attrs.get("series_reference")))
    return [how] if how else []


def _valid_share(series: "xr.Dataset") -> "NDArray[np.float64]":
    """Return the share of valid points among those that the mask includes."""
    status = series["status"].to_numpy()
    tried = (status[0] != Status.OUTSIDE_MASK).sum()
    return np.asarray(valid_points(series).sum(axis=(1, 2, 3)) / max(int(tried), 1))


def _changes(series: "xr.Dataset", x: "NDArray[np.float64]") -> list[float]:
    """Return the places between two steps where the reference changed, unless it always does."""
    if series.attrs.get("series_reference") == "previous" or "reference_step" not in series.coords:
        return []
    later = np.flatnonzero(np.diff(series["reference_step"].to_numpy()))
    return [float(x[number] + x[number + 1]) / 2 for number in later]


def _draw_medians(
    axes: "Axes",
    x: "NDArray[np.float64]",
    series: "xr.Dataset",
    names: tuple[str, ...],
    *,
    factor: float = 1.0,
    band: str | None = None,
) -> None:
    """Draw the median of each variable, and the spread of one."""
    for name, colour, width, dash in zip(names, AXIS_COLOURS, AXIS_WIDTHS, _DASHES, strict=False):
        steps = [factor * step[np.isfinite(step)] for step in _values(series, name)]
        low, middle, high = (
            np.array([np.percentile(step, q) if step.size else np.nan for step in steps]) for q in (10, 50, 90)
        )
        style = {"color": colour, "linewidth": width, "linestyle": dash, "markersize": 2.5 * width**0.5}
        axes.plot(x, middle, marker="o", label=symbol(name), **style)
        if name == band:
            axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0, label=f"{symbol(name)}, middle 80 %")
    axes.legend(loc="best", handlelength=1.8, labelspacing=0.3, frameon=True, framealpha=0.8, edgecolor="none")


def _dress(axes: "Axes", x: "NDArray[np.float64]", label: str, *, whole: bool) -> None:
    axes.set_xlabel(label)
    if whole:
        axes.set_xlim(x.min() - 0.5, x.max() + 0.5)
    else:
        axes.margins(x=0.06)
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=whole, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))


def _scale(values: "NDArray[np.float64]", component: str, unit: str) -> Scale:
    if component in STRAIN:
        return strain_scale(values)
    if component == "cc":
        return sequential_scale(values)
    return displacement_scale(values, unit=unit)


def _captions(series: "xr.Dataset", fields: "list[xr.Dataset]", section: Section) -> list[list[str]]:
    """Return captions in the rows and columns that leave the panels the most room."""
    count = len(fields)

    def size(columns: int) -> float:
        rows = -(-count // columns)
        return min(
            (8.2 - 0.34 * (columns - 1)) / columns / section.width, (6.0 - 0.44 * (rows - 1)) / rows / section.height
        )

    columns = max(range(1, count + 1), key=lambda number: (size(number), -(-count % number)))
    room = size(columns) * section.width / 0.075
    labels = label_names(series)[:1]
    captions = []
    for field in fields:
        caption = f"step {int(field['step'])}"
        for name in labels:
            longer = f"{caption}: {field[name].item():.4g} {unit_label(field[name].attrs.get('units', ''))}".rstrip()
            caption = longer if len(longer) <= room else caption
        captions.append(caption)
    captions += [""] * (-count % columns)
    return [captions[start : start + columns] for start in range(0, len(captions), columns)]


def _keep(page: Page, count: int, columns: int, section: Section, sections: "Sections") -> None:
    """Take away the panels that no step needs, and all colour bars but one that is as tall as the rows together."""
    for axes in page.panels[count:]:
        axes.remove()
    if count < len(page.panels):
        if sections.unit != "voxel":
            add_scale_bar(page.panels[count - 1], sections.unit)
        for axes in page.panels[max(count - columns, 0) : count]:
            axes.tick_params(labelbottom=True)
            axes.set_xlabel(f"{section.horizontal} ({sections.length_label})")
    top, bottom = page.bars[0].get_position(), page.bars[-1].get_position()
    tall = min(top.y1 - bottom.y0, 4.0 / page.figure.get_figheight())
    page.bars[0].set_position((top.x0, top.y1 - tall, top.width, tall))
    for bar in page.bars[1:]:
        bar.remove()
