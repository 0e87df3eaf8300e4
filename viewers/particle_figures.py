"""Figures of particles: their size distribution, and a slice in which each has a colour of its own."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.colors import ListedColormap

from viewers.charts import PHASE_COLOURS, lay_out_charts, length_name
from viewers.layout import tell_no_valid_point
from viewers.slices import lay_out_slices, show_values
from viewers.style import INK, MUTED, group_digits, save_figures, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from porosity import SizeDistribution
    from volcorr.particle_run import ParticleStudy

__all__ = ["draw_particle_figures", "draw_particle_sizes", "draw_particles"]

_NUMBER, _VOLUME = "#0072b2", "#d55e00"  # Okabe and Ito
_BINS: Final = 24


def draw_particle_figures(study: "ParticleStudy", folder: str | Path) -> list[Path]:
    """Draw the size distribution, ``sizes.png``, and the particles in the slice in the middle, ``particles.png``.

    Parameters
    ----------
    study : ParticleStudy
        From `volcorr.particle_run.run_particles`.
    folder : path
        Where to write; made when missing.

    Returns
    -------
    list of Path
        The files; without a size distribution, that of the slice only.
    """
    figures = {"particles": draw_particles(study)}
    if study.sizes is not None:
        figures = {"sizes": draw_particle_sizes(study), **figures}
    return save_figures(figures, folder)


@styled
def draw_particle_sizes(study: "ParticleStudy", *, title: str = "Particle sizes") -> "Figure":
    """Draw the cumulative size distribution by number and by volume, and the share of the volume in classes of size.

    Parameters
    ----------
    study : ParticleStudy
        One with a size distribution.
    title : str
        Head of the figure.
    """
    sizes = study.sizes
    assert sizes is not None
    cut = f"{study.cut} touch the border"
    notes = [study.name, f"{group_digits(len(study.particles.table))} particles, {sizes.count} count", cut]
    figure, (cumulative, classes) = lay_out_charts(title, notes, above=0.4)
    for values, marks, colour, what in (
        (sizes.by_number, sizes.number_percentiles, _NUMBER, "number"),
        (sizes.by_volume, sizes.volume_percentiles, _VOLUME, "volume"),
    ):
        shown = ", ".join(f"{name} {mark:.3g}" for name, mark in zip(("D10", "D50", "D90"), marks, strict=True))
        x = np.concatenate([sizes.diameter[:1], sizes.diameter])
        y = np.concatenate([[0.0], values])
        cumulative.plot(x, y, color=colour, drawstyle="steps-post", label=f"by {what}: {shown}")
        cumulative.plot(marks, (0.1, 0.5, 0.9), color=colour, linestyle="none", marker="o", markersize=4.5)
    length = length_name(sizes.unit)
    _draw_classes(classes, sizes)
    for axes in (cumulative, classes):
        axes.set_xlabel(f"equivalent diameter ({length})")
        axes.set_xlim(0, 1.03 * float(sizes.diameter[-1]))
    cumulative.set_ylabel("share that is not larger")
    cumulative.set_ylim(0, 1.03)
    cumulative.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), handlelength=1.2)
    return figure


def _draw_classes(axes: "Axes", sizes: "SizeDistribution") -> None:
    """Draw the share of number and volume in classes of size."""
    edges = np.linspace(0, float(sizes.diameter[-1]) * (1 + 1e-9), _BINS + 1)
    for values, colour, name in ((sizes.by_number, _NUMBER, "number"), (sizes.by_volume, _VOLUME, "volume")):
        share, _ = np.histogram(sizes.diameter, edges, weights=np.diff(values, prepend=0.0))
        axes.stairs(100 * share, edges, color=colour, fill=True, alpha=0.3)
        axes.stairs(100 * share, edges, color=colour, linewidth=1.2, label=f"by {name}")
    axes.set_ylabel("share in the class (%)")
    axes.set_ylim(0, 1.2 * axes.get_ylim()[1])
    axes.legend(loc="upper center", ncols=2, handlelength=1.2)


@styled
def draw_particles(study: "ParticleStudy", *, title: str = "Particles") -> "Figure":
    """Draw the particles in the slice in the middle, each in a colour of its own and with its outline.

    Parameters
    ----------
    study : ParticleStudy
        Any.
    title : str
        Head of the figure.
    """
    plane = study.plane
    numbers = np.asarray(plane.data)[0].astype(np.int64)
    unit = length_name(study.particles.unit)
    shown = np.unique(numbers[numbers > 0]).size
    notes = [
        study.name,
        f"slice z = {plane.origin[0]:.4g} {unit}",
        f"{shown} of {len(study.particles.table)} particles",
    ]
    figure, (panel,), _ = lay_out_slices(plane, 1, title=title, notes=notes)
    panel.set_facecolor("#f4f4f4")
    if not shown:
        tell_no_valid_point(panel, "no particle in this slice")
        return figure
    coloured = _coloured(numbers)
    palette = ListedColormap(PHASE_COLOURS)
    show_values(panel, plane, np.ma.masked_less(coloured, 0), cmap=palette, vmin=-0.5, vmax=len(PHASE_COLOURS) - 0.5)
    outline = _outlines(numbers)
    show_values(panel, plane, np.ma.masked_equal(outline, 0), cmap=ListedColormap([INK]), alpha=0.8)
    panel.tick_params(color=MUTED)
    return figure


def _coloured(numbers: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """Return a colour for each particle, another one than those of its neighbours; -1 where there is none."""
    right, below = (numbers[:, :-1], numbers[:, 1:]), (numbers[:-1], numbers[1:])
    pairs = np.concatenate([np.stack([a[a != b], b[a != b]], axis=1) for a, b in (right, below)])
    beside: dict[int, set[int]] = {int(number): set() for number in np.unique(numbers)}
    for first, second in np.unique(pairs, axis=0).tolist():
        beside[first].add(second)
        beside[second].add(first)
    colours, used = {0: -1}, dict.fromkeys(range(len(PHASE_COLOURS)), 0)
    for number in sorted(beside.keys() - {0}):
        taken = {colours.get(other) for other in beside[number]}
        # of many neighbours some share its colour: then the outline tells
        free = [colour for colour in used if colour not in taken] or list(used)
        colours[number] = min(free, key=lambda colour: used[colour])
        used[colours[number]] += 1
    names, places = np.unique(numbers, return_inverse=True)
    return np.array([colours[int(name)] for name in names])[places].reshape(numbers.shape)


def _outlines(numbers: "NDArray[np.int64]") -> "NDArray[np.uint8]":
    """Return 1 on the voxels of particles beside another particle, or nothing."""
    framed = np.pad(numbers, 1, mode="edge")
    edge = np.zeros(numbers.shape, np.bool_)
    for dy, dx in ((0, 1), (2, 1), (1, 0), (1, 2)):
        beside = framed[dy : dy + numbers.shape[0], dx : dx + numbers.shape[1]]
        edge |= beside != numbers
    return (edge & (numbers > 0)).astype(np.uint8)
