"""Smoothing of a displacement field over its points."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from volcorr.error_correlation import gaussian, overlap_correlation
from volcorr.fields import AXES, DISPLACEMENT, SIGMA, check_fields, displacement_array, spacing_of
from volcorr.local_fit import Gaps, LocalFit, polynomial_stencil
from volcorr.outliers import excluded_points
from volcorr.strain_variables import drop_strain
from volio.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["smooth_displacement"]

#: Standard deviations at which the Gaussian is cut off.
_CUT: Final = 3.0


def smooth_displacement(
    field: "xr.Dataset", *, sigma: float | Sequence[float] = 1.0, gaps: Gaps = "stop", threads: int | None = None
) -> "xr.Dataset":
    """Smooth the displacement by a Gaussian over the points, without bias at faces, gaps and missing points.

    At each point a linear displacement is fitted to its neighbours, weighted by a Gaussian, and its value at the point
    is taken: inside a complete field this is the plain Gaussian mean, elsewhere it stays right. A linear displacement
    is not changed.

    Parameters
    ----------
    field : xarray.Dataset
        From `volcorr.correlate`. Missing points stay missing; points that `flag_outliers` has marked and not replaced
        are left out and left as they are.
    sigma : float or three floats, default: 1
        Standard deviation of the Gaussian along z, y, x, in points; cut off at three of them. 0 for an axis that is not
        smoothed.
    gaps : {"stop", "bridge"}
        Whether points beyond a gap count, see `volcorr.strain`.
    threads : int, optional
        Number of threads; the result does not depend on it.

    Returns
    -------
    xarray.Dataset
        The field with smooth ``u_*``, and ``sigma_*`` reduced accordingly (overlapping subsets taken into account). The
        attributes ``smoothing``, ``smoothing_sigma_points`` and ``smoothing_sigma`` (in the unit of the field) say so.
        Points whose neighbours do not suffice for a fit keep their values. Strain of an earlier call is dropped.

    Raises
    ------
    InputError
        If `field` is not a displacement field or is smooth already, or an option is out of range.
    """
    check_fields(field)
    if "smoothing" in field.attrs:
        raise InputError("this field is smoothed already: start from the field as it was measured")
    widths = _widths(sigma)
    shape = tuple(field.sizes[axis] for axis in AXES)
    reach = [int(np.ceil(_CUT * w)) if n > 1 else 0 for w, n in zip(widths, shape, strict=True)]
    window = (2 * reach[0] + 1, 2 * reach[1] + 1, 2 * reach[2] + 1)
    z, y, x = (gaussian(w, r) for w, r in zip(widths, reach, strict=True))
    weights = z[:, None, None] * y[None, :, None] * x[None, None, :]
    smoothed_axes = tuple(n if r else 1 for n, r in zip(shape, reach, strict=True))
    stencil = polynomial_stencil(window, order=1, shape=smoothed_axes, estimate="value", weights=weights, gaps=gaps)
    there = ~excluded_points(field)
    known = all(name in field for name in SIGMA) and "subset_size" in field.attrs
    errors = np.stack([field[name].to_numpy() for name in SIGMA]).astype(np.float64) if known else None
    lags = None
    if known:
        lags = overlap_correlation(
            [int(n) for n in field.attrs["subset_size"]],
            [int(n) for n in field.attrs["spacing"]],
            max(window),
            quadratic=field.attrs.get("shape_function") == "quadratic",
        )
    fit = LocalFit(np.where(there, displacement_array(field), np.nan), stencil, sigma=errors, lags=lags)
    value, covariance, good, _ = fit.whole(threads=threads)
    new = {}
    for a, name in enumerate(DISPLACEMENT):
        new[name] = field[name].copy(data=np.where(good, value[0, a], field[name].to_numpy()))
    if covariance is not None:
        for a, name in enumerate(SIGMA):
            root = np.sqrt(np.maximum(covariance[a, 0, 0], 0.0))
            new[name] = field[name].copy(data=np.where(good, root, field[name].to_numpy()))
    lengths = np.asarray(widths) * spacing_of(field)
    return (
        drop_strain(field)
        .assign(new)
        .assign_attrs(
            smoothing="gaussian, local linear",
            smoothing_sigma_points=list(widths),
            smoothing_sigma=lengths.tolist(),
            smoothing_reach=reach,
        )
    )


def _widths(sigma: float | Sequence[float]) -> tuple[float, float, float]:
    widths = (sigma,) * 3 if isinstance(sigma, (int, float, np.number)) else tuple(sigma)
    if len(widths) != 3 or not all(0 <= w <= 10 for w in widths) or not any(widths):
        raise InputError(f"sigma must be between 0 and 10 points, or three of them (z, y, x), not all 0, got {sigma!r}")
    return float(widths[0]), float(widths[1]), float(widths[2])
