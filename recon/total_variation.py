"""Reconstruction with little total variation: for few projections, limited angles, and noise.

Slices are sought that explain the projections and are made of even regions: of all slices x the one with the least
``1/2 |A x - b|^2 + weight * TV(x)`` (see `recon.primal_dual`). For materials of a few phases this is a good
description; gradual changes become steps, and detail finer than the noise allows is lost.
"""

import logging
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from recon.held_out import HeldOutChoice
from recon.primal_dual import Preconditioner, PrimalDual, make_preconditioner
from recon.projectors import Projector
from recon.slice_lanes import from_lanes, lane_chunks, to_lanes
from recon.weight_choice import choose_weight
from volio.blocks import run_blocks
from volio.errors import InputError
from volio.simd import LANES

__all__ = ["TotalVariationResult", "minimize_total_variation"]

logger = logging.getLogger(__name__)

Singles = npt.NDArray[np.float32]

#: Iterations from one look at the change to the next.
_LOOK: Final = 10


@dataclass(frozen=True, eq=False)
class TotalVariationResult:
    """Slices, and how they were found.

    Attributes
    ----------
    slices : array, shape (slices, y, x), float32
        Attenuation per detector pixel; 0 outside the field of view.
    weight : float
        Of total variation, in line integrals times pixels.
    choice : HeldOutChoice or None
        How the weight was chosen; None if it was given.
    iterations : array of int, shape (slices,)
        How many each slice took.
    converged : array of bool, shape (slices,)
        Whether it changed less than the tolerance at the end.
    misfit : array, shape (slices,)
        Mean square difference between measured line integrals and those of the slice.
    """

    slices: Singles
    weight: float
    choice: HeldOutChoice | None
    iterations: npt.NDArray[np.int64]
    converged: npt.NDArray[np.bool_]
    misfit: npt.NDArray[np.float64]


def minimize_total_variation(
    rows: npt.ArrayLike,
    projector: Projector,
    *,
    weight: float | HeldOutChoice | None = None,
    iterations: int = 300,
    tolerance: float = 5e-4,
    nonnegative: bool = True,
    steps: Preconditioner | None = None,
    threads: int = 1,
) -> TotalVariationResult:
    """Reconstruct slices with little total variation.

    Every slice is reconstructed by itself: the answer depends neither on its neighbours nor on the threads.

    Parameters
    ----------
    rows : array, shape (angles, slices, columns)
        Line integrals.
    projector : Projector
        The geometry.
    weight : float or HeldOutChoice, optional
        Of total variation; chosen by held-out projections when not given (`recon.choose_weight`).
    iterations : int
        At most.
    tolerance : float
        A slice is done when it changes by less than this part of its length in an iteration.
    nonnegative : bool
        Whether the attenuation must not be negative.
    steps : Preconditioner, optional
        That of the projector (`recon.primal_dual.make_preconditioner`), to make it once for many calls.
    threads : int
        How many compute.

    Returns
    -------
    TotalVariationResult

    Raises
    ------
    InputError
        If the rows do not fit the projector, or an option cannot be used.
    """
    lines = projector.check_rows(rows)
    if iterations < 1 or not tolerance >= 0:
        raise InputError(f"iterations must be 1 or more and tolerance 0 or more, got {iterations} and {tolerance}")
    if weight is None:
        weight = choose_weight(lines, projector, nonnegative=nonnegative, threads=threads)
    choice = weight if isinstance(weight, HeldOutChoice) else None
    value = weight.value if isinstance(weight, HeldOutChoice) else float(weight)
    if not 0 < value < np.inf:
        raise InputError(f"weight must be a positive number, got {value}: None chooses it by held-out projections")
    sizes = steps or make_preconditioner(projector, threads=threads)
    chunks = list(lane_chunks(lines.shape[1]))
    inside = max(threads // len(chunks), 1)

    def task(chunk: slice) -> tuple[Singles, npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        lanes = to_lanes(lines[:, chunk].transpose(1, 0, 2))
        iterate = PrimalDual(projector, sizes, lanes, nonnegative=nonnegative, threads=inside)
        return _iterate(iterate, value, iterations, tolerance, chunk.stop - chunk.start)

    done = run_blocks(task, chunks, threads=threads)
    slices, counts, misfits = (np.concatenate(part) for part in zip(*done, strict=True))
    converged = counts > 0
    if not converged.all():
        logger.warning("%d of %d slices still changed after %d iterations", (~converged).sum(), len(counts), iterations)
    return TotalVariationResult(slices, value, choice, np.where(converged, counts, iterations), converged, misfits)


def _iterate(
    iterate: PrimalDual, weight: float, iterations: int, tolerance: float, count: int
) -> tuple[Singles, npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return slices, the number of iterations of each (0: not converged), and misfits."""
    counts = np.zeros(LANES, np.int64)
    image, misfit = iterate.image.copy(), np.zeros(LANES)
    for number in range(1, iterations + 1):
        iterate.step(weight)
        if number % _LOOK == 0 or number == iterations:
            # each slice is taken as it is when it is done, whatever the slices beside it still need
            going = counts == 0
            image[..., going], misfit[going] = iterate.image[..., going], iterate.misfit()[going]
            counts[going & (iterate.change() <= tolerance)] = number
            if counts[:count].all():
                break
    return from_lanes(image, count), counts[:count], misfit[:count]
