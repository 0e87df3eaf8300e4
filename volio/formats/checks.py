"""Checks that every format makes of what it found."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from volio.errors import FormatError

__all__ = ["check_axes", "check_bytes", "choose_dataset"]


def check_axes(path: Path | str, shape: Sequence[int], dtype: Any) -> None:
    """Refuse what is not a grey volume: 2-D images, colour, more axes, no numbers.

    Raises
    ------
    FormatError
        If the array does not have three axes of real numbers.
    """
    shape = tuple(int(n) for n in shape)
    if np.dtype(dtype).kind not in "biuf":
        raise FormatError(f"{path} holds {np.dtype(dtype)} and not whole or real numbers: convert it first")
    if len(shape) == 4 and shape[-1] in (3, 4):
        raise FormatError(f"{path} is a colour image (shape {shape}): convert to grey first")
    if len(shape) == 2:
        raise FormatError(f"{path} is a 2-D image of shape {shape}: a volume needs 3 axes (z, y, x)")
    if len(shape) != 3:
        raise FormatError(f"{path} has {len(shape)} axes (shape {shape}): a volume needs 3 axes (z, y, x)")
    if 0 in shape:
        raise FormatError(f"{path} holds no voxels (shape {shape}): export it again")


def check_bytes(path: Path, shape: Sequence[int], dtype: Any, offset: int) -> None:
    """Refuse a file that is shorter than the voxels that it claims.

    Raises
    ------
    FormatError
        If the file ends too early.
    """
    need = offset + math.prod(shape) * np.dtype(dtype).itemsize
    have = path.stat().st_size
    if have < need:
        raise FormatError(
            f"{path} is truncated: shape {tuple(shape)} of {np.dtype(dtype).name} needs {need} bytes, "
            f"the file has {have}: copy or export it again"
        )


def choose_dataset(
    path: Path, found: Iterable[tuple[str, Sequence[int]]], wanted: str | None, all_names: Iterable[str] = ()
) -> str:
    """Return which array of a file is meant: the one asked for, or the only one with three axes.

    Raises
    ------
    FormatError
        If it is not there, or there is more than one; the message lists those with three axes.
    """
    volumes = {name.strip("/"): tuple(shape) for name, shape in found}
    listed = ", ".join(f"/{name} {shape}" for name, shape in sorted(volumes.items())) or "none"
    if wanted is None or not wanted.strip("/"):
        if len(volumes) == 1:
            return next(iter(volumes))
        if not volumes:
            raise FormatError(f"{path} holds no array with 3 axes: a volume needs (z, y, x)")
        raise FormatError(f"{path} holds several volumes: name one as {path.name}::/NAME; there are {listed}")
    name = wanted.strip("/")
    if name not in volumes and name not in {item.strip("/") for item in all_names}:
        raise FormatError(f"{path} holds no dataset /{name}: those with 3 axes are {listed}")
    return name
