"""Alignment of projections: how far each one lies from where it should, from the projections themselves.

A reconstruction is projected again, each projection is registered with its prediction, and the next reconstruction is
made with the shifts found; first at coarse resolution, where large shifts are small, then at finer ones (projection
matching; Guersoy et al., doi:10.1038/s41598-017-12141-9; Odstrcil et al.,
doi:10.1364/OE.27.036637). The predictions are those of the dense part of the specimen alone (see `reprojection`): that
is what finds slow drifts and the rotation axis, over less than half a turn too.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from recon.alignment_gauge import settle_gauge
from recon.alignment_rounds import FEWEST_COLUMNS, FEWEST_ROWS, AlignmentRound, align_images, shift_uncertainty
from recon.geometry import check_parallel
from recon.row_profiles import find_row_shifts
from recon.scan import Scan
from volio import Progress, default_threads
from volio.errors import InputError

__all__ = ["AlignmentRound", "ProjectionAlignment", "align_projections"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ProjectionAlignment:
    """Shifts of projections, and the rotation axis that belongs to them.

    Attributes
    ----------
    shifts : array, shape (angles, 2), float64
        By how many rows and columns each projection lies too far, in pixels; what cannot be known is settled as
        `recon.alignment_gauge` says.
    center : float
        Column of the rotation axis; it holds for these shifts and no others.
    sigma : array, shape (angles, 2), float64
        Standard uncertainty of the shifts, from how far parts of the detector disagree. Errors that all projections
        share, as a small one of the axis, are not in it.
    strengths : array, shape (angles,), float64
        Contrast of each projection over that of its prediction, with the median 1; far from it something is wrong.
    rounds : tuple of AlignmentRound
        What happened.
    """

    shifts: Floats
    center: float
    sigma: Floats
    strengths: Floats
    rounds: tuple[AlignmentRound, ...]

    def apply(self, scan: Scan) -> Scan:
        """Return the scan with these shifts and this axis, which `recon.reconstruct` undoes.

        Raises
        ------
        InputError
            If it has another number of projections.
        """
        note = f"the projections were aligned in {len(self.rounds)} rounds"
        metadata = {**scan.metadata, "notes": [*scan.metadata.get("notes", ()), note]}
        return replace(scan, shifts=self.shifts, center=self.center, metadata=metadata)


def align_projections(
    scan: Scan,
    *,
    center: float | None = None,
    binnings: Sequence[int] = (8, 4, 2, 1),
    rounds: int = 8,
    rows: int = 64,
    threads: int | None = None,
    progress: bool = True,
) -> ProjectionAlignment:
    """Find the shifts of all projections and the rotation axis, by registration with reprojections.

    Parameters
    ----------
    scan : Scan
        Line integrals; a scan with flats is corrected first, with the defaults of `recon.correct_scan`. Its
        `shifts` are the start; without them rows start from the mass profiles.
    center : float, optional
        Column of the rotation axis to start from: that of the scan or the middle when not given.
    binnings : sequence of int, default: (8, 4, 2, 1)
        Resolutions, falling: each is the edge of squares of pixels that are averaged. Those at which too few rows or
        columns are left are skipped, but for the last.
    rounds : int, default: 8
        Reconstructions at each resolution, at most.
    rows : int, default: 64
        Detector rows in the middle of the (averaged) projections that are used, at most. More take longer and make
        the shifts more precise.
    threads : int, optional
        How many compute. The answer does not depend on it.
    progress : bool, default: True
        Whether progress is shown.

    Returns
    -------
    ProjectionAlignment

    Raises
    ------
    InputError
        If the options cannot be used, the detector is too small, or a projection is shifted out of it.
    """
    levels = _check(scan, binnings, rounds, rows)
    count = default_threads() if threads is None else threads
    lines = check_parallel(scan)
    if lines.flats is not None:
        from recon.scan_correction import correct_scan

        lines = correct_scan(lines, threads=count)
    start = scan.center if center is None else float(center)
    axis = 0.5 * (scan.columns - 1) if start is None else start
    zeros = np.zeros((lines.n_angles, 2))
    images = _binned(lines.projections, levels[0])
    starts = [zeros if lines.shifts is None else lines.shifts]
    if lines.shifts is None:
        starts.append(np.stack([levels[0] * find_row_shifts(images), zeros[:, 1]], axis=1))
    common: dict[str, Any] = {"angles": lines.angles, "rounds": rounds, "rows": rows, "threads": count}
    with Progress(len(levels), "resolutions", "aligning") if progress else nullcontext() as shown:
        tried = [align_images(images, binning=levels[0], shifts=s, axis=axis, **common) for s in starts]
        best = min(tried, key=lambda state: state.rounds[-1].residual)
        history = list(best.rounds)
        for level in levels[1:]:
            if shown is not None:
                shown.update()
            images = _binned(lines.projections, level)
            best = align_images(images, binning=level, shifts=best.shifts, axis=best.axis, **common)
            history += best.rounds
        if shown is not None:
            shown.update()
    strengths = np.array([f.strength for f in best.found])
    strengths = strengths / np.median(strengths)
    sigma = levels[-1] * shift_uncertainty(best.found)
    shifts, axis = settle_gauge(best.shifts, lines.angles, best.axis)
    return ProjectionAlignment(shifts, axis, sigma, strengths, tuple(history))


def _check(scan: Scan, binnings: Sequence[int], rounds: int, rows: int) -> list[int]:
    """Return the resolutions that are used."""
    levels = [int(b) for b in binnings]
    if not levels or min(levels) < 1 or levels != sorted(set(levels), reverse=True):
        raise InputError(f"binnings must be whole numbers from 1, each below the one before, got {list(binnings)}")
    if rounds < 1:
        raise InputError(f"rounds must be at least 1, got {rounds}: 8 are usual")
    if rows < FEWEST_ROWS:
        raise InputError(f"rows must be at least {FEWEST_ROWS}, got {rows}: 64 are usual")
    if scan.n_angles < 3:
        raise InputError(f"{scan.n_angles} projections cannot be aligned with each other: give 3 or more")
    usable = [b for b in levels if scan.rows // b >= FEWEST_ROWS and scan.columns // b >= FEWEST_COLUMNS]
    if not usable:
        raise InputError(
            f"projections of {scan.rows} x {scan.columns} pixels binned by {levels[-1]} are too small to be aligned: "
            f"{FEWEST_ROWS} rows and {FEWEST_COLUMNS} columns are needed"
        )
    return usable


def _binned(projections: Any, factor: int) -> Singles:
    """Return projections averaged over squares of pixels."""
    from recon.corrections import bin_pixels

    count, rows, columns = projections.shape
    out = np.empty((count, rows // factor, columns // factor), np.float32)
    for i in range(count):
        image = np.asarray(projections[i : i + 1], np.float32)
        out[i] = (bin_pixels(image, factor=factor) if factor > 1 else image)[0]
    if not np.isfinite(np.sum(out, dtype=np.float64)):
        raise InputError(
            "the projections hold values that are NaN or infinite: correct them first (recon.correct_scan)"
        )
    return out
