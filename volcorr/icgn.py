"""Sub-voxel refinement of every measurement point: inverse-compositional Gauss-Newton (IC-GN).

Each subset is matched with 12 parameters (displacement and its gradient) by minimising the zero-normalised sum of
squared differences, which does not see changes of brightness and contrast.

Sources: S. Baker and I. Matthews, "Lucas-Kanade 20 years on", Int. J. Computer Vision 56 (2004) 221-255,
doi:10.1023/B:VISI.0000011205.11775.fd; B. Pan, B. Wang, D. Wu, G. Lubineau, "An efficient and accurate 3D
displacements tracking strategy for digital volume correlation", Optics and Lasers in Engineering 58 (2014)
126-135.
"""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from volcorr._kernels_icgn import refine_points
from volcorr._kernels_sampling import LANES
from volcorr.fields import Status
from volio.blocks import run_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from volio.progress import SupportsUpdate

__all__ = ["MIN_STD", "Refined", "pad_for_lanes", "refine"]

#: Subsets whose grey deviation is below this share of the volume's count as having no texture.
MIN_STD = 1e-3
#: Points of one unit of parallel work.
BATCH = 32


@dataclass(frozen=True, eq=False)
class Refined:
    """What the refinement found, one row a point.

    Attributes
    ----------
    parameters : (n, 3, 4) float64 array
        Row a of a point: displacement along axis a (voxels) and its derivatives along z, y, x.
    cc : (n,) float64 array
        Zero-normalised cross-correlation, NaN where none was measured.
    sigma : (n, 3) float64 array
        Standard uncertainty of the displacement (voxels) from the residual and the Hessian, which is corrected for
        the noise of the reference; both volumes are taken to be equally noisy.
    iterations : (n,) int16 array
        Iterations used.
    status : (n,) uint8 array
        `volcorr.fields.Status`.
    """

    parameters: "NDArray[np.float64]"
    cc: "NDArray[np.float64]"
    sigma: "NDArray[np.float64]"
    iterations: "NDArray[np.int16]"
    status: "NDArray[np.uint8]"

    @classmethod
    def unmeasured(cls, status: "NDArray[np.uint8]") -> "Refined":
        """Return points of the given status with nothing measured."""
        n = len(status)
        nothing = (
            np.full((n, 3, 4), np.nan),
            np.full(n, np.nan),
            np.full((n, 3), np.nan),
            np.zeros(n, np.int16),
        )
        return cls(*nothing, status.copy())

    def take(self, rows: "NDArray[Any]") -> "Refined":
        """Return some rows."""
        return Refined(*(getattr(self, field.name)[rows] for field in fields(self)))

    def put(self, rows: "NDArray[Any]", other: "Refined") -> None:
        """Overwrite some rows with those of `other`."""
        for field in fields(self):
            getattr(self, field.name)[rows] = getattr(other, field.name)


def pad_for_lanes(coefficients: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Return the coefficients in a buffer that goes on behind their end, as whole-lane reading needs."""
    buffer = np.zeros(coefficients.size + LANES, np.float32)
    buffer[: coefficients.size] = coefficients.ravel()
    return buffer[: coefficients.size].reshape(coefficients.shape)


def refine(
    reference: "NDArray[np.float32]",
    coefficients: "NDArray[np.float32]",
    points: "NDArray[np.int64]",
    start: "NDArray[np.float64]",
    *,
    half: tuple[int, int, int],
    min_cc: float,
    max_iterations: int,
    tolerance: float,
    threads: int | None = None,
    progress: "SupportsUpdate | None" = None,
) -> Refined:
    """Refine start values to sub-voxel displacements.

    Parameters
    ----------
    reference : (z, y, x) float32 array
        Zero mean and unit variance, finite.
    coefficients : (z, y, x) float32 array
        B-spline coefficients of the deformed volume, from `pad_for_lanes`.
    points : (n, 3) int64 array
        Voxel positions z, y, x of the subset centres; subset and gradient must fit into the reference.
    start : (n, 3, 4) float64 array
        Start values of the parameters (see `Refined`).
    half : three ints
        Half edges of the subset, in voxels.
    min_cc : float
        Points that end below this correlation are invalid.
    max_iterations : int
        Iterations after which a point has not converged.
    tolerance : float
        A point has converged when the last step moved its subset's face by less, in voxels.
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
    result.parameters[:] = start
    edges = np.asarray(half, np.int64)

    def task(rows: slice) -> None:
        refine_points(
            reference,
            coefficients,
            points[rows],
            edges,
            max_iterations,
            tolerance,
            MIN_STD,
            result.parameters[rows],
            result.cc[rows],
            result.sigma[rows],
            result.iterations[rows],
            result.status[rows],
        )

    batches = [slice(i, min(i + BATCH, n)) for i in range(0, n, BATCH)]
    run_blocks(task, batches, threads=threads, progress=progress, weight=lambda rows: rows.stop - rows.start)
    low = (result.status == Status.VALID) & ~(result.cc >= min_cc)
    result.status[low] = Status.LOW_CORRELATION
    return result
