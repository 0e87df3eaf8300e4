"""One run of digital volume correlation: two files in, a result folder out."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from volcorr.provenance import check_unchanged
from volcorr.result import CONFIG, FIGURES, LOG, SUMMARY, build_result, write_fields, write_json
from volcorr.runlog import log_to
from volcorr.settings import DvcSettings
from volio import InputError

if TYPE_CHECKING:
    import xarray as xr

    from volcorr.summary import DvcSummary
    from volio import Volume

__all__ = ["Draw", "DvcSettings", "run_dvc"]

#: Draws figures of fields over the reference volume into a folder and returns the files.
Draw = Callable[["xr.Dataset", "Volume", Path], list[Path]]

VoxelSize = tuple[float, float, float] | None

logger = logging.getLogger(__name__)


def run_dvc(settings: DvcSettings, *, draw: Draw | None = None) -> "DvcSummary":
    """Measure displacement and strain between two files and write a result folder.

    The folder holds ``fields.zarr``, ``points.csv``, ``fields.vti``, ``figures/``, ``config.toml`` (the
    settings as resolved, software versions, checksums of the inputs), ``summary.json`` and ``log.jsonl``. It
    is built under a temporary name beside its place and moved there when it is complete.

    Parameters
    ----------
    settings : DvcSettings
        Inputs, output and options.
    draw : callable, optional
        ``draw(fields, reference, folder)`` draws figures; without it there are none.

    Returns
    -------
    DvcSummary
        What was measured; the content of ``summary.json``.

    Raises
    ------
    InputError, FormatError
        An input or a setting is not usable.
    OutputError
        The result folder exists, or cannot be written.
    """
    inputs = settings.inputs.values()
    with (
        build_result(settings.output, overwrite=settings.overwrite, inputs=inputs) as folder,
        log_to(folder / LOG),
    ):
        return _run(settings, folder, draw)


def _run(settings: DvcSettings, folder: Path, draw: Draw | None) -> "DvcSummary":
    """Do the run inside the temporary `folder`."""
    from volcorr import correlate, strain
    from volcorr.config import write_config
    from volio import software_versions

    start = time.perf_counter()
    seconds: dict[str, float] = {}
    with _timed(seconds, "opening"):
        volumes = _read_inputs(settings)
        checksums = check_unchanged(settings.inputs, settings.checksums)
    correlation: dict[str, float] = {}
    fields = correlate(
        volumes["reference"],
        volumes["deformed"],
        subset_size=settings.subset,
        spacing=settings.spacing,
        mask=volumes.get("mask"),
        search=settings.search,
        roi=settings.roi,
        min_cc=settings.min_cc,
        max_iterations=settings.max_iterations,
        tolerance=settings.tolerance,
        threads=settings.threads,
        timings=correlation,
    )
    seconds |= correlation
    with _timed(seconds, "strain"):
        fields = strain(fields, measure=settings.measure, window=settings.strain_window)
    with _timed(seconds, "writing"):
        write_fields(fields, folder)
        resolved = _resolve(settings, fields, checksums)
        write_config(resolved, folder / CONFIG, software=software_versions())
    figures: list[Path] = []
    if draw is not None:
        with _timed(seconds, "figures"):
            (folder / FIGURES).mkdir()
            figures = draw(fields, volumes["reference"], folder / FIGURES)
    seconds["total"] = time.perf_counter() - start
    summary = _summarise(settings, resolved, fields, seconds, sum(correlation.values()))
    summary = replace(summary, figures=tuple(path.relative_to(folder).as_posix() for path in figures))
    write_json(summary.as_dict(), folder / SUMMARY)
    logger.info("%d of %d points valid in %.1f s", summary.valid, summary.points, seconds["total"])
    return summary


def _read_inputs(settings: DvcSettings) -> "dict[str, Volume]":
    """Open the input volumes and hold them against each other."""
    from volio import read

    volumes = {}
    for role, path in settings.inputs.items():
        dataset = None if role == "mask" else settings.dataset
        volume = read(path, voxel_size=settings.voxel_size, dataset=dataset)
        logger.info("%s: %s, %s %s", role, path, " x ".join(map(str, volume.shape)), volume.dtype)
        volumes[role] = volume
    reference = volumes["reference"]
    for role, volume in volumes.items():
        if volume.shape != reference.shape:
            raise InputError(
                f"the {role} {settings.inputs[role]} has shape {volume.shape}, the reference has "
                f"{reference.shape}: they must be equal; crop one with volcorr convert --crop"
            )
    return volumes


def _resolve(settings: DvcSettings, fields: "xr.Dataset", checksums: Mapping[str, str]) -> DvcSettings:
    """Return `settings` with every size as it was used, whatever the files state later."""
    return replace(
        settings,
        subset=tuple(fields.attrs["subset_size"]),
        spacing=tuple(fields.attrs["spacing"]),
        voxel_size=_voxel_size(fields),
        strain_window=tuple(fields.attrs["strain_window"]),
        checksums=checksums,
    )


def _summarise(
    settings: DvcSettings, resolved: DvcSettings, fields: "xr.Dataset", seconds: dict[str, float], busy: float
) -> "DvcSummary":
    """Collect the summary of a run whose correlation took `busy` seconds."""
    import numpy as np

    from volcorr.fields import DISPLACEMENT, SIGMA, STRAIN, valid_points
    from volcorr.summary import DvcSummary, count_status, measure_spread
    from volio import default_threads

    status = count_status(fields)
    points = sum(status.values())
    tried = points - status["outside_mask"]
    zncc = fields["cc"].to_numpy()[valid_points(fields)]
    return DvcSummary(
        output=str(settings.output),
        reference=str(fields.attrs["reference"]),
        deformed=str(fields.attrs["deformed"]),
        volume_shape=tuple(fields.attrs["volume_shape"]),
        voxel_size=_voxel_size(fields),
        unit=str(fields.attrs["unit"]),
        subset_size=tuple(fields.attrs["subset_size"]),
        spacing=tuple(fields.attrs["spacing"]),
        grid=fields["status"].shape,
        points=points,
        tried=tried,
        valid=status["valid"],
        status=status,
        median_zncc=float(np.median(zncc)) if zncc.size else None,
        displacement=measure_spread(fields, DISPLACEMENT),
        uncertainty=measure_spread(fields, SIGMA),
        strain=measure_spread(fields, STRAIN),
        strain_measure=settings.measure,
        strain_window=tuple(fields.attrs["strain_window"]),
        seconds={stage: round(value, 3) for stage, value in seconds.items()},
        points_per_second=tried / busy if busy > 0 else 0.0,
        threads=settings.threads or default_threads(),
        notes=_notes(settings, resolved, _voxel_size(fields)),
    )


def _voxel_size(fields: "xr.Dataset") -> VoxelSize:
    """Voxel size that the run used; None where it is not known."""
    z, y, x = (float(size) for size in fields.attrs["voxel_size"])
    return None if fields.attrs["unit"] == "voxel" else (z, y, x)


def _notes(settings: DvcSettings, resolved: DvcSettings, voxel_size: VoxelSize) -> tuple[str, ...]:
    """Lines on sizes that are not exactly the ones asked for."""
    from volcorr.grid import resolve_lengths

    notes = []
    for name in ("subset", "spacing"):
        asked, used = getattr(settings, name), getattr(resolved, name)
        exact = resolve_lengths(asked, name=name, voxel_size=voxel_size)
        if exact != used:
            voxels = " x ".join(map(str, used))
            notes.append(f"{name} {asked} is taken as {voxels} voxels")
    return tuple(notes)


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Note the wall time of a block under the name of its stage."""
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
