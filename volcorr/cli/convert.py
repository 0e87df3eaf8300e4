"""``volcorr convert``: a volume into another format, a scan into Data Exchange."""

from pathlib import Path
from typing import Any

import click

from volcorr.cli.options import FILE, overwrite_option, read_region, read_shape

__all__ = ["convert"]


@click.command(
    short_help="Write a volume or a scan in another format.",
    epilog="""\b
Examples:
  volcorr convert slices/ scan.ome.zarr --voxel-size 128nm
  volcorr convert scan.h5 part.tif --dataset /entry/data --crop 0:100,20:180,20:180
  volcorr convert scan.tif small.tif --dtype uint8 --rescale 1000 52000
  volcorr convert scan.raw scan.tif --shape 256,450,450 --raw-dtype uint16
  volcorr convert scan.txrm scan.h5""",
)
@click.argument("source", type=FILE)
@click.argument("target", type=FILE)
@click.option("--crop", callback=read_region, metavar="RANGES", help="Voxels to keep: z0:z1,y0:y1,x0:x1.")
@click.option("--voxel-size", metavar="LENGTH", help="Such as 128nm; replaces what SOURCE states.")
@click.option("--dtype", metavar="TYPE", help="Type of the voxels in TARGET, such as uint8.")
@click.option("--rescale", type=float, nargs=2, metavar="LOW HIGH", help="Grey values that become its ends.")
@click.option("--dataset", metavar="PATH", help="Array inside SOURCE, for HDF5 and Zarr that hold several.")
@click.option("--shape", callback=read_shape, metavar="Z,Y,X", help="Shape of a raw file.")
@click.option(
    "--raw-dtype", "source_dtype", metavar="TYPE", help="Type of the voxels of a raw file, such as uint16 or >u2."
)
@overwrite_option
def convert(source: Path, target: Path, **options: Any) -> None:
    """Write the volume SOURCE as TARGET; the extension of TARGET names the format.

    A scan (projections) is written as Data Exchange HDF5, as a whole.
    """
    import volio
    from recon import is_scan

    given = {name: value for name, value in options.items() if value is not None}
    written = _convert_scan(source, target, **given) if is_scan(source) else None
    click.echo(f"written: {written or volio.convert(source, target, progress=True, **given)}")


def _convert_scan(source: Path, target: Path, *, overwrite: bool, dataset: str | None = None, **options: Any) -> Path:
    from recon import read_scan, write_scan

    if options:
        raise click.UsageError(f"{source} is a scan, which is converted whole: leave out the options for volumes")
    return write_scan(read_scan(source, dataset=dataset, lazy=True), target, overwrite=overwrite, progress=True)
