"""A scan: projections of a turning specimen, their angles, and what is needed to correct them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.stacks import choose_images
from volio.errors import InputError
from volio.lazy import crop_array, is_lazy, load
from volio.memory_maps import opened, portable
from volio.units import length_unit

__all__ = ["Scan"]

Range = slice | Sequence[int | None] | None


@dataclass(frozen=True, eq=False, repr=False)
class Scan:
    """Projections of a specimen at known angles, in the axis order angle, row, column.

    The rotation axis is vertical: it runs along the rows, at the column `center`. A point (y, x) of the slice of a
    row, measured in pixels from the axis, is seen at the angle t in the column ``center + x cos(t) + y sin(t)``.

    Attributes
    ----------
    projections : array, shape (angle, row, column)
        Counts when `flats` are given, else line integrals of the attenuation (minus the logarithm is taken). A NumPy
        array, or anything with ``shape`` and ``dtype`` whose ``projections[slices]`` gives a NumPy array: then they
        stay on disk until asked for.
    angles : array, shape (angles,), float64
        In radians.
    pixel_size : float or None
        Edge of a detector pixel, seen at the specimen, in `unit`. None: nobody stated it.
    unit : str
        Unit of length of `pixel_size`.
    flats, darks : array, shape (n, row, column), or None
        Images without specimen, and without beam.
    shifts : array, shape (angles, 2), float64, or None
        How far (row, column) each projection lies from where it should, in pixels: to be undone.
    center : float or None
        Column of the rotation axis, if it is known; the centre of the first pixel is 0.
    name : str
        A short name, as a rule that of the file.
    metadata : dict
        What the file knew. "notes" lists what a user should be told, one sentence each; "per_projection" holds lists
        with one entry a projection; "flat_positions" and "dark_positions" the number of projections that were taken
        before each flat or dark.

    Raises
    ------
    InputError
        If the arrays do not fit together, hold no numbers, or an angle, shift, size or unit is not usable.
    """

    projections: Any
    angles: NDArray[np.float64]
    pixel_size: float | None = None
    unit: str = "um"
    flats: Any | None = None
    darks: Any | None = None
    shifts: NDArray[np.float64] | None = None
    center: float | None = None
    name: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        label = f"scan {self.name!r}" if self.name else "scan"
        for what in ("projections", "flats", "darks"):
            images = getattr(self, what)
            if images is not None:
                object.__setattr__(self, what, _images(images, f"{what} of {label}"))
        for what in ("flats", "darks"):
            images = getattr(self, what)
            if images is not None and tuple(images.shape[1:]) != self.shape[1:]:
                raise InputError(
                    f"{what} of {label} have {_size(images.shape)} pixels, its projections {_size(self.shape)} "
                    "(rows x columns): give those that belong to it"
                )
        if self.darks is not None and self.flats is None:
            raise InputError(f"{label} has darks but no flats: give flats too, or leave the darks out")
        object.__setattr__(self, "angles", _numbers(self.angles, (self.shape[0],), "angles", label))
        if self.shifts is not None:
            object.__setattr__(self, "shifts", _numbers(self.shifts, (self.shape[0], 2), "shifts", label))
        unit = length_unit(self.unit)
        if unit is None:
            raise InputError(f"unit {self.unit!r} of {label} is not a unit of length: use nm, um, mm, cm, m or A")
        object.__setattr__(self, "unit", unit)
        if self.pixel_size is not None:
            object.__setattr__(self, "pixel_size", _finite(self.pixel_size, "pixel_size", label, positive=True))
        if self.center is not None:
            object.__setattr__(self, "center", _finite(self.center, "center", label, positive=False))

    def __getstate__(self) -> dict[str, Any]:
        # what is on disk stays there: another process opens it again
        return {**self.__dict__, **{what: portable(getattr(self, what)) for what in ("projections", "flats", "darks")}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, **{what: opened(state[what]) for what in ("projections", "flats", "darks")})

    def __repr__(self) -> str:
        size = "not stated" if self.pixel_size is None else f"{self.pixel_size:g} {self.unit}"
        where = ", on disk" if self.is_lazy else ""
        return (
            f"<Scan {self.name!r} {self.n_angles} projections of {_size(self.shape)} {self.dtype} over "
            f"{math.degrees(self.angular_range):.6g} degrees, pixel size {size}{where}>"
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of angles, rows and columns."""
        angles, rows, columns = self.projections.shape
        return int(angles), int(rows), int(columns)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values of the projections."""
        dtype: np.dtype[Any] = np.dtype(self.projections.dtype)
        return dtype

    @property
    def nbytes(self) -> int:
        """Bytes of all projections, in memory or on disk before compression."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def n_angles(self) -> int:
        """Number of projections."""
        return self.shape[0]

    @property
    def rows(self) -> int:
        """Number of detector rows, one for each slice."""
        return self.shape[1]

    @property
    def columns(self) -> int:
        """Number of detector columns, across the rotation axis."""
        return self.shape[2]

    @property
    def is_lazy(self) -> bool:
        """Whether the projections are still on disk."""
        return is_lazy(self.projections)

    @property
    def angular_range(self) -> float:
        """Angle between the outermost projections, in radians."""
        return float(np.ptp(self.angles))

    @property
    def angle_step(self) -> float:
        """Median distance of neighbouring angles, in radians; 0 for a single projection."""
        return float(np.median(np.diff(np.sort(self.angles)))) if self.n_angles > 1 else 0.0

    def crop(self, *, rows: Range = None, columns: Range = None, angles: Range | NDArray[Any] = None) -> "Scan":
        """Return a part of the scan; what is on disk stays there, and the rotation axis moves along.

        Parameters
        ----------
        rows, columns : slice or pair, optional
            Ranges of pixels ``(start, stop)``, stop not included; all when not given.
        angles : slice, pair, list of indices or mask, optional
            Which projections: a range ``(start, stop)``, a slice that may have a step, an array of more than two
            indices, or an array of bool with one entry a projection.

        Raises
        ------
        InputError
            If a range is empty or reaches outside the scan.
        """
        row, column = _range(rows, self.rows, "rows"), _range(columns, self.columns, "columns")
        chosen = _chosen(angles, self.n_angles)
        projections = crop_array(self.projections, (slice(0, self.n_angles), row, column))

        def cut(images: Any) -> Any:
            return None if images is None else crop_array(images, (slice(0, images.shape[0]), row, column))

        return replace(
            self,
            projections=choose_images(projections, chosen),
            angles=self.angles[chosen],
            flats=cut(self.flats),
            darks=cut(self.darks),
            shifts=None if self.shifts is None else self.shifts[chosen],
            center=None if self.center is None else self.center - column.start,
            metadata=_chosen_metadata(self.metadata, chosen),
        )

    def load(self) -> "Scan":
        """Return the scan with all images in memory as NumPy arrays.

        Raises
        ------
        InputError
            If they do not fit into memory.
        FormatError
            If the file is damaged.
        """
        label = self.name or "scan"
        # the flats first: reading the projections may close the file that holds both
        flats, darks = (None if images is None else load(images, name=label) for images in (self.flats, self.darks))
        return replace(self, projections=load(self.projections, name=label), flats=flats, darks=darks)


def _images(images: Any, label: str) -> Any:
    """Return a stack of images, a single one as a stack of one."""
    if not (hasattr(images, "shape") and hasattr(images, "dtype")):
        images = np.asarray(images)
    if len(images.shape) == 2 and isinstance(images, np.ndarray):
        images = images[np.newaxis]
    if len(images.shape) != 3:
        raise InputError(f"{label} need 3 axes (angle, row, column), got shape {tuple(images.shape)}")
    if 0 in images.shape:
        raise InputError(f"{label} hold no pixels: their shape is {tuple(images.shape)}")
    if np.dtype(images.dtype).kind not in "biuf":
        raise InputError(f"{label} must hold whole or real numbers, got dtype {images.dtype}: convert them first")
    return images


def _size(shape: Sequence[int]) -> str:
    return " x ".join(str(int(n)) for n in shape[-2:])


def _numbers(values: Any, shape: tuple[int, ...], what: str, label: str) -> NDArray[np.float64]:
    """Return finite float64 numbers of the shape that fits the projections."""
    try:
        numbers = np.array(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} of {label} must be numbers, got {values!r:.80}") from error
    if numbers.shape != shape:
        given = f"{numbers.size} {what}" if numbers.ndim == len(shape) == 1 else f"{what} of shape {numbers.shape}"
        pair = ", each a pair (row, column)" if len(shape) == 2 else ", one a projection"
        raise InputError(f"{label} has {shape[0]} projections, but {given}: give {shape[0]} {what}{pair}")
    odd = np.flatnonzero(~np.isfinite(numbers).reshape(shape[0], -1).all(axis=1))
    if odd.size:
        raise InputError(
            f"{odd.size} of the {shape[0]} {what} of {label} are NaN or infinite, the first at projection {odd[0]}: "
            f"give finite {what}, or leave these projections out"
        )
    return numbers


def _finite(value: Any, what: str, label: str, *, positive: bool) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and (number > 0 or not positive)):
        rule = "a positive number" if positive else "a finite number"
        raise InputError(f"{what} of {label} must be {rule}, got {value!r}")
    return number


def _range(part: Range, n: int, what: str) -> slice:
    """Return a range as a slice with bounds inside the axis."""
    if part is None:
        return slice(0, n)
    if isinstance(part, slice) and part.step not in (None, 1):
        raise InputError(f"{what} cannot be skipped: step {part.step}")
    bounds = (part.start, part.stop) if isinstance(part, slice) else tuple(part)
    if len(bounds) != 2:
        raise InputError(f"{what} need a pair (start, stop), got {part!r}")
    start, stop = 0 if bounds[0] is None else int(bounds[0]), n if bounds[1] is None else int(bounds[1])
    if not 0 <= start < stop <= n:
        raise InputError(f"{what} {start}:{stop} are not inside the scan: give 0 <= start < stop <= {n}")
    return slice(start, stop)


def _chosen(angles: Any, n: int) -> NDArray[np.intp]:
    """Return the indices of the projections that are meant."""
    if isinstance(angles, slice) and angles.step not in (None, 1):
        chosen = np.arange(n)[angles]
    elif angles is None or isinstance(angles, slice) or (isinstance(angles, tuple | list) and len(angles) == 2):
        part = _range(angles, n, "angles")
        return np.arange(part.start, part.stop)
    else:
        given = np.asarray(angles)
        if given.ndim != 1 or (given.dtype == bool and given.size != n) or given.dtype.kind not in "biu":
            raise InputError(f"angles need a range, indices or a mask of {n} projections, got {angles!r:.80}")
        chosen = np.flatnonzero(given) if given.dtype == bool else given.astype(np.intp)
    if chosen.size == 0 or chosen.min() < 0 or chosen.max() >= n:
        raise InputError(f"angles {angles!r:.80} choose no projections inside the scan: give some of 0 to {n - 1}")
    return chosen


def _chosen_metadata(metadata: dict[str, Any], chosen: NDArray[np.intp]) -> dict[str, Any]:
    """Return the metadata of the chosen projections."""
    kept = dict(metadata)
    lists = metadata.get("per_projection")
    if lists:
        kept["per_projection"] = {key: [values[i] for i in chosen] for key, values in lists.items()}
    for key in ("flat_positions", "dark_positions"):
        if key in metadata:
            kept[key] = [int(np.count_nonzero(chosen < position)) for position in metadata[key]]
    return kept
