"""What to look at before a run is started."""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from volcorr.kept_blocks import left_over
from volcorr.settings import DvcSettings
from volcorr.summary import join_times
from volio import default_threads
from volio.kept_folder import kept_folder
from volio.lazy import is_lazy
from volio.memory import available_memory

if TYPE_CHECKING:
    from volcorr.dvc_plan import DvcPlan
    from volio import Volume

__all__ = ["find_warnings", "slice_readings"]

#: Voxels of a subset for each parameter below which the match is weak (a cube of 15 for affine, 21 for quadratic).
VOXELS_PER_PARAMETER = 280
PARAMETERS = {"translation": 3, "rigid": 6, "affine": 12, "quadratic": 30}
#: Formats of which only whole slices can be read.
WHOLE_SLICES = ("TIFF", "folder of slices", "NIfTI")
#: Times that the volumes are read from which it is worth another format.
OFTEN = 3


def find_warnings(plan: "DvcPlan", settings: DvcSettings, volumes: "Mapping[str, Volume]") -> tuple[str, ...]:
    """Return one line for each thing to look at.

    Parameters
    ----------
    plan : DvcPlan
        What the run will take.
    settings : DvcSettings
        Its settings.
    volumes : mapping of str to Volume
        Its inputs, on disk.
    """
    return (*_on_subsets(plan, settings), *_on_volumes(plan, volumes), *_on_machine(plan, settings))


def _on_subsets(plan: "DvcPlan", settings: DvcSettings) -> Iterator[str]:
    voxels, parameters = math.prod(plan.subset_size), PARAMETERS[settings.shape]
    if voxels < VOXELS_PER_PARAMETER * parameters:
        yield (
            f"a subset holds {voxels} voxels for the {parameters} parameters of the shape {settings.shape}: the noise "
            "will be large; see volcorr subsets, or take a larger --subset"
        )
    if any(step > edge for step, edge in zip(plan.spacing, plan.subset_size, strict=True)):
        yield "points lie further apart than a subset is wide: material between them is not looked at"
    elif all(4 * step < edge for step, edge in zip(plan.spacing, plan.subset_size, strict=True)):
        yield "points lie closer than a quarter of a subset: neighbours hold mostly the same voxels"
    window = settings.strain_window if isinstance(settings.strain_window, tuple) else (settings.strain_window,) * 3
    if any(n < w for n, w in zip(plan.grid, window, strict=True)):
        yield (
            f"the grid of {join_times(plan.grid)} points is smaller than the strain window of {join_times(window)}: "
            "take a smaller --spacing"
        )
    if plan.inside == 0:
        yield "no point lies in the mask: check that it is not zero in the specimen"
    if plan.unit == "voxel":
        yield "the voxel size is not known, so results will be in voxels: give --voxel-size"


def _on_volumes(plan: "DvcPlan", volumes: "Mapping[str, Volume]") -> Iterator[str]:
    total = sum(volume.nbytes for volume in volumes.values())
    for role, volume in volumes.items():
        if not is_lazy(volume.data) and volume.nbytes > plan.memory_limit / 4:
            yield f"the {role} cannot be read by parts and is loaded whole: volcorr convert it to .ome.zarr"
    times = slice_readings(volumes["reference"], blocks=plan.blocks, grid=plan.grid, block_shape=plan.block_shape)
    if times >= OFTEN:
        yield (
            f"of the volumes only whole slices can be read, each about {times:.0f} times: "
            "volcorr convert them to .ome.zarr"
        )
    if total > available_memory():
        yield (
            f"the volumes take {total / 1e9:.1f} GB, the memory has {available_memory() / 1e9:.1f} GB free: "
            f"they are read in {plan.blocks} blocks"
        )


def slice_readings(volume: "Volume", *, blocks: int, grid: tuple[int, ...], block_shape: tuple[int, ...]) -> float:
    """Return how often a volume is read of which only whole slices can be: blocks beside each other read the same.

    Parameters
    ----------
    volume : Volume
        On disk.
    blocks : int
        Number of blocks.
    grid, block_shape : three ints
        Points in all, and of a block, along z, y, x.
    """
    if volume.metadata.get("format") not in WHOLE_SLICES:
        return 1.0
    return blocks / max(1.0, grid[0] / block_shape[0])


def _on_machine(plan: "DvcPlan", settings: DvcSettings) -> Iterator[str]:
    if plan.memory_per_block > plan.memory_limit:
        yield (
            f"the smallest block takes {plan.memory_per_block / 1e6:.0f} MB, more than the limit of "
            f"{plan.memory_limit / 1e6:.0f} MB: raise --memory"
        )
    if plan.memory > available_memory():
        yield (
            f"about {plan.memory / 1e9:.1f} GB of memory are needed, {available_memory() / 1e9:.1f} GB are free: "
            "give a smaller --memory, or fewer --workers"
        )
    if plan.total_disk > plan.disk_free:
        yield (
            f"{plan.total_disk / 1e9:.1f} GB of disk are needed, {plan.disk_free / 1e9:.1f} GB are free: "
            "choose another output"
        )
    if settings.scheduler is None and plan.workers is not None and plan.workers > default_threads():
        yield f"{plan.workers} workers share {default_threads()} cores: more workers than cores are not faster"
    if settings.output.exists() and not settings.overwrite:
        yield f"{settings.output} exists: the run will ask for another output, or --overwrite"
    kept = left_over(settings.output)
    if kept:
        yield (
            f"{kept} finished blocks of an earlier run are in {kept_folder(settings.output)}: "
            "--resume goes on with them, a run without it drops them"
        )
