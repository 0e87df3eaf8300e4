"""The settings of a reconstruction from file to file, checked before anything is read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from recon.angle_weights import Weighting
from recon.angles import AngleUnit
from recon.backends import Backend
from recon.decisions import AlignChoice, RingChoice
from recon.filters import FilterName
from recon.rings import RingMethod
from recon.row_filter import Padding
from recon.slice_plan import Method
from volio.blocks import ExecutorName
from volio.errors import InputError
from volio.memory import parse_memory
from volio.units import parse_length

__all__ = ["ReconSettings", "Values"]

#: What the values of projections without flats are.
Values = Literal["auto", "counts", "attenuation"]
Pair = tuple[int, int]

#: What finished slices do not depend on.
_NO_MATTER = frozenset(
    ("output", "executor", "workers", "threads", "scheduler", "memory", "resume", "overwrite", "quality")
)


@dataclass(frozen=True, kw_only=True)
class ReconSettings:
    """All settings of a run. Lists, as a TOML file has them, become tuples.

    Parameters
    ----------
    scan : Path
        The projections, see `recon.read_scan`, as for `dataset`, `angles`, `angle_range`, `angle_unit` and
        `pixel_size`.
    output : Path
        Volume to make; its extension names the format.
    flats, darks : path or number, optional
        Images without specimen, and without beam; they win over those of the file.
    values : {"auto", "counts", "attenuation"}
        What projections without flats hold: counts of an even beam, or line integrals. "auto" takes whole numbers for
        counts.
    air : pairs of ints
        Ranges of columns that see nothing but air: the beam is normalised to them.
    zingers : float
        Threshold in standard deviations, see `recon.remove_zingers`; 0 looks for none.
    dead_pixels : float
        Tolerance, see `recon.find_dead_pixels`; 0 replaces only pixels that do not respond at all.
    floor : float
        Transmissions below are set to it.
    binning : int
        Edge of the squares of pixels that are averaged.
    delta_beta : float, optional
        Phase retrieval with this ratio, see `recon.retrieve_phase`; none when not given.
    energy, distance : float, optional
        Of the photons in keV, and from specimen to detector in mm; those of the file when not given.
    center : float, optional
        Column of the rotation axis, in pixels of the file; found when not given.
    align : {"auto", "off", "on"}
        Whether shifts of the projections are looked for.
    rings : str
        "auto", "none" or a method of `recon.remove_rings`.
    method, backend, filter, cutoff, weighting, padding, iterations, weight, nonnegative
        See `recon.reconstruct`.
    voxel_size : float or str, optional
        Edge of a voxel: "128nm", or a number of pixels; one pixel when not given.
    slices : pair of ints, optional
        Range of slices.
    region : two pairs of ints, optional
        ((y0, y1), (x0, x1)): part of each slice.
    executor : {"serial", "threads", "processes", "dask"}, optional
        Where slabs are reconstructed, see `volio.make_executor`.
    workers, threads : int, optional
        Processes or dask workers; threads. All cores where they are not given.
    scheduler : str, optional
        Address or file of a running dask scheduler.
    memory : str or int, optional
        Memory to keep to, such as "4GB"; half of what is free when not given.
    resume : bool
        Go on with the slabs that an earlier run of the same output finished.
    overwrite : bool
        Replace a volume that exists.
    quality : bool
        Measure the quality of scan and volume, and write a report beside the volume.

    Notes
    -----
    The volume does not depend on executor, workers, threads, scheduler, memory and resume.

    Raises
    ------
    InputError
        A setting is not allowed. What depends on the scan is checked when it is read.
    """

    scan: Path
    output: Path
    dataset: str | None = None
    angles: Path | None = None
    angle_range: tuple[float, float] | None = None
    angle_unit: AngleUnit = "degrees"
    pixel_size: str | float | None = None
    flats: Path | float | None = None
    darks: Path | float | None = None
    values: Values = "auto"
    air: tuple[Pair, ...] = ()
    zingers: float = 8.0
    dead_pixels: float = 0.5
    floor: float = 1e-4
    binning: int = 1
    delta_beta: float | None = None
    energy: float | None = None
    distance: float | None = None
    center: float | None = None
    align: AlignChoice = "auto"
    rings: RingChoice = "auto"
    method: Method = "fbp"
    backend: Backend = "numba"
    filter: FilterName = "ramp"
    cutoff: float = 1.0
    weighting: Weighting = "mass"
    padding: Literal["auto"] | Padding = "auto"
    voxel_size: str | float | None = None
    slices: Pair | None = None
    region: tuple[Pair, Pair] | None = None
    iterations: int | None = None
    weight: float | None = None
    nonnegative: bool = True
    executor: ExecutorName | None = None
    workers: int | None = None
    threads: int | None = None
    scheduler: str | None = None
    memory: str | int | None = None
    resume: bool = False
    overwrite: bool = False
    quality: bool = False

    def __post_init__(self) -> None:
        for name in ("air", "slices", "region", "angle_range"):
            object.__setattr__(self, name, _as_tuples(getattr(self, name)))
        for name, allowed in _CHOICES.items():
            _check_choice(name, getattr(self, name), allowed)
        for name in ("workers", "threads", "iterations", "binning"):
            _check_number(name, getattr(self, name), "a whole number of at least 1", least=1, whole=True)
        for name in ("delta_beta", "energy", "distance", "weight", "cutoff"):
            _check_number(name, getattr(self, name), "a positive number", above=0)
        for name in ("zingers", "dead_pixels"):
            _check_number(name, getattr(self, name), "a number of at least 0 (0: none)", least=0)
        for name in ("pixel_size", "voxel_size"):
            _check_length(name, getattr(self, name))
        _check_ranges("air", self.air)
        _check_ranges("slices", () if self.slices is None else (self.slices,))
        _check_ranges("region", self.region or ())
        if self.region is not None and len(self.region) != 2:
            raise InputError(f"region must be two ranges of voxels ((y0, y1), (x0, x1)), got {self.region}")
        if self.delta_beta is None and (self.energy is not None or self.distance is not None):
            raise InputError("energy and distance are for phase retrieval: give delta_beta too, or leave them out")
        if self.memory is not None:
            parse_memory(self.memory)

    @property
    def place(self) -> ExecutorName:
        """Where slabs are made, as `volio.make_executor` takes it."""
        return self.executor or ("dask" if self.scheduler else "processes" if self.workers else "threads")

    @property
    def binned_center(self) -> float | None:
        """Column of the rotation axis in pixels that are averaged; None where it was not given."""
        return None if self.center is None else (self.center + 0.5) / self.binning - 0.5

    def identity(self) -> dict[str, Any]:
        """All settings that finished slices depend on."""
        kept = [item.name for item in fields(self) if item.name not in _NO_MATTER]
        values = {name: getattr(self, name) for name in kept}
        return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


_CHOICES: dict[str, tuple[Any, ...]] = {
    "angle_unit": get_args(AngleUnit),
    "values": get_args(Values),
    "align": get_args(AlignChoice),
    "rings": ("auto", "none", *get_args(RingMethod)),
    "method": get_args(Method),
    "backend": get_args(Backend),
    "filter": get_args(FilterName),
    "weighting": get_args(Weighting),
    "padding": ("auto", *get_args(Padding)),
    "executor": (None, *get_args(ExecutorName)),
}


def _as_tuples(value: Any) -> Any:
    """`value` with lists as tuples, at every depth."""
    return tuple(_as_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def _check_choice(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        words = ", ".join(str(item) for item in allowed if item is not None)
        raise InputError(f"{name} must be one of {words}, got {value!r}")


def _check_number(
    name: str, value: Any, words: str, *, least: float = -math.inf, above: float = -math.inf, whole: bool = False
) -> None:
    """Refuse what is not a number that is allowed; None was not given."""
    if value is None:
        return
    right = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not (right and math.isfinite(value) and value >= least and value > above):
        raise InputError(f"{name} must be {words}, got {value!r}")


def _check_length(name: str, value: Any) -> None:
    if value is None:
        return
    try:
        length = parse_length(value)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    if not (math.isfinite(length.value) and length.value > 0):
        raise InputError(f"{name} must be more than zero, got {value}: give for example 128nm")


def _check_ranges(name: str, ranges: Sequence[Any]) -> None:
    for part in ranges:
        whole = isinstance(part, tuple) and len(part) == 2 and all(isinstance(bound, int) for bound in part)
        if not whole or not 0 <= part[0] < part[1]:
            raise InputError(f"{name} must be a range start:stop of whole numbers with 0 <= start < stop, got {part}")
