"""The pixels of a slice: how large they are, where they lie, and which of them are reconstructed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from volio.errors import InputError

__all__ = ["SliceGrid", "make_slice_grid"]

Range = Sequence[int | None] | None


@dataclass(frozen=True)
class SliceGrid:
    """Pixels of a slice, in units of detector pixels; the rotation axis is in the middle of the whole slice.

    Attributes
    ----------
    size : int
        Width and height of the whole slice.
    step : float
        Edge of a pixel.
    y, x : pair of ints
        Range of pixels that is reconstructed, end not included.
    radius : float
        Distance from the axis up to which every projection sees a point; pixels beyond are 0.
    """

    size: int
    step: float
    y: tuple[int, int]
    x: tuple[int, int]
    radius: float

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the region."""
        return self.y[1] - self.y[0], self.x[1] - self.x[0]

    @property
    def first(self) -> float:
        """Position of pixel 0 from the axis."""
        return -0.5 * (self.size - 1) * self.step

    def tiles(self, edge: int) -> npt.NDArray[np.int64]:
        """Return the first pixels (y, x) of the tiles that touch the region and the field of view.

        Tiles are those of the whole slice, whatever the region: so a region holds the same numbers as the slice.
        """
        starts = [np.arange(low // edge * edge, high, edge) for low, high in (self.y, self.x)]
        # nearest point of each tile along each axis
        near = [
            np.maximum(np.maximum(self.first + s * self.step, -(self.first + (s + edge - 1) * self.step)), 0.0)
            for s in starts
        ]
        inside = near[0][:, None] ** 2 + near[1][None, :] ** 2 <= self.radius**2
        y, x = np.nonzero(inside)
        return np.stack([starts[0][y], starts[1][x]], axis=1).astype(np.int64)


def make_slice_grid(
    columns: int,
    *,
    center: float,
    step: float = 1.0,
    region: Sequence[Range] | None = None,
) -> SliceGrid:
    """Return the grid of a slice as wide as the detector.

    Parameters
    ----------
    columns : int
        Detector pixels.
    center : float
        Column of the rotation axis.
    step : float
        Edge of a pixel of the slice, in detector pixels.
    region : pair of pairs, optional
        ``((y0, y1), (x0, x1))``, end not included; None in place of a pair or a bound means all.

    Raises
    ------
    InputError
        If the axis is outside the detector, or the region is empty or outside the slice.
    """
    radius = min(center, columns - 1 - center) + 0.5
    if not radius > 1:
        raise InputError(f"the rotation axis, column {center:g}, must be inside the detector: 0 to {columns - 1}")
    size = max(round(columns / step), 1)
    if region is not None and len(region) != 2:
        raise InputError(f"a region needs two ranges (y0, y1), (x0, x1), got {region!r}")
    y, x = (_bounds(part, size, axis) for part, axis in zip(region or (None, None), "yx", strict=True))
    return SliceGrid(size, step, y, x, radius)


def _bounds(part: Range, size: int, axis: str) -> tuple[int, int]:
    if part is None:
        return 0, size
    if len(part) != 2:
        raise InputError(f"the region along {axis} needs a pair (start, stop), got {part!r}")
    start, stop = 0 if part[0] is None else int(part[0]), size if part[1] is None else int(part[1])
    if not 0 <= start < stop <= size:
        raise InputError(f"the region {start}:{stop} along {axis} is not inside the slice: 0 <= start < stop <= {size}")
    return start, stop
