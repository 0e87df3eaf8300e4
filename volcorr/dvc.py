"""One run of digital volume correlation: two files in, or those of a series, and a result folder out."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volcorr.kept_blocks import KeptBlocks, kept_blocks
from volcorr.provenance import check_unchanged
from volcorr.result import CONFIG, FIGURES, LOG, SUMMARY, build_result, write_fields, write_json
from volcorr.runlog import log_to
from volcorr.settings import DvcSettings
from volio import InputError

if TYPE_CHECKING:
    import xarray as xr

    from volcorr.summary import DvcSummary
    from volio import Volume
    from volio.blocks import Executor, ExecutorName

__all__ = ["Draw", "DvcSettings", "open_executor", "open_inputs", "run_dvc", "stays_on_disk"]

#: Draws figures of fields over the reference volume into a folder and returns the files.
Draw = Callable[["xr.Dataset", "Volume", Path], list[Path]]

logger = logging.getLogger(__name__)


def run_dvc(settings: DvcSettings, *, draw: Draw | None = None) -> "DvcSummary":
    """Measure displacement and strain between files and write a result folder.

    The folder holds ``fields.zarr``, ``points.csv``, ``fields.vti`` (of a series ``fields.pvd`` and an image a step),
    ``figures/``, ``config.toml`` (the settings as resolved, software versions, checksums of the inputs),
    ``summary.json`` and ``log.jsonl``. It is built under a temporary name beside its place and moved there when it is
    complete. Until then finished blocks of points are kept beside it (`volcorr.kept_blocks`).

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
        An input or a setting is not usable; or a run is to be resumed whose settings or inputs were others.
    OutputError
        The result folder exists, or cannot be written, or another run is making it.
    """
    inputs = settings.inputs.values()
    with (
        kept_blocks(settings.output) as kept,
        build_result(settings.output, overwrite=settings.overwrite, inputs=inputs) as folder,
        log_to(folder / LOG),
    ):
        return _run(settings, folder, kept, draw)


def _run(settings: DvcSettings, folder: Path, kept: KeptBlocks, draw: Draw | None) -> "DvcSummary":
    """Do the run inside the temporary `folder`."""
    from volcorr import map_steps, strain
    from volcorr.config import write_config
    from volcorr.fields import is_series
    from volcorr.run_summary import summarise
    from volio import software_versions

    start = time.perf_counter()
    seconds: dict[str, float] = {}
    correlation: dict[str, float] = {}
    with open_executor(settings) as executor:
        with _timed(seconds, "opening"):
            volumes = open_inputs(settings, lazy=stays_on_disk(settings))
            checksums = check_unchanged(settings.inputs, settings.checksums)
            kept.open(_identity(settings, checksums), resume=settings.resume, working=folder)
        how = {"executor": executor, "memory": _limit(settings, kept), "timings": correlation}
        before = kept.points
        fields, stopped = _correlate(settings, volumes, kept, how)
    seconds |= correlation
    with _timed(seconds, "strain"):
        options: dict[str, Any] = settings.strain_options | {"threads": settings.threads}
        fields = map_steps(strain, fields, **options) if is_series(fields) else strain(fields, **options)
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
    summary = summarise(
        settings,
        resolved,
        fields,
        seconds=seconds,
        busy=sum(correlation.values()),
        blocks=kept.points,
        earlier=before,
        stopped=stopped,
        figures=tuple(path.relative_to(folder).as_posix() for path in figures),
    )
    write_json(summary.as_dict(), folder / SUMMARY)
    logger.info("%d of %d points valid in %.1f s", summary.valid, summary.points, seconds["total"])
    return summary


def _correlate(
    settings: DvcSettings, volumes: "dict[str, Volume]", kept: KeptBlocks, how: dict[str, Any]
) -> "tuple[xr.Dataset, str | None]":
    """Return the fields, and of a series that could not be measured to its end the reason."""
    from volcorr import SeriesStopped, correlate, correlate_series

    options = _options(settings) | how
    reference, mask = volumes["reference"], volumes.get("mask")
    if not settings.is_series:
        fields = correlate(
            reference,
            volumes["deformed"],
            mask=mask,
            deformed_mask=volumes.get("deformed mask"),
            checkpoint=kept.of(),
            **options,
        )
        return fields, None
    steps = [volume for role, volume in volumes.items() if role.startswith("deformed")]
    try:
        series = correlate_series(
            [reference, *steps],
            reference=settings.series_reference,
            mask=mask,
            checkpoints=lambda first, second: kept.of(f"{first}-to-{second}"),
            **options,
        )
    except SeriesStopped as error:
        if error.finished is None:
            raise
        logger.warning("%s", error)
        return error.finished, str(error)
    return series, None


def _limit(settings: DvcSettings, kept: KeptBlocks) -> int:
    """Bytes of memory to keep to."""
    from volcorr.correlation import MEMORY_SHARE
    from volcorr.run_summary import workforce
    from volio.memory import available_memory, parse_memory

    asked = None if settings.memory is None else parse_memory(settings.memory)
    executor, workers = workforce(settings)
    side_by_side = {"processes": workers or 1, "dask": 1}
    return kept.limit(asked, free=int(available_memory() * MEMORY_SHARE), workers=side_by_side.get(executor, 0))


def _options(settings: DvcSettings) -> dict[str, Any]:
    """Options of `volcorr.correlate` that a pair and a series share."""
    return {
        "subset_size": settings.subset,
        "spacing": settings.spacing,
        "shape": settings.shape,
        "spline": settings.spline,
        "search": settings.search,
        "roi": settings.roi,
        "min_cc": settings.min_cc,
        "min_share": settings.min_share,
        "noise": settings.noise,
        "max_iterations": settings.max_iterations,
        "tolerance": settings.tolerance,
        "threads": settings.threads,
    }


def _identity(settings: DvcSettings, checksums: Mapping[str, str]) -> dict[str, Any]:
    """All that finished blocks depend on."""
    from importlib.metadata import version

    from volcorr.config import SECTIONS

    names = ["dataset", "voxel_size", *SECTIONS["correlation"]]
    if not settings.is_series:
        names.remove("series_reference")
    values = {name: getattr(settings, name) for name in names}
    sums = {f"checksum of the {role}": value for role, value in checksums.items()}
    return values | sums | {"version of volcorr": version("volcorr")}


def open_inputs(settings: DvcSettings, *, lazy: bool | None = None) -> "dict[str, Volume]":
    """Open the input volumes and hold them against each other.

    Parameters
    ----------
    settings : DvcSettings
        Settings of a run.
    lazy : bool, optional
        Leave the voxels on disk; when not given, large volumes stay there.

    Returns
    -------
    dict of str to Volume
        By role, see `DvcSettings.inputs`.

    Raises
    ------
    InputError
        The shapes differ.
    FormatError
        A file cannot be read.
    """
    from volio import read

    volumes = {}
    names = _names(settings.inputs)
    for role, path in settings.inputs.items():
        dataset = None if "mask" in role else settings.dataset
        volume = read(path, voxel_size=settings.voxel_size, dataset=dataset, lazy=lazy)
        logger.info("%s: %s, %s %s", role, path, " x ".join(map(str, volume.shape)), volume.dtype)
        volumes[role] = replace(volume, name=names[role])
    reference = volumes["reference"]
    for role, volume in volumes.items():
        if volume.shape != reference.shape:
            raise InputError(
                f"the {role} {settings.inputs[role]} has shape {volume.shape}, the reference has "
                f"{reference.shape}: they must be equal; crop one with volcorr convert --crop"
            )
    return volumes


def _names(inputs: Mapping[str, Path]) -> dict[str, str]:
    """Call volumes as their files, with the folder where that alone does not tell them apart."""
    from volio.formats.registry import split_dataset

    places = {role: split_dataset(str(path))[0].absolute() for role, path in inputs.items()}
    short = {role: path.name.split(".")[0] or path.name for role, path in places.items()}
    if len(set(short.values())) == len(set(places.values())):
        return short
    return {role: f"{path.parent.name}/{short[role]}" for role, path in places.items()}


def stays_on_disk(settings: DvcSettings) -> bool | None:
    """Tell whether a run leaves all volumes on disk, to keep to a limit or for dask workers; None: the large ones."""
    on_disk = settings.memory is not None or settings.executor == "dask" or settings.scheduler is not None
    return True if on_disk else None


@contextmanager
def open_executor(settings: DvcSettings) -> "Iterator[Executor | ExecutorName | None]":
    """Open the executor of a run as `volcorr.correlate` takes it: threads and serial by name, and share one block."""
    from volio.blocks import SerialExecutor, ThreadExecutor
    from volio.executors import make_executor

    with make_executor(
        settings.executor, threads=settings.threads, workers=settings.workers, scheduler=settings.scheduler
    ) as chosen:
        yield settings.executor if isinstance(chosen, SerialExecutor | ThreadExecutor) else chosen


def _resolve(settings: DvcSettings, fields: "xr.Dataset", checksums: Mapping[str, str]) -> DvcSettings:
    """Return `settings` with every size as it was used, whatever the files state later."""
    from volcorr.run_summary import voxel_size_of

    return replace(
        settings,
        subset=tuple(fields.attrs["subset_size"]),
        spacing=tuple(fields.attrs["spacing"]),
        voxel_size=voxel_size_of(fields),
        strain_window=tuple(fields.attrs["strain_window"]),
        checksums=checksums,
    )


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Note the wall time of a block under the name of its stage."""
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
