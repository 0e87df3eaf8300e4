"""The rotation axis: the column of the detector that it is seen in, by several methods, and its tilt."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from recon.axis_estimate import AxisCandidate, AxisEstimate, combine_candidates
from recon.axis_moments import find_axis_by_moments
from recon.axis_pairs import find_axis_by_pairs
from recon.axis_sharpness import find_axis_by_sharpness
from recon.axis_wedge import find_axis_by_wedge
from volio.errors import InputError

__all__ = ["AxisMethod", "AxisTilt", "find_axis", "fit_axis_tilt"]

logger = logging.getLogger(__name__)

AxisMethod = Literal["moments", "pairs", "wedge", "sharpness"]
_METHODS: tuple[AxisMethod, ...] = get_args(AxisMethod)


@dataclass(frozen=True, eq=False)
class AxisTilt:
    """How the rotation axis stands in the plane of the detector.

    Attributes
    ----------
    angle : float
        Radians; positive when the column of the axis grows with the row.
    angle_sigma : float
        Standard uncertainty of the angle, in radians.
    center : float
        Column of the axis in the middle row of the detector.
    rows : (row,) int array
        Rows that were looked at.
    centers : (row,) float64 array
        The axis in each; NaN where none was found.
    """

    angle: float
    angle_sigma: float
    center: float
    rows: NDArray[np.intp]
    centers: NDArray[np.float64]


def find_axis(
    projections: Any,
    angles: NDArray[np.float64],
    *,
    rows: Sequence[int] | int = 8,
    search: tuple[float, float] | None = None,
    methods: Sequence[AxisMethod] = _METHODS,
    threads: int | None = None,
) -> AxisEstimate:
    """Find the column of the rotation axis.

    Moments of the projections, mirrored pairs and the double wedge each say where they see it, or why they do not
    apply; test slices are tried around what these agree on. What agrees is averaged.

    Parameters
    ----------
    projections : (angle, row, column) array
        Line integrals, in memory or on disk: only the test rows are read.
    angles : (angle,) array
        In radians.
    rows : int or sequence of int, default: 8
        How many evenly spaced test rows, or which.
    search : (lowest, highest), optional
        Columns that the axis lies between; when not given the middle half of the detector.
    methods : sequence of {"moments", "pairs", "wedge", "sharpness"}
        Which methods are asked.
    threads : int, optional
        Rows at a time. The answer does not depend on it.

    Returns
    -------
    AxisEstimate

    Raises
    ------
    InputError
        If shapes do not fit, or no method applies: its message says why.
    """
    shape, places = _check(projections, angles)
    unknown = [m for m in methods if m not in _METHODS]
    if unknown or not methods:
        raise InputError(f"methods must be some of {', '.join(_METHODS)}, got {list(methods)}")
    chosen = _choose_rows(rows, shape[1])
    low, high = search or (0.25 * (shape[2] - 1), 0.75 * (shape[2] - 1))
    if not 0 <= low < high <= shape[2] - 1:
        raise InputError(f"search {low:g} to {high:g} is not a range of the columns 0 to {shape[2] - 1}")
    sinograms = np.stack([np.asarray(projections[:, slice(r, r + 1)], np.float32)[:, 0] for r in chosen])
    if not np.isfinite(sinograms.sum(dtype=np.float64)):
        raise InputError("the test rows hold NaN or infinite values: correct the projections first (recon.correct)")
    candidates = [
        _ask(method, sinograms, places, (low, high), None, threads) for method in methods if method != "sharpness"
    ]
    if "sharpness" in methods:
        first = combine_candidates(candidates)
        near = None if first is None else first.center
        candidates.append(_ask("sharpness", sinograms, places, (low, high), near, threads))
    estimate = combine_candidates(candidates)
    if estimate is None:
        reasons = "; ".join(f"{c.method}: {c.reason}" for c in candidates)
        raise InputError(f"no method finds the rotation axis ({reasons}): give its column (center)")
    for c in candidates:
        logger.info("axis by %s: %s (%s)", c.method, "-" if c.center is None else f"{c.center:.2f}", c.reason)
    return estimate


def fit_axis_tilt(
    projections: Any,
    angles: NDArray[np.float64],
    *,
    rows: Sequence[int] | int = 16,
    search: tuple[float, float] | None = None,
    method: AxisMethod | None = None,
    threads: int | None = None,
) -> AxisTilt:
    """Fit a line to the column of the axis over the rows of the detector.

    Parameters
    ----------
    projections : (angle, row, column) array
        Line integrals.
    angles : (angle,) array
        In radians.
    rows : int or sequence of int, default: 16
        How many evenly spaced rows, or which.
    search : (lowest, highest), optional
        As for `find_axis`.
    method : {"moments", "pairs", "wedge", "sharpness"}, optional
        When not given the one that is most certain of the axis.
    threads : int, optional
        Rows at a time. The answer does not depend on it.

    Returns
    -------
    AxisTilt
        By the median of the slopes between rows, which outliers do not move (Theil and Sen).

    Raises
    ------
    InputError
        As `find_axis`, or if fewer than three rows give an answer.
    """
    shape, _ = _check(projections, angles)
    chosen = _choose_rows(rows, shape[1])
    methods = _METHODS if method is None else (method,)
    estimate = find_axis(projections, angles, rows=chosen, search=search, methods=methods, threads=threads)
    agreeing = [c for c in estimate.candidates if c.method in estimate.agreeing]
    best = min(agreeing, key=lambda c: c.sigma)
    # a pair gives an answer for each row: the pairs of a row are averaged
    answers = [row[np.isfinite(row)] for row in best.rows.reshape(len(chosen), -1)]
    centers = np.array([np.median(row) if row.size else np.nan for row in answers])
    good = np.isfinite(centers)
    if np.count_nonzero(good) < 3:
        raise InputError(f"a tilt needs the axis in 3 rows or more, {best.method} found it in {np.count_nonzero(good)}")
    x, y = np.asarray(chosen)[good].astype(float), centers[good]
    one, other = np.triu_indices(len(x), 1)
    slope = float(np.median((y[other] - y[one]) / (x[other] - x[one])))
    start = float(np.median(y - slope * x))
    scatter = 1.4826 * float(np.median(np.abs(y - start - slope * x)))
    sigma = 1.1 * scatter / math.sqrt(float(np.sum((x - x.mean()) ** 2)))
    middle = start + slope * 0.5 * (shape[1] - 1)
    return AxisTilt(math.atan(slope), sigma / (1 + slope**2), middle, np.asarray(chosen, np.intp), centers)


def _ask(
    method: AxisMethod,
    sinograms: NDArray[np.float32],
    angles: NDArray[np.float64],
    search: tuple[float, float],
    near: float | None,
    threads: int | None,
) -> AxisCandidate:
    if method == "moments":
        return find_axis_by_moments(sinograms, angles)
    if method == "pairs":
        return find_axis_by_pairs(sinograms, angles, search=search)
    if method == "wedge":
        return find_axis_by_wedge(sinograms, angles, search=search, threads=threads)
    return find_axis_by_sharpness(sinograms, angles, search=search, near=near, threads=threads)


def _choose_rows(rows: Sequence[int] | int, count: int) -> list[int]:
    """Return the test rows: evenly spaced, none at the very edge where there are enough."""
    if isinstance(rows, int):
        if rows < 1:
            raise InputError(f"rows must be at least 1, got {rows}: 8 are usual")
        n = min(rows, count)
        return [int((k + 0.5) * count / n) for k in range(n)]
    chosen = [int(r) for r in rows]
    if not chosen or min(chosen) < 0 or max(chosen) >= count:
        raise InputError(f"rows must be some of 0 to {count - 1}, got {chosen}")
    return chosen


def _check(projections: Any, angles: NDArray[np.float64]) -> tuple[tuple[int, int, int], NDArray[np.float64]]:
    shape = tuple(int(n) for n in projections.shape)
    places = np.asarray(angles, np.float64)
    if len(shape) != 3 or places.shape != (shape[0],):
        raise InputError(f"projections need axes (angle, row, column) and an angle each, got shape {shape} and "
                         f"{places.shape} angles")  # fmt: skip
    if not np.isfinite(places).all():
        raise InputError("angles hold NaN or infinite values: give one in radians for each projection")
    return (shape[0], shape[1], shape[2]), places
