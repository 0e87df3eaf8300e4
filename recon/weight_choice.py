"""The weight of total variation, chosen by held-out projections."""

from typing import Final

import numpy as np
import numpy.typing as npt

from recon.held_out import EVERY, HeldOut, HeldOutChoice, hold_out
from recon.primal_dual import PrimalDual, make_preconditioner
from recon.projectors import Projector
from volio.errors import InputError

__all__ = ["choose_weight"]

#: Largest weight, in parts of the mean line integral; the least one is a ten-millionth of it.
_LARGEST: Final = 10.0
_DECADES: Final = 7
#: Weights a decade on the first way down.
_A_DECADE: Final = 2
#: Iterations for each weight, and for the first one and those of the refinement.
_ITERATIONS: Final = 40
_MORE: Final = 80
#: Weights after the best one that are tried before it counts as the best.
_BEYOND: Final = 2


def choose_weight(
    rows: npt.ArrayLike,
    projector: Projector,
    *,
    every: int = EVERY,
    nonnegative: bool = True,
    threads: int = 1,
) -> HeldOutChoice:
    """Return the weight of total variation that predicts held-out projections best.

    The weights go down from one that smooths everything, by half a decade each, until the misfit of the held-out
    projections has risen twice. Around the best one three weights a quarter of a decade apart are tried again, and the
    lowest point of the parabola through their misfits (over the logarithm) is taken. The answer is always the same.

    Parameters
    ----------
    rows : array, shape (angles, slices, columns)
        Line integrals; at most 8 slices are used, evenly spread.
    projector : Projector
        The geometry.
    every : int
        One projection of so many is held out.
    nonnegative : bool
        Whether the attenuation must not be negative.
    threads : int
        How many compute; the answer does not depend on it.

    Returns
    -------
    HeldOutChoice
        Of weights, in line integrals times pixels (see `recon.total_variation`).

    Raises
    ------
    InputError
        If the rows do not fit the projector or hold nothing, or there are too few projections.
    """
    held = hold_out(rows, projector, every=every)
    scale = float(np.mean(np.abs(held.rows), dtype=np.float64))
    if not scale > 0:
        raise InputError("all line integrals are 0, so there is nothing to choose a weight by: is the scan empty?")
    steps = make_preconditioner(held.projector, threads=threads)
    iterate = PrimalDual(held.projector, steps, held.rows, nonnegative=nonnegative, threads=threads)
    tried: dict[float, float] = {}
    for number in range(_DECADES * _A_DECADE + 1):
        weight = _LARGEST * scale * 10.0 ** (-number / _A_DECADE)
        tried[weight] = _try(iterate, held, weight, _ITERATIONS if tried else _MORE)
        if len(tried) - 1 - int(np.argmin(list(tried.values()))) >= _BEYOND:
            break
    weights = np.array(list(tried))
    best = int(np.argmin(list(tried.values())))
    around = weights[best] * 10.0 ** (np.array([-0.5, 0.0, 0.5]) / _A_DECADE)
    misfits = np.array([_try(iterate, held, weight, _MORE) for weight in around])
    tried |= dict(zip(around.tolist(), misfits.tolist(), strict=True))
    chosen = float(weights[best] * 10.0 ** (_lowest(misfits) * 0.5 / _A_DECADE))
    order = sorted(tried)
    return HeldOutChoice(
        chosen, np.array(order), np.array([tried[w] for w in order]), held.numbers, best in (0, len(weights) - 1)
    )


def _try(iterate: PrimalDual, held: HeldOut, weight: float, iterations: int) -> float:
    for _ in range(iterations):
        iterate.step(weight)
    return held.misfit(iterate.image, threads=iterate.threads)


def _lowest(values: npt.NDArray[np.float64]) -> float:
    """Return where, from -1 to 1, a parabola through values at -1, 0 and 1 is lowest."""
    curvature = values[0] - 2 * values[1] + values[2]
    if not curvature > 0:
        return float(np.argmin(values) - 1)
    return float(np.clip(0.5 * (values[0] - values[2]) / curvature, -1.0, 1.0))
