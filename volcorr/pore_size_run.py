"""Pore sizes of label volumes on files, one step or a series: volumes in, a folder with curves and figures out."""

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from volcorr.phase_files import UNLABELLED, LabelFile, find_labels, middle_slice, open_labels
from volcorr.pore_size_study import INLETS, PoreSizeStudy, PoreStep
from volcorr.result import LOG, build_result, write_study
from volcorr.run_record import record_run
from volcorr.runlog import log_to
from volio import InputError, LazyArray

if TYPE_CHECKING:
    from porosity import Intrusion, PoreSizeDistribution
    from volcorr.kept_blocks import KeptBlocks
    from volcorr.settings import Lengths
    from volio import Executor, Volume
    from volio.blocks import ExecutorName

__all__ = ["DrawPoreSizes", "run_pore_sizes"]

#: Draws a study into a folder and returns the files.
DrawPoreSizes = Callable[[PoreSizeStudy, Path], list[Path]]

STUDY: Final = "pore_sizes.json"
TABLE, CUMULATIVE, DENSITY = "pore_sizes.csv", "cumulative.csv", "density.csv"
#: Bytes of a voxel that the simulation of intrusion takes.
INTRUSION_BYTES: Final = 12

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Work:
    """How the volumes are measured."""

    walls: Literal["none", "all"]
    inlet: str | None
    thickness_map: bool
    memory: str | None
    threads: int | None
    executor: "Executor | None"


def run_pore_sizes(
    volumes: Sequence[Path],
    output: Path,
    *,
    phases: Sequence[int],
    solid: bool = False,
    walls: Literal["none", "all"] = "none",
    inlet: str | None = None,
    thickness_map: bool = False,
    voxel_size: "Lengths | None" = None,
    dataset: str | None = None,
    memory: str | None = None,
    threads: int | None = None,
    executor: "ExecutorName | None" = None,
    workers: int | None = None,
    scheduler: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    draw: DrawPoreSizes | None = None,
) -> PoreSizeStudy:
    """Measure the continuous pore size distribution of label volumes on files and write a folder.

    The folder holds ``pore_sizes.csv`` (a row a volume), ``cumulative.csv`` and ``density.csv`` (the curves),
    ``pore_sizes.json`` (all numbers, the settings, checksums of the inputs and versions of the software),
    ``figures/`` with `draw`, and ``log.jsonl``. It appears when it is complete. Volumes that stay on disk are measured
    in chunks, which are kept beside the folder until then, so that a run that was ended can be resumed.

    Parameters
    ----------
    volumes : sequence of Path
        Label volumes in the order of the load, or result folders of a segmentation.
    output : Path
        Folder to make.
    phases : sequence of int
        Labels of the pores.
    solid : bool
        Measure the thickness of everything but `phases` instead (and but label 255, which is outside of a mask).
    walls : {"none", "all"}
        Whether what lies outside the volume is solid.
    inlet : {"all", "each", "z-", "z+", "y-", "y+", "x-", "x+"}, optional
        Simulate mercury intrusion as well: from all faces at once, from each by itself, or from one.
    thickness_map : bool
        Write the map of the local thickness of each volume, ``NAME_thickness.ome.zarr``.
    voxel_size : float, str or three of them, optional
        Voxel size, in micrometres where it has no unit; replaces what the files state.
    dataset : str, optional
        Path of the array inside the files.
    memory : str, optional
        Memory to keep to, such as "4GB"; volumes are then left on disk.
    threads, executor, workers, scheduler
        See `volio.make_executor`.
    resume : bool
        Go on with the chunks that an earlier run of the same output finished.
    overwrite : bool
        Replace an earlier result.
    draw : callable, optional
        ``draw(study, folder)`` draws the figures.

    Returns
    -------
    PoreSizeStudy

    Raises
    ------
    InputError, FormatError
        An input or an option is not usable.
    OutputError
        The folder exists, or cannot be written.
    """
    from volcorr.kept_blocks import kept_blocks
    from volio import make_executor

    if inlet is not None and inlet not in INLETS:
        raise InputError(f"inlet must be one of {', '.join(INLETS)}, got {inlet!r}")
    files = find_labels(volumes)
    measured = {"phases": phases, "solid": solid, "walls": walls, "voxel_size": voxel_size, "dataset": dataset}
    settings = {**measured, "inlet": inlet, "thickness_map": thickness_map, "memory": memory}
    with (
        kept_blocks(output) as kept,
        build_result(output, overwrite=overwrite, inputs=files, marker=STUDY, kind="a result of volcorr psd") as folder,
        log_to(folder / LOG),
    ):
        on_disk = True if memory is not None or executor == "dask" or scheduler is not None else None
        opened = open_labels(files, voxel_size=voxel_size, dataset=dataset, lazy=on_disk)
        pores = [_select(file, tuple(phases), solid=solid) for file in opened]
        record = record_run({f"volume {n}": file.path for n, file in enumerate(opened, 1)}, settings)
        kept.open({**measured, "checksums": record["checksums"], "software": record["software"]["volcorr"]},
                  resume=resume, working=folder)  # fmt: skip
        # where none is asked for, small volumes are measured in one piece
        named = executor is not None or workers is not None or scheduler is not None
        how: dict[str, Any] = {"threads": threads, "workers": workers, "scheduler": scheduler}
        with make_executor(executor, **how) if named else nullcontext() as chosen:
            work = _Work(walls, inlet, thickness_map, memory, threads, chosen)
            steps = [_measure(volume, work, folder, kept) for volume in pores]
        study = PoreSizeStudy(tuple(steps), tuple(phases), solid)
        study.table().to_csv(folder / TABLE)
        study.cumulative().to_csv(folder / CUMULATIVE, index=False)
        study.density().to_csv(folder / DENSITY, index=False)
        write_study(study, record, folder, marker=STUDY, draw=draw)
    return study


def _select(file: LabelFile, phases: tuple[int, ...], *, solid: bool) -> "Volume":
    """Return what is to be measured as True, or say why that is nothing or all."""
    known = ", ".join(map(str, file.counts))
    missing = [phase for phase in phases if phase not in file.counts]
    if missing or not phases:
        raise InputError(
            f"phase {', '.join(map(str, missing or phases))} does not occur in {file.path}: it has {known}"
        )
    left_out = {*phases, UNLABELLED} if solid else set()
    measured = [label for label in file.counts if (label not in left_out if solid else label in phases)]
    what = "solid" if solid else "pore"
    if not measured:
        raise InputError(f"there is no {what} voxel in {file.path}: its labels are {known}")
    if len(measured) == len(file.counts):
        raise InputError(f"all voxels of {file.path} are {what}, so that nothing bounds them: its labels are {known}")
    chosen = LazyArray.wrap(file.volume.data).map(partial(np.isin, test_elements=measured), np.bool_)
    return replace(file.volume, data=chosen if file.volume.is_lazy else chosen[:])


def _measure(pores: "Volume", work: _Work, folder: Path, kept: "KeptBlocks") -> PoreStep:
    """Measure one volume."""
    from porosity import pore_size_distribution

    chunked = pores.is_lazy or work.executor is not None
    sizes = pore_size_distribution(
        pores,
        walls=work.walls,
        memory=work.memory,
        threads=work.threads,
        executor=work.executor,
        checkpoint=kept.of(pores.name) if chunked else None,
    )
    _check_radius(pores, sizes)
    logger.info("%s: porosity %.4f, mean radius %.4g %s", pores.name, sizes.porosity, sizes.mean_radius, sizes.unit)
    intrusions = {} if work.inlet is None else _intrude(pores, work)
    return PoreStep(pores.name, sizes, intrusions, _map(pores, work, folder) if work.thickness_map else None)


def _check_radius(pores: "Volume", sizes: "PoreSizeDistribution") -> None:
    """Refuse a volume that is smaller than its spheres."""
    edges = pores.voxel_size or (1.0, 1.0, 1.0)
    extent = [n * edge for n, edge in zip(pores.shape, edges, strict=True)]
    radius, unit = float(sizes.radius[-1]), sizes.unit
    if radius > max(extent):
        shown = " x ".join(f"{length:.4g}" for length in extent)
        raise InputError(
            f"the largest sphere of {pores.name}, of radius {radius:.4g} {unit}, is larger than the volume ({shown} "
            f"{unit}), whose pores are open everywhere: measure a larger volume, or take --walls all"
        )
    if 2 * radius > min(extent):
        logger.warning(
            "%s: the largest sphere, %.4g %s wide, does not fit into the volume: it is cut by its faces",
            pores.name, 2 * radius, unit,
        )  # fmt: skip


def _intrude(pores: "Volume", work: _Work) -> "dict[str, Intrusion]":
    """Simulate intrusion, from all faces, one, or each."""
    from porosity import mip, mip_from_each_face
    from volio import available_memory, parse_memory

    limit = available_memory() if work.memory is None else parse_memory(work.memory)
    if INTRUSION_BYTES * pores.size > limit:
        raise InputError(
            f"intrusion needs {INTRUSION_BYTES * pores.size / 1e9:.2g} GB for {pores.name}, {limit / 1e9:.2g} GB may "
            "be used: measure a part (volcorr convert --crop), or leave out --mip"
        )
    if work.inlet == "each":
        return dict(mip_from_each_face(pores, threads=work.threads).faces)
    inlet: Any = work.inlet
    return {str(inlet): mip(pores, inlet=inlet, threads=work.threads)}


def _map(pores: "Volume", work: _Work, folder: Path) -> "Volume":
    """Write the map of the local thickness, and return the slice in its middle."""
    from porosity import local_thickness
    from volio import read, write

    found = local_thickness(pores, walls=work.walls, memory=work.memory, threads=work.threads)
    target = write(found, folder / f"{pores.name}_thickness.ome.zarr", threads=work.threads)
    return middle_slice(read(target, lazy=True))
