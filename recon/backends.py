"""What computes slices: the kernels of this package, or those of another that happens to be installed."""

import importlib
import math
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from recon.back_projection import make_back_projector
from recon.detector_rows import DetectorRows
from recon.filters import FilterWindow
from recon.row_filter import RowFilter
from recon.slice_grid import SliceGrid
from volio.errors import InputError

__all__ = ["Backend", "SliceBackend", "make_backend"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Backend = Literal["numba", "astra", "tomopy"]

_INSTALL: Final = {
    "astra": "pip install astra-toolbox",
    "tomopy": "conda install -c conda-forge tomopy (it is not on the Python package index)",
}
#: What tomopy calls our filters, where it has them.
_TOMOPY_FILTERS: Final = {
    "ramp": "ramlak",
    "shepp-logan": "shepp",
    "cosine": "cosine",
    "hann": "hann",
    "hamming": "hamming",
    "parzen": "parzen",
}
#: Value that gridrec of tomopy gives inside a disc of 1, when rows are padded to three times their length.
_GRIDREC_SCALE: Final = 1.108


class SliceBackend(Protocol):
    """Reconstructs slices."""

    def reconstruct(self, rows: Singles, *, shifts: Floats | None = None, threads: int = 1) -> Singles:
        """Return slices (slices, y, x) of rows (angles, slices, columns)."""
        ...


@dataclass(frozen=True, eq=False)
class _Astra:
    """Back projection of ASTRA with linear interpolation, of rows that are filtered here."""

    row_filter: RowFilter
    grid: SliceGrid
    angles: Floats
    axis: float
    weights: Floats

    def reconstruct(self, rows: Singles, *, shifts: Floats | None = None, threads: int = 1) -> Singles:
        """Return slices; ASTRA uses one thread."""
        from scipy.fft import irfft, rfft

        astra = _package("astra")
        _, slices, columns = rows.shape
        # the filter of this package makes spline coefficients: undone here
        response = self.row_filter.response * (2.0 + np.cos(2 * np.pi * np.fft.rfftfreq(self.row_filter.samples))) / 3.0
        away = self.axis - 0.5 * (columns - 1)
        cosine, sine = np.cos(self.angles), np.sin(self.angles)
        # ASTRA's y points up: a column lies at the angle -t, and the beam runs along (sin t, cos t)
        vectors = np.stack([sine, cosine, -away * cosine, away * sine, cosine, -sine], axis=1)
        detector = astra.create_proj_geom("parallel_vec", columns, vectors)
        image = astra.create_vol_geom(self.grid.size, self.grid.size)
        projector = astra.create_projector("linear", detector, image)
        out = np.empty((slices, *self.grid.shape), np.float32)
        seen = _seen(self.grid)
        (y0, y1), (x0, x1) = self.grid.y, self.grid.x
        try:
            for k in range(slices):
                padded = np.concatenate([rows[:, k], _beyond(rows[:, k], self.row_filter.fade)], axis=1)
                filtered = irfft(rfft(padded, axis=1) * response, axis=1)[:, :columns] * self.weights[:, None]
                number, whole = astra.create_backprojection(filtered.astype(np.float32), projector)
                astra.data2d.delete(number)
                out[k] = np.where(seen, whole, 0.0)[y0:y1, x0:x1]
        finally:
            astra.projector.delete(projector)
        return out


@dataclass(frozen=True, eq=False)
class _Gridrec:
    """Gridrec of tomopy, its values divided by what it gives inside a disc of 1."""

    grid: SliceGrid
    angles: Floats
    axis: float
    filter: str
    scale: float

    def reconstruct(self, rows: Singles, *, shifts: Floats | None = None, threads: int = 1) -> Singles:
        """Return slices."""
        tomopy = _package("tomopy")
        columns = rows.shape[2]
        padded = np.pad(rows, ((0, 0), (0, 0), (columns, columns)), mode="edge")
        whole = tomopy.recon(
            padded, self.angles, center=self.axis + columns, algorithm="gridrec", filter_name=self.filter, ncore=threads
        )
        (y0, y1), (x0, x1) = self.grid.y, self.grid.x
        inner = whole[:, columns : 2 * columns, columns : 2 * columns] * (self.scale / _GRIDREC_SCALE)
        return np.where(_seen(self.grid), inner, 0.0).astype(np.float32)[:, y0:y1, x0:x1]


def make_backend(
    backend: Backend,
    method: str,
    row_filter: RowFilter,
    grid: SliceGrid,
    angles: Floats,
    rows: DetectorRows,
    weights: Floats,
    window: FilterWindow,
) -> SliceBackend:
    """Return what computes slices.

    Parameters
    ----------
    backend : {"numba", "astra", "tomopy"}
        The name.
    method : {"fbp", "gridrec"}
        The latter for tomopy, and only that: its back projection leaves out the filter.
    row_filter, grid, rows
        How rows are filtered and read, and the pixels.
    angles, weights : (angles,) arrays
        Radians; what each projection counts, over the pixel size.
    window
        The filter as the user named it.

    Raises
    ------
    InputError
        If the backend is not installed or cannot do what is asked.
    """
    if backend not in get_args(Backend):
        raise InputError(f"backend must be one of {', '.join(get_args(Backend))}, got {backend!r}")
    if (backend == "tomopy") != (method == "gridrec"):
        raise InputError(
            f"backend {backend} with method {method!r} is not offered: give method='gridrec' for tomopy, whose fbp "
            "leaves out the filter, and method='fbp' for the others"
        )
    if backend == "numba":
        cosine = math.cos(rows.tilt)
        return make_back_projector(row_filter, grid, angles=angles, axes=rows.axes, weights=weights, scale=cosine)
    if grid.step != 1 or rows.tilt != 0 or np.ptp(rows.axes) > 0:
        raise InputError(
            f"backend {backend} is for comparison: it knows neither voxel_size, tilt nor shifts; use backend='numba'"
        )
    _package(backend)
    axis = float(rows.axes[0])
    if backend == "astra":
        return _Astra(row_filter, grid, angles, axis, weights)
    if not isinstance(window, str) or window not in _TOMOPY_FILTERS:
        raise InputError(f"backend tomopy has the filters {', '.join(_TOMOPY_FILTERS)}, got {window!r}")
    scale = float(weights.sum()) / math.pi
    return _Gridrec(grid, angles, axis, _TOMOPY_FILTERS[window], scale)


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(f"backend {name} is not installed: {_INSTALL[name]}, or use backend='numba'") from error


def _beyond(rows: Singles, fade: Singles) -> Singles:
    """Return what stands beyond the ends of the detector, as `recon.row_filter` has it."""
    beyond: Singles = rows[:, -1:] * fade + rows[:, :1] * fade[::-1]
    return beyond


def _seen(grid: SliceGrid) -> npt.NDArray[np.bool_]:
    """Return which pixels of the whole slice every projection sees."""
    places = grid.first + np.arange(grid.size) * grid.step
    seen: npt.NDArray[np.bool_] = places[:, None] ** 2 + places[None, :] ** 2 <= grid.radius**2
    return seen
