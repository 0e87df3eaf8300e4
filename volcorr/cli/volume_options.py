"""Options of the commands that measure volumes of phases, and how their text is read."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

__all__ = [
    "dataset_option",
    "execution_options",
    "read_labels",
    "read_names",
    "read_numbers",
    "threads_option",
    "voxel_size_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])

voxel_size_option = click.option("--voxel-size", metavar="LENGTH", help="Such as 128nm; replaces what the files state.")
dataset_option = click.option(
    "--dataset", metavar="PATH", help="Array inside the files, for HDF5 and Zarr that hold several."
)
threads_option = click.option("--threads", type=int, metavar="N", help="Threads to work with; all cores without it.")

_EXECUTION = (
    click.option("--memory", metavar="AMOUNT", help="Memory to keep to, such as 4GB: volumes are then left on disk."),
    click.option(
        "--executor",
        type=click.Choice(["serial", "threads", "processes", "dask"]),
        metavar="NAME",
        help="Where blocks are computed: threads (without it), processes, dask or serial.",
    ),
    click.option("--workers", type=int, metavar="N", help="Processes, or workers of a dask cluster on this machine."),
    click.option("--scheduler", metavar="ADDRESS|FILE", help="A running dask scheduler, such as tcp://node17:8786."),
    click.option(
        "--resume", is_flag=True, help="Go on with what a run of the same output had finished when it was ended."
    ),
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
