"""The summary of a run: what ``summary.json`` holds and what the command line prints at the end."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "DvcSummary",
    "Spread",
    "StepSummary",
    "count_status",
    "format_strain",
    "format_summary",
    "join_times",
    "measure_spread",
    "wrap_row",
]

#: What to try, by the status that most points have, when no point is valid.
ADVICE = {
    "outside_mask": "the mask leaves no point: check that it marks the material with 1 and covers the region",
    "outside_volume": "the motion leaves the volume: give a larger --search, or a --roi further inside",
    "bad_voxels": "the subsets meet NaN or infinite voxels: mask them with --mask, or choose another --roi",
    "no_texture": "the subsets have no texture: take a larger --subset, or a --roi inside the material",
    "not_converged": "the refinement does not settle: give a larger --search or --subset",
    "low_correlation": "the subsets do not match: check the two volumes, or give a larger --search",
    "outlier": "the points contradict each other: take a larger --subset, or check that the two volumes are a pair",
    "partly_matched": "each subset holds material that moved in different ways: take a smaller --subset",
}


@dataclass(frozen=True)
class Spread:
    """Lowest, middle and highest value of a quantity over the valid points."""

    lowest: float
    median: float
    highest: float


@dataclass(frozen=True, kw_only=True)
class StepSummary:
    """What one step of a series gave.

    Attributes
    ----------
    step : int
        Its number, from 1.
    name : str
        Name of its volume.
    reference_step : int
        The volume that it was correlated against, 0 for the first.
    tried, valid : int
        Points inside the mask; those measured.
    median_zncc : float or None
        Median zero-normalised cross-correlation of the valid points.
    median : dict of str to float
        Median of each component of displacement and strain over the valid points.
    """

    step: int
    name: str
    reference_step: int
    tried: int
    valid: int
    median_zncc: float | None
    median: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class DvcSummary:
    """What a run of digital volume correlation gave.

    Attributes
    ----------
    output : str
        The result folder.
    reference, deformed : str
        Names of the two volumes; of a series the deformed ones with commas.
    volume_shape : tuple of int
        Voxels (z, y, x) of a volume.
    voxel_size : tuple of float or None
        Voxel size (z, y, x) in `unit`; None where the inputs do not state it.
    unit : str
        Unit of displacements; "voxel" where the voxel size is not known.
    subset_size, spacing : tuple of int
        Resolved sizes (z, y, x) in voxels.
    grid : tuple of int
        Points (z, y, x).
    points, tried, valid : int
        Points of the grid; those inside the mask; those measured. Of a series all steps together.
    status : dict of str to int
        Number of points of each status.
    median_zncc : float or None
        Median zero-normalised cross-correlation of the valid points; None where there is none.
    displacement, uncertainty, strain : dict of str to Spread
        By component, over the valid points; empty where there is none.
    strain_measure : str
        Which measure of strain.
    strain_window : tuple of int
        Points (z, y, x) that one strain value is fitted to.
    seconds : dict of str to float
        Wall time by stage, and in total.
    points_per_second : float
        Tried points by the time of the correlation.
    threads : int
        Threads that worked.
    executor : str
        Where blocks were computed: "serial", "threads", "processes" or "dask".
    workers : int or None
        Processes or workers that did so; None where only the scheduler knows.
    blocks : int
        Blocks of points.
    peak_memory : int or None
        Largest memory of this process in bytes; None where the system does not tell.
    steps : tuple of StepSummary
        The steps of a series; empty for a pair.
    stopped : str or None
        Why a series could not be measured to its end.
    figures : tuple of str
        Files drawn, relative to the result folder.
    notes : tuple of str
        What a reader of the result must know: rounded sizes, warnings.
    """

    output: str
    reference: str
    deformed: str
    volume_shape: tuple[int, ...]
    voxel_size: tuple[float, ...] | None
    unit: str
    subset_size: tuple[int, ...]
    spacing: tuple[int, ...]
    grid: tuple[int, ...]
    points: int
    tried: int
    valid: int
    status: dict[str, int]
    median_zncc: float | None
    displacement: dict[str, Spread]
    uncertainty: dict[str, Spread]
    strain: dict[str, Spread]
    strain_measure: str
    strain_window: tuple[int, ...]
    seconds: dict[str, float]
    points_per_second: float
    threads: int
    executor: str = "threads"
    workers: int | None = 1
    blocks: int = 1
    peak_memory: int | None = None
    steps: tuple[StepSummary, ...] = ()
    stopped: str | None = None
    figures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def advice(self) -> str | None:
        """One line on what to do when no point is valid or a series has stopped; None where all is well."""
        if self.valid:
            return self.stopped
        status, count = max(self.status.items(), key=lambda item: item[1])
        return f"no point is valid, {count} of {self.points} are {status}: {ADVICE.get(status, 'see the log')}"

    def as_dict(self) -> dict[str, Any]:
        """All entries in types that JSON knows."""
        return asdict(self)


def count_status(fields: "xr.Dataset") -> dict[str, int]:
    """Count the points of each status.

    Parameters
    ----------
    fields : xarray.Dataset
        Displacement fields with a ``status`` variable.

    Returns
    -------
    dict of str to int
        Number of points under the name of each status, zero included.
    """
    from volcorr.fields import Status

    status = fields["status"].to_numpy()
    return {item.name.lower(): int((status == item.value).sum()) for item in Status}


def measure_spread(fields: "xr.Dataset", names: tuple[str, ...]) -> dict[str, Spread]:
    """Lowest, median and highest finite value of each variable.

    Parameters
    ----------
    fields : xarray.Dataset
        Displacement or strain fields.
    names : tuple of str
        Variables to look at.

    Returns
    -------
    dict of str to Spread
        By name; a variable that is missing or has no finite value is left out.
    """
    import numpy as np

    spreads = {}
    for name in names:
        if name not in fields:
            continue
        values = fields[name].to_numpy()
        values = values[np.isfinite(values)]
        if values.size:
            spreads[name] = Spread(float(values.min()), float(np.median(values)), float(values.max()))
    return spreads


def format_summary(summary: DvcSummary) -> str:
    """Lay a summary out as lines of text for a terminal, without a final line break."""
    voxel = ""
    if summary.voxel_size is not None:
        sizes = tuple(f"{size:g}" for size in summary.voxel_size)
        voxel = f" of {sizes[0] if len(set(sizes)) == 1 else ' x '.join(sizes)} {summary.unit}"
    share = 100 * summary.valid / summary.tried if summary.tried else 0.0
    lost = [f"{count} {name}" for name, count in summary.status.items() if count and name != "valid"]
    zncc = "none" if summary.median_zncc is None else f"{summary.median_zncc:.4f}"
    rows = [
        (
            "volumes",
            f"{summary.reference} -> {summary.deformed}, {join_times(summary.volume_shape)} voxels{voxel}",
        ),
        ("grid", f"{join_times(summary.grid)} points, every {join_times(summary.spacing)} voxels"),
        ("subset", f"{join_times(summary.subset_size)} voxels"),
        ("points", f"{summary.points}, tried {summary.tried}, valid {summary.valid} ({share:.1f} % of those tried)"),
        ("not valid", ", ".join(lost) or "none"),
        ("median ZNCC", zncc),
        ("speed", f"{summary.points_per_second:.0f} points/s on {_workforce(summary)}"),
        ("memory", _memory(summary)),
        ("seconds", ", ".join(f"{stage} {time:.1f}" for stage, time in summary.seconds.items())),
    ]
    rows += [("note", note) for note in summary.notes]
    lines = [line for label, text in rows for line in wrap_row(label, text)]
    lines += _step_table(summary.steps)
    lines += _table(summary.displacement, summary.uncertainty, summary.unit)
    lines += _strain_table(summary.strain, summary.strain_measure)
    return "\n".join(lines)


def _workforce(summary: DvcSummary) -> str:
    """``2 threads``, ``8 processes`` or ``dask workers``."""
    if summary.executor in ("serial", "threads"):
        count = 1 if summary.executor == "serial" else summary.threads
        return f"{count} thread{'' if count == 1 else 's'}"
    kind = "processes" if summary.executor == "processes" else "dask workers"
    return kind if summary.workers is None else f"{summary.workers} {kind}"


def _memory(summary: DvcSummary) -> str:
    """Peak and blocks."""
    peak = "not known" if summary.peak_memory is None else f"{summary.peak_memory / 1e9:.2f} GB at most"
    return f"{peak}, {summary.blocks} block{'' if summary.blocks == 1 else 's'} of points" if summary.blocks else peak


def _step_table(steps: tuple[StepSummary, ...]) -> list[str]:
    """Rows of the steps of a series."""
    if not steps:
        return []
    lines = ["", f"{'step':<6}{'against':>8}{'valid':>14}{'ZNCC':>9}{'u_z':>11}{'e_zz %':>10}   volume"]
    for step in steps:
        zncc = "none" if step.median_zncc is None else f"{step.median_zncc:.4f}"
        u, e = step.median.get("u_z"), step.median.get("e_zz")
        numbers = (f"{'-' if u is None else f'{u:z.4f}':>11}", f"{'-' if e is None else f'{100 * e:z.4f}':>10}")
        valid = f"{step.valid}/{step.tried}"
        lines.append(f"{step.step:<6}{step.reference_step:>8}{valid:>14}{zncc:>9}{''.join(numbers)}   {step.name}")
    return lines


def format_strain(fields: "xr.Dataset") -> str:
    """Lay the strain of fields out as lines of text for a terminal: a heading, and one line a component."""
    from volcorr.fields import STRAIN

    measure = f"{fields.attrs['strain_measure']}, window {join_times(tuple(fields.attrs['strain_window']))} points"
    return "\n".join(_strain_table(measure_spread(fields, STRAIN), measure)).strip()


def _table(spreads: Mapping[str, Spread], sigma: Mapping[str, Spread], unit: str) -> list[str]:
    """Rows of the displacement components, with their median uncertainty."""
    if not spreads:
        return []
    lines = [
        "",
        f"{'displacement':<14}{'lowest':>12}{'median':>12}{'highest':>12}{'± (median)':>14}   {unit}",
    ]
    for name, spread in spreads.items():
        own = sigma.get(name.replace("u_", "sigma_"))
        last = f"{own.median:14.4f}" if own else ""
        lines.append(f"  {name:<12}{_three(spread)}{last}")
    return lines


def _strain_table(spreads: Mapping[str, Spread], measure: str) -> list[str]:
    """Rows of the strain components, in per cent."""
    if not spreads:
        return []
    lines = ["", f"{'strain':<14}{'lowest':>12}{'median':>12}{'highest':>12}   %, {measure}"]
    for name, spread in spreads.items():
        percent = Spread(100 * spread.lowest, 100 * spread.median, 100 * spread.highest)
        lines.append(f"  {name:<12}{_three(percent)}")
    return lines


def wrap_row(label: str, text: str) -> list[str]:
    """Put `text` beside its label in lines of at most 100 characters.

    Parameters
    ----------
    label, text : str
        A short name, and what is said of it.
    """
    return wrap(text, 100, initial_indent=f"{label:<13}", subsequent_indent=" " * 13, break_long_words=False)


def _three(spread: Spread) -> str:
    """Three numbers in columns of twelve."""
    return f"{spread.lowest:z12.4f}{spread.median:z12.4f}{spread.highest:z12.4f}"


def join_times(values: tuple[int, ...]) -> str:
    """Return ``(4, 5, 6)`` as ``4 x 5 x 6``."""
    return " x ".join(map(str, values))
