"""``volcorr strain``: strain anew from the displacements of a result."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from volcorr.cli.options import FILE, overwrite_option, read_window

if TYPE_CHECKING:
    from volcorr.settings import Measure

__all__ = ["strain"]


@click.command(
    short_help="Compute strain anew from measured displacements.",
    epilog="\b\nExample:\n  volcorr strain out -o smoother --window 5 --measure infinitesimal",
)
@click.argument("fields", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="Folder to make.")
@click.option(
    "--window",
    callback=read_window,
    metavar="POINTS",
    default="3",
    help="Points that a strain is fitted to: 3, or 3,5,5.",
)
@click.option(
    "--measure",
    type=click.Choice(["green-lagrange", "infinitesimal"]),
    default="green-lagrange",
    metavar="NAME",
    help="Strain measure: green-lagrange, or infinitesimal.",
)
@overwrite_option
def strain(fields: Path, output: Path, window: int | tuple[int, int, int], measure: "Measure", overwrite: bool) -> None:
    """Compute strain anew from FIELDS, a result folder or its fields.zarr.

    OUTPUT holds fields.zarr, points.csv and fields.vti, as a result of volcorr dvc does.
    """
    from volcorr.result import recompute_strain
    from volcorr.summary import format_strain

    result = recompute_strain(fields, output, measure=measure, window=window, overwrite=overwrite)
    click.echo(format_strain(result))
    click.echo(f"\nresult in {output}")
