"""Digital volume correlation of two volumes: where every point of the reference went.

B. K. Bay, T. S. Smith, D. P. Fyhrie, M. Saad, "Digital volume correlation: three-dimensional strain mapping using
X-ray tomography", Experimental Mechanics 39 (1999) 217-226, doi:10.1007/BF02323555.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from volcorr.exclusion import exclude_points, mark_bad_targets, read_mask
from volcorr.fields import Status, build_fields
from volcorr.grey import normalise
from volcorr.grid import (
    GRADIENT_REACH,
    Grid,
    LengthLike,
    Roi,
    make_grid,
    resolve_lengths,
    resolve_spacing,
    resolve_subset,
)
from volcorr.icgn import Refined, pad_for_lanes, refine
from volcorr.interpolation import bspline_coefficients
from volcorr.neighbours import neighbour_mean
from volcorr.start_values import find_start_values
from volio.errors import InputError
from volio.progress import Progress
from volio.volume import Volume

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["correlate"]

logger = logging.getLogger(__name__)

#: Points that may succeed when they start from their neighbours.
_WORTH_ANOTHER_TRY = (Status.OUTSIDE_VOLUME, Status.NOT_CONVERGED, Status.LOW_CORRELATION)


def correlate(
    reference: "Volume | NDArray[Any]",
    deformed: "Volume | NDArray[Any]",
    *,
    subset_size: LengthLike | Sequence[LengthLike] = 33,
    spacing: LengthLike | Sequence[LengthLike] = 16,
    mask: "Volume | NDArray[Any] | None" = None,
    search: LengthLike | Sequence[LengthLike] | None = None,
    roi: Roi | None = None,
    min_cc: float = 0.5,
    max_iterations: int = 30,
    tolerance: float = 1e-3,
    threads: int | None = None,
    progress: bool = True,
    timings: dict[str, float] | None = None,
) -> "xr.Dataset":
    """Measure the displacement between two volumes on a regular grid of points.

    Around each point a cuboid subset of the reference is looked for in the deformed volume: first to about a voxel
    on averaged volumes, then to a fraction of a voxel by IC-GN with 12 parameters and cubic B-splines.

    Parameters
    ----------
    reference, deformed : Volume or (z, y, x) array
        The scan before and after the load, of the same shape. With plain arrays every length is in voxels.
    subset_size : int, str, or three of them, default: 33
        Edge of the subsets along z, y, x: voxels, or physical such as ``"8um"``; rounded to the nearest odd number.
    spacing : int, str, or three of them, default: 16
        Distance between points, likewise.
    mask : Volume or (z, y, x) array, optional
        The specimen in the reference (above zero). A point is measured where its centre and at least half of its
        subset lie in the mask.
    search : int, str, or three of them, optional
        Largest motion expected. A quarter of the volume when not given.
    roi : three pairs of ints, optional
        Half-open voxel ranges along z, y, x of the reference in which the points lie.
    min_cc : float, default: 0.5
        Points whose zero-normalised cross-correlation ends below are invalid.
    max_iterations : int, default: 30
        Iterations after which a point has not converged.
    tolerance : float, default: 1e-3
        A point has converged when its last step moved the subset's faces by less, in voxels.
    threads : int, optional
        Number of threads; the result does not depend on it.
    progress : bool, default: True
        Show a progress bar on a terminal, or write log lines.
    timings : dict, optional
        Is filled with the seconds spent in each stage.

    Returns
    -------
    xarray.Dataset
        The field (see `volcorr.fields`): ``u_*`` and ``sigma_*`` in the unit of the voxel size, ``cc``,
        ``iterations`` and ``status``, with dimensions (z, y, x).

    Raises
    ------
    InputError
        If the volumes do not match each other or the mask, hold no contrast, or are too small for a subset; or an
        option is out of range.
    """
    ref, dfm = _as_volume(reference, "reference"), _as_volume(deformed, "deformed")
    voxel_size, unit = _common_voxel_size(ref, dfm)
    sizes: dict[str, Any] = {"voxel_size": voxel_size, "unit": "um" if unit == "voxel" else unit}
    subset = resolve_subset(subset_size, **sizes)
    step = resolve_spacing(spacing, **sizes)
    reach = None if search is None else resolve_lengths(search, name="search", **sizes)
    _check_options(min_cc, max_iterations, tolerance)
    z, y, x = (size // 2 for size in subset)
    half, margin = (z, y, x), (z + GRADIENT_REACH, y + GRADIENT_REACH, x + GRADIENT_REACH)
    grid = make_grid(ref.shape, margin=margin, spacing=step, roi=roi)
    points = grid.points()
    seconds = {} if timings is None else timings

    with _stage("read", seconds):
        first = normalise(ref, name="reference", threads=threads)
        second = normalise(dfm, name="deformed", threads=threads)
        inside = None if mask is None else read_mask(_as_volume(mask, "mask"), ref.shape)
        status = exclude_points(points, half=half, mask=inside, bad=first.bad)
    todo = np.flatnonzero(status == Status.VALID)
    with _stage("start values", seconds):
        start = find_start_values(
            first.values,
            second.values,
            points[todo],
            mask=inside,
            search=reach,
            threads=threads,
            progress=progress,
        )
    with _stage("prefilter", seconds):
        coefficients = pad_for_lanes(bspline_coefficients(second.values, threads=threads))

    def run(rows: "NDArray[np.intp]", start: "NDArray[np.float64]", *, show: bool) -> Refined:
        with Progress(len(rows)) if show else nullcontext() as bar:
            return refine(
                first.values,
                coefficients,
                points[rows],
                start,
                half=half,
                min_cc=min_cc,
                max_iterations=max_iterations,
                tolerance=tolerance,
                threads=threads,
                progress=bar,
            )

    with _stage("refinement", seconds):
        found = Refined.unmeasured(status)
        found.put(todo, run(todo, start, show=progress))
        retried = _retry_from_neighbours(found, grid, run)
        mark_bad_targets(found, points, half=half, bad=second.bad)
    logger.info("%d of %d points valid, %d were tried again", np.sum(found.status == 0), len(points), retried)
    attrs = {
        "unit": unit,
        "voxel_size": list(voxel_size or (1.0, 1.0, 1.0)),
        "subset_size": list(subset),
        "spacing": list(step),
        "volume_shape": list(ref.shape),
        "volume_origin": list(ref.origin),
        "reference": ref.name,
        "deformed": dfm.name,
        "min_cc": float(min_cc),
        "max_iterations": int(max_iterations),
        "tolerance_voxels": float(tolerance),
        "search_voxels": "automatic" if reach is None else list(reach),
        "software": f"volcorr {version('volcorr')}",
    }
    return _to_fields(found, grid, attrs)


@contextmanager
def _stage(name: str, seconds: dict[str, float]) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - begin
    logger.info("%s: %.1f s", name, seconds[name])


def _as_volume(value: "Volume | NDArray[Any]", name: str) -> Volume:
    return value if isinstance(value, Volume) else Volume(np.asarray(value), name=name)


def _common_voxel_size(ref: Volume, dfm: Volume) -> tuple[tuple[float, float, float] | None, str]:
    """Check that the two volumes match; return their voxel size and the unit of all lengths."""
    if ref.shape != dfm.shape:
        raise InputError(
            f"the volumes have different shapes: reference {ref.shape}, deformed {dfm.shape}; "
            "crop them to the same region of the scanner's field of view"
        )
    stated = ref if ref.voxel_size is not None else dfm
    if ref.voxel_size is None or dfm.voxel_size is None:
        return stated.voxel_size, "voxel" if stated.voxel_size is None else stated.unit
    if ref.unit != dfm.unit or not np.allclose(ref.voxel_size, dfm.voxel_size, rtol=1e-4):
        raise InputError(
            f"the volumes have different voxel sizes: reference {ref.voxel_size} {ref.unit}, deformed "
            f"{dfm.voxel_size} {dfm.unit}; resample one of them, or state the true size (--voxel-size, voxel_size=)"
        )
    return ref.voxel_size, ref.unit


def _check_options(min_cc: float, max_iterations: int, tolerance: float) -> None:
    if not -1 <= min_cc <= 1:
        raise InputError(f"min_cc must be between -1 and 1, got {min_cc}")
    if max_iterations < 1:
        raise InputError(f"max_iterations must be at least 1, got {max_iterations}")
    if not 0 < tolerance < 1:
        raise InputError(f"tolerance must be between 0 and 1 voxel, got {tolerance}; use for example 1e-3")


def _retry_from_neighbours(found: Refined, grid: Grid, run: Callable[..., Refined]) -> int:
    """Try each failed point once more from the mean parameters of its valid neighbours; return how many were.

    Points that succeed are neighbours for those behind them, so a region is won back from its border inwards.
    """
    tried = np.zeros(len(found.status), np.bool_)
    while True:
        known = np.where(found.status[:, None] == Status.VALID, found.parameters.reshape(-1, 12), np.nan)
        start = neighbour_mean(known.T.reshape(12, *grid.shape)).reshape(12, -1).T
        failed = np.isin(found.status, _WORTH_ANOTHER_TRY) & ~tried
        rows = np.flatnonzero(failed & np.isfinite(start).all(axis=1))
        if not len(rows):
            return int(tried.sum())
        tried[rows] = True
        again = run(rows, start[rows].reshape(-1, 3, 4), show=False)
        better = again.status == Status.VALID
        found.put(rows[better], again.take(better))


def _to_fields(found: Refined, grid: Grid, attrs: dict[str, Any]) -> "xr.Dataset":
    size, origin = np.asarray(attrs["voxel_size"]), np.asarray(attrs["volume_origin"])
    z, y, x = (o + d * axis for o, d, axis in zip(origin, size, grid.axes(), strict=True))
    return build_fields(
        (z, y, x),
        displacement=(found.parameters[:, :, 0] * size).T.reshape(3, *grid.shape),
        sigma=(found.sigma * size).T.reshape(3, *grid.shape),
        cc=found.cc.reshape(grid.shape),
        iterations=found.iterations.reshape(grid.shape),
        status=found.status.reshape(grid.shape),
        attrs=attrs,
    )
