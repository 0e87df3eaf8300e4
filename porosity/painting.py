"""Painting: each voxel gets the largest value of a map whose ball reaches it, exact at every squared radius.

Local thickness is this painting of the distance map; mercury intrusion is that of the bottleneck flood. How it is
exact and fast is told in `_kernels_painting`.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from porosity.distance import inner_part, parts
from volio import run_blocks

__all__ = ["count_levels", "paint_balls", "reach_of"]

Range = tuple[int, int]

#: Least edge of a block of centres (voxels).
BLOCK = 32


def reach_of(largest: int, weights: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return how many voxels along z, y, x the largest ball reaches from its centre."""
    z, y, x = (int(np.sqrt((largest - 0.5) / weight)) if largest else 0 for weight in weights)
    return z, y, x


def paint_balls(
    field: NDArray[Any],
    weights: tuple[int, int, int],
    largest: int,
    *,
    threads: int | None,
    centres: tuple[Range, Range] | None = None,
) -> NDArray[Any]:
    """Return the padded map of the largest value whose ball reaches each voxel.

    Blocks of centres that are painted at the same time are further apart than any ball reaches: first those of even
    number along z and y, then the others. Nobody writes to a row that another thread writes to.

    Parameters
    ----------
    field : array
        Padded map of values.
    weights : 3 ints
        Squared edge lengths of a voxel.
    largest : int
        The largest value.
    threads : int, optional
        How many threads work.
    centres : 2 pairs, optional
        Only balls about the voxels in these ranges of z and y.
    """
    painted = field.copy()
    reach = reach_of(largest, weights)
    cuts = []
    for axis in (0, 1):
        first, end = (0, inner_part(field).shape[axis]) if centres is None else centres[axis]
        cuts.append(_cut(first, end, max(2 * reach[axis] + 1, BLOCK)))
    task = _Paint(field, painted, np.array(weights))
    for even_z, even_y in itertools.product((0, 1), repeat=2):
        blocks = list(itertools.product(cuts[0][even_z::2], cuts[1][even_y::2]))
        run_blocks(task, blocks, threads=threads)
    return painted


@dataclass(frozen=True, eq=False)
class _Paint:
    """The task: paint the balls about the centres of a block."""

    field: NDArray[Any]
    painted: NDArray[Any]
    weights: NDArray[np.int64]

    def __call__(self, block: tuple[tuple[int, int], tuple[int, int]]) -> None:
        from porosity._kernels_painting import paint_block

        paint_block(self.field, self.painted, *block[0], *block[1], self.weights)


def _cut(first: int, end: int, least: int) -> list[tuple[int, int]]:
    """Cut a range into parts of at least `least`, as even as possible."""
    number = max((end - first) // least, 1)
    bounds = np.linspace(first, end, number + 1).astype(int)
    return [(int(a), int(b)) for a, b in itertools.pairwise(bounds)]


def count_levels(values: NDArray[Any], largest: int, *, threads: int | None) -> NDArray[np.int64]:
    """Return how many of `values` (z, y, x) are 0, 1, ... `largest`."""
    from porosity._kernels_painting import count_values

    def count(part: tuple[int, int]) -> NDArray[np.int64]:
        counts = np.zeros(largest + 1, np.int64)
        count_values(values[slice(*part)], counts)
        return counts

    total = np.zeros(largest + 1, np.int64)
    if values.size:
        for counts in run_blocks(count, parts(values.shape[0], threads), threads=threads):
            total += counts
    return total
