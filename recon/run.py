"""One reconstruction from file to file: projections in, a volume out, whatever the size of either."""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from recon.decisions import Decisions, decide
from recon.disk_array import DiskArray
from recon.kept_slabs import KeptSlabs, kept_slabs
from recon.line_integrals import correcting_threads, make_lines, shape_of_lines
from recon.opening import open_scan_of, voxel_size_of
from recon.quality import ScanQuality
from recon.quality_report import Draw, measure_plan, quality_folder, write_quality
from recon.run_summary import ReconSummary
from recon.scan import Scan
from recon.settings import ReconSettings
from recon.slabs import PROGRAM_BYTES, lay_out, run_slabs
from recon.slice_plan import SlicePlan, plan_slices
from volio.blocks import Executor, SerialExecutor, ThreadExecutor
from volio.errors import InputError, OutputError, VolcorrError
from volio.executors import make_executor
from volio.formats.registry import find_writer
from volio.lazy import LazyArray
from volio.memory import available_memory, parse_memory, peak_memory
from volio.staging import staged
from volio.threads import default_threads
from volio.writing import write

__all__ = ["lines_stay_in_memory", "memory_limit", "run_recon"]

logger = logging.getLogger(__name__)

#: Part of the free memory that a run takes where nobody limits it.
MEMORY_SHARE: Final = 0.5
#: Part of the memory of a run that line integrals may stay in.
_LINES_SHARE: Final = 0.35
#: Memory of a thread that writes OME-Zarr: a shard, and what is made of it.
_SHARD_BYTES: Final = 3 * 4 * 256**3


@dataclass
class _Run:
    """What the stages of a run share."""

    settings: ReconSettings
    kept: KeptSlabs
    executor: Executor
    memory: int
    threads: int
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note the wall time of a block under the name of its stage."""
        start = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - start

    @property
    def alone(self) -> bool:
        """Whether slabs are made by this process."""
        return isinstance(self.executor, SerialExecutor | ThreadExecutor)


def run_recon(settings: ReconSettings, *, draw: Draw | None = None) -> ReconSummary:
    """Reconstruct a scan and write its volume.

    Counts become line integrals, which stay on disk where they are large; axis, shifts and rings are decided; slices
    are made slab by slab; then the volume is written, by whole shards where it is OME-Zarr. Until it is complete,
    finished slices are kept beside it (`recon.kept_slabs`).

    Parameters
    ----------
    settings : ReconSettings
        Scan, volume and options.
    draw : callable, optional
        ``draw(quality, folder)`` draws the pictures of the quality report; without it there are none.

    Returns
    -------
    ReconSummary

    Raises
    ------
    InputError, FormatError
        The scan or a setting is not usable; or a run is to be resumed whose settings or scan were others.
    OutputError
        The volume exists, or cannot be written, or another run is making it.
    """
    output = settings.output
    _check_output(settings)
    start = time.perf_counter()
    with kept_slabs(output) as kept:
        with staged(output, overwrite=settings.overwrite) as temporary:
            try:
                made = _run(settings, kept, temporary)
            except VolcorrError as error:
                # a user knows the volume by its own name only
                raise type(error)(str(error).replace(temporary.name, output.name)) from error
        # the volume is there, whatever its quality
        quality = _measure(made, draw)
    made.run.seconds["total"] = time.perf_counter() - start
    return _summarise(made, quality)


def memory_limit(settings: ReconSettings) -> int:
    """Return the bytes of memory that a run keeps to, the program included."""
    if settings.memory is not None:
        return parse_memory(settings.memory)
    return max(int(available_memory() * MEMORY_SHARE), 2 * PROGRAM_BYTES)


def lines_stay_in_memory(size: int, memory: int) -> bool:
    """Tell whether line integrals of `size` bytes stay in the `memory` of a run."""
    return size <= _LINES_SHARE * memory


@dataclass(frozen=True)
class _Made:
    """A run whose volume is written."""

    run: _Run
    plan: SlicePlan
    decisions: Decisions
    earlier: int


def _run(settings: ReconSettings, kept: KeptSlabs, temporary: Path) -> _Made:
    given: dict[str, Any] = {"workers": settings.workers, "scheduler": settings.scheduler}
    with make_executor(settings.executor, threads=settings.threads, **given) as executor:
        serial = isinstance(executor, SerialExecutor)
        threads = 1 if serial else settings.threads or default_threads()
        run = _Run(settings, kept, executor, memory_limit(settings) - PROGRAM_BYTES, threads)
        with run.timed("opening"):
            scan = open_scan_of(settings)
            kept.open(_identity(settings), resume=settings.resume, working=temporary)
        lines = _correct(run, scan)
        decisions = _decide(run, lines)
        with run.timed("planning"):
            plan = _plan(run, lines, decisions)
        slices, earlier = _reconstruct(run, plan)
    with run.timed("writing"):
        data = LazyArray.wrap(slices, name=str(settings.output))
        volume = plan.volume(data)
        hands = int(np.clip(run.memory // _SHARD_BYTES, 1, run.threads))
        write(volume, temporary, progress=True, threads=hands)
    return _Made(run, plan, decisions, earlier)


def _correct(run: _Run, scan: Scan) -> Scan:
    """Return the line integrals, in memory where they take a small part of it and stay in this process."""
    shape = shape_of_lines(scan, run.settings)
    size = 4 * math.prod(shape)
    out: Any = run.kept.array("lines", shape)
    hands = correcting_threads(scan, memory=run.memory, threads=run.threads)
    with run.timed("corrections"):
        if run.alone and lines_stay_in_memory(size, run.memory):
            out = np.empty(shape, np.float32)
            run.memory -= size
        else:
            out.create()
        return make_lines(scan, run.settings, out=out, threads=hands)


def _decide(run: _Run, lines: Scan) -> Decisions:
    """Return what an earlier run has decided, or decide now."""
    settings = run.settings
    with run.timed("axis and alignment"):
        decisions = run.kept.load_decisions()
        if decisions is None:
            decisions = decide(
                lines,
                center=settings.binned_center,
                align=settings.align,
                rings=settings.rings,
                memory=run.memory,
                threads=run.threads,
            )
            run.kept.save_decisions(decisions)
    return decisions


def _plan(run: _Run, lines: Scan, decisions: Decisions) -> SlicePlan:
    """Settle the reconstruction, and write down how it was come to."""
    settings = run.settings
    lines = replace(lines, shifts=decisions.shifts, center=decisions.center)
    plan = plan_slices(
        lines,
        method=settings.method,
        filter=settings.filter,
        cutoff=settings.cutoff,
        center=decisions.center,
        tilt=decisions.tilt,
        weighting=settings.weighting,
        padding=settings.padding,
        rings=decisions.rings,
        voxel_size=voxel_size_of(lines, settings),
        region=settings.region,
        slices=settings.slices,
        iterations=settings.iterations,
        weight=settings.weight,
        nonnegative=settings.nonnegative,
        backend=settings.backend,
        threads=run.threads,
    )
    return replace(plan, settings=plan.settings | _provenance(settings, lines, decisions))


def _provenance(settings: ReconSettings, lines: Scan, decisions: Decisions) -> dict[str, Any]:
    """Return what the metadata of the volume say beside the settings of the plan."""
    said = decisions.to_metadata()
    counts = lines.metadata.get("notes", [])
    corrections = ("air", "zingers", "dead_pixels", "floor", "binning", "delta_beta", "energy", "distance")
    return {
        "center_from": "given" if settings.center is not None else decisions.confidence,
        "center_sigma": said["center_sigma"],
        "shifts": said["shifts"],
        "angles_degrees": [round(math.degrees(angle), 6) for angle in lines.angles],
        "corrections": {name: getattr(settings, name) for name in corrections},
        "notes": [*counts, *decisions.notes],
        "input": str(settings.scan),
    }


def _reconstruct(run: _Run, plan: SlicePlan) -> tuple[DiskArray, int]:
    """Make all slices; return where they are, and how many an earlier run had made."""
    slices = run.kept.array("slices", plan.shape)
    if not (slices.path.is_file() and slices.path.stat().st_size == slices.nbytes):
        slices.create()
    hands = run.threads if run.alone else getattr(run.executor, "workers", run.threads)
    layout = lay_out(
        plan.rows,
        shape=plan.grid.shape,
        slices=plan.shape[0],
        memory=run.memory,
        hands=hands,
        place=run.settings.place,
        method=run.settings.method,
    )
    logger.info("slabs of %d slices, %d at a time, %.2f GB each", layout.depth, layout.at_once, layout.slab_bytes / 1e9)
    with run.timed("reconstruction"):
        earlier = run_slabs(plan, slices, layout=layout, kept=run.kept, executor=None if run.alone else run.executor)
    return slices, earlier


def _measure(made: _Made, draw: Draw | None) -> ScanQuality | None:
    """Write the quality report if it is asked for."""
    run, settings = made.run, made.run.settings
    if not settings.quality:
        return None
    try:
        with run.timed("quality"):
            found = measure_plan(made.plan, memory=run.memory, threads=run.threads)
            write_quality(found, quality_folder(settings.output), overwrite=settings.overwrite, draw=draw)
    except VolcorrError as error:
        logger.warning("the volume is written, but there is no quality report: %s", error)
        return None
    return found


def _summarise(made: _Made, quality: ScanQuality | None) -> ReconSummary:
    run, plan, decisions = made.run, made.plan, made.decisions
    scan, settings = plan.scan, run.settings
    count = plan.shape[0] - made.earlier
    resolution = math.nan if quality is None else quality.volume.resolution
    largest = None if scan.shifts is None else float(np.abs(scan.shifts).max())
    notes = list(plan.settings["notes"])
    if scan.pixel_size is None:
        notes.append("the pixel size is not known: lengths are in pixels, attenuation is in 1/pixel")
    return ReconSummary(
        output=str(settings.output),
        shape=plan.shape,
        voxel_size=None if scan.pixel_size is None else plan.grid.step * scan.pixel_size,
        unit="pixel" if scan.pixel_size is None else scan.unit,
        projections=scan.n_angles,
        angular_range=math.degrees(scan.angular_range),
        center=decisions.center,
        center_sigma=decisions.center_sigma,
        confidence=decisions.confidence,
        tilt=decisions.tilt,
        largest_shift=largest,
        rings=decisions.rings,
        method=settings.method,
        notes=tuple(dict.fromkeys(notes)),
        seconds=run.seconds,
        slices_per_second=count / run.seconds["reconstruction"] if count else None,
        earlier=made.earlier,
        executor=settings.place,
        peak_memory=peak_memory(),
        quality=None if quality is None else str(quality_folder(settings.output)),
        resolution=resolution if math.isfinite(resolution) else None,
    )


def _check_output(settings: ReconSettings) -> None:
    """Refuse at once what could only fail after the work was done."""
    found = find_writer(settings.output)
    if found.title == "raw":
        raise InputError(
            f"{settings.output} would not hold how it was made: write .ome.zarr, .tif or .h5; volcorr convert makes it "
            "raw"
        )
    inputs = [
        path for path in (settings.scan, settings.flats, settings.darks, settings.angles) if isinstance(path, Path)
    ]
    if any(path.absolute() == settings.output.absolute() for path in inputs):
        raise OutputError(f"{settings.output} is an input of the run: choose another output")
    wanted = [settings.output, *([quality_folder(settings.output)] if settings.quality else [])]
    for path in wanted:
        if path.exists() and not settings.overwrite:
            raise OutputError(f"{path} exists: choose another output, or replace it with --overwrite")
    folder = settings.output.absolute().parent
    if not folder.is_dir():
        raise OutputError(f"folder {folder} does not exist: make it first, or choose another output")


def _identity(settings: ReconSettings) -> dict[str, Any]:
    """All that finished slices depend on: settings, input files, and what computes."""
    from importlib.metadata import version

    files = {"scan": settings.scan, "angles": settings.angles, "flats": settings.flats, "darks": settings.darks}
    stamps = {f"file of the {role}": _stamp(path) for role, path in files.items() if isinstance(path, Path)}
    return settings.identity() | stamps | {"version of volcorr": version("volcorr")}


def _stamp(path: Path) -> list[Any]:
    """Return the size of a file or folder, and when it was changed last."""
    from volio.formats.registry import split_dataset

    place, _ = split_dataset(path)
    files = [place, *place.rglob("*")] if place.is_dir() else [place]
    stats = [item.stat() for item in files if item.exists()]
    return [sum(item.st_size for item in stats), max((item.st_mtime_ns for item in stats), default=0)]
