"""Options of the commands that measure volumes of phases, and how their text is read."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from volcorr.cli.options import EXECUTORS, resume_option

__all__ = ["execution_options", "read_labels", "read_names", "read_numbers"]

Command = TypeVar("Command", bound=Callable[..., Any])

_EXECUTION = (
    click.option("--memory", metavar="AMOUNT", help="Memory to keep to, such as 4GB: volumes are then left on disk."),
    *EXECUTORS,
    resume_option,
)


def execution_options(command: Command) -> Command:
    """Give a command the options of where and how it works."""
    for option in reversed(_EXECUTION):
        command = option(command)
    return command


def read_labels(_ctx: click.Context, _option: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    """Read ``0`` or ``0,2`` as labels."""
    if text is None:
        return None
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a label: write a whole number such as 0, or several: 0,2") from None


def read_numbers(_ctx: click.Context, _option: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    """Read ``110`` or ``90,140`` as numbers."""
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} are no numbers: write for example 110, or 90,140") from None


def read_names(_ctx: click.Context, _option: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """Read ``grey,gaussian`` as names."""
    return None if text is None else tuple(text.split(","))
