"""From a scan to a volume of attenuation, by filtered back projection or iteratively."""

import logging
import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from recon.angle_weights import Weighting, angle_weights
from recon.backends import Backend, SliceBackend, make_backend
from recon.detector_rows import DetectorRows
from recon.filters import FilterWindow
from recon.geometry import check_parallel
from recon.row_filter import Padding, make_row_filter
from recon.scan import Scan
from recon.slice_grid import SliceGrid, make_slice_grid
from recon.truncation import specimen_radius
from volio.blocks import Executor, ExecutorName, completed_blocks
from volio.errors import InputError
from volio.fingerprint import software_versions
from volio.lazy import is_lazy
from volio.progress import Progress, SupportsUpdate
from volio.simd import LANES
from volio.threads import default_threads
from volio.volume import Volume

__all__ = ["Method", "reconstruct"]

logger = logging.getLogger(__name__)

Method = Literal["fbp", "gridrec", "sirt", "tv"]

#: Slices that are read at once from a file: whole chunks of it, rather than a few rows of each projection.
_READ = 64
#: Largest tilt of the axis in the detector, in radians; beyond it somebody meant degrees.
_LARGEST_TILT = 0.2


@dataclass(frozen=True, eq=False)
class _Slices:
    """Reconstructs a range of slices."""

    rows: DetectorRows
    backend: SliceBackend
    threads: int

    def __call__(self, block: tuple[int, int]) -> npt.NDArray[np.float32]:
        rows = self.rows.read(*block)
        if not math.isfinite(float(np.sum(rows, dtype=np.float64))):
            raise InputError(
                f"the projections of slices {block[0]} to {block[1] - 1} hold values that are NaN or infinite: "
                "correct them first (recon.correct_scan, recon.take_log)"
            )
        leaning = self.rows.heights(*block) * math.sin(self.rows.tilt)
        return self.backend.reconstruct(rows, shifts=leaning, threads=self.threads)


def reconstruct(
    scan: Scan,
    *,
    method: Method = "fbp",
    filter: FilterWindow = "ramp",
    cutoff: float = 1.0,
    center: float | None = None,
    tilt: float = 0.0,
    weighting: Weighting = "mass",
    padding: Literal["auto"] | Padding = "auto",
    voxel_size: float | None = None,
    region: Sequence[Sequence[int | None] | None] | None = None,
    slices: tuple[int, int] | None = None,
    iterations: int | None = None,
    weight: float | None = None,
    nonnegative: bool = True,
    backend: Backend = "numba",
    out: Any | None = None,
    threads: int | None = None,
    executor: ExecutorName | Executor | None = None,
    progress: SupportsUpdate | bool = True,
) -> Volume:
    """Reconstruct a volume from the projections of a parallel beam.

    Parameters
    ----------
    scan : Scan
        Line integrals; a scan with flats is corrected first, with the defaults of `recon.correct_scan`. Its `shifts`
        are undone: columns inside the back projection, rows when they are read.
    method : {"fbp", "sirt", "tv", "gridrec"}
        Filtered back projection; or, for few or limited angles, SIRT or total variation, which take minutes where
        filtered back projection takes seconds. "gridrec" is for the backend tomopy.
    filter : str, callable or array
        See `recon.filters.filter_response`. "ramp" is sharpest; "hann" and "parzen" suppress noise.
    cutoff : float
        Where a named filter ends, in parts of the highest frequency.
    center : float, optional
        Column of the rotation axis in the middle row; that of the scan when not given, else it is searched for.
    tilt : float
        By how much the axis leans in the plane of the detector towards higher columns in higher rows, in radians
        (`recon.AxisTilt.angle`).
    weighting : {"mass", "angular"}
        See `recon.angle_weights.angle_weights`: matters where the angles do not cover half a turn.
    padding : {"auto", "cylinder", "taper", "zero"}
        What lies beyond the detector, see `recon.row_filter.make_row_filter`. "auto" is "cylinder" where the specimen
        is wider than the detector (see `recon.truncation.specimen_radius`), else "taper".
    voxel_size : float, optional
        Edge of the voxels in the unit of the scan, or in pixels if its pixel size is not known; that of the pixels
        when not given.
    region : pair of pairs, optional
        ``((y0, y1), (x0, x1))``: part of each slice in voxels, end not included.
    slices : pair of ints, optional
        Range of slices, end not included.
    iterations : int, optional
        Of SIRT; chosen by held-out projections when not given.
    weight : float, optional
        Of total variation, likewise.
    nonnegative : bool
        Whether SIRT and total variation let no attenuation be negative.
    backend : {"numba", "astra", "tomopy"}
        What computes: the kernels of this package, or another one if it is installed, for comparison.
    out : array-like, optional
        Where slices are written to, for volumes larger than memory: takes ``out[a:b] = slices``.
    threads : int, optional
        How many compute at once. The answer does not depend on it, nor on the executor.
    executor : {"serial", "threads", "processes", "dask"} or Executor, optional
        See `volio.run_blocks`.
    progress : bool or Progress
        Whether progress is shown, or what is told of finished slices.

    Returns
    -------
    Volume
        Attenuation (z, y, x), float32, in 1/unit (1/um), or per pixel if the pixel size is not known. Voxels beyond
        the reach of all projections are 0. The rotation axis stands in the middle of the whole slice; `origin` is
        that of the region in the whole volume. "reconstruction" in the metadata says how it was made.

    Raises
    ------
    InputError
        If the options or the values cannot be used, or the beam is too divergent.
    """
    if method not in get_args(Method):
        raise InputError(f"method must be one of {', '.join(get_args(Method))}, got {method!r}")
    if not abs(tilt) <= _LARGEST_TILT:
        raise InputError(f"tilt must be within ±{_LARGEST_TILT} radians, got {tilt}: was it given in degrees?")
    count = default_threads() if threads is None else threads
    lines = check_parallel(scan)
    if lines.flats is not None:
        from recon.scan_correction import correct_scan

        lines = correct_scan(lines, threads=count)
    step = _step(lines, voxel_size)
    axis, source = _axis(lines, center, count)
    shifts = np.zeros((lines.n_angles, 2)) if lines.shifts is None else lines.shifts
    rows = DetectorRows(lines.projections, axis + shifts[:, 1], shifts[:, 0], float(tilt), step)
    grid = make_slice_grid(lines.columns, center=axis, step=step, region=region)
    low, high = _range(slices, rows.slices)
    common: dict[str, Any] = {
        "method": method,
        "center": axis,
        "center_from": source,
        "tilt": tilt,
        "angles_used": lines.n_angles,
        "angular_range_degrees": math.degrees(lines.angular_range),
        "shifts_undone": bool(np.any(shifts)),
        "backend": backend,
        "field_of_view_radius_pixels": grid.radius,
        "value_unit": f"1/{lines.unit}" if lines.pixel_size else "1/pixel",
        "software": dict(_software()),
    }
    made: SliceBackend
    if method in ("sirt", "tv"):
        from recon.iterative import make_iterative

        if backend != "numba":
            raise InputError(f"method {method!r} needs the backend 'numba', got {backend!r}")
        made = make_iterative(
            method,
            grid,
            lines.angles,
            rows,
            setting=iterations if method == "sirt" else weight,
            nonnegative=nonnegative,
            pixel_size=lines.pixel_size or 1.0,
            threads=count,
        )
        settings = made.describe()
    else:
        weights = angle_weights(lines.angles, weighting=weighting) / (lines.pixel_size or 1.0)
        radius = specimen_radius(lines.projections, center=axis) if padding in ("auto", "cylinder") else None
        if padding == "auto":
            padding = "taper" if radius is None else "cylinder"
        row_filter = make_row_filter(
            lines.columns, window=filter, cutoff=cutoff, padding=padding, radius=radius, smooth=step
        )
        made = make_backend(backend, method, row_filter, grid, lines.angles, rows, weights, filter)
        settings = {
            "filter": filter if isinstance(filter, str) else "given by the user",
            "cutoff": cutoff,
            "weighting": weighting,
            "padding": padding,
            "specimen_radius_pixels": radius,
        }
    data = _run(rows, made, (low, high), grid, out, count, executor, progress)
    settings = common | settings
    return _volume(lines, data, step, (low, grid.y[0], grid.x[0]), settings)


@cache
def _software() -> dict[str, str]:
    """Return the versions, looked up once: that takes longer than a slice."""
    return software_versions()


def _step(scan: Scan, voxel_size: float | None) -> float:
    """Return the edge of a voxel in pixels."""
    if voxel_size is None:
        return 1.0
    step = float(voxel_size) / (scan.pixel_size or 1.0)
    if not 0 < step <= min(scan.rows, scan.columns):
        unit = scan.unit if scan.pixel_size else "pixels"
        raise InputError(f"voxel_size must be positive and less than the detector, got {voxel_size} {unit}")
    return step


def _axis(scan: Scan, center: float | None, threads: int) -> tuple[float, str]:
    """Return the column of the rotation axis, and who says so."""
    if center is not None:
        return float(center), "given"
    if scan.center is not None:
        return scan.center, "scan"
    from recon.axis import find_axis

    found = find_axis(scan.projections, scan.angles, threads=threads)
    logger.warning("rotation axis found at column %.2f ± %.2f: look at it", found.center, found.sigma)
    return found.center, "find_axis"


def _range(slices: tuple[int, int] | None, count: int) -> tuple[int, int]:
    if slices is None:
        return 0, count
    if not 0 <= slices[0] < slices[1] <= count:
        raise InputError(f"slices need a pair 0 <= start < stop <= {count}, got {slices!r}")
    return int(slices[0]), int(slices[1])


def _run(
    rows: DetectorRows,
    backend: SliceBackend,
    wanted: tuple[int, int],
    grid: SliceGrid,
    out: Any | None,
    threads: int,
    executor: ExecutorName | Executor | None,
    progress: SupportsUpdate | bool,
) -> Any:
    """Reconstruct all blocks of slices, and return where they were written to."""
    low, high = wanted
    shape = (high - low, *grid.shape)
    if out is None:
        out = np.empty(shape, np.float32)
    elif tuple(out.shape) != shape:
        raise InputError(f"out must have the shape {shape} of the volume, got {tuple(out.shape)}")
    size = _READ if is_lazy(rows.projections) else LANES
    blocks = [(start, min(start + size, high)) for start in range(low, high, size)]
    alone = executor is None or executor == "threads"
    task = _Slices(rows, backend, max(threads // len(blocks), 1) if alone else 1)
    with ExitStack() as stack:
        shown: SupportsUpdate | None = None if isinstance(progress, bool) else progress
        if progress is True:
            shown = stack.enter_context(Progress(shape[0], "slices", "reconstructing"))
        for index, result in completed_blocks(stack, task, blocks, threads=threads, executor=executor):
            start, stop = blocks[index]
            out[start - low : stop - low] = result
            if shown is not None:
                shown.update(stop - start)
    return out


def _volume(scan: Scan, data: Any, step: float, first: tuple[int, int, int], settings: dict[str, Any]) -> Volume:
    """Return the volume with its place and history."""
    metadata = {**scan.metadata, "reconstruction": settings}
    for key in ("per_projection", "flat_positions", "dark_positions"):
        metadata.pop(key, None)
    voxel = step * (scan.pixel_size or 1.0)
    if scan.pixel_size is None:
        note = "the pixel size is not known: attenuation is per pixel"
        metadata["notes"] = [*scan.metadata.get("notes", ()), note]
        voxel = step
    z, y, x = (voxel * start for start in first)
    volume = Volume(data, unit=scan.unit, origin=(z, y, x), name=scan.name, metadata=metadata)
    return volume if scan.pixel_size is None else replace(volume, voxel_size=(voxel, voxel, voxel))
