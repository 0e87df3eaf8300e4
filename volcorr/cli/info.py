"""``volcorr info``: what a file holds."""

from pathlib import Path

import click

from volcorr.cli.options import FILE

__all__ = ["info"]


@click.command(
    short_help="Show what a volume or a scan holds.",
    epilog="""\b
Examples:
  volcorr info volume.tif
  volcorr info data.h5 --dataset /entry/data
  volcorr info scan.txrm""",
)
@click.argument("file", type=FILE)
@click.option("--dataset", metavar="PATH", help="Array inside FILE, for HDF5 and Zarr that hold several.")
def info(file: Path, dataset: str | None) -> None:
    """Show what FILE holds: a volume (shape, grey values, voxel size), or projections (angles, flats, pixel size)."""
    from recon import describe_scan, is_scan
    from volio import describe

    click.echo(str((describe_scan if is_scan(file) else describe)(file, dataset=dataset)))
