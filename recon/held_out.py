"""Held-out projections: what a reconstruction is judged by when nobody knows the truth.

Some projections are left out, the others are reconstructed, and the left-out ones are compared with what the slices
predict of them. Too much smoothing misses what is there, too little predicts noise, and both show as misfit (cross-
validation; Stone, doi:10.1111/j.2517-6161.1974.tb00994.x).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recon.projectors import Projector
from recon.slice_lanes import CELLS, to_lanes
from volio.errors import InputError
from volio.simd import LANES

__all__ = ["EVERY", "HeldOut", "HeldOutChoice", "hold_out"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]

#: One projection of so many is held out.
EVERY = 8


@dataclass(frozen=True, eq=False)
class HeldOutChoice:
    """A setting that was chosen by held-out projections.

    Attributes
    ----------
    value : float
        The setting with the least misfit, between those that were tried.
    values : array, shape (n,)
        What was tried, rising.
    misfits : array, shape (n,)
        Mean square difference between held-out line integrals and predicted ones. It includes their noise.
    held_out : array of int
        Which projections were held out.
    at_edge : bool
        Whether the least misfit is at the first or last value: then a better one may lie beyond.
    """

    value: float
    values: Floats
    misfits: Floats
    held_out: Integers
    at_edge: bool


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Line integrals of at most LANES slices, some projections of them held out; made by `hold_out`.

    Attributes
    ----------
    projector : Projector
        Of the projections that are kept.
    rows : array
        Their line integrals, as `recon.slice_lanes` lays them out.
    other : Projector
        Of the projections that are held out.
    truth : array
        Their line integrals.
    numbers : array of int
        Which ones they are.
    slices : int
        How many lanes hold a slice.
    """

    projector: Projector
    rows: Singles
    other: Projector
    truth: Singles
    numbers: Integers
    slices: int

    def misfit(self, image: Singles, *, threads: int) -> float:
        """Return the mean square difference between held-out projections and those of an image in lanes."""
        rest = (self.other.project_lanes(image, threads=threads) - self.truth)[:, CELLS, : self.slices]
        return float(np.mean(rest**2, dtype=np.float64))


def hold_out(rows: npt.ArrayLike, projector: Projector, *, every: int = EVERY) -> HeldOut:
    """Hold out every so many projections, in the order of their angles.

    Parameters
    ----------
    rows : array, shape (angles, slices, columns)
        Line integrals; at most LANES slices are used, evenly spread.
    projector : Projector
        The geometry.
    every : int
        One projection of so many is held out.

    Raises
    ------
    InputError
        If the rows do not fit the projector, or there are too few projections.
    """
    lines = projector.check_rows(rows)
    if every < 2 or projector.n_angles < 2 * every:
        raise InputError(
            f"every must be 2 or more, and at most half of the {projector.n_angles} projections, got {every}: with "
            "fewer projections give the setting yourself"
        )
    count = lines.shape[1]
    if count > LANES:
        lines = lines[:, np.linspace(0, count - 1, LANES).round().astype(np.int64)]
    order = np.argsort(projector.angles, kind="stable")
    held = np.sort(order[every // 2 :: every])
    kept = np.setdiff1d(order, held)
    kept_rows, held_rows = (to_lanes(lines[some].transpose(1, 0, 2)) for some in (kept, held))
    return HeldOut(projector.subset(kept), kept_rows, projector.subset(held), held_rows, held, lines.shape[1])
