"""``volcorr dvc``: displacement and strain of a pair of volumes, or of a series."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from volcorr.cli.options import FILE, overwrite_option, read_settings, resume_option, run_options

__all__ = ["check_viewers", "draw_figures", "dvc"]


@click.command(
    short_help="Measure displacement and strain of a pair or a series.",
    epilog="""\b
Examples:
  volcorr dvc ref.tif def.tif -o out
  volcorr dvc ref.tif def.tif -o out --subset 8um --spacing 4um --voxel-size 128nm
  volcorr dvc ref.h5 def.h5 -o out --dataset /entry/data --subset 33,33,21 --mask mask.tif
  volcorr dvc ref.ome.zarr def.ome.zarr -o out --memory 4GB --resume    larger than memory
  volcorr dvc ref.tif step1.tif step2.tif step3.tif -o series           several load steps
  volcorr dvc --config out/config.toml -o again                         repeat a run""",
)
@click.option("-o", "--output", type=FILE, required=True, help="Result folder to make.")
@run_options
@resume_option
@overwrite_option
@click.pass_context
def dvc(ctx: click.Context, /, **options: Any) -> None:
    """Measure displacement and strain between REFERENCE and DEFORMED.

    The volumes are TIFF, folders of slices, HDF5, Zarr and more. Several DEFORMED, in the order of the load, make a
    series. The result folder holds the fields (fields.zarr), a table (points.csv), a VTK image for ParaView
    (fields.vti), figures, the settings to repeat the run (config.toml), a summary and a log. Lengths are voxels (33) or
    physical (8um), one for all axes or three in the order z, y, x. volcorr plan, with the same options, says what a run
    will take.
    """
    from volcorr.dvc import run_dvc
    from volcorr.summary import format_summary

    job = read_settings(ctx, **options)
    check_viewers()
    summary = run_dvc(job, draw=draw_figures)
    click.echo(format_summary(summary))
    click.echo(f"\nresult in {job.output}")
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
