"""Which detector rows belong to a slice: those at its height, moved by the shift of each projection and by a tilt."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from volio.blocks import run_blocks

if TYPE_CHECKING:
    from recon.rings import RingMethod

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
    rings : str
        How rows are freed of stripes before rows between them are interpolated: a method of `recon.remove_rings`, or
        "none".
    """

    projections: Any
    axes: Floats
    shifts: Floats
    tilt: float = 0.0
    height: float = 1.0
    rings: str = "none"

    @property
    def slices(self) -> int:
        """How many slices there are."""
        return max(round(int(self.projections.shape[1]) / self.height), 1)

    def heights(self, start: int, stop: int) -> Floats:
        """Return the distance of slices from the middle row, along the axis, in rows."""
        return np.asarray((np.arange(start, stop) - 0.5 * (self.slices - 1)) * self.height, np.float64)

    def read(self, start: int, stop: int, *, threads: int = 1) -> npt.NDArray[np.float32]:
        """Return the rows (angles, slices, columns) of the slices from `start` to `stop`, as C-contiguous float32."""
        if self._as_they_are:
            return self.detector_rows(start, stop, threads=threads)
        from recon._kernels_detector_rows import sample_rows

        low, high = self.span(start, stop)
        pitch, slope = self.height / np.cos(self.tilt), -np.tan(self.tilt)
        count, _, columns = self.projections.shape
        out = np.empty((count, stop - start, columns), np.float32)
        block = self.detector_rows(low, high, threads=threads)
        sample_rows(block, low, self._starts(), self.axes, start, float(pitch), float(slope), float(self.height), out)
        return out

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """Return the range of detector rows that the slices from `start` to `stop` are made of."""
        if self._as_they_are:
            return start, stop
        _, rows, columns = self.projections.shape
        pitch, slope = self.height / np.cos(self.tilt), -np.tan(self.tilt)
        places = self._starts()
        lean = np.concatenate([-self.axes, columns - 1 - self.axes]) * slope
        margin = 2 + 0.5 * self.height
        low = int(np.floor(places.min() + start * pitch + lean.min() - margin))
        high = int(np.ceil(places.max() + (stop - 1) * pitch + lean.max() + margin)) + 1
        low = min(max(low, 0), rows - 1)
        return low, min(max(high, low + 1), rows)

    @property
    def _as_they_are(self) -> bool:
        """Whether every slice is a detector row."""
        return self.tilt == 0 and self.height == 1 and not np.any(self.shifts)

    def _starts(self) -> Floats:
        """Return the detector row of slice 0 in each projection, at its axis."""
        middle = 0.5 * (self.projections.shape[1] - 1)
        return np.asarray(middle + self.shifts + self.heights(0, 1)[0] / np.cos(self.tilt), np.float64)

    def detector_rows(self, low: int, high: int, *, threads: int = 1) -> npt.NDArray[np.float32]:
        """Return the detector rows (angles, rows, columns) from `low` to `high`, without stripes if so asked for."""
        block = np.ascontiguousarray(self.projections[:, low:high, :], np.float32)
        if self.rings == "none":
            return block
        if isinstance(self.projections, np.ndarray) and np.may_share_memory(block, self.projections):
            block = block.copy()
        from recon.rings import remove_rings

        def clean(row: int) -> None:
            one = block[:, row : row + 1]
            one[:] = remove_rings(one, method=cast("RingMethod", self.rings), threads=1)

        # row by row: what the methods need beside a sinogram is several times as large
        run_blocks(clean, range(high - low), threads=threads)
        return block
