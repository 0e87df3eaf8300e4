"""``volcorr particles``: size, shape and contacts of each particle."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from volcorr.cli.dvc import check_viewers
from volcorr.cli.options import FILE, dataset_option, output_option, overwrite_option, voxel_size_option

if TYPE_CHECKING:
    from volcorr.particle_run import ParticleStudy

__all__ = ["particles"]


@click.command(
    short_help="Measure every particle, and the size distribution.",
    epilog="""\b
Examples:
  volcorr particles phases.ome.zarr -o particles --phase 1
  volcorr particles phases.tif -o particles --phase 1 --split --smallest 2um --voxel-size 400nm
  volcorr particles numbered.tif -o particles                 one label a particle""",
)
@click.argument("labels", type=FILE)
@output_option
@click.option("--phase", type=int, metavar="N", help="Phase whose parts are particles; without it each label is one.")
@click.option("--split", is_flag=True, help="Tell touching particles of the phase apart.")
@click.option("--depth", type=float, default=1.0, metavar="VOXELS", help="Smaller values split more.")
@click.option(
    "--connectivity", type=click.Choice(["6", "18", "26"]), default="6", metavar="N",
    help="Voxels of a particle are connected by faces (6), edges too (18), or corners too (26).",
)  # fmt: skip
@click.option(
    "--border", type=click.Choice(["weighted", "excluded", "included"]), default="weighted", metavar="NAME",
    help="Particles that the border cuts: corrected for (weighted), excluded or included.",
)  # fmt: skip
@click.option("--smallest", default="0", metavar="LENGTH", help="Leave out smaller diameters: voxels, or 2um.")
@voxel_size_option
@dataset_option
@overwrite_option
@click.pass_context
def particles(ctx: click.Context, /, labels: Path, output: Path, connectivity: str, **options: Any) -> None:
    """Measure size, shape, orientation, contacts and inner porosity of every particle in LABELS.

    The folder holds a row a particle (particles.csv), which of them touch (contacts.csv), the size distribution
    (sizes.csv), D10, D50, D90 by number and by volume (particles.json), and figures. Exit code 1 when no particle
    counts for the size distribution.
    """
    from volcorr.particle_run import format_particles, run_particles

    check_viewers()
    study = run_particles(labels, output, connectivity=int(connectivity), draw=draw, **options)  # type: ignore[arg-type]
    click.echo(format_particles(study))
    click.echo(f"\nresult in {output}")
    if study.sizes is None:
        click.echo(f"warning: no size distribution: {study.reason}", err=True)
        ctx.exit(1)


def draw(study: "ParticleStudy", folder: Path) -> list[Path]:
    """Draw with the viewers, which are loaded when there is something to draw."""
    from viewers.particle_figures import draw_particle_figures

    return draw_particle_figures(study, folder)
