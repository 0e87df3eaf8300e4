"""Options that several commands share, and how their text is read."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "EXECUTORS",
    "FILE",
    "choice",
    "dataset_option",
    "output_option",
    "overwrite_option",
    "read_region",
    "read_settings",
    "read_shape",
    "read_window",
    "resume_option",
    "run_options",
    "threads_option",
    "voxel_size_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])

#: A file or folder; whether it can be used is found out where it is read.
FILE = click.Path(path_type=Path)


def choice(name: str, allowed: Sequence[str], words: str, *, to: str | None = None) -> Callable[[Command], Command]:
    """Make an option of a few words; without it the setting keeps its default."""
    names = [name] if to is None else [name, to]
    return click.option(*names, type=click.Choice(allowed), metavar="NAME", help=words)


output_option = click.option("-o", "--output", type=FILE, required=True, help="Folder to make.")
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace an earlier result.")
voxel_size_option = click.option("--voxel-size", metavar="LENGTH", help="Such as 128nm; replaces what the files state.")
dataset_option = click.option(
    "--dataset", metavar="PATH", help="Array inside the files, for HDF5 and Zarr that hold several."
)
threads_option = click.option("--threads", type=int, metavar="N", help="Threads to work with; all cores without it.")
resume_option = click.option(
    "--resume", is_flag=True, help="Go on with what a run of the same output had finished when it was ended."
)
#: The options of where blocks are computed.
EXECUTORS = (
    choice(
        "--executor",
        ("serial", "threads", "processes", "dask"),
        "Where blocks are computed: threads (without it), processes, dask or serial.",
    ),
    click.option("--workers", type=int, metavar="N", help="Processes, or workers of a dask cluster on this machine."),
    click.option("--scheduler", metavar="ADDRESS|FILE", help="A running dask scheduler, such as tcp://node17:8786."),
)


def read_region(_ctx: click.Context, _option: click.Parameter, text: str | None) -> tuple[tuple[int, ...], ...] | None:
    """Read ``z0:z1,y0:y1,x0:x1`` as three pairs of whole numbers."""
    if text is None:
        return None
    try:
        ranges = tuple(tuple(int(bound) for bound in part.split(":")) for part in text.split(","))
    except ValueError:
        ranges = ()
    if len(ranges) != 3 or any(len(pair) != 2 for pair in ranges):
        raise click.BadParameter(f"{text!r} is not a region: write three ranges of voxels such as 0:100,20:180,20:180")
    return ranges


def read_shape(_ctx: click.Context, _option: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    """Read ``256,450,450`` as three whole numbers."""
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 3 or not all(part.strip().isdecimal() for part in parts):
        raise click.BadParameter(f"{text!r} is not a shape: write three whole numbers of voxels such as 256,450,450")
    return tuple(int(part) for part in parts)


def read_window(_ctx: click.Context, _option: click.Parameter, text: str | None) -> int | tuple[int, ...] | None:
    """Read ``3`` or ``3,5,5`` as whole numbers."""
    if text is None:
        return None
    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a window: write an odd number of points such as 3, or 3,5,5"
        ) from None
    return counts if len(counts) > 1 else counts[0]


#: All options of a run, in the order in which help shows them.
_RUN_OPTIONS = (
    click.argument("volumes", type=FILE, nargs=-1, metavar="REFERENCE DEFORMED..."),
    click.option("--subset", metavar="LENGTH", help="Edge of a subset: 33, 8um, or 33,33,21 (z,y,x); 33 without it."),
    click.option("--spacing", metavar="LENGTH", help="Distance between points; 16 without it."),
    choice(
        "--shape",
        ("translation", "rigid", "affine", "quadratic"),
        "What a subset can follow: affine (without it), quadratic, rigid or translation.",
    ),
    choice("--spline", ("cubic", "quintic"), "Interpolation: cubic (without it), or quintic: less bias, half as fast."),
    voxel_size_option,
    click.option("--mask", type=FILE, help="Volume that is not zero where points are to be measured."),
    click.option(
        "--deformed-mask", type=FILE, help="The same for the deformed volume: what is not specimen is left out."
    ),
    click.option("--min-share", type=float, metavar="SHARE", help="Least share of a subset inside; 0.5 without it."),
    click.option("--search", metavar="LENGTH", help="Largest motion expected; found out without it."),
    click.option(
        "--roi", callback=read_region, metavar="RANGES", help="Where points are placed: z0:z1,y0:y1,x0:x1 (voxels)."
    ),
    click.option("--noise", type=float, metavar="GREY", help="Noise of one scan, if known: its standard deviation."),
    choice(
        "--reference",
        ("first", "previous", "auto"),
        "For several DEFORMED: against the first volume (without it), the previous, or as needed (auto).",
        to="series_reference",
    ),
    choice(
        "--measure",
        ("green-lagrange", "infinitesimal", "almansi", "hencky"),
        "Strain measure: green-lagrange (without it), infinitesimal, almansi or hencky.",
    ),
    choice(
        "--strain-method",
        ("window", "hexahedra"),
        "Gradient from a fit to a window of points (without it), or from elements of eight points (hexahedra).",
    ),
    click.option("--strain-order", type=int, metavar="N", help="Degree of the fit: 1 (without it), 2 or 3."),
    click.option(
        "--strain-window", callback=read_window, metavar="POINTS", help="Points a strain is fitted to; 3 without it."
    ),
    dataset_option,
    threads_option,
    *EXECUTORS,
    click.option(
        "--memory", metavar="AMOUNT", help="Memory to keep to: 4GB, 500MiB, 50%; half of what is free without it."
    ),
    click.option("--config", type=FILE, help="Settings from a TOML file; options given beside it come first."),
)


def run_options(command: Command) -> Command:
    """Give a command the volumes and options of a run, for `read_settings`."""
    for option in reversed(_RUN_OPTIONS):
        command = option(command)
    return command


def read_settings(
    ctx: click.Context, *, volumes: tuple[Path, ...], config: Path | None, output: Path, **options: Any
) -> Any:
    """Make the `volcorr.settings.DvcSettings` of what was given on the command line.

    Parameters
    ----------
    ctx : click.Context
        The command, for messages.
    volumes : paths
        The reference and one deformed volume or more; none where `config` names them.
    config : Path, optional
        TOML file of settings.
    output : Path
        Result folder.
    **options
        Further settings; those that are None were not given.
    """
    from volcorr.config import read_config
    from volcorr.settings import DvcSettings

    settings = {name: value for name, value in options.items() if value is not None}
    if len(volumes) == 1:
        raise click.UsageError("give two volumes or more, REFERENCE and DEFORMED", ctx)
    if volumes:
        settings |= {"reference": volumes[0], "deformed": volumes[1:]}
    if config is not None:
        return read_config(config, output=output, **settings)
    if not volumes:
        raise click.UsageError("give REFERENCE and DEFORMED, or --config", ctx)
    return DvcSettings(output=output, **settings)
