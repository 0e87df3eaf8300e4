"""Figures of pore sizes: the curves of all volumes in one plot, radii by volume, and the map of local thickness."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from viewers.charts import foot_of, lay_out_charts, length_name, mark_steps, step_colours
from viewers.scales import sequential_scale
from viewers.slices import lay_out_slices, show_values
from viewers.style import INK, MUTED, add_colour_bar, save_figures, styled, unit_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from porosity import SizeCurve
    from volcorr.pore_size_study import PoreSizeStudy, PoreStep

__all__ = ["draw_pore_figures", "draw_pore_sizes", "draw_pore_steps", "draw_thickness"]

_PLAIN, _MERCURY = "#0072b2", "#d55e00"  # Okabe and Ito
#: Curves of more volumes than this have no legend of their own but the names of the first and the last.
_MOST_NAMES: Final = 6


def draw_pore_figures(study: "PoreSizeStudy", folder: str | Path) -> list[Path]:
    """Draw all figures of a study into a folder.

    ============================ ==============================================================
    File (``.png``)              Shows
    ============================ ==============================================================
    ``pore_sizes``               cumulative curves with their bands, and densities
    ``steps``                    mean radius, r50 and porosity by volume, where there are several
    ``NAME_thickness``           the map of local thickness in the slice in the middle
    ============================ ==============================================================

    Parameters
    ----------
    study : PoreSizeStudy
        From `volcorr.pore_size_run.run_pore_sizes`.
    folder : path
        Where to write; made when missing.

    Returns
    -------
    list of Path
        The files.
    """
    figures = {"pore_sizes": draw_pore_sizes(study)}
    if len(study.steps) > 1:
        figures["steps"] = draw_pore_steps(study)
    for step in study.steps:
        if step.thickness is not None:
            figures[f"{step.name}_thickness"] = draw_thickness(step, solid=study.solid)
    return save_figures(figures, folder)


@styled
def draw_pore_sizes(study: "PoreSizeStudy", *, title: str | None = None) -> "Figure":
    """Draw the share of the volume by radius: cumulative on the left, its density on the right.

    Bands hold the curve if all radii were half a voxel smaller or larger. That of mercury intrusion is dashed;
    from each face by itself, all six are drawn.

    Parameters
    ----------
    study : PoreSizeStudy
        One volume or more.
    title : str, optional
        Head of the figure.
    """
    what = "solid" if study.solid else "pore"
    figure, (cumulative, density) = lay_out_charts(title or f"Continuous {what} size distribution", _describe(study))
    single = len(study.steps) == 1
    for number, (step, colour) in enumerate(zip(study.steps, step_colours(len(study.steps)), strict=True)):
        for name, curve in step.curves.items():
            entered = name != "pores"
            style: dict[str, Any] = {
                "color": _MERCURY if entered and single else colour,
                "linestyle": "--" if entered else "-",
            }
            style |= {"linewidth": 1.2 if entered else 1.7, "alpha": 0.6 if len(step.intrusions) > 1 and entered else 1}
            _draw_curve(cumulative, density, curve, _label(study, number, name), **style)
    length = length_name(study.unit)
    for axes in (cumulative, density):
        axes.set_xlabel(f"radius ({length})")
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
    cumulative.set_ylabel(f"share of the {what} volume ≥ radius")
    cumulative.set_ylim(0, 1.03)
    density.set_ylabel(f"density (1/{unit_label(study.unit)})")
    if single:
        mean = study.steps[0].sizes.mean_radius
        cumulative.axvline(mean, color=INK, linewidth=0.9, linestyle=":")
        cumulative.annotate(
            f"mean {mean:.3g} {length}", (mean, 1.0), (4, 0), textcoords="offset points", va="top", fontsize=8
        )
    cumulative.legend(loc="upper right" if not single else "center right", handlelength=1.8)
    return figure


@styled
def draw_pore_steps(study: "PoreSizeStudy", *, title: str | None = None) -> "Figure":
    """Draw mean radius, r50 and porosity against the volumes in their order, such as the steps of a load.

    Parameters
    ----------
    study : PoreSizeStudy
        Two volumes or more.
    title : str, optional
        Head of the figure.
    """
    what = "Solid" if study.solid else "Pore"
    figure, (radii, share) = lay_out_charts(
        title or f"{what} sizes by volume",
        _describe(study),
        foot=foot_of([step.name for step in study.steps], charts=2),
    )
    table = study.table()
    places = np.arange(len(table))
    half = study.steps[0].sizes.resolution
    mean = table["mean_radius"].to_numpy()
    radii.fill_between(places, mean - half, mean + half, color=_PLAIN, alpha=0.14, linewidth=0, label="± half a voxel")
    lines = [("mean_radius", "mean radius", _PLAIN, "o", "-"), ("interior_mean_radius", "inside", _PLAIN, "o", ":")]
    lines += [("r50", "r50", "#009e73", "s", "-")]
    if "intrusion_r50" in table:
        lines.append(("intrusion_r50", "r50 of intrusion", _MERCURY, "^", "--"))
    for name, label, colour, marker, dash in lines:
        if np.isfinite(table[name]).any():
            filled = colour if dash != ":" else "white"
            radii.plot(places, table[name], color=colour, marker=marker, markersize=4.5, linestyle=dash, label=label,
                       markerfacecolor=filled)  # fmt: skip
    radii.set_ylabel(f"radius ({length_name(study.unit)})")
    radii.set_ylim(0, 1.3 * max(radii.get_ylim()[1], 1e-12))
    radii.legend(loc="upper center", ncols=2, handlelength=1.8)
    share.plot(places, 100 * table["porosity"], color=INK, marker="o", markersize=4.5)
    share.set_ylabel(f"{'solid' if study.solid else 'porosity'} (%)")
    share.set_ylim(0, 1.15 * max(100 * float(table["porosity"].max()), 1e-12))
    for axes in (radii, share):
        mark_steps(axes, list(table.index), charts=2)
    return figure


@styled
def draw_thickness(step: "PoreStep", *, solid: bool = False, title: str | None = None) -> "Figure":
    """Draw the local thickness in the slice in the middle: the radius of the largest sphere that holds a place.

    Parameters
    ----------
    step : PoreStep
        One with a map.
    solid : bool
        Whether this is the thickness of the solid.
    title : str, optional
        Head of the figure.
    """
    plane = step.thickness
    assert plane is not None
    values = np.ma.masked_equal(np.asarray(plane.data)[0], 0)
    length = length_name(step.sizes.unit)
    scale = sequential_scale(values.compressed(), unit=length, low=0.0)
    place = f"slice z = {plane.origin[0]:.4g} {length}"
    notes = [step.name, place, f"mean radius of the volume {step.sizes.mean_radius:.3g} {length}"]
    heading = title or f"Local thickness of the {'solid' if solid else 'pores'}"
    figure, (panel,), _ = lay_out_slices(plane, 1, title=heading, notes=notes, side=1.1)
    panel.set_facecolor("#d9d9d9")
    show_values(panel, plane, values, cmap=scale.cmap, norm=scale.norm)
    box = panel.get_position()
    width = figure.get_size_inches()[0]
    add_colour_bar(figure.add_axes((box.x1 + 0.2 / width, box.y0, 0.15 / width, box.height)), scale, "radius")
    if values.mask.all():
        panel.text(0.5, 0.5, "none in this slice", transform=panel.transAxes, ha="center", color=MUTED)
    return figure


def _draw_curve(
    cumulative: "Axes", density: "Axes", curve: "SizeCurve", label: str | None, *, color: str, **style: Any
) -> None:
    """Draw one curve into both charts."""
    radius = np.concatenate([[0.0], curve.radius, curve.radius[-1:]])
    share = np.concatenate([curve.cumulative[:1], curve.cumulative, [0.0]])
    cumulative.plot(radius, share, color=color, label=label, drawstyle="steps-pre", **style)
    grid = np.linspace(0, curve.radius[-1] + curve.resolution, 400)
    low, high = curve.share_above(grid + curve.resolution), curve.share_above(grid - curve.resolution)
    cumulative.fill_between(grid, low, high, color=color, alpha=0.13, linewidth=0)
    middle, height = curve.density()
    density.plot(middle, height, color=color, **style)


def _label(study: "PoreSizeStudy", number: int, name: str) -> str | None:
    """Return what a curve is called in the legend; one name for intrusion, from whatever face and in all volumes."""
    inlets = [f"intrusion {inlet}" for inlet in study.steps[number].intrusions]
    if name in inlets:
        where = {"intrusion all": "all faces"}.get(name, name.removeprefix("intrusion "))
        where = where if len(inlets) == 1 else "each face"
        return f"intrusion, {where}" if name == inlets[0] and number == 0 else None
    if len(study.steps) == 1:
        return "solid" if study.solid else "pores"
    ends = (0, len(study.steps) - 1)
    return study.steps[number].name if len(study.steps) <= _MOST_NAMES or number in ends else None


def _describe(study: "PoreSizeStudy") -> list[str]:
    """Return phrases for the head."""
    first = study.steps[0]
    names = (
        [first.name]
        if len(study.steps) == 1
        else [f"{len(study.steps)} volumes, {first.name} to {study.steps[-1].name}"]
    )
    labels = ", ".join(map(str, study.phases))
    what = f"everything but phase {labels}" if study.solid else f"phase {labels}"
    half = f"bands: ± half a voxel ({first.sizes.resolution:.3g} {length_name(study.unit)})"
    return [*names, what, half]
