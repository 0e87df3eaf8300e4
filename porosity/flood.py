"""The bottleneck flood: how wide the widest way from a face of the volume to every pore voxel is.

What flows in from a face reaches a voxel through a bottleneck, the narrowest place of the widest way. The flood is the
largest such distance to the wall. It is found from summits of the distance map and the throats between them (see
`_kernels_flood`): their graph is made once, and each face costs two sweeps over it.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from porosity.distance import inner_part, parts
from volio import InputError, run_blocks

__all__ = ["FACES", "Face", "FloodGraph", "build_graph"]

Face = Literal["z-", "z+", "y-", "y+", "x-", "x+"]
FACES: tuple[Face, ...] = ("z-", "z+", "y-", "y+", "x-", "x+")


@dataclass(frozen=True, eq=False)
class FloodGraph:
    """Summits of a distance map, and the widest throats that join them.

    Attributes
    ----------
    field : array
        Padded map of squared distances.
    labels : array, shape (z, y, x)
        The summit of each voxel, int32; -1 in the solid.
    order, parents, widths : array, shape (summits,)
        The forest of throats: each summit after its parent, and the squared radius of the throat between both.
    """

    field: NDArray[Any]
    labels: NDArray[np.int32]
    order: NDArray[np.int32]
    parents: NDArray[np.int32]
    widths: NDArray[np.int32]

    def fill(self, faces: tuple[Face, ...]) -> NDArray[np.int32]:
        """Return the squared radius of the widest way from any of the faces to each summit; 0 where there is none."""
        from porosity._kernels_flood import spread

        levels = np.zeros(len(self.order), np.int32)
        for face in faces:
            labels, field = self._on(face)
            np.maximum.at(levels, labels, field)
        spread(levels, self.order, self.parents, self.widths)
        return levels

    def widest_to(self, face: Face, levels: NDArray[np.int32]) -> int:
        """Return the squared radius of the widest way that reaches a face, of those that `fill` gave; 0 for none."""
        labels, field = self._on(face)
        return int(np.minimum(levels[labels], field).max(initial=0))

    def flood(self, levels: NDArray[np.int32], *, threads: int | None) -> NDArray[Any]:
        """Return the padded map of the squared radius of the widest way to each voxel, from what `fill` gave."""
        from porosity._kernels_flood import flood_planes

        flooded = np.zeros_like(self.field)

        def task(part: tuple[int, int]) -> None:
            flood_planes(self.field, self.labels, levels, flooded, *part)

        run_blocks(task, parts(len(self.labels), threads), threads=threads)
        return flooded

    def _on(self, face: Face) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return labels and squared distances of the pore voxels on a face."""
        place: list[Any] = [slice(None)] * 3
        place["zyx".index(face[0])] = 0 if face[1] == "-" else -1
        labels, field = self.labels[tuple(place)], inner_part(self.field)[tuple(place)]
        pore = labels >= 0
        return labels[pore], field[pore].astype(np.int32)


def build_graph(field: NDArray[Any], *, threads: int | None) -> FloodGraph:
    """Return summits and throats of a padded map of squared distances.

    Raises
    ------
    InputError
        If the volume has more voxels than can be numbered.
    """
    from porosity._kernels_flood import climb, find_throats, follow, number_summits, root_forest, span

    shape = inner_part(field).shape
    if np.prod(shape, dtype=np.int64) >= 2**31:
        raise InputError(f"intrusion needs fewer than 2^31 voxels, got {shape}: crop the volume or average its voxels")
    codes, labels = np.empty(shape, np.uint8), np.empty(shape, np.int32)
    planes = parts(shape[0], threads)

    def work(kernel: Callable[..., Any], *arrays: Any) -> list[Any]:
        return run_blocks(lambda part: kernel(*arrays, *part), planes, threads=threads)

    numbers = [0, *itertools.accumulate(work(climb, field, codes))]
    firsts = dict(zip(planes, numbers[:-1], strict=True))
    run_blocks(lambda part: number_summits(codes, labels, *part, firsts[part]), planes, threads=threads)
    work(follow, codes, labels)
    throats = np.concatenate(work(find_throats, field, labels))
    order = np.argsort(-throats[:, 2], kind="stable")
    forest = throats[span(throats, order, numbers[-1])]
    return FloodGraph(field, labels, *root_forest(forest, numbers[-1]))
