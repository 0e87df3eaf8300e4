"""The preview of a scan as one picture; the pictures of its quality are those of `quality_figures`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from viewers.quality_figures import draw_quality
from viewers.scales import Scale, sequential_scale
from viewers.sheet import Sheet, dress_chart
from viewers.style import (
    DPI,
    INK,
    MUTED,
    add_colour_bar,
    add_scale_bar,
    group_digits,
    head_height,
    styled,
    unit_label,
    wrap_phrases,
    write_head,
)
from volio.errors import InputError
from volio.staging import staged

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from recon.preview import Preview

__all__ = ["draw_preview", "draw_quality"]

_BLUE, _ORANGE = "#0072b2", "#d55e00"  # Okabe and Ito
#: Inches: margins, panels of the three slices and of the close views, gaps, rows of text.
_LEFT: Final = 0.3
_LARGE, _LARGE_GAP = 4.55, 0.2
_SMALL, _SMALL_GAP = 2.35, 0.15
_CHART, _CHART_WIDE = 2.5, 7.6
_TITLE, _HEADING, _FOOT = 0.24, 0.62, 0.62
_BAR, _BAR_GAP, _BAR_LABELS = 0.15, 0.15, 0.75
_WIDTH: Final = _LEFT + 3 * _LARGE + 2 * _LARGE_GAP + _BAR_GAP + _BAR + _BAR_LABELS
#: So many dots an inch at most: slices up to about a thousand pixels are drawn pixel by pixel.
_MOST_DOTS: Final = 230.0
_KINDS: Final = ("png", "pdf", "svg")
#: Notes on the scan that have room in the head.
_NOTES: Final = 4


@styled
def draw_preview(preview: "Preview", path: str | Path) -> Path:
    """Draw slices, candidate axes, ways to remove rings, sinogram and grey values as one picture.

    Parameters
    ----------
    preview : recon.Preview
        From `recon.make_preview`.
    path : str or Path
        Its name; the extension (``.png``, ``.pdf``, ``.svg``) sets the format. A file of that name is replaced.

    Returns
    -------
    Path
        The picture.

    Raises
    ------
    InputError
        If the extension is another one.
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.removeprefix(".").lower() or "png"
    if kind not in _KINDS:
        raise InputError(f"a picture must be one of .{', .'.join(_KINDS)}, got {path.name!r}: choose one of these")
    lines = wrap_phrases(_describe(preview), _WIDTH - 2 * _LEFT)
    rows = (_HEADING + _TITLE + _LARGE, _HEADING + _TITLE + _SMALL, _HEADING + _TITLE + _SMALL, _HEADING + _CHART)
    tops = head_height(lines) + 0.1 + np.cumsum([0.0, *rows])
    height = float(tops[-1]) + _FOOT
    sheet = Sheet.make(_WIDTH, height)
    write_head(sheet.figure, f"Preview of {preview.name or 'a scan'}", lines, left=_LEFT)
    scale = _grey_scale(preview)
    _draw_slices(sheet, float(tops[0]), preview, scale)
    _draw_axes(sheet, float(tops[1]), preview)
    _draw_rings(sheet, float(tops[2]), preview)
    _draw_charts(sheet, float(tops[3]), preview, scale)
    dots = min(max(preview.slices.shape[2] / _LARGE, DPI), _MOST_DOTS)
    # noise does not compress: trying hard takes longer than everything else
    fast: dict[str, Any] = {"pil_kwargs": {"compress_level": 1}} if kind == "png" else {}
    with staged(path, overwrite=True) as temporary:
        sheet.figure.savefig(temporary, format=kind, dpi=dots, **fast)
    return path


def _describe(preview: "Preview") -> list[str]:
    """Return phrases for the head."""
    angles = preview.angles
    columns = preview.slices.shape[2]
    size = [f"pixel {_length(preview.pixel_size, preview.unit)}"] if preview.pixel_size else []
    turn = f"{group_digits(len(angles))} projections from {_degrees(angles[0])} to {_degrees(angles[-1])}"
    phrases = [turn, f"{group_digits(columns)} columns", *size, _axis_text(preview)]
    left = len(preview.notes) - _NOTES
    more = [f"and {left} more notes"] if left > 0 else []
    return [*phrases, *preview.notes[:_NOTES], *more]


def _axis_text(preview: "Preview") -> str:
    if preview.center_from == "search":
        return f"axis searched for: column {preview.center:.2f} ± {preview.center_sigma:.2f}"
    source = {"given": "as given", "scan": "as the scan states", "middle": "the middle: no search gave an answer"}
    return f"axis: column {preview.center:.2f}, {source[preview.center_from]}"


def _degrees(angle: float) -> str:
    """Return an angle as printed, to a tenth of a degree."""
    return f"{round(float(np.degrees(angle)), 1) + 0.0:g}°"


def _length(length: float, unit: str) -> str:
    return f"{length:.4g} {unit_label(unit)}"


def _value_unit(preview: "Preview") -> str:
    return f"1/{unit_label(preview.unit)}" if preview.pixel_size else "1/pixel"


def _grey_scale(preview: "Preview") -> Scale:
    """Return the greys of the slices, from pixels that every projection sees; of large slices some tell enough."""
    step = max(preview.slices.shape[1] // 512, 1)
    offsets = np.arange(preview.slices.shape[1])[::step] - 0.5 * (preview.slices.shape[1] - 1)
    values = preview.slices[:, ::step, ::step][:, np.hypot(offsets[:, None], offsets) <= preview.radius]
    return sequential_scale(values, unit=_value_unit(preview), cmap="gray", percentile=99.7)


def _show(
    sheet: Sheet,
    place: tuple[float, float, float],
    image: "NDArray[np.float32]",
    scale: Scale,
    title: str,
    *,
    pixel: float,
    chosen: bool = False,
) -> "Axes":
    """Draw a square image with its title; the chosen one in a frame. Its limits are in units of length."""
    left, top, edge = place
    axes = sheet.panel(left, top + _TITLE, edge, edge)
    extent = (0.0, pixel * image.shape[1], 0.0, pixel * image.shape[0])
    axes.imshow(image, cmap=scale.cmap, norm=scale.norm, extent=extent, interpolation="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, loc="left", pad=3, color=_ORANGE if chosen else INK, weight="bold" if chosen else "normal")
    if chosen:
        for spine in axes.spines.values():
            spine.set(edgecolor=_ORANGE, linewidth=2.4)
    return axes


def _ruler(axes: "Axes", preview: "Preview") -> None:
    add_scale_bar(axes, preview.unit if preview.pixel_size else "pixels")


def _draw_slices(sheet: Sheet, top: float, preview: "Preview", scale: Scale) -> None:
    """Draw the slices, pixel by pixel where they are not too large."""
    how = "rings not removed" if preview.rings is None else f"rings removed by '{preview.rings}'"
    sheet.heading((_LEFT, top), "Slices", f"all pixels and projections, {how}; the axis in the middle")
    pixel = preview.pixel_size or 1.0
    for k, (row, image) in enumerate(zip(preview.rows, preview.slices, strict=True)):
        place = (_LEFT + k * (_LARGE + _LARGE_GAP), top + _HEADING - 0.32, _LARGE)
        axes = _show(sheet, place, image, scale, f"detector row {row}", pixel=pixel)
        if k == 0:
            _ruler(axes, preview)
    right = _LEFT + len(preview.rows) * (_LARGE + _LARGE_GAP) - _LARGE_GAP + _BAR_GAP
    bar = sheet.panel(right, top + _HEADING - 0.32 + _TITLE, _BAR, _LARGE)
    add_colour_bar(bar, scale, "attenuation")


def _draw_axes(sheet: Sheet, top: float, preview: "Preview") -> None:
    """Draw the middle of a slice with five axes, and how rough it is with all."""
    tried = preview.candidates
    chosen = int(np.argmin(np.abs(tried.centers - preview.center)))
    sharpest = int(np.argmin(tried.roughness))
    sheet.heading(
        (_LEFT, top), "Rotation axis", "edges are drawn as arcs where it is wrong; the one that was used is framed"
    )
    scale = sequential_scale(_inner(tried.slices[chosen]), cmap="gray", percentile=99.7)
    shown = [k for k in range(chosen - 4, chosen + 5, 2) if 0 <= k < len(tried.centers)]
    for number, k in enumerate(shown):
        place = (_LEFT + number * (_SMALL + _SMALL_GAP), top + _HEADING - 0.32, _SMALL)
        title = f"column {tried.centers[k]:.2f}" + (", sharpest" if k == sharpest else "")
        axes = _show(sheet, place, tried.slices[k], scale, title, pixel=preview.pixel_size or 1.0, chosen=k == chosen)
        if number == 0:
            _ruler(axes, preview)
    left = _LEFT + 5 * (_SMALL + _SMALL_GAP) + 0.68
    chart = sheet.panel(left, top + _HEADING - 0.32 + _TITLE, _WIDTH - left - 0.2, _SMALL - 0.38)
    dress_chart(chart, "column of the axis", "roughness above\nthe least (%)")
    rough = 100 * (tried.roughness / max(float(tried.roughness.min()), 1e-30) - 1)
    chart.axvline(preview.center, color=_ORANGE, linewidth=1.2)
    chart.plot(tried.centers, rough, color=_BLUE, marker="o", markersize=3.5, linewidth=1.2)
    chart.margins(y=0.12)


def _inner(image: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Return the values inside the disc that fills an image."""
    offsets = np.arange(image.shape[0]) - 0.5 * (image.shape[0] - 1)
    inner: NDArray[np.float32] = image[np.hypot(offsets[:, None], offsets) < 0.5 * image.shape[0] - 1]
    return inner


def _draw_rings(sheet: Sheet, top: float, preview: "Preview") -> None:
    """Draw the middle of a slice by how its rings were removed."""
    row = preview.rows[preview.middle]
    sheet.heading(
        (_LEFT, top), "Rings", f"middle of the slice of row {row}, by how rings are removed from the sinogram"
    )
    used = preview.rings or "none"
    scale = sequential_scale(_inner(preview.ring_slices[used]), cmap="gray", percentile=99.7)
    for k, (name, image) in enumerate(preview.ring_slices.items()):
        place = (_LEFT + k * (_SMALL + _SMALL_GAP), top + _HEADING - 0.32, _SMALL)
        axes = _show(sheet, place, image, scale, name, pixel=preview.pixel_size or 1.0, chosen=name == used)
        if k == 0:
            _ruler(axes, preview)


def _draw_charts(sheet: Sheet, top: float, preview: "Preview", scale: Scale) -> None:
    """Draw the sinogram and the histogram."""
    row = preview.rows[preview.middle]
    sheet.heading((_LEFT, top), "Sinogram and grey values", f"of row {row}, rings not removed; of all slices")
    left = _LEFT + 0.62
    axes = sheet.panel(left, top + _HEADING - 0.2, _CHART_WIDE, _CHART)
    count, columns = preview.sinogram.shape
    values = sequential_scale(preview.sinogram, cmap="gray", percentile=99.9)
    extent = (-0.5, columns - 0.5, count - 0.5, -0.5)
    axes.imshow(preview.sinogram, cmap="gray", norm=values.norm, aspect="auto", extent=extent, interpolation="auto")
    axes.axvline(preview.center, color=_ORANGE, linewidth=1.0, linestyle="--")
    places = np.unique(np.linspace(0, count - 1, 5).round().astype(int))
    axes.set_yticks(places, [_degrees(preview.angles[place]) for place in places])
    axes.set_xlabel("detector column (the axis dashed)")
    axes.set_ylabel("angle")
    bar = sheet.panel(left + _CHART_WIDE + _BAR_GAP, top + _HEADING - 0.2, _BAR, _CHART)
    add_colour_bar(bar, values, "line integral")
    left += _CHART_WIDE + _BAR_GAP + _BAR + _BAR_LABELS + 0.85
    chart = sheet.panel(left, top + _HEADING - 0.2, _WIDTH - left - 0.2, _CHART)
    dress_chart(chart, f"attenuation ({_value_unit(preview)})", "pixels")
    chart.stairs(preview.counts, preview.edges, fill=True, color=_BLUE, alpha=0.75)
    for limit, name in ((scale.low, "black"), (scale.high, "white")):
        chart.axvline(limit, color=MUTED, linewidth=0.9, linestyle=":")
        chart.text(limit, 1.01, name, transform=chart.get_xaxis_transform(), ha="center", fontsize=8, color=MUTED)
    chart.set_yscale("log")
    chart.set_ylim(bottom=0.8)
    chart.set_xlim(preview.edges[0], preview.edges[-1])
