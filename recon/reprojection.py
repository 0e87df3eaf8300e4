"""What a scan should look like: projections of its own reconstruction, of which only the dense part is kept.

Back projection and reprojection alone hardly tell a wrong axis or a slow drift from a right one: filtered back
projection explains nearly everything it is given, also what is misplaced. What gives an error away is that it is seen
at places where nothing should be: streaks darker than the darkest phase. So what is darker than that is cut off, and
the rest must explain the projections on its own. The same prior makes phase retrieval and DART converge (positivity;
Batenburg and Sijbers, doi:10.1109/TIP.2011.2131661).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from recon.angle_weights import angle_weights
from recon.back_projection import make_back_projector
from recon.projectors import make_projector
from recon.row_filter import make_row_filter
from recon.slice_grid import SliceGrid

__all__ = ["dark_level", "reproject"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

#: Width of the slices over that of the detector: what lies beyond its edges is seen at some angles.
WIDTH: Final = 1.5
#: From the mean of the dark phase (0) to the threshold between the phases (1): below it values are cut off.
CUT: Final = 0.5
_BINS: Final = 256


def reproject(
    rows: Singles, *, angles: Floats, axes: Floats, known: npt.NDArray[np.bool_] | None = None, threads: int = 1
) -> Singles:
    """Return the projections of the dense part of what projections show.

    Parameters
    ----------
    rows : (angles, slices, columns) float32 array
        Line integrals, C-contiguous.
    angles, axes : (angles,) float64 arrays
        Radians; column of the rotation axis in each projection.
    known : (angles,) bool array, optional
        The projections that slices are made of: the others are predicted without having been seen. All when not given.
    threads : int
        How many compute; the answer does not depend on it.

    Returns
    -------
    (angles, slices, columns) float32 array
        Without the part of the projections that is even; their strength may differ from that of the rows.
    """
    columns = rows.shape[2]
    size = int(WIDTH * columns) // 2 * 2
    grid = SliceGrid(size, 1.0, (0, size), (0, size), 0.5 * size - 2.0)
    # what every angle measured, and no more: so that projections of the slices have the strength of the rows
    chosen = slice(None) if known is None else known
    seen, places, lines = angles[chosen], axes[chosen], np.ascontiguousarray(rows[chosen])
    weights = angle_weights(seen, weighting="angular")
    row_filter = make_row_filter(columns, window="hann")
    inverse = make_back_projector(row_filter, grid, angles=seen, axes=places, weights=weights)
    projector = make_projector(grid, columns, angles=seen, axes=places)
    slices = _dense(inverse.reconstruct(lines, threads=threads), 0.5 * columns)
    # what is not explained yet, once more: sharpens the slices and completes the parts that the filter damped
    missing = lines - projector.project(slices, threads=threads)
    slices = _dense(slices + inverse.reconstruct(missing, threads=threads), 0.5 * columns)
    if known is not None:
        projector = make_projector(grid, columns, angles=angles, axes=axes)
    return projector.project(slices, threads=threads)


def dark_level(values: npt.ArrayLike) -> float:
    """Return the level below which nothing dense lies: half way from the mean of the dark phase to the threshold.

    The threshold is Otsu's (doi:10.1109/TSMC.1979.4310076).

    Parameters
    ----------
    values : array
        Attenuations.
    """
    counts, edges = np.histogram(np.asarray(values), _BINS)
    total = np.cumsum(counts).astype(np.float64)
    moment = np.cumsum(counts * 0.5 * (edges[1:] + edges[:-1]))
    low, high = total[:-1], total[-1] - total[:-1]
    both = (low > 0) & (high > 0)
    if not np.any(both):
        return float(edges[0])
    means = moment[:-1][both] / low[both], (moment[-1] - moment[:-1][both]) / high[both]
    best = int(np.argmax(low[both] * high[both] * (means[1] - means[0]) ** 2))
    threshold = float(edges[1:-1][both][best])
    dark = float(means[0][best])
    return dark + CUT * (threshold - dark)


def _dense(slices: Singles, radius: float) -> Singles:
    """Return slices above the dark level of what all projections see."""
    places = np.arange(slices.shape[1]) - 0.5 * (slices.shape[1] - 1)
    seen = places[:, None] ** 2 + places**2 < radius**2
    level = np.float32(dark_level(slices[:, seen]))
    dense: Singles = np.maximum(slices - level, np.float32(0.0))
    return dense
