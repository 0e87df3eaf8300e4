"""Composition of displacement fields: the way of each material point over two load steps.

With u1 from volume 0 to k and u2 from volume k to k + 1, the material point X of volume 0 stands at x = X + u1(X) in
volume k, and its total displacement is u(X) = u1(X) + u2(X + u1(X)). The increment u2 is known on the grid of volume k
and is interpolated at x by `volcorr.moving_least_squares`.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from volcorr.fields import AXES, SIGMA, Status, build_fields, check_fields, displacement_array, spacing_of, valid_points
from volcorr.moving_least_squares import Fit, fit_polynomials
from volio.errors import InputError

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["compose", "voxel_positions"]

_CHUNK = 4096


def compose(first: "xr.Dataset", second: "xr.Dataset") -> "xr.Dataset":
    """Follow material points over two steps: the field from the first volume to the last.

    Parameters
    ----------
    first : xarray.Dataset
        Field from volume 0 to volume k.
    second : xarray.Dataset
        Field from volume k to the next; its grid lies in volume k.

    Returns
    -------
    xarray.Dataset
        Field from volume 0 on the points of `first`, displacement only. ``cc`` and ``iterations`` are those of
        `second` around the moved point. A point that `first` has lost keeps its status; one that cannot be followed
        through `second` gets the status of the points that are missing there, or OUTSIDE_VOLUME where it has left
        the grid.

    Raises
    ------
    InputError
        If one is not a field, or their units differ.

    Notes
    -----
    The increment is a polynomial of the second degree fitted to the valid points around the moved point, linear where
    they do not determine it, so any increment that is quadratic over four points is followed exactly. A point is lost
    where less than half of its neighbourhood, by weight, was measured: a hole of one point is bridged, and half a
    distance of points beyond a flat rim, no more.

    The uncertainty is ``sigma_a^2 = sum_b (F_ab sigma1_b)^2 + sigma2_a^2``. F = 1 + grad u2 carries an error of the
    first step into the second; sigma2 is the mean uncertainty of the points around, since averaging brings little where
    subsets share voxels, or what independent errors would give where that is more (few points). It is an upper
    estimate: the noise of the scan in the middle enters the two steps with opposite signs.
    """
    for field in (first, second):
        check_fields(field)
    if first.attrs["unit"] != second.attrs["unit"]:
        raise InputError(
            f"the two fields have different units, {first.attrs['unit']} and {second.attrs['unit']}: "
            "measure both with the same voxel size"
        )
    shape = first["status"].shape
    u = displacement_array(first).reshape(3, -1)
    sigma, cc = np.full_like(u, np.nan), np.full(u.shape[1], np.nan)
    iterations = np.zeros(u.shape[1], np.int16)
    status = first["status"].to_numpy().ravel().copy()
    before = np.stack([first[name].to_numpy().ravel() for name in SIGMA])
    places = voxel_positions(first)
    increment = _Increment(second)
    followed = np.flatnonzero(status == Status.VALID)
    for start in range(0, len(followed), _CHUNK):
        rows = followed[start : start + _CHUNK]
        fit = increment.fit(places[rows])
        carried = np.eye(3)[:, :, None] + increment.gradient(fit)
        u[:, rows] += increment.displacement(fit)
        sigma[:, rows] = np.sqrt(np.einsum("abn,bn->an", carried**2, before[:, rows] ** 2) + increment.sigma(fit) ** 2)
        cc[rows], iterations[rows] = increment.match(fit)
        status[rows] = increment.reason(fit)
    return build_fields(
        (first["z"].to_numpy(), first["y"].to_numpy(), first["x"].to_numpy()),
        displacement=u.reshape(3, *shape),
        sigma=sigma.reshape(3, *shape),
        cc=cc.reshape(shape),
        iterations=iterations.reshape(shape),
        status=status.reshape(shape),
        attrs=first.attrs | {"deformed": second.attrs.get("deformed", "")},
    )


def voxel_positions(field: "xr.Dataset", *, moved: bool = True) -> "NDArray[np.float64]":
    """Return where the points are, as (n, 3) voxel indices of the deformed volume, or of the reference.

    Indices, since the volumes of a series may state different origins. A moved point that is not valid is NaN.
    """
    size, origin = (np.asarray(field.attrs[name], np.float64) for name in ("voxel_size", "volume_origin"))
    axes = [field[axis].to_numpy() for axis in AXES]
    places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    if moved:
        places = places + displacement_array(field).reshape(3, -1).T
    return np.asarray((places - origin) / size)


class _Increment:
    """An increment on the grid of its own reference, to be interpolated there."""

    def __init__(self, field: "xr.Dataset") -> None:
        z, y, x = field["status"].shape
        self._shape = (z, y, x)
        self._first = voxel_positions(field, moved=False)[0]
        self._spacing = np.asarray(field.attrs["spacing"], np.float64)
        self._lengths = spacing_of(field)
        self._valid = valid_points(field).ravel()
        self._status = field["status"].to_numpy().ravel()
        self._cc, self._iterations = (np.nan_to_num(field[name].to_numpy().ravel()) for name in ("cc", "iterations"))
        self._u = np.nan_to_num(displacement_array(field).reshape(3, -1))
        self._sigma = np.nan_to_num(np.stack([field[name].to_numpy().ravel() for name in SIGMA]))

    def fit(self, places: "NDArray[np.float64]") -> Fit:
        """Fit at (n, 3) voxel indices."""
        return fit_polynomials((places - self._first) / self._spacing, self._valid, self._shape)

    def displacement(self, fit: Fit) -> "NDArray[np.float64]":
        """Return the increment (3, n), NaN where there is none."""
        return fit.sum(fit.value, self._u)

    def gradient(self, fit: Fit) -> "NDArray[np.float64]":
        """Return du_a / dx_b as (3, 3, n)."""
        slopes = [fit.sum(fit.slope[:, b], self._u) / self._lengths[b] for b in range(3)]
        return np.stack(slopes, axis=1)

    def sigma(self, fit: Fit) -> "NDArray[np.float64]":
        """Return the uncertainty (3, n) of the increment."""
        independent = np.sqrt(fit.sum(fit.value**2, self._sigma**2))
        return np.maximum(independent, fit.sum(fit.mean, self._sigma))

    def match(self, fit: Fit) -> "tuple[NDArray[np.float64], NDArray[Any]]":
        """Return the mean correlation (n,) of the points around, and the iterations of the nearest."""
        cc = fit.sum(fit.mean, self._cc[None])[0]
        nearest = np.take_along_axis(fit.node, fit.weight.argmax(axis=1)[:, None], axis=1)[:, 0]
        return np.clip(cc, -1, 1), np.where(fit.good, self._iterations[nearest], 0)

    def reason(self, fit: Fit) -> "NDArray[np.uint8]":
        """Return VALID, or the status (n,) of the nearest point that is missing."""
        missing = np.where(self._valid[fit.node], 0.0, fit.share)
        nearest = np.take_along_axis(fit.node, missing.argmax(axis=1)[:, None], axis=1)[:, 0]
        beyond = missing.sum(axis=1) < 1 - fit.share.sum(axis=1)  # more of the neighbourhood lies outside the grid
        lost = np.where(beyond, Status.OUTSIDE_VOLUME, self._status[nearest])
        return np.where(fit.good, Status.VALID, lost).astype(np.uint8)
