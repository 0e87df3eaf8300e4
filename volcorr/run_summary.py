"""The summary of a run, made of its fields."""

from typing import TYPE_CHECKING, Any

import numpy as np

from volcorr.fields import DISPLACEMENT, SIGMA, STRAIN, is_series, valid_points
from volcorr.grid import resolve_lengths
from volcorr.settings import DvcSettings
from volcorr.steps import each_step
from volcorr.summary import DvcSummary, StepSummary, count_status, measure_spread
from volio import default_threads
from volio.memory import peak_memory

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["summarise", "voxel_size_of", "workforce"]

VoxelSize = tuple[float, float, float] | None


def summarise(
    settings: DvcSettings,
    resolved: DvcSettings,
    fields: "xr.Dataset",
    *,
    seconds: dict[str, float],
    busy: float,
    blocks: int,
    earlier: int = 0,
    stopped: str | None = None,
    figures: tuple[str, ...] = (),
) -> DvcSummary:
    """Collect the summary of a run.

    Parameters
    ----------
    settings, resolved : DvcSettings
        As asked for, and as used.
    fields : xarray.Dataset
        What was measured, with strain; a field or a series.
    seconds : dict of str to float
        Wall time by stage.
    busy : float
        Seconds of the correlation.
    blocks, earlier : int
        Finished blocks of points; those of them that an earlier run had finished.
    stopped : str, optional
        Why a series could not be measured to its end.
    figures : tuple of str
        Files drawn, relative to the result folder.

    Returns
    -------
    DvcSummary
    """
    status = count_status(fields)
    points = sum(status.values())
    tried = points - status["outside_mask"]
    series = is_series(fields)
    names = [str(name) for name in fields["step_name"].to_numpy()] if series else [str(fields.attrs["deformed"])]
    executor, workers = workforce(settings)
    return DvcSummary(
        output=str(settings.output),
        reference=str(fields.attrs["reference"]),
        deformed=", ".join(names),
        volume_shape=tuple(fields.attrs["volume_shape"]),
        voxel_size=voxel_size_of(fields),
        unit=str(fields.attrs["unit"]),
        subset_size=tuple(fields.attrs["subset_size"]),
        spacing=tuple(fields.attrs["spacing"]),
        grid=fields["status"].shape[-3:],
        points=points,
        tried=tried,
        valid=status["valid"],
        status=status,
        median_zncc=_median_zncc(fields),
        displacement=measure_spread(fields, DISPLACEMENT),
        uncertainty=measure_spread(fields, SIGMA),
        strain=measure_spread(fields, STRAIN),
        strain_measure=settings.measure,
        strain_window=tuple(fields.attrs["strain_window"]),
        seconds={stage: round(value, 3) for stage, value in seconds.items()},
        points_per_second=tried / busy if busy > 0 else 0.0,
        threads=settings.threads or default_threads(),
        executor=executor,
        workers=workers,
        blocks=blocks,
        peak_memory=peak_memory(),
        steps=tuple(_step(field) for field in each_step(fields)) if series else (),
        stopped=stopped,
        figures=figures,
        notes=(
            *_notes(settings, resolved, voxel_size_of(fields), blocks, earlier),
            *_interpolation_notes(fields),
            *_static_notes(fields),
        ),
    )


def workforce(settings: DvcSettings) -> tuple[str, int | None]:
    """Return the executor of a run by name, and how many processes or workers it has; None where a scheduler knows."""
    by_rule = "dask" if settings.scheduler else "processes" if settings.workers else "threads"
    name = settings.executor or by_rule
    if settings.scheduler is not None:
        return name, None
    side_by_side = name in ("processes", "dask")
    return name, (settings.workers or settings.threads or default_threads()) if side_by_side else 1


def _step(field: "xr.Dataset") -> StepSummary:
    status = count_status(field)
    middle: dict[str, Any] = {
        name: spread.median for name, spread in measure_spread(field, (*DISPLACEMENT, *STRAIN)).items()
    }
    return StepSummary(
        step=int(field["step"]),
        name=str(field["step_name"].item()),
        reference_step=int(field["reference_step"]),
        tried=sum(status.values()) - status["outside_mask"],
        valid=status["valid"],
        median_zncc=_median_zncc(field),
        median=middle,
    )


def _median_zncc(fields: "xr.Dataset") -> float | None:
    zncc = fields["cc"].to_numpy()[valid_points(fields)]
    return float(np.median(zncc)) if zncc.size else None


def voxel_size_of(fields: "xr.Dataset") -> VoxelSize:
    """Return the voxel size (z, y, x) that a run used; None where it is not known."""
    z, y, x = (float(size) for size in fields.attrs["voxel_size"])
    return None if fields.attrs["unit"] == "voxel" else (z, y, x)


def _notes(
    settings: DvcSettings, resolved: DvcSettings, voxel_size: VoxelSize, blocks: int, earlier: int
) -> tuple[str, ...]:
    """Lines on sizes that are not exactly the ones asked for, and on what an earlier run did."""
    notes = []
    for name in ("subset", "spacing"):
        asked, used = getattr(settings, name), getattr(resolved, name)
        exact = resolve_lengths(asked, name=name, voxel_size=voxel_size)
        if exact != used:
            voxels = " x ".join(map(str, used))
            notes.append(f"{name} {asked} is taken as {voxels} voxels")
    if earlier:
        notes.append(
            f"{earlier} of {blocks} blocks were finished by an earlier run, so the speed is not that of this one"
        )
    return tuple(notes)


def _interpolation_notes(fields: "xr.Dataset") -> tuple[str, ...]:
    """Line on what was taken off because of the interpolation, where it is more than the tolerance."""
    largest = float(fields["interpolation_error"].max())
    if largest < fields.attrs["tolerance_voxels"]:
        return ()
    return (f"the texture is fine: up to {largest:.2g} voxel was taken off the displacement for the interpolation",)


def _static_notes(fields: "xr.Dataset") -> tuple[str, ...]:
    """Line on a pattern that did not move with the sample."""
    largest = float(np.nan_to_num(fields["static_contrast"].to_numpy()).max())
    if not largest > 0:
        return ()
    return (
        f"a pattern with {largest:.0%} of the texture's contrast did not move with the sample (rings, dead pixels) and "
        "draws the displacement towards zero, which sigma does not show",
    )
