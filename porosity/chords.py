"""Chord lengths: how long straight lines along the axes stay inside a phase."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from porosity._kernels_chords import chords_across_rows, chords_along_rows
from porosity.labels import VoxelSize, check_labels, phase_mask
from volio import run_blocks

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AxisChords", "ChordLengths", "measure_chords"]


@dataclass(frozen=True, eq=False)
class AxisChords:
    """Chords of a phase along one axis.

    Attributes
    ----------
    length : array, shape (n,)
        Lengths 1, 2, ... voxels, in the unit of length.
    count : array, shape (n,)
        How many chords inside the volume have this length.
    border_count : array, shape (n,)
        How many that are cut by the border of the volume, and so longer than they seem.
    """

    length: NDArray[np.float64]
    count: NDArray[np.int64]
    border_count: NDArray[np.int64]

    @property
    def mean(self) -> float:
        """Mean length, chords at the border included; inf where no chord ends inside the volume.

        The length of all chords, between the centres of the outermost voxels, over half the number of ends inside. The
        mean of the whole chords alone would favour short ones, which are less often cut.
        """
        cut = int(self.border_count[:-1].sum())
        ends = 2 * int(self.count.sum()) + cut
        outside = 0.5 * self.length[0] * (cut + 2 * int(self.border_count[-1]))
        total = float(self.length @ (self.count + self.border_count)) - outside
        return float(2 * total / ends) if ends else np.inf

    @property
    def density(self) -> NDArray[np.float64]:
        """Probability density of the lengths, shape (n,): whole chords by their chance not to be cut; NaN without any.

        A chord of k voxels has n - 1 - k places in a row of n where it meets neither end.
        """
        places = np.maximum(len(self.length) - 1 - np.arange(1, len(self.length) + 1), 1)
        weighted: NDArray[np.float64] = self.count / places
        total = weighted.sum() * self.length[0]
        return weighted / total if total else np.full(len(weighted), np.nan)

    @property
    def inner_mean(self) -> float:
        """Mean length of the chords that are whole; NaN where there are none."""
        return float(self.length @ self.count) / self.count.sum() if self.count.any() else np.nan


@dataclass(frozen=True, eq=False)
class ChordLengths:
    """Chord lengths of a phase along the three axes.

    Attributes
    ----------
    z, y, x : AxisChords
        Chords along each axis.
    unit : str
        Unit of length.
    """

    z: AxisChords
    y: AxisChords
    x: AxisChords
    unit: str

    @property
    def mean(self) -> tuple[float, float, float]:
        """Mean lengths (z, y, x): see `AxisChords.mean`."""
        return self.z.mean, self.y.mean, self.x.mean

    @property
    def anisotropy(self) -> float:
        """Largest mean length of an axis over the smallest; 1 where the phase looks alike along all axes."""
        return max(self.mean) / min(self.mean)

    @property
    def table(self) -> "pd.DataFrame":
        """The counts as a table: axis, length, count, border_count."""
        import pandas as pd

        parts = {axis: getattr(self, axis) for axis in "zyx"}
        frames = [
            pd.DataFrame({"axis": axis, "length": one.length, "count": one.count, "border_count": one.border_count})
            for axis, one in parts.items()
        ]
        return pd.concat(frames, ignore_index=True)


def measure_chords(
    labels: Any, *, phase: int, voxel_size: VoxelSize | None = None, threads: int | None = None
) -> ChordLengths:
    """Measure the chords of a phase along every row of voxels of each axis.

    Parameters
    ----------
    labels : Volume or array, shape (z, y, x)
        Label volume.
    phase : int
        Label of the phase.
    voxel_size : float or 3 floats, optional
        Edge lengths of a voxel (z, y, x), if the volume does not state them.
    threads : int, optional
        How many axes are measured at once; the answer does not depend on it.

    Returns
    -------
    ChordLengths

    Raises
    ------
    InputError
        If these are no labels, or the phase does not occur or is all there is.

    References
    ----------
    .. [1] S. Torquato, B. Lu, Chord-length distribution function for two-phase random media, Phys. Rev. E 47 (1993)
       2950, doi:10.1103/PhysRevE.47.2950.
    """
    checked = check_labels(labels, voxel_size)
    mask = phase_mask(checked, phase, whole=False)

    def measure(axis: int) -> AxisChords:
        inner, border = np.zeros((2, mask.shape[axis] + 1), np.int64)
        if axis == 2:
            chords_along_rows(mask, inner, border)
        else:
            chords_across_rows(mask if axis == 0 else mask.swapaxes(0, 1), inner, border)
        return AxisChords(checked.voxel_size[axis] * np.arange(1.0, len(inner)), inner[1:], border[1:])

    z, y, x = run_blocks(measure, range(3), threads=threads)
    return ChordLengths(z, y, x, checked.unit)
