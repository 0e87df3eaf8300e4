"""The pore space as distances and sizes need it: pore or not, and a voxel whose squared edges are whole numbers."""

import logging
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from porosity.labels import VoxelSize
from volio import InputError, LazyArray, Volume
from volio.lazy import is_lazy

__all__ = ["PoreSpace", "check_pores", "whole_weights"]

logger = logging.getLogger(__name__)

#: Largest whole number that stands for a squared edge, and how exact the edges are where no such numbers fit.
MOST_WEIGHT, EDGE_TOLERANCE = 4096, 1e-4

Triple = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class PoreSpace:
    """A pore space that was checked.

    Attributes
    ----------
    data : array, shape (z, y, x)
        uint8, 1 where there is pore, else 0; a `volio.LazyArray` where the voxels are on disk.
    voxel_size : 3 floats
        Edge lengths of a voxel (z, y, x) in `unit`; 1 where not stated.
    unit : str
        Unit of length; "voxel" where the voxel size is not stated.
    """

    data: Any
    voxel_size: tuple[float, float, float]
    unit: str

    @property
    def shape(self) -> Triple:
        """Number of voxels along z, y, x."""
        z, y, x = self.data.shape
        return int(z), int(y), int(x)

    @property
    def is_lazy(self) -> bool:
        """Whether the voxels are on disk."""
        return is_lazy(self.data)

    @property
    def weights(self) -> Triple:
        """Squared edge lengths (z, y, x) as whole numbers, in units of `step` squared."""
        return whole_weights(self.voxel_size)

    @property
    def step(self) -> float:
        """Length in `unit` whose square is 1 in the whole numbers."""
        weights = self.weights
        shortest = int(np.argmin(self.voxel_size))
        return self.voxel_size[shortest] / math.sqrt(weights[shortest])

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel in `unit` cubed."""
        return math.prod(sorted(self.voxel_size))  # the same for any order of the axes


def whole_weights(voxel_size: tuple[float, float, float]) -> Triple:
    """Return whole numbers in the ratio of the squared edges of a voxel, so that squared distances are whole too.

    Edges such as 8, 8, 10 nm give 16, 16, 25, without any error. Where no numbers up to 256 fit the shortest edge
    exactly, the first that give all edges within 0.01 % are taken.

    Parameters
    ----------
    voxel_size : 3 floats
        Edge lengths of a voxel (z, y, x).

    Raises
    ------
    InputError
        If one edge is so much longer than another that no such numbers are found.
    """
    squares = np.square(np.asarray(voxel_size, float))
    ratios = squares / squares.min()
    candidates = np.arange(1, MOST_WEIGHT + 1)[:, None]
    found = np.rint(candidates * ratios)
    error = np.abs(np.sqrt(found / (candidates * ratios)) - 1).max(1)
    exact = np.flatnonzero(error[:256] < 1e-9)
    close = exact if exact.size else np.flatnonzero(error < EDGE_TOLERANCE)
    if not close.size or ratios.max() > 1e4:
        raise InputError(
            f"the edges of a voxel {tuple(voxel_size)} are too different: the longest may be 100 times the shortest"
        )
    z, y, x = (int(number) for number in found[close[0]])
    return z, y, x


@dataclass(frozen=True)
class _IsPore:
    """Turn labels into 1 for pore and 0 for solid; can be sent to another process."""

    phase: int | None

    def __call__(self, labels: NDArray[Any]) -> NDArray[np.uint8]:
        if labels.dtype.kind == "i" and labels.size and labels.min() < 0:
            raise InputError(f"labels must not be negative, the lowest is {labels.min()}: use 0 for what is no phase")
        if self.phase is not None:
            return np.ascontiguousarray(labels == self.phase).view(np.uint8)
        if labels.dtype == bool:
            return np.ascontiguousarray(labels).view(np.uint8)
        for plane in labels:
            other = plane[(plane != 0) & (plane != 1) & (plane != 255)]
            if other.size:
                raise InputError(
                    f"the volume has a label {other[0]}: give phase, the label of the phase that is to be measured"
                )
        if labels.size and labels.max() == 255 and (labels == 1).any():
            raise InputError("the volume has labels 1 and 255: give phase, the label of the phase that is measured")
        return np.ascontiguousarray(labels != 0).view(np.uint8)


def check_pores(pores: Any, *, phase: int | None = None, voxel_size: VoxelSize | None = None) -> PoreSpace:
    """Return a volume as a checked pore space; what is on disk stays there.

    Parameters
    ----------
    pores : Volume or array, shape (z, y, x)
        True (or 1, or 255) where there is pore; or labels, of which `phase` is measured.
    phase : int, optional
        The label that is taken as pore.
    voxel_size : float or 3 floats, optional
        Edge lengths of a voxel (z, y, x): in the unit of the volume, um for an array. Goes before what the volume
        states. Without either, lengths are in voxels, and a log line says so.

    Raises
    ------
    InputError
        If it is no volume of labels or truth values.
    """
    volume = pores if isinstance(pores, Volume) else Volume(np.asarray(pores))
    if volume.dtype.kind not in "biu":
        raise InputError(
            f"the pores must be True or False, or labels, got {volume.dtype}: segment the grey values first"
        )
    if phase is not None and (isinstance(phase, bool) or not float(phase).is_integer()):
        raise InputError(f"phase must be a label, a whole number, got {phase!r}")
    if voxel_size is not None:
        volume = replace(volume, voxel_size=voxel_size)  # type: ignore[arg-type]
    turn = _IsPore(phase)
    data = LazyArray.wrap(volume.data).map(turn, np.uint8) if volume.is_lazy else turn(volume.data)
    if volume.voxel_size is None:
        logger.warning("the voxel size is not stated: sizes are in voxels; give voxel_size for lengths")
        return PoreSpace(data, (1.0, 1.0, 1.0), "voxel")
    return PoreSpace(data, volume.voxel_size, volume.unit)
