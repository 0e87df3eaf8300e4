"""Sub-voxel refinement of measurement points: inverse-compositional Gauss-Newton (IC-GN).

Each subset is matched by minimising the zero-normalised sum of squared differences, which does not see changes of
brightness and contrast. Only voxels count that exist in both volumes.

Sources: S. Baker and I. Matthews, "Lucas-Kanade 20 years on", Int. J. Computer Vision 56 (2004) 221-255,
doi:10.1023/B:VISI.0000011205.11775.fd; B. Pan, B. Wang, D. Wu, G. Lubineau, "An efficient and accurate 3D
displacements tracking strategy for digital volume correlation", Optics and Lasers in Engineering 58 (2014)
126-135.
"""

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from volcorr._kernels_icgn import refine_points
from volcorr._kernels_sampling import CUBIC
from volcorr.fields import Status
from volcorr.grid import GRADIENT_REACH
from volcorr.interpolation import Spline, find_spline
from volcorr.parts import PARTS, parts_disagree
from volcorr.shapes import TERMS, ShapeFunction, shape_function
from volcorr.windows import Box, Grey, ReferenceWindow, read_coefficients, read_reference
from volio.blocks import run_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from volio.progress import SupportsUpdate

__all__ = ["Matching", "Refined", "refine"]

Triple = tuple[int, int, int]

#: Points of one unit of parallel work.
BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Matching:
    """How subsets are matched.

    Attributes
    ----------
    half : three ints
        Half edges of the subset, in voxels.
    shape : str
        Name of the shape function.
    spline : str
        Name of the spline.
    max_iterations : int
        Iterations after which a point has not converged.
    tolerance : float
        A point has converged when its next step is expected to move the subset's faces by less, in voxels.
    min_cc : float
        Points that end below this correlation are invalid.
    min_share : float
        Least share of a subset's voxels that must be there.
    noise : float
        Standard deviation of the noise of one volume in units of the normalised grey; 0: from the residual.
    max_sigma : float
        Where the noise is known, a subset whose displacement would be more uncertain counts as without texture.
    min_std : float
        Least grey deviation of a subset, as a share of the volume's.
    """

    half: Triple
    shape: str = "affine"
    spline: str = "cubic"
    max_iterations: int = 30
    tolerance: float = 1e-3
    min_cc: float = 0.5
    min_share: float = 0.5
    noise: float = 0.0
    max_sigma: float = 0.5
    min_std: float = 1e-3

    @property
    def function(self) -> ShapeFunction:
        """The shape function."""
        return shape_function(self.shape, self.half)

    @property
    def interpolation(self) -> Spline:
        """The spline."""
        return find_spline(self.spline)

    @property
    def columns(self) -> int:
        """Parameters of a point along an axis that are kept."""
        return max(4, self.function.terms)

    @property
    def reach(self) -> Triple:
        """How far a corner may go from where it starts, in voxels."""
        z, y, x = (4 + int(np.ceil(0.15 * h)) for h in self.half)
        return z, y, x

    def reference_box(self, points: "NDArray[np.int64]") -> Box:
        """Return the voxels of the reference that points need."""
        return _box(points.min(axis=0), points.max(axis=0), np.asarray(self.half) + GRADIENT_REACH)

    def target_box(self, points: "NDArray[np.int64]", start: "NDArray[np.float64]") -> Box:
        """Return the voxels of the deformed volume that points may reach from their start values."""
        z, y, x = self.half
        edges = np.array([0, z, y, x, z * z, z * y, z * x, y * y, y * x, x * x], np.float64)
        corner = np.abs(start) @ edges + np.asarray(self.half) + np.asarray(self.reach)
        centre = points + start[:, :, 0]
        low = np.floor((centre - corner).min(axis=0)).astype(int)
        high = np.ceil((centre + corner).max(axis=0)).astype(int)
        spline = self.interpolation
        return _box(low, high, np.array([spline.before + 1] * 3), np.array([spline.behind + 1] * 3))


@dataclass(frozen=True, eq=False)
class Refined:
    """What the refinement found, one row a point.

    Attributes
    ----------
    parameters : (n, 3, 4 or 10) float64 array
        Row a of a point: displacement along axis a (voxels) as factors of 1, z, y, x and, for second order, zz, zy,
        zx, yy, yx, xx, of the distance from the point.
    cc : (n,) float64 array
        Zero-normalised cross-correlation, NaN where none was measured.
    sigma : (n, 3) float64 array
        Standard uncertainty of the displacement (voxels) from the noise and the Hessian, which is corrected for the
        noise of the reference; both volumes are taken to be equally noisy.
    iterations : (n,) int16 array
        Iterations used.
    share : (n,) float32 array
        Share of the subset's voxels that were used.
    status : (n,) uint8 array
        `volcorr.fields.Status`.
    """

    parameters: "NDArray[np.float64]"
    cc: "NDArray[np.float64]"
    sigma: "NDArray[np.float64]"
    iterations: "NDArray[np.int16]"
    share: "NDArray[np.float32]"
    status: "NDArray[np.uint8]"

    @classmethod
    def unmeasured(cls, status: "NDArray[np.uint8]", *, terms: int = TERMS) -> "Refined":
        """Return points of the given status with nothing measured."""
        n = len(status)
        return cls(
            np.full((n, 3, terms), np.nan),
            np.full(n, np.nan),
            np.full((n, 3), np.nan),
            np.zeros(n, np.int16),
            np.zeros(n, np.float32),
            status.copy(),
        )

    def take(self, rows: "NDArray[Any]") -> "Refined":
        """Return some rows."""
        return Refined(*(getattr(self, field.name)[rows] for field in fields(self)))

    def put(self, rows: "NDArray[Any] | slice", other: "Refined") -> None:
        """Overwrite some rows with those of `other`."""
        for field in fields(self):
            getattr(self, field.name)[rows] = getattr(other, field.name)


def _box(
    low: "NDArray[Any]", high: "NDArray[Any]", before: "NDArray[Any]", behind: "NDArray[Any] | None" = None
) -> Box:
    first, last = low - before, high + (before if behind is None else behind) + 1
    return Box((int(first[0]), int(first[1]), int(first[2])), (int(last[0]), int(last[1]), int(last[2])))


def refine(
    reference: Grey,
    deformed: Grey,
    points: "NDArray[np.int64]",
    start: "NDArray[np.float64]",
    matching: Matching,
    *,
    threads: int | None = None,
    progress: "SupportsUpdate | None" = None,
) -> Refined:
    """Refine start values to sub-voxel displacements.

    Reads the windows of the two volumes that the points need and no more; the memory that takes is about eight bytes a
    voxel of the points' bounding box. What a point gives does not depend on the other points.

    Parameters
    ----------
    reference, deformed : Grey
        The two volumes.
    points : (n, 3) int64 array
        Voxel positions z, y, x of the subset centres in the reference.
    start : (n, 3, 4 or 10) float64 array
        Start values of the parameters (see `Refined`). Points whose start value is NaN are not tried: no texture.
    matching : Matching
        Options.
    threads : int, optional
        Number of threads; the result does not depend on it.
    progress : Progress, optional
        Counts points.

    Returns
    -------
    Refined
    """
    n = len(points)
    result = Refined.unmeasured(np.zeros(n, np.uint8))
    function, spline = matching.function, matching.interpolation
    if not n:
        return replace(result, parameters=result.parameters[:, :, : matching.columns])
    known = np.asarray(np.isfinite(start).all(axis=(1, 2)))
    if not known.all():
        result.status[:] = Status.NO_TEXTURE
        found = refine(reference, deformed, points[known], start[known], matching, threads=threads, progress=progress)
        result = replace(result, parameters=result.parameters[:, :, : matching.columns])
        result.put(known, found)
        return result
    result.parameters[:] = function.restrict(start)
    target = matching.target_box(points, result.parameters)
    window = read_reference(reference, matching.reference_box(points), threads=threads)
    coefficients = read_coefficients(deformed, target, spline, threads=threads)
    local = points - np.asarray(window.low)
    offset = np.asarray(window.low) - np.asarray(target.low)
    settings = (
        float(matching.max_iterations),
        matching.tolerance,
        matching.min_share,
        matching.min_std,
        matching.noise**2,
        matching.max_sigma,
    )

    sums = np.zeros((n, *PARTS, 2))

    def task(rows: slice) -> None:
        refine_points(
            window.values,
            window.values if window.absent is None else window.absent,
            window.absent is not None,
            coefficients,
            local[rows],
            offset,
            np.asarray(matching.half),
            function.basis,
            function.rigid,
            None if spline.degree == CUBIC else True,
            np.asarray(matching.reach, np.float64),
            settings,
            result.parameters[rows],
            result.cc[rows],
            result.sigma[rows],
            result.iterations[rows],
            result.share[rows],
            result.status[rows],
            sums[rows],
        )

    batches = [slice(i, min(i + BATCH, n)) for i in range(0, n, BATCH)]
    run_blocks(task, batches, threads=threads, progress=progress, weight=lambda rows: rows.stop - rows.start)
    low = (result.status == Status.VALID) & ~(result.cc >= matching.min_cc)
    result.status[low] = Status.LOW_CORRELATION
    # of every second plane
    voxels = math.prod(2 * h + 1 for h in matching.half) // (2 * math.prod(PARTS))
    result.status[(result.status == Status.VALID) & parts_disagree(sums, result.cc, voxels)] = Status.PARTLY_MATCHED
    _explain_missing(result, window, local, deformed, points, matching)
    return replace(result, parameters=np.ascontiguousarray(result.parameters[:, :, : matching.columns]))


def _explain_missing(
    result: Refined,
    window: ReferenceWindow,
    local: "NDArray[np.int64]",
    deformed: Grey,
    points: "NDArray[np.int64]",
    matching: Matching,
) -> None:
    """Tell bad voxels from the mask and from the end of the volume, where too few voxels of a subset were there."""
    half, inside = np.asarray(matching.half), window.inside
    if inside is not None:
        result.status[~inside[tuple(local.T)]] = Status.OUTSIDE_MASK
    for row in np.flatnonzero(result.status == Status.OUTSIDE_MASK):
        box = tuple(slice(c - h, c + h + 1) for c, h in zip(local[row], half, strict=True))
        if inside is None or (inside[tuple(local[row])] and inside[box].mean() >= matching.min_share):
            result.status[row] = Status.BAD_VOXELS
    if not deformed.complete:
        for row in np.flatnonzero(result.status == Status.OUTSIDE_VOLUME):
            p = result.parameters[row]
            centre, corner = points[row] + p[:, 0], np.abs(np.eye(3) + p[:, 1:4]) @ half
            if (centre - corner >= 1).all() and (centre + corner < np.asarray(deformed.shape) - 2).all():
                result.status[row] = Status.BAD_VOXELS
