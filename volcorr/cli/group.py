"""The command ``volcorr`` and what all its verbs share: one line for an error, and the exit codes."""

import errno
import logging
import sys
from collections.abc import Callable
from typing import Any

import click

from volcorr.cli.convert import convert
from volcorr.cli.demo import demo
from volcorr.cli.doctor import doctor
from volcorr.cli.dvc import dvc
from volcorr.cli.export import export
from volcorr.cli.fractions import fractions
from volcorr.cli.info import info
from volcorr.cli.particles import particles
from volcorr.cli.plan import plan
from volcorr.cli.psd import psd
from volcorr.cli.recon import recon
from volcorr.cli.segment import segment
from volcorr.cli.strain import strain
from volcorr.cli.subsets import subsets
from volcorr.runlog import attach
from volio import VolcorrError

__all__ = ["cli"]

#: Exit codes beside 0 (done) and 1 (done in part): input or options wrong, stopped by Ctrl-C.
REFUSED, INTERRUPTED = 2, 130


class _OneLineErrors(click.Group):
    """A group of commands whose user sees one line, never a traceback, when the input is wrong."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        run: Callable[..., Any] = super().main
        if not standalone_mode:
            return run(*args, standalone_mode=False, **extra)
        try:
            code = run(*args, standalone_mode=False, **extra)
        except click.UsageError as error:
            hint = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
            code = _refuse(error.format_message().rstrip(".") + hint)
        except click.ClickException as error:
            code = _refuse(error.format_message())
        except click.Abort:
            click.echo("interrupted", err=True)
            code = INTERRUPTED
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except VolcorrError as error:
            return _refuse(str(error))
        except MemoryError:
            return _refuse("the memory is not large enough: crop the volumes with volcorr convert --crop")
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            name = f": {error.filename}" if error.filename else ""
            return _refuse(f"{error.strerror or error}{name}")
        except KeyboardInterrupt:
            click.echo("\ninterrupted: no result was written", err=True)
            return INTERRUPTED
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            error.add_note("This is a defect in volcorr: please report it, with the text above.")
            raise


class _EchoHandler(logging.Handler):
    """Shows log messages on the error stream, so that results on the output stream stay clean."""

    def emit(self, record: logging.LogRecord) -> None:
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        click.echo(f"{level}{record.getMessage()}", err=True)


def _refuse(message: str) -> int:
    """Show `message` as one line and return the exit code of a wrong input."""
    click.echo(f"error: {' '.join(message.split())}", err=True)
    return REFUSED


def _show_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        from importlib.metadata import version

        click.echo(f"volcorr {version('volcorr')}")
        ctx.exit()


@click.group(
    cls=_OneLineErrors,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True},
    epilog="""\b
Examples:
  volcorr demo                                        try it, without any file
  volcorr recon scan.txrm -o scan.ome.zarr            projections to a volume
  volcorr segment scan.tif -o phases                  grey values to phases
  volcorr psd phases --phase 0 -o pores               pore sizes
  volcorr dvc ref.tif def.tif -o out --subset 33      displacement and strain of a pair
  volcorr plan ref.tif def.tif                        what a run will take
  volcorr doctor                                      when something does not work

Exit codes: 0 done, 1 done in part, 2 the input or the options are wrong.""",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and leave.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show warnings and results only, no progress lines.")
@click.pass_context
def cli(ctx: click.Context, quiet: bool) -> None:
    """From scans of a compressed sample to volumes, phases, pore sizes, displacement and strain."""
    calm = quiet or ctx.invoked_subcommand == doctor.name
    handler = _EchoHandler(logging.WARNING if calm else logging.INFO)
    ctx.with_resource(attach(handler))


_verbs = (demo, recon, segment, fractions, psd, particles, dvc, plan, subsets, info, convert, strain, export, doctor)
for _command in _verbs:
    cli.add_command(_command)
