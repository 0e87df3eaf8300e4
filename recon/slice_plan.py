"""What is to be reconstructed and how: everything that is settled before the first slice is made."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from recon.angle_weights import Weighting, angle_weights
from recon.backends import Backend, SliceBackend, make_backend
from recon.detector_rows import DetectorRows
from recon.filters import FilterWindow
from recon.rings import RingMethod
from recon.row_filter import Padding, make_row_filter
from recon.scan import Scan
from recon.slice_grid import SliceGrid, make_slice_grid
from recon.truncation import specimen_radius
from volio.errors import InputError
from volio.fingerprint import software_versions
from volio.volume import Volume

__all__ = ["Method", "SliceMaker", "SlicePlan", "plan_slices", "slice_range", "voxel_step"]

logger = logging.getLogger(__name__)

Method = Literal["fbp", "gridrec", "sirt", "tv"]
Region = Sequence[Sequence[int | None] | None]

#: Largest tilt of the axis in the detector, in radians; beyond it somebody meant degrees.
_LARGEST_TILT: Final = 0.2


@dataclass(frozen=True, eq=False)
class SliceMaker:
    """Reconstructs a range of slices; can be sent to other processes.

    Attributes
    ----------
    rows : DetectorRows
        What slices are made of.
    backend : SliceBackend
        What makes them.
    threads : int
        How many compute at once; the answer does not depend on it.
    """

    rows: DetectorRows
    backend: SliceBackend
    threads: int = 1

    def __call__(self, block: tuple[int, int]) -> npt.NDArray[np.float32]:
        """Return the slices (slices, y, x) from the first number of `block` to before the second.

        Raises
        ------
        InputError
            If their projections hold NaN.
        """
        rows = self.rows.read(*block, threads=self.threads)
        if not math.isfinite(float(np.sum(rows, dtype=np.float64))):
            raise InputError(
                f"the projections of slices {block[0]} to {block[1] - 1} hold values that are NaN or infinite: "
                "correct them first (recon.correct_scan, recon.take_log)"
            )
        leaning = self.rows.heights(*block) * math.sin(self.rows.tilt)
        return self.backend.reconstruct(rows, shifts=leaning, threads=self.threads)


@dataclass(frozen=True, eq=False)
class SlicePlan:
    """A reconstruction before its slices are made; of `plan_slices`.

    Attributes
    ----------
    scan : Scan
        Line integrals.
    rows : DetectorRows
        Which rows of them belong to a slice.
    backend : SliceBackend
        What makes slices.
    grid : SliceGrid
        Their pixels.
    slices : pair of ints
        Range of slices, end not included.
    settings : dict
        How they are made: "reconstruction" in the metadata of the volume.
    """

    scan: Scan
    rows: DetectorRows
    backend: SliceBackend
    grid: SliceGrid
    slices: tuple[int, int]
    settings: dict[str, Any]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along z, y, x."""
        return self.slices[1] - self.slices[0], *self.grid.shape

    def maker(self, *, threads: int = 1) -> SliceMaker:
        """Return what makes slices, with so many threads."""
        return SliceMaker(self.rows, self.backend, threads)

    def volume(self, data: Any) -> Volume:
        """Return the volume of the slices `data`, with its place and history."""
        scan = self.scan
        metadata = {**scan.metadata, "reconstruction": self.settings}
        for key in ("per_projection", "flat_positions", "dark_positions"):
            metadata.pop(key, None)
        voxel = self.grid.step * (scan.pixel_size or 1.0)
        if scan.pixel_size is None:
            note = "the pixel size is not known: attenuation is per pixel"
            metadata["notes"] = [*scan.metadata.get("notes", ()), note]
        z, y, x = (voxel * start for start in (self.slices[0], self.grid.y[0], self.grid.x[0]))
        volume = Volume(data, unit=scan.unit, origin=(z, y, x), name=scan.name, metadata=metadata)
        return volume if scan.pixel_size is None else replace(volume, voxel_size=(voxel, voxel, voxel))


def plan_slices(
    lines: Scan,
    *,
    method: Method = "fbp",
    filter: FilterWindow = "ramp",
    cutoff: float = 1.0,
    center: float | None = None,
    tilt: float = 0.0,
    weighting: Weighting = "mass",
    padding: Literal["auto"] | Padding = "auto",
    rings: str = "none",
    voxel_size: float | None = None,
    region: Region | None = None,
    slices: tuple[int, int] | None = None,
    iterations: int | None = None,
    weight: float | None = None,
    nonnegative: bool = True,
    backend: Backend = "numba",
    threads: int = 1,
) -> SlicePlan:
    """Settle a reconstruction: axis, grid, filter and weights, or the setting of an iterative method.

    Parameters
    ----------
    lines : Scan
        Line integrals of a parallel beam, in memory or on disk.
    rings : str
        How rows are freed of stripes when they are read: a method of `recon.remove_rings`, or "none".
    method, filter, cutoff, center, tilt, weighting, padding
        See `recon.reconstruct`, as for the following.
    voxel_size, region, slices, iterations, weight, nonnegative, backend
        What is made, and with what.
    threads : int
        How many compute what has to be found out.

    Returns
    -------
    SlicePlan

    Raises
    ------
    InputError
        If the options cannot be used.
    """
    if method not in get_args(Method):
        raise InputError(f"method must be one of {', '.join(get_args(Method))}, got {method!r}")
    if not abs(tilt) <= _LARGEST_TILT:
        raise InputError(f"tilt must be within ±{_LARGEST_TILT} radians, got {tilt}: was it given in degrees?")
    if rings not in ("none", *get_args(RingMethod)):
        raise InputError(f"rings must be one of none, {', '.join(get_args(RingMethod))}, got {rings!r}")
    step = voxel_step(lines, voxel_size)
    axis, source = _axis(lines, center, threads)
    shifts = np.zeros((lines.n_angles, 2)) if lines.shifts is None else lines.shifts
    rows = DetectorRows(lines.projections, axis + shifts[:, 1], shifts[:, 0], float(tilt), step, rings)
    grid = make_slice_grid(lines.columns, center=axis, step=step, region=region)
    wanted = slice_range(slices, rows.slices)
    common: dict[str, Any] = {
        "method": method,
        "center": axis,
        "center_from": source,
        "tilt": tilt,
        "angles_used": lines.n_angles,
        "angular_range_degrees": math.degrees(lines.angular_range),
        "shifts_undone": bool(np.any(shifts)),
        "rings": rings,
        "backend": backend,
        "field_of_view_radius_pixels": grid.radius,
        "value_unit": f"1/{lines.unit}" if lines.pixel_size else "1/pixel",
        "software": dict(_software()),
    }
    if method in ("sirt", "tv"):
        setting = iterations if method == "sirt" else weight
        made, found = _iterative(method, lines, grid, rows, backend, setting, nonnegative, threads)
    else:
        given: dict[str, Any] = {"filter": filter, "cutoff": cutoff, "weighting": weighting, "padding": padding}
        made, found = _filtered(method, lines, axis, grid, rows, backend, **given)
    return SlicePlan(lines, rows, made, grid, wanted, common | found)


def _iterative(
    method: Literal["sirt", "tv"],
    lines: Scan,
    grid: SliceGrid,
    rows: DetectorRows,
    backend: Backend,
    setting: float | None,
    nonnegative: bool,
    threads: int,
) -> tuple[SliceBackend, dict[str, Any]]:
    """Return what makes slices iteratively, and its settings."""
    from recon.iterative import make_iterative

    if backend != "numba":
        raise InputError(f"method {method!r} needs the backend 'numba', got {backend!r}")
    made = make_iterative(
        method,
        grid,
        lines.angles,
        rows,
        setting=setting,
        nonnegative=nonnegative,
        pixel_size=lines.pixel_size or 1.0,
        threads=threads,
    )
    return made, made.describe()


def _filtered(
    method: str,
    lines: Scan,
    axis: float,
    grid: SliceGrid,
    rows: DetectorRows,
    backend: Backend,
    *,
    filter: FilterWindow,
    cutoff: float,
    weighting: Weighting,
    padding: Literal["auto"] | Padding,
) -> tuple[SliceBackend, dict[str, Any]]:
    """Return what filters and back-projects, and its settings."""
    weights = angle_weights(lines.angles, weighting=weighting) / (lines.pixel_size or 1.0)
    radius = specimen_radius(lines.projections, center=axis) if padding in ("auto", "cylinder") else None
    if padding == "auto":
        padding = "taper" if radius is None else "cylinder"
    row_filter = make_row_filter(
        lines.columns, window=filter, cutoff=cutoff, padding=padding, radius=radius, smooth=grid.step
    )
    made = make_backend(backend, method, row_filter, grid, lines.angles, rows, weights, filter)
    return made, {
        "filter": filter if isinstance(filter, str) else "given by the user",
        "cutoff": cutoff,
        "weighting": weighting,
        "padding": padding,
        "specimen_radius_pixels": radius,
    }


@cache
def _software() -> dict[str, str]:
    """Return the versions, looked up once: that takes longer than a slice."""
    return software_versions()


def voxel_step(scan: Scan, voxel_size: float | None) -> float:
    """Return the edge of a voxel in detector pixels.

    Raises
    ------
    InputError
        If it is not positive, or larger than the detector.
    """
    if voxel_size is None:
        return 1.0
    step = float(voxel_size) / (scan.pixel_size or 1.0)
    if not 0 < step <= min(scan.rows, scan.columns):
        unit = scan.unit if scan.pixel_size else "pixels"
        raise InputError(f"voxel_size must be positive and less than the detector, got {voxel_size} {unit}")
    return step


def slice_range(slices: tuple[int, int] | None, count: int) -> tuple[int, int]:
    """Return the range of slices that is meant, of `count`.

    Raises
    ------
    InputError
        If it is empty or reaches outside.
    """
    if slices is None:
        return 0, count
    if not 0 <= slices[0] < slices[1] <= count:
        raise InputError(f"slices need a pair 0 <= start < stop <= {count}, got {slices!r}")
    return int(slices[0]), int(slices[1])


def _axis(scan: Scan, center: float | None, threads: int) -> tuple[float, str]:
    """Return the column of the rotation axis, and who says so."""
    if center is not None:
        return float(center), "given"
    if scan.center is not None:
        return scan.center, "scan"
    from recon.axis import find_axis

    found = find_axis(scan.projections, scan.angles, threads=threads)
    logger.warning("rotation axis found at column %.2f ± %.2f: look at it", found.center, found.sigma)
    return found.center, "find_axis"
