"""Squared Euclidean distance of each pore voxel to the nearest solid voxel, exact, in whole numbers.

The distance runs from centre to centre. A squared distance is a sum of whole numbers: squared steps times the squared
edges of a voxel (`pore_space.whole_weights`), so that nothing is rounded, also where voxels are not cubes. A scan
along z is followed by the lower envelopes of parabolas along x and y [1]_, found by trying steps until none can be
nearer: rows of 64 voxels at a time, in 16 bits while the radius is below 181 voxels.

References
----------
.. [1] P. F. Felzenszwalb, D. P. Huttenlocher, Distance transforms of sampled functions, Theory of Computing 8 (2012)
   415-428, doi:10.4086/toc.2012.v008a019
"""

import itertools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from porosity.labels import VoxelSize
from porosity.pore_space import PoreSpace, check_pores
from volio import InputError, default_threads, run_blocks

__all__ = [
    "FAR",
    "DistanceMap",
    "Walls",
    "check_largest",
    "check_walls",
    "fill_distances",
    "inner_part",
    "length_of",
    "lower_to_walls",
    "map_distances",
    "measure_field",
    "new_map",
    "parts",
]

Walls = Literal["none", "all"]

#: Frame of a padded map: voxels before and behind each axis (see `_kernels_distance`).
FRAME = ((1, 1), (1, 1), (1, 16))
#: What stands for "no wall found": neither twice it, nor it and a square below it, overflows.
FAR = {"uint16": 2**15 - 1, "int32": 2**30}
#: Weights above which 16 bits hold radii of few voxels only.
SMALL_WEIGHT = 16


@dataclass(frozen=True, eq=False)
class DistanceMap:
    """Distances to the nearest solid voxel.

    Attributes
    ----------
    squared : array, shape (z, y, x)
        Squared distances from centre to centre, uint16 or int32, in units of `step` squared; 0 in the solid.
    step : float
        Length in `unit` whose square is 1: the edge of a voxel where voxels are cubes.
    unit : str
        Unit of length.
    """

    squared: NDArray[Any]
    step: float
    unit: str

    @property
    def largest(self) -> float:
        """The largest distance in `unit`."""
        return float(np.sqrt(float(self.squared.max())) * self.step)

    def distances(self) -> NDArray[np.float32]:
        """Return the distances in `unit`, shape (z, y, x)."""
        return length_of(self.squared, self.step)


def map_distances(
    pores: Any,
    *,
    phase: int | None = None,
    voxel_size: VoxelSize | None = None,
    walls: Walls = "none",
    threads: int | None = None,
) -> DistanceMap:
    """Measure how far each pore voxel is from the nearest solid voxel.

    Parameters
    ----------
    pores : Volume or array, shape (z, y, x)
        True where there is pore; or labels, of which `phase` is measured.
    phase : int, optional
        The label that is taken as pore.
    voxel_size : float or 3 floats, optional
        Edge lengths of a voxel (z, y, x); those of the volume, or voxels, when not given.
    walls : {"none", "all"}, default: "none"
        Whether what lies outside the volume is solid.
    threads : int, optional
        How many threads work; `volio.default_threads` when not given.

    Returns
    -------
    DistanceMap

    Raises
    ------
    InputError
        If there is no pore, or no wall at all, or this is no volume of labels.
    """
    space = check_pores(pores, phase=phase, voxel_size=voxel_size)
    field, _ = measure_field(space, walls=walls, threads=threads)
    return DistanceMap(inner_part(field).copy(), space.step, space.unit)


def measure_field(space: PoreSpace, *, walls: Walls, threads: int | None) -> tuple[NDArray[Any], int]:
    """Return the padded map of squared distances, and the largest of them.

    Raises
    ------
    InputError
        If there is no pore, or no wall at all.
    """
    check_walls(walls)
    data = np.asarray(space.data[...] if space.is_lazy else space.data)
    field, largest = fill_distances(data, space.weights, threads=threads)
    if walls == "all":
        whole = (slice(0, space.shape[0]), slice(0, space.shape[1]), slice(0, space.shape[2]))
        largest = lower_to_walls(inner_part(field), whole, space)
    check_largest(largest)
    return field, largest


def check_walls(walls: str) -> None:
    """Refuse a word that says nothing about walls."""
    if walls not in ("none", "all"):
        raise InputError(f"walls must be none or all, got {walls!r}")


def check_largest(largest: int) -> None:
    """Refuse a volume without pores or without walls, by the largest squared distance."""
    if largest == 0:
        raise InputError("there is no pore voxel in the volume: check the labels, or give phase")
    if largest == FAR["int32"]:
        raise InputError("all voxels are pore, so that nothing bounds them: check the labels, or set walls='all'")


def fill_distances(
    pores: NDArray[np.uint8], weights: tuple[int, int, int], *, threads: int | None
) -> tuple[NDArray[Any], int]:
    """Return the padded map of squared distances and the largest; ``FAR["int32"]`` where there is no wall."""
    kinds = ["uint16", "int32"] if max(weights) <= SMALL_WEIGHT else ["int32"]
    for kind in kinds:
        field = new_map(pores.shape, kind)
        largest = _Fill(pores, field, np.array(weights), FAR[kind]).run(threads)
        if largest < FAR[kind]:
            break
    return field, largest


def lower_to_walls(found: NDArray[Any], box: tuple[slice, slice, slice], space: PoreSpace) -> int:
    """Take the faces of the volume for walls: lower the squared distances of a box; return the largest."""
    for axis, (part, size, weight) in enumerate(zip(box, space.shape, space.weights, strict=True)):
        places = np.arange(part.start, part.stop)
        steps = np.minimum(places + 1, size - places)
        limit = np.minimum(weight * steps.astype(np.int64) ** 2, np.iinfo(found.dtype).max).astype(found.dtype)
        shape = [1, 1, 1]
        shape[axis] = -1
        np.minimum(found, limit.reshape(shape), out=found)
    return int(found.max())


@dataclass(frozen=True, eq=False)
class _Fill:
    """Fill `field` with squared distances."""

    pores: NDArray[np.uint8]
    field: NDArray[Any]
    weights: NDArray[np.int64]
    far: int

    def run(self, threads: int | None) -> int:
        """Return the largest."""
        size_z, size_y, _ = self.pores.shape
        run_blocks(self._zx, parts(size_y, threads), threads=threads)
        return max(run_blocks(self._y, parts(size_z, threads), threads=threads))

    def _zx(self, part: tuple[int, int]) -> None:
        from porosity._kernels_distance import fill_zx

        fill_zx(self.pores, self.field, *part, self.weights, self.far)

    def _y(self, part: tuple[int, int]) -> int:
        from porosity._kernels_distance import lower_y

        return int(lower_y(self.field, *part, self.weights[1], self.far))


def length_of(squared: NDArray[Any], step: float) -> NDArray[np.float32]:
    """Return lengths of squared whole numbers, in the unit of `step`."""
    lengths: NDArray[np.float32] = np.sqrt(squared, dtype=np.float32)
    lengths *= np.float32(step)
    return lengths


def parts(size: int, threads: int | None) -> list[tuple[int, int]]:
    """Cut 0 ... size - 1 into ranges (first, end), four for each thread."""
    if threads is not None and (threads < 1 or threads % 1 != 0):
        raise InputError(f"threads must be a whole number from 1 on, got {threads!r}")
    number = min(size, 4 * (threads or default_threads()))
    bounds = np.linspace(0, size, number + 1).astype(int)
    return [(int(a), int(b)) for a, b in itertools.pairwise(bounds)]


def new_map(shape: tuple[int, ...], kind: Any) -> NDArray[Any]:
    """Return a padded map of zeros around a volume of `shape`."""
    return np.zeros([n + before + behind for n, (before, behind) in zip(shape, FRAME, strict=True)], kind)


def inner_part(field: NDArray[Any]) -> NDArray[Any]:
    """Return a padded map without its frame."""
    return field[1:-1, 1:-1, 1:-16]
