"""Repair of points that failed or disagree with their neighbours.

Such a point is tried again from what its neighbours say of its place and gradient, until nothing changes. Since this
comes after all points were measured, it does not matter how they were cut into blocks.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from volcorr.fields import Status
from volcorr.grid import Grid
from volcorr.icgn import Refined
from volcorr.neighbours import FEWEST_NEIGHBOURS, median_spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["predict", "repair"]

logger = logging.getLogger(__name__)

Measure = Callable[["NDArray[np.intp]", "NDArray[np.float64]", int], Refined]

#: Points that may succeed when they start from their neighbours.
WORTH_ANOTHER_TRY = (Status.OUTSIDE_VOLUME, Status.NOT_CONVERGED, Status.LOW_CORRELATION)
#: Normalised median test: largest deviation from the neighbours, in units of theirs plus `NOISE` voxels.
THRESHOLD, NOISE = 3.0, 0.2
#: A point is tried again when its neighbours say something new by so many voxels.
NEWS = 0.1
#: A point that disagrees is kept when it correlates as well as its neighbours: median less so many median deviations.
WORSE, CC_NOISE = 3.0, 0.01
ROUNDS = 100
#: Points that are looked at together.
CHUNK = 20_000


def repair(found: Refined, grid: Grid, measure: Measure) -> int:
    """Try points again, in place, and mark as outliers those that disagree and correlate worse; return how many tries.

    Parameters
    ----------
    found : Refined
        All points of the grid.
    grid : Grid
        Where they are.
    measure : callable
        ``measure(rows, start, round)`` measures points from new start values.
    """
    columns = found.parameters.shape[2]
    last = np.full((grid.size, 3), np.nan)
    tries = 0
    for number in range(ROUNDS):
        start, disagrees, _ = predict(found, grid)
        candidates = np.isin(found.status, WORTH_ANOTHER_TRY) | (disagrees & (found.status == Status.VALID))
        news = ~(np.abs(start[:, :, 0] - last) <= NEWS).all(axis=1)
        rows = np.flatnonzero(candidates & news & np.isfinite(start[:, :, 0]).all(axis=1))
        if not len(rows):
            break
        last[rows] = start[rows][:, :, 0]
        padded = np.zeros((len(rows), 3, columns))
        padded[:, :, :4] = start[rows]
        again = measure(rows, padded, number)
        before = np.where(found.status[rows] == Status.VALID, found.cc[rows], -np.inf)
        better = (again.status == Status.VALID) & (again.cc > before)
        found.put(rows[better], again.take(better))
        tries += len(rows)
        logger.debug("repair %d: %d points tried, %d better", number, len(rows), int(better.sum()))
    _, disagrees, worse = predict(found, grid)
    found.status[(found.status == Status.VALID) & disagrees & worse] = Status.OUTLIER
    return tries


def predict(found: Refined, grid: Grid) -> "tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]":
    """Return what the valid neighbours of each point say.

    Returns
    -------
    (n, 3, 4) array
        Median displacement and gradient, NaN where there is no neighbour.
    (n,) bool array
        Points that disagree with them.
    (n,) bool array
        Points whose correlation is clearly below theirs.

    Notes
    -----
    J. Westerweel and F. Scarano, "Universal outlier detection for PIV data", Experiments in Fluids 39 (2005)
    1096-1100, doi:10.1007/s00348-005-0016-6, here with up to 26 neighbours, each of which is carried to the point by
    its own gradient.
    """
    n = grid.size
    start, disagrees, worse = np.full((n, 3, 4), np.nan), np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    index = np.stack(np.unravel_index(np.arange(n), grid.shape), axis=1)
    strides = np.array([grid.shape[1] * grid.shape[2], grid.shape[2], 1])
    steps = np.array([s for s in np.ndindex(3, 3, 3) if s != (1, 1, 1)]) - 1
    spacing = np.asarray(grid.spacing, np.float64)
    valid = found.status == Status.VALID
    for first in range(0, n, CHUNK):
        rows = np.arange(first, min(first + CHUNK, n))
        place = index[rows][:, None, :] + steps
        inside = ((place >= 0) & (place < grid.shape)).all(axis=2)
        others = np.where(inside, place @ strides, 0)
        there = inside & valid[others]
        p = found.parameters[others][:, :, :, :4]
        carried = p.copy()
        carried[..., 0] += (p[..., 1:] * (-steps * spacing)[None, :, None, :]).sum(axis=3)
        usual, spread = (part.reshape(-1, 3, 4) for part in median_spread(carried.reshape(*there.shape, 12), there))
        start[rows] = usual
        enough = there.sum(axis=1) >= FEWEST_NEIGHBOURS
        far = np.abs(found.parameters[rows][:, :, 0] - usual[:, :, 0]) > THRESHOLD * (spread[:, :, 0] + NOISE)
        disagrees[rows] = enough & far.any(axis=1)
        cc, deviation = (part[:, 0] for part in median_spread(found.cc[others][:, :, None], there))
        worse[rows] = found.cc[rows] < cc - WORSE * (deviation + CC_NOISE)
    return start, disagrees, worse
