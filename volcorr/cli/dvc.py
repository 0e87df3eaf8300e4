"""``volcorr dvc``: displacement and strain of a pair of volumes."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from volcorr.cli.options import FILE, overwrite_option, read_region, read_window

__all__ = ["check_viewers", "draw_figures", "dvc"]


@click.command(
    short_help="Measure displacement and strain of a pair.",
    epilog="""\b
Examples:
  volcorr dvc ref.tif def.tif -o out
  volcorr dvc ref.tif def.tif -o out --subset 8um --spacing 4um --voxel-size 128nm
  volcorr dvc ref.h5 def.h5 -o out --dataset /entry/data --subset 33,33,21 --mask mask.tif
  volcorr dvc --config out/config.toml -o again          repeat a run""",
)
@click.argument("reference", type=FILE, required=False)
@click.argument("deformed", type=FILE, required=False)
@click.option("-o", "--output", type=FILE, required=True, help="Result folder to make.")
@click.option("--subset", metavar="LENGTH", help="Edge of a subset: 33, 8um, or 33,33,21 (z,y,x); 33 without it.")
@click.option("--spacing", metavar="LENGTH", help="Distance between points; 16 without it.")
@click.option("--voxel-size", metavar="LENGTH", help="Such as 128nm; replaces what the files state.")
@click.option("--mask", type=FILE, help="Volume that is not zero where points are to be measured.")
@click.option("--search", metavar="LENGTH", help="Largest motion expected; found out without it.")
@click.option(
    "--roi", callback=read_region, metavar="RANGES", help="Where points are placed: z0:z1,y0:y1,x0:x1 (voxels)."
)
@click.option(
    "--strain-window", callback=read_window, metavar="POINTS", help="Points a strain is fitted to; 3 without it."
)
@click.option(
    "--measure",
    type=click.Choice(["green-lagrange", "infinitesimal"]),
    metavar="NAME",
    help="Strain measure: green-lagrange (without it), or infinitesimal.",
)
@click.option("--dataset", metavar="PATH", help="Array inside the files, for HDF5 and Zarr that hold several.")
@click.option("--threads", type=int, metavar="N", help="Threads to work with; all cores without it.")
@click.option("--config", type=FILE, help="Settings from a TOML file; options given beside it come first.")
@overwrite_option
@click.pass_context
def dvc(ctx: click.Context, /, output: Path, config: Path | None, **options: Any) -> None:
    """Measure displacement and strain between REFERENCE and DEFORMED.

    The volumes are TIFF, folders of slices, HDF5, Zarr and more. The result folder holds the fields
    (fields.zarr), a table (points.csv), a VTK image for ParaView (fields.vti), figures, the settings to
    repeat the run (config.toml), a summary and a log. Lengths are voxels (33) or physical (8um), one for all
    axes or three in the order z, y, x.
    """
    from volcorr.config import read_config
    from volcorr.dvc import DvcSettings, run_dvc
    from volcorr.summary import format_summary

    settings = {name: value for name, value in options.items() if value is not None}
    if (options["reference"] is None) != (options["deformed"] is None):
        raise click.UsageError("give two volumes, REFERENCE and DEFORMED", ctx)
    if config is not None:
        job = read_config(config, output=output, **settings)
    elif options["reference"] is None:
        raise click.UsageError("give REFERENCE and DEFORMED, or --config", ctx)
    else:
        job = DvcSettings(output=output, **settings)
    check_viewers()
    summary = run_dvc(job, draw=draw_figures)
    click.echo(format_summary(summary))
    click.echo(f"\nresult in {output}")
    if summary.advice:
        click.echo(f"warning: {summary.advice}", err=True)
        ctx.exit(1)


def check_viewers() -> None:
    """Refuse to start work whose figures could not be drawn: another distribution has a package of this name."""
    found = find_spec("viewers")
    if found is None or not Path(found.origin or "missing").with_name("figures.py").is_file():
        raise click.ClickException("the package viewers is not that of volcorr: volcorr doctor says what to do")


def draw_figures(*args: Any) -> list[Path]:
    """Draw with the viewers, which are loaded when there is something to draw."""
    from viewers.figures import draw_figures

    return draw_figures(*args)
