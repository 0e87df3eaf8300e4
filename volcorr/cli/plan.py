"""``volcorr plan``: what a run will take, before it is started."""

from pathlib import Path
from typing import Any

import click

from volcorr.cli.options import FILE, overwrite_option, read_settings, run_options

__all__ = ["plan"]


@click.command(
    short_help="Say what a run will take: points, memory, disk, time.",
    epilog="""\b
Examples:
  volcorr plan ref.tif def.tif
  volcorr plan ref.ome.zarr def.ome.zarr --subset 25 --spacing 8 --memory 4GB --workers 8
  volcorr plan ref.tif def.tif --json > plan.json""",
)
@click.option("-o", "--output", type=FILE, default=Path("result"), help="Result folder that is planned.")
@run_options
@overwrite_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_context
def plan(ctx: click.Context, /, as_json: bool, **options: Any) -> None:
    """Say what volcorr dvc with the same options will take: points, blocks, memory, disk and time.

    The speed is measured on this machine, on a small made-up pair, in two or three seconds. Nothing is written.
    """
    import json

    from volcorr.dvc_plan import format_plan
    from volcorr.planning import plan_dvc

    planned = plan_dvc(read_settings(ctx, **options))
    click.echo(json.dumps(planned.as_dict(), indent=2) if as_json else format_plan(planned))
