"""Coarse copies of both volumes, on which the motion is found first."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from volcorr.averaging import Averaged, shrink
from volcorr.windows import Grey, Voxels
from volio.blocks import run_blocks
from volio.errors import InputError
from volio.lazy import LazyArray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Level", "Pyramid", "finest_factor", "make_pyramid"]

Triple = tuple[int, int, int]

#: An axis is halved while it has at least this many voxels.
HALVE_FROM = 48
#: An averaged voxel counts when at least this share of its voxels is there.
MIN_WEIGHT = 0.5
#: Voxels that the finest level may have: two volumes of it, with their weights, take 0.6 GB. It depends on nothing but
#: the size of the volumes, so that the result does not depend on the memory.
FINEST = 40_000_000
#: Voxels that are added up at once.
SLAB_VOXELS = 1 << 18


@dataclass(frozen=True, eq=False)
class Level:
    """Both volumes, and the masks, averaged over blocks of `factor` voxels along z, y, x."""

    reference: Averaged
    deformed: Averaged
    mask: Averaged | None
    deformed_mask: Averaged | None
    factor: Triple

    def grey(self) -> tuple[Grey, Grey]:
        """Return the two volumes as the refinement takes them."""
        return _as_grey(self.reference, self.mask), _as_grey(self.deformed, self.deformed_mask)

    def coarser(self, threads: int | None) -> "Level | None":
        """Return the level above, or None where the volumes are too small."""
        shape = np.minimum(self.reference.values.shape, self.deformed.values.shape)
        step = _halving(shape)
        if step == (1, 1, 1):
            return None
        parts = [
            None if part is None else shrink(part, step, threads=threads)
            for part in (self.reference, self.deformed, self.mask, self.deformed_mask)
        ]
        z, y, x = (f * s for f, s in zip(self.factor, step, strict=True))
        assert parts[0] is not None
        assert parts[1] is not None
        return Level(parts[0], parts[1], parts[2], parts[3], (z, y, x))


@dataclass(frozen=True, eq=False)
class Pyramid:
    """The levels, the coarsest first, and the full volumes with the scale of their grey values."""

    levels: list[Level]
    reference: Grey
    deformed: Grey


def make_pyramid(
    reference: Voxels,
    deformed: Voxels,
    *,
    mask: Voxels | None = None,
    deformed_mask: Voxels | None = None,
    threads: int | None = None,
) -> Pyramid:
    """Average both volumes, each of which is read once, slab by slab.

    Parameters
    ----------
    reference, deformed : (z, y, x) arrays or lazy arrays
        Grey values of any numeric type.
    mask, deformed_mask : (z, y, x) arrays or lazy arrays, optional
        Above zero where voxels count.
    threads : int, optional
        Number of threads; the result does not depend on it.

    Raises
    ------
    InputError
        If a volume holds no finite voxel or no contrast, or the mask is empty.
    """
    z, y, x = finest_factor(np.minimum(reference.shape, deformed.shape))

    def average(voxels: Voxels | None) -> Averaged | None:
        return None if voxels is None else shrink(voxels, (z, y, x), threads=threads)

    def share(voxels: Voxels | None) -> Averaged | None:
        return average(None if voxels is None else LazyArray.wrap(voxels).map(lambda part: part > 0, bool))

    one, two, inside = average(reference), average(deformed), share(mask)
    assert one is not None
    assert two is not None
    both = [(reference, one, "reference", mask), (deformed, two, "deformed", deformed_mask)]
    greys = run_blocks(lambda volume: _scale(*volume), both, threads=threads)
    if inside is not None and not inside.values.any():
        raise InputError("the mask is empty: it must be nonzero in the specimen")
    levels: list[Level] = []
    level: Level | None = Level(one, two, inside, share(deformed_mask), (z, y, x))
    while level is not None:
        levels.insert(0, level)
        level = level.coarser(threads)
    return Pyramid(levels, greys[0], greys[1])


def finest_factor(shape: "NDArray[Any]") -> Triple:
    """Return over how many voxels along z, y, x the finest level of volumes of that shape is averaged."""
    factor = np.array(_halving(shape))
    while np.prod(shape / factor) > FINEST:
        step = np.array(_halving(shape // factor))
        if (step == 1).all():
            break
        factor *= step
    return int(factor[0]), int(factor[1]), int(factor[2])


def _halving(shape: "NDArray[Any]") -> Triple:
    z, y, x = (2 if n >= HALVE_FROM else 1 for n in shape)
    return z, y, x


def _scale(voxels: Voxels, averaged: Averaged, name: str, mask: Voxels | None) -> Grey:
    """Return a full volume with the mean and the spread of its averages."""
    there = averaged.weights > 0
    if not there.any():
        raise InputError(f"the {name} volume holds no finite voxel: check the file and its dtype")
    mean, std = _moments(averaged.values, there)
    if not std > 1e-7 * abs(mean):
        raise InputError(
            f"the {name} volume is constant (grey {mean:g}): without texture nothing can be correlated; check the file"
        )
    kind = np.dtype(getattr(voxels, "dtype", np.float64))
    return Grey(voxels, mean, std, kind.kind in "biu", mask)


def _as_grey(averaged: Averaged, mask: Averaged | None) -> Grey:
    there = averaged.weights >= MIN_WEIGHT
    complete = bool(there.all())
    values = averaged.values if complete else np.where(there, averaged.values, np.float32(np.nan))
    mean, std = _moments(averaged.values, there) if there.any() else (0.0, 1.0)
    inside = None if mask is None else mask.values * mask.weights >= MIN_WEIGHT
    return Grey(values, mean, std or 1.0, complete, inside)


def _moments(values: "NDArray[np.float32]", there: "NDArray[np.bool_]") -> tuple[float, float]:
    """Return mean and standard deviation of the values that are there, adding up slab by slab."""
    planes = max(1, SLAB_VOXELS // values[0].size)
    slabs = [slice(first, first + planes) for first in range(0, len(values), planes)]

    def parts() -> "Iterator[NDArray[np.float64]]":
        for slab in slabs:
            part = values[slab] if there[slab].all() else values[slab][there[slab]]
            yield part.astype(np.float64).ravel()

    count = int(np.count_nonzero(there))
    mean = sum(float(part.sum()) for part in parts()) / count
    squares = 0.0
    for part in parts():
        part -= mean
        squares += float(np.dot(part, part))
    return mean, math.sqrt(squares / count)
