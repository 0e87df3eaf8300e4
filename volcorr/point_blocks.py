"""Blocks of measurement points: what is read, refined and kept as one piece of work.

What a point gives depends neither on the block it is in nor on where the block runs.
"""

import hashlib
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from volcorr.grid import Grid
from volcorr.icgn import Matching, Refined, refine
from volcorr.windows import SLAB, Grey
from volio.checkpoint import Checkpoint, run_resumable
from volio.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from volio.blocks import Executor
    from volio.progress import SupportsUpdate

__all__ = ["Measurement", "PointBlock", "block_bytes", "cut_grid"]

#: Bytes of a voxel of a block: reference, coefficients, and room for a mask.
VOXEL_BYTES = 10
#: Share by which the deformed part of a block may be longer than its reference part.
SLACK = 0.1
#: Points of a block at most: what a run that is ended loses.
MOST_POINTS = 30_000
#: Bytes of a block at most: a larger one would save little of what neighbouring blocks both read.
MOST_BYTES = 300_000_000


@dataclass(frozen=True, eq=False)
class PointBlock:
    """Points (n, 3), their start values (n, 3, 4 or 10), and the name under which the block is kept."""

    name: str
    points: "NDArray[np.int64]"
    start: "NDArray[np.float64]"


def _named_block(name: str, points: "NDArray[np.int64]", start: "NDArray[np.float64]") -> PointBlock:
    """Return a block whose name tells what is in it: one that was cut otherwise is not taken for it."""
    digest = hashlib.sha256(np.ascontiguousarray(points).tobytes() + np.ascontiguousarray(start).tobytes())
    return PointBlock(f"{name}-{digest.hexdigest()[:12]}", points, start)


@dataclass(frozen=True, eq=False)
class _RefineBlock:
    """The task: refine the points of a block; can be sent to another process."""

    reference: Grey
    deformed: Grey
    matching: Matching
    threads: int | None

    def __call__(self, block: PointBlock, progress: "SupportsUpdate | None" = None) -> "dict[str, NDArray[Any]]":
        found = refine(
            self.reference,
            self.deformed,
            block.points,
            block.start,
            self.matching,
            threads=self.threads,
            progress=progress,
        )
        return {field.name: getattr(found, field.name) for field in fields(found)}


@dataclass(frozen=True, eq=False)
class Measurement:
    """How points are measured, and where.

    Attributes
    ----------
    reference, deformed : Grey
        The two volumes.
    matching : Matching
        How subsets are matched.
    threads : int, optional
        Threads inside a block, where there is no executor.
    executor : Executor, optional
        Runs whole blocks side by side, each on one thread; without it one block runs at a time, on all threads.
    checkpoint : Checkpoint, optional
        Keeps finished blocks.
    """

    reference: Grey
    deformed: Grey
    matching: Matching
    threads: int | None = None
    executor: "Executor | None" = None
    checkpoint: Checkpoint | None = None

    def run(
        self,
        rows: "NDArray[np.intp]",
        points: "NDArray[np.int64]",
        start: "NDArray[np.float64]",
        owner: "NDArray[np.int64]",
        *,
        name: str,
        progress: bool = False,
    ) -> Refined:
        """Measure the points in `rows` from their start values (one for each of them), by the blocks that own them."""
        blocks, places = [], []
        order = np.argsort(owner[rows], kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(owner[rows][order])) + 1):
            if len(part):
                number = int(owner[rows[part[0]]])
                blocks.append(_named_block(f"{name}-{number:06d}", points[rows[part]], start[part]))
                places.append(part)
        result = Refined.unmeasured(np.zeros(len(rows), np.uint8), terms=self.matching.columns)
        with Progress(len(rows)) if progress else nullcontext() as bar:
            for part, arrays in zip(places, self._finish(blocks, bar), strict=True):
                result.put(part, Refined(**arrays))
        return result

    def _finish(self, blocks: list[PointBlock], bar: Progress | None) -> "Iterator[dict[str, NDArray[Any]]]":
        task = _RefineBlock(self.reference, self.deformed, self.matching, 1 if self.executor else self.threads)
        if self.executor is not None:
            yield from run_resumable(
                task,
                blocks,
                names=lambda block: block.name,
                checkpoint=self.checkpoint,
                executor=self.executor,
                progress=bar,
                weight=lambda block: len(block.points),
            )
            return
        for block in blocks:
            arrays = None if self.checkpoint is None else self.checkpoint.load(block.name)
            if arrays is None:
                arrays = task(block, bar)
                if self.checkpoint is not None:
                    self.checkpoint.save(block.name, arrays)
            elif bar is not None:
                bar.skip(len(block.points))
            yield arrays


def cut_grid(grid: Grid, matching: Matching, *, memory: int, workers: int = 1) -> "NDArray[np.int64]":
    """Return for each point of a grid the number of the block that owns it.

    Parameters
    ----------
    grid : Grid
        The measurement points.
    matching : Matching
        How subsets are matched.
    memory : int
        Bytes that a block may take; more than `MOST_BYTES` are not used.
    workers : int, default: 1
        There are at least this many blocks, as far as there are points.
    """
    cuts = np.ones(3, np.int64)
    shape = np.asarray(grid.shape)
    most = min(memory, MOST_BYTES)

    def size() -> "NDArray[np.int64]":
        return -(-shape // cuts)

    def fits() -> bool:
        count = size()
        small = block_bytes(count, grid.spacing, matching) <= most and np.prod(count) <= MOST_POINTS
        return bool(small and np.prod(cuts) >= workers)

    while not fits() and (size() > 1).any():
        extent = (size() - 1) * np.asarray(grid.spacing)
        cuts[int(np.argmax(extent))] += 1
    index = [np.arange(n) // s for n, s in zip(shape, size(), strict=True)]
    numbers = np.zeros((1, 1, 1), np.int64)
    for axis, part in enumerate(index):
        numbers = numbers * int(part.max() + 1) + part.reshape([-1 if a == axis else 1 for a in range(3)])
    return np.broadcast_to(numbers, grid.shape).reshape(-1)


def block_bytes(count: "NDArray[np.int64]", spacing: tuple[int, int, int], matching: Matching) -> int:
    """Return the bytes that a block of `count` points along z, y, x takes while it is refined."""
    extent = (np.asarray(count) - 1) * np.asarray(spacing)
    half, reach = np.asarray(matching.half), np.asarray(matching.reach)
    box = extent * (1 + SLACK) + 2 * (half + reach + 4)
    filtered = (min(float(box[0]), SLAB) + 2 * matching.interpolation.reach) * (box[1] + 40) * (box[2] + 40) * 16
    return int(np.prod(box) * VOXEL_BYTES + filtered + np.prod(count) * 600)
