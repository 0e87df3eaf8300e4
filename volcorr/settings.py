"""The settings of a run of digital volume correlation, checked before anything is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from volio import InputError

__all__ = ["DvcSettings", "Lengths", "Measure", "Roi"]

Measure = Literal["green-lagrange", "infinitesimal"]
Lengths = int | float | str | tuple[int | float | str, ...]
Roi = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class DvcSettings:
    """All settings of a run.

    Lengths are voxels (``33``) or physical (``"8um"``), one for all axes or three in the order z, y, x
    (``"33,33,21"``). Lists, as a TOML file has them, become tuples.

    Parameters
    ----------
    reference, deformed : Path
        The two volumes, of the same shape.
    output : Path
        Result folder to make.
    mask : Path, optional
        Volume of the same shape; points where it is zero are not measured.
    dataset : str, optional
        Path of the array inside the two files, for formats that hold several.
    voxel_size : float, str or three of them, optional
        Voxel size, in micrometres where it has no unit; replaces what the files state.
    subset, spacing : int, str or three of them
        Edge of a subset, and distance between points.
    search : int, str or three of them, optional
        Largest motion that is expected; found automatically where it is not given.
    roi : three pairs of ints, optional
        Voxel ranges ((z0, z1), (y0, y1), (x0, x1)) of the reference in which points are placed.
    min_cc : float
        Zero-normalised cross-correlation below which a point is not valid.
    max_iterations : int
        Steps of the refinement after which a point counts as not converged.
    tolerance : float
        Size of the last step, in voxels, at which the refinement ends.
    threads : int, optional
        Threads; all cores where it is not given. The result does not depend on it.
    measure : {"green-lagrange", "infinitesimal"}
        Strain measure.
    strain_window : int, or three odd ints
        Points (z, y, x) that one strain value is fitted to.
    overwrite : bool
        Replace a result folder that exists.
    checksums : mapping of str to str
        Checksums that the inputs ("reference", "deformed", "mask") must have.

    Raises
    ------
    InputError
        A setting is not allowed. What depends on the volumes is checked when they are read.
    """

    reference: Path
    deformed: Path
    output: Path
    mask: Path | None = None
    dataset: str | None = None
    voxel_size: Lengths | None = None
    subset: Lengths = 33
    spacing: Lengths = 16
    search: Lengths | None = None
    roi: Roi | None = None
    min_cc: float = 0.5
    max_iterations: int = 30
    tolerance: float = 1e-3
    threads: int | None = None
    measure: Measure = "green-lagrange"
    strain_window: int | tuple[int, int, int] = 3
    overwrite: bool = False
    checksums: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("voxel_size", "subset", "spacing", "search", "roi", "strain_window"):
            object.__setattr__(self, name, _as_tuples(getattr(self, name)))
        for name in ("voxel_size", "subset", "spacing", "search"):
            _check_lengths(name, getattr(self, name))
        _check_roi(self.roi)
        _check_window(self.strain_window)
        if self.measure not in get_args(Measure):
            raise InputError(f"measure must be one of {', '.join(get_args(Measure))}, got {self.measure!r}")
        _check_whole("threads", self.threads)
        _check_whole("max_iterations", self.max_iterations)
        if not (_is_number(self.min_cc) and -1 <= self.min_cc < 1):
            raise InputError(f"min_cc must be a number from -1 to below 1, got {self.min_cc!r}")
        if not (_is_number(self.tolerance) and self.tolerance > 0):
            raise InputError(f"tolerance must be a positive number of voxels, got {self.tolerance!r}")

    @property
    def inputs(self) -> dict[str, Path]:
        """Input files by role."""
        roles = {"reference": self.reference, "deformed": self.deformed, "mask": self.mask}
        return {role: path for role, path in roles.items() if path is not None}


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


def _check_window(value: Any) -> None:
    """Refuse a strain window that is not one or three odd numbers of points."""
    window = value if isinstance(value, tuple) else (value,) * 3
    right = len(window) == 3 and all(_is_number(n) and n in range(3, 10_001, 2) for n in window)
    if not right:
        raise InputError(f"strain_window must be one odd number of points from 3 on, or three, got {_show(value)}")


def _check_whole(name: str, value: Any) -> None:
    """Refuse a count that is not a whole number of at least 1."""
    if value is not None and not (_is_number(value) and isinstance(value, int) and value >= 1):
        raise InputError(f"{name} must be a whole number of at least 1, got {value!r}")
