"""Rounds of alignment at one resolution: reconstruct, project again, register, and start over with what was found."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from recon.detector_rows import DetectorRows
from recon.projection_shift import PARTS, REACH, ProjectionShift, measure_shift
from recon.reprojection import reproject
from volio.blocks import run_blocks
from volio.errors import InputError

__all__ = ["AlignmentRound", "AlignmentState", "align_images", "shift_uncertainty", "unexplained"]

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

#: Fewest rows and columns that a shift is measured on.
FEWEST_ROWS, FEWEST_COLUMNS = 8, 16
#: Largest change in a round, in pixels of its resolution: more is not searched.
_LARGEST_STEP: Final = REACH + 0.5
#: Change in a round, in pixels of its resolution, below which the next resolution is due.
_SMALL_STEP: Final = 0.01
#: Largest change of any projection, in pixels, from which on whole pixels are no longer searched.
_NEAR: Final = 0.5


@dataclass(frozen=True)
class AlignmentRound:
    """One reconstruction, and what was learnt of it.

    Attributes
    ----------
    binning : int
        Edge in detector pixels of the squares that were averaged.
    residual : float
        Median over the projections of what the prediction does not explain, over the contrast of the projection.
    change : pair of floats
        Root mean square change of the shifts of rows and columns, in detector pixels.
    """

    binning: int
    residual: float
    change: tuple[float, float]


@dataclass(frozen=True, eq=False)
class AlignmentState:
    """What is known after some rounds.

    Attributes
    ----------
    shifts : array, shape (angles, 2), float64
        Rows and columns, in pixels of the detector.
    axis : float
        Column of the rotation axis, in pixels of the detector.
    found : tuple of ProjectionShift
        The last registration of each projection, in pixels of the last resolution.
    rounds : tuple of AlignmentRound
        What happened at the last resolution.
    """

    shifts: Floats
    axis: float
    found: tuple[ProjectionShift, ...]
    rounds: tuple[AlignmentRound, ...]


def align_images(
    images: Singles,
    *,
    angles: Floats,
    binning: int,
    shifts: Floats,
    axis: float,
    rounds: int,
    rows: int,
    threads: int,
) -> AlignmentState:
    """Align images of one resolution until shifts hardly change.

    Parameters
    ----------
    images : (angles, rows, columns) float32 array
        Line integrals, averaged over squares of `binning` pixels.
    angles : (angles,) array
        In radians.
    binning : int
        Edge of a pixel of the images in pixels of the detector.
    shifts, axis : (angles, 2) array, float
        The start, in pixels of the detector.
    rounds : int
        Reconstructions, at most.
    rows : int
        Rows in the middle of the images that are used, at most.
    threads : int
        How many compute; the answer does not depend on it.

    Raises
    ------
    InputError
        If a projection is shifted out of the detector.
    """
    history: list[AlignmentRound] = []
    found: list[ProjectionShift] = []
    reach = REACH
    for _ in range(rounds):
        found = _register(images, angles, shifts, axis, binning, (rows, reach, threads, False))
        step = np.clip([f.shift for f in found], -_LARGEST_STEP, _LARGEST_STEP)
        reach = REACH if np.abs(step).max() > _NEAR else 0
        step = binning * step
        even = step.mean(axis=0)
        shifts, axis = shifts + step - even, axis + float(even[1])
        change = np.sqrt(np.mean((step - even) ** 2, axis=0))
        residual = float(np.median([f.residual for f in found]))
        history.append(AlignmentRound(binning, residual, (float(change[0]), float(change[1]))))
        logger.info("alignment, binning %d: residual %.3f, change %.3f, %.3f pixels", binning, residual, *change)
        if change.max() < _SMALL_STEP * binning:
            break
    return AlignmentState(shifts, axis, tuple(found), tuple(history))


def unexplained(
    images: Singles, *, angles: Floats, binning: int, shifts: Floats, axis: float, rows: int, threads: int
) -> float:
    """Return what a reconstruction from every other projection does not explain of those that it was not made of.

    Noise that was aligned with itself explains itself, but not the noise of others.

    Parameters
    ----------
    images, angles, binning, shifts, axis, rows, threads
        See `align_images`.

    Returns
    -------
    float
        Median over the projections, over the contrast of the projection: 1 where nothing is explained.

    Raises
    ------
    InputError
        If a projection is shifted out of the detector.
    """
    found = _register(images, angles, shifts, axis, binning, (rows, 0, threads, True))
    return float(np.median([f.residual for f in found]))


def shift_uncertainty(found: Sequence[ProjectionShift]) -> Floats:
    """Return the standard uncertainty of shifts (angles, 2), in pixels of their resolution.

    That of independent pixels, times a factor: by how much more than that parts of the detector disagree.
    """
    sigma = np.array([f.sigma for f in found])
    # parts without anything to see have an uncertainty of 0, and do not disagree
    apart = np.array([(f.parts - f.parts.mean(axis=0)) / np.maximum(f.parts_sigma, 1e-30) for f in found])
    factor = np.sqrt(np.median(apart**2, axis=(0, 1)) / 0.455 * PARTS / (PARTS - 1))
    larger: Floats = sigma * np.maximum(factor, 1.0)
    return larger


def _register(
    images: Singles, angles: Floats, shifts: Floats, axis: float, level: int, options: tuple[int, int, int, bool]
) -> list[ProjectionShift]:
    """Register each projection with its prediction; the answers are in pixels of this resolution.

    options: rows that are used, whole pixels that are searched, threads, whether each is predicted from others alone.
    """
    wanted, reach, threads, apart = options
    axes = (axis + shifts[:, 1] + 0.5) / level - 0.5
    source = DetectorRows(images, axes, shifts[:, 0] / level)
    start = max((source.slices - wanted) // 2, 0)
    stop = min(start + wanted, source.slices)
    observed = source.read(start, stop)
    predicted = reproject(observed, angles=angles, axes=axes, threads=threads) if not apart else np.empty_like(observed)
    for known in (np.arange(len(angles)) % 2 == k for k in range(2 * apart)):
        predicted[~known] = reproject(observed, angles=angles, axes=axes, known=known, threads=threads)[~known]
    # what lies beyond the first or last row was not seen
    places = 0.5 * (images.shape[1] - 1) + source.heights(start, stop) + source.shifts[:, None]
    seen = ((places >= 0.5) & (places <= images.shape[1] - 1.5)).astype(np.float64)
    lost = np.flatnonzero(seen.sum(axis=1) < FEWEST_ROWS // 2)
    if lost.size:
        raise InputError(
            f"projection {lost[0]} is shifted by {shifts[lost[0], 0]:.0f} of {images.shape[1] * level} rows, so that "
            "too little of the specimen is seen: leave it out (Scan.crop)"
        )
    columns = images.shape[2]
    window = np.sin(np.pi * (np.arange(columns) + 0.5) / columns)

    def task(i: int) -> ProjectionShift:
        return measure_shift(observed[i], predicted[i], rows=seen[i], columns=window, reach=reach)

    return run_blocks(task, range(len(observed)), threads=threads)
