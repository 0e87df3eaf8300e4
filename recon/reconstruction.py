"""From a scan to a volume of attenuation, by filtered back projection or iteratively."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Literal

import numpy as np

from recon.angle_weights import Weighting
from recon.backends import Backend
from recon.filters import FilterWindow
from recon.geometry import check_parallel
from recon.outputs import check_output
from recon.row_filter import Padding
from recon.scan import Scan
from recon.slice_plan import Method, SlicePlan, plan_slices
from volio.blocks import Executor, ExecutorName, completed_blocks
from volio.lazy import is_lazy
from volio.progress import Progress, SupportsUpdate
from volio.simd import LANES
from volio.threads import default_threads
from volio.volume import Volume

__all__ = ["Method", "reconstruct"]

#: Slices that are read at once from a file: whole chunks of it, rather than a few rows of each projection.
_READ = 64


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
        Where slices are written to, for volumes larger than memory: takes ``out[a:b] = slices``, of real numbers.
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
    count = default_threads() if threads is None else threads
    lines = check_parallel(scan)
    if lines.flats is not None:
        from recon.scan_correction import correct_scan

        lines = correct_scan(lines, threads=count)
    plan = plan_slices(
        lines,
        method=method,
        filter=filter,
        cutoff=cutoff,
        center=center,
        tilt=tilt,
        weighting=weighting,
        padding=padding,
        voxel_size=voxel_size,
        region=region,
        slices=slices,
        iterations=iterations,
        weight=weight,
        nonnegative=nonnegative,
        backend=backend,
        threads=count,
    )
    return plan.volume(_run(plan, out, count, executor, progress))


def _run(
    plan: SlicePlan,
    out: Any | None,
    threads: int,
    executor: ExecutorName | Executor | None,
    progress: SupportsUpdate | bool,
) -> Any:
    """Reconstruct all blocks of slices, and return where they were written to."""
    low, high = plan.slices
    if out is None:
        out = np.empty(plan.shape, np.float32)
    check_output(out, plan.shape, what="the volume")
    size = _READ if is_lazy(plan.rows.projections) else LANES
    blocks = [(start, min(start + size, high)) for start in range(low, high, size)]
    alone = executor is None or executor == "threads"
    task = plan.maker(threads=max(threads // len(blocks), 1) if alone else 1)
    with ExitStack() as stack:
        shown: SupportsUpdate | None = None if isinstance(progress, bool) else progress
        if progress is True:
            shown = stack.enter_context(Progress(plan.shape[0], "slices", "reconstructing"))
        for index, result in completed_blocks(stack, task, blocks, threads=threads, executor=executor):
            start, stop = blocks[index]
            out[start - low : stop - low] = result
            if shown is not None:
                shown.update(stop - start)
    return out
