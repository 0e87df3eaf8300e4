"""Filtered back projection of slices: the integral over all directions of filtered line integrals.

Neighbouring angles are first summed for each tile of the image, and then back-projected together (see
`_kernels_back_projection`); the idea is that of the fast hierarchical back projection of Basu and Bresler
(doi:10.1109/83.869187), in one step and with the rows sampled twice as densely in between, so that the result is that
of the direct sum with cubic interpolation.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recon._kernels_back_projection import TILE, back_project_tiles
from recon.row_filter import RowFilter
from recon.slice_grid import SliceGrid
from volio.blocks import run_blocks
from volio.simd import LANES

__all__ = ["BackProjector", "group_angles", "make_back_projector"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]

#: Largest angle between the projections of a group, times the edge of a tile in detector pixels.
GROUP_WIDTH = 1.0


@dataclass(frozen=True, eq=False)
class BackProjector:
    """Reconstructs slices of one geometry; made by `make_back_projector`.

    Attributes
    ----------
    row_filter : RowFilter
        What the rows are filtered with.
    grid : SliceGrid
        The pixels.
    angles : array, shape (angles, 4)
        Sorted by angle: cosine and sine, column of the axis in a filtered row, weight.
    places : array, shape (angles,)
        Where each projection stands in this order.
    groups, starts : arrays, shapes (groups, 2) and (groups + 1,)
        Mean cosine and sine of each group of angles, and where it begins.
    lead, width : int
        Place of column 0 in a filtered row, and its length.
    pairs : int
        Half the samples that a tile sees.
    """

    row_filter: RowFilter
    grid: SliceGrid
    angles: Floats
    places: Integers
    groups: Floats
    starts: Integers
    lead: int
    width: int
    pairs: int

    def reconstruct(self, rows: Singles, *, shifts: Floats | None = None, threads: int = 1) -> Singles:
        """Return slices.

        Parameters
        ----------
        rows : (angles, slices, columns) float32 array
            Line integrals, in the order of the angles that were given; C-contiguous.
        shifts : (slices,) array, optional
            By how many columns the axis lies further right in each slice.
        threads : int
            How many compute; the answer does not depend on it.

        Returns
        -------
        (slices, y, x) float32 array
        """
        out = np.zeros((rows.shape[1], *self.grid.shape), np.float32)
        moved = np.zeros(rows.shape[1]) if shifts is None else np.asarray(shifts, np.float64)
        filtered = np.empty((len(self.angles), self.width, LANES), np.float32)
        geometry = np.array([self.grid.first, self.grid.step, self.grid.radius])
        region = np.array([*self.grid.y, *self.grid.x])
        tiles = np.array_split(self.grid.tiles(TILE), threads)
        # the kernel takes projections by twos: threads share them out by twos, so that it is always the same two
        parts = np.array_split(np.arange(0, len(self.angles), 2), threads)

        for first in range(0, rows.shape[1], LANES):
            chosen = slice(first, first + LANES)
            chunk = np.ascontiguousarray(rows[:, chosen])
            chunk_shifts, image = moved[chosen], out[chosen]

            def convolve(part: Integers, chunk: Singles = chunk, by: Floats = chunk_shifts) -> None:
                mine = slice(part[0], part[-1] + 2)
                self.row_filter.apply(chunk[mine], self.places[mine], by, lead=self.lead, out=filtered)

            def project(some: Integers, image: Singles = image) -> None:
                back_project_tiles(
                    filtered, self.angles, self.groups, self.starts, some, geometry, region, self.pairs, image
                )

            run_blocks(convolve, [part for part in parts if part.size], threads=threads)
            run_blocks(project, [some for some in tiles if some.size], threads=threads)
        return out


def make_back_projector(
    row_filter: RowFilter,
    grid: SliceGrid,
    *,
    angles: Floats,
    axes: Floats,
    weights: Floats,
    scale: float = 1.0,
) -> BackProjector:
    """Plan the reconstruction of slices.

    Parameters
    ----------
    row_filter, grid
        How rows are filtered, and the pixels.
    angles, axes, weights : (angles,) float64 arrays
        Radians; column of the rotation axis in each projection; what each counts.
    scale : float
        Detector columns for a distance of one column in the slice: the cosine of the tilt of the axis.
    """
    order = np.argsort(angles, kind="stable")
    starts = group_angles(angles[order], widest=GROUP_WIDTH / (TILE * grid.step))
    means = np.array([angles[order[a:b]].mean() for a, b in itertools.pairwise(starts)])
    half = 0.5 * math.sqrt(2) * (TILE - 1) * grid.step * scale  # of a tile's diagonal
    pairs = math.ceil(2 * half + 2)
    reach = grid.radius + 2 * half + 0.5 * pairs + 4
    lead = math.ceil(max(reach - axes.min(), 0))
    width = math.ceil(lead + axes.max() + reach)
    places = np.empty(order.size, np.int64)
    places[order] = np.arange(order.size)
    table = np.stack([scale * np.cos(angles), scale * np.sin(angles), axes + lead, weights], axis=1)[order]
    groups = scale * np.stack([np.cos(means), np.sin(means)], axis=1)
    return BackProjector(row_filter, grid, table, places, groups, starts, lead, width, pairs)


def group_angles(angles: Floats, *, widest: float) -> Integers:
    """Return where groups of neighbouring angles begin, and the end.

    Parameters
    ----------
    angles : (angles,) float64 array
        Sorted.
    widest : float
        Largest angle within a group.
    """
    starts = [0]
    for i in range(1, angles.size):
        if angles[i] - angles[starts[-1]] > widest:
            starts.append(i)
    return np.array([*starts, angles.size], np.int64)
