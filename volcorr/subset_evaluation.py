"""What several correlations of the same points, each with its own subset size, say about the sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from volcorr.resolution import (
    Shape,
    displacement_resolution,
    strain_noise_gain,
    strain_resolution,
    strain_transfer,
)
from volcorr.subset_result import SizeResult
from volio.errors import InputError

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["STRAIN_FLOOR", "Measured", "Planned", "evaluate_sizes", "extract"]

Triple = tuple[int, int, int]

#: Sizes at which fewer of the points are valid are no measure for what the others are compared at.
USABLE: Final = 0.5
#: Strain below which a pair counts as hardly strained.
STRAIN_FLOOR: Final = 5e-3
#: Standard deviation of a normal distribution over its median absolute deviation.
_MAD: Final = 1.4826


class Measured(NamedTuple):
    """What a correlation gave at its n points: arrays (n,), and (3, n) in voxels for z, y, x."""

    valid: "NDArray[np.bool_]"
    excluded: "NDArray[np.bool_]"
    cc: "NDArray[np.float64]"
    u: "NDArray[np.float64]"
    sigma: "NDArray[np.float64]"
    positions: "NDArray[np.float64]"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """The measurement that is planned with one size, and what the study of that size took.

    Attributes
    ----------
    subset, spacing, window : three ints
        Edges and distances in voxels, points of the strain window.
    shape : str
        What a subset can follow.
    voxel_size : three floats
        In the unit of the study.
    detail : three floats or None
        Period of the finest wave along z, y, x, in voxels.
    extent : int
        Voxels of the region or mask.
    seconds, refining : float
        Time of the correlation, and of its refinement.
    """

    subset: Triple
    spacing: Triple
    window: Triple
    shape: Shape
    voxel_size: tuple[float, float, float]
    detail: tuple[float, float, float] | None
    extent: int
    seconds: float
    refining: float


def extract(fields: "xr.Dataset", *, still: bool = False) -> Measured:
    """Take what the study needs out of fields; with `still` the rigid motion is removed, where it can be told."""
    from volcorr.fields import AXES, SIGMA, Status, displacement_array
    from volcorr.rigid import remove_rigid_motion

    status = fields["status"].to_numpy().ravel()
    if still and (status == Status.VALID).sum() >= 3:
        fields, _ = remove_rigid_motion(fields)
    size = np.asarray(fields.attrs["voxel_size"], np.float64)[:, None]
    grid = np.meshgrid(*(fields[axis].to_numpy() for axis in AXES), indexing="ij")
    return Measured(
        status == Status.VALID,
        np.isin(status, (Status.OUTSIDE_MASK, Status.OUTSIDE_VOLUME, Status.BAD_VOXELS)),
        fields["cc"].to_numpy().ravel(),
        displacement_array(fields).reshape(3, -1) / size,
        np.stack([fields[name].to_numpy().ravel() for name in SIGMA]) / size,
        np.stack(grid).reshape(3, -1) / size,
    )


def evaluate_sizes(
    plans: Sequence[Planned], measured: Sequence[Measured], repeats: Sequence[Measured | None]
) -> tuple[tuple[SizeResult, ...], int, float]:
    """Turn measurements into a row for each size.

    Parameters
    ----------
    plans, measured, repeats : sequences, one entry a size
        From the largest to the smallest size; `repeats` are those of the unloaded sample, or None.

    Returns
    -------
    rows : tuple of SizeResult
    points : int
        Points that are valid at all usable sizes.
    strain : float
        Largest principal value, without its sign, of the mean strain.

    Raises
    ------
    InputError
        If no point could be tried with the largest size.
    """
    tried = ~measured[0].excluded
    if not tried.any():
        raise InputError(
            f"no subset of {plans[0].subset} voxels lies in the mask and finds its match inside the deformed volume: "
            "use smaller sizes, or check mask, roi, and that the volumes are a pair"
        )
    usable = [(one.valid & tried).sum() >= USABLE * tried.sum() for one in measured]
    common = tried.copy()
    for one, good in zip(measured, usable, strict=True):
        common &= one.valid if good else True
    common &= any(usable)
    judged = [common if good else one.valid & tried for one, good in zip(measured, usable, strict=True)]
    best = usable.index(True) if any(usable) else 0
    strain = _mean_strain(measured[best], judged[best], plans[best].voxel_size)
    rows = tuple(
        _evaluate(*parts, tried=tried, strain=strain) for parts in zip(plans, measured, repeats, judged, strict=True)
    )
    return rows, int(common.sum()), strain


def _evaluate(
    plan: Planned,
    one: Measured,
    again: Measured | None,
    judged: "NDArray[np.bool_]",
    *,
    tried: "NDArray[np.bool_]",
    strain: float,
) -> SizeResult:
    """Return the row of one size, whose correlation and noise are taken at the `judged` points."""
    nothing = not judged.any()
    sigma = np.nan if nothing else float(np.median(np.sqrt(np.mean(one.sigma[:, judged] ** 2, axis=0))))
    scatter = np.nan if again is None else _scatter(again.u[:, judged & again.valid])
    noise = sigma if np.isnan(scatter) else scatter
    gain = float(strain_noise_gain(plan.subset, spacing=plan.spacing, window=plan.window, shape=plan.shape).max())
    axes = list(zip(plan.subset, plan.spacing, plan.window, plan.voxel_size, strict=True))
    fine = [max(displacement_resolution(edge, shape=plan.shape), 2.0 * s) * size for edge, s, _, size in axes]
    coarse = [
        max(strain_resolution(edge, spacing=s, window=w, shape=plan.shape), 2.0 * s) * size for edge, s, w, size in axes
    ]
    return SizeResult(
        subset=plan.subset,
        edge=float(np.mean(np.multiply(plan.subset, plan.voxel_size))),
        spacing=plan.spacing,
        tried=int(tried.sum()),
        valid=int((one.valid & tried).sum()),
        mean_cc=np.nan if nothing else float(np.mean(one.cc[judged])),
        median_cc=np.nan if nothing else float(np.median(one.cc[judged])),
        sigma=sigma,
        repeat_noise=scatter,
        strain_noise=gain * noise,
        resolution=max(fine),
        strain_resolution=max(coarse),
        gauge=max((edge + (w - 1) * s) * size for edge, s, w, size in axes),
        total_error=_total_error(plan, gain * noise, max(strain, STRAIN_FLOOR)),
        independent=int(plan.extent // np.prod(plan.subset)),
        seconds=plan.seconds,
        points_per_second=float(tried.sum() / plan.refining) if plan.refining > 0 else 0.0,
    )


def _scatter(u: "NDArray[np.float64]") -> float:
    """Root mean square over the components of a robust standard deviation of (3, n) displacements."""
    if u.shape[1] < 3:
        return np.nan
    deviations = np.abs(u - np.median(u, axis=1, keepdims=True))
    return float(np.sqrt(np.mean((_MAD * np.median(deviations, axis=1)) ** 2)))


def _total_error(plan: Planned, noise: float, strain: float) -> float:
    """Noise, and what subset and window take from a wave of `strain` with the period of the detail, together."""
    if plan.detail is None:
        return np.nan
    kept = min(
        float(strain_transfer(period, edge=edge, spacing=s, window=w, shape=plan.shape, across=across))
        for period, edge, s, w in zip(plan.detail, plan.subset, plan.spacing, plan.window, strict=True)
        for across in (False, True)
    )
    return float(np.hypot(noise, strain * (1 - kept)))


def _mean_strain(one: Measured, judged: "NDArray[np.bool_]", voxel_size: tuple[float, float, float]) -> float:
    """Return the largest principal value of the Green-Lagrange strain of one linear fit to all points."""
    if judged.sum() < 4:
        return 0.0
    size = np.asarray(voxel_size)[:, None]
    positions, u = (values[:, judged] * size for values in (one.positions, one.u))
    design = np.column_stack([np.ones(positions.shape[1]), (positions - positions.mean(axis=1, keepdims=True)).T])
    deformation = np.eye(3) + np.linalg.lstsq(design, u.T, rcond=None)[0][1:].T
    return float(np.abs(np.linalg.eigvalsh(deformation.T @ deformation - np.eye(3))).max() / 2)
