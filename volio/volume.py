"""A volume: voxels with their size, place and history."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from volio.errors import InputError
from volio.lazy import crop_array, is_lazy, load
from volio.memory_maps import opened, portable
from volio.units import length_unit

__all__ = ["Volume", "check_roi"]

Roi = Sequence[Any]


@dataclass(frozen=True, eq=False, repr=False)
class Volume:
    """Grey values or labels on a regular grid, in the axis order z, y, x.

    Attributes
    ----------
    data : array, shape (z, y, x)
        A NumPy array, or anything with ``shape``, ``dtype`` and ``ndim`` whose ``data[slices]`` gives a NumPy
        array: then the voxels stay on disk until asked for.
    voxel_size : 3 floats or None
        Edge lengths of a voxel (z, y, x) in `unit`; one number is taken for all axes. None: nobody stated it.
    unit : str
        Unit of length of `voxel_size` and `origin`; "um" for everything that volio reads.
    origin : 3 floats
        Position (z, y, x) of the centre of voxel 0 in `unit`, or in voxels when `voxel_size` is None.
    name : str
        A short name, as a rule that of the file.
    metadata : dict
        What the file knew. "notes" lists what a user should be told, one sentence each.

    Raises
    ------
    InputError
        If the data do not have three axes, are empty or not numbers, or a size, unit or origin is not usable.
    """

    data: Any
    voxel_size: tuple[float, float, float] | None = None
    unit: str = "um"
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    name: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (hasattr(self.data, "shape") and hasattr(self.data, "dtype")):
            object.__setattr__(self, "data", np.asarray(self.data))
        label = f"volume {self.name!r}" if self.name else "volume"
        if len(self.data.shape) != 3:
            raise InputError(f"{label} needs 3 axes (z, y, x), got shape {tuple(self.data.shape)}")
        if 0 in self.data.shape:
            raise InputError(f"{label} holds no voxels: its shape is {tuple(self.data.shape)}")
        if np.dtype(self.data.dtype).kind not in "biuf":
            raise InputError(f"{label} must hold whole or real numbers, got dtype {self.data.dtype}: convert it first")
        unit = length_unit(self.unit)
        if unit is None:
            raise InputError(f"unit {self.unit!r} of {label} is not a unit of length: use nm, um, mm, cm, m or A")
        object.__setattr__(self, "unit", unit)
        if self.voxel_size is not None:
            object.__setattr__(self, "voxel_size", _three(self.voxel_size, "voxel_size", label, positive=True))
        object.__setattr__(self, "origin", _three(self.origin, "origin", label, positive=False))

    def __getstate__(self) -> dict[str, Any]:
        # what is on disk stays there: another process opens it again
        return {**self.__dict__, "data": portable(self.data)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, data=opened(state["data"]))

    def __repr__(self) -> str:
        size = "not stated" if self.voxel_size is None else f"{self.voxel_size} {self.unit}"
        where = ", on disk" if self.is_lazy else ""
        return f"<Volume {self.name!r} {self.shape} {self.dtype}, voxel size {size}{where}>"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along z, y, x."""
        z, y, x = self.data.shape
        return int(z), int(y), int(x)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the voxels."""
        dtype: np.dtype[Any] = np.dtype(self.data.dtype)
        return dtype

    @property
    def ndim(self) -> int:
        """Number of axes: 3."""
        return 3

    @property
    def size(self) -> int:
        """Number of voxels."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all voxels, in memory or on disk before compression."""
        return self.size * self.dtype.itemsize

    @property
    def is_lazy(self) -> bool:
        """Whether the voxels are still on disk."""
        return is_lazy(self.data)

    @property
    def extent(self) -> tuple[float, float, float] | None:
        """Physical size (z, y, x) in `unit`, or None when the voxel size is not known."""
        if self.voxel_size is None:
            return None
        (z, y, x), (dz, dy, dx) = self.shape, self.voxel_size
        return z * dz, y * dy, x * dx

    def crop(self, roi: Roi) -> "Volume":
        """Return the part inside `roi`; what is on disk stays there, and the origin moves along.

        Parameters
        ----------
        roi : 3 slices or 3 pairs
            Ranges of voxels along z, y, x: ``((z0, z1), (y0, y1), (x0, x1))``, end not included. None in
            place of a pair or a bound means all.

        Raises
        ------
        InputError
            If a range is empty, reaches outside the volume or has a step.
        """
        box = check_roi(roi, self.shape)
        step = self.voxel_size or (1.0, 1.0, 1.0)
        z, y, x = (o + s.start * d for o, s, d in zip(self.origin, box, step, strict=True))
        return replace(self, data=crop_array(self.data, box), origin=(z, y, x))

    def load(self) -> "Volume":
        """Return the volume with all voxels in memory as a NumPy array.

        Raises
        ------
        InputError
            If they do not fit into memory.
        FormatError
            If the file is damaged.
        """
        return replace(self, data=load(self.data, name=self.name or "volume"))


def check_roi(roi: Roi, shape: Sequence[int]) -> tuple[slice, slice, slice]:
    """Return `roi` as three slices with whole-number bounds inside `shape`.

    Parameters
    ----------
    roi : 3 slices or 3 pairs
        See `Volume.crop`.
    shape : 3 ints
        Shape of the volume.

    Raises
    ------
    InputError
        If a range is empty, reaches outside the volume or has a step.
    """
    if not hasattr(roi, "__len__") or len(roi) != 3:
        raise InputError(f"a region needs three ranges (z0, z1), (y0, y1), (x0, x1), got {roi!r}")
    box = []
    for axis, part, n in zip("zyx", roi, shape, strict=True):
        if isinstance(part, slice):
            if part.step not in (None, 1):
                raise InputError(f"a region cannot skip voxels: step {part.step} along {axis}")
            start, stop = part.start, part.stop
        elif part is None:
            start, stop = None, None
        elif hasattr(part, "__len__") and len(part) == 2:
            start, stop = part
        else:
            raise InputError(f"a region needs a pair of bounds along {axis}, got {part!r}")
        start, stop = 0 if start is None else start, n if stop is None else stop
        if int(start) != start or int(stop) != stop or not 0 <= start < stop <= n:
            raise InputError(
                f"region {start}:{stop} along {axis} is not inside the volume: give 0 <= start < stop <= {n}"
            )
        box.append(slice(int(start), int(stop)))
    return box[0], box[1], box[2]


def _three(values: Any, what: str, label: str, *, positive: bool) -> tuple[float, float, float]:
    """Return three finite floats, or say what is wrong."""
    try:
        items = [float(v) for v in values] if hasattr(values, "__len__") else [float(values)] * 3
    except (TypeError, ValueError):
        items = []
    if len(items) != 3 or not all(math.isfinite(v) and (v > 0 or not positive) for v in items):
        rule = "three positive numbers" if positive else "three finite numbers"
        raise InputError(f"{what} of {label} must be {rule} (z, y, x), got {values!r}")
    return items[0], items[1], items[2]
