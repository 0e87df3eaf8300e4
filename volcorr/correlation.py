"""Digital volume correlation of two volumes: where every point of the reference went.

B. K. Bay, T. S. Smith, D. P. Fyhrie, M. Saad, "Digital volume correlation: three-dimensional strain mapping using
X-ray tomography", Experimental Mechanics 39 (1999) 217-226, doi:10.1007/BF02323555.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from volcorr.fields import Status, build_fields
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
from volcorr.icgn import Matching, Refined
from volcorr.interpolation import SplineName
from volcorr.interpolation_error import interpolation_error, measure_amplitudes
from volcorr.point_blocks import Measurement, cut_grid
from volcorr.pyramid import Pyramid, make_pyramid
from volcorr.repair import repair
from volcorr.shapes import ShapeName
from volcorr.start_values import StartValues, find_start_values
from volcorr.static_pattern import static_contrast
from volcorr.texture import least_correlation, least_deviation
from volio.errors import InputError
from volio.executors import make_executor
from volio.memory import available_memory
from volio.processes import ProcessExecutor
from volio.volume import Volume

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from volio.blocks import Executor, ExecutorName
    from volio.checkpoint import Checkpoint

__all__ = ["correlate"]

logger = logging.getLogger(__name__)

#: Share of the free memory that is used where no limit is given.
MEMORY_SHARE = 0.5


def correlate(
    reference: "Volume | NDArray[Any]",
    deformed: "Volume | NDArray[Any]",
    *,
    subset_size: LengthLike | Sequence[LengthLike] = 33,
    spacing: LengthLike | Sequence[LengthLike] = 16,
    shape: ShapeName = "affine",
    spline: SplineName = "cubic",
    mask: "Volume | NDArray[Any] | None" = None,
    deformed_mask: "Volume | NDArray[Any] | None" = None,
    search: LengthLike | Sequence[LengthLike] | None = None,
    roi: Roi | None = None,
    min_cc: float | None = None,
    min_share: float = 0.5,
    noise: float | None = None,
    max_iterations: int = 30,
    tolerance: float = 1e-3,
    threads: int | None = None,
    executor: "ExecutorName | Executor | None" = None,
    memory: int | None = None,
    checkpoint: "Checkpoint | None" = None,
    progress: bool = True,
    timings: dict[str, float] | None = None,
) -> "xr.Dataset":
    """Measure the displacement between two volumes on a regular grid of points.

    Around each point a cuboid subset of the reference is looked for in the deformed volume: first on averaged volumes,
    from a registration of the whole down to half the resolution, then on the full ones, by IC-GN with B-splines. Points
    that fail or disagree with their neighbours are tried again from what the neighbours say.

    Parameters
    ----------
    reference, deformed : Volume or (z, y, x) array
        The scan before and after the load, of the same shape. With plain arrays every length is in voxels.
    subset_size : int, str, or three of them, default: 33
        Edge of the subsets along z, y, x: voxels, or physical such as ``"8um"``; rounded to the nearest odd number.
    spacing : int, str, or three of them, default: 16
        Distance between points, likewise.
    shape : {"affine", "quadratic", "rigid", "translation"}
        What a subset may do: 12, 30, 6 or 3 parameters. ``"quadratic"`` follows motions that vary over a subset, at
        twice the random error.
    spline : {"cubic", "quintic"}
        Interpolation of the deformed volume; quintic has a fifth of the bias of cubic and takes twice the time.
    mask, deformed_mask : Volume or (z, y, x) array, optional
        The specimen in each volume (above zero). A point is measured where its centre lies in the mask and so does
        at least the share `min_share` of its subset; only these voxels are matched.
    search : int, str, or three of them, optional
        Largest motion expected; replaces the registration of the whole volumes, which finds shifts of up to half the
        volume and rotations of up to 15 degrees by itself.
    roi : three pairs of ints, optional
        Half-open voxel ranges along z, y, x of the reference in which the points lie.
    min_cc : float, optional
        Points whose zero-normalised cross-correlation ends below are invalid. When not given: 0.5, or less where the
        noise of the scans alone keeps the correlation near that.
    min_share : float, default: 0.5
        Least share of a subset's voxels that must be there: inside both volumes and masks, and finite.
    noise : float, optional
        Standard deviation of the noise of one scan, in its grey values (`volcorr.measure_noise` gives it from two scans
        of the unloaded specimen). Without it the uncertainty comes from what is left after matching. With it, subsets
        whose texture promises an uncertainty above half a voxel are not even tried.
    max_iterations : int, default: 30
        Iterations after which a point has not converged.
    tolerance : float, default: 1e-3
        A point has converged when its next step is expected to move the subset's faces by less, in voxels.
    threads : int, optional
        Number of threads; the result does not depend on it.
    executor : {"serial", "threads", "processes", "dask"} or Executor, optional
        Where blocks of points are refined; threads that share one block when not given. See `volio.make_executor`.
    memory : int, optional
        Bytes to keep to, on a cluster for each worker; the volumes are then read block by block, and should be lazy (as
        `volio.read` gives them). Half of the free memory when not given.
    checkpoint : Checkpoint, optional
        Keeps finished blocks, so that a run that was ended goes on where it was; see `volio.open_checkpoint`.
    progress : bool, default: True
        Show a progress bar on a terminal, or write log lines.
    timings : dict, optional
        Is filled with the seconds spent in each stage.

    Returns
    -------
    xarray.Dataset
        The field (see `volcorr.fields`): ``u_*`` and ``sigma_*`` in the unit of the voxel size, ``cc``,
        ``iterations`` and ``status``, with dimensions (z, y, x); and the scalar coordinates ``static_contrast``, see
        `volcorr.static_pattern`, and ``interpolation_error``, the most that was taken off a displacement because of
        the interpolation (voxels), see `volcorr.interpolation_error`.

    Raises
    ------
    InputError
        If the volumes do not match each other or the mask, hold no contrast, or are too small for a subset; or an
        option is out of range.
    """
    ref, dfm = _as_volume(reference, "reference"), _as_volume(deformed, "deformed")
    masks = [_check_mask(value, name, ref.shape) for value, name in ((mask, "mask"), (deformed_mask, "deformed mask"))]
    voxel_size, unit = _common_voxel_size(ref, dfm)
    sizes: dict[str, Any] = {"voxel_size": voxel_size, "unit": "um" if unit == "voxel" else unit}
    subset = resolve_subset(subset_size, **sizes)
    step = resolve_spacing(spacing, **sizes)
    reach = None if search is None else resolve_lengths(search, name="search", **sizes)
    _check_options(min_cc, min_share, noise, max_iterations, tolerance)
    z, y, x = (size // 2 for size in subset)
    margin = (z + GRADIENT_REACH, y + GRADIENT_REACH, x + GRADIENT_REACH)
    grid = make_grid(ref.shape, margin=margin, spacing=step, roi=roi)
    points = grid.points()
    seconds = {} if timings is None else timings
    limit = int(available_memory() * MEMORY_SHARE) if memory is None else memory

    with _stage("read", seconds):
        pyramid = make_pyramid(
            ref.data,
            dfm.data,
            mask=masks[0],
            deformed_mask=masks[1],
            threads=threads,
        )
    matching = Matching(
        half=(z, y, x),
        shape=shape,
        spline=spline,
        max_iterations=max_iterations,
        tolerance=tolerance,
        min_share=min_share,
        noise=0.0 if noise is None else noise / pyramid.reference.std,
    )
    with _stage("start values", seconds):
        begin = _start_values(pyramid, points, reach, threads=threads, progress=progress, checkpoint=checkpoint)
        least = least_correlation(begin.noise) if min_cc is None else min_cc
        matching = replace(matching, min_cc=least, min_std=least_deviation(begin.noise, least))
    with make_executor(executor, threads=threads) as chosen, _stage("refinement", seconds):
        side_by_side = None if executor in (None, "serial", "threads") else chosen
        workers = 1 if side_by_side is None else getattr(chosen, "workers", 1)
        # processes share the memory of this machine; the workers of a cluster have their own
        share = limit // workers if isinstance(chosen, ProcessExecutor) else limit
        owner = cut_grid(grid, matching, memory=share, workers=2 * workers if side_by_side else 1)
        measurement = Measurement(
            pyramid.reference,
            pyramid.deformed,
            matching,
            threads=1 if executor == "serial" else threads,
            executor=side_by_side,
            checkpoint=checkpoint,
        )
        del pyramid
        start = begin.parameters
        found = measurement.run(np.arange(grid.size), points, start, owner, name="points", progress=progress)
        del begin, start

        def again(rows: "NDArray[np.intp]", start: "NDArray[np.float64]", number: int) -> Refined:
            return measurement.run(rows, points, start, owner, name=f"repair-{number:03d}")

        tries = repair(found, grid, again)
    static = _look_for_static_pattern(measurement, points, found)
    error = _correct_interpolation(measurement, points, found)
    logger.info("%d of %d points valid, %d tried again", np.sum(found.status == 0), len(points), tries)
    attrs = {
        "unit": unit,
        "voxel_size": list(voxel_size or (1.0, 1.0, 1.0)),
        "subset_size": list(subset),
        "spacing": list(step),
        "volume_shape": list(ref.shape),
        "volume_origin": list(ref.origin),
        "reference": ref.name,
        "deformed": dfm.name,
        "shape_function": shape,
        "spline": spline,
        "min_cc": float(least),
        "min_share": float(min_share),
        "noise": "from the residual" if noise is None else float(noise),
        "max_iterations": int(max_iterations),
        "tolerance_voxels": float(tolerance),
        "search_voxels": "automatic" if reach is None else list(reach),
        "software": f"volcorr {version('volcorr')}",
    }
    return _to_fields(found, grid, attrs).assign_coords(static_contrast=static, interpolation_error=error)


def _start_values(
    pyramid: Pyramid,
    points: "NDArray[np.int64]",
    search: tuple[float, float, float] | None,
    *,
    threads: int | None,
    progress: bool,
    checkpoint: "Checkpoint | None",
) -> StartValues:
    """Find the start values, or load those of an earlier run."""
    kept = None if checkpoint is None else checkpoint.load("start-values")
    if kept is not None:
        return StartValues(kept["start"], float(kept["noise"]))
    start = find_start_values(pyramid, points, search=search, threads=threads, progress=progress)
    if checkpoint is not None:
        checkpoint.save("start-values", {"start": start.parameters, "noise": start.noise})
    return start


def _look_for_static_pattern(measurement: Measurement, points: "NDArray[np.int64]", found: Refined) -> float:
    """Measure, and warn of, a pattern that did not move with the sample."""
    valid = found.status == Status.VALID
    contrast = static_contrast(
        measurement.reference,
        measurement.deformed,
        points[valid],
        found.parameters[valid][:, :, 0],
        found.parameters[valid][:, :, 1:4],
        measurement.matching.half,
    )
    if contrast > 0:
        logger.warning(
            "a pattern with %.0f %% of the texture's contrast does not move with the sample (rings, dead pixels): it "
            "draws the displacements towards zero, which sigma does not show; remove it before the correlation",
            100 * contrast,
        )
    return contrast


def _correct_interpolation(measurement: Measurement, points: "NDArray[np.int64]", found: Refined) -> float:
    """Take off the error of interpolation, add what may be left of it to sigma; return its largest amplitude."""
    matching = measurement.matching
    valid = np.flatnonzero(found.status == Status.VALID)
    measured, degree = found.take(valid), matching.interpolation.degree
    amplitudes = measure_amplitudes(measurement.reference, points[valid], measured, matching.half, degree)
    error, uncertainty = interpolation_error(measured, matching.half, amplitudes)
    found.parameters[valid, :, 0] -= error
    found.sigma[valid] = np.hypot(measured.sigma, uncertainty)
    largest = float(np.abs(amplitudes).max())
    logger.info("interpolation: up to %.2g voxel taken off", largest)
    return largest


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


def _check_mask(value: "Volume | NDArray[Any] | None", name: str, shape: tuple[int, ...]) -> Any:
    if value is None:
        return None
    mask, where = _as_volume(value, name), "reference" if name == "mask" else "deformed volume"
    if mask.shape != shape:
        raise InputError(f"the {name} has the shape {mask.shape}, the volumes {shape}: make the mask on the {where}")
    return mask.data


def _check_options(
    min_cc: float | None, min_share: float, noise: float | None, max_iterations: int, tolerance: float
) -> None:
    if min_cc is not None and not -1 <= min_cc <= 1:
        raise InputError(f"min_cc must be between -1 and 1, got {min_cc}")
    if not 0.05 <= min_share <= 1:
        raise InputError(f"min_share must be between 0.05 and 1, got {min_share}")
    if noise is not None and not noise > 0:
        raise InputError(f"noise must be more than zero, in grey values, got {noise}; leave it out if it is not known")
    if max_iterations < 1:
        raise InputError(f"max_iterations must be at least 1, got {max_iterations}")
    if not 0 < tolerance < 1:
        raise InputError(f"tolerance must be between 0 and 1 voxel, got {tolerance}; use for example 1e-3")


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
