"""The options of a reconstruction, and how their text is read."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from volcorr.cli.options import FILE, choice, overwrite_option, threads_option

__all__ = ["read_image", "read_part", "read_range", "recon_options"]

Command = TypeVar("Command", bound=Callable[..., Any])


def read_range(_ctx: click.Context, _option: click.Parameter, text: str | None) -> tuple[int, int] | None:
    """Read ``100:200`` as two whole numbers."""
    return None if text is None else _range(text)


def read_ranges(
    _ctx: click.Context, _option: click.Parameter, texts: tuple[str, ...]
) -> tuple[tuple[int, int], ...] | None:
    """Read several ranges."""
    return tuple(_range(text) for text in texts) or None


def read_part(
    _ctx: click.Context, _option: click.Parameter, text: str | None
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Read ``y0:y1,x0:x1`` as two ranges."""
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 2:
        raise click.BadParameter(f"{text!r} is not a part of a slice: write two ranges such as 100:400,120:420")
    return _range(parts[0]), _range(parts[1])


def read_image(_ctx: click.Context, _option: click.Parameter, text: str | None) -> Path | float | None:
    """Read a number, or else the name of a file."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return Path(text)


def _range(text: str) -> tuple[int, int]:
    parts = text.split(":")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise click.BadParameter(f"{text!r} is not a range: write two whole numbers such as 100:200")
    return int(parts[0]), int(parts[1])


_RINGS = ("auto", "none", "all", "sorting", "filtering", "wavelets", "regularization")
_FILTERS = ("ramp", "shepp-logan", "cosine", "hamming", "hann", "parzen", "butterworth")

#: By the name of the setting, in the order in which help shows them.
_OPTIONS: dict[str, Any] = {
    "center": click.option("--center", type=float, metavar="COLUMN", help="Rotation axis; found without it."),
    "align": choice("--align", ("auto", "on", "off"), "Whether shifts of the projections are looked for; auto."),
    "rings": choice("--rings", _RINGS, "How rings are removed: auto (without it), none, or a method."),
    "method": choice(
        "--method", ("fbp", "sirt", "tv", "gridrec"), "fbp (without it); sirt or tv for few or limited angles."
    ),
    "filter": choice("--filter", _FILTERS, "ramp (without it) is sharpest, hann and parzen suppress noise."),
    "cutoff": click.option("--cutoff", type=float, metavar="PART", help="Where the filter ends; 1 without it."),
    "weighting": choice(
        "--weighting", ("mass", "angular"), "Of less than half a turn: keep the mass (without it), or the angular step."
    ),
    "padding": choice(
        "--padding", ("auto", "cylinder", "taper", "zero"), "What lies beyond the detector; auto without it."
    ),
    "voxel_size": click.option("--voxel-size", metavar="LENGTH", help="128nm, or 2 (pixels); one pixel without it."),
    "slices": click.option("--slices", callback=read_range, metavar="A:B", help="Slices to make; all without it."),
    "region": click.option("--region", callback=read_part, metavar="RANGES", help="Part of each slice: y0:y1,x0:x1."),
    "iterations": click.option("--iterations", type=int, metavar="N", help="Of sirt; chosen without it."),
    "weight": click.option("--weight", type=float, metavar="W", help="Of tv; chosen without it."),
    "nonnegative": click.option(
        "--allow-negative", "nonnegative", flag_value=False, default=None, help="Let sirt and tv go below zero."
    ),
    "backend": choice("--backend", ("numba", "astra", "tomopy"), "What computes: numba (without it)."),
    "angles": click.option("--angles", type=FILE, help="File of angles, one a line, or .tlt."),
    "angle_range": click.option(
        "--angle-range", type=float, nargs=2, metavar="FIRST LAST", help="Angles of the first and last projection."
    ),
    "angle_unit": choice("--angle-unit", ("degrees", "radians"), "Unit of these; degrees without it."),
    "pixel_size": click.option("--pixel-size", metavar="LENGTH", help="Such as 65nm; replaces what the file states."),
    "flats": click.option(
        "--flats", callback=read_image, metavar="FILE|COUNTS", help="Images without specimen, or one number."
    ),
    "darks": click.option(
        "--darks", callback=read_image, metavar="FILE|COUNTS", help="Images without beam, or one number."
    ),
    "values": choice(
        "--values", ("auto", "counts", "attenuation"), "What projections without flats hold: auto without it."
    ),
    "air": click.option(
        "--air", callback=read_ranges, multiple=True, metavar="A:B", help="Columns of air, to follow the beam by."
    ),
    "zingers": click.option("--zingers", type=float, metavar="T", help="Threshold of zingers: 8; 0 looks for none."),
    "dead_pixels": click.option("--dead-pixels", type=float, metavar="T", help="Tolerance of dead pixels: 0.5."),
    "floor": click.option("--floor", type=float, metavar="PART", help="Least transmission that counts: 0.0001."),
    "binning": click.option("--binning", type=int, metavar="N", help="Edge of squares of pixels to average: 1."),
    "delta_beta": click.option("--delta-beta", type=float, metavar="RATIO", help="Phase retrieval with delta/beta."),
    "energy": click.option("--energy", type=float, metavar="KEV", help="Photon energy; that of the file without it."),
    "distance": click.option(
        "--distance", type=float, metavar="MM", help="Specimen to detector; that of the file without it."
    ),
    "dataset": click.option("--dataset", metavar="PATH", help="Projections inside an HDF5 file."),
    "threads": threads_option,
    "executor": choice(
        "--executor", ("serial", "threads", "processes", "dask"), "Where slabs are made: threads (without it)."
    ),
    "workers": click.option("--workers", type=int, metavar="N", help="Processes, or workers of a dask cluster here."),
    "scheduler": click.option("--scheduler", metavar="ADDRESS|FILE", help="A running dask scheduler."),
    "memory": click.option(
        "--memory", metavar="AMOUNT", help="Memory to keep to: 4GB, 50%; half of what is free without it."
    ),
    "overwrite": overwrite_option,
}


def recon_options(*, without: Sequence[str] = ()) -> Callable[[Command], Command]:
    """Give a command the options of a reconstruction.

    Parameters
    ----------
    without : sequence of str
        Settings that the command has an option for already.
    """

    def give(command: Command) -> Command:
        for name in reversed([name for name in _OPTIONS if name not in without]):
            command = _OPTIONS[name](command)
        return command

    return give
