"""Uneven grey values made even: a smooth background, and the cupping that beam hardening leaves."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import numpy as np

from segmentation.blockwise import block_boxes, chunks_of, read_padded
from segmentation.criteria import find_otsu
from segmentation.histogram import compute_histogram
from segmentation.inputs import as_volume, check_shape, extend_metadata, is_whole
from segmentation.valley import find_valley
from volio import InputError, LazyArray, Volume, read, run_blocks, write

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from volio.lazy import Box

__all__ = ["Phase", "flatten_background", "flatten_beam_hardening"]

Phase = Literal["bright", "dark", "all"]

#: Edge of the cells whose means a surface is fitted to.
_CELL: Final = 16
#: Each round but the first tells the phases apart in what the round before made even.
_ROUNDS: Final = 5


@dataclass(frozen=True, eq=False)
class _Surface:
    """A smooth surface of grey values: a polynomial of the position."""

    terms: "Callable[[list[NDArray[np.float64]]], list[NDArray[np.float64]]]"
    coefficients: "NDArray[np.float64]"

    def __call__(self, box: "Box") -> "NDArray[np.float64]":
        axes = np.meshgrid(*(np.arange(s.start, s.stop, dtype=np.float64) for s in box), indexing="ij", sparse=True)
        return np.asarray(sum(c * t for c, t in zip(self.coefficients, self.terms(list(axes)), strict=True)))


@dataclass(frozen=True, eq=False)
class _Flattened:
    """Reads a volume without the surface; `level` is the mean grey value that is kept."""

    data: Any
    surface: _Surface
    level: float
    mode: str

    def __call__(self, box: "Box") -> "NDArray[np.float32]":
        values, shape = np.asarray(self.data[box]), self.surface(box)
        if self.mode == "subtract":
            return (values - shape + self.level).astype(np.float32)
        if (shape * np.sign(self.level) <= 0).any():
            raise InputError("the fitted surface reaches zero and cannot be divided by: lower the order, or subtract")
        return (values * (self.level / shape)).astype(np.float32)


def flatten_background(
    volume: Volume,
    *,
    order: int = 2,
    phase: Phase = "bright",
    mode: Literal["divide", "subtract"] = "divide",
    mask: Volume | None = None,
    target: str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
) -> Volume:
    """Make grey values even that vary smoothly through the volume.

    A polynomial of z, y, x is fitted to the grey values of one phase, so that its fractions may differ from place to
    place. The first of five rounds fits to all voxels; each later one tells the phase from the other by the valley
    of the histogram that the round before left.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        Grey values.
    order : int
        Degree of the polynomial, 1 to 4.
    phase : {"bright", "dark", "all"}
        What the surface is fitted to.
    mode : {"divide", "subtract"}
        Whether the surface scales the grey values (uneven illumination, cupping) or is added to them (scatter).
    mask : Volume or array, optional
        Only voxels where it is not zero are fitted to; all are changed.
    target : path, optional
        Where to write the result; without it, it is in memory, or stays on disk and is changed when it is read.
    overwrite : bool
        Replace an existing target.
    threads : int, optional
        How many blocks at once; the result does not depend on it.

    Returns
    -------
    Volume
        float32, with the mean grey value of the phase kept.

    Raises
    ------
    InputError
        If an option is not usable, too little of the phase is there, voxels are NaN, or the surface reaches zero.
    """
    if not is_whole(order) or not 1 <= order <= 4:
        raise InputError(f"order must be a whole number from 1 to 4, got {order!r}")
    grey = as_volume(volume)
    middle, half = [(n - 1) / 2 for n in grey.shape], [max((n - 1) / 2, 1.0) for n in grey.shape]
    # an axis of few cells cannot carry powers of its own
    most = [min(order, -(-n // _CELL) - 1) for n in grey.shape]
    powers = [
        p for p in itertools.product(range(order + 1), repeat=3)
        if sum(p) <= order and all(a <= b for a, b in zip(p, most, strict=True))
    ]  # fmt: skip
    terms = partial(_monomials, middle, half, powers)
    entry = {"method": "background", "order": order, "phase": phase, "mode": mode}
    return _flatten(grey, terms, entry, phase, mode, mask, target, overwrite, threads)


def flatten_beam_hardening(
    volume: Volume,
    *,
    center: tuple[float, float] | None = None,
    order: int = 4,
    phase: Phase = "bright",
    mask: Volume | None = None,
    target: str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
) -> Volume:
    """Take away the cupping of beam hardening: grey values that grow from the axis of rotation outwards.

    An even polynomial of the distance from the axis is fitted to the grey values of one phase, and divided by. This is
    a repair of the image for a round specimen about the axis; a correction of the projections is better where they
    are at hand.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        Grey values; the axis runs along z.
    center : 2 floats, optional
        Where the axis is (y, x), in voxels; the middle when not given.
    order : int
        Degree of the polynomial of the distance: 2, 4, 6 or 8.
    phase : {"bright", "dark", "all"}
        What it is fitted to.
    mask, target, overwrite, threads
        See `flatten_background`.

    Returns
    -------
    Volume
        float32, with the mean grey value of the phase kept.

    Raises
    ------
    InputError
        If an option is not usable, too little of the phase is there, voxels are NaN, or the surface reaches zero.
    """
    if order not in (2, 4, 6, 8):
        raise InputError(f"order must be 2, 4, 6 or 8, got {order!r}: cupping is an even function of the distance")
    grey = as_volume(volume)
    cy, cx = center if center is not None else ((grey.shape[1] - 1) / 2, (grey.shape[2] - 1) / 2)
    size = max(grey.shape[1:]) / 2
    terms = partial(_even_powers, (cy, cx), size, order)
    entry = {"method": "beam hardening", "center": [float(cy), float(cx)], "order": order, "phase": phase}
    return _flatten(grey, terms, entry, phase, "divide", mask, target, overwrite, threads)


def _monomials(
    middle: list[float], half: list[float], powers: list[tuple[int, ...]], axes: "list[NDArray[np.float64]]"
) -> "list[NDArray[np.float64]]":
    z, y, x = ((a - m) / h for a, m, h in zip(axes, middle, half, strict=True))
    return [z**i * y**j * x**k for i, j, k in powers]


def _even_powers(
    center: tuple[float, float], size: float, order: int, axes: "list[NDArray[np.float64]]"
) -> "list[NDArray[np.float64]]":
    square = ((axes[1] - center[0]) ** 2 + (axes[2] - center[1]) ** 2 + 0 * axes[0]) / size**2
    return [square**i for i in range(order // 2 + 1)]


def _flatten(
    grey: Volume,
    terms: "Callable[[list[NDArray[np.float64]]], list[NDArray[np.float64]]]",
    entry: dict[str, Any],
    phase: Phase,
    mode: str,
    mask: Volume | None,
    target: str | Path | None,
    overwrite: bool,
    threads: int | None,
) -> Volume:
    """Fit the surface in rounds and take it away."""
    if phase not in get_args(Phase):
        raise InputError(f"phase must be one of {', '.join(get_args(Phase))}, got {phase!r}")
    if mode not in ("divide", "subtract"):
        raise InputError(f"mode must be divide or subtract, got {mode!r}")
    inside = None if mask is None else as_volume(mask, "mask")
    if inside is not None:
        check_shape(inside, grey, "mask")
    even = grey
    for turn in range(1 if phase == "all" else _ROUNDS):
        histogram = compute_histogram(even, mask=inside, threads=threads)
        limit = find_valley(histogram, find_otsu(histogram)).bottom if turn else None
        surface, level = _fit(grey, even, inside, limit, phase, terms, threads)
        even = _taken_away(grey, surface, level, mode)
    result = Volume(
        even.data, grey.voxel_size, grey.unit, grey.origin, grey.name, extend_metadata(grey, flattening=entry)
    )
    if target is not None:
        write(result, target, overwrite=overwrite, threads=threads)
        stored = read(target, lazy=True).data
        return Volume(stored, grey.voxel_size, grey.unit, grey.origin, grey.name, result.metadata)
    return result if grey.is_lazy else result.load()


def _fit(
    grey: Volume,
    even: Volume,
    mask: Volume | None,
    limit: float | None,
    phase: Phase,
    terms: "Callable[[list[NDArray[np.float64]]], list[NDArray[np.float64]]]",
    threads: int | None,
) -> tuple[_Surface, float]:
    """Fit the surface to the means of cells over the voxels of the phase; return it with the phase's mean."""

    def task(box: "Box") -> "NDArray[np.float64]":
        values = read_padded(grey.data, box).astype(np.float64)
        chosen = np.ones(values.shape, np.bool_) if mask is None else np.asarray(mask.data[box]) != 0
        if limit is not None:
            told = np.asarray(even.data[box])
            chosen &= told > limit if phase == "bright" else told <= limit
        count = int(chosen.sum())
        if count == 0:
            return np.zeros(5)
        places = np.argwhere(chosen).mean(axis=0) + [s.start for s in box]
        return np.array([count, values[chosen].mean(), *places])

    cells = np.array(run_blocks(task, block_boxes(grey.shape, _CELL), threads=threads))
    cells = cells[cells[:, 0] > 0]
    weights = np.sqrt(cells[:, 0])
    columns = np.stack([np.broadcast_to(t, len(cells)) for t in terms(list(cells[:, 2:].T))], axis=1)
    if len(cells) < columns.shape[1] + 1:
        raise InputError(
            f"only {len(cells)} cells of {_CELL}^3 voxels hold the {phase} phase, too few: lower the order"
        )
    coefficients = np.linalg.lstsq(columns * weights[:, None], cells[:, 1] * weights, rcond=None)[0]
    return _Surface(terms, coefficients), float(np.average(cells[:, 1], weights=cells[:, 0]))


def _taken_away(grey: Volume, surface: _Surface, level: float, mode: str) -> Volume:
    """Return the volume without the surface, computed when it is read."""
    read = _Flattened(grey.data, surface, level, mode)
    return Volume(
        LazyArray(read, grey.shape, np.float32, chunks=chunks_of(grey, grey.shape), name=grey.name or "volume")
    )
