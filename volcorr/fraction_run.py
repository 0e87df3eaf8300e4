"""Phase fractions of label volumes on files, one step or a series: volumes in, a folder with tables and figures out."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from volcorr.phase_files import UNLABELLED, LabelFile, find_labels, open_labels, phases_of, tell_unit
from volcorr.result import LOG, build_result, write_study
from volcorr.run_record import record_run
from volcorr.runlog import log_to
from volio import InputError

if TYPE_CHECKING:
    import pandas as pd

    from porosity import PhaseFractions
    from porosity.fractions import Uncertainty
    from volcorr.settings import Lengths
    from volio import Volume

__all__ = ["FractionStep", "FractionStudy", "format_fractions", "run_fractions"]

STUDY: Final = "fractions.json"
TABLE, PROFILES = "fractions.csv", "profiles.csv"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FractionStep:
    """The phase fractions of one volume.

    Attributes
    ----------
    name : str
        Name of the volume.
    found : PhaseFractions
        What was measured.
    band : dict of int to (float, float)
        Lowest and highest fraction by phase within what the threshold leaves open, as a segmentation by ``volcorr
        segment`` or `segmentation.threshold` states it; empty where it states none.
    """

    name: str
    found: "PhaseFractions"
    band: dict[int, tuple[float, float]]


@dataclass(frozen=True, eq=False)
class FractionStudy:
    """The phase fractions of the volumes of a run.

    Attributes
    ----------
    steps : tuple of FractionStep
        In the order of the volumes.
    """

    steps: tuple[FractionStep, ...]

    @property
    def unit(self) -> str:
        """Unit of length."""
        return self.steps[0].found.unit

    @property
    def phases(self) -> tuple[int, ...]:
        """All phases that occur."""
        return tuple(sorted({phase for step in self.steps for phase in step.found.phases}))

    def table(self) -> "pd.DataFrame":
        """Return a row for each volume and phase: fraction, standard_error, low, high, band_low, band_high."""
        import pandas as pd

        parts = []
        for step in self.steps:
            table = step.found.table.reset_index()
            table.insert(0, "volume", step.name)
            ends = [step.band.get(int(phase), (float("nan"),) * 2) for phase in table["phase"]]
            parts.append(table.assign(band_low=[low for low, _ in ends], band_high=[high for _, high in ends]))
        return pd.concat(parts, ignore_index=True)

    def profiles(self) -> "pd.DataFrame":
        """Return the profiles: volume, axis ("z", "y", "x", "radial"), position, phase, fraction."""
        import pandas as pd

        parts = []
        for step in self.steps:
            for axis, profile in step.found.profiles.items():
                rows = profile.melt("position", var_name="phase", value_name="fraction")
                rows.insert(0, "axis", axis)
                rows.insert(0, "volume", step.name)
                parts.append(rows)
        return pd.concat(parts, ignore_index=True)

    def as_dict(self) -> dict[str, Any]:
        """Return the fractions by the name of the volume and the phase."""
        volumes: dict[str, Any] = {}
        for row in self.table().to_dict("records"):
            numbers = {str(name): _plain(row[name]) for name in row if name not in ("volume", "phase")}
            volumes.setdefault(row["volume"], {})[str(row["phase"])] = numbers
        return {"unit": self.unit, "confidence": self.steps[0].found.confidence, "volumes": volumes}


def run_fractions(
    volumes: Sequence[Path],
    output: Path,
    *,
    phases: Sequence[int] | None = None,
    mask: Path | None = None,
    slab: str = "1",
    uncertainty: "Uncertainty" = "integral-range",
    confidence: float = 0.95,
    voxel_size: "Lengths | None" = None,
    dataset: str | None = None,
    threads: int | None = None,
    overwrite: bool = False,
    draw: Callable[[FractionStudy, Path], Any] | None = None,
) -> FractionStudy:
    """Measure the phase fractions of label volumes on files and write a folder.

    The folder holds ``fractions.csv`` (a row for each volume and phase), ``profiles.csv`` (in slabs along z, y, x and
    in rings about z), ``fractions.json`` (the numbers, the settings, checksums of the inputs and versions of the
    software), ``figures/`` with `draw`, and ``log.jsonl``. It appears when it is complete.

    Parameters
    ----------
    volumes : sequence of Path
        Label volumes in the order of the load, or result folders of a segmentation.
    output : Path
        Folder to make.
    phases : sequence of int, optional
        Labels of the phases; all that occur, but 255 beside others, when not given.
    mask : Path, optional
        Volume of the same shape that is not zero where phases are counted.
    slab, uncertainty, confidence, threads
        See `porosity.phase_fractions`.
    voxel_size : float, str or three of them, optional
        Voxel size, in micrometres where it has no unit; replaces what the files state.
    dataset : str, optional
        Path of the array inside the files.
    overwrite : bool
        Replace an earlier result.
    draw : callable, optional
        ``draw(study, folder)`` draws the figures.

    Returns
    -------
    FractionStudy

    Raises
    ------
    InputError, FormatError
        An input or an option is not usable.
    OutputError
        The folder exists, or cannot be written.
    """
    from porosity import phase_fractions
    from volio import read

    options = {"slab": slab, "uncertainty": uncertainty, "confidence": confidence, "threads": threads}
    settings = {**options, "phases": phases, "voxel_size": voxel_size, "dataset": dataset}
    files = find_labels(volumes)
    inputs = {f"volume {number}": path for number, path in enumerate(files, 1)}
    inputs |= {} if mask is None else {"mask": mask}
    kind = "a result of volcorr fractions"
    with (
        build_result(output, overwrite=overwrite, inputs=inputs.values(), marker=STUDY, kind=kind) as folder,
        log_to(folder / LOG),
    ):
        opened = open_labels(files, voxel_size=voxel_size, dataset=dataset)
        tell_unit(opened)
        inside = None if mask is None else read(mask)
        steps = []
        for file in opened:
            chosen, where = _choose(file, phases, inside)
            found = phase_fractions(file.volume, phases=chosen, mask=where, **options)  # type: ignore[arg-type]
            logger.info(
                "%s: %s", file.name, ", ".join(f"{p} {f:.4f}" for p, f in zip(chosen, found.fraction, strict=True))
            )
            steps.append(FractionStep(file.name, found, _band(file.volume)))
        study = FractionStudy(tuple(steps))
        study.table().to_csv(folder / TABLE, index=False)
        study.profiles().to_csv(folder / PROFILES, index=False)
        write_study(study, record_run(inputs, settings), folder, marker=STUDY, draw=draw)
    return study


def _choose(file: LabelFile, phases: Sequence[int] | None, mask: "Volume | None") -> tuple[tuple[int, ...], Any]:
    """Return the phases of a volume, and where they are counted."""
    chosen = phases_of(file) if phases is None else tuple(phases)
    missing = [phase for phase in chosen if phase not in file.counts]
    if missing:
        known = ", ".join(map(str, file.counts))
        raise InputError(f"phase {', '.join(map(str, missing))} does not occur in {file.path}: it has {known}")
    if mask is None and UNLABELLED in file.counts and UNLABELLED not in chosen:
        logger.info("%s: voxels with label %d are left out", file.name, UNLABELLED)
        return chosen, file.volume.data[...] != UNLABELLED
    return chosen, mask


def _band(volume: "Volume") -> dict[int, tuple[float, float]]:
    """Return the band that the segmentation states; none where voxels were changed afterwards."""
    stated = volume.metadata.get("segmentation", {})
    if "cleanup" in volume.metadata or "fractions_low" not in stated:
        return {}
    return dict(enumerate(zip(stated["fractions_low"], stated["fractions_high"], strict=True)))


def format_fractions(study: FractionStudy) -> str:
    """Lay a study out as lines of text for a terminal, without a final line break."""
    table = study.table()
    banded = bool(table["band_low"].notna().any())
    wide = max(len("volume"), *(len(step.name) for step in study.steps)) + 2
    sure = f"{100 * study.steps[0].found.confidence:g} % interval"
    lines = [f"{'volume':<{wide}}{'phase':>6}{'fraction':>10}{sure:>20}" + (f"{'by threshold':>20}" if banded else "")]
    for row in table.to_dict("records"):
        cells = f"{row['volume']:<{wide}}{row['phase']:>6}{row['fraction']:>10.4f}{_range(row['low'], row['high']):>20}"
        lines.append(cells + (f"{_range(row['band_low'], row['band_high']):>20}" if banded else ""))
    return "\n".join(lines)


def _range(low: float, high: float) -> str:
    return "-" if low != low else f"{low:.4f} to {high:.4f}"


def _plain(value: float) -> float | None:
    """Return a number as JSON can hold it: None for NaN."""
    return None if value != value else float(value)
