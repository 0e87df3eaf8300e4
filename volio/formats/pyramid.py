"""Zarr arrays written by whole shards, and the coarser levels made from them."""

import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volio.blocks import run_blocks
from volio.errors import InputError
from volio.lazy import Box, LazyArray, slabs

__all__ = ["CHUNK", "SHARD", "check_whole_shards", "halved", "level_shapes", "write_level", "write_shards"]

CHUNK, SHARD = 64, 256
#: A level of at most this many voxels a side gets no coarser one.
COARSEST = 128

Shape = tuple[int, int, int]


def level_shapes(shape: Shape) -> list[Shape]:
    """Return the shapes of all levels: each half of the one before, rounded up."""
    shapes = [shape]
    while max(shapes[-1]) > COARSEST:
        z, y, x = ((n + 1) // 2 for n in shapes[-1])
        shapes.append((z, y, x))
    return shapes


def check_whole_shards(block: Box, shape: Sequence[int], shards: Sequence[int]) -> None:
    """Refuse a block that covers part of a shard: two writers in one shard lose voxels silently.

    Parameters
    ----------
    block : 3 slices
        What one task writes.
    shape, shards : 3 ints
        Shape of the array and of its shards.

    Raises
    ------
    InputError
        If a bound is neither a multiple of the shard nor the end of the array.
    """
    for axis, part, n, side in zip("zyx", block, shape, shards, strict=True):
        if part.start % side or (part.stop % side and part.stop != n):
            raise InputError(
                f"block {part.start}:{part.stop} along {axis} cuts a shard of {side}: a task must write whole shards"
            )


def write_shards(
    group: Any, name: str, data: Any, *, scratch: Path, threads: int | None, done: Callable[[int], None]
) -> Any:
    """Copy `data` into a new array of the group, each task a whole shard.

    Where a shard needs only part of the pages that must be decoded for it, each layer of shards is first decoded
    into the file `scratch`: no page is decoded twice, and memory stays that of the shards in work.
    """
    shape = tuple(int(n) for n in data.shape)
    array = _new_array(group, name, shape, np.dtype(data.dtype))
    blocks = _shards(shape, array.shards)
    for start, layer in itertools.groupby(blocks, key=lambda block: block[0].start):
        part = list(layer)
        spool = len(part) > 1 and isinstance(data, LazyArray) and _cuts_pages(data, part[0])
        source, shift = (_spooled(data, part[0][0], scratch), start) if spool else (data, 0)

        def copy(block: Box, source: Any = source, shift: int = shift) -> None:
            check_whole_shards(block, shape, array.shards)
            array[block] = np.asarray(source[slice(block[0].start - shift, block[0].stop - shift), *block[1:]])

        run_blocks(copy, part, threads=threads, progress=_Report(done), weight=_voxels)
    scratch.unlink(missing_ok=True)
    return array


def _cuts_pages(data: LazyArray, block: Box) -> bool:
    return any(side > part.stop - part.start for side, part in zip(data.chunks[1:], block[1:], strict=True))


def _spooled(data: LazyArray, z: slice, scratch: Path) -> LazyArray:
    """Write the planes `z` to a plain file and return them."""
    layer = data.crop((z, slice(0, data.shape[1]), slice(0, data.shape[2])))
    with scratch.open("wb") as file:
        for _, slab in slabs(layer):
            file.write(slab.data)

    def read(box: Box) -> NDArray[Any]:
        # mapped anew each time, so that pages once seen do not add up in memory
        return np.array(np.memmap(scratch, data.dtype, "r", 0, layer.shape)[box])

    return LazyArray(read, layer.shape, data.dtype, name=str(scratch))


def write_level(group: Any, name: str, finer: Any, how: str, *, threads: int | None) -> Any:
    """Make the next coarser level from the array `finer`; memory is that of a shard and a thin slab a task."""
    shape = tuple((n + 1) // 2 for n in finer.shape)
    array = _new_array(group, name, shape, finer.dtype)

    def coarsen(block: Box) -> None:
        check_whole_shards(block, shape, array.shards)
        result = np.empty([s.stop - s.start for s in block], finer.dtype)
        planes = CHUNK // 2
        for start in range(block[0].start, block[0].stop, planes):
            part = (slice(start, min(start + planes, block[0].stop)), *block[1:])
            source = tuple(slice(2 * s.start, min(2 * s.stop, n)) for s, n in zip(part, finer.shape, strict=True))
            result[start - block[0].start : part[0].stop - block[0].start] = halved(np.asarray(finer[source]), how)
        array[block] = result

    run_blocks(coarsen, _shards(shape, array.shards), threads=threads)
    return array


def halved(block: NDArray[Any], how: str) -> NDArray[Any]:
    """Return `block` at half the resolution, an odd end standing for itself.

    Parameters
    ----------
    block : array, shape (z, y, x)
        Grey values or labels.
    how : {"mean", "nearest"}
        Means of 2 x 2 x 2 voxels, rounded in whole-number types; or every second voxel.
    """
    if how == "nearest":
        return block[::2, ::2, ::2]
    even = np.pad(block, [(0, n % 2) for n in block.shape], mode="edge")
    wide = block.dtype.itemsize > (2 if block.dtype.kind in "iu" else 4)
    total: NDArray[np.floating[Any]] = even.astype(np.float64 if wide else np.float32, copy=False)
    total = total[0::2] + total[1::2]
    total = total[:, 0::2] + total[:, 1::2]
    total = (total[:, :, 0::2] + total[:, :, 1::2]) / 8
    if block.dtype.kind in "iu":
        total = np.rint(total)
    if block.dtype.kind in "iu" and block.dtype.itemsize == 8:
        # the largest 64-bit numbers have no neighbour in float64 that fits
        info = np.iinfo(block.dtype)
        total = np.clip(total, info.min, np.nextafter(float(info.max), 0))
    result: NDArray[Any] = total.astype(block.dtype)
    return result


class _Report:
    """Progress told to a function."""

    def __init__(self, done: Callable[[int], None]) -> None:
        self.done = done

    def update(self, n: int = 1) -> None:
        self.done(n)


def _voxels(block: Box) -> int:
    return math.prod(s.stop - s.start for s in block)


def _new_array(group: Any, name: str, shape: Sequence[int], dtype: np.dtype[Any]) -> Any:
    chunks = tuple(min(CHUNK, n) for n in shape)
    shards = tuple(min(SHARD // c * c, math.ceil(n / c) * c) for n, c in zip(shape, chunks, strict=True))
    return group.create_array(
        name, shape=tuple(shape), dtype=dtype, chunks=chunks, shards=shards, dimension_names=("z", "y", "x")
    )


def _shards(shape: Sequence[int], shards: Sequence[int]) -> list[Box]:
    """Return what each task writes: one whole shard, cut off at the end of the array."""
    ranges = [range(0, n, side) for n, side in zip(shape, shards, strict=True)]
    return [
        tuple(slice(start, min(start + side, n)) for start, side, n in zip(corner, shards, shape, strict=True))
        for corner in itertools.product(*ranges)
    ]
