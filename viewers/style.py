"""How figures look: fonts, colour scales, colour bars, scale bars, and how they are saved."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.style import context
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from viewers.scales import Scale, round_down
from volcorr.fields import Status
from volio.errors import OutputError
from volio.staging import staged

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

__all__ = [
    "ALPHA",
    "AXIS_COLOURS",
    "AXIS_WIDTHS",
    "DPI",
    "INK",
    "MUTED",
    "STATUS_COLOURS",
    "add_colour_bar",
    "add_scale_bar",
    "describe_fields",
    "group_digits",
    "head_height",
    "make_folder",
    "new_figure",
    "save_figure",
    "save_figures",
    "styled",
    "symbol",
    "unit_label",
    "wrap_phrases",
    "write_head",
]

DPI: Final = 150
#: Opacity of a map over the reference.
ALPHA: Final = 0.72
INK: Final = "#222222"
MUTED: Final = "#6b6b6b"

#: Colours (Okabe and Ito) and widths of lines for z, y, x.
AXIS_COLOURS: Final = ("#0072b2", "#e69f00", "#009e73")
AXIS_WIDTHS: Final = (2.2, 1.3, 1.3)
#: Colours of the statuses that any colour vision tells apart (Okabe and Ito, Color Universal Design).
STATUS_COLOURS: Final = {
    Status.VALID: "#56b4e9",
    Status.OUTSIDE_MASK: "#bbbbbb",
    Status.OUTSIDE_VOLUME: "#666666",
    Status.BAD_VOXELS: "#000000",
    Status.NO_TEXTURE: "#f0e442",
    Status.NOT_CONVERGED: "#cc79a7",
    Status.LOW_CORRELATION: "#d55e00",
    Status.OUTLIER: "#009e73",
    Status.PARTLY_MATCHED: "#0072b2",
}

_RC: Final[dict[str, Any]] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "mathtext.fontset": "dejavusans",
    "axes.labelsize": 9.0,
    "axes.titlesize": 9.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#555555",
    "axes.linewidth": 0.7,
    "axes.unicode_minus": True,
    "text.color": INK,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
}

P = ParamSpec("P")
R = TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run `draw` with the project's fonts and line widths, whatever the user's matplotlib settings are."""

    @wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with context(_RC, after_reset=True):
            return draw(*args, **kwargs)

    return wrapped


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of `width` x `height` inches on the Agg canvas."""
    figure = Figure(figsize=(width, height), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


@styled
def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure, replacing an older one of that name once it is complete.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        A figure of this package.
    path : str or Path
        Its name; the extension (``.png``, ``.pdf``, ``.svg``) sets the format.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.removeprefix(".") or "png"
    with staged(path, overwrite=True) as temporary:
        figure.savefig(temporary, format=kind, dpi=DPI)
    return path


def save_figures(figures: Mapping[str, Figure], folder: str | Path) -> list[Path]:
    """Write figures by their names into a folder, ``NAME.png``, and return the files; the folder is made when missing.

    Raises
    ------
    OutputError
        If the folder cannot be written to.
    """
    make_folder(Path(folder))
    return [save_figure(figure, Path(folder) / f"{name}.png") for name, figure in figures.items()]


def make_folder(folder: Path) -> None:
    """Make a folder where it is missing, and those above it.

    Raises
    ------
    OutputError
        If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"folder {folder} cannot be made ({error.strerror}); choose another folder") from error


def unit_label(unit: str) -> str:
    """Return how a length unit is printed: "um" as "µm"."""
    return {"um": "µm", "angstrom": "Å"}.get(unit, unit)


def group_digits(number: int) -> str:
    """Return a number with spaces between its thousands."""
    return f"{number:,}".replace(",", " ")


def symbol(name: str) -> str:
    """Return a variable as mathematics: "e_zz" as ε with the subscript zz, "cc" as ZNCC."""
    if name == "cc":
        return "ZNCC"
    letter, _, index = name.partition("_")
    letter = {"e": r"\varepsilon", "sigma": r"\sigma"}.get(letter, letter)
    return rf"${letter}_{{{index}}}$"


def describe_fields(fields: "xr.Dataset", *, strain: bool = False) -> list[str]:
    """Return phrases that say what was measured and how, for the head of a figure."""
    attrs = fields.attrs
    parts = []
    if attrs.get("reference") and attrs.get("deformed"):
        parts.append(f"{_shorten(str(attrs['reference']))} → {_shorten(str(attrs['deformed']))}")
    for name in ("subset_size", "spacing"):
        if name in attrs:
            parts.append(f"{name.removesuffix('_size')} {_times(attrs[name])} voxels")
    if strain and "strain_measure" in attrs:
        measure = {"green-lagrange": "Green–Lagrange"}.get(attrs["strain_measure"], attrs["strain_measure"])
        parts.append(
            f"{measure} strain" + (f" over {_times(attrs['strain_window'])} points" if "strain_window" in attrs else "")
        )
    return parts


def _shorten(name: str) -> str:
    """Return a long name without its middle."""
    return name if len(name) <= 34 else f"{name[:18]} … {name[-13:]}"


def wrap_phrases(phrases: Sequence[str], width: float) -> list[str]:
    """Join phrases into lines that fit into `width` inches at the size of a subtitle."""
    most = int(width / 0.067)
    lines = [""]
    for phrase in phrases:
        joined = f"{lines[-1]}  ·  {phrase}" if lines[-1] else phrase
        if len(joined) > most and lines[-1]:
            lines.append(phrase)
        else:
            lines[-1] = joined
    return lines


def write_head(figure: Figure, title: str, lines: Sequence[str], *, left: float) -> None:
    """Write the title and the lines under it, `left` inches from the edge."""
    width, height = figure.get_size_inches()
    figure.text(left / width, 1 - 0.17 / height, title, fontsize=12, fontweight="bold", va="top")
    figure.text(
        left / width,
        1 - 0.46 / height,
        "\n".join(lines),
        fontsize=8.5,
        color=MUTED,
        va="top",
        linespacing=1.4,
    )


def head_height(lines: Sequence[str]) -> float:
    """Return the inches that a head with `lines` under the title needs."""
    return 0.52 + 0.17 * len(lines)


def _times(sizes: Any) -> str:
    sizes = [int(size) for size in np.atleast_1d(sizes)]
    return f"{sizes[0]}³" if len(set(sizes)) == 1 else " × ".join(map(str, sizes))


def add_colour_bar(axes: "Axes", scale: Scale, label: str, *, alpha: float = 1.0) -> None:
    """Draw the colour bar of `scale` into `axes`, with its unit and arrows where values were clipped.

    A scale of no values leaves the place empty.
    """
    if scale.empty:
        axes.set_axis_off()
        return
    unit = f" ({scale.unit})" if scale.unit else ""
    figure = axes.figure
    assert isinstance(figure, Figure)
    bar = figure.colorbar(
        ScalarMappable(scale.norm, scale.cmap), cax=axes, extend=scale.extend, extendfrac=0.04, alpha=alpha
    )
    bar.set_label(label + unit, labelpad=6)
    bar.locator = MaxNLocator(6, steps=[1, 2, 2.5, 5, 10])
    bar.formatter = ScalarFormatter(useOffset=False)
    bar.outline.set_linewidth(0.6)
    bar.update_ticks()


def add_scale_bar(axes: "Axes", unit: str) -> None:
    """Draw a bar of a round length into the lower right corner of `axes`, whose limits are in `unit`."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    width, height = axes.bbox.width / DPI, axes.bbox.height / DPI
    length = round_down(0.3 * (right - left))
    dx, dy = (right - left) / width, (top - bottom) / height  # data per inch
    x, y = right - 0.16 * dx - length, bottom + 0.14 * dy
    frame = Rectangle(
        (x - 0.09 * dx, y - 0.07 * dy), length + 0.18 * dx, 0.3 * dy, facecolor="black", alpha=0.65, zorder=6
    )
    bar = Rectangle((x, y), length, 0.04 * dy, facecolor="white", linewidth=0, zorder=7)
    axes.add_patch(frame)
    axes.add_patch(bar)
    axes.text(
        x + length / 2,
        y + 0.06 * dy,
        f"{length:g} {unit_label(unit)}",
        ha="center",
        va="bottom",
        color="white",
        fontsize=8,
        zorder=7,
    )
