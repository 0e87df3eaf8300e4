"""A function of a neighbourhood applied to a volume of any size: block by block, with the voxels around each block."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from segmentation.inputs import check_shape
from volio import InputError, LazyArray, Progress, Volume, available_memory, read, write
from volio.blocks import completed_blocks

if TYPE_CHECKING:
    from volio import Checkpoint, Executor
    from volio.blocks import ExecutorName

__all__ = ["BLOCK", "BlockOptions", "block_boxes", "chunks_of", "crop_margin", "map_blocks", "overlaps", "read_padded"]

#: Edge of a block in voxels: many features of one fit into memory and, mostly, into the cache. A shard of OME-Zarr is
#: a whole number of blocks.
BLOCK: Final = 64
#: Edge of a block that is sent to another process or kept: large beside its halo, and small beside the memory.
KEPT: Final = 128

Box = tuple[slice, ...]
Function = Callable[[NDArray[Any]], NDArray[Any]]


class BlockOptions(TypedDict, total=False):
    """How a volume is worked on, block by block, and where the result goes: options of all functions that do so.

    Whatever they are, the result is the same to the last bit.

    Attributes
    ----------
    target : path, optional
        File for the result, as a rule ``NAME.ome.zarr``, which is written while it is computed and stays on disk;
        without it the result is in memory.
    overwrite : bool
        Replace an existing target.
    threads : int, optional
        How many blocks at once; `volio.default_threads` when not given.
    progress : bool
        Show a bar.
    executor : {"serial", "threads", "processes", "dask"} or Executor, optional
        Where the blocks are computed; threads when not given.
    checkpoint : Checkpoint, optional
        Where finished blocks are kept, to go on from (`volio.open_checkpoint`): one for each call.
    """

    target: str | Path | None
    overwrite: bool
    threads: int | None
    progress: bool
    executor: "ExecutorName | Executor | None"
    checkpoint: "Checkpoint | None"


def block_boxes(shape: Sequence[int], edge: int = BLOCK) -> list[Box]:
    """Cut a volume into blocks of `edge` voxels a side, those at the end being smaller.

    Parameters
    ----------
    shape : 3 ints
        Shape (z, y, x).
    edge : int
        Voxels.

    Returns
    -------
    list of 3 slices
        In the order of memory.
    """
    ranges = [[slice(start, min(start + edge, n)) for start in range(0, n, edge)] for n in shape]
    return list(itertools.product(*ranges))


def chunks_of(volume: Volume | None, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the chunks that a volume is stored in, or else cubes of 64 voxels, for what is computed of it."""
    chunks = None if volume is None else getattr(volume.data, "chunks", None)
    if isinstance(chunks, tuple) and all(isinstance(n, int) for n in chunks):
        return chunks
    return tuple(min(64, n) for n in shape)


def crop_margin(block: NDArray[Any], margin: int) -> NDArray[Any]:
    """Return a block (..., z, y, x) without `margin` voxels on each side."""
    return block[(..., *(slice(margin, -margin or None),) * 3)]


def overlaps(box: Box, shape: Sequence[int], edge: int) -> Iterator[tuple[Box, Box, Box]]:
    """Find the blocks of `edge` voxels (see `block_boxes`) that a box has a part of.

    Yields
    ------
    block, inside, outside : 3 slices each
        The block; the part within it; the same part within the box.
    """
    ranges = [range(s.start // edge, -(-s.stop // edge)) for s in box]
    for place in itertools.product(*ranges):
        block = tuple(slice(i * edge, min((i + 1) * edge, n)) for i, n in zip(place, shape, strict=True))
        part = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(block, box, strict=True)]
        inside, outside = (
            tuple(slice(p.start - o.start, p.stop - o.start) for p, o in zip(part, other, strict=True))
            for other in (block, box)
        )
        yield block, inside, outside


def read_padded(data: Any, box: Box, halo: int = 0, mask: Any = None) -> NDArray[Any]:
    """Read a block and `halo` voxels around it; beyond the faces of the volume it is mirrored.

    The mirror lies on the outer face of the last voxel ("symmetric" in NumPy, "reflect" in SciPy).

    Parameters
    ----------
    data : array, shape (z, y, x)
        In memory or on disk.
    box : 3 slices
        The block.
    halo : int
        Voxels.
    mask : array, shape (z, y, x), optional
        NaN where it is zero is read as 0.

    Returns
    -------
    array
        `halo` voxels larger than the block on each side.

    Raises
    ------
    InputError
        If a voxel is NaN or infinite.
    """
    inner, widths = [], []
    for part, n in zip(box, data.shape, strict=True):
        start, stop = max(part.start - halo, 0), min(part.stop + halo, n)
        inner.append(slice(start, stop))
        widths.append((start - part.start + halo, part.stop + halo - stop))
    block = np.asarray(data[tuple(inner)])
    if mask is not None and block.dtype.kind == "f":
        block = np.where((np.asarray(mask[tuple(inner)]) == 0) & ~np.isfinite(block), block.dtype.type(0), block)
    if block.dtype.kind == "f" and not np.isfinite(block).all():
        place = tuple(int(i) + s.start for i, s in zip(np.argwhere(~np.isfinite(block))[0], inner, strict=True))
        raise InputError(f"the volume holds NaN or infinite voxels, the first at {place}: crop or fill them first")
    return np.pad(block, widths, mode="symmetric") if any(map(any, widths)) else block


@dataclass(frozen=True)
class _Computed:
    """Reads a block of a source and applies the function to parts of it, so that memory stays small."""

    source: Any
    function: Function
    halo: int
    edge: int
    dtype: np.dtype[Any]
    mask: Any
    outside: int

    def __call__(self, box: Box) -> NDArray[Any]:
        padded = read_padded(self.source, box, self.halo, self.mask)
        shape = tuple(s.stop - s.start for s in box)
        result = np.empty(shape, self.dtype)
        for part in block_boxes(shape, self.edge):
            result[part] = self.function(padded[tuple(slice(s.start, s.stop + 2 * self.halo) for s in part)])
        if self.mask is not None:
            result[np.asarray(self.mask[box]) == 0] = self.outside
        return result


@dataclass(frozen=True)
class _Kept:
    """Reads what was computed from the blocks that are kept; those that are damaged are computed again."""

    computed: _Computed
    checkpoint: "Checkpoint"
    shape: tuple[int, ...]

    def __call__(self, box: Box) -> NDArray[Any]:
        result = np.empty([s.stop - s.start for s in box], self.computed.dtype)
        for whole, inside, outside in overlaps(box, self.shape, KEPT):
            kept = self.checkpoint.load(_name(whole))
            block = self.computed(whole) if kept is None else kept["block"]
            result[outside] = block[inside]
        return result


def map_blocks(
    volume: Volume,
    function: Function,
    *,
    dtype: Any,
    halo: int = 0,
    edge: int = BLOCK,
    mask: Volume | None = None,
    outside: int = 0,
    label: str = "filtering",
    pyramid: Literal["mean", "nearest"] = "mean",
    metadata: dict[str, Any] | None = None,
    target: str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: bool = False,
    executor: "ExecutorName | Executor | None" = None,
    checkpoint: "Checkpoint | None" = None,
) -> Volume:
    """Apply a function of a neighbourhood to all of a volume.

    Parameters
    ----------
    volume : Volume
        In memory or on disk.
    function : callable
        Takes a block with `halo` more voxels on each side, and returns the block without them. Called by several
        threads at once; for processes and dask it must be picklable.
    dtype : dtype
        Type of what it returns.
    halo : int
        How far the function looks, in voxels.
    edge : int
        Largest edge of a block that the function is given, without its halo.
    mask : Volume, optional
        Where it is zero, the result is `outside`, and NaN is read as 0.
    outside : int
        See `mask`.
    label : str
        What is being done, for the bar.
    pyramid : {"mean", "nearest"}
        How coarser copies in an OME-Zarr target are made.
    metadata : dict, optional
        Metadata of the result; those of the volume when not given.
    target, overwrite, threads, progress, executor, checkpoint
        See `BlockOptions`. OME-Zarr is written a shard a task.

    Returns
    -------
    Volume

    Raises
    ------
    InputError
        If a voxel is NaN or infinite, the mask has another shape, or the result does not fit into memory and there is
        no target.
    OutputError
        If the target cannot be written.
    """
    if mask is not None:
        check_shape(mask, volume, "mask")
    computed = _Computed(
        volume.data, function, halo, edge, np.dtype(dtype), None if mask is None else mask.data, outside
    )
    result = replace(volume, metadata=volume.metadata if metadata is None else metadata)
    boxes = block_boxes(volume.shape, edge if executor is None and checkpoint is None else KEPT)
    source: _Computed | _Kept = computed
    if checkpoint is not None:
        with _bar(progress, boxes, label) as bar:
            source = _keep(computed, volume.shape, boxes, checkpoint, bar, threads=threads, executor=executor)
        progress, executor = False, None
    if target is not None and executor is None:
        return _written(result, source, computed, target, overwrite, threads, progress, pyramid)
    with _bar(progress, boxes, label) as bar:
        data = _assemble(source, volume, computed.dtype, boxes, bar, threads=threads, executor=executor)
    if target is None:
        return replace(result, data=data)
    return _written(result, data.__getitem__, computed, target, overwrite, threads, False, pyramid)


def _written(
    volume: Volume,
    source: Any,
    computed: _Computed,
    target: str | Path,
    overwrite: bool,
    threads: int | None,
    progress: bool,
    pyramid: Literal["mean", "nearest"],
) -> Volume:
    """Write what `source` reads and open it from there."""
    # without a halo it costs nothing to compute by the pages of the source, and each is read once
    chunks = chunks_of(volume if computed.halo == 0 else None, volume.shape)
    lazy = LazyArray(source, volume.shape, computed.dtype, chunks=chunks, name=volume.name or "volume")
    zarr = Path(target).suffix == ".zarr"
    write(
        replace(volume, data=lazy),
        target,
        overwrite=overwrite,
        progress=progress,
        pyramid=pyramid if zarr else None,
        threads=threads,
    )
    return replace(volume, data=read(target, lazy=True).data)


def _bar(progress: bool, boxes: list[Box], label: str) -> AbstractContextManager[Progress | None]:
    return Progress(len(boxes), unit="blocks", label=label) if progress else nullcontext()


def _assemble(
    source: Any, volume: Volume, dtype: np.dtype[Any], boxes: list[Box], bar: Progress | None, **work: Any
) -> NDArray[Any]:
    """Compute all blocks and put them together in memory."""
    size = volume.size * dtype.itemsize
    if volume.is_lazy and size > available_memory():
        raise InputError(f"the result takes {size / 1e9:.1f} GB, more than is free: name an OME-Zarr file as target")
    whole = np.empty(volume.shape, dtype)
    with ExitStack() as stack:
        for index, block in completed_blocks(stack, source, boxes, **work):
            whole[boxes[index]] = block
            if bar is not None:
                bar.update()
    return whole


def _keep(
    computed: _Computed,
    shape: tuple[int, ...],
    boxes: list[Box],
    checkpoint: "Checkpoint",
    bar: Progress | None,
    **work: Any,
) -> _Kept:
    """Compute the blocks that are not kept yet, and keep them."""
    done = set(checkpoint.names())
    todo = [box for box in boxes if _name(box) not in done]
    if bar is not None and len(todo) < len(boxes):
        bar.skip(len(boxes) - len(todo))
    with ExitStack() as stack:
        for index, block in completed_blocks(stack, computed, todo, **work) if todo else ():
            checkpoint.save(_name(todo[index]), {"block": block})
            if bar is not None:
                bar.update()
    return _Kept(computed, checkpoint, shape)


def _name(box: Box) -> str:
    return "-".join(f"{s.start}_{s.stop}" for s in box)
