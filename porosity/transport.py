"""Transport through a phase: effective diffusivity (or conductivity) and tortuosity along each axis."""

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from porosity._kernels_transport import currents, fill_degree, solve
from porosity.labels import VoxelSize, check_labels, phase_mask
from porosity.topology import number_components
from volio import InputError, VolcorrError, run_blocks

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AxisTransport", "Transport", "measure_transport"]

logger = logging.getLogger(__name__)

#: Taufactor compares currents, which differ by more than the residual of a solution as good.
TAUFACTOR = 100

Axis = Literal["z", "y", "x"]
Solver = Literal["conjugate-gradients", "taufactor"]


@dataclass(frozen=True)
class AxisTransport:
    """Steady diffusion through a phase along one axis.

    Attributes
    ----------
    axis : {"z", "y", "x"}
        Where the current flows.
    fraction : float
        Volume fraction of the phase.
    spanning_fraction : float
        Volume fraction of what of it connects the two faces.
    diffusivity : float
        Effective diffusivity of the volume over that of the phase; 0 where nothing connects the faces.
    iterations : int
        Iterations of the solver.
    residual : float
        What remained of the residual, relative to that at the start without any concentration; NaN if not known.
    imbalance : float
        Largest minus smallest current through the planes across the axis, over their mean: 0 in a perfect solution.
    converged : bool
        Whether the tolerance was reached.
    """

    axis: Axis
    fraction: float
    spanning_fraction: float
    diffusivity: float
    iterations: int
    residual: float
    imbalance: float
    converged: bool

    @property
    def tortuosity_factor(self) -> float:
        """Fraction / diffusivity; inf where nothing connects the faces."""
        return self.fraction / self.diffusivity if self.diffusivity > 0 else np.inf

    @property
    def tortuosity(self) -> float:
        """Root of the tortuosity factor: how much longer than straight the way would be in tubes of one width."""
        return float(np.sqrt(self.tortuosity_factor))

    @property
    def bruggeman_factor(self) -> float:
        """Tortuosity factor by Bruggeman's relation, fraction ** -0.5: a dilute bed of spheres."""
        return float(self.fraction**-0.5)

    @property
    def bruggeman_exponent(self) -> float:
        """The exponent a with diffusivity = fraction ** a, 1.5 by Bruggeman; NaN where there is none."""
        if self.diffusivity <= 0 or self.fraction >= 1:
            return np.nan
        return float(np.log(self.diffusivity) / np.log(self.fraction))


@dataclass(frozen=True)
class Transport:
    """Steady diffusion through a phase, along one or more axes.

    Attributes
    ----------
    axes : dict of str to AxisTransport
        By the name of the axis.
    """

    axes: dict[Axis, AxisTransport]

    def __getitem__(self, axis: Axis) -> AxisTransport:
        return self.axes[axis]

    @property
    def table(self) -> "pd.DataFrame":
        """One row an axis."""
        import pandas as pd

        names = (
            "fraction", "spanning_fraction", "diffusivity", "tortuosity_factor", "tortuosity", "bruggeman_factor",
            "bruggeman_exponent", "iterations", "residual", "imbalance", "converged",
        )  # fmt: skip
        rows = [{name: getattr(one, name) for name in names} for one in self.axes.values()]
        return pd.DataFrame(rows, index=pd.Index(self.axes, name="axis"))


def measure_transport(
    labels: Any,
    *,
    phase: int,
    axes: str = "zyx",
    voxel_size: VoxelSize | None = None,
    tolerance: float = 1e-4,
    max_iterations: int = 5000,
    solver: Solver = "conjugate-gradients",
    threads: int | None = None,
) -> Transport:
    """Measure the effective diffusivity and the tortuosity of a phase.

    Parameters
    ----------
    labels : Volume or array, shape (z, y, x)
        Label volume.
    phase : int
        Label of the phase; the others do not conduct.
    axes : str, default: "zyx"
        Axes along which to measure.
    voxel_size : float or 3 floats, optional
        Edge lengths of a voxel (z, y, x), if the volume does not state them. Only their ratios matter here.
    tolerance : float, default: 1e-4
        The residual at which the solver stops, 1e-6 at least. The error of the diffusivity is smaller than this by far.
    max_iterations : int, default: 5000
        Where it gives up: `converged` is then False.
    solver : {"conjugate-gradients", "taufactor"}
        The package taufactor needs voxels with equal edges, and computes on a graphics card where there is one. It
        stops when currents differ by less than 100 times `tolerance`.
    threads : int, optional
        How many axes are solved at once; the answer does not depend on it.

    Returns
    -------
    Transport

    Raises
    ------
    InputError
        If these are no labels, the phase does not occur, or an option is not usable.
    VolcorrError
        If taufactor is asked for and not installed.

    Notes
    -----
    Concentrations 1 and 0 are held on two opposite faces, nothing flows through the other four, and the current between
    neighbouring voxels is their difference times face over distance (finite volumes). Only what connects the two faces
    (through the faces of voxels) takes part. Solved by conjugate gradients with the diagonal as preconditioner; 24
    bytes a voxel and axis. Tortuosity factor: fraction / diffusivity.
    """
    _check(axes, tolerance, max_iterations, solver)
    checked = check_labels(labels, voxel_size)
    mask = phase_mask(checked, phase)
    if solver == "taufactor" and len(set(checked.voxel_size)) > 1:
        raise InputError(
            f'taufactor needs voxels with equal edges, got {checked.voxel_size}: use "conjugate-gradients"'
        )
    numbers, _, faces = number_components(mask, 6)
    method = _by_conjugate_gradients if solver == "conjugate-gradients" else _by_taufactor

    def measure(axis: Axis) -> AxisTransport:
        both = 3 << 2 * "zyx".index(axis)
        spanning = (faces & both) == both
        spanning[0] = False
        through = spanning[numbers].view(np.uint8)
        known = partial(
            AxisTransport, axis, int(np.count_nonzero(mask)) / mask.size, int(np.count_nonzero(through)) / mask.size
        )
        if not spanning.any():
            return known(0.0, 0, 0.0, 0.0, True)
        found = known(*method(through, "zyx".index(axis), checked.voxel_size, tolerance, max_iterations))
        if not found.converged:
            logger.warning(
                "tortuosity along %s: not converged after %d iterations, currents differ by %.1g: raise max_iterations",
                axis, found.iterations, found.imbalance,
            )  # fmt: skip
        return found

    chosen: list[Axis] = list(axes)  # type: ignore[arg-type]
    return Transport(dict(zip(chosen, run_blocks(measure, chosen, threads=threads), strict=True)))


def _check(axes: str, tolerance: float, max_iterations: int, solver: str) -> None:
    """Say which option is not usable."""
    if not axes or any(axis not in "zyx" for axis in axes) or len(set(axes)) < len(axes):
        raise InputError(f'axes must be some of "zyx", got {axes!r}')
    if not 1e-6 <= tolerance < 1:
        raise InputError(f"tolerance must be 1e-6 to 1, got {tolerance!r}: 1e-4 gives the diffusivity within 0.1 %")
    if not max_iterations >= 1:
        raise InputError(f"max_iterations must be 1 at least, got {max_iterations!r}")
    if solver not in ("conjugate-gradients", "taufactor"):
        raise InputError(f'solver must be "conjugate-gradients" or "taufactor", got {solver!r}')


def _by_conjugate_gradients(
    phase: NDArray[np.uint8], axis: int, voxel_size: tuple[float, float, float], tolerance: float, most: int
) -> tuple[float, int, float, float, bool]:
    """Return diffusivity, iterations, residual, imbalance, and whether it converged."""
    first = np.pad(np.ascontiguousarray(np.moveaxis(phase, axis, 0)), 1)
    along, *across = (voxel_size[i] for i in (axis, *(i for i in range(3) if i != axis)))
    weights = np.array([1.0, *((along / one) ** 2 for one in across)])
    degree, inverse, u, r, p, q = np.zeros((6, *first.shape), np.float32)
    fill_degree(first, weights, degree, inverse)
    planes = first.shape[0] - 2
    u += ((planes + 0.5 - np.arange(planes + 2)) / planes).astype(np.float32)[:, None, None] * first
    iterations, residual = solve(degree, inverse, weights, u, r, p, q, tolerance, most)
    flow = np.empty(planes + 1)
    currents(first, weights, u, flow)
    # of a volume full of the phase: area / length in units of one voxel
    whole = phase.size / planes / planes
    imbalance = float((flow.max() - flow.min()) / flow.mean())
    return float(flow.mean() / whole), int(iterations), float(residual), imbalance, bool(residual <= tolerance)


def _by_taufactor(
    phase: NDArray[np.uint8], axis: int, voxel_size: tuple[float, float, float], tolerance: float, most: int
) -> tuple[float, int, float, float, bool]:
    """Return what `_by_conjugate_gradients` does, by the package taufactor."""
    try:
        import taufactor
        import torch
    except ImportError as error:
        raise VolcorrError(
            'taufactor is not installed: pip install "volcorr[taufactor]", or leave out solver'
        ) from error

    device = "cuda" if torch.cuda.is_available() else "cpu"
    solver = taufactor.Solver(np.ascontiguousarray(np.moveaxis(phase, axis, 0)), device=device)
    solver.solve(iter_limit=most, conv_crit=TAUFACTOR * tolerance, verbose=False)
    flow = np.ravel(solver.flux_1d)
    imbalance = float((flow.max() - flow.min()) / flow.mean())
    return float(np.ravel(solver.D_eff)[0]), int(solver.iter), np.nan, imbalance, bool(solver.converged)
