"""Label volumes as all measurements of the microstructure take them: whole numbers that say which phase a voxel is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volio import InputError, Volume

__all__ = ["MOST_LABELS", "Labels", "check_labels", "check_mask", "phase_mask", "present_labels"]

#: The largest label: what fits into 16 bits.
MOST_LABELS = 65535

VoxelSize = float | tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Labels:
    """A label volume that was checked.

    Attributes
    ----------
    data : array, shape (z, y, x)
        Labels, uint8 or uint16, contiguous.
    voxel_size : 3 floats
        Edge lengths of a voxel (z, y, x) in `unit`.
    unit : str
        Unit of length; "voxel" where nobody stated the voxel size, which is then 1.
    """

    data: NDArray[Any]
    voxel_size: tuple[float, float, float]
    unit: str

    @property
    def extent(self) -> tuple[float, float, float]:
        """Edge lengths of the volume (z, y, x) in `unit`."""
        (z, y, x), (dz, dy, dx) = self.data.shape, self.voxel_size
        return z * dz, y * dy, x * dx

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel in `unit` cubed."""
        dz, dy, dx = self.voxel_size
        return dz * dy * dx


def check_labels(labels: Any, voxel_size: VoxelSize | None = None) -> Labels:
    """Return `labels` as a checked label volume.

    Parameters
    ----------
    labels : Volume or array, shape (z, y, x)
        Whole numbers from 0 to 65535, or True and False.
    voxel_size : float or 3 floats, optional
        Edge lengths of a voxel (z, y, x): in the unit of the volume, um for an array. Goes before what the volume
        states.

    Raises
    ------
    InputError
        If these are no labels: not three axes, NaN, grey values with decimals, negative, or above 65535.
    """
    volume = labels if isinstance(labels, Volume) else Volume(np.asarray(labels))
    if voxel_size is not None:
        volume = Volume(volume.data, voxel_size=voxel_size, unit=volume.unit, name=volume.name)  # type: ignore[arg-type]
    data = _as_labels(volume.load().data)
    if volume.voxel_size is None:
        return Labels(data, (1.0, 1.0, 1.0), "voxel")
    return Labels(data, volume.voxel_size, volume.unit)


def _as_labels(data: NDArray[Any]) -> NDArray[Any]:
    """Return the voxels as uint8 or uint16, contiguous, or say why they are no labels."""
    if data.dtype == bool:
        return np.ascontiguousarray(data).view(np.uint8)
    if data.dtype in (np.uint8, np.uint16):
        return np.ascontiguousarray(data)
    low, high = data.min(), data.max()
    if np.isnan(low):
        raise InputError("the labels hold NaN: give voxels without a phase a label of their own, or use mask")
    if low < 0:
        raise InputError(f"labels must be 0 to {MOST_LABELS}, the lowest is {low:g}: use 0 for what is no phase")
    if high > MOST_LABELS:
        raise InputError(
            f"labels must be 0 to {MOST_LABELS}, the highest is {high:g}: renumber them, or measure part of the volume"
        )
    whole = data.astype(np.uint16)
    if data.dtype.kind == "f" and not np.array_equal(whole, data):
        raise InputError("this is no label volume: it holds numbers with decimals; segment the grey values first")
    return np.ascontiguousarray(whole)


def present_labels(data: NDArray[Any]) -> NDArray[np.int64]:
    """Return the labels that occur, in rising order."""
    counts = sum(np.bincount(plane.ravel(), minlength=MOST_LABELS + 1) for plane in data)
    return np.flatnonzero(counts)


def phase_mask(labels: Labels, phase: int, *, whole: bool = True) -> NDArray[np.uint8]:
    """Return 1 where the label is `phase`, else 0.

    Parameters
    ----------
    labels : Labels
        Checked labels.
    phase : int
        The label of the phase.
    whole : bool, default: True
        Whether the phase may fill the volume.

    Raises
    ------
    InputError
        If no voxel has this label, or all have and `whole` is False.
    """
    mask: NDArray[np.uint8] = (labels.data == phase).view(np.uint8)
    if not mask.any():
        names = present_labels(labels.data)
        found = ", ".join(map(str, names[:10])) + (", ..." if len(names) > 10 else "")
        raise InputError(f"phase {phase} does not occur in the labels: these are {found}")
    if not whole and mask.all():
        raise InputError(f"phase {phase} fills the whole volume, so it has no surface: check the segmentation")
    return mask


def check_mask(mask: Any, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a mask as 1 where it holds, else 0.

    Raises
    ------
    InputError
        If it has another shape than the labels, or holds nowhere.
    """
    data = np.asarray(mask.load().data if isinstance(mask, Volume) else mask)
    if data.shape != shape:
        raise InputError(f"mask has shape {data.shape}, the labels {shape}: give one of the same shape")
    inside: NDArray[np.uint8] = np.ascontiguousarray(data != 0).view(np.uint8)
    if not inside.any():
        raise InputError("mask holds no voxel: it must be True, or not 0, where phases are measured")
    return inside
