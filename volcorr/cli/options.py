"""Options that several commands share, and how their text is read."""

from pathlib import Path

import click

__all__ = ["FILE", "overwrite_option", "read_region", "read_shape", "read_window"]

#: A file or folder; whether it can be used is found out where it is read.
FILE = click.Path(path_type=Path)

overwrite_option = click.option("--overwrite", is_flag=True, help="Replace an earlier result.")


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
