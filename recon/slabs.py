"""Slices made slab by slab of detector rows, within a limit of memory, and marked when they are finished."""

import logging
import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from recon.detector_rows import DetectorRows
from recon.disk_array import DiskArray
from recon.kept_slabs import KeptSlabs
from recon.slice_plan import SlicePlan
from volio.blocks import Executor, ExecutorName, ThreadExecutor, completed_blocks
from volio.errors import InputError
from volio.progress import Progress
from volio.simd import LANES

__all__ = ["PROGRAM_BYTES", "SlabLayout", "lay_out", "run_slabs", "slab_bytes"]

logger = logging.getLogger(__name__)

#: Memory of the program with all its packages, and of a worker process.
PROGRAM_BYTES, WORKER_BYTES = 330_000_000, 180_000_000
#: Most slices of a slab: more make nothing faster.
_DEEPEST: Final = 64
#: Sinograms that ring removal holds beside the one that it cleans.
_RING_SINOGRAMS: Final = 8
#: Images and sinograms of eight slices that an iterative method holds.
_ITERATIVE_IMAGES, _ITERATIVE_SINOGRAMS = 12, 8


@dataclass(frozen=True)
class SlabLayout:
    """How slices are shared out.

    Attributes
    ----------
    depth : int
        Slices of a slab.
    at_once : int
        Slabs in work at a time.
    threads : int
        Threads within a slab.
    slab_bytes : int
        Memory of a slab.
    """

    depth: int
    at_once: int
    threads: int
    slab_bytes: int


def slab_bytes(rows: DetectorRows, *, depth: int, shape: Sequence[int], method: str = "fbp", threads: int = 1) -> int:
    """Return the memory in bytes of a slab in work.

    Parameters
    ----------
    rows : DetectorRows
        What slices are made of.
    depth : int
        Slices of the slab.
    shape : pair of ints
        Pixels of a slice.
    method : str
        As `recon.reconstruct` has it.
    threads : int
        That share the slab.
    """
    count, columns = int(rows.projections.shape[0]), int(rows.projections.shape[2])
    height = _rows_of(rows, depth)
    sinogram = 4 * count * columns
    lines = sinogram * height + (sinogram * depth if height != depth else 0)
    rings = _RING_SINOGRAMS * sinogram * threads if rows.rings != "none" else 0
    slices = 4 * math.prod(shape) * depth
    if method in ("sirt", "tv"):
        whole = 4 * round(columns / rows.height) ** 2
        return lines + rings + slices + LANES * (_ITERATIVE_IMAGES * whole + _ITERATIVE_SINOGRAMS * sinogram)
    # rows of eight slices, and filtered with what a slice needs beyond the detector
    return lines + rings + slices + 3 * LANES * sinogram


def lay_out(
    rows: DetectorRows,
    *,
    shape: Sequence[int],
    slices: int,
    memory: int,
    hands: int,
    place: ExecutorName = "threads",
    method: str = "fbp",
) -> SlabLayout:
    """Choose slabs that fit into memory.

    Parameters
    ----------
    rows, shape, method
        See `slab_bytes`.
    slices : int
        How many are made.
    memory : int
        Bytes for all slabs together, and the slices that are finished and not written yet; of dask for each worker.
    hands : int
        Slabs that may be in work at a time: threads, which share a slab where there are not enough slabs; processes or
        workers, each of which has one.
    place : {"threads", "serial", "processes", "dask"}
        Where slabs are made.

    Raises
    ------
    InputError
        If not even a slab of eight slices fits, for each process.
    """
    finished = 4 * math.prod(shape)
    apart = place in ("processes", "dask")
    room = {"processes": memory - hands * WORKER_BYTES, "dask": memory * hands}.get(place, memory)
    most_at_once = max(min(hands, -(-slices // LANES)), 1)
    found: list[SlabLayout] = []
    for at_once in [most_at_once] if apart else range(most_at_once, 0, -1):
        threads = 1 if apart else max(hands // at_once, 1)
        # as deep as there is room, and at least two slabs for each hand
        most = min(_DEEPEST, max(-(-slices // (2 * at_once * LANES)) * LANES, LANES))
        for depth in range(most, 0, -LANES):
            size = slab_bytes(rows, depth=depth, shape=shape, method=method, threads=threads)
            if at_once * (size + finished * depth) <= room:
                found.append(SlabLayout(depth, at_once, threads, size))
                break
    if found and rows.rings == "none":
        return found[0]
    if found:
        # cleaning rows takes longer than anything else: as few as can be are cleaned for two slabs
        return min(found, key=lambda layout: _rows_of(rows, layout.depth) / layout.depth)
    need = slab_bytes(rows, depth=LANES, shape=shape, method=method) + finished * LANES
    whole = need + PROGRAM_BYTES
    if place == "processes":
        whole = most_at_once * need + hands * WORKER_BYTES + PROGRAM_BYTES
    raise InputError(
        f"memory has room for {max(memory, 0) / 1e9:.2f} GB beside the program, a slab of {LANES} slices takes "
        f"{need / 1e9:.2f} GB: give at least {whole / 1e9:.1f}GB{', or fewer workers' if apart else ''}"
    )


def _rows_of(rows: DetectorRows, depth: int) -> int:
    """Return how many detector rows a slab in the middle is made of."""
    middle = max((rows.slices - depth) // 2, 0)
    low, high = rows.span(middle, min(middle + depth, rows.slices))
    return high - low


def run_slabs(
    plan: SlicePlan, out: DiskArray, *, layout: SlabLayout, kept: KeptSlabs, executor: Executor | None = None
) -> int:
    """Make the slices of a plan that are not finished yet.

    Parameters
    ----------
    plan : SlicePlan
        What is made.
    out : DiskArray
        Where slices go, of the shape of the plan.
    layout : SlabLayout
        How they are shared out.
    kept : KeptSlabs
        Knows what is finished.
    executor : Executor, optional
        Where slabs are made; threads of this process when not given.

    Returns
    -------
    int
        How many slices an earlier run had finished.
    """
    low, high = plan.slices
    done = np.zeros(high - low, bool)
    for start, stop in _intact(out, kept.load_slabs(), low):
        done[start - low : stop - low] = True
    blocks = list(_missing(done, layout.depth, low))
    earlier = int(done.sum())
    task = plan.maker(threads=layout.threads)
    with ExitStack() as stack:
        shown = stack.enter_context(Progress(high - low, "slices", "reconstructing"))
        if earlier:
            shown.skip(earlier)
        chosen = executor or ThreadExecutor(layout.at_once)
        finished: Iterator[Any] = completed_blocks(stack, task, blocks, executor=chosen) if blocks else iter(())
        for index, slices in finished:
            start, stop = blocks[index]
            out[start - low : stop - low] = slices
            kept.save_slab(start, stop, _digest(slices))
            shown.update(stop - start)
    return earlier


def _intact(out: DiskArray, marked: dict[tuple[int, int], int], low: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of slices whose voxels are as they were written."""
    for (start, stop), digest in sorted(marked.items()):
        if _digest(out[start - low : stop - low]) == digest:
            yield start, stop
        else:
            logger.warning("slices %d to %d are damaged: they are computed again", start, stop - 1)


def _missing(done: npt.NDArray[np.bool_], depth: int, low: int) -> Iterator[tuple[int, int]]:
    """Yield slabs of at most `depth` slices that cover what is not done."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], done, [True]]).astype(np.int8)))
    for first, end in edges.reshape(-1, 2):
        for start in range(int(first), int(end), depth):
            yield low + start, low + min(start + depth, int(end))


def _digest(slices: npt.NDArray[np.float32]) -> int:
    return zlib.crc32(np.ascontiguousarray(slices).data.cast("B"))
