"""Pore sizes of volumes larger than memory, in chunks, with the same result as in one piece.

A first pass finds the largest distance to a wall: around each chunk as many voxels more are read until nothing that
was not read can be nearer than the wall that was found. With the radius R of the largest sphere, a second pass reads 2
R + 1 voxels more on all sides: the centres whose spheres reach the chunk lie within R, and their walls within R of
them.
"""

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from porosity.distance import (
    FAR,
    Walls,
    check_largest,
    check_walls,
    fill_distances,
    inner_part,
    length_of,
    lower_to_walls,
)
from porosity.painting import count_levels, paint_balls, reach_of
from porosity.pore_space import PoreSpace, Triple
from volio import InputError, LazyArray, Progress, available_memory, default_threads, parse_memory, run_resumable

if TYPE_CHECKING:
    from volio import Checkpoint, Executor
    from volio.blocks import ExecutorName

__all__ = ["Chunking", "count_in_chunks", "interior_box", "lazy_thickness"]

Box = tuple[slice, slice, slice]

#: Bytes of a voxel of a chunk: pores, distances, and painted distances.
VOXEL_BYTES = 6
#: Share of the free memory that chunks take where nothing else is asked for.
MEMORY_SHARE = 0.5
#: Least and largest edge of a chunk, and the first guess of the largest distance (voxels).
LEAST_EDGE, MOST_EDGE, FIRST_HALO = 16, 512, 24


@dataclass(frozen=True, eq=False)
class Chunking:
    """How a volume is measured in chunks.

    Attributes
    ----------
    memory : int or str, optional
        Memory that the chunks in work may take together; half of what is free when not given.
    checkpoint : Checkpoint, optional
        Where finished chunks are kept.
    executor : name or Executor, optional
        Where the chunks are measured.
    threads : int, optional
        How many chunks are measured at once on this machine.
    """

    memory: int | str | None = None
    checkpoint: "Checkpoint | None" = None
    executor: "ExecutorName | Executor | None" = None
    threads: int | None = None

    def boxes(self, shape: Triple, halo: Triple, itemsize: int = 2) -> list[Box]:
        """Cut a volume into chunks that fit into the memory with `halo` voxels more on all sides.

        Raises
        ------
        InputError
            If none does.
        """
        limit = int(available_memory() * MEMORY_SHARE) if self.memory is None else parse_memory(self.memory)
        at_once = 1 if self.executor == "serial" else self.threads or default_threads()
        edge = MOST_EDGE
        while _read_voxels(edge, shape, halo) * (VOXEL_BYTES + 2 * (itemsize - 2)) * at_once > limit:
            edge -= 8
            if edge < LEAST_EDGE:
                least = _read_voxels(LEAST_EDGE, shape, halo) * VOXEL_BYTES * at_once
                raise InputError(
                    f"memory of {limit / 1e6:.0f} MB is too little for the largest pores, of radius {max(halo) // 2} "
                    f"voxels: give at least {least / 1e6:.0f} MB, or fewer threads"
                )
        ranges = [range(0, n, -(-n // -(-n // edge))) for n in shape]
        return [
            (z, y, x)
            for z, y, x in itertools.product(
                *([slice(a, min(a + r.step, n)) for a in r] for r, n in zip(ranges, shape, strict=True))
            )
        ]


def _read_voxels(edge: int, shape: Triple, halo: Triple) -> int:
    return int(np.prod([min(edge + 2 * h, n) for h, n in zip(halo, shape, strict=True)]))


def count_in_chunks(
    space: PoreSpace, *, walls: Walls, chunking: Chunking
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many pore voxels have the squared radius 0, 1, 2, ...: of all, and of those in the interior.

    Raises
    ------
    InputError
        If there is no pore, no wall at all, or too little memory.
    """
    largest = find_largest(space, walls=walls, chunking=chunking)
    halo = _halo(largest, space.weights)
    boxes = chunking.boxes(space.shape, halo, 2 if largest < FAR["uint16"] else 4)
    results = _run(_CountSizes(space, walls, largest), boxes, chunking, "sizes")
    whole = np.sum([result["whole"] for result in results], axis=0)
    inside = np.sum([result["inside"] for result in results], axis=0)
    return whole, inside


def find_largest(space: PoreSpace, *, walls: Walls, chunking: Chunking) -> int:
    """Return the largest squared distance to a wall, chunk by chunk.

    Raises
    ------
    InputError
        If there is no pore, or no wall at all.
    """
    check_walls(walls)
    boxes = chunking.boxes(space.shape, (2 * FIRST_HALO,) * 3)
    found = _run(_FindLargest(space, walls), boxes, chunking, "distances")
    largest = max(int(result["largest"]) for result in found)
    check_largest(largest)
    return largest


def interior_box(space: PoreSpace, largest: int) -> Box:
    """Return the box of what is further from all faces than the diameter of the largest sphere; it may be empty."""
    z, y, x = (
        slice(2 * r + 1, max(n - 2 * r - 1, 2 * r + 1))
        for r, n in zip(reach_of(largest, space.weights), space.shape, strict=True)
    )
    return z, y, x


def lazy_thickness(space: PoreSpace, *, walls: Walls, chunking: Chunking) -> LazyArray:
    """Return the local thickness (z, y, x), float32, computed where it is read."""
    largest = find_largest(space, walls=walls, chunking=chunking)
    box = chunking.boxes(space.shape, _halo(largest, space.weights))[0]
    chunks = [s.stop - s.start for s in box]
    return LazyArray(_ReadThickness(space, walls, largest), space.shape, np.float32, chunks=chunks, name="thickness")


def _run(task: Any, boxes: list[Box], chunking: Chunking, kind: str) -> list[dict[str, NDArray[Any]]]:
    def name(box: Box) -> str:
        return "-".join([kind, *(f"{s.start}_{s.stop}" for s in box)])

    with Progress(len(boxes), unit="chunks", label=f"measuring {kind}") as progress:
        return run_resumable(
            task,
            boxes,
            names=name,
            checkpoint=chunking.checkpoint,
            threads=chunking.threads,
            executor=chunking.executor,
            progress=progress,
        )


def _halo(largest: int, weights: Triple) -> Triple:
    z, y, x = (2 * reach + 1 for reach in reach_of(largest, weights))
    return z, y, x


def _grow(box: Box, halo: Triple, shape: Triple) -> tuple[Box, Box]:
    """Return a box with a halo, cut at the faces of the volume, and where the box lies in it."""
    outer = [slice(max(s.start - h, 0), min(s.stop + h, n)) for s, h, n in zip(box, halo, shape, strict=True)]
    inner = [slice(s.start - o.start, s.stop - o.start) for s, o in zip(box, outer, strict=True)]
    return (outer[0], outer[1], outer[2]), (inner[0], inner[1], inner[2])


@dataclass(frozen=True, eq=False)
class _Chunk:
    """What all tasks need; can be sent to another process."""

    space: PoreSpace
    walls: Walls

    def fill(self, box: Box, halo: Triple) -> tuple[NDArray[Any], Box]:
        """Return the padded map of squared distances of a box with its halo, and where the box lies in the map."""
        outer, inner = _grow(box, halo, self.space.shape)
        pores = np.ascontiguousarray(self.space.data[outer])
        field, _ = fill_distances(pores, self.space.weights, threads=1)
        if self.walls == "all":
            lower_to_walls(inner_part(field), outer, self.space)
        return field, inner


@dataclass(frozen=True, eq=False)
class _FindLargest(_Chunk):
    """Find the largest squared distance in a box."""

    def __call__(self, box: Box) -> dict[str, Any]:
        shape, weights = self.space.shape, self.space.weights
        halo: Triple = (FIRST_HALO,) * 3
        while True:
            field, inner = self.fill(box, halo)
            largest = int(inner_part(field)[inner].max())
            outer = _grow(box, halo, shape)[0]
            # what was not read is at least this far away
            sure = [
                weight * (h + 1) ** 2
                for weight, h, o, n in zip(weights, halo, outer, shape, strict=True)
                if o.start > 0 or o.stop < n
            ]
            if largest <= min(sure, default=largest):
                return {"largest": largest}
            wanted = reach_of(largest, weights)
            z, y, x = (min(max(w + 1, h), 2 * h) for w, h in zip(wanted, halo, strict=True))
            halo = (z, y, x)


@dataclass(frozen=True, eq=False)
class _PaintChunk(_Chunk):
    """Paint the squared local thickness of a box."""

    largest: int

    def paint(self, box: Box) -> NDArray[Any]:
        """Return squared radii of the voxels in the box."""
        weights = self.space.weights
        field, inner = self.fill(box, _halo(self.largest, weights))
        found = inner_part(field)
        # further out distances are not known for sure, and no sphere reaches the box from there
        np.minimum(found, min(self.largest, int(np.iinfo(found.dtype).max)), out=found)
        reach = reach_of(self.largest, weights)
        near_z, near_y = (
            (max(s.start - r, 0), min(s.stop + r, n))
            for s, r, n in zip(inner[:2], reach[:2], found.shape[:2], strict=True)
        )
        painted = paint_balls(field, weights, self.largest, threads=1, centres=(near_z, near_y))
        return inner_part(painted)[inner]


@dataclass(frozen=True, eq=False)
class _CountSizes(_PaintChunk):
    """Count the squared radii of a box."""

    def __call__(self, box: Box) -> dict[str, Any]:
        found = self.paint(box)
        within = tuple(
            slice(max(i.start - b.start, 0), max(min(i.stop, b.stop) - b.start, 0))
            for i, b in zip(interior_box(self.space, self.largest), box, strict=True)
        )
        whole = count_levels(found, self.largest, threads=1)
        inside = count_levels(found[within], self.largest, threads=1)
        whole[0] = inside[0] = 0
        return {"whole": whole, "inside": inside}


@dataclass(frozen=True, eq=False)
class _ReadThickness(_PaintChunk):
    """Compute the local thickness of a part that is read."""

    def __call__(self, box: tuple[slice, ...]) -> NDArray[np.float32]:
        found = self.paint((box[0], box[1], box[2]))
        return length_of(found, self.space.step)
