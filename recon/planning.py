"""What a reconstruction from file to file will take, before it is started: slabs, memory, disk and time."""

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from recon._kernels_back_projection import TILE
from recon.line_integrals import correcting_threads, correction_bytes, make_lines, shape_of_lines
from recon.opening import open_scan_of, voxel_size_of
from recon.run import lines_stay_in_memory, memory_limit
from recon.scan import Scan
from recon.settings import ReconSettings
from recon.slabs import PROGRAM_BYTES, WORKER_BYTES, SlabLayout, lay_out
from recon.slice_plan import SlicePlan, plan_slices
from volio.quiet import captured_log
from volio.run_plan import RunPlan, free_disk
from volio.simd import LANES
from volio.threads import default_threads
from volio.volume import Volume
from volio.writing import write

__all__ = ["ReconPlan", "plan_recon"]

#: Seconds that the trial of slices takes, about.
_TRIAL_SECONDS: Final = 0.8
#: A call is made again until so many seconds or calls have passed: what else the machine does must not count.
_SHORT, _MOST_CALLS = 0.2, 5
#: Projections that are corrected in the trial.
_TRIAL_PROJECTIONS: Final = (4, 12)
#: Edge of the volume that is written in the trial.
_TRIAL_EDGE: Final = 96
#: Iterations that are taken for an iterative method whose number nobody gave, and those of the trial.
_ITERATIONS: Final = {"sirt": 100, "tv": 300}
_TRIAL_ITERATIONS: Final = 2
#: Seconds to start the program, and a process or a dask worker.
_START_SECONDS, _WORKER_SECONDS = 2.0, 3.0
#: What coarser copies add to a volume.
_PYRAMID: Final = 8 / 7


@dataclass(frozen=True, kw_only=True)
class ReconPlan(RunPlan):
    """What a reconstruction will take, beside what all plans hold.

    Attributes
    ----------
    scan_shape : three ints
        Projections, rows and columns.
    dtype : str
        Type of their values.
    angular_range : float
        Degrees between the outermost projections.
    volume_shape : three ints
        Voxels along z, y, x.
    voxel_size : float or None
        Edge of a voxel in `unit`; None where it is not known.
    unit : str
        Unit of lengths; "pixel" where the pixel size is not known.
    slabs, depth, at_once : int
        Slabs of slices, slices of a slab, and slabs in work at a time.
    memory_per_slab : int
        Bytes that a slab takes.
    slices_per_second : float
        Rate measured on this machine, ring removal included.
    """

    scan_shape: tuple[int, int, int]
    dtype: str
    angular_range: float
    volume_shape: tuple[int, int, int]
    voxel_size: float | None
    unit: str
    slabs: int
    depth: int
    at_once: int
    memory_per_slab: int
    slices_per_second: float


def plan_recon(settings: ReconSettings) -> ReconPlan:
    """Say what a run will take, from the size of the scan and a trial of about two seconds on this machine.

    A few projections are read and corrected, eight slices of noise are reconstructed in part with the geometry of the
    scan, and a small volume is written to a temporary folder.

    Parameters
    ----------
    settings : ReconSettings
        Settings of the run; nothing is written to its output.

    Returns
    -------
    ReconPlan

    Raises
    ------
    InputError, FormatError
        The scan or a setting is not usable.
    """
    scan = open_scan_of(settings)
    limit = memory_limit(settings)
    side_by_side = settings.place in ("processes", "dask")
    threads = 1 if settings.place == "serial" else settings.threads or default_threads()
    hands = (settings.workers or threads) if side_by_side else threads
    lines = replace(_noise(scan, settings), shifts=scan.shifts)
    plan = _plan_of(lines, settings, rows=shape_of_lines(scan, settings)[1])
    size = 4 * math.prod(shape_of_lines(scan, settings))
    stays = not side_by_side and lines_stay_in_memory(size, limit - PROGRAM_BYTES)
    room = limit - PROGRAM_BYTES - (size if stays else 0)
    layout = lay_out(
        plan.rows,
        shape=plan.grid.shape,
        slices=plan.shape[0],
        memory=room,
        hands=hands,
        place=settings.place,
        method=settings.method,
    )
    correcting = correcting_threads(scan, memory=limit - PROGRAM_BYTES, threads=threads)
    cores = min(hands, default_threads())
    slice_seconds = _time_slice(lines, settings, plan, threads=cores) + _ring_seconds(plan, layout, cores)
    voxel_seconds, voxel_bytes = _time_writing()
    voxels = math.prod(plan.shape)
    seconds = {
        "start": _START_SECONDS + (_WORKER_SECONDS if side_by_side else 0),
        "corrections": scan.n_angles * _time_corrections(scan, settings) / correcting,
        "reconstruction": slice_seconds * plan.shape[0],
        "writing": voxels * voxel_seconds,
    }
    disk = {
        "volume": int(voxels * voxel_bytes * _PYRAMID),
        "slices": 4 * voxels,
        "line integrals": 0 if stays else size,
    }
    made = ReconPlan(
        scan_shape=scan.shape,
        dtype=str(scan.dtype),
        angular_range=math.degrees(scan.angular_range),
        volume_shape=plan.shape,
        voxel_size=None if scan.pixel_size is None else plan.grid.step * (lines.pixel_size or 1.0),
        unit="pixel" if scan.pixel_size is None else scan.unit,
        slabs=-(-plan.shape[0] // layout.depth),
        depth=layout.depth,
        at_once=layout.at_once,
        executor=settings.place,
        threads=threads,
        memory_limit=limit,
        memory=PROGRAM_BYTES
        + (size if stays else 0)
        + (hands * WORKER_BYTES if side_by_side else 0)
        + max(layout.at_once * layout.slab_bytes, correcting * correction_bytes(scan)),
        memory_per_slab=layout.slab_bytes,
        disk=disk,
        disk_free=free_disk(settings.output),
        seconds=seconds,
        slices_per_second=1 / slice_seconds,
        assumptions=_assumptions(settings),
        warnings=(),
    )
    return replace(made, warnings=_warnings(made, scan))


def _noise(scan: Scan, settings: ReconSettings) -> Scan:
    """Return eight rows of noise, seen as the scan is."""
    count, _, columns = shape_of_lines(scan, settings)
    rng = np.random.default_rng(0)
    values = rng.random((count, LANES, columns), np.float32)
    factor = settings.binning
    size = None if scan.pixel_size is None else scan.pixel_size * factor
    center = None if scan.center is None else (scan.center + 0.5) / factor - 0.5
    return Scan(values, scan.angles, pixel_size=size, unit=scan.unit, center=center)


def _plan_of(lines: Scan, settings: ReconSettings, *, rows: int | None = None, region: Any = None) -> SlicePlan:
    """Return the plan of the run on `lines`, as if they had so many rows."""
    trial = rows is None
    shape = (lines.n_angles, rows or lines.rows, lines.columns)
    whole = lines if trial else replace(lines, projections=np.broadcast_to(lines.projections[:, :1], shape))
    center = settings.binned_center if settings.binned_center is not None else lines.center
    return plan_slices(
        whole,
        method=settings.method,
        filter=settings.filter,
        center=0.5 * (lines.columns - 1) if center is None else center,
        padding="taper",
        rings="none" if trial else "all" if settings.rings == "auto" else settings.rings,
        voxel_size=voxel_size_of(whole, settings),
        region=region if trial else settings.region,
        slices=None if trial else settings.slices,
        iterations=_TRIAL_ITERATIONS if trial else _iterations(settings),
        weight=settings.weight or 1.0,
        backend=settings.backend,
    )


def _iterations(settings: ReconSettings) -> int:
    return settings.iterations or _ITERATIONS.get(settings.method, 1)


def _time_slice(lines: Scan, settings: ReconSettings, plan: SlicePlan, *, threads: int) -> float:
    """Return the seconds of a slice, from a part of eight slices."""
    whole = len(plan.grid.tiles(TILE))
    size = plan.grid.size
    if settings.method in ("sirt", "tv"):
        sirt = replace(settings, method="sirt", iterations=_TRIAL_ITERATIONS)
        maker = _plan_of(lines, sirt).maker(threads=threads)
        return _time(lambda: maker((0, LANES))) / LANES * _iterations(settings) / _TRIAL_ITERATIONS

    def trial(edge: int) -> tuple[float, int]:
        first = (size - edge) // 2
        part = _plan_of(lines, settings, region=((first, first + edge),) * 2)
        maker = part.maker(threads=threads)
        return _time(lambda: maker((0, part.shape[0]))), len(part.grid.tiles(TILE))

    (base, few), (more, many) = trial(min(TILE, size)), trial(min(4 * TILE, size))
    each = max(more - base, 0.0) / max(many - few, 1)
    if each * whole < _TRIAL_SECONDS and size > 4 * TILE:
        more, many = trial(size)
        each = max(more - base, 0.0) / max(many - few, 1)
    return (base + each * (whole - few)) / LANES


def _ring_seconds(plan: SlicePlan, layout: SlabLayout, cores: int) -> float:
    """Return the seconds that ring removal adds to a slice: rows between slabs are cleaned for both."""
    if plan.rows.rings == "none":
        return 0.0
    one = replace(plan.rows, projections=np.array(plan.rows.projections[:, :1]))
    low, high = plan.rows.span(0, min(layout.depth, plan.rows.slices))
    return _time(lambda: one.detector_rows(0, 1)) * (high - low) / layout.depth / cores


def _time_corrections(scan: Scan, settings: ReconSettings) -> float:
    """Return the seconds to read a projection and make line integrals of it, in one thread."""
    few, many = (min(count, scan.n_angles) for count in _TRIAL_PROJECTIONS)
    seconds = []
    # once before, so that compiling and loading do not count
    for count in (few, few, many):
        part = scan.crop(angles=(scan.n_angles // 2 - count // 2, scan.n_angles // 2 - count // 2 + count))
        out = np.empty(shape_of_lines(part, settings), np.float32)
        begin = time.perf_counter()
        with captured_log("recon.corrections"):  # what is to be said was said when the scan was opened
            make_lines(part, settings, out=out, threads=1, progress=False)
        seconds.append(time.perf_counter() - begin)
    return max(seconds[2] - seconds[1], 0.0) / (many - few) if many > few else seconds[2] / many


def _time_writing() -> tuple[float, float]:
    """Return seconds and bytes on disk of a voxel of OME-Zarr."""
    values = np.random.default_rng(0).normal(0.01, 1e-3, (_TRIAL_EDGE,) * 3).astype(np.float32)
    with tempfile.TemporaryDirectory(prefix="volcorr-plan-") as name:
        write(Volume(values[:8]), Path(name) / "first.ome.zarr")
        begin = time.perf_counter()
        made = write(Volume(values), Path(name) / "second.ome.zarr", pyramid="none")
        seconds = time.perf_counter() - begin
        size = sum(item.stat().st_size for item in made.rglob("*") if item.is_file())
    return _PYRAMID * seconds / values.size, size / values.size


def _time(task: Callable[[], object]) -> float:
    """Return the seconds of a call after the first; of a short one the least of some."""
    task()
    seconds: list[float] = []
    while not seconds or (sum(seconds) < _SHORT and len(seconds) < _MOST_CALLS):
        begin = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def _assumptions(settings: ReconSettings) -> tuple[str, ...]:
    """Say what the estimate rests on."""
    lines = ["rate measured now on noise of the size of the scan; reading as fast as a few projections were read now"]
    if settings.center is None or settings.align != "off":
        lines.append("finding the axis and aligning the projections come on top: seconds, or minutes where they moved")
    if settings.rings == "auto":
        lines.append("rings are removed by the method all, which takes longest: less if that is not needed")
    if settings.method in ("sirt", "tv") and settings.iterations is None:
        lines.append(f"{_iterations(settings)} iterations, and no time to choose the setting of the method")
    return tuple(lines)


def _warnings(plan: ReconPlan, scan: Scan) -> tuple[str, ...]:
    """Say what to look at before the run is started."""
    found = []
    if plan.total_disk > plan.disk_free:
        found.append(f"the disk has {plan.disk_free / 1e9:.1f} GB free, {plan.total_disk / 1e9:.1f} GB are needed")
    needed = math.ceil(0.5 * scan.columns * min(scan.angular_range, math.pi))
    if scan.n_angles < 0.25 * needed:
        found.append(f"{scan.n_angles} projections are few: {needed} would sample the rim of the slices fully")
    if scan.angular_range + scan.angle_step < math.radians(175):
        found.append("the angles do not cover half a turn: details along the missing directions are lost")
    if scan.pixel_size is None:
        found.append("the pixel size is not known: lengths will be in pixels, attenuation in 1/pixel")
    return tuple(found)
