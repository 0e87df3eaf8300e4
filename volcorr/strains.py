"""Strain from displacement: the displacement gradient around each point, and a strain measure made of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import numpy as np

from volcorr.error_correlation import overlap_correlation, smooth_correlation
from volcorr.fields import AXES, SIGMA, STRAIN, check_fields, displacement_array, spacing_of
from volcorr.finite_elements import hexahedra_stencil
from volcorr.local_fit import Gaps, LocalFit, Stencil, plane_blocks, polynomial_stencil
from volcorr.outliers import excluded_points
from volcorr.steps import takes_series
from volcorr.strain_measures import MEASURES, Measure, rotation_vector, strain_sensitivity, strain_tensor
from volcorr.strain_variables import COMPONENTS, ROTATION, SIGMA_STRAIN, drop_strain
from volio.blocks import run_blocks
from volio.errors import InputError

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["MEASURES", "METHODS", "Measure", "Method", "Order", "strain", "strain_tensor"]

Method = Literal["window", "hexahedra"]
METHODS: Final = ("window", "hexahedra")
#: Degree of the polynomial that is fitted to a window.
Order = Literal[1, 2, 3]


@takes_series
def strain(
    field: "xr.Dataset",
    *,
    measure: Measure = "green-lagrange",
    method: Method = "window",
    order: Order = 1,
    window: int | Sequence[int] = 3,
    min_points: int | None = None,
    gaps: Gaps = "stop",
    threads: int | None = None,
) -> "xr.Dataset":
    """Compute the strain tensor at every point of a displacement field, with its uncertainty and the local rotation.

    Parameters
    ----------
    field : xarray.Dataset
        From `volcorr.correlate`. Points without displacement are missing, and so are those that `flag_outliers` has
        marked as outliers and not replaced.
    measure : {"green-lagrange", "infinitesimal", "almansi", "hencky"}
        With the deformation gradient F = 1 + H:

        - ``"green-lagrange"``: (F^T F - 1) / 2, zero for any rotation;
        - ``"infinitesimal"``: (H + H^T) / 2, for small strain and small rotation only;
        - ``"almansi"``: (1 - F^-T F^-1) / 2, the Euler-Almansi strain, whose axes are those of the deformed state;
        - ``"hencky"``: log(F^T F) / 2, the logarithmic strain: steps of a series add up along fixed axes.
    method : {"window", "hexahedra"}
        Where H comes from: a polynomial fitted to the points of a window by least squares, or the mean of the trilinear
        elements of eight points around the point (see `volcorr.finite_elements`).
    order : {1, 2, 3}
        Degree of the fitted polynomial. Orders 1 and 2 differ only where the window is cut off, at faces and gaps,
        where 2 stays exact for a quadratic displacement; 3 keeps finer detail in a wider window.
    window : int or three ints, default: 3
        Edge of the window along z, y, x, in points: odd, at least 2 ``order`` + 1. Hexahedra have none: they use the
        next points.
    min_points : int, optional
        Points that a window needs; a quarter of it, and as many as the polynomial has factors, when not given.
    gaps : {"stop", "bridge"}
        A window stops at a gap: it counts only points connected to its centre through the faces of valid points in the
        window, so that the two sides of a crack are not mixed. ``"bridge"`` counts all valid points. Elements always
        stop.
    threads : int, optional
        Number of threads; the result does not depend on it.

    Returns
    -------
    xarray.Dataset
        The field with

        - ``e_zz, e_yy, e_xx, e_zy, e_zx, e_yx``: strain, dimensionless, tensor shear;
        - ``sigma_e_zz, ...``: its standard uncertainty, where the field states ``sigma_*``, subset and spacing;
        - ``rotation_z, rotation_y, rotation_x``: rotation vector of F = R U in degrees; a positive ``rotation_z`` turns
          x towards y;
        - ``strain_points``: the number of points used.

        NaN where the point is missing or its window has too few points, and for components along an axis that has only
        one point. The attributes ``strain_*`` say how it was made; ``strain_gauge_size`` is the length along z, y, x
        of the material that one value looks at, in the unit of the field, ``strain_gauge_size_voxels`` in voxels.

    Raises
    ------
    InputError
        If `field` is not a displacement field, or an option is out of range.

    Notes
    -----
    The uncertainty is propagated to first order from the displacement through the weights of the fit and the measure.
    Errors of points whose subsets overlap are correlated (see `volcorr.error_correlation`); those of different
    displacement components are taken as independent, and sigma as even across one window. It holds the noise only, not
    the loss of detail finer than the gauge.
    """
    check_fields(field)
    _check_choice("measure", measure, MEASURES)
    _check_choice("method", method, METHODS)
    _check_choice("gaps", gaps, get_args(Gaps))
    shape = tuple(field.sizes[axis] for axis in AXES)
    stencil = _stencil(method, order, window, min_points, gaps, shape)
    excluded = excluded_points(field)
    displacement = np.where(excluded, np.nan, displacement_array(field))
    sigma, lags = _errors(field, stencil)
    fit = LocalFit(displacement, stencil, sigma=sigma, lags=lags)
    out = {name: np.full(shape, np.nan) for name in (*STRAIN, *ROTATION, *(SIGMA_STRAIN if sigma is not None else ()))}
    counts = np.zeros(shape, np.int16)
    step = spacing_of(field)

    def task(block: slice) -> None:
        values, counts[block] = _strain_of_planes(fit, block, step, measure)
        for name, part in values.items():
            out[name][block] = part

    run_blocks(task, plane_blocks(shape), threads=threads)
    variables = {name: (AXES, values, _describe(name, measure)) for name, values in out.items()}
    points = {"strain_points": (AXES, counts, {"long_name": "points used for the strain"})}
    attrs: dict[str, Any] = {
        "strain_measure": measure,
        "strain_method": method,
        "strain_window": list(stencil.window if method == "hexahedra" else _window(window, order)),
        "strain_min_points": stencil.min_points,
        "strain_outliers_left_out": int(excluded.sum()),
    }
    if method == "window":
        attrs |= {"strain_order": int(order), "strain_gaps": gaps}
    return drop_strain(field).assign(variables | points).assign_attrs(attrs | _gauge(field, stencil, shape))


def _strain_of_planes(
    fit: LocalFit, block: slice, spacing: "Array", measure: Measure
) -> "tuple[dict[str, Array], NDArray[np.int16]]":
    """Return strain, its uncertainty and the rotation at the points of some planes, by name, and the points used."""
    slopes, covariance, good, count = fit.planes(block)
    axes = [a for a in range(3) if fit.shape[a] > 1]
    scale = np.array([spacing[a] for a in axes])
    gradient = np.full((3, 3, good.sum()), np.nan)
    gradient[:, axes] = np.moveaxis(slopes[..., good], 0, 1) / scale[:, None]
    tensor = strain_tensor(gradient, measure=measure)
    found = {name: tensor[place] for name, place in COMPONENTS.items()}
    found |= dict(zip(ROTATION, rotation_vector(gradient), strict=True))
    if covariance is not None:
        spread = np.zeros((3, 3, 3, good.sum()))  # an axis without slopes: its strain is NaN
        spread[np.ix_(range(3), axes, axes)] = covariance[..., good] / np.outer(scale, scale)[..., None]
        for name, sigma in zip(STRAIN, _propagate(gradient, spread, measure), strict=True):
            found[f"sigma_{name}"] = np.where(np.isfinite(found[name]), sigma, np.nan)
    values = {}
    for name, part in found.items():
        values[name] = np.full(good.shape, np.nan)
        values[name][good] = part
    return values, count


def _propagate(gradient: "Array", covariance: "Array", measure: Measure) -> "Array":
    """Return the uncertainty (6, n) of strain from the covariance (a, b, b', n) of the slopes ``gradient[a, b]``."""
    slope = strain_sensitivity(gradient, measure=measure)
    variance = np.einsum("iabn,iacn,abcn->in", slope, slope, covariance)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


def _stencil(
    method: Method, order: int, window: int | Sequence[int], min_points: int | None, gaps: Gaps, shape: tuple[int, ...]
) -> Stencil:
    if order not in get_args(Order):
        raise InputError(f"order must be 1, 2 or 3, got {order!r}")
    edges = _window(window, order)
    if method == "hexahedra":
        if order != 1 or edges != (3, 3, 3) or min_points is not None:
            raise InputError(
                "hexahedra use the next points only: leave out order, window and min_points, or take method 'window'"
            )
        return hexahedra_stencil(shape)
    z, y, x = (2 * min(w // 2, n - 1) + 1 for w, n in zip(edges, shape, strict=True))
    size = int(np.prod(np.minimum((z, y, x), shape)))  # points that a window can hold on this grid
    fewest = len(polynomial_stencil((z, y, x), order=order, shape=shape).basis[0])
    if min_points is not None and not fewest <= min_points <= max(size, fewest):
        raise InputError(f"min_points must be between {fewest} and the {size} points of the window, got {min_points}")
    needed = max(fewest, -(-size // 4)) if min_points is None else min_points
    return polynomial_stencil((z, y, x), order=order, shape=shape, min_points=needed, gaps=gaps)


def _window(window: int | Sequence[int], order: int) -> tuple[int, int, int]:
    edges = (window,) * 3 if isinstance(window, (int, np.integer)) else tuple(window)
    if len(edges) != 3 or any(int(w) != w or w < 3 or w % 2 == 0 for w in edges):
        raise InputError(f"window must be an odd number of points >= 3, or three of them (z, y, x), got {window!r}")
    if min(edges) < 2 * order + 1:
        raise InputError(
            f"window must be at least {2 * order + 1} points for order {order}, got {window!r}: faces have half of it"
        )
    return int(edges[0]), int(edges[1]), int(edges[2])


def _errors(field: "xr.Dataset", stencil: Stencil) -> "tuple[Array, Array] | tuple[None, None]":
    """Uncertainty of the displacement and how it is correlated, where the field states what is needed."""
    if any(name not in field for name in SIGMA) or "subset_size" not in field.attrs:
        return None, None
    sigma = np.stack([field[name].to_numpy() for name in SIGMA]).astype(np.float64)
    reach = [int(n) for n in field.attrs.get("smoothing_reach", (0, 0, 0))]
    lags = overlap_correlation(
        [int(n) for n in field.attrs["subset_size"]],
        [int(n) for n in field.attrs["spacing"]],
        max(stencil.window) + 2 * max(reach),
        quadratic=field.attrs.get("shape_function") == "quadratic",
    )
    if any(reach):
        lags = smooth_correlation(lags, field.attrs["smoothing_sigma_points"], reach)
    return sigma, lags


def _gauge(field: "xr.Dataset", stencil: Stencil, shape: tuple[int, ...]) -> dict[str, Any]:
    """Size of the virtual strain gauge along z, y, x, where the size of the subsets is known."""
    if "subset_size" not in field.attrs:
        return {}
    points = np.minimum(stencil.window, shape) - 1
    smoothed = np.sqrt(12.0) * np.asarray(field.attrs.get("smoothing_sigma_points", (0.0, 0.0, 0.0)))
    spacing, subset = np.asarray(field.attrs["spacing"]), np.asarray(field.attrs["subset_size"])
    voxels = (points + smoothed) * spacing + subset
    lengths = voxels * np.asarray(field.attrs["voxel_size"])
    return {"strain_gauge_size": lengths.tolist(), "strain_gauge_size_voxels": voxels.tolist()}


def _describe(name: str, measure: Measure) -> dict[str, str]:
    if name in ROTATION:
        return {"units": "degree", "long_name": f"rotation vector, component {name[-1]}"}
    if name in SIGMA_STRAIN:
        return {"units": "1", "long_name": f"standard uncertainty of {name.removeprefix('sigma_')}"}
    return {"units": "1", "long_name": f"{measure} strain {name[2:]}"}


def _check_choice(name: str, value: object, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise InputError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
