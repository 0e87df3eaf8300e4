"""``volcorr subsets``: which size of subset suits a pair."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from volcorr.cli.dvc import check_viewers
from volcorr.cli.options import (
    FILE,
    dataset_option,
    output_option,
    overwrite_option,
    read_region,
    threads_option,
    voxel_size_option,
)

if TYPE_CHECKING:
    from volcorr.subset_result import SubsetStudy

__all__ = ["draw_study", "subsets"]


@click.command(
    short_help="Find the size of subset that suits a pair.",
    epilog="""\b
Examples:
  volcorr subsets ref.tif def.tif -o sizes
  volcorr subsets ref.tif def.tif -o sizes --voxel-size 128nm --sizes 16um,12um,8um,4um
  volcorr subsets ref.tif def.tif -o sizes --repeat ref_again.tif --mask mask.tif
  volcorr subsets ref.tif def.tif -o sizes --sizes 49,33,25,17 --detail 100""",
)
@click.argument("reference", type=FILE)
@click.argument("deformed", type=FILE)
@output_option
@click.option("--sizes", metavar="LENGTHS", help="Edges to try: 33,25,17 or 16um,12um,8um; chosen without it.")
@click.option("--repeat", type=FILE, help="Second scan of the unloaded sample: its scatter is the noise.")
@click.option("--spacing", metavar="LENGTH", help="Distance between points of the later run; half a subset without it.")
@click.option("--detail", metavar="LENGTH", help="Period of the finest wave of strain that matters, such as 20um.")
@click.option(
    "--shape",
    type=click.Choice(["translation", "rigid", "affine", "quadratic"]),
    metavar="NAME",
    help="What a subset can follow: affine (without it), translation, rigid or quadratic.",
)
@click.option("--mask", type=FILE, help="Volume that is not zero where points are to be measured.")
@click.option("--search", metavar="LENGTH", help="Largest motion expected; found out without it.")
@click.option(
    "--roi", callback=read_region, metavar="RANGES", help="Where points are placed: z0:z1,y0:y1,x0:x1 (voxels)."
)
@click.option("--points", type=int, metavar="N", help="Most points a size is tried at; 500 without it.")
@voxel_size_option
@dataset_option
@threads_option
@overwrite_option
@click.pass_context
def subsets(ctx: click.Context, /, reference: Path, deformed: Path, output: Path, **options: Any) -> None:
    """Correlate REFERENCE and DEFORMED with several sizes of subset, and recommend one.

    Shows for each size how well the subsets match, how many are found, the noise of displacement and strain, and the
    finest detail that is resolved. A few hundred points are enough: it takes a minute, where a whole run of each size
    would take hours. The folder holds the table (subsets.csv), all of it (subsets.json) and a picture (subsets.png).
    """
    from volcorr.subset_result import format_study
    from volcorr.subset_run import run_subset_study

    check_viewers()
    given = {name: value for name, value in options.items() if value is not None}
    study = run_subset_study(reference, deformed, output, draw=draw_study, **given)
    click.echo(format_study(study))
    click.echo(f"\nresult in {output}")
    if not study.recommended.valid:
        click.echo("warning: no point is valid at any size: check that the two volumes are a pair", err=True)
        ctx.exit(1)


def draw_study(study: "SubsetStudy", path: Path) -> None:
    """Draw with the viewers, which are loaded when there is something to draw."""
    from viewers.style import save_figure
    from viewers.subset_figure import draw_subset_study

    save_figure(draw_subset_study(study), path)
