"""``volcorr strain``: strain anew from the displacements of a result."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from volcorr.cli.options import FILE, output_option, overwrite_option, read_window

__all__ = ["strain"]

Command = Callable[..., Any]


def read_widths(_ctx: click.Context, _option: click.Parameter, text: str | None) -> float | tuple[float, ...] | None:
    """Read ``1.5`` or ``1,1,0`` as numbers."""
    if text is None:
        return None
    try:
        widths = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a width: write a number of points such as 1.5, or 1,1,0") from None
    return widths if len(widths) > 1 else widths[0]


def _choice(name: str, *allowed: str, words: str) -> Callable[[Command], Command]:
    """Make an option of a few words, the first of which is the default."""
    return click.option(name, type=click.Choice(allowed), default=allowed[0], metavar="NAME", help=words)


@click.command(
    short_help="Compute strain anew from measured displacements.",
    epilog="""\b
Examples:
  volcorr strain out -o wider --window 5
  volcorr strain out -o clean --outliers exclude --invariants
  volcorr strain out -o fine --order 3 --window 7 --measure hencky
  volcorr strain out -o elements --method hexahedra --smooth 0.7""",
)
@click.argument("fields", type=FILE)
@output_option
@_choice(
    "--measure",
    *("green-lagrange", "infinitesimal", "almansi", "hencky"),
    words="Strain measure: green-lagrange, infinitesimal, almansi or hencky.",
)
@_choice(
    "--method",
    *("window", "hexahedra"),
    words="Gradient from a fit to a window of points, or from the eight-node elements around a point (hexahedra).",
)
@click.option("--order", type=click.IntRange(1, 3), default=1, metavar="N", help="Degree of the fit: 1, 2 or 3.")
@click.option(
    "--window",
    callback=read_window,
    metavar="POINTS",
    default="3",
    help="Points that a strain is fitted to: 3, or 3,5,5; at least 2 N + 1 for order N.",
)
@_choice("--gaps", *("stop", "bridge"), words="A window ends at a gap such as a crack (stop), or reaches across it.")
@_choice(
    "--outliers",
    *("keep", "exclude", "replace"),
    words="Points that contradict their neighbours: keep, exclude, or replace by the neighbours' median.",
)
@click.option("--outlier-threshold", type=float, default=3.0, metavar="NUMBER", help="Deviation that makes an outlier.")
@click.option(
    "--smooth",
    callback=read_widths,
    metavar="POINTS",
    help="Smooth the displacement first by a Gaussian of this standard deviation: 1, or 1,1,0; not without it.",
)
@click.option("--invariants", is_flag=True, help="Add principal strains, change of volume, equivalent strain, shear.")
@overwrite_option
def strain(fields: Path, output: Path, invariants: bool, **options: Any) -> None:
    """Compute strain anew from FIELDS, a result folder or its fields.zarr.

    OUTPUT holds fields.zarr, points.csv and fields.vti, as a result of volcorr dvc does.
    """
    from volcorr.strain_analysis import write_strain
    from volcorr.summary import format_strain

    result = write_strain(fields, output, invariants="all" if invariants else "none", **options)
    click.echo(format_strain(result))
    for line in describe_strain(dict(result.attrs)):
        click.echo(line)
    click.echo(f"\nresult in {output}")


def describe_strain(attrs: dict[str, Any]) -> list[str]:
    """Say in one line each how large the gauge is, and what was done about outliers and noise."""
    lines = []
    if "strain_gauge_size" in attrs:
        sizes = " x ".join(f"{size:.4g}" for size in attrs["strain_gauge_size"])
        lines.append(f"gauge: {sizes} {attrs['unit']} (z, y, x)")
    if "outlier_count" in attrs:
        done = "replaced by the median of their neighbours" if attrs["outlier_replace"] == "median" else "left out"
        lines.append(f"outliers: {attrs['outlier_count']} points, {done}")
    if "smoothing" in attrs:
        widths = " x ".join(f"{width:g}" for width in attrs["smoothing_sigma_points"])
        lines.append(f"smoothed: {attrs['smoothing']}, standard deviation {widths} points")
    return [f"  {line}" for line in lines]
