"""Which detector rows belong to a slice: those at its height, moved by the shift of each projection and by a tilt."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["DetectorRows"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DetectorRows:
    """Reads the rows of slices from projections; rows between rows are interpolated once, by cubic convolution.

    Attributes
    ----------
    projections : array, shape (angles, rows, columns)
        Line integrals, in memory or on disk.
    axes : array, shape (angles,)
        Column of the rotation axis in the middle row of each projection.
    shifts : array, shape (angles,)
        By how many rows each projection lies too low.
    tilt : float
        By how much the axis leans towards higher columns in higher rows, in radians.
    height : float
        Of a slice, in rows; slices higher than a row are averages.
    """

    projections: Any
    axes: Floats
    shifts: Floats
    tilt: float = 0.0
    height: float = 1.0

    @property
    def slices(self) -> int:
        """How many slices there are."""
        return max(round(int(self.projections.shape[1]) / self.height), 1)

    def heights(self, start: int, stop: int) -> Floats:
        """Return the distance of slices from the middle row, along the axis, in rows."""
        return np.asarray((np.arange(start, stop) - 0.5 * (self.slices - 1)) * self.height, np.float64)

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Return the rows (angles, slices, columns) of the slices from `start` to `stop`, as C-contiguous float32."""
        count, rows, columns = self.projections.shape
        if self.tilt == 0 and self.height == 1 and not np.any(self.shifts):
            return np.ascontiguousarray(self.projections[:, start:stop, :], np.float32)
        from recon._kernels_detector_rows import sample_rows

        pitch, slope = self.height / np.cos(self.tilt), -np.tan(self.tilt)
        places = 0.5 * (rows - 1) + self.shifts + self.heights(start, stop)[0] / np.cos(self.tilt)
        lean = np.concatenate([-self.axes, columns - 1 - self.axes]) * slope
        margin = 2 + 0.5 * self.height
        low = int(np.floor(places.min() + lean.min() - margin))
        high = int(np.ceil(places.max() + (stop - start - 1) * pitch + lean.max() + margin)) + 1
        low = min(max(low, 0), rows - 1)
        high = min(max(high, low + 1), rows)
        block = np.ascontiguousarray(self.projections[:, low:high, :], np.float32)
        out = np.empty((count, stop - start, columns), np.float32)
        sample_rows(block, places - low, self.axes, float(pitch), float(slope), float(self.height), out)
        return out
