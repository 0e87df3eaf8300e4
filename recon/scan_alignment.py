"""Alignment of a scan that nobody has looked at: whether its projections lie where they should, and where if not.

The overview of a scan is aligned from coarse to fine, from several starts. What was found is then judged: by its size
against its uncertainty, and by whether a reconstruction explains the projections better with it than without.
"""

import logging
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from recon.alignment_gauge import axis_leverage, settle_gauge
from recon.alignment_rounds import (
    FEWEST_COLUMNS,
    FEWEST_ROWS,
    AlignmentState,
    align_images,
    shift_uncertainty,
    unexplained,
)
from recon.overview import ScanOverview
from recon.row_profiles import find_row_shifts
from volio.progress import SupportsUpdate

__all__ = ["ScanAlignment", "align_overview", "alignment_rows", "why_not_aligned"]

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]

#: Pixels of each projection that are registered, at most and where there are as many.
_PIXELS: Final = 64 * 256
_FEWEST, _MOST = 16, 64
#: Projections and radians without which a reconstruction predicts nothing.
FEWEST_PROJECTIONS, SMALLEST_RANGE = 40, math.radians(30)
#: Rounds from each start, then at each resolution.
_TRIED, _ROUNDS = 3, 8
#: Root mean square of shifts in pixels below which undoing them changes nothing.
SMALLEST: Final = 0.1
#: Part of the contrast of projections that others may leave unexplained: from here on nothing is predicted.
_MOST_LEFT: Final = 0.95
#: Columns of the images on which that is measured, at most and where there are such.
_JUDGED: Final = 320
#: What the axis would be uncertain by if it were as certain as shifts are, in pixels of the finest images: that of
#: simulated scans.
_AXIS_SIGMA: Final = 0.015


@dataclass(frozen=True, eq=False)
class ScanAlignment:
    """What aligning an overview has found.

    Attributes
    ----------
    shifts : array, shape (angles, 2), float64
        By how many rows and columns each projection lies too far, in pixels of the detector.
    center : float
        Column of the rotation axis that belongs to these shifts.
    center_at_rest : float
        Column of the rotation axis if the shifts of the start are used instead.
    center_sigma : float
        Standard uncertainty of both.
    moved : pair of floats
        Root mean square of how far shifts of rows and columns are from those of the start, without their uncertainty.
    sigma : pair of floats
        Standard uncertainty of the shifts of rows and columns, median over the projections.
    residuals : pair of floats
        What a reconstruction from others does not explain of projections, over their contrast: at the start, and
        aligned (`recon.alignment_rounds.unexplained`).
    change : float
        Largest root mean square change in the last round.
    rounds : int
        Reconstructions that were made.
    """

    shifts: Floats
    center: float
    center_at_rest: float
    center_sigma: float
    moved: tuple[float, float]
    sigma: tuple[float, float]
    residuals: tuple[float, float]
    change: float
    rounds: int

    @property
    def settled(self) -> bool:
        """Whether projections were predicted, and the last round hardly changed anything."""
        return self.residuals[1] < _MOST_LEFT and self.change <= max(SMALLEST, 2 * max(self.sigma))

    @property
    def at_rest(self) -> bool:
        """Whether the projections lie where the start says, as well as can be told."""
        return self.settled and all(m <= max(s, SMALLEST) for m, s in zip(self.moved, self.sigma, strict=True))

    @property
    def doubt(self) -> str | None:
        """Why the shifts should not be used; None if they should."""
        if not self.residuals[1] < _MOST_LEFT:
            return "the projections show too little to be aligned by"
        if not self.settled:
            return f"the alignment did not settle: shifts still change by {self.change:.2f} pixels"
        if self.at_rest:
            most = (math.hypot(m, s) for m, s in zip(self.moved, self.sigma, strict=True))
            return "the projections lie where they should, within {:.2f} rows and {:.2f} columns".format(*most)
        before, after = self.residuals
        if not after < before:
            return "shifts of {:.2f} rows and {:.2f} columns would explain nothing better".format(*self.moved)
        return None


def alignment_rows(binning: int, *, rows: int, columns: int) -> int:
    """Return how many rows of an overview are registered: fewer where columns are many, half the columns at most.

    Parameters
    ----------
    binning : int
        Of the overview.
    rows, columns : int
        Of the detector.
    """
    across = max(columns // binning, 1)
    return min(max(_PIXELS // across, _FEWEST), _MOST, max(across // 2, _FEWEST), rows // binning)


def why_not_aligned(angles: Floats, *, rows: int, columns: int) -> str | None:
    """Return why a scan cannot be aligned; None if it can."""
    if len(angles) < FEWEST_PROJECTIONS:
        return f"{len(angles)} projections are too few to predict each other, {FEWEST_PROJECTIONS} are needed"
    if np.ptp(angles) < SMALLEST_RANGE:
        degrees = math.degrees(np.ptp(angles)), math.degrees(SMALLEST_RANGE)
        return "angles over {:.0f} degrees are too few, {:.0f} are needed".format(*degrees)
    if rows < FEWEST_ROWS or columns < FEWEST_COLUMNS:
        return f"{rows} x {columns} pixels are too few, {FEWEST_ROWS} rows and {FEWEST_COLUMNS} columns are needed"
    return None


def align_overview(
    overview: ScanOverview,
    angles: Floats,
    *,
    detector: tuple[int, int],
    shifts: Floats | None,
    axes: tuple[float, ...],
    threads: int,
    progress: SupportsUpdate | None = None,
) -> ScanAlignment:
    """Align the projections of an overview from its coarsest to its finest images.

    Parameters
    ----------
    overview : ScanOverview
        Of at least one binning with 8 rows and 16 columns.
    angles : (angles,) array
        In radians.
    detector : pair of ints
        Rows and columns of the detector.
    shifts : (angles, 2) array or None
        What is known of them. No shifts at all and the mass profiles are tried as starts too.
    axes : tuple of floats
        Columns of the rotation axis to start from, in pixels of the detector; the first one is believed.
    threads : int
        How many compute. The answer does not depend on it.
    progress : Progress, optional
        Is told of finished resolutions.

    Raises
    ------
    InputError
        If a projection is shifted out of the detector.
    """
    binnings = [
        binning
        for binning, images in sorted(overview.images.items(), reverse=True)
        if images.shape[1] >= FEWEST_ROWS and images.shape[2] >= FEWEST_COLUMNS
    ]

    def run(binning: int, start: Floats, axis: float, rounds: int) -> AlignmentState:
        height = alignment_rows(binning, rows=detector[0], columns=detector[1])
        options: dict[str, Any] = {"angles": angles, "binning": binning, "threads": threads, "rows": height}
        return align_images(overview.images[binning], shifts=start, axis=axis, rounds=rounds, **options)

    nothing = np.zeros((len(angles), 2))
    first = nothing if shifts is None else shifts
    coarse, fine = binnings[0], binnings[-1]
    profiles = np.stack([coarse * find_row_shifts(overview.images[coarse]), nothing[:, 1]], axis=1)
    starts = [first, profiles] if shifts is None else [first, nothing, profiles]
    tried = [run(coarse, start, axis, _TRIED) for axis in axes for start in starts]
    best = min(tried, key=lambda state: state.rounds[-1].residual)
    count = sum(len(state.rounds) for state in tried)
    for binning in binnings:
        best = run(binning, best.shifts, best.axis, _ROUNDS)
        count += len(best.rounds)
        if progress is not None:
            progress.update()
    judged = next((b for b in binnings[::-1] if overview.images[b].shape[2] <= _JUDGED), fine)
    before, after = (
        unexplained(
            overview.images[judged],
            angles=angles,
            binning=judged,
            shifts=moves,
            axis=axis,
            rows=alignment_rows(judged, rows=detector[0], columns=detector[1]),
            threads=threads,
        )
        for moves, axis in ((first, axes[0]), (best.shifts, best.axis))
    )
    found, center = settle_gauge(best.shifts, angles, best.axis)
    sigma = fine * np.median(shift_uncertainty(best.found), axis=0)
    # a motion of the whole specimen is no fault of the projections
    apart, at_rest = settle_gauge(best.shifts - first, angles, best.axis, price=0.0)
    moved = np.sqrt(np.maximum(np.mean(apart**2, axis=0) - sigma**2, 0.0))
    last = best.rounds[-1]
    logger.info("alignment: %.3f, %.3f pixels moved, residual %.4f to %.4f", *moved, before, after)
    return ScanAlignment(
        found,
        center,
        at_rest,
        _AXIS_SIGMA * fine * axis_leverage(angles),
        (float(moved[0]), float(moved[1])),
        (float(sigma[0]), float(sigma[1])),
        (before, after),
        max(last.change),
        count,
    )
