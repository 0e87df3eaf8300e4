"""``volcorr recon``: projections into a volume."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from volcorr.cli.options import FILE, resume_option
from volcorr.cli.recon_options import recon_options

__all__ = ["draw_picture", "draw_quality", "recon"]


@click.command(
    short_help="Reconstruct a volume from projections.",
    epilog="""\b
Examples:
  volcorr recon scan.txrm --preview look.png               see before you wait
  volcorr recon scan.txrm -o volume.ome.zarr
  volcorr recon tooth.h5 -o tooth.tif --center 296 --rings all
  volcorr recon proj/ -o volume.ome.zarr --angle-range 0 180 --flats flats/ --pixel-size 128nm
  volcorr recon big.h5 -o big.ome.zarr --memory 4GB --resume   larger than memory
  volcorr recon series.mrc -o volume.ome.zarr --method tv --quality""",
)
@click.argument("scan", type=FILE)
@click.option("-o", "--output", type=FILE, help="Volume to make: .ome.zarr, .tif, .h5 and more.")
@click.option("--preview", type=FILE, metavar="PICTURE", help="Draw a picture in seconds, and make no volume.")
@click.option("--quality", is_flag=True, help="Write a quality report beside the volume.")
@recon_options()
@resume_option
@click.pass_context
def recon(ctx: click.Context, /, scan: Path, output: Path | None, preview: Path | None, **options: Any) -> None:
    """Reconstruct the projections of SCAN and write the volume.

    SCAN is Xradia (.txrm), Data Exchange or NXtomo (HDF5), a folder or stack of TIFF, or a tilt series (MRC). Rotation
    axis, shifts of the projections and rings are found out where no option says them. volcorr plan SCAN, with the same
    options, says what a run will take.
    """
    from recon.run import run_recon
    from recon.settings import ReconSettings
    from volcorr.recon_text import format_recon_summary

    given = {name: value for name, value in options.items() if value is not None}
    target = preview or output
    if target is None or (preview and output):
        raise click.UsageError("give -o VOLUME, or --preview PICTURE", ctx)
    job = ReconSettings(scan=scan, output=target, **given)
    if preview is not None:
        click.echo(f"written: {draw_picture(job)}")
        return
    drawing = job.quality and find_spec("viewers.recon_figures") is not None
    summary = run_recon(job, draw=draw_quality if drawing else None)
    click.echo(format_recon_summary(summary))
    click.echo(f"\nvolume in {job.output}")
    if job.quality and summary.quality is None:
        ctx.exit(1)


def draw_picture(job: Any) -> Path:
    """Draw the preview of a scan with the viewers, which are loaded when there is something to draw."""
    from recon.opening import open_scan_of
    from recon.preview import make_preview
    from viewers.recon_figures import draw_preview
    from volio import OutputError

    if job.output.exists() and not job.overwrite:
        raise OutputError(f"{job.output} exists: choose another name, or replace it with --overwrite")
    rings = {"auto": "all", "none": None}.get(job.rings, job.rings)
    seen = make_preview(open_scan_of(job), center=job.center, rings=rings, filter=job.filter, threads=job.threads)
    return draw_preview(seen, job.output)


def draw_quality(*args: Any) -> list[Path]:
    """Draw the quality of a scan with the viewers."""
    from viewers.recon_figures import draw_quality

    return draw_quality(*args)
