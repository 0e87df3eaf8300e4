"""``volcorr info``: what a file holds."""

from pathlib import Path

import click

from volcorr.cli.options import FILE

__all__ = ["info"]


@click.command(
    short_help="Show what a volume file holds.",
    epilog="\b\nExamples:\n  volcorr info scan.tif\n  volcorr info scan.h5 --dataset /entry/data",
)
@click.argument("file", type=FILE)
@click.option("--dataset", metavar="PATH", help="Array inside FILE, for HDF5 and Zarr that hold several.")
def info(file: Path, dataset: str | None) -> None:
    """Show what the volume FILE holds: shape, type, grey values, voxel size, metadata."""
    from volio import describe

    click.echo(str(describe(file, dataset=dataset)))
