"""Iterative reconstruction as a backend of `reconstruct`: SIRT and total variation, block by block of slices."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from recon.detector_rows import DetectorRows
from recon.held_out import HeldOutChoice
from recon.primal_dual import Preconditioner, make_preconditioner
from recon.projectors import Projector, make_projector
from recon.sirt import choose_iterations, run_sirt
from recon.slice_grid import SliceGrid
from recon.total_variation import minimize_total_variation
from recon.weight_choice import choose_weight
from volio.errors import InputError
from volio.simd import LANES

__all__ = ["IterativeBackend", "IterativeMethod", "make_iterative"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
IterativeMethod = Literal["sirt", "tv"]


@dataclass(frozen=True, eq=False)
class IterativeBackend:
    """Reconstructs slices with one setting; made by `make_iterative`.

    Attributes
    ----------
    method : {"sirt", "tv"}
        The algorithm.
    projector : Projector
        The geometry.
    setting : float
        Iterations of SIRT, or weight of total variation.
    choice : HeldOutChoice or None
        How it was chosen; None if it was given.
    nonnegative : bool
        Whether the attenuation must not be negative.
    pixel_size : float
        Edge of a detector pixel: the slices are in one over its unit.
    steps : Preconditioner or None
        Step sizes of total variation.
    """

    method: IterativeMethod
    projector: Projector
    setting: float
    choice: HeldOutChoice | None
    nonnegative: bool
    pixel_size: float
    steps: Preconditioner | None

    def reconstruct(self, rows: Singles, *, shifts: Floats | None = None, threads: int = 1) -> Singles:
        """Return slices (slices, y, x) of the region, of rows (angles, slices, columns).

        shifts (slices,): by how many columns the axis lies further right in each slice.
        """
        lines = _shifted(rows, shifts)
        common: dict[str, Any] = {"nonnegative": self.nonnegative, "threads": threads}
        if self.method == "sirt":
            found = run_sirt(lines, self.projector, iterations=int(self.setting), **common).slices
        else:
            given: dict[str, Any] = {"weight": self.setting, "steps": self.steps}
            found = minimize_total_variation(lines, self.projector, **given, **common).slices
        (y0, y1), (x0, x1) = self.projector.grid.y, self.projector.grid.x
        slices: Singles = found[:, y0:y1, x0:x1] / np.float32(self.pixel_size)
        return slices

    def describe(self) -> dict[str, Any]:
        """Return what belongs into the metadata of the volume."""
        name = "iterations" if self.method == "sirt" else "weight"
        said: dict[str, Any] = {name: self.setting, "nonnegative": self.nonnegative, f"{name}_from": "given"}
        if self.choice is not None:
            said[f"{name}_from"] = "held-out projections"
            said["held_out"] = {
                f"{name}_tried": self.choice.values.tolist(),
                "misfits": self.choice.misfits.tolist(),
                "projections": len(self.choice.held_out),
                "at_edge": self.choice.at_edge,
            }
        return said


def make_iterative(
    method: IterativeMethod,
    grid: SliceGrid,
    angles: Floats,
    rows: DetectorRows,
    *,
    setting: float | None = None,
    nonnegative: bool = True,
    pixel_size: float = 1.0,
    threads: int = 1,
) -> IterativeBackend:
    """Plan the iterative reconstruction of a scan.

    Parameters
    ----------
    method : {"sirt", "tv"}
        The algorithm.
    grid : SliceGrid
        The pixels.
    angles : (angles,) array
        In radians.
    rows : DetectorRows
        Line integrals.
    setting : float, optional
        Iterations of SIRT, or weight of total variation; chosen by held-out projections of eight slices, spread over
        the middle half of the scan, when not given.
    nonnegative : bool
        Whether the attenuation must not be negative.
    pixel_size : float
        Edge of a detector pixel: the slices are in one over its unit.
    threads : int
        How many compute; the answer does not depend on it.

    Raises
    ------
    InputError
        If the method is not known, or the geometry or the setting cannot be used.
    """
    if method not in get_args(IterativeMethod):
        raise InputError(f"method must be one of {', '.join(get_args(IterativeMethod))}, got {method!r}")
    scale = float(np.cos(rows.tilt))
    projector = make_projector(grid, rows.projections.shape[2], angles=angles, axes=rows.axes, scale=scale)
    choice = None
    if setting is None:
        low, high = rows.slices // 4, max(rows.slices - rows.slices // 4, rows.slices // 4 + 1)
        wanted = sorted({int(k) for k in np.linspace(low, high - 1, LANES).round()})
        some = np.concatenate([_shifted(rows.read(k, k + 1), _lean(rows, k)) for k in wanted], axis=1)
        choose = choose_iterations if method == "sirt" else choose_weight
        choice = choose(some, projector, nonnegative=nonnegative, threads=threads)
        setting = choice.value
    if method == "sirt" and (setting < 1 or setting != int(setting)):
        raise InputError(f"SIRT needs a whole number of iterations, 1 or more, got {setting}")
    steps = make_preconditioner(projector, threads=threads) if method == "tv" else None
    return IterativeBackend(method, projector, float(setting), choice, nonnegative, pixel_size, steps)


def _lean(rows: DetectorRows, k: int) -> Floats:
    lean: Floats = rows.heights(k, k + 1) * np.sin(rows.tilt)
    return lean


def _shifted(rows: Singles, shifts: Floats | None) -> Singles:
    """Return rows moved left by the shift of each slice, in columns, with the values at the edges going on."""
    if shifts is None or not np.any(shifts):
        return rows
    from scipy.ndimage import shift

    out = np.empty_like(rows)
    for k, by in enumerate(shifts):
        out[:, k] = shift(rows[:, k], (0, -by), order=3, mode="nearest")
    return out
