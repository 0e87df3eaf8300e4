"""Connected components of a volume of any size: numbered in blocks, and joined where blocks meet."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from segmentation.blockwise import block_boxes, overlaps
from volio import InputError, LazyArray, run_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from volio.lazy import Box

__all__ = ["EDGE", "Components", "Connectivity", "find_components", "order_of"]

Connectivity = Literal[6, 18, 26]

#: Edge of the blocks that are numbered by themselves.
EDGE: Final = 128


@dataclass(frozen=True, eq=False)
class _Block:
    """What is kept of a block: per component, and its numbers on the planes that it shares with others."""

    sizes: "NDArray[np.int64]"
    border: "NDArray[np.bool_]"
    marked: "NDArray[np.bool_]"
    first: "NDArray[np.int64]"
    begin: "list[NDArray[np.int32]]"
    end: "list[NDArray[np.int32]]"


@dataclass(frozen=True, eq=False)
class Components:
    """The connected components of the voxels that were selected.

    Attributes
    ----------
    sizes : (n,) int64 array
        Voxels of each component, in the order of their first voxels.
    border : (n,) bool array
        Whether it touches a face of the volume.
    marked : (n,) bool array
        Whether it holds a marked voxel.
    """

    sizes: "NDArray[np.int64]"
    border: "NDArray[np.bool_]"
    marked: "NDArray[np.bool_]"
    _selected: LazyArray = field(repr=False)
    _connectivity: Connectivity = field(repr=False)
    _numbers: "list[NDArray[np.int64]]" = field(repr=False)

    def where(self, keep: "NDArray[np.bool_]") -> LazyArray:
        """Return where the components are for which `keep` (n,) is true: bool voxels, made when they are read."""
        kept = [np.concatenate([[False], keep[numbers]]) for numbers in self._numbers]
        shape = self._selected.shape
        read = _Chosen(self._selected, self._connectivity, kept)
        return LazyArray(read, shape, np.bool_, chunks=[min(64, n) for n in shape])

    def largest(self) -> "NDArray[np.bool_]":
        """Return which component is the largest, the first of them if several are."""
        keep = np.zeros(self.sizes.size, np.bool_)
        if keep.size:
            keep[self.sizes.argmax()] = True
        return keep


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Reads where some components are; `kept` says of the numbers of each block which."""

    selected: LazyArray
    connectivity: Connectivity
    kept: "list[NDArray[np.bool_]]"

    def __call__(self, box: "Box") -> "NDArray[np.bool_]":
        result = np.zeros([s.stop - s.start for s in box], np.bool_)
        grid = [math.ceil(n / EDGE) for n in self.selected.shape]
        for core, inside, outside in overlaps(box, self.selected.shape, EDGE):
            kept = self.kept[int(np.ravel_multi_index([s.start // EDGE for s in core], grid))]
            if kept.any():
                result[outside] = kept[_numbered(self.selected, core, self.connectivity)[0][inside]]
        return result


def order_of(connectivity: Connectivity) -> int:
    """Return along how many axes at once neighbours may lie: 1 through faces, 2 edges too, 3 corners too.

    Raises
    ------
    InputError
        If the connectivity is not 6, 18 or 26.
    """
    orders = {6: 1, 18: 2, 26: 3}
    if connectivity not in orders:
        raise InputError(f"connectivity must be 6, 18 or 26 neighbours, got {connectivity!r}")
    return orders[connectivity]


def find_components(
    selected: Any, *, marks: Any = None, connectivity: Connectivity = 6, threads: int | None = None
) -> Components:
    """Find the connected components of the voxels that are not zero.

    Blocks of 128^3 voxels and one plane of the next blocks are numbered by themselves; the numbers that two blocks give
    to the same voxels are then joined. Only those planes are kept, and each block is numbered again when it is asked
    for, so a volume of any size will do.

    Parameters
    ----------
    selected : array, shape (z, y, x)
        In memory or on disk.
    marks : array, shape (z, y, x), optional
        Components are told apart by whether one of these voxels is not zero.
    connectivity : {6, 18, 26}
        Neighbours of a voxel: through faces, edges too, or corners too.
    threads : int, optional
        How many blocks at once; the result does not depend on it.

    Returns
    -------
    Components

    Raises
    ------
    InputError
        If the connectivity is another number.
    """
    order_of(connectivity)
    source = LazyArray.wrap(selected)
    boxes = block_boxes(source.shape, EDGE)
    blocks = run_blocks(lambda box: _examine(source, marks, box, connectivity), boxes, threads=threads)
    offsets = np.concatenate([[0], np.cumsum([block.sizes.size for block in blocks])])
    count = int(offsets[-1])
    joined = _join(list(_same(blocks, boxes, source.shape, offsets)), count)
    first = np.full(int(joined.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, joined, np.concatenate([block.first for block in blocks]))
    rank = np.empty_like(first)
    rank[np.argsort(first)] = np.arange(first.size)
    numbers = rank[joined]
    sizes = np.zeros(first.size, np.int64)
    np.add.at(sizes, numbers, np.concatenate([block.sizes for block in blocks]))
    border, marked = (
        np.bincount(numbers, np.concatenate([getattr(block, name) for block in blocks]), first.size) > 0
        for name in ("border", "marked")
    )
    split = [numbers[a:b] for a, b in itertools.pairwise(offsets)]
    return Components(sizes, border, marked, source, connectivity, split)


def _numbered(selected: LazyArray, core: "Box", connectivity: Connectivity) -> "tuple[NDArray[np.int32], int]":
    """Return the numbered components in a block and one plane of the next blocks."""
    from scipy import ndimage

    extended = tuple(slice(s.start, min(s.stop + 1, n)) for s, n in zip(core, selected.shape, strict=True))
    structure = ndimage.generate_binary_structure(3, order_of(connectivity))
    labels, count = ndimage.label(selected[extended], structure)
    return labels, int(count)


def _examine(selected: LazyArray, marks: Any, core: "Box", connectivity: Connectivity) -> _Block:
    """Return what of a numbered block is needed to join it with the others."""
    labels, count = _numbered(selected, core, connectivity)
    size = [s.stop - s.start for s in core]
    own = np.ascontiguousarray(labels[tuple(slice(0, n) for n in size)])
    sizes = np.bincount(own.reshape(-1), minlength=count + 1)[1:]
    border, marked = np.zeros(count + 1, np.bool_), np.zeros(count + 1, np.bool_)
    for axis, (part, n) in enumerate(zip(core, selected.shape, strict=True)):
        if part.start == 0:
            border[own.take(0, axis)] = True
        if part.stop == n:
            border[own.take(-1, axis)] = True
    if marks is not None:
        marked[own[np.asarray(marks[core]) != 0]] = True
    first = np.full(count + 1, np.iinfo(np.int64).max)
    places, where = np.unique(own, return_index=True)
    corner = [s.start for s in core]
    inside = np.unravel_index(where, own.shape)
    first[places] = np.ravel_multi_index(tuple(i + c for i, c in zip(inside, corner, strict=True)), selected.shape)
    begin, end = ([np.asarray(labels.take(side, axis)) for axis in range(3)] for side in (0, -1))
    return _Block(sizes, border[1:], marked[1:], first[1:], begin, end)


def _same(
    blocks: list[_Block], boxes: "list[Box]", shape: tuple[int, ...], offsets: "NDArray[np.int64]"
) -> "Iterator[NDArray[np.int64]]":
    """Yield pairs (n, 2) of numbers that two blocks give to one voxel."""
    grid = [math.ceil(n / EDGE) for n in shape]
    for index, box in enumerate(boxes):
        place = np.unravel_index(index, grid)
        for step in itertools.product((0, 1), repeat=3):
            beyond = [i + d for i, d in zip(place, step, strict=True)]
            if not any(step) or any(i >= n for i, n in zip(beyond, grid, strict=True)):
                continue
            other = int(np.ravel_multi_index(beyond, grid))
            axis = step.index(1)
            # in the plane that both have: the last row along an axis that is stepped, else the rows of the block
            rest = [(d, s.stop - s.start) for a, (d, s) in enumerate(zip(step, box, strict=True)) if a != axis]
            mine = blocks[index].end[axis][tuple(slice(n, n + 1) if d else slice(0, n) for d, n in rest)]
            theirs = blocks[other].begin[axis][tuple(slice(0, 1) if d else slice(0, n) for d, n in rest)]
            both = (mine > 0) & (theirs > 0)
            pairs = np.stack([mine[both] + offsets[index] - 1, theirs[both] + offsets[other] - 1], axis=1)
            yield np.unique(pairs, axis=0)


def _join(pairs: "list[NDArray[np.int64]]", count: int) -> "NDArray[np.int64]":
    """Return the number of the component that each of `count` parts belongs to."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if count == 0:
        return np.empty(0, np.int64)
    edges = np.concatenate([np.empty((0, 2), np.int64), *pairs])
    graph = coo_array((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
