"""``volcorr fractions``: how much there is of each phase."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from volcorr.cli.dvc import check_viewers
from volcorr.cli.options import FILE, dataset_option, output_option, overwrite_option, threads_option, voxel_size_option
from volcorr.cli.volume_options import read_labels

if TYPE_CHECKING:
    from volcorr.fraction_run import FractionStudy

__all__ = ["fractions"]


@click.command(
    short_help="Measure phase fractions, whole and by place.",
    epilog="""\b
Examples:
  volcorr fractions phases.ome.zarr -o fractions
  volcorr fractions phases.tif -o fractions --slab 2um --voxel-size 400nm --mask specimen.tif
  volcorr fractions step0.tif step1.tif step2.tif -o fractions""",
)
@click.argument("volumes", type=FILE, nargs=-1, required=True, metavar="LABELS...")
@output_option
@click.option("--phase", "phases", callback=read_labels, metavar="N", help="Labels to measure: 0,1; all without it.")
@click.option("--mask", type=FILE, help="Volume that is not zero where phases are counted.")
@click.option("--slab", default="1", metavar="LENGTH", help="Thickness of slabs and rings: voxels, or a length: 2um.")
@click.option(
    "--uncertainty", type=click.Choice(["integral-range", "bootstrap", "none"]), default="integral-range",
    metavar="NAME", help="Where the interval comes from: integral-range, bootstrap or none.",
)  # fmt: skip
@click.option("--confidence", type=float, default=0.95, metavar="SHARE", help="Probability of the interval.")
@voxel_size_option
@dataset_option
@threads_option
@overwrite_option
def fractions(volumes: tuple[Path, ...], output: Path, **options: Any) -> None:
    """Measure how much there is of each phase in LABELS: of the whole, in slabs along z, y, x, and in rings about z.

    LABELS are volumes of whole numbers, one for each phase, or result folders of volcorr segment. The folder holds the
    fractions with their interval (fractions.csv), the profiles (profiles.csv), all (fractions.json), and figures.
    """
    from volcorr.fraction_run import format_fractions, run_fractions

    check_viewers()
    click.echo(format_fractions(run_fractions(volumes, output, draw=draw, **options)))
    click.echo(f"\nresult in {output}")


def draw(study: "FractionStudy", folder: Path) -> list[Path]:
    """Draw with the viewers, which are loaded when there is something to draw."""
    from viewers.phase_figures import draw_fraction_figures

    return draw_fraction_figures(study, folder)
