"""A look at a scan before it is reconstructed: a few slices, axes, ways to remove rings, and grey values.

Only the detector rows of three slices are read, and the rows around them that corrections compare them with.
"""

import logging
import math
from dataclasses import dataclass, replace
from typing import Any, Final, get_args

import numpy as np
import numpy.typing as npt

from recon.axis_sharpness import CandidateSlices, reconstruct_candidates
from recon.detector_rows import DetectorRows
from recon.filters import FilterWindow
from recon.rings import RingMethod
from recon.scan import Scan
from volio.blocks import run_blocks
from volio.errors import InputError

__all__ = ["Preview", "make_preview"]

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

#: Where the slices lie, in parts of the height of the detector.
_HEIGHTS: Final = (0.25, 0.5, 0.75)
#: Rows on each side of a slice that corrections look at.
_HALO: Final = 2
#: For the search of the axis no more columns, and no more angles, are kept than this.
_AXIS_COLUMNS, _AXIS_ANGLES = 320, 300
#: About so many angles are enough for a look at candidate axes.
_LOOK_ANGLES: Final = 400
#: Candidate axes on each side of the chosen one.
_CANDIDATES: Final = 4
#: Part of the columns in the close views of the middle, and their least and largest width in pixels.
_CLOSE, _NARROWEST, _WIDEST = 0.4, 128, 320
_BINS: Final = 200


@dataclass(frozen=True, eq=False)
class Preview:
    """What a scan will look like.

    Attributes
    ----------
    rows : tuple of ints
        Detector rows of the slices: those at 1/4, 1/2 and 3/4, fewer where the detector has fewer.
    slices : (row, y, x) float32 array
        Slices at full resolution, attenuation in `value_unit`; 0 beyond `radius`. The axis is in their middle.
    radius : float
        Distance from the axis up to which every projection sees a point, in pixels.
    rings : str or None
        Which method removed the rings of `slices`.
    center, center_sigma : float
        Column of the rotation axis, and its standard uncertainty (NaN where it was not searched for).
    center_from : str
        Who says so: "given", "scan", "search" or, where no search gives an answer, "middle" of the detector.
    candidates : CandidateSlices
        The middle of the slice of `middle` with several axes, and how rough it is: per pixel, slightly smoothed.
    middle : int
        Which of the slices is at half height; the sinogram and the comparisons are of it.
    ring_slices : dict of (y, x) float32 arrays
        The middle of that slice by how its rings were removed; "none" first. A method that does not apply to so
        small a scan is missing.
    sinogram : (angle, column) float32 array
        Line integrals of the row, rings not removed, in the order of `angles`.
    angles : (angle,) float64 array
        In radians, rising.
    counts : (bin,) int64 array
        Histogram of the values of `slices` within `radius`.
    edges : (bin + 1,) float64 array
        Edges of its bins, in `value_unit`; the outermost five thousandths on each side are left out.
    pixel_size : float or None
        Edge of a pixel in `unit`.
    unit : str
        Unit of length.
    name : str
        Of the scan.
    notes : tuple of str
        What should be known of the scan and its corrections, one sentence each.
    """

    rows: tuple[int, ...]
    slices: Singles
    radius: float
    rings: str | None
    center: float
    center_sigma: float
    center_from: str
    candidates: CandidateSlices
    middle: int
    ring_slices: dict[str, Singles]
    sinogram: Singles
    angles: Floats
    counts: npt.NDArray[np.int64]
    edges: Floats
    pixel_size: float | None
    unit: str
    name: str
    notes: tuple[str, ...]

    @property
    def value_unit(self) -> str:
        """Unit of the attenuation: "1/um", or "1/pixel" where the pixel size is not known."""
        return f"1/{self.unit}" if self.pixel_size else "1/pixel"


@dataclass(frozen=True)
class _Axis:
    """Column of the axis, its uncertainty, and who says so."""

    center: float
    sigma: float
    source: str


def make_preview(
    scan: Scan,
    *,
    center: float | None = None,
    rings: RingMethod | None = "all",
    filter: FilterWindow = "ramp",
    threads: int | None = None,
) -> Preview:
    """Reconstruct three slices of a scan, and try axes and ways to remove rings on one of them.

    Parameters
    ----------
    scan : Scan
        Line integrals; the rows of a scan with flats are corrected first, with the defaults of `recon.correct_scan`.
        Its `shifts` are undone.
    center : float, optional
        Column of the rotation axis; that of the scan when not given, else it is searched for in the three rows, on
        averaged columns: less exact than `recon.find_axis` on all of the scan.
    rings : {"all", "sorting", "filtering", "wavelets", "regularization"}, optional
        How rings are removed from the slices (see `recon.remove_rings`); None leaves them.
    filter : str, callable or array
        See `recon.filters.filter_response`.
    threads : int, optional
        How many compute. The answer does not depend on it.

    Returns
    -------
    Preview

    Raises
    ------
    InputError
        If the options or the values cannot be used.
    """
    from recon.reconstruction import reconstruct

    if rings is not None and rings not in get_args(RingMethod):
        raise InputError(f"rings must be one of {', '.join(get_args(RingMethod))}, or None, got {rings!r}")
    rows = tuple(int(row) for row in np.unique([int(part * scan.rows) for part in _HEIGHTS]))
    middle = rows.index(int(0.5 * scan.rows))
    read = _read_rows(scan, rows, threads)
    sinograms = [read.sinogram(k, None) for k in range(len(rows))]
    straight = [_straighten(sinogram, scan.shifts) for sinogram in sinograms]
    axis = _choose_axis(read.scan, np.stack(straight, axis=1), center, threads)
    tried, cleaned = _remove_rings(read, sinograms, middle, rings, threads)
    # all at once: eight rows cost hardly more than one
    stack = np.stack([*cleaned, *tried.values()], axis=1)
    columns_only = None if scan.shifts is None else scan.shifts * [0.0, 1.0]
    part = replace(read.scan, projections=stack, center=axis.center, shifts=columns_only)
    volume = reconstruct(part, filter=filter, threads=threads, progress=False)
    made = volume.metadata["reconstruction"]
    slices, others = np.split(np.asarray(volume.data), [len(rows)])
    close = _close_width(scan.columns)
    counts, edges = _histogram(slices, made["field_of_view_radius_pixels"])
    order = np.argsort(read.scan.angles, kind="stable")
    return Preview(
        rows=rows,
        slices=slices,
        radius=made["field_of_view_radius_pixels"],
        rings=rings,
        center=axis.center,
        center_sigma=axis.sigma,
        center_from=axis.source,
        candidates=_try_axes(_straighten(cleaned[middle], scan.shifts), read.scan.angles, axis, close),
        middle=middle,
        ring_slices={name: _middle_part(image, close) for name, image in zip(tried, others, strict=True)},
        sinogram=sinograms[middle][order],
        angles=read.scan.angles[order],
        counts=counts,
        edges=edges,
        pixel_size=scan.pixel_size,
        unit=scan.unit,
        name=scan.name,
        notes=tuple(read.scan.metadata.get("notes", ())),
    )


@dataclass(frozen=True, eq=False)
class _Rows:
    """A few detector rows with those around them, corrected."""

    scan: Scan
    shifts: Floats
    places: tuple[int, ...]

    def sinogram(self, k: int, rings: RingMethod | None) -> Singles:
        """Return the (angle, column) line integrals of row k at its height in every projection."""
        # rows stand beside their neighbours, so that a place and a shift lead to the same row as on the detector
        reader = DetectorRows(self.scan.projections, np.zeros(len(self.shifts)), self.shifts, rings=rings or "none")
        return np.ascontiguousarray(reader.read(self.places[k], self.places[k] + 1)[:, 0])


def _read_rows(scan: Scan, rows: tuple[int, ...], threads: int | None) -> _Rows:
    """Read and correct a few rows, and those around them."""
    moved = np.zeros(scan.n_angles) if scan.shifts is None else scan.shifts[:, 0]
    halo = _HALO + math.ceil(float(np.abs(moved).max()))
    kept = np.unique(np.concatenate([np.arange(max(r - halo, 0), min(r + halo + 1, scan.rows)) for r in rows]))
    runs = np.split(kept, np.flatnonzero(np.diff(kept) > 1) + 1)

    def gather(images: Any) -> Any:
        if images is None:
            return None
        return np.concatenate([np.asarray(images[:, int(run[0]) : int(run[-1]) + 1]) for run in runs], axis=1)

    part = replace(
        scan, projections=gather(scan.projections), flats=gather(scan.flats), darks=gather(scan.darks), shifts=None
    )
    if part.flats is not None:
        from recon.scan_correction import correct_scan

        part = correct_scan(part, threads=threads)
    return _Rows(part, moved, tuple(int(place) for place in np.searchsorted(kept, rows)))


def _straighten(sinogram: Singles, shifts: Floats | None) -> Singles:
    """Return a sinogram with the columns of each projection moved back, by linear interpolation."""
    if shifts is None or not np.any(shifts[:, 1]):
        return sinogram
    places = np.arange(sinogram.shape[1])
    moved = [np.interp(places + by, places, line) for line, by in zip(sinogram, shifts[:, 1], strict=True)]
    return np.array(moved, np.float32)


def _choose_axis(scan: Scan, projections: Singles, center: float | None, threads: int | None) -> _Axis:
    """Return the axis that is given or stated, else search for it on averaged columns of some projections."""
    if center is not None:
        return _Axis(float(center), math.nan, "given")
    if scan.center is not None:
        return _Axis(scan.center, math.nan, "scan")
    from recon.axis import find_axis

    factor, step = math.ceil(scan.columns / _AXIS_COLUMNS), math.ceil(scan.n_angles / _AXIS_ANGLES)
    columns = scan.columns // factor
    chosen = projections[::step, :, : columns * factor]
    averaged = chosen.reshape(*chosen.shape[:2], columns, factor).mean(axis=3)
    if factor > 1:
        logger.info("preview: the axis is searched for in columns averaged by %d, and counted as these", factor)
    try:
        found = find_axis(averaged, scan.angles[::step], rows=averaged.shape[1], threads=threads)
    except InputError as error:
        logger.warning("preview: the rotation axis is taken to be in the middle of the detector: %s", error)
        return _Axis(0.5 * (scan.columns - 1), math.nan, "middle")
    axis = _Axis((found.center + 0.5) * factor - 0.5, found.sigma * factor, "search")
    logger.info("preview: rotation axis at column %.2f ± %.2f of the detector", axis.center, axis.sigma)
    return axis


def _remove_rings(
    read: _Rows, sinograms: list[Singles], middle: int, chosen: RingMethod | None, threads: int | None
) -> tuple[dict[str, Singles], list[Singles]]:
    """Return the middle sinogram without rings by every method that applies, "none" first, and all by the chosen."""
    methods = get_args(RingMethod)
    others = [k for k in range(len(sinograms)) if k != middle and chosen is not None]
    jobs = [(middle, method) for method in methods] + [(k, chosen) for k in others]

    def remove(job: tuple[int, RingMethod]) -> Singles | InputError:
        try:
            return read.sinogram(*job)
        except InputError as error:
            return error

    tried, cleaned = {"none": sinograms[middle]}, list(sinograms)
    for (k, method), done in zip(jobs, run_blocks(remove, jobs, threads=threads), strict=True):
        if isinstance(done, InputError):
            if method == chosen:
                raise done
            logger.info("preview: rings are not removed by %s: %s", method, done)
            continue
        if k == middle:
            tried[method] = done
        if method == chosen:
            cleaned[k] = done
    return tried, cleaned


def _try_axes(sinogram: Singles, angles: Floats, axis: _Axis, widest: int) -> CandidateSlices:
    """Reconstruct the middle of a slice with axes around the chosen one, further apart where it is less certain."""
    columns = sinogram.shape[1]
    apart = columns / 64 if axis.source == "middle" else 2 * axis.sigma if axis.sigma > 0.5 else 1.0
    offsets = np.arange(-_CANDIDATES, _CANDIDATES + 1) * apart
    places = axis.center + offsets
    places = places[(places >= 2) & (places <= columns - 3)]
    step = max(len(angles) // _LOOK_ANGLES, 1)
    seen = int(2 * min(axis.center, columns - 1 - axis.center))
    return reconstruct_candidates(sinogram[::step], angles[::step], places, size=min(seen, widest))


def _close_width(columns: int) -> int:
    return min(columns, max(_NARROWEST, min(int(_CLOSE * columns), _WIDEST)))


def _middle_part(image: Singles, width: int) -> Singles:
    start = (image.shape[0] - width) // 2
    return np.ascontiguousarray(image[start : start + width, start : start + width])


def _histogram(slices: Singles, radius: float) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return the histogram of the values that every projection sees."""
    offsets = np.arange(slices.shape[1]) - 0.5 * (slices.shape[1] - 1)
    values = slices[:, np.hypot(offsets[:, None], offsets) <= radius].ravel()
    low, high = (float(v) for v in np.percentile(values, [0.5, 99.5]))
    room = 0.15 * (high - low) or max(abs(low), 1e-6)
    counts, edges = np.histogram(values, _BINS, (low - room, high + room))
    return counts.astype(np.int64), edges.astype(np.float64)
