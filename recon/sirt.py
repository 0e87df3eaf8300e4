"""SIRT: simultaneous iterative reconstruction, step by step nearer to the projections.

``x <- x + C A^T R (b - A x)``, R and C the inverse sums of the rows and columns of the projector A (Gilbert,
doi:10.1016/0022-5193(72)90180-4; in this form Gregor and Benson, doi:10.1109/TMI.2008.923696). Coarse detail comes
first, noise last, so the number of iterations is what smooths: it is chosen by held-out projections when not given.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recon.held_out import EVERY, HeldOutChoice, hold_out
from recon.projectors import Projector
from recon.slice_lanes import CELLS, from_lanes, lane_chunks, make_lines, to_lanes
from volio.blocks import run_blocks
from volio.errors import InputError
from volio.simd import LANES

__all__ = ["SirtResult", "choose_iterations", "run_sirt"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]

#: Iterations after the best one that are made before it counts as the best, as a part of its number and at least.
_BEYOND_PART, _BEYOND = 0.25, 10


@dataclass(frozen=True, eq=False)
class SirtResult:
    """Slices, and how they were found.

    Attributes
    ----------
    slices : array, shape (slices, y, x), float32
        Attenuation per detector pixel; 0 outside the field of view.
    choice : HeldOutChoice or None
        How the number of iterations was chosen; None if it was given.
    iterations : array of int, shape (slices,)
        How many each slice took.
    misfit : array, shape (slices,)
        Mean square difference between measured line integrals and those of the slice before its last iteration.
    """

    slices: Singles
    choice: HeldOutChoice | None
    iterations: Integers
    misfit: Floats


class _Sirt:
    """Iterates on slices in lanes."""

    def __init__(self, projector: Projector, rows: Singles, *, nonnegative: bool, threads: int) -> None:
        self.projector, self.rows, self.nonnegative, self.threads = projector, rows, nonnegative, threads
        ones = make_lines(*projector.mask.shape)
        ones[:, CELLS] = projector.mask[:, :, None]
        self.per_row = _inverse(projector.project_lanes(ones, threads=threads))
        full = np.zeros_like(rows)
        full[:, CELLS] = 1.0
        self.per_column = _inverse(projector.back_project_lanes(full, threads=threads))
        self.image = make_lines(*projector.mask.shape)

    def step(self) -> Floats:
        """Make one iteration; return the misfit (LANES,) before it."""
        rest = self.rows - self.projector.project_lanes(self.image, threads=self.threads)
        misfit: Floats = np.mean(rest[:, CELLS] ** 2, axis=(0, 1), dtype=np.float64)
        rest *= self.per_row
        update = self.projector.back_project_lanes(rest, threads=self.threads)
        update *= self.per_column
        self.image += update
        if self.nonnegative:
            np.maximum(self.image, 0.0, out=self.image)
        return misfit


def run_sirt(
    rows: npt.ArrayLike,
    projector: Projector,
    *,
    iterations: int | HeldOutChoice | None = None,
    tolerance: float = 0.0,
    nonnegative: bool = True,
    threads: int = 1,
) -> SirtResult:
    """Reconstruct slices by SIRT.

    Every slice is reconstructed by itself: the answer depends neither on its neighbours nor on the threads.

    Parameters
    ----------
    rows : array, shape (angles, slices, columns)
        Line integrals.
    projector : Projector
        The geometry.
    iterations : int or HeldOutChoice, optional
        At most; chosen by held-out projections when not given (`choose_iterations`).
    tolerance : float
        A slice is done when an iteration lowers its misfit by less than this part; 0: when all iterations are made.
    nonnegative : bool
        Whether the attenuation must not be negative.
    threads : int
        How many compute.

    Returns
    -------
    SirtResult

    Raises
    ------
    InputError
        If the rows do not fit the projector, or an option cannot be used.
    """
    lines = projector.check_rows(rows)
    if iterations is None:
        iterations = choose_iterations(lines, projector, nonnegative=nonnegative, threads=threads)
    choice = iterations if isinstance(iterations, HeldOutChoice) else None
    most = int(iterations.value) if isinstance(iterations, HeldOutChoice) else iterations
    if most < 1 or not 0 <= tolerance < 1:
        raise InputError(f"iterations must be 1 or more and tolerance 0 to 1, got {most} and {tolerance}")
    chunks = list(lane_chunks(lines.shape[1]))
    inside = max(threads // len(chunks), 1)

    def task(chunk: slice) -> tuple[Singles, Integers, Floats]:
        lanes = to_lanes(lines[:, chunk].transpose(1, 0, 2))
        iterate = _Sirt(projector, lanes, nonnegative=nonnegative, threads=inside)
        return _iterate(iterate, most, tolerance, chunk.stop - chunk.start)

    done = run_blocks(task, chunks, threads=threads)
    slices, counts, misfits = (np.concatenate(part) for part in zip(*done, strict=True))
    return SirtResult(slices, choice, counts, misfits)


def choose_iterations(
    rows: npt.ArrayLike,
    projector: Projector,
    *,
    most: int = 500,
    every: int = EVERY,
    nonnegative: bool = True,
    threads: int = 1,
) -> HeldOutChoice:
    """Return the number of iterations after which SIRT predicts held-out projections best.

    Parameters
    ----------
    rows : array, shape (angles, slices, columns)
        Line integrals; at most 8 slices are used, evenly spread.
    projector : Projector
        The geometry.
    most : int
        Largest number.
    every : int
        One projection of so many is held out.
    nonnegative : bool
        Whether the attenuation must not be negative.
    threads : int
        How many compute; the answer does not depend on it.

    Returns
    -------
    HeldOutChoice
        Of iterations.

    Raises
    ------
    InputError
        If the rows do not fit the projector, or there are too few projections.
    """
    if most < 1:
        raise InputError(f"most must be 1 or more iterations, got {most}")
    held = hold_out(rows, projector, every=every)
    iterate = _Sirt(held.projector, held.rows, nonnegative=nonnegative, threads=threads)
    misfits: list[float] = []
    best = 0
    while len(misfits) < most and len(misfits) - best <= max(_BEYOND, _BEYOND_PART * best):
        iterate.step()
        misfits.append(held.misfit(iterate.image, threads=threads))
        best = int(np.argmin(misfits)) + 1
    tried = np.arange(1.0, len(misfits) + 1)
    return HeldOutChoice(float(best), tried, np.array(misfits), held.numbers, best in (1, most))


def _iterate(iterate: _Sirt, most: int, tolerance: float, count: int) -> tuple[Singles, Integers, Floats]:
    """Return slices, the number of iterations of each, and misfits."""
    counts, misfit = np.zeros(LANES, np.int64), np.full(LANES, np.inf)
    image = iterate.image.copy()
    for number in range(1, most + 1):
        found = iterate.step()
        # each slice is taken as it is when it is done, whatever the slices beside it still need
        going = counts == 0
        done = going & (found >= (1.0 - tolerance) * misfit) if tolerance else np.zeros(LANES, bool)
        misfit[going] = found[going]
        finished = going if number == most else done
        image[..., finished], counts[finished] = iterate.image[..., finished], number
        if counts[:count].all():
            break
    return from_lanes(image, count), counts[:count], misfit[:count]


def _inverse(sums: Singles) -> Singles:
    """Return one over sums; 0 where nothing is summed up."""
    # where a ray or a pixel is hardly touched its sum says nothing, and one over it would be large
    least = np.float32(1e-3) * sums.max()
    return np.where(sums > least, 1.0 / np.maximum(sums, least), 0.0).astype(np.float32)
