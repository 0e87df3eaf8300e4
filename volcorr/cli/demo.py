"""``volcorr demo``: the whole way with a pair whose displacement is known."""

from pathlib import Path

import click

from volcorr.cli.dvc import check_viewers, draw_figures
from volcorr.cli.options import FILE, overwrite_option

__all__ = ["demo"]


@click.command(short_help="Try it: a virtual pillar with a known displacement.", epilog="\b\nExample:\n  volcorr demo")
@click.option("-o", "--output", type=FILE, default=Path("volcorr-demo"), help="Folder to make.")
@click.option("--threads", type=int, help="Threads to work with; all cores without it.")
@overwrite_option
def demo(output: Path, threads: int | None, overwrite: bool) -> None:
    """Compress a virtual pillar, measure it, and hold the result against the truth.

    Makes two textured volumes with a displacement that is known exactly, does what volcorr dvc does, and
    prints measured against true values. Takes about a minute, and needs no file.
    """
    from volcorr.demo import format_comparison, run_demo

    check_viewers()
    result = run_demo(output, threads=threads, overwrite=overwrite, draw=draw_figures)
    click.echo(format_comparison(result))
    click.echo(f"\nvolumes and result in {output}; look at {output / 'result' / 'figures'}")
