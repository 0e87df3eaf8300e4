"""``volcorr psd``: pore sizes and mercury intrusion of label volumes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from volcorr.cli.dvc import check_viewers
from volcorr.cli.options import FILE, dataset_option, output_option, overwrite_option, threads_option, voxel_size_option
from volcorr.cli.volume_options import execution_options, read_labels

if TYPE_CHECKING:
    from volcorr.pore_size_study import PoreSizeStudy

__all__ = ["psd"]


@click.command(
    short_help="Measure pore sizes and mercury intrusion.",
    epilog="""\b
Examples:
  volcorr psd phases.ome.zarr -o pores --phase 0
  volcorr psd phases.tif -o pores --phase 0 --mip --thickness-map --voxel-size 400nm
  volcorr psd step0.tif step1.tif step2.tif -o pores --phase 0         one curve a step
  volcorr psd phases.tif -o particles --phase 0 --solid                thickness of what is not pore
  volcorr psd large.ome.zarr -o pores --phase 0 --memory 4GB --resume  larger than memory""",
)
@click.argument("volumes", type=FILE, nargs=-1, required=True, metavar="LABELS...")
@output_option
@click.option(
    "--phase",
    "phases",
    callback=read_labels,
    required=True,
    metavar="N",
    help="Label of the pores: 0, or several: 0,2.",
)
@click.option("--solid", is_flag=True, help="Measure the thickness of everything else instead.")
@click.option(
    "--walls", type=click.Choice(["none", "all"]), default="none", metavar="NAME",
    help="Whether what lies outside the volume is solid: none or all.",
)  # fmt: skip
@click.option("--mip", is_flag=True, help="Simulate mercury intrusion as well; takes 12 bytes of memory a voxel.")
@click.option(
    "--inlet", type=click.Choice(["all", "each", "z-", "z+", "y-", "y+", "x-", "x+"]), default="all", metavar="FACE",
    help="Where mercury comes from: all faces, each by itself, or one such as z- (z = 0).",
)  # fmt: skip
@click.option("--thickness-map", is_flag=True, help="Write and draw the map of the local thickness.")
@voxel_size_option
@dataset_option
@threads_option
@execution_options
@overwrite_option
def psd(volumes: tuple[Path, ...], output: Path, mip: bool, inlet: str, **options: Any) -> None:
    """Measure the continuous pore size distribution of LABELS, one volume or the steps of a series.

    LABELS are volumes of whole numbers, one for each phase, or result folders of volcorr segment. The folder holds a
    table (pore_sizes.csv), the curves (cumulative.csv, density.csv), all numbers (pore_sizes.json) and figures.
    """
    from volcorr.pore_size_run import run_pore_sizes
    from volcorr.pore_size_study import format_pore_sizes

    check_viewers()
    study = run_pore_sizes(volumes, output, inlet=inlet if mip else None, draw=draw, **options)
    click.echo(format_pore_sizes(study))
    click.echo(f"\nresult in {output}")


def draw(study: "PoreSizeStudy", folder: Path) -> list[Path]:
    """Draw with the viewers, which are loaded when there is something to draw."""
    from viewers.pore_figures import draw_pore_figures

    return draw_pore_figures(study, folder)
