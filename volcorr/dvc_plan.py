"""The plan of a run: what it is expected to take, as numbers and as text."""

from dataclasses import dataclass

from volcorr.summary import join_times, wrap_row
from volio.run_plan import RunPlan

__all__ = ["DvcPlan", "format_plan", "show_bytes", "show_time"]

Triple = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class DvcPlan(RunPlan):
    """What a correlation will take, beside what all plans hold.

    Attributes
    ----------
    volume_shape : three ints
        Voxels along z, y, x.
    dtype : str
        Type of the voxels.
    voxel_size : three floats or None
        Voxel size in `unit`; None where it is not known.
    unit : str
        Unit of lengths.
    steps : int
        Deformed volumes.
    subset_size, spacing, grid : three ints
        Edge of a subset and distance of points in voxels; points along z, y, x.
    points, inside : int
        Points of the grid of one step, and those in the mask.
    blocks : int
        Blocks of a step.
    block_shape : three ints
        Points of the largest block along z, y, x.
    workers : int or None
        Processes or workers; None where only the scheduler knows.
    memory_per_block : int
        Bytes that a block takes.
    points_per_second : float
        Rate of the refinement measured on this machine.
    """

    volume_shape: Triple
    dtype: str
    voxel_size: tuple[float, float, float] | None
    unit: str
    steps: int
    subset_size: Triple
    spacing: Triple
    grid: Triple
    points: int
    inside: int
    blocks: int
    block_shape: Triple
    workers: int | None
    memory_per_block: int
    points_per_second: float


def format_plan(plan: DvcPlan) -> str:
    """Lay a plan out as lines of text for a terminal, without a final line break."""
    voxel = "" if plan.voxel_size is None else f" of {' x '.join(f'{v:g}' for v in plan.voxel_size)} {plan.unit}"
    steps = "" if plan.steps == 1 else f", {plan.steps} steps"
    inside = "" if plan.inside == plan.points else f", {plan.inside} of them in the mask"
    threads = f"{plan.threads} thread{'' if plan.threads == 1 else 's'}"
    kinds = {"processes": f"{plan.workers} processes", "dask": f"{plan.workers or 'all'} dask workers"}
    where = kinds.get(plan.executor, threads)
    stages = ", ".join(f"{stage} {show_time(value)}" for stage, value in plan.seconds.items())
    files = ", ".join(f"{kind} {show_bytes(value)}" for kind, value in plan.disk.items())
    rows = [
        ("volumes", f"{join_times(plan.volume_shape)} voxels {plan.dtype}{voxel}{steps}"),
        ("subset", f"{join_times(plan.subset_size)} voxels"),
        ("points", f"{plan.points} ({join_times(plan.grid)}), every {join_times(plan.spacing)} voxels{inside}"),
        ("blocks", f"{plan.blocks} of at most {join_times(plan.block_shape)} points, on {where}"),
        ("memory", f"{show_bytes(plan.memory)}; a block {show_bytes(plan.memory_per_block)}"),
        ("disk", f"{show_bytes(plan.total_disk)} of {show_bytes(plan.disk_free)} free: {files}"),
        ("speed", f"{plan.points_per_second:.0f} points/s in the trial"),
        ("time", f"{show_time(plan.total_seconds)}: {stages}"),
        *(("assumed", line) for line in plan.assumptions),
        *(("warning", line) for line in plan.warnings),
    ]
    return "\n".join(line for label, text in rows for line in wrap_row(label, text))


def show_bytes(number: float) -> str:
    """Return a number of bytes as ``1.23 GB``."""
    for size, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number / 1e3:.0f} kB"


def show_time(seconds: float) -> str:
    """Return seconds as ``2 h 05 min``, ``3 min 20 s`` or ``12 s``."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"
