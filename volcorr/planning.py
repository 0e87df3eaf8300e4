"""What a run of digital volume correlation will take, before it is started: points, memory, disk and time."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from volcorr.correlation import MEMORY_SHARE
from volcorr.dvc import open_inputs, stays_on_disk
from volcorr.dvc_plan import DvcPlan
from volcorr.grid import GRADIENT_REACH, Grid, make_grid, resolve_spacing, resolve_subset
from volcorr.icgn import Matching
from volcorr.plan_warnings import find_warnings, slice_readings
from volcorr.point_blocks import block_bytes, cut_grid
from volcorr.pyramid import finest_factor
from volcorr.run_summary import workforce
from volcorr.settings import DvcSettings
from volcorr.start_values import SPACING
from volcorr.trial import Rates, measure_rates
from volio import default_threads
from volio.lazy import LAZY_BYTES
from volio.memory import available_memory, parse_memory
from volio.run_plan import free_disk

if TYPE_CHECKING:
    from volio import Volume

__all__ = ["plan_dvc"]

#: Memory of the program and its packages, of a worker, and of a measured point with all that is made of it (bytes).
PROGRAM_BYTES, WORKER_BYTES, POINT_BYTES = 320e6, 200e6, 1500.0
#: Bytes of an averaged voxel, with its weight, in both volumes; and while its level is refined.
LEVEL_BYTES = 16 + 8
#: Bytes of a point in the kept blocks, beside its parameters of eight bytes each.
KEPT_BYTES = 160
#: Seconds that starting, a registration, the figures, and a process or a dask worker take.
START_SECONDS, REGISTER_SECONDS, FIGURE_SECONDS, WORKER_SECONDS = 2.0, 0.2, 8.0, 3.0
#: Bytes that are read of a volume to see how fast that is.
READ_BYTES = 16 * 2**20

Triple = tuple[int, int, int]


def plan_dvc(settings: DvcSettings) -> DvcPlan:
    """Say what a run will take, from the size of its volumes and a trial of two or three seconds on this machine.

    Of the volumes only what they state is read, a piece to see how fast that is, and the planes of the mask on which
    points lie.

    Parameters
    ----------
    settings : DvcSettings
        Settings of the run; nothing is written to its output.

    Returns
    -------
    DvcPlan

    Raises
    ------
    InputError, FormatError
        An input or a setting is not usable.
    """
    volumes = open_inputs(settings, lazy=True)
    work = _lay_out(settings, volumes)
    rates = measure_rates(work.matching, threads=work.hands, strain=settings.strain_options)
    kept = KEPT_BYTES + 24 * (work.matching.columns + 4)
    plan = DvcPlan(
        volume_shape=work.shape,
        dtype=str(volumes["reference"].dtype),
        voxel_size=work.voxel_size,
        unit="voxel" if work.voxel_size is None else work.unit,
        steps=len(settings.steps),
        subset_size=work.subset,
        spacing=work.grid.spacing,
        grid=work.grid.shape,
        points=work.grid.size,
        inside=work.inside,
        blocks=work.blocks,
        block_shape=work.block_shape,
        executor=work.executor,
        workers=work.workers,
        threads=work.threads,
        memory_limit=work.limit,
        memory=_memory(settings, work, volumes),
        memory_per_block=work.block_bytes,
        disk=_disk(work, rates, kept, len(settings.steps)),
        disk_free=free_disk(settings.output),
        seconds=_seconds(settings, work, volumes, rates),
        points_per_second=1 / rates.point,
        assumptions=_assumptions(settings, work),
        warnings=(),
    )
    return replace(plan, warnings=find_warnings(plan, settings, volumes))


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What is to be done, cut into blocks as `volcorr.correlate` will cut it."""

    shape: Triple
    voxel_size: tuple[float, float, float] | None
    unit: str
    subset: Triple
    grid: Grid
    inside: int
    matching: Matching
    executor: str
    workers: int | None
    threads: int
    limit: int
    blocks: int
    block_shape: Triple

    @property
    def hands(self) -> int:
        """Cores of this machine that work at a time."""
        side_by_side = self.workers if self.executor in ("processes", "dask") else self.threads
        return 1 if self.executor == "serial" else min(side_by_side or self.threads, default_threads())

    @property
    def block_bytes(self) -> int:
        """Memory of a block."""
        return block_bytes(np.asarray(self.block_shape), self.grid.spacing, self.matching)

    @property
    def prepared(self) -> float:
        """Voxels that are prepared for all blocks together."""
        extent = (np.asarray(self.block_shape) - 1) * np.asarray(self.grid.spacing)
        around = 2 * (np.asarray(self.matching.half) + np.asarray(self.matching.reach) + 4)
        return float(np.prod(extent + around) * self.blocks)

    @property
    def level_voxels(self) -> float:
        """Voxels of the finest coarse level."""
        shape = np.asarray(self.shape)
        return float(np.prod(shape // finest_factor(shape)))


def _lay_out(settings: DvcSettings, volumes: "Mapping[str, Volume]") -> _Work:
    reference = volumes["reference"]
    stated = next((v for v in volumes.values() if v.voxel_size is not None), reference)
    sizes: dict[str, Any] = {"voxel_size": stated.voxel_size, "unit": stated.unit}
    subset = resolve_subset(settings.subset, **sizes)
    half = (subset[0] // 2, subset[1] // 2, subset[2] // 2)
    margin = (half[0] + GRADIENT_REACH, half[1] + GRADIENT_REACH, half[2] + GRADIENT_REACH)
    shape = (reference.shape[0], reference.shape[1], reference.shape[2])
    spacing = resolve_spacing(settings.spacing, **sizes)
    grid = make_grid(shape, margin=margin, spacing=spacing, roi=settings.roi)
    matching = Matching(
        half=half,
        shape=settings.shape,
        spline=settings.spline,
        max_iterations=settings.max_iterations,
        tolerance=settings.tolerance,
        min_share=settings.min_share,
    )
    if settings.memory is None:
        limit = int(available_memory() * MEMORY_SHARE)
    else:
        limit = parse_memory(settings.memory)
    executor, workers = workforce(settings)
    side_by_side = executor in ("processes", "dask")
    # a dask worker may take the whole limit, processes share it
    share = limit // (workers or 1) if executor == "processes" else limit
    owner = cut_grid(grid, matching, memory=share, workers=2 * (workers or 1) if side_by_side else 1)
    numbers = owner.reshape(grid.shape)
    lengths = [int((line == line[0]).sum()) for line in (numbers[:, 0, 0], numbers[0, :, 0], numbers[0, 0, :])]
    return _Work(
        shape=shape,
        voxel_size=stated.voxel_size,
        unit=stated.unit,
        subset=subset,
        grid=grid,
        inside=_count_inside(volumes.get("mask"), grid),
        matching=matching,
        executor=executor,
        workers=workers,
        threads=1 if executor == "serial" else settings.threads or default_threads(),
        limit=limit,
        blocks=int(owner.max()) + 1,
        block_shape=(lengths[0], lengths[1], lengths[2]),
    )


def _count_inside(mask: "Volume | None", grid: Grid) -> int:
    """Count the points in the mask, of which the planes with points are read."""
    if mask is None:
        return grid.size
    z, y, x = grid.axes()
    return sum(int((np.asarray(mask.data[int(plane)])[np.ix_(y, x)] > 0).sum()) for plane in z)


def _memory(settings: DvcSettings, work: _Work, volumes: "Mapping[str, Volume]") -> int:
    """Return the bytes that this process and its workers are expected to use together."""
    kept_on_disk = stays_on_disk(settings)
    # of a series no more than two volumes are needed at a time, but all small ones are read
    loaded = 0.0 if kept_on_disk else sum(v.nbytes for v in volumes.values() if v.nbytes <= LAZY_BYTES)
    others = (work.workers or 0) if work.executor in ("processes", "dask") else 0
    levels = LEVEL_BYTES * work.level_voxels * 8 / 7
    blocks = work.block_bytes * max(others, 1)
    programs = PROGRAM_BYTES + others * WORKER_BYTES
    return int(programs + loaded + max(levels, blocks) + POINT_BYTES * work.grid.size * len(settings.steps))


def _disk(work: _Work, rates: Rates, kept: int, steps: int) -> dict[str, int]:
    points = work.grid.size * steps
    return {
        "fields.zarr": int(points * rates.bytes_fields),
        "points.csv": int(points * rates.bytes_table),
        "fields.vti": int(points * rates.bytes_image),
        "figures and log": 3_000_000,
        "blocks": int(points * kept),
    }


def _seconds(settings: DvcSettings, work: _Work, volumes: "Mapping[str, Volume]", rates: Rates) -> dict[str, float]:
    """Return the expected seconds of each stage."""
    steps, voxels = len(settings.steps), float(np.prod(work.shape))
    byte = _read_rate(volumes["reference"])
    volume = voxels * volumes["reference"].dtype.itemsize
    share = work.inside / work.grid.size
    level_points = work.level_voxels / SPACING**3 * 8 / 7 * min(1.0, 1.2 * _covered(work))
    again = slice_readings(volumes["reference"], blocks=work.blocks, grid=work.grid.shape, block_shape=work.block_shape)
    stored = [_stored_bytes(path) for path in settings.inputs.values()]
    workers = 0 if work.executor in ("serial", "threads") else WORKER_SECONDS
    return {
        "opening": START_SECONDS + workers + rates.checked * max(sum(stored) / work.threads, *stored),
        "read": steps * 2 * (voxels * rates.averaged + volume * byte),
        "start values": steps
        * (REGISTER_SECONDS + level_points * rates.level_point + work.level_voxels * rates.filtered * 8 / 7),
        "refinement": steps
        * (
            work.grid.size * share * rates.point + work.prepared * (rates.filtered + 2 * again * byte * volume / voxels)
        ),
        "strain and writing": steps * work.grid.size * rates.written,
        "figures": FIGURE_SECONDS,
    }


def _covered(work: _Work) -> float:
    """Share of the volume that points lie in."""
    extent = np.asarray(work.grid.shape) * np.asarray(work.grid.spacing) + 3 * SPACING * 2
    return float(np.prod(np.minimum(extent / np.asarray(work.shape), 1.0)))


def _read_rate(volume: "Volume") -> float:
    """Return the seconds to read a byte, from a piece of whole chunks in the middle of the volume."""
    item = volume.dtype.itemsize
    edges = [
        min(c, n) for c, n in zip(getattr(volume.data, "chunks", (1, *volume.shape[1:])), volume.shape, strict=True)
    ]
    for axis in (2, 1, 0):
        room = max(READ_BYTES // (int(np.prod(edges)) * item), 1)
        edges[axis] = min(edges[axis] * room, volume.shape[axis])
    starts = [(n - edge) // 2 // edge * edge for n, edge in zip(volume.shape, edges, strict=True)]
    begin = time.perf_counter()
    piece = np.asarray(volume.data[tuple(slice(s, s + edge) for s, edge in zip(starts, edges, strict=True))])
    return (time.perf_counter() - begin) / max(piece.nbytes, 1)


def _stored_bytes(path: Path) -> int:
    """Return the bytes of an input on disk."""
    from volio.formats.registry import split_dataset

    place, _ = split_dataset(str(path))
    return sum(item.stat().st_size for item in (place.rglob("*") if place.is_dir() else [place]) if item.is_file())


def _assumptions(settings: DvcSettings, work: _Work) -> tuple[str, ...]:
    """Say what the estimate rests on."""
    lines = [
        f"rate measured now on a made-up pair with {work.hands} threads; points that are hard to match take longer",
        "reading as fast as a piece of the reference was read now",
    ]
    if work.executor == "dask" and work.workers is None:
        lines.append("time as if the cluster had the cores of this machine: divide the refinement by how many it has")
    elif work.workers and work.workers > work.hands and work.executor != "threads":
        lines.append(f"{work.workers} workers on the {work.hands} cores of this machine")
    if settings.is_series:
        lines.append("every step takes as long as the first")
    return tuple(lines)
