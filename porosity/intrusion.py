"""Mercury intrusion, simulated: which pores mercury reaches through throats of which radius.

At a pressure that lets mercury through throats of radius r, all spheres of radius r that can move in from the inlet are
full. The distribution of the largest such r over the volume (MIP-PSD [1]_) differs from the continuous pore size
distribution in what lies behind narrow throats. All radii are computed in one pass: the bottleneck flood A (`flood`)
is the widest way of the centre of a sphere, and a voxel q fills at max A(p) over all |q - p|^2 < A(p), the same
painting as for local thickness. The solid may have any label; what lies outside the volume is no wall.

References
----------
.. [1] B. Münch, L. Holzer, Contradicting geometrical concepts in pore size analysis attained with electron microscopy
and
   mercury intrusion, Journal of the American Ceramic Society 91 (2008) 4059-4067, doi:10.1111/j.1551-2916.2008.02736.x
.. [2] L. Holzer, D. Wiedenmann, B. Münch, L. Keller, M. Prestat, Ph. Gasser, I. Robertson, B. Grobéty, The influence of
   constrictivity on the effective transport properties of porous layers in electrolysis and fuel cells, Journal of
   Materials Science 48 (2013) 2934-2952, doi:10.1007/s10853-012-6968-z
"""

import logging
import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from porosity.distance import fill_distances, inner_part, measure_field
from porosity.flood import FACES, Face, FloodGraph, build_graph
from porosity.labels import VoxelSize
from porosity.painting import count_levels, paint_balls
from porosity.pore_space import PoreSpace, check_pores
from porosity.size_curve import SizeCurve, curve_of_levels
from volio import InputError

__all__ = ["FaceIntrusions", "Intrusion", "mip", "mip_from_each_face"]

logger = logging.getLogger(__name__)

#: A sample thinner than this many radii of the largest particle lets too much in through its faces [2].
LEAST_THICKNESS = 5.0
#: Edge of the blocks by which the largest particle is bounded (voxels).
BLOCK = 4


@dataclass(frozen=True, eq=False, kw_only=True)
class Intrusion(SizeCurve):
    """Distribution of the pore volume by the radius of the throats through which it is reached.

    Volume that is never reached counts with radius 0, so that `r50` is 0 when less than half is reached.

    Attributes
    ----------
    inlet : str
        The face that mercury came from ("z-" is z = 0), or "all".
    breakthrough : dict of str to float
        Radius of the largest sphere that gets through the volume, along z, y and x; 0 where none does.
    intruded : float
        Share of the pore volume that is reached.
    notes : tuple of str
        What limits the result.
    """

    inlet: str
    breakthrough: dict[str, float]
    intruded: float
    notes: tuple[str, ...]

    @property
    def enclosed(self) -> float:
        """Share of the pore volume that is not reached."""
        return 1.0 - self.intruded

    def constrictivity(self, pore_sizes: SizeCurve) -> float:
        """Return the constrictivity (r50 of the intrusion / r50 of the pore sizes)^2 [2]_: 1 without bottlenecks.

        Parameters
        ----------
        pore_sizes : PoreSizeDistribution
            That of the same pores.

        Raises
        ------
        InputError
            If it has another unit or volume, so that these are other pores.
        """
        if pore_sizes.unit != self.unit or not np.isclose(pore_sizes.volume, self.volume):
            raise InputError(
                f"the pore sizes are of {pore_sizes.volume:g} {pore_sizes.unit}^3 of pores, the intrusion of "
                f"{self.volume:g} {self.unit}^3: measure both on the same pores"
            )
        return float((self.r50 / pore_sizes.r50) ** 2)


@dataclass(frozen=True, eq=False)
class FaceIntrusions:
    """Intrusion from each of the six faces by itself.

    Attributes
    ----------
    faces : dict of str to Intrusion
        By face: "z-", "z+", "y-", "y+", "x-", "x+".
    """

    faces: dict[str, Intrusion]

    @property
    def r50(self) -> float:
        """Mean of the r50 from the six faces."""
        return statistics.fmean(one.r50 for one in self.faces.values())

    @property
    def r50_spread(self) -> float:
        """Standard deviation of the r50 between the faces."""
        return statistics.stdev(one.r50 for one in self.faces.values())


def mip(
    pores: Any,
    *,
    inlet: Literal["all"] | Face = "all",
    phase: int | None = None,
    voxel_size: VoxelSize | None = None,
    threads: int | None = None,
) -> Intrusion:
    """Simulate mercury intrusion at all radii at once.

    Takes about 12 bytes of memory a voxel.

    Parameters
    ----------
    pores : Volume or array, shape (z, y, x)
        True where there is pore; or labels, of which `phase` is measured.
    inlet : {"all", "z-", "z+", "y-", "y+", "x-", "x+"}, default: "all"
        Where mercury comes from: all faces of the volume, or one ("z-" is the face z = 0).
    phase : int, optional
        The label that is taken as pore.
    voxel_size : float or 3 floats, optional
        Edge lengths of a voxel (z, y, x); those of the volume, or voxels, when not given.
    threads : int, optional
        How many threads work; `volio.default_threads` when not given.

    Returns
    -------
    Intrusion

    Raises
    ------
    InputError
        If there is no pore, or no wall at all, or this is no volume of labels, or the inlet is unknown.
    """
    if inlet != "all" and inlet not in FACES:
        raise InputError(f"inlet must be all or one of {', '.join(FACES)}, got {inlet!r}")
    faces = FACES if inlet == "all" else (inlet,)
    return next(_intrude(pores, {inlet: faces}, phase, voxel_size, threads))


def mip_from_each_face(
    pores: Any, *, phase: int | None = None, voxel_size: VoxelSize | None = None, threads: int | None = None
) -> FaceIntrusions:
    """Simulate mercury intrusion from each of the six faces by itself.

    Parameters
    ----------
    pores, phase, voxel_size, threads
        See `mip`.

    Returns
    -------
    FaceIntrusions

    Raises
    ------
    InputError
        See `mip`.
    """
    runs: dict[str, tuple[Face, ...]] = {face: (face,) for face in FACES}
    found = _intrude(pores, runs, phase, voxel_size, threads)
    return FaceIntrusions(dict(zip(runs, found, strict=True)))


def _intrude(
    pores: Any,
    runs: dict[str, tuple[Face, ...]],
    phase: int | None,
    voxel_size: VoxelSize | None,
    threads: int | None,
) -> Iterator[Intrusion]:
    """Yield the intrusion of each of the runs, from the same graph."""
    space = check_pores(pores, phase=phase, voxel_size=voxel_size)
    notes = _judge_thickness(space, threads)
    field, _ = measure_field(space, walls="none", threads=threads)
    graph = build_graph(field, threads=threads)
    through = _break_through(graph, space)
    total = int(np.count_nonzero(inner_part(field)))
    for inlet, faces in runs.items():
        flooded = graph.flood(graph.fill(faces), threads=threads)
        largest = int(flooded.max())
        painted = paint_balls(flooded, space.weights, largest, threads=threads)
        counts = count_levels(inner_part(painted), largest, threads=threads)
        del painted
        counts[0] = total - counts[1:].sum()
        yield Intrusion(
            **curve_of_levels(counts, space),
            inlet=inlet,
            breakthrough=through,
            intruded=float(counts[1:].sum() / total),
            notes=notes,
        )


def _break_through(graph: FloodGraph, space: PoreSpace) -> dict[str, float]:
    """Return the radius of the largest sphere that gets from face to face, by axis."""
    first_last: dict[str, tuple[Face, Face]] = {"z": ("z-", "z+"), "y": ("y-", "y+"), "x": ("x-", "x+")}
    return {
        axis: float(np.sqrt(graph.widest_to(last, graph.fill((first,)))) * space.step)
        for axis, (first, last) in first_last.items()
    }


def _judge_thickness(space: PoreSpace, threads: int | None) -> tuple[str, ...]:
    """Say along which axes the sample is too thin: where mercury gets in around the first particles."""
    pores = np.asarray(space.data[...])
    lengths = [n * edge for n, edge in zip(space.shape, space.voxel_size, strict=True)]
    if LEAST_THICKNESS * _bound_particles(pores, space) < min(lengths):
        return ()
    radius = np.sqrt(fill_distances(1 - pores, space.weights, threads=threads)[1]) * space.step
    thin = [
        f"{length:.4g} {space.unit} along {axis}"
        for axis, length in zip("zyx", lengths, strict=True)
        if length < LEAST_THICKNESS * radius
    ]
    if not thin:
        return ()
    note = (
        f"the sample is thin ({', '.join(thin)}) beside its largest particle of radius {radius:.3g} {space.unit}: "
        "radii of intrusion come out too large"
    )
    logger.warning(note)
    return (note,)


def _bound_particles(pores: NDArray[np.uint8], space: PoreSpace) -> float:
    """Return a radius that no particle exceeds, a little too large: from blocks of voxels that hold no pore."""
    for axis in range(3):
        pores = np.maximum.reduceat(pores, np.arange(0, space.shape[axis], BLOCK), axis=axis)
    if pores.all():
        blocks = 0
    else:
        blocks = fill_distances(1 - pores, space.weights, threads=1)[1]
    within = (BLOCK - 1) * math.hypot(*space.voxel_size)
    return float(BLOCK * np.sqrt(blocks) * space.step + within)
