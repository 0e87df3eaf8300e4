"""What a reconstruction needs to know and nobody stated: axis, shifts and rings, decided from the scan itself.

The scan is read once, its middle is kept at several resolutions (`recon.overview`), and everything is decided on that:
its projections are aligned, and the shifts are used where they are larger than their uncertainty and explain the
projections better; the axis is what most methods see, on projections whose shifts are undone; rings are removed where
pixels of the detector are visibly wrong. What could not be decided stays as the scan says, and is told.
"""

import logging
import math
from contextlib import nullcontext
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from recon.axis import find_axis, fit_axis_tilt
from recon.axis_estimate import AxisCandidate, AxisEstimate, combine_candidates
from recon.geometry import check_parallel
from recon.overview import ScanOverview, make_overview
from recon.ring_choice import measure_stripes
from recon.rings import RingMethod
from recon.scan import Scan
from recon.scan_alignment import ScanAlignment, align_overview, alignment_rows, why_not_aligned
from volio.errors import InputError
from volio.progress import Progress
from volio.threads import default_threads

__all__ = ["AlignChoice", "Decisions", "RingChoice", "decide"]

logger = logging.getLogger(__name__)

AlignChoice = Literal["auto", "off", "on"]
RingChoice = Literal["auto", "none"] | RingMethod
Floats = npt.NDArray[np.float64]

#: Columns of the finest and of the coarsest images that are looked at, nearly.
_FINEST, _COARSEST = 640, 40
#: Detector rows above and below those that are registered, for projections that lie too high or too low.
_SPARE: Final = 24
#: Bytes that may be held when nothing is said.
_MEMORY: Final = 10**9
#: Working memory over the bytes of the rows that are registered.
_WORK: Final = 12
#: Rows that the axis is looked for in, and that a tilt is fitted to.
_AXIS_ROWS, _TILT_ROWS = 8, 16
#: Columns of the images on which an axis to start from is looked for, at most.
_START_COLUMNS: Final = 320
#: Standard uncertainty of an axis, in columns, from which on it is not believed.
_LEAST_CERTAIN: Final = 1.0
#: Methods that tell the axis of a single row well.
_ROW_METHODS: Final = ("moments", "pairs", "wedge")
#: Standard uncertainties, and columns at the top and bottom of the detector, from which on a tilt is believed.
_TILT_SIGMAS, _TILT_COLUMNS = 4.0, 0.25
#: Projections that rings are told from specimens with.
_RING_PROJECTIONS: Final = 60


@dataclass(frozen=True, eq=False)
class Decisions:
    """What a reconstruction is made with.

    Attributes
    ----------
    center : float
        Column of the rotation axis in the middle row of the detector, pixel centres at integers.
    center_sigma : float or None
        Its standard uncertainty in columns; None when it was given or could not be told.
    tilt : float
        By how much the axis leans in the plane of the detector towards higher columns in higher rows, in radians.
    shifts : array, shape (angles, 2), float64, or None
        By how many rows and columns each projection lies too far, in pixels, as in `Scan.shifts`; None: none does.
    rings : str
        How rings are removed: a method of `recon.remove_rings`, or "none".
    confidence : str
        How sure the axis is, in one line.
    notes : tuple of str
        What was decided and why, one line each.
    """

    center: float
    center_sigma: float | None
    tilt: float
    shifts: Floats | None
    rings: str
    confidence: str
    notes: tuple[str, ...]

    def to_metadata(self) -> dict[str, Any]:
        """Return the decisions as numbers, texts and lists, as JSON holds them."""
        said = {item.name: getattr(self, item.name) for item in fields(self)}
        shifts = None if self.shifts is None else [[round(float(v), 4) for v in pair] for pair in self.shifts]
        return {**said, "shifts": shifts, "notes": list(self.notes)}


def decide(
    scan: Scan,
    *,
    center: float | None = None,
    align: AlignChoice = "auto",
    rings: RingChoice = "auto",
    memory: int | None = None,
    threads: int | None = None,
    progress: bool = True,
) -> Decisions:
    """Decide how a scan is reconstructed.

    Parameters
    ----------
    scan : Scan
        Counts with flats, or line integrals; it may stay on disk. Its `shifts` are the start of the alignment and are
        kept where nothing better is found; so is its `center`.
    center : float, optional
        Column of the rotation axis, which then stays as it is: what an alignment says of it is part of the shifts.
    align : {"auto", "off", "on"}, default: "auto"
        Whether shifts of the projections are looked for; "auto" uses them only where they are larger than their
        uncertainty and a tenth of a pixel, and explain the projections better.
    rings : str, default: "auto"
        A method of `recon.remove_rings`, or "none"; "auto" is "all" where wrong pixels of the detector are visible.
    memory : int, optional
        Bytes that may be held, 1 GB when not given: with less, coarser images are looked at.
    threads : int, optional
        How many compute. The answer does not depend on it.
    progress : bool, default: True
        Whether progress is shown.

    Returns
    -------
    Decisions

    Raises
    ------
    InputError
        If an option is not known, the scan cannot be corrected, or `align` is "on" and the projections cannot be
        aligned.
    """
    _check(scan, center, align, rings)
    scan = check_parallel(scan)
    count = default_threads() if threads is None else threads
    view = _look(scan, memory or _MEMORY, count, progress)
    known = scan.center if center is None else float(center)
    found = _align(view, align, known)
    used = found is not None and (align == "on" or found.doubt is None)
    shifts = found.shifts if found is not None and used else scan.shifts
    estimate = _with_alignment(_ask(view, shifts, view.finest), found, used)
    place, sigma, confidence = _choose_axis(view, estimate, known if center is not None or not used else None)
    tilt = _choose_tilt(view, shifts, estimate)
    method = rings if rings != "auto" else _choose_rings(view)
    if used and center is not None and shifts is not None and isinstance(estimate, AxisEstimate):
        # a given axis stays: what was found of it becomes part of the shifts
        shifts = shifts + np.array([0.0, estimate.center - center])
    notes = (f"rotation axis at column {place:.2f}: {confidence}", *view.notes)
    for note in notes:
        logger.info("%s", note)
    return Decisions(place, sigma, tilt, shifts, method, confidence, notes)


@dataclass(frozen=True, eq=False)
class _View:
    """What everything is decided on: a scan, its overview, which images are finest; and what was said so far."""

    scan: Scan
    overview: ScanOverview
    finest: int
    threads: int
    progress: bool
    notes: list[str]


def _check(scan: Scan, center: float | None, align: str, rings: str) -> None:
    if align not in get_args(AlignChoice):
        raise InputError(f"align must be one of {', '.join(get_args(AlignChoice))}, got {align!r}")
    methods = ("auto", "none", *get_args(RingMethod))
    if rings not in methods:
        raise InputError(f"rings must be one of {', '.join(methods)}, got {rings!r}")
    if center is not None and not 0 <= center <= scan.columns - 1:
        raise InputError(f"center {center:g} is outside the detector: give a column from 0 to {scan.columns - 1}")


def _look(scan: Scan, memory: int, threads: int, progress: bool) -> _View:
    """Read the scan at the resolutions that memory has room for."""
    finest = math.ceil(scan.columns / _FINEST)
    while True:
        binnings = [finest << k for k in range(4) if k == 0 or scan.columns // (finest << k) >= _COARSEST]
        binnings = [b for b in binnings if scan.rows // b >= 1]
        wanted = {b: alignment_rows(b, rows=scan.rows, columns=scan.columns) for b in binnings}
        kept = {b: min(n + 2 * math.ceil(_SPARE / b) + 2, scan.rows // b) for b, n in wanted.items()}
        pixels = sum(scan.n_angles * n * (scan.columns // b) for b, n in kept.items())
        work = _WORK * max(scan.n_angles * n * (scan.columns // b) for b, n in wanted.items())
        if 4 * (pixels + work) <= memory or scan.columns // (2 * finest) < _COARSEST or scan.rows < 2 * finest:
            break
        finest *= 2
    with Progress(scan.n_angles, "projections", "looking at the scan") if progress else nullcontext() as shown:
        overview = make_overview(scan, rows=kept, threads=threads, progress=shown)
    return _View(scan, overview, finest, threads, progress, [])


def _ask(view: _View, shifts: Floats | None, binning: int) -> AxisEstimate | str:
    """Return what the methods say of the axis, in columns of the detector; or why none applies."""
    lines = view.overview.straighten(binning, shifts, rows=_AXIS_ROWS)
    try:
        found = find_axis(lines, view.scan.angles, rows=lines.shape[1], threads=view.threads)
    except InputError as error:
        return str(error)
    candidates = [
        c
        if c.center is None
        else AxisCandidate(c.method, (c.center + 0.5) * binning - 0.5, c.sigma * binning, c.reason)
        for c in found.candidates
    ]
    estimate = combine_candidates(candidates)
    assert estimate is not None
    return estimate


def _starts(view: _View, known: float | None) -> tuple[float, ...]:
    """Return the columns of the axis that an alignment starts from."""
    middle = 0.5 * (view.scan.columns - 1)
    if known is not None:
        return (known,)
    binning = min((b for b in view.overview.images if view.scan.columns // b <= _START_COLUMNS), default=view.finest)
    found = _ask(view, view.scan.shifts, binning)
    if isinstance(found, str):
        return (middle,)
    return (found.center, middle) if len(found.agreeing) == 1 else (found.center,)


def _align(view: _View, align: AlignChoice, known: float | None) -> ScanAlignment | None:
    """Align the projections if that is wanted and possible, and say what came of it."""
    scan = view.scan
    stated = "" if scan.shifts is None else ": those that the scan states are undone"
    if align == "off":
        view.notes.append(f"shifts of projections were not looked for{stated}")
        return None
    reason = why_not_aligned(scan.angles, rows=scan.rows // view.finest, columns=scan.columns // view.finest)
    if reason is None:
        try:
            found = _run_alignment(view, _starts(view, known))
        except InputError as error:
            reason = str(error)
    if reason is not None:
        if align == "on":
            raise InputError(f"the projections cannot be aligned: {reason}; do without (align='off')")
        view.notes.append(f"shifts of projections could not be looked for{stated}: {reason}")
        return None
    if found.doubt is not None:
        view.notes.append(f"{found.doubt}{stated}" if align == "auto" else f"aligned as wanted, but {found.doubt}")
    else:
        view.notes.append(
            "shifts of projections are undone: {:.2f} rows and {:.2f} columns rms, found within {:.2f} and {:.2f}; "
            "of projections that it was not made of, a reconstruction leaves {:.0f} % unexplained, {:.0f} % without "
            "them".format(*found.moved, *found.sigma, *(100 * r for r in reversed(found.residuals)))
        )
    return found


def _run_alignment(view: _View, axes: tuple[float, ...]) -> ScanAlignment:
    scan, levels = view.scan, len(view.overview.images)
    with Progress(levels, "resolutions", "aligning") if view.progress else nullcontext() as shown:
        return align_overview(
            view.overview,
            scan.angles,
            detector=(scan.rows, scan.columns),
            shifts=scan.shifts,
            axes=axes,
            threads=view.threads,
            progress=shown,
        )


def _with_alignment(asked: AxisEstimate | str, found: ScanAlignment | None, used: bool) -> AxisEstimate | str:
    """Return what is known of the axis with what an alignment says, where it holds for the shifts that are used."""
    if found is None or not (used or found.at_rest):
        return asked
    center = found.center if used else found.center_at_rest
    mine = AxisCandidate("reprojection", center, found.center_sigma, f"{found.rounds} reconstructions")
    others = () if isinstance(asked, str) else asked.candidates
    return combine_candidates([*others, mine]) or asked


def _choose_axis(view: _View, estimate: AxisEstimate | str, known: float | None) -> tuple[float, float | None, str]:
    """Return the axis, its uncertainty, and who says so."""
    if isinstance(estimate, str):
        view.notes.append(estimate)
        if known is not None:
            return known, None, "as given; no method could check it"
        return 0.5 * (view.scan.columns - 1), None, "the middle of the detector, because it could not be found"
    said = {c.method: c.center for c in estimate.candidates if c.center is not None}
    seen = f"{', '.join(estimate.agreeing)}: {estimate.center:.2f} ± {estimate.sigma:.2f}"
    others = ", ".join(f"{method}: {place:.2f}" for method, place in said.items() if method not in estimate.agreeing)
    if others:
        seen += f" (but {others})"
    if known is not None:
        return known, None, f"as given; {seen}"
    if estimate.sigma > _LEAST_CERTAIN * view.finest:
        return 0.5 * (view.scan.columns - 1), None, f"the middle of the detector, because {seen} is too uncertain"
    return estimate.center, estimate.sigma, seen


def _choose_tilt(view: _View, shifts: Floats | None, estimate: AxisEstimate | str) -> float:
    """Return the tilt of the axis where two methods or more know the axis in each row, and it is clear; else 0."""
    agreeing = set() if isinstance(estimate, str) else set(_ROW_METHODS) & set(estimate.agreeing)
    able = [] if isinstance(estimate, str) else [c for c in estimate.candidates if c.method in agreeing]
    if len(able) < 2:
        view.notes.append("a tilt of the axis was not looked for: that needs half a turn, or air on both sides")
        return 0.0
    lines = view.overview.straighten(view.finest, shifts, rows=_TILT_ROWS)
    if lines.shape[1] < _AXIS_ROWS:
        view.notes.append(f"a tilt of the axis was not looked for: {lines.shape[1]} rows are too few")
        return 0.0
    method: Any = min(able, key=lambda c: c.sigma).method
    try:
        fit = fit_axis_tilt(lines, view.scan.angles, rows=lines.shape[1], method=method, threads=view.threads)
    except InputError as error:
        view.notes.append(f"a tilt of the axis could not be found: {error}")
        return 0.0
    # the rows of `lines` are further apart than those of the images
    spread = lines.shape[1] / view.overview.images[view.finest].shape[1]
    slope, sigma = spread * math.tan(fit.angle), spread * fit.angle_sigma
    if abs(slope) > _TILT_SIGMAS * sigma and abs(slope) * 0.5 * view.scan.rows > _TILT_COLUMNS:
        view.notes.append(f"the axis leans by {math.degrees(math.atan(slope)):+.3f} degrees, {method} says so")
        return math.atan(slope)
    return 0.0


def _choose_rings(view: _View) -> str:
    """Return how rings are removed, if any are seen."""
    images = view.overview.images[view.finest]
    if len(images) < _RING_PROJECTIONS or images.shape[2] < 3:
        few = f"{len(images)} projections do not tell them from the specimen, {_RING_PROJECTIONS} do"
        view.notes.append(f"rings are left: {few}")
        return "none"
    found = measure_stripes(images)
    share = f"pixels are wrong by {found.pattern:.2g}, the noise of a projection is {found.noise:.2g}"
    view.notes.append(f"rings are removed: {share}" if found.visible else f"there are no rings to remove: {share}")
    return "all" if found.visible else "none"
