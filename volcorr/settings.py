"""The settings of a run of digital volume correlation, checked before anything is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from volcorr.interpolation import SplineName
from volcorr.shapes import ShapeName
from volcorr.strain_measures import Measure
from volio import InputError
from volio.blocks import ExecutorName

__all__ = ["DvcSettings", "Lengths", "Measure", "Roi", "SeriesReference", "StrainMethod"]

#: Where the displacement gradient comes from, see `volcorr.strain`.
StrainMethod = Literal["window", "hexahedra"]
#: Which volume a step of a series is correlated against, see `volcorr.correlate_series`.
SeriesReference = Literal["first", "previous", "auto"]
Lengths = int | float | str | tuple[int | float | str, ...]
Roi = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class DvcSettings:
    """All settings of a run.

    Lengths are voxels (``33``) or physical (``"8um"``), one for all axes or three in the order z, y, x
    (``"33,33,21"``). Lists, as a TOML file has them, become tuples.

    Parameters
    ----------
    reference : Path
        The volume before the load.
    deformed : Path, or several
        The volume after it, of the same shape; several, in the order of the load, are the steps of a series.
    output : Path
        Result folder to make.
    mask, deformed_mask : Path, optional
        Volumes of the same shape that are not zero in the specimen, see `volcorr.correlate`; the second belongs to a
        pair and not to a series.
    dataset : str, optional
        Path of the array inside the files, for formats that hold several.
    voxel_size : float, str or three of them, optional
        Voxel size, in micrometres where it has no unit; replaces what the files state.
    subset, spacing : int, str or three of them
        Edge of a subset, and distance between points.
    shape : {"affine", "quadratic", "rigid", "translation"}
        What a subset may do.
    spline : {"cubic", "quintic"}
        Interpolation of the deformed volume.
    search : int, str or three of them, optional
        Largest motion that is expected; found automatically where it is not given.
    roi : three pairs of ints, optional
        Voxel ranges ((z0, z1), (y0, y1), (x0, x1)) of the reference in which points are placed.
    min_cc : float, optional
        Zero-normalised cross-correlation below which a point is not valid; see `volcorr.correlate`.
    min_share : float
        Least share of a subset's voxels that must be there, from 0.05 to 1.
    noise : float, optional
        Standard deviation of the noise of one scan, in grey values.
    max_iterations : int
        Steps of the refinement after which a point counts as not converged.
    tolerance : float
        Size of the last step, in voxels, at which the refinement ends.
    series_reference : {"first", "previous", "auto"}
        Which volume each step of a series is correlated against.
    measure : {"green-lagrange", "infinitesimal", "almansi", "hencky"}
        Strain measure.
    strain_method : {"window", "hexahedra"}
        Where the displacement gradient comes from.
    strain_order : {1, 2, 3}
        Degree of the polynomial that is fitted to a window.
    strain_window : int, or three odd ints
        Points (z, y, x) that one strain value is fitted to; 2 `strain_order` + 1 at least.
    executor : {"serial", "threads", "processes", "dask"}, optional
        Where blocks of points are computed, see `volio.make_executor`.
    workers, threads : int, optional
        Processes or dask workers; threads. All cores where they are not given.
    scheduler : str, optional
        Address or file of a running dask scheduler.
    memory : str or int, optional
        Memory to keep to, such as "4GB"; half of what is free where it is not given.
    resume : bool
        Go on with the blocks that an earlier run of the same output finished.
    overwrite : bool
        Replace a result folder that exists.
    checksums : mapping of str to str
        Checksums that the inputs (by their role, see `inputs`) must have.

    Notes
    -----
    What is measured does not depend on executor, workers, threads, scheduler, memory and resume.

    Raises
    ------
    InputError
        A setting is not allowed. What depends on the volumes is checked when they are read.
    """

    reference: Path
    deformed: Path | tuple[Path, ...]
    output: Path
    mask: Path | None = None
    deformed_mask: Path | None = None
    dataset: str | None = None
    voxel_size: Lengths | None = None
    subset: Lengths = 33
    spacing: Lengths = 16
    shape: ShapeName = "affine"
    spline: SplineName = "cubic"
    search: Lengths | None = None
    roi: Roi | None = None
    min_cc: float | None = None
    min_share: float = 0.5
    noise: float | None = None
    max_iterations: int = 30
    tolerance: float = 1e-3
    series_reference: SeriesReference = "first"
    measure: Measure = "green-lagrange"
    strain_method: StrainMethod = "window"
    strain_order: Literal[1, 2, 3] = 1
    strain_window: int | tuple[int, int, int] = 3
    executor: ExecutorName | None = None
    workers: int | None = None
    threads: int | None = None
    scheduler: str | None = None
    memory: str | int | None = None
    resume: bool = False
    overwrite: bool = False
    checksums: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("voxel_size", "subset", "spacing", "search", "roi", "strain_window"):
            object.__setattr__(self, name, _as_tuples(getattr(self, name)))
        object.__setattr__(self, "deformed", _as_deformed(self.deformed))
        for name in ("voxel_size", "subset", "spacing", "search"):
            _check_lengths(name, getattr(self, name))
        for name, allowed in _CHOICES.items():
            _check_choice(name, getattr(self, name), get_args(allowed))
        for name in ("threads", "workers", "max_iterations"):
            _check_whole(name, getattr(self, name))
        _check_roi(self.roi)
        _check_window(self.strain_window, self.strain_order, self.strain_method)
        _check_number("min_cc", self.min_cc, lambda value: -1 <= value < 1, "from -1 to below 1")
        _check_number("min_share", self.min_share, lambda value: 0.05 <= value <= 1, "from 0.05 to 1")
        _check_number("noise", self.noise, lambda value: value > 0, "of grey values above zero")
        _check_number("tolerance", self.tolerance, lambda value: 0 < value < 1, "of voxels between 0 and 1")
        if self.memory is not None:
            from volio.memory import parse_memory

            parse_memory(self.memory)
        if self.is_series and self.deformed_mask is not None:
            raise InputError("a deformed mask belongs to a pair of volumes: leave it out for a series of steps")

    @property
    def steps(self) -> tuple[Path, ...]:
        """The deformed volumes: one, or several in the order of the load."""
        return self.deformed if isinstance(self.deformed, tuple) else (self.deformed,)

    @property
    def is_series(self) -> bool:
        """Whether there are several deformed volumes."""
        return isinstance(self.deformed, tuple)

    @property
    def inputs(self) -> dict[str, Path]:
        """Input files by role; the volumes of a series are "deformed 1", "deformed 2" and so on."""
        steps = {f"deformed {number}": path for number, path in enumerate(self.steps, 1)}
        deformed: dict[str, Path | None] = {**steps} if self.is_series else {"deformed": self.steps[0]}
        masks = {"mask": self.mask, "deformed mask": self.deformed_mask}
        roles = {"reference": self.reference, **deformed, **masks}
        return {role: path for role, path in roles.items() if path is not None}

    @property
    def strain_options(self) -> dict[str, Any]:
        """Options of `volcorr.strain`."""
        names = {"method": "strain_method", "order": "strain_order", "window": "strain_window"}
        return {"measure": self.measure} | {option: getattr(self, name) for option, name in names.items()}


#: Settings that are one of a few words or numbers, and their types.
_CHOICES: dict[str, Any] = {
    "shape": ShapeName,
    "spline": SplineName,
    "series_reference": SeriesReference,
    "measure": Measure,
    "strain_method": StrainMethod,
    "strain_order": Literal[1, 2, 3],
    "executor": ExecutorName,
}


def _as_deformed(value: Any) -> Path | tuple[Path, ...]:
    """`value` as one path, or a tuple of several."""
    if not isinstance(value, list | tuple):
        return Path(value)
    if not value:
        raise InputError("deformed names no volume: give one, or several in the order of the load")
    return Path(value[0]) if len(value) == 1 else tuple(Path(path) for path in value)


def _as_tuples(value: Any) -> Any:
    """`value` with lists as tuples, at every depth."""
    return tuple(_as_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def _is_number(value: Any) -> bool:
    """Whether `value` is an int or a float, and not a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_lengths(name: str, value: Any) -> None:
    """Refuse lengths that cannot be read or are not positive, whatever the voxel size is."""
    from volio import parse_lengths

    if value is None:
        return
    if not all(isinstance(part, str) or _is_number(part) for part in (value if isinstance(value, tuple) else [value])):
        raise InputError(f"{name} must be a length such as 33 or '8um', got {_show(value)}")
    example = "128nm" if name == "voxel_size" else "33 (voxels) or 8um"
    try:
        lengths = parse_lengths(value)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    if not all(length.value > 0 for length in lengths):
        raise InputError(f"{name} must be more than zero, got {_show(value)}: give for example {example}")


def _show(value: Any) -> str:
    """``(33, 33, 21)`` as ``33,33,21``."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _check_roi(value: Any) -> None:
    """Refuse a region that is not three ascending ranges of whole numbers."""
    if value is None:
        return
    pairs = isinstance(value, tuple) and len(value) == 3 and all(isinstance(r, tuple) and len(r) == 2 for r in value)
    if not pairs or not all(isinstance(start, int) and isinstance(stop, int) for start, stop in value):
        raise InputError(f"roi must be three ranges of voxels ((z0, z1), (y0, y1), (x0, x1)), got {value}")
    for axis, (start, stop) in zip("zyx", value, strict=True):
        if not 0 <= start < stop:
            raise InputError(f"roi along {axis} must be start < stop, from 0 on, got {start}:{stop}")


def _check_window(value: Any, order: int, method: str) -> None:
    """Refuse a strain window that is not one or three odd numbers of points, or too small for what is fitted."""
    window = value if isinstance(value, tuple) else (value,) * 3
    right = len(window) == 3 and all(_is_number(n) and n in range(3, 10_001, 2) for n in window)
    if not right:
        raise InputError(f"strain_window must be one odd number of points from 3 on, or three, got {_show(value)}")
    if method == "window" and min(window) < 2 * order + 1:
        raise InputError(
            f"strain_window must be at least {2 * order + 1} points for strain_order {order}, got {_show(value)}"
        )


def _check_choice(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    """Refuse what is not one of the allowed values; None is refused where there is a default."""
    if value not in allowed and not (name == "executor" and value is None):
        raise InputError(f"{name} must be one of {', '.join(map(str, allowed))}, got {value!r}")


def _check_number(name: str, value: Any, allowed: Callable[[float], bool], words: str) -> None:
    """Refuse what is not a number that is allowed."""
    if value is None and name in ("noise", "min_cc"):
        return
    if not (_is_number(value) and allowed(value)):
        raise InputError(f"{name} must be a number {words}, got {value!r}")


def _check_whole(name: str, value: Any) -> None:
    """Refuse a count that is not a whole number of at least 1."""
    if value is not None and not (_is_number(value) and isinstance(value, int) and value >= 1):
        raise InputError(f"{name} must be a whole number of at least 1, got {value!r}")
