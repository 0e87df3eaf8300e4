"""A function of a neighbourhood applied to a volume of any size: block by block, with the voxels around each block."""

import itertools
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from segmentation.inputs import check_shape
from volio import InputError, LazyArray, Progress, Volume, available_memory, read, write
from volio.blocks import completed_blocks

__all__ = ["BLOCK", "block_boxes", "map_blocks", "read_padded"]

#: Edge of a block in voxels: many features of one fit into memory and, mostly, into the cache. A shard of OME-Zarr is
#: a whole number of blocks.
BLOCK: Final = 64

Box = tuple[slice, ...]
Function = Callable[[NDArray[Any]], NDArray[Any]]


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


def map_blocks(
    volume: Volume,
    function: Function,
    *,
    dtype: Any,
    halo: int = 0,
    edge: int = BLOCK,
    mask: Volume | None = None,
    outside: int = 0,
    target: str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: bool = False,
    label: str = "filtering",
    pyramid: Literal["mean", "nearest"] = "mean",
    metadata: dict[str, Any] | None = None,
) -> Volume:
    """Apply a function of a neighbourhood to all of a volume.

    Parameters
    ----------
    volume : Volume
        In memory or on disk.
    function : callable
        Takes a block with `halo` more voxels on each side, and returns the block without them. Called by several
        threads at once.
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
    target : path, optional
        File for the result, which then is computed while it is written (a shard of OME-Zarr a task) and stays on
        disk; without it the result is in memory.
    overwrite : bool
        Replace an existing target.
    threads : int, optional
        How many blocks at once; the result does not depend on it.
    progress : bool
        Show a bar.
    label : str
        What is being done, for the bar.
    pyramid : {"mean", "nearest"}
        How coarser copies in an OME-Zarr target are made.
    metadata : dict, optional
        Metadata of the result; those of the volume when not given.

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
    found = volume.metadata if metadata is None else metadata
    if target is not None:
        return _written(replace(volume, metadata=found), computed, target, overwrite, threads, progress, pyramid)
    size = volume.size * computed.dtype.itemsize
    if volume.is_lazy and size > available_memory():
        raise InputError(f"the result takes {size / 1e9:.1f} GB, more than is free: name an OME-Zarr file as target")
    result = np.empty(volume.shape, computed.dtype)
    boxes = block_boxes(volume.shape, edge)
    with ExitStack() as stack:
        bar = stack.enter_context(Progress(len(boxes), unit="blocks", label=label)) if progress else None
        for index, block in completed_blocks(stack, computed, boxes, threads=threads):
            result[boxes[index]] = block
            if bar is not None:
                bar.update()
    return replace(volume, data=result, metadata=found)


def _written(
    volume: Volume,
    computed: _Computed,
    target: str | Path,
    overwrite: bool,
    threads: int | None,
    progress: bool,
    pyramid: Literal["mean", "nearest"],
) -> Volume:
    """Write what is computed and open it from there."""
    # without a halo it costs nothing to compute by the pages of the source, and each is read once
    chunks = getattr(volume.data, "chunks", None) if computed.halo == 0 else None
    if not (isinstance(chunks, tuple) and all(isinstance(n, int) for n in chunks)):
        chunks = tuple(min(64, n) for n in volume.shape)
    lazy = LazyArray(computed, volume.shape, computed.dtype, chunks=chunks, name=volume.name or "volume")
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
