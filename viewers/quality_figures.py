"""Pictures of the quality of a scan and its reconstruction: resolution, noise, rings, missing wedge, sharpness."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from viewers.charts import length_name
from viewers.scales import Scale, sequential_scale, signed_scale
from viewers.sheet import Sheet, dress_chart
from viewers.style import (
    INK,
    MUTED,
    add_colour_bar,
    add_scale_bar,
    head_height,
    save_figures,
    styled,
    unit_label,
    wrap_phrases,
    write_head,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from recon.fourier_correlation import FourierCorrelation
    from recon.missing_wedge import MissingWedge
    from recon.quality import ScanQuality, VolumeQuality

    Floats = NDArray[np.float64]

__all__ = ["draw_quality"]

_BLUE, _ORANGE, _GREEN = "#0072b2", "#d55e00", "#009e73"  # Okabe and Ito
_LEFT, _RIGHT, _FOOT, _TITLE = 0.75, 0.25, 0.6, 0.3
_PANEL, _GAP = 3.6, 0.95
_BAR, _BAR_GAP, _BAR_LABELS = 0.15, 0.12, 0.85
#: Edge of the squares in which a spectrum is averaged before it is drawn: at most so many are left.
_CELLS: Final = 160
#: Directions in which the power of a spectrum is summed.
_DIRECTIONS: Final = 36


def draw_quality(quality: "ScanQuality | VolumeQuality", folder: str | Path) -> list[Path]:
    """Draw what the numbers of a quality report were made of.

    ============================== ==================================================================
    file                           what it shows
    ============================== ==================================================================
    ``quality_resolution.png``     Fourier shell correlation, in the slices by direction, and thresholds
    ``quality_noise.png``          the middle slice, its noise, and the distribution of that
    ``quality_rings.png``          rings against the distance from the axis
    ``quality_wedge.png``          power of the slices over directions, and what the angles leave out
    ``quality_sharpness.png``      power of signal and noise over frequencies
    ============================== ==================================================================

    Parameters
    ----------
    quality : ScanQuality or VolumeQuality
        From `recon.measure_quality` or `recon.compare_halves`.
    folder : str or Path
        Where to write; made when missing. Figures of these names are replaced, other files stay.

    Returns
    -------
    list of Path
        The files, in the order of the table.

    Raises
    ------
    OutputError
        If the folder cannot be written to.
    """
    volume = cast("VolumeQuality", getattr(quality, "volume", quality))
    figures = {
        "resolution": _draw_resolution(volume),
        "noise": _draw_noise(volume, getattr(quality, "projection_noise", None)),
        "rings": _draw_rings(volume),
        "wedge": _draw_wedge(volume, getattr(quality, "wedge", None)),
        "sharpness": _draw_sharpness(volume),
    }
    return save_figures({f"quality_{name}": figure for name, figure in figures.items()}, folder)


def _sheet(title: str, phrases: list[str], widths: list[float]) -> tuple[Sheet, float]:
    """Return a sheet for panels of some widths beside one another, and the top of these."""
    width = _LEFT + sum(widths) + _GAP * (len(widths) - 1) + _RIGHT
    lines = wrap_phrases(phrases, width - _LEFT - _RIGHT)
    top = head_height(lines) + _TITLE
    sheet = Sheet.make(width, top + _PANEL + _FOOT)
    write_head(sheet.figure, title, lines, left=0.3)
    return sheet, top


def _per(volume: "VolumeQuality") -> str:
    return f"1/{unit_label(volume.unit)}"


def _detail(length: float, volume: "VolumeQuality") -> str:
    """Return a resolution as text."""
    return "none" if math.isnan(length) else f"{length:.3g} {length_name(volume.unit)}"


@styled
def _draw_resolution(volume: "VolumeQuality") -> "Figure":
    phrases = [
        f"half bit: {_detail(volume.resolution, volume)}",
        f"1/7: {_detail(volume.resolution_seventh, volume)}",
        f"in the slices, half bit: {_detail(volume.resolution_across, volume)} where measured best, "
        f"{_detail(volume.resolution_along, volume)} along the missing wedge",
        "a full period; two voxels is the finest there is",
    ]
    sheet, top = _sheet("Resolution: correlation of two halves of the projections", phrases, [4.2, 4.2])
    panels = [
        ("all directions (shells)", [("Fourier shell correlation", volume.shells, _BLUE)]),
        (
            "in the slices (rings), by direction",
            [("measured best", volume.across, _BLUE), ("along the missing wedge", volume.along, _GREEN)],
        ),
    ]
    for k, (title, curves) in enumerate(panels):
        axes = sheet.panel(_LEFT + k * (4.2 + _GAP), top, 4.2, _PANEL)
        dress_chart(axes, f"frequency (cycles per {unit_label(volume.unit)})", "correlation")
        for label, curve, colour in curves:
            _draw_correlation(axes, curve, label, colour)
        frequencies = curves[0][1].frequencies / volume.voxel_size
        axes.plot(frequencies, curves[0][1].half_bit, color=MUTED, linewidth=1.0, linestyle="--", label="half bit")
        axes.axhline(1 / 7, color=MUTED, linewidth=1.0, linestyle=":", label="1/7")
        axes.set(xlim=(0, frequencies[-1]), ylim=(-0.12, 1.02))
        axes.set_title(title, loc="left", pad=6)
        axes.legend(loc="upper right")
    return sheet.figure


def _draw_correlation(axes: "Axes", curve: "FourierCorrelation", label: str, colour: str) -> None:
    """Draw a correlation, and where it falls below half a bit."""
    axes.plot(curve.frequencies / curve.voxel_size, curve.correlation, color=colour, linewidth=1.6, label=label)
    if math.isfinite(curve.resolution):
        at = 1 / curve.resolution
        height = float(np.interp(at * curve.voxel_size, curve.frequencies, curve.correlation))
        axes.plot([at, at], [-0.12, height], color=colour, linewidth=0.9)
        axes.plot([at], [height], marker="o", markersize=5, color=colour)


@styled
def _draw_noise(volume: "VolumeQuality", projections: float | None) -> "Figure":
    per = _per(volume)
    phrases = [
        f"noise {volume.noise:.3g} {per}",
        f"contrast {volume.contrast:.3g} {per}",
        f"contrast over noise {volume.contrast_to_noise:.3g}",
        *([] if projections is None else [f"of a line integral: {projections:.3g}"]),
    ]
    wide = _PANEL + _BAR_GAP + _BAR + _BAR_LABELS
    # images have no labels on their left: they stand closer than charts
    sheet, top = _sheet("Noise", phrases, [2 * wide - _GAP + 0.1, 3.4])
    greys = sequential_scale(_inside(volume.image), unit=per, cmap="gray", percentile=99.7)
    noises = signed_scale(_inside(volume.noise_image), unit=per)
    images = (
        ("middle slice", volume.image, greys, "attenuation"),
        ("its noise: half the difference of the halves", volume.noise_image, noises, "noise"),
    )
    for k, (title, image, scale, label) in enumerate(images):
        left = _LEFT - 0.45 + k * (wide + 0.1)
        _draw_image(sheet, (left, top), image, scale, title, label, volume)
    left = sheet.width - _RIGHT - 3.4
    axes = sheet.panel(left, top, 3.4, _PANEL)
    values = _inside(volume.noise_image)
    dress_chart(axes, f"noise ({per})", "part of the voxels (%)")
    reach = 4.5 * volume.noise if volume.noise > 0 else 1.0
    counts, edges = np.histogram(values, 81, (-reach, reach))
    axes.stairs(100 * counts / values.size, edges, fill=True, color=_BLUE, alpha=0.75)
    for place in (-volume.noise, volume.noise):
        axes.axvline(place, color=_ORANGE, linewidth=1.2)
    axes.set_title("its distribution; lines at ± the noise", loc="left", pad=6)
    axes.set_xlim(-reach, reach)
    return sheet.figure


def _inside(image: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Return the values within 90 % of the disc that fills an image."""
    y, x = (2.0 * (np.arange(n) - 0.5 * (n - 1)) / n for n in image.shape)
    inside: NDArray[np.float32] = image[np.hypot(y[:, None], x) < 0.9]
    return inside


def _draw_image(
    sheet: Sheet,
    place: tuple[float, float],
    image: "NDArray[np.float32]",
    scale: Scale,
    title: str,
    label: str,
    volume: "VolumeQuality",
) -> None:
    """Draw a slice with its colour bar and a scale bar."""
    left, top = place
    axes = sheet.panel(left, top, _PANEL, _PANEL)
    height, width = (volume.voxel_size * n for n in image.shape)
    axes.imshow(image, cmap=scale.cmap, norm=scale.norm, extent=(0, width, 0, height), interpolation="auto")
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, loc="left", pad=6)
    add_scale_bar(axes, length_name(volume.unit))
    add_colour_bar(sheet.panel(left + _PANEL + _BAR_GAP, top, _BAR, _PANEL), scale, label)


@styled
def _draw_rings(volume: "VolumeQuality") -> "Figure":
    per, size = _per(volume), volume.voxel_size
    part = 100 * volume.ring_strength / volume.contrast if volume.contrast > 0 else math.nan
    phrases = [
        f"strength {volume.ring_strength:.3g} {per}" + (f", {part:.2g} % of the contrast" if part == part else ""),
        f"noise {volume.noise:.3g} {per}",
        "what stays the same along circles about the axis; the profile holds its own noise, the strength does not",
    ]
    sheet, top = _sheet("Rings", phrases, [8.4])
    axes = sheet.panel(_LEFT, top, 8.4, _PANEL)
    dress_chart(
        axes,
        f"distance from the axis ({length_name(volume.unit)}), negative on its other side",
        f"rings ({per})",
        ticks=8,
    )
    distances, profile = volume.rings.distances * size, volume.rings.profile
    for side in (distances < 0, distances > 0):
        axes.plot(distances[side], profile[side], color=_BLUE, linewidth=1.1)
    axes.axhline(volume.ring_strength, color=_ORANGE, linewidth=1.2, linestyle="--", label="strength")
    axes.set_xlim(float(distances[0]), float(distances[-1]))
    axes.set_ylim(bottom=0)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    axes.legend(loc="upper right")
    return sheet.figure


@styled
def _draw_wedge(volume: "VolumeQuality", wedge: "MissingWedge | None") -> "Figure":
    phrases = [f"detail is {volume.axis_ratio:.3g} times as coarse along the missing directions as across them"]
    if wedge is not None and wedge.width > 0:
        phrases += [
            f"{wedge.elongation:.3g} times is expected of the angles",
            f"{np.degrees(wedge.width):.3g}° are missing about {np.degrees(wedge.direction):.3g}° from x towards y",
        ]
    elif wedge is not None:
        phrases.append("no direction is missing")
    wide = _PANEL + _BAR_GAP + _BAR + _BAR_LABELS
    sheet, top = _sheet("Missing wedge: what both halves have in common", phrases, [wide, 4.2])
    axes = sheet.panel(_LEFT, top, _PANEL, _PANEL)
    y, x = (np.fft.fftshift(np.fft.fftfreq(n)) / volume.voxel_size for n in volume.common_power.shape)
    shown, cell = _averaged(volume.common_power)
    least = float(np.percentile(np.abs(shown), 20)) or 1e-30
    levels = np.log10(np.maximum(shown, least) / max(float(shown.max()), least))
    scale = sequential_scale(levels, percentile=99.9)
    step = 0.5 * (x[1] - x[0]), 0.5 * (y[1] - y[0])
    kept = [cell * n for n in shown.shape]
    extent = (x[0] - step[0], x[kept[1] - 1] + step[0], y[0] - step[1], y[kept[0] - 1] + step[1])
    axes.imshow(levels, cmap=scale.cmap, norm=scale.norm, extent=extent, origin="lower", interpolation="nearest")
    cycles = f"cycles per {unit_label(volume.unit)}"
    axes.set(xlabel=f"frequency along x ({cycles})", ylabel=f"frequency along y ({cycles})")
    axes.set_title("power in the slices", loc="left", pad=6)
    add_colour_bar(sheet.panel(_LEFT + _PANEL + _BAR_GAP, top, _BAR, _PANEL), scale, "log₁₀ of the power")
    reach = 0.48 / volume.voxel_size
    chart = sheet.panel(_LEFT + wide + _GAP, top, 4.2, _PANEL)
    _draw_directions(chart, volume)
    if wedge is not None and wedge.width > 0:
        for edge in (wedge.direction - 0.5 * wedge.width, wedge.direction + 0.5 * wedge.width):
            across, up = reach * math.cos(edge), reach * math.sin(edge)
            axes.plot([-across, across], [-up, up], color="white", linewidth=1.0, linestyle="--")
        low, high = (math.degrees(wedge.direction + way * 0.5 * wedge.width) for way in (-1, 1))
        for turn in (-180, 0, 180):
            label = "missing" if turn == 0 else None
            chart.axvspan(low + turn, high + turn, color=_ORANGE, alpha=0.18, linewidth=0, label=label)
        chart.legend(loc="upper right")
    axes.set(xlim=extent[:2], ylim=extent[2:])
    return sheet.figure


def _averaged(power: "Floats") -> tuple["Floats", int]:
    """Return a spectrum averaged over squares of frequencies, and their edge."""
    cell = max(1, math.ceil(max(power.shape) / _CELLS))
    height, width = (n // cell for n in power.shape)
    squares = power[: height * cell, : width * cell].reshape(height, cell, width, cell)
    return np.asarray(squares.mean(axis=(1, 3)), np.float64), cell


def _draw_directions(axes: "Axes", volume: "VolumeQuality") -> None:
    """Draw the power of frequencies up to the resolution by their direction."""
    y, x = (np.fft.fftshift(np.fft.fftfreq(n)) for n in volume.common_power.shape)
    radius = np.hypot(y[:, None], x)
    limit = volume.voxel_size / volume.resolution if math.isfinite(volume.resolution) else 0.5
    chosen = (radius > 0.02) & (radius <= limit)
    direction = np.degrees(np.arctan2(np.broadcast_to(y[:, None], radius.shape), x))[chosen] % 180
    number = np.minimum((direction * _DIRECTIONS / 180).astype(int), _DIRECTIONS - 1)
    total = np.bincount(number, volume.common_power[chosen], _DIRECTIONS)
    mean = total / np.maximum(np.bincount(number, minlength=_DIRECTIONS), 1)
    places = (np.arange(_DIRECTIONS) + 0.5) * 180 / _DIRECTIONS
    dress_chart(axes, "direction from x towards y (degrees)", "power over its mean")
    axes.plot(places, mean / max(float(mean.mean()), 1e-300), color=_BLUE, marker="o", markersize=3.5, linewidth=1.3)
    axes.axhline(0, color=INK, linewidth=0.7)
    axes.set_xticks(range(0, 181, 30))
    axes.set_xlim(0, 180)
    axes.set_title("mean power by direction, up to the resolution", loc="left", pad=6)


@styled
def _draw_sharpness(volume: "VolumeQuality") -> "Figure":
    frequency, cycles = volume.sharpness / volume.voxel_size, f"cycles per {unit_label(volume.unit)}"
    text = "none: the halves have nothing in common" if math.isnan(frequency) else (
        f"{frequency:.3g} {cycles}, the root mean square frequency of the signal"
    )  # fmt: skip
    sheet, top = _sheet("Sharpness", [text, "blur makes it less"], [6.6])
    axes = sheet.panel(_LEFT, top, 6.6, _PANEL)
    rings = volume.slices
    places = rings.frequencies / rings.voxel_size
    each = np.maximum(rings.counts, 1)
    signal, noise = rings.common / each, 0.5 * (rings.power - rings.common) / each
    top_value = max(float(np.max(signal)), float(np.max(noise)), 1e-300)
    dress_chart(axes, f"frequency ({cycles})", "power of a coefficient over the largest", ticks=8)
    for values, label, colour in ((signal, "signal: common to both halves", _BLUE),
                                  (noise, "noise of the mean of both", _GREEN)):  # fmt: skip
        shown = np.where(values > 0, values / top_value, np.nan)
        axes.plot(places, shown, color=colour, linewidth=1.5, label=label)
    if math.isfinite(frequency):
        axes.axvline(frequency, color=_ORANGE, linewidth=1.3, label="sharpness")
    if math.isfinite(volume.resolution):
        axes.axvline(1 / volume.resolution, color=MUTED, linewidth=1.0, linestyle="--", label="resolution, half bit")
    axes.set_yscale("log")
    axes.set_xlim(0, float(places[-1]))
    axes.legend(loc="upper right")
    return sheet.figure
