"""``volcorr plan``: what a run will take, before it is started."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from volcorr.cli.options import FILE, overwrite_option, read_settings, run_options
from volcorr.cli.recon_options import recon_options

__all__ = ["plan"]

#: Settings of a reconstruction whose options a run of correlation has too.
_SHARED = ("voxel_size", "dataset", "threads", "executor", "workers", "scheduler", "memory", "overwrite")


@click.command(
    short_help="Say what a run will take: memory, disk, time.",
    epilog="""\b
Examples:
  volcorr plan ref.tif def.tif                              of volcorr dvc
  volcorr plan ref.ome.zarr def.ome.zarr --subset 25 --spacing 8 --memory 4GB --workers 8
  volcorr plan scan.txrm --memory 1GB                       of volcorr recon
  volcorr plan ref.tif def.tif --json > plan.json""",
)
@click.option("-o", "--output", type=FILE, default=Path("result"), help="Result that is planned.")
@run_options
@recon_options(without=_SHARED)
@overwrite_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_context
def plan(ctx: click.Context, /, as_json: bool, **options: Any) -> None:
    """Say what volcorr dvc REFERENCE DEFORMED..., or volcorr recon SCAN, with the same options will take.

    Blocks, memory, disk and time; the speed is measured on this machine in two or three seconds. Nothing is written.
    """
    import json

    made, text = _plan_recon(ctx, **options) if len(options["volumes"]) == 1 else _plan_dvc(ctx, **options)
    click.echo(json.dumps(made.as_dict(), indent=2) if as_json else text)


def _plan_dvc(ctx: click.Context, **options: Any) -> tuple[Any, str]:
    from volcorr.dvc_plan import format_plan
    from volcorr.planning import plan_dvc
    from volcorr.settings import DvcSettings

    known = [item.name for item in fields(DvcSettings)]
    made = plan_dvc(read_settings(ctx, **_only(ctx, options, [*known, "volumes", "config"], "is for one SCAN")))
    return made, format_plan(made)


def _plan_recon(ctx: click.Context, *, volumes: tuple[Path, ...], **options: Any) -> tuple[Any, str]:
    from recon.planning import plan_recon
    from recon.settings import ReconSettings
    from volcorr.recon_text import format_recon_plan

    known = [item.name for item in fields(ReconSettings)]
    given = _only(ctx, options, known, "is for two volumes, REFERENCE and DEFORMED; one is a SCAN")
    made = plan_recon(ReconSettings(scan=volumes[0], **{name: v for name, v in given.items() if v is not None}))
    return made, format_recon_plan(made)


def _only(ctx: click.Context, options: dict[str, Any], known: list[str], words: str) -> dict[str, Any]:
    """Return the options of one kind of run; refuse those of the other that were given."""
    for name, value in options.items():
        if name not in known and value is not None:
            raise click.UsageError(f"--{name.replace('_', '-')} {words}", ctx)
    return {name: value for name, value in options.items() if name in known}
