"""Continuous pore size distribution (c-PSD) and local thickness: how much of the pores spheres of which radius fill.

The local thickness at a voxel is the radius of the largest sphere that contains it and fits into the pores [1]_. The
distribution of its volume is the continuous pore size distribution [2]_, also known as granulometry. A sphere about a
voxel has the distance to the nearest solid voxel, centre to centre, as its radius, and holds what is nearer to its
centre. All radii are used, none is rounded. What lies outside the volume is not taken for a wall, unless asked for.
The phase can as well be the solid: then these are particle thicknesses.

References
----------
.. [1] T. Hildebrand, P. Rüegsegger, A new method for the model-independent assessment of thickness in three-dimensional
   images, Journal of Microscopy 185 (1997) 67-75, doi:10.1046/j.1365-2818.1997.1340694.x
.. [2] B. Münch, L. Holzer, Contradicting geometrical concepts in pore size analysis attained with electron microscopy
and
   mercury intrusion, Journal of the American Ceramic Society 91 (2008) 4059-4067, doi:10.1111/j.1551-2916.2008.02736.x
"""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from porosity.chunked import Chunking, count_in_chunks, interior_box, lazy_thickness
from porosity.distance import Walls, inner_part, length_of, measure_field
from porosity.labels import VoxelSize
from porosity.painting import count_levels, paint_balls
from porosity.pore_space import PoreSpace, check_pores
from porosity.size_curve import SizeCurve, curve_of_levels
from porosity.sub_voxel import refine_sizes
from volio import Volume

if TYPE_CHECKING:
    from volio import Checkpoint, Executor
    from volio.blocks import ExecutorName

__all__ = ["PoreSizeDistribution", "local_thickness", "pore_size_distribution"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, kw_only=True)
class PoreSizeDistribution(SizeCurve):
    """Continuous pore size distribution.

    Attributes
    ----------
    porosity : float
        Share of the volume that is pore.
    interior : SizeCurve or None
        The same of the interior: what is further from the faces of the volume than the diameter of the largest sphere,
        so that nothing outside could have changed it. None where there is no such pore.
    sub_voxel : SizeCurve or None
        The same at voxels of half the edge, where grey values were given: with about half the scatter.
    """

    porosity: float
    interior: SizeCurve | None
    sub_voxel: SizeCurve | None = None


def pore_size_distribution(
    pores: Any,
    *,
    phase: int | None = None,
    voxel_size: VoxelSize | None = None,
    walls: Walls = "none",
    grey: Any = None,
    threshold: float | None = None,
    memory: int | str | None = None,
    checkpoint: "Checkpoint | None" = None,
    executor: "ExecutorName | Executor | None" = None,
    threads: int | None = None,
) -> PoreSizeDistribution:
    """Measure the continuous pore size distribution, exact at every radius.

    Takes about 7 bytes of memory a voxel. A volume on disk, or any with `memory`, `checkpoint` or `executor`, is
    measured in chunks that overlap by a little more than the diameter of the largest sphere; the result is the same.

    Parameters
    ----------
    pores : Volume or array, shape (z, y, x)
        True where there is pore; or labels, of which `phase` is measured. May be on disk.
    phase : int, optional
        The label that is taken as pore: that of the solid for particle thicknesses.
    voxel_size : float or 3 floats, optional
        Edge lengths of a voxel (z, y, x): in the unit of the volume, um for an array. Those that the volume states, or
        voxels, when not given.
    walls : {"none", "all"}, default: "none"
        Whether what lies outside the volume is solid.
    grey : Volume or array, shape (z, y, x), optional
        The grey values from which the pores were segmented, for an estimate below the voxel (`sub_voxel`).
    threshold : float, optional
        The grey value between pore and solid; needed with `grey`.
    memory : int or str, optional
        Memory that the chunks may take together, such as "4GB"; half of what is free when not given.
    checkpoint : Checkpoint, optional
        Where finished chunks are kept, to go on from (see `volio.open_checkpoint`).
    executor : {"serial", "threads", "processes", "dask"} or Executor, optional
        Where the chunks are measured.
    threads : int, optional
        How many threads work; `volio.default_threads` when not given.

    Returns
    -------
    PoreSizeDistribution

    Raises
    ------
    InputError
        If there is no pore, or no wall at all, or this is no volume of labels.

    Examples
    --------
    >>> import numpy as np
    >>> from porosity import pore_size_distribution
    >>> slit = np.zeros((20, 20, 20), bool)
    >>> slit[:, 5:12] = True  # 7 voxels wide
    >>> pore_size_distribution(slit, voxel_size=0.5).r50
    2.0
    """
    space = check_pores(pores, phase=phase, voxel_size=voxel_size)
    if space.is_lazy or memory is not None or checkpoint is not None or executor is not None:
        chunking = Chunking(memory=memory, checkpoint=checkpoint, executor=executor, threads=threads)
        whole, inside = count_in_chunks(space, walls=walls, chunking=chunking)
    else:
        whole, inside = _count(space, walls, threads)
    interior = None
    if inside.any():
        interior = SizeCurve(**curve_of_levels(inside, space))
    else:
        logger.warning(
            "the volume has no interior: the largest sphere, of radius %.3g %s, is cut by or near a face everywhere",
            np.sqrt(len(whole) - 1) * space.step,
            space.unit,
        )
    finer = None
    if grey is not None or threshold is not None:
        finer = refine_sizes(space, grey=grey, threshold=threshold, walls=walls, threads=threads)
    return PoreSizeDistribution(
        **curve_of_levels(whole, space),
        porosity=float(whole.sum() / np.prod(space.shape)),
        interior=interior,
        sub_voxel=finer,
    )


def local_thickness(
    pores: Any,
    *,
    phase: int | None = None,
    voxel_size: VoxelSize | None = None,
    walls: Walls = "none",
    memory: int | str | None = None,
    threads: int | None = None,
) -> Volume:
    """Map the radius of the largest sphere that contains each voxel and fits into the pores.

    The map of a volume on disk is on disk too, in a sense: it is computed where it is read, such as by `volio.write`.

    Parameters
    ----------
    pores, phase, voxel_size, walls, memory, threads
        See `pore_size_distribution`; `memory` is for volumes on disk.

    Returns
    -------
    Volume
        Radii, float32, in the unit of the voxel size, or in voxels; 0 in the solid.

    Raises
    ------
    InputError
        If there is no pore, or no wall at all, or this is no volume of labels.
    """
    space = check_pores(pores, phase=phase, voxel_size=voxel_size)
    if space.is_lazy:
        data: Any = lazy_thickness(space, walls=walls, chunking=Chunking(memory=memory, threads=threads))
    else:
        painted, _ = _paint(space, walls, threads)
        data = length_of(inner_part(painted), space.step)
    stated = isinstance(pores, Volume)
    return Volume(
        data,
        voxel_size=None if space.unit == "voxel" else space.voxel_size,
        unit="um" if space.unit == "voxel" else space.unit,
        origin=pores.origin if stated else (0.0, 0.0, 0.0),
        name=f"{pores.name} thickness".strip() if stated else "thickness",
    )


def _paint(space: PoreSpace, walls: Walls, threads: int | None) -> tuple[NDArray[Any], int]:
    """Return the padded map of squared local thicknesses, and the largest."""
    field, largest = measure_field(space, walls=walls, threads=threads)
    return paint_balls(field, space.weights, largest, threads=threads), largest


def _count(space: PoreSpace, walls: Walls, threads: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of pore voxels with each squared radius: of all, and of those in the interior."""
    painted, largest = _paint(space, walls, threads)
    found = inner_part(painted)
    box = interior_box(space, largest)
    whole = count_levels(found, largest, threads=threads)
    inside = count_levels(found[box], largest, threads=threads)
    whole[0] = inside[0] = 0
    return whole, inside
