"""Coarse copies of a volume: averages over blocks of voxels, read slab by slab, with bad voxels left out."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from volio.blocks import run_blocks
from volio.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Averaged", "choose_factor", "shrink"]

Triple = tuple[int, int, int]

#: Voxels of the volume that a thread holds at once.
SLAB_VOXELS = 1 << 21
#: Chunks on disk are read whole as long as a row of them has no more than so many times these voxels.
CHUNKED = 8
#: Types whose every value is a float32; all others are averaged in float64.
_NARROW = ("b1", "i1", "u1", "i2", "u2", "f2", "f4")


@dataclass(frozen=True, eq=False)
class Averaged:
    """A volume averaged over blocks of `factor` voxels.

    Attributes
    ----------
    values : (z, y, x) float32 array
        Mean of the good voxels of each block; zero where there are none.
    weights : (z, y, x) float32 array
        Share of good voxels in each block, 0 to 1.
    factor : 3 ints
        Edge of a block along z, y, x, in voxels of the full volume.
    shape : 3 ints
        Shape of the full volume.
    """

    values: "NDArray[np.float32]"
    weights: "NDArray[np.float32]"
    factor: Triple
    shape: Triple

    @property
    def centre(self) -> "NDArray[np.float64]":
        """Centre of the full volume (3,), in voxels of the average."""
        return (np.asarray(self.shape) / self.factor - 1) / 2


def choose_factor(shape: tuple[int, ...], voxels: int) -> Triple:
    """Return the edges of the smallest blocks (z, y, x) that leave at most `voxels` of them.

    Axes that are short beside the longest are averaged over fewer voxels, so that a flat volume keeps its depth.
    """
    longest, step = max(shape), 1
    while True:
        z, y, x = (math.ceil(n * step / longest) for n in shape)
        if (shape[0] // z) * (shape[1] // y) * (shape[2] // x) <= voxels:
            return z, y, x
        step += 1


def shrink(
    volume: Any,
    factor: int | tuple[int, ...],
    *,
    weights: Any = None,
    threads: int | None = None,
) -> Averaged:
    """Average a volume over blocks of voxels.

    The volume is read once, in slabs of some planes, and never held as a whole. NaN and infinite voxels do not count.
    What does not fill a block at the far end of an axis is cut off. Averages of averages are the same as one average
    over larger blocks when the weights are handed on.

    Parameters
    ----------
    volume : (z, y, x) array, lazy array or Averaged
        Grey values of any real type; an `Averaged` is averaged further, with its weights.
    factor : int or 3 ints
        Edge of the blocks along z, y, x.
    weights : (z, y, x) array or lazy array, optional
        Weights of the voxels, zero or more; all 1 when not given.
    threads : int, optional
        Number of threads; the result does not depend on it.

    Returns
    -------
    Averaged

    Raises
    ------
    InputError
        If a factor is below 1 or larger than the volume, or the weights have another shape.
    """
    z, y, x = (factor,) * 3 if isinstance(factor, int) else factor
    data, before, full = volume, (1, 1, 1), tuple(volume.shape)
    if isinstance(volume, Averaged):
        data, weights, before = volume.values, volume.weights, volume.factor
    depth, height, width = data.shape
    if not (1 <= z <= depth and 1 <= y <= height and 1 <= x <= width):
        raise InputError(f"factor must be between 1 and the shape {(depth, height, width)}, got {(z, y, x)}")
    if weights is not None and tuple(weights.shape) != (depth, height, width):
        raise InputError(f"the weights have the shape {tuple(weights.shape)}, the volume {(depth, height, width)}")
    size = (depth // z, height // y, width // x)
    values, shares = np.empty(size, np.float32), np.empty(size, np.float32)
    deep, tall = _parts(data, (z, y, x))

    def average(first: tuple[int, int]) -> None:
        out = tuple(slice(at, min(at + n, end)) for at, n, end in zip(first, (deep, tall), size[:2], strict=True))
        rows = (slice(out[0].start * z, out[0].stop * z), slice(out[1].start * y, out[1].stop * y), slice(size[2] * x))
        given = None if weights is None else np.asarray(weights[rows], np.float32)
        values[out], shares[out] = _average_slab(np.asarray(data[rows]), given, (z, y, x))

    corners = [(a, b) for a in range(0, size[0], deep) for b in range(0, size[1], tall)]
    run_blocks(average, corners, threads=threads)
    return Averaged(values, shares, (before[0] * z, before[1] * y, before[2] * x), (full[0], full[1], full[2]))


def _parts(data: Any, factor: Triple) -> tuple[int, int]:
    """Return the averaged planes and rows that are made at once: what is in chunks on disk is read once, by chunks."""
    z, y, _ = factor
    depth, height, width = data.shape
    chunks = getattr(data, "chunks", None)
    if not chunks or tuple(chunks) == tuple(data.shape):
        return max(1, SLAB_VOXELS // (z * height * width)), height
    deep, tall = (math.lcm(int(c), f) for c, f in zip(chunks[:2], (z, y), strict=True))
    if deep * tall * width > CHUNKED * SLAB_VOXELS:
        return max(1, SLAB_VOXELS // (z * height * width)), height
    more = max(1, SLAB_VOXELS // (deep * tall * width))
    return min(deep, depth) // z or 1, max(1, tall * more // y)


def _average_slab(
    slab: "NDArray[Any]", weights: "NDArray[np.float32] | None", factor: Triple
) -> "tuple[NDArray[Any], NDArray[Any]]":
    """Return weighted means and mean weights of the blocks of a slab."""
    kind = np.dtype(np.float32 if slab.dtype.str[1:] in _NARROW else np.float64)
    count = math.prod(factor)
    if weights is None:
        sums = _sum_blocks(slab, factor, kind)
        if np.isfinite(sums).all():
            return sums / kind.type(count), np.ones(sums.shape, np.float32)
    good = np.isfinite(slab)
    weights = good.astype(np.float32) if weights is None else weights * good
    sums = _sum_blocks(np.where(good, slab, 0).astype(kind, copy=False) * weights, factor, kind)
    total = _sum_blocks(weights, factor, np.dtype(np.float32))
    filled = total > 0
    return np.where(filled, sums / np.where(filled, total, 1), 0), total / np.float32(count)


def _sum_blocks(slab: "NDArray[Any]", factor: Triple, kind: "np.dtype[Any]") -> "NDArray[Any]":
    """Sum over blocks, z first: nearly all additions are of whole planes."""
    for axis, step in enumerate(factor):
        parts = [slab[(slice(None),) * axis + (slice(k, None, step),)] for k in range(step)]
        total = parts[0].astype(kind)
        for part in parts[1:]:
            total += part
        slab = total
    return slab
