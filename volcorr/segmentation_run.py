"""Segmentation of grey volumes on files, one or a series: volumes in, a folder with labels, tables and figures out."""

import logging
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from volcorr.phase_files import SEGMENTATION, middle_slice, name_volumes
from volcorr.result import LOG, build_result, write_study
from volcorr.run_record import record_run
from volcorr.runlog import log_to
from volcorr.segmentation_settings import SegmentationSettings, parse_filter
from volcorr.segmentation_study import SegmentationStudy, SegmentedVolume
from volio import InputError

if TYPE_CHECKING:
    from segmentation import PixelClassifier, ThresholdSweep
    from segmentation.blockwise import BlockOptions
    from volcorr.kept_blocks import KeptBlocks
    from volio import Executor, Volume

__all__ = ["DrawSegmentation", "run_segmentation"]

#: Draws a study into a folder and returns the files.
DrawSegmentation = Callable[[SegmentationStudy, Path], list[Path]]

TABLE, SWEEP, CLASSIFIER, WORK = "fractions.csv", "sweep.csv", "classifier.npz", ".work"
#: Memory that one thread may take, for its blocks and what is computed of them.
THREAD_BYTES: Final = 256 * 2**20

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Run:
    """A run in progress."""

    settings: SegmentationSettings
    folder: Path
    kept: "KeptBlocks"
    executor: "Executor | None"
    mask: "Volume | None"

    def options(self, volume: "Volume", stage: str) -> "BlockOptions":
        """Return how a stage is worked on: on disk, and kept for a later run, where the volume is on disk."""
        options: BlockOptions = {"threads": _threads(self.settings), "progress": True, "executor": self.executor}
        if volume.is_lazy:
            options["target"] = self.folder / WORK / f"{volume.name}-{stage}.ome.zarr"
        if volume.is_lazy or self.executor is not None:
            options["checkpoint"] = self.kept.of(f"{volume.name}-{stage}")
        return options


def run_segmentation(settings: SegmentationSettings, *, draw: DrawSegmentation | None = None) -> SegmentationStudy:
    """Segment grey volumes on files and write a result folder.

    The folder holds the labels of each volume, ``NAME.ome.zarr`` or ``NAME.tif``, ``fractions.csv`` (a row for each
    volume and phase), ``segmentation.json`` (all numbers, the settings, checksums of the inputs and versions of the
    software), ``sweep.csv`` and ``classifier.npz`` where they were asked for, ``figures/`` with `draw`, and
    ``log.jsonl``. It appears when it is complete. Of volumes that stay on disk finished blocks are kept beside it until
    then, so that a run that was ended can be resumed.

    Parameters
    ----------
    settings : SegmentationSettings
        Inputs, output and options.
    draw : callable, optional
        ``draw(study, folder)`` draws figures.

    Returns
    -------
    SegmentationStudy

    Raises
    ------
    InputError, FormatError
        An input or a setting is not usable.
    OutputError
        The result folder exists, or cannot be written.
    """
    from volcorr.kept_blocks import kept_blocks
    from volio import make_executor, read

    inputs = settings.inputs
    marked = {"marker": SEGMENTATION, "kind": "a result of volcorr segment"}
    named = settings.executor is not None or settings.workers is not None or settings.scheduler is not None
    with (
        kept_blocks(settings.output) as kept,
        build_result(settings.output, overwrite=settings.overwrite, inputs=inputs.values(), **marked) as folder,
        log_to(folder / LOG),
    ):
        record = record_run(inputs, settings.measured)
        identity = {**record["settings"], "checksums": record["checksums"], "software": record["software"]["volcorr"]}
        kept.open(identity, resume=settings.resume, working=folder)
        mask = None if settings.mask is None else read(settings.mask, lazy=settings.stays_on_disk)
        how: dict[str, Any] = {name: getattr(settings, name) for name in ("threads", "workers", "scheduler")}
        with make_executor(settings.executor, **how) if named else nullcontext() as executor:
            study = _segment(_Run(settings, folder, kept, executor, mask))
        study.table().to_csv(folder / TABLE, index=False)
        if settings.sweep:
            study.sweeps().to_csv(folder / SWEEP, index=False)
        write_study(study, record, folder, marker=SEGMENTATION, draw=draw)
    return study


def _segment(run: _Run) -> SegmentationStudy:
    """Segment the volumes one by one."""
    from volio import read

    settings = run.settings
    classifier = None if settings.classifier is None else _load(settings)
    done: list[SegmentedVolume] = []
    first: Volume | None = None
    for path, name in zip(settings.volumes, name_volumes(settings.volumes), strict=True):
        (run.folder / WORK).mkdir(exist_ok=True)
        volume = read(path, voxel_size=settings.voxel_size, dataset=settings.dataset, lazy=settings.stays_on_disk)
        logger.info("%s: %s %s", path, " x ".join(map(str, volume.shape)), volume.dtype)
        original = replace(volume, name=name)
        grey = _prepare(original, run)
        if settings.match:
            from segmentation import match_contrast

            first = first or grey
            grey = grey if grey is first else match_contrast(grey, first, threads=settings.threads)
        if settings.train is not None and classifier is None:
            classifier = _train(grey, run)
        done.append(_label(original, grey, run, classifier, done[0] if settings.match and done else None))
        if first is None or not first.is_lazy:
            shutil.rmtree(run.folder / WORK)
    shutil.rmtree(run.folder / WORK, ignore_errors=True)
    return SegmentationStudy(tuple(done), classifier)


def _prepare(volume: "Volume", run: _Run) -> "Volume":
    """Make grey values even and filter them."""
    from segmentation import flatten_background, flatten_beam_hardening

    grey = volume
    if run.settings.flatten is not None:
        flatten = flatten_background if run.settings.flatten == "background" else flatten_beam_hardening
        grey = flatten(grey, mask=run.mask, threads=run.settings.threads)
    for number, text in enumerate(run.settings.filters, 1):
        logger.info("%s: filter %s", volume.name, text)
        grey = parse_filter(text)(grey, **run.options(grey, f"filter-{number}"))
    return grey


def _load(settings: SegmentationSettings) -> "PixelClassifier":
    from segmentation import PixelClassifier

    assert settings.classifier is not None
    return PixelClassifier.load(settings.classifier, features=settings.feature_set())


def _train(grey: "Volume", run: _Run) -> "PixelClassifier":
    """Train a classifier with the label image, and keep it in the result."""
    from segmentation import PixelClassifier
    from volio import read

    assert run.settings.train is not None
    labels = read(run.settings.train, lazy=run.settings.stays_on_disk)
    options: dict[str, Any] = {"features": run.settings.feature_set(), "unlabelled": run.settings.unlabelled}
    classifier = PixelClassifier.fit(grey, labels, threads=run.settings.threads, **options)
    classifier.save(run.folder / CLASSIFIER)
    return classifier


def _label(
    original: "Volume",
    grey: "Volume",
    run: _Run,
    classifier: "PixelClassifier | None",
    like: SegmentedVolume | None,
) -> SegmentedVolume:
    """Label one volume, tidy up, and write it; with the thresholds of another one where that is given."""
    from segmentation import compute_histogram, threshold, threshold_sweep
    from volio import write

    settings = run.settings
    mask: dict[str, Any] = {"mask": run.mask}
    options: dict[str, Any] = settings.threshold_options
    if like is not None and like.thresholds and options["method"] != "hysteresis":
        options = {"method": "manual", "classes": len(like.thresholds) + 1, "values": like.thresholds}
    if classifier is not None:
        labels = classifier.predict(grey, **mask, **run.options(grey, "labels"))
    else:
        labels = threshold(grey, **options, **mask, **run.options(grey, "labels"))
    labels = _tidy(labels, run)
    name = f"{original.name}.{settings.format}"
    zarr = settings.format == "ome.zarr"
    write(labels, run.folder / name, pyramid="nearest" if zarr else None, threads=_threads(settings))
    sweep: ThresholdSweep | None = None
    if settings.sweep:
        sweep = threshold_sweep(
            grey, **options, metrics={"mean_radius": _mean_radius}, **mask, threads=settings.threads
        )
    found = SegmentedVolume(
        name=original.name,
        file=name,
        grey=middle_slice(original),
        labels=middle_slice(labels),
        histogram=compute_histogram(grey, **mask, threads=settings.threads),
        segmentation=labels.metadata["segmentation"],
        cleanup=tuple(labels.metadata.get("cleanup", ())),
        counts=_count(labels),
        sweep=sweep,
    )
    logger.info("%s: %s", found.name, ", ".join(f"{p} {f:.4f}" for p, f in found.fractions.items()))
    return found


def _tidy(labels: "Volume", run: _Run) -> "Volume":
    """Remove specks and holes, and all parts but the largest, as far as asked for."""
    from segmentation import fill_holes, keep_largest, remove_specks

    settings = run.settings
    if settings.specks is None and settings.holes is None and not settings.keep_largest:
        return labels
    present = list(_count(labels))
    phase = present[-1] if settings.phase is None else settings.phase
    if phase not in present:
        raise InputError(f"phase {phase} does not occur in {labels.name}: it has {', '.join(map(str, present))}")
    instead = next((label for label in present if label != phase), phase)
    if settings.specks is not None:
        how: Any = {"smaller_than": settings.specks, "label": phase, "replace": instead}
        labels = remove_specks(labels, **how, **run.options(labels, "specks"))
    if settings.holes is not None:
        how = {"smaller_than": settings.holes, "label": phase}
        labels = fill_holes(labels, **how, **run.options(labels, "holes"))
    if settings.keep_largest:
        labels = keep_largest(labels, label=phase, replace=instead, **run.options(labels, "largest"))
    return labels


def _count(labels: "Volume") -> dict[int, int]:
    """Count the voxels of each phase."""
    from segmentation import UNLABELLED, compute_histogram

    histogram = compute_histogram(labels)
    found = {int(label): int(n) for label, n in zip(histogram.centres, histogram.counts, strict=True) if n}
    return {label: number for label, number in found.items() if label != UNLABELLED}


def _mean_radius(labels: "Volume") -> float:
    """Return the mean radius of the darkest phase."""
    from porosity import pore_size_distribution

    return pore_size_distribution(labels, phase=0).mean_radius


def _threads(settings: SegmentationSettings) -> int:
    """Return how many threads keep to the memory."""
    from volio import default_threads, parse_memory

    wanted = settings.threads or default_threads()
    if settings.memory is None:
        return wanted
    return int(np.clip(parse_memory(settings.memory) // THREAD_BYTES, 1, wanted))
