"""Strain from displacement: a least-squares fit over a window of points."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from volcorr.fields import AXES, STRAIN, check_fields, displacement_array, spacing_of
from volcorr.neighbours import fit_window
from volio.errors import InputError

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["MEASURES", "Measure", "strain", "strain_tensor"]

Measure = Literal["green-lagrange", "infinitesimal"]
MEASURES: Final = ("green-lagrange", "infinitesimal")

_COMPONENTS: Final = dict(zip(STRAIN, [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)], strict=True))


def strain(
    field: "xr.Dataset",
    *,
    measure: Measure = "green-lagrange",
    window: int | Sequence[int] = 3,
    min_points: int | None = None,
) -> "xr.Dataset":
    """Compute the strain tensor at every point of a displacement field.

    A linear displacement is fitted by least squares to the valid points of a window around each valid point; its
    gradient gives the strain. Missing neighbours are left out.

    Parameters
    ----------
    field : xarray.Dataset
        From `volcorr.correlate`.
    measure : {"green-lagrange", "infinitesimal"}
        Green-Lagrange ``(F^T F - 1) / 2``, which is zero for any rotation, or the symmetric part of the
        displacement gradient, which is exact only for small rotations.
    window : int or three ints, default: 3
        Edge of the window along z, y, x, in points: odd, at least 3.
    min_points : int, optional
        Valid points that a window needs; a quarter of the window and at least 4 when not given.

    Returns
    -------
    xarray.Dataset
        The field with ``e_zz, e_yy, e_xx, e_zy, e_zx, e_yx`` (dimensionless; tensor shear) and ``strain_points``,
        the number of points used. NaN where the point is invalid or its window has too few points, and for
        components along an axis that has only one point.

    Raises
    ------
    InputError
        If `field` is not a displacement field, or an option is out of range.
    """
    check_fields(field)
    if measure not in MEASURES:
        raise InputError(f"measure must be one of {', '.join(MEASURES)}, got {measure!r}")
    edges = _window(window)
    needed = max(4, int(np.ceil(np.prod(edges) / 4))) if min_points is None else min_points
    if not 4 <= needed <= np.prod(edges):
        raise InputError(f"min_points must be between 4 and the {np.prod(edges)} points of the window, got {needed}")
    gradient, count = fit_window(displacement_array(field), spacing_of(field), window=edges, min_points=needed)
    tensor = strain_tensor(gradient, measure=measure)
    variables = {
        name: (AXES, tensor[a, b], {"units": "1", "long_name": f"{measure} strain {name[2:]}"})
        for name, (a, b) in _COMPONENTS.items()
    }
    counts = (AXES, count, {"long_name": "points used for the strain"})
    attrs = {
        **field.attrs,
        "strain_measure": measure,
        "strain_window": list(edges),
        "strain_min_points": needed,
    }
    return field.assign(variables | {"strain_points": counts}).assign_attrs(attrs)


def strain_tensor(gradient: "NDArray[np.float64]", *, measure: Measure = "green-lagrange") -> "NDArray[np.float64]":
    """Turn displacement gradients into strain tensors.

    Parameters
    ----------
    gradient : (3, 3, ...) array
        ``gradient[a, b] = du_a / dX_b``.
    measure : {"green-lagrange", "infinitesimal"}
        See `strain`.

    Returns
    -------
    (3, 3, ...) array
        Symmetric strain tensors.
    """
    small = 0.5 * (gradient + gradient.swapaxes(0, 1))
    if measure == "infinitesimal":
        return small
    return np.asarray(small + 0.5 * np.einsum("ca...,cb...->ab...", gradient, gradient))


def _window(window: int | Sequence[int]) -> tuple[int, int, int]:
    edges = (window,) * 3 if isinstance(window, (int, np.integer)) else tuple(window)
    if len(edges) != 3 or any(int(w) != w or w < 3 or w % 2 == 0 for w in edges):
        raise InputError(f"window must be an odd number of points >= 3, or three of them (z, y, x), got {window!r}")
    return int(edges[0]), int(edges[1]), int(edges[2])
