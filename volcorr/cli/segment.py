"""``volcorr segment``: grey volumes to phases."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from volcorr.cli.dvc import check_viewers
from volcorr.cli.options import FILE, dataset_option, output_option, overwrite_option, threads_option, voxel_size_option
from volcorr.cli.volume_options import execution_options, read_names, read_numbers

if TYPE_CHECKING:
    from volcorr.segmentation_study import SegmentationStudy

__all__ = ["segment"]

_METHODS = ["otsu", "valley", "li", "triangle", "fraction", "manual", "hysteresis", "sauvola", "local"]


@click.command(
    short_help="Segment grey volumes into phases.",
    epilog="""\b
Examples:
  volcorr segment scan.tif -o phases
  volcorr segment scan.tif -o phases --filter nlm --classes 3 --specks 50
  volcorr segment scan.tif -o phases --fraction 0.35                   by a known porosity
  volcorr segment step0.tif step1.tif step2.tif -o phases --match      one contrast for a series
  volcorr segment scan.tif -o phases --train strokes.tif               learn from labelled voxels
  volcorr segment other.tif -o more --classifier phases/classifier.npz
  volcorr segment large.ome.zarr -o phases --filter nlm --memory 4GB   larger than memory""",
)
@click.argument("volumes", type=FILE, nargs=-1, required=True, metavar="VOLUME...")
@output_option
@click.option(
    "--method", type=click.Choice(_METHODS), metavar="NAME", help=f"Otsu (without it), or {', '.join(_METHODS[1:])}."
)
@click.option("--classes", type=int, metavar="N", help="Number of phases, 2 to 5; 2 without it.")
@click.option("--values", callback=read_numbers, metavar="GREY", help="Thresholds for manual and hysteresis: 90,140.")
@click.option("--fraction", type=float, metavar="SHARE", help="Known share of the dark phase, such as a porosity.")
@click.option("--window", type=int, default=25, metavar="N", help="Edge of the window of sauvola and local (voxels).")
@click.option("--weight", type=float, default=0.2, metavar="NUMBER", help="Weight of the scatter in that window.")
@click.option(
    "--flatten", type=click.Choice(["background", "beam-hardening"]), metavar="NAME",
    help="Make grey values even first: a smooth background, or beam-hardening about the middle.",
)  # fmt: skip
@click.option(
    "--filter", "filters", multiple=True, metavar="NAME[:NUMBER]",
    help="Filter first: median:3, gaussian:1, nlm, diffusion, unsharp:1. May be given several times.",
)  # fmt: skip
@click.option("--match", is_flag=True, help="Bring all volumes to the contrast of the first, and take its thresholds.")
@click.option("--classifier", type=FILE, help="Trained pixel classifier (.npz) in place of thresholds.")
@click.option("--train", type=FILE, help="Train one with this label image of the first volume.")
@click.option("--unlabelled", type=int, default=0, metavar="N", help="Label in it that means nothing.")
@click.option(
    "--features",
    callback=read_names,
    metavar="NAMES",
    help="What a classifier looks at: grey,gaussian; all without it.",
)
@click.option("--sigmas", callback=read_numbers, metavar="VOXELS", help="At which scales; 1,2,4 without it.")
@click.option("--specks", type=int, metavar="N", help="Remove parts of a phase of fewer voxels.")
@click.option("--holes", type=int, metavar="N", help="Fill holes in it of fewer voxels.")
@click.option("--keep-largest", is_flag=True, help="Keep its largest connected part only.")
@click.option("--phase", type=int, metavar="N", help="Which phase these three tidy up; the brightest without it.")
@click.option("--sweep", is_flag=True, help="Measure the mean pore radius over the band of the threshold as well.")
@click.option("--mask", type=FILE, help="Volume that is not zero where there is something to segment.")
@click.option(
    "--format", type=click.Choice(["ome.zarr", "tif"]), default="ome.zarr", metavar="NAME",
    help="Format of the labels: ome.zarr or tif.",
)  # fmt: skip
@voxel_size_option
@dataset_option
@threads_option
@execution_options
@overwrite_option
def segment(volumes: tuple[Path, ...], output: Path, **options: Any) -> None:
    """Segment each VOLUME into phases: 0 is the darkest.

    By thresholds, or by a pixel classifier that has learnt from labelled voxels. Several VOLUMES are the steps of a
    series. The folder holds the labels of each (NAME.ome.zarr), their fractions with the band that the histogram leaves
    open (fractions.csv), all numbers (segmentation.json) and a figure for each.
    """
    from volcorr.segmentation_run import run_segmentation
    from volcorr.segmentation_settings import SegmentationSettings
    from volcorr.segmentation_study import format_segmentation

    settings = SegmentationSettings(volumes=volumes, output=output, **options)
    check_viewers()
    click.echo(format_segmentation(run_segmentation(settings, draw=draw)))
    click.echo(f"\nresult in {output}")


def draw(study: "SegmentationStudy", folder: Path) -> list[Path]:
    """Draw with the viewers, which are loaded when there is something to draw."""
    from viewers.phase_figures import draw_segmentation_figures

    return draw_segmentation_figures(study, folder)
