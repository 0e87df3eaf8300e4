"""``volcorr export``: the fields of a result for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from volcorr.cli.options import FILE, overwrite_option

if TYPE_CHECKING:
    from volcorr.result import Table

__all__ = ["export"]


@click.command(
    short_help="Write fields as CSV, Parquet or VTK.",
    epilog="\b\nExamples:\n  volcorr export out --to csv\n  volcorr export out --to vtk -o strain.vti",
)
@click.argument("fields", type=FILE)
@click.option("--to", type=click.Choice(["csv", "parquet", "vtk"]), required=True, help="Kind of file.")
@click.option("-o", "--output", type=FILE, help="File to write; named as the result without it.")
@overwrite_option
def export(fields: Path, to: "Table", output: Path | None, overwrite: bool) -> None:
    """Write FIELDS, a result folder or its fields.zarr, as a table of points or a VTK image for ParaView."""
    from volcorr.result import export_fields

    click.echo(f"written: {export_fields(fields, output, to=to, overwrite=overwrite)}")
