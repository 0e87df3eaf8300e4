"""Alignment of two volumes by Gauss-Newton steps: shift, rotation and mean stretch together.

Inverse compositional: the step is found at the reference, whose gradients stay the same, and undone at the deformed
volume. S. Baker and I. Matthews, "Lucas-Kanade 20 years on: a unifying framework", International Journal of Computer
Vision 56 (2004) 221-255, doi:10.1023/B:VISI.0000011205.11775.fd.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from volcorr.masked_correlation import MaskedVolume
from volio.blocks import run_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Aligned", "Frame", "Motion", "align", "move_back"]

#: Part of the diagonal that is added to it, so that what the texture does not determine stays where it is.
DAMPING = 1e-3
#: Longest step, in averaged voxels at the faces of the volume.
LONGEST = 2.0
#: Fewest voxels in common from which anything is determined.
FEWEST = 100
#: Parts of a volume that are added up side by side.
SLABS = 8


@dataclass(frozen=True, eq=False)
class Motion:
    """The motion ``x = c + F (X - c) + t``, in voxels of the full volume, with c the centre of the reference.

    Attributes
    ----------
    deformation : (3, 3) array
        F, the deformation gradient.
    shift : (3,) array
        t.
    """

    deformation: "NDArray[np.float64]"
    shift: "NDArray[np.float64]"


@dataclass(frozen=True, eq=False)
class Frame:
    """Where the voxels of an average are.

    Attributes
    ----------
    factor : (3,) float array
        Their edges, in voxels of the full volume.
    centre : (3,) float array
        Centre of the full reference, in voxels of the average.
    """

    factor: "NDArray[np.float64]"
    centre: "NDArray[np.float64]"

    def places(self, motion: Motion) -> "NDArray[np.float64]":
        """Return the (3, 4) matrix that takes (1, z, y, x) of an averaged voxel to where it is found."""
        turn = motion.deformation * self.factor / self.factor[:, None]
        return np.column_stack([self.centre - turn @ self.centre + motion.shift / self.factor, turn])


@dataclass(frozen=True, eq=False)
class Aligned:
    """Two volumes after their alignment.

    Attributes
    ----------
    motion : Motion
        From the reference to the deformed volume.
    cc : float
        Zero-normalised cross-correlation of the voxels in common, -1 to 1.
    overlap : int
        How many they are.
    middle : (3,) array
        Their mean position, in voxels of the full volume from the centre of the reference.
    """

    motion: Motion
    cc: float
    overlap: int
    middle: "NDArray[np.float64]"


def move_back(volume: MaskedVolume, motion: Motion, frame: Frame, shape: tuple[int, ...]) -> MaskedVolume:
    """Return the deformed volume as it looks from the reference: each voxel of `shape` sampled where it was moved."""
    from volcorr._kernels_alignment import sample_moved

    values, weights = np.empty(shape, np.float32), np.empty(shape, np.float32)
    sample_moved(volume.values, volume.weights, frame.places(motion), values, weights)
    return MaskedVolume(values, weights)


def align(
    reference: MaskedVolume,
    deformed: MaskedVolume,
    start: Motion,
    frame: Frame,
    *,
    steps: int,
    tolerance: float,
    threads: int | None = None,
) -> Aligned:
    """Refine a motion until the volumes agree best, in the sense of zero-normalised cross-correlation.

    Parameters
    ----------
    reference, deformed : MaskedVolume
        Averages by the same factor, at least two voxels an edge.
    start : Motion
        Right to within a voxel of the average in a good part of the volume.
    frame : Frame
        Of these averages.
    steps : int
        Largest number of steps.
    tolerance : float
        The last step moves the faces of the volume by less, in averaged voxels.
    threads : int, optional
        Number of threads; the result does not depend on it.

    Returns
    -------
    Aligned
        After the last step; from too few voxels in common, with a correlation of 0.
    """
    slopes = np.stack([np.gradient(reference.values, axis=axis) for axis in range(3)])
    known = _patterns(frame)
    motion, here, last = start, Aligned(start, 0.0, 0, np.zeros(3)), False
    for step in range(steps + 1):
        sums, linear, square = _add_up(reference, slopes, deformed, frame.places(motion), threads)
        overlap = int(sums[0])
        mean = sums / max(overlap, 1)
        f_f, g_g, f_g = mean[3] - mean[1] ** 2, mean[4] - mean[2] ** 2, mean[5] - mean[1] * mean[2]
        if overlap < FEWEST or f_f <= 0 or g_g <= 0:
            return Aligned(motion, 0.0, overlap, np.zeros(3))
        here = Aligned(motion, float(f_g / np.sqrt(f_f * g_g)), overlap, (mean[6:] - frame.centre) * frame.factor)
        if last or step == steps:
            break
        hessian = known.T @ (square - np.outer(linear[0], linear[0]) / overlap) @ known
        wanted = np.sqrt(f_f / g_g) * (linear[2] - linear[0] * mean[2]) - (linear[1] - linear[0] * mean[1])
        hessian += np.diag(DAMPING * np.diag(hessian) + 1e-9 * np.trace(hessian) + 1e-30)
        change = (known @ np.linalg.solve(hessian, known.T @ wanted)).reshape(3, 4)
        change[:, 0] += change[:, 1:] @ frame.centre  # from here on about the centre
        length = float(np.max(np.abs(change[:, 0]) + np.abs(change[:, 1:]) @ frame.centre))
        change *= min(1.0, LONGEST / max(length, 1e-30))
        last = length < tolerance
        turn = np.eye(3) + change[:, 1:] * frame.factor[:, None] / frame.factor
        deformation = motion.deformation @ np.linalg.inv(turn)
        motion = Motion(deformation, motion.shift - deformation @ (change[:, 0] * frame.factor))
    return here


def _add_up(
    reference: MaskedVolume,
    slopes: "NDArray[np.float32]",
    deformed: MaskedVolume,
    places: "NDArray[np.float64]",
    threads: int | None,
) -> "tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]":
    from volcorr._kernels_alignment import add_up

    one, two = (reference.values, slopes, reference.weights), (deformed.values, deformed.weights)

    def task(number: int) -> "tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]":
        first, last = (k * len(reference.values) // SLABS for k in (number, number + 1))
        added = np.zeros(9), np.zeros((3, 12)), np.zeros((12, 12))
        add_up(*one, *two, places, first, last, np.empty((2, reference.values.shape[2]), np.float32), *added)
        return added

    sums, linear, square = zip(*run_blocks(task, range(SLABS), threads=threads), strict=True)
    return sum(sums[1:], sums[0]), sum(linear[1:], linear[0]), sum(square[1:], square[0])


def _patterns(frame: Frame) -> "NDArray[np.float64]":
    """Return the twelve unknowns as columns (12, 12): three shifts, three rotations, three shears, three stretches.

    Each is a change (axis, term) of the position of an averaged voxel, with the terms 1, z, y, x about the centre.
    """
    columns = []
    for axis in range(3):
        shift = np.zeros((3, 4))
        shift[axis, 0] = 1
        columns.append(shift)
    pairs = [(0, 1, -1), (0, 2, -1), (1, 2, -1), (0, 1, 1), (0, 2, 1), (1, 2, 1), (0, 0, 1), (1, 1, 1), (2, 2, 1)]
    for one, other, sign in pairs:
        turn = np.zeros((3, 3))
        turn[one, other], turn[other, one] = 1, sign
        turn *= frame.factor / frame.factor[:, None]
        columns.append(np.column_stack([-turn @ frame.centre, turn]))
    return np.stack([column.ravel() for column in columns], axis=1)
