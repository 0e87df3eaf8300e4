"""Particles of a label volume on a file: told apart, measured, and a folder with tables and figures out."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from volcorr.phase_files import MOST_LABELS, LabelFile, middle_slice, open_labels, tell_unit
from volcorr.result import LOG, build_result, write_study
from volcorr.run_record import record_run
from volcorr.runlog import log_to
from volio import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from porosity import Particles, SizeDistribution
    from porosity.particle_sizes import BorderRule
    from porosity.topology import Connectivity
    from volcorr.settings import Lengths
    from volio import Volume

__all__ = ["ParticleStudy", "format_particles", "run_particles"]

STUDY: Final = "particles.json"
TABLE, CONTACTS, SIZES, LABELS = "particles.csv", "contacts.csv", "sizes.csv", "labels.ome.zarr"
#: Labels that are fewer than this may be phases.
_FEW: Final = 5

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ParticleStudy:
    """The particles of a volume.

    Attributes
    ----------
    name : str
        Name of the volume.
    particles : Particles
        What was measured of each.
    sizes : SizeDistribution or None
        Distribution of the equivalent diameters; None where no particle counts.
    reason : str
        Why there is no distribution; empty where there is one.
    plane : Volume
        The slice in the middle of the numbered particles, shape (1, y, x).
    """

    name: str
    particles: "Particles"
    sizes: "SizeDistribution | None"
    reason: str
    plane: "Volume"

    @property
    def cut(self) -> int:
        """How many particles the border of the volume cuts."""
        return int(self.particles.table["touches_border"].sum())

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers, lengths in `unit`."""
        table = self.particles.table
        found: dict[str, Any] = {"unit": self.particles.unit, "count": len(table), "touch_border": self.cut}
        found["mean"] = {
            name: None if np.isnan(value) else float(value)
            for name, value in ((name, table[name].mean()) for name in _MEANS)
        }
        if self.sizes is None:
            return found | {"sizes": None, "reason": self.reason}
        shares = {"number": self.sizes.number_percentiles, "volume": self.sizes.volume_percentiles}
        sizes = {f"by_{what}": dict(zip(("d10", "d50", "d90"), d, strict=True)) for what, d in shares.items()}
        return found | {"sizes": {"counted": self.sizes.count, **sizes, "span": self.sizes.span}}


#: Columns of the table whose means are told.
_MEANS: Final = ("equivalent_diameter", "sphericity", "aspect", "contacts", "inner_porosity")


def run_particles(
    labels: Path,
    output: Path,
    *,
    phase: int | None = None,
    split: bool = False,
    depth: float = 1.0,
    connectivity: "Connectivity" = 6,
    border: "BorderRule" = "weighted",
    smallest: str = "0",
    voxel_size: "Lengths | None" = None,
    dataset: str | None = None,
    overwrite: bool = False,
    draw: Callable[[ParticleStudy, Path], Any] | None = None,
) -> ParticleStudy:
    """Measure the particles of a label volume on a file and write a folder.

    The folder holds ``particles.csv`` (a row a particle), ``contacts.csv`` (a row for two that touch), ``sizes.csv``
    (the size distribution), ``particles.json`` (D10, D50, D90 by number and volume, the settings, checksums of the
    input and versions of the software), ``labels.ome.zarr`` where particles were numbered, ``figures/`` with `draw`,
    and ``log.jsonl``. It appears when it is complete.

    Parameters
    ----------
    labels : Path
        Label volume, or result folder of a segmentation of one volume: of phases with `phase`, else one label a
        particle and 0 elsewhere.
    output : Path
        Folder to make.
    phase : int, optional
        Phase whose connected parts are the particles.
    split : bool
        Tell touching particles of `phase` apart by a watershed (`segmentation.split_particles`).
    depth : float
        How far a peak of the distance must stand out to be a particle of its own, in voxels.
    connectivity : {6, 18, 26}
        What connects the voxels of a particle: faces, edges too, or corners too.
    border : {"weighted", "excluded", "included"}
        What becomes of particles that the border cuts, see `porosity.distribute_sizes`.
    smallest : str
        Particles with a smaller equivalent diameter are left out: voxels, or a length such as "2um".
    voxel_size : float, str or three of them, optional
        Voxel size, in micrometres where it has no unit; replaces what the file states.
    dataset : str, optional
        Path of the array inside the file.
    overwrite : bool
        Replace an earlier result.
    draw : callable, optional
        ``draw(study, folder)`` draws the figures.

    Returns
    -------
    ParticleStudy

    Raises
    ------
    InputError, FormatError
        An input or an option is not usable.
    OutputError
        The folder exists, or cannot be written.
    """
    from volio import write

    if split and phase is None:
        raise InputError("touching particles are told apart in a phase: give its label with --phase")
    how = {"phase": phase, "split": split, "depth": depth, "connectivity": connectivity}
    settings = {**how, "border": border, "smallest": smallest, "voxel_size": voxel_size, "dataset": dataset}
    kind = "a result of volcorr particles"
    with (
        build_result(output, overwrite=overwrite, inputs=[labels], marker=STUDY, kind=kind) as folder,
        log_to(folder / LOG),
    ):
        most = MOST_LABELS + 1
        file, *others = open_labels([labels], voxel_size=voxel_size, dataset=dataset, lazy=False, most=most)
        if others:
            raise InputError(f"{labels} holds {len(others) + 1} label volumes: name one of them, such as {file.path}")
        tell_unit([file])
        numbered = _given(file) if phase is None else _number(file, phase, split, depth, connectivity)
        numbered = _without_small(numbered, smallest, renumber=phase is not None)
        study = _measure(numbered, border)
        if phase is not None:
            write(numbered, folder / LABELS, pyramid="nearest")
        study.particles.table.to_csv(folder / TABLE)
        study.particles.contacts.to_csv(folder / CONTACTS, index=False)
        if study.sizes is not None:
            _size_table(study.sizes).to_csv(folder / SIZES, index=False)
        write_study(study, record_run({"labels": labels}, settings), folder, marker=STUDY, draw=draw)
    return study


def _given(file: LabelFile) -> "Volume":
    """Return labels that are particles as they are."""
    count = len(file.counts) - (0 in file.counts)
    if count == 0:
        raise InputError(f"{file.path} holds no particle: all its voxels are 0; give a phase with --phase")
    if count == 1:
        label = max(file.counts)
        raise InputError(f"{file.path} holds one label, {label}: --phase {label} makes a particle of each part of it")
    if count < _FEW:
        logger.warning("%s holds %d labels: where these are phases, choose one with --phase", file.path, count)
    return file.volume


def _number(file: LabelFile, phase: int, split: bool, depth: float, connectivity: "Connectivity") -> "Volume":
    """Return the particles of a phase, numbered from 1."""
    from porosity.topology import number_components
    from segmentation import split_particles

    known = ", ".join(map(str, file.counts))
    if phase not in file.counts:
        raise InputError(f"phase {phase} does not occur in {file.path}: it has {known}")
    if len(file.counts) == 1:
        raise InputError(f"phase {phase} fills all of {file.path}: there are no particles in it")
    volume = file.volume
    if split:
        found = split_particles(volume, label=phase, depth=depth, connectivity=connectivity)
        numbers = np.asarray(found.data)
    else:
        numbers = number_components((np.asarray(volume.data) == phase).view(np.uint8), connectivity)[0]
    logger.info("%s: %d particles of phase %d", file.name, int(numbers.max()), phase)
    return replace(volume, data=numbers)


def _without_small(particles: "Volume", smallest: str, *, renumber: bool) -> "Volume":
    """Return the particles from an equivalent diameter on as uint16, numbered anew or with their own numbers."""
    data: NDArray[Any] = np.asarray(particles.data)
    sizes = np.bincount(data.reshape(-1))
    keep = sizes >= max(_voxels_of(smallest, particles), 1)
    keep[0] = False
    count = int(keep.sum())
    if count == 0:
        raise InputError(f"no particle is as large as {smallest}: the largest has {int(sizes[1:].max())} voxels")
    if count > MOST_LABELS:
        raise InputError(
            f"there are {count} particles, {MOST_LABELS} are allowed: leave out small ones with --smallest, or measure "
            "part of the volume"
        )
    numbers = np.zeros(sizes.size, np.uint16)
    numbers[keep] = np.arange(1, count + 1) if renumber else np.flatnonzero(keep)
    return replace(particles, data=numbers[data])


def _voxels_of(smallest: str, particles: "Volume") -> float:
    """Return the voxels of a sphere of a diameter that is given as text."""
    from volio.units import parse_length

    edge = None if particles.voxel_size is None else float(np.prod(particles.voxel_size)) ** (1 / 3)
    return float(np.pi / 6 * parse_length(smallest).to_voxels(edge, particles.unit) ** 3)


def _measure(numbered: "Volume", border: "BorderRule") -> ParticleStudy:
    """Measure the particles and their size distribution, if any counts."""
    from porosity import distribute_sizes, measure_particles

    particles = measure_particles(numbered)
    sizes, reason = None, ""
    if border != "included" and particles.table["touches_border"].all():
        reason = f"all {len(particles.table)} particles touch the border: take --border included, or a larger volume"
    else:
        sizes = distribute_sizes(particles, border=border)
    return ParticleStudy(numbered.name, particles, sizes, reason, middle_slice(numbered))


def _size_table(sizes: "SizeDistribution") -> Any:
    import pandas as pd

    columns = {"diameter": sizes.diameter, "share_by_number": sizes.by_number, "share_by_volume": sizes.by_volume}
    return pd.DataFrame(columns)


def format_particles(study: ParticleStudy) -> str:
    """Lay a study out as lines of text for a terminal, without a final line break."""
    found = study.as_dict()
    unit = "voxels" if found["unit"] == "voxel" else found["unit"]
    lines = [f"{found['count']} particles in {study.name}, {study.cut} of them touch the border"]
    if study.sizes is not None:
        lines += [f"diameters in {unit}, of {study.sizes.count} that count:", f"{'':<11}{'D10':>8}{'D50':>8}{'D90':>8}"]
        lines += [
            f"by {what:<8}" + "".join(f"{found['sizes'][f'by_{what}'][d]:>8.4g}" for d in ("d10", "d50", "d90"))
            for what in ("number", "volume")
        ]
    names = (name.replace("_", " ") for name in _MEANS)
    means = [
        f"{name} {value:.3g}" for name, value in zip(names, found["mean"].values(), strict=True) if value is not None
    ]
    return "\n".join([*lines, f"mean of all: {', '.join(means)}"])
