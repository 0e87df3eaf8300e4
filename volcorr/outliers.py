"""Outliers: points whose displacement contradicts that of their neighbours."""

import logging
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np

from volcorr.fields import AXES, DISPLACEMENT, SIGMA, check_fields, displacement_array
from volcorr.neighbours import neighbour_median
from volcorr.strain_variables import drop_strain
from volio.errors import InputError

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["Replace", "excluded_points", "flag_outliers"]

logger = logging.getLogger(__name__)

Replace = Literal["none", "median"]

CONSISTENT, OUTLIER, REPLACED, NOT_JUDGED = range(4)
_MEANINGS: Final = "consistent outlier replaced not_judged"
#: Standard deviation of a normal distribution over its median absolute deviation.
_MAD_TO_STD: Final = 1.4826


def flag_outliers(
    field: "xr.Dataset",
    *,
    threshold: float = 3.0,
    noise: float = 0.1,
    replace: Replace = "none",
    threads: int | None = None,
) -> "xr.Dataset":
    """Mark points that contradict their neighbours, by the normalised median test.

    A displacement that is the same linear function of position for the whole specimen is taken off first, so that its
    rotation and mean strain do not count. A point is an outlier where a component differs from the median of its up to
    26 neighbours by more than ``threshold * (deviation + noise)``; the deviation is the median distance of the
    neighbours from their median.

    Parameters
    ----------
    field : xarray.Dataset
        From `volcorr.correlate`.
    threshold : float, default: 3
        Accepted deviation; smaller marks more points.
    noise : float, default: 0.1
        Deviation in voxels that is always accepted beside that of the neighbours.
    replace : {"none", "median"}
        Whether the displacement of an outlier stays (`volcorr.strain` then leaves the point out), or becomes the median
        of its neighbours, with their spread as its uncertainty.
    threads : int, optional
        Number of threads; the result does not depend on it.

    Returns
    -------
    xarray.Dataset
        The field with ``outlier`` (uint8): 0 consistent, 1 outlier, 2 replaced, 3 not judged, as the point is missing
        or has fewer than five neighbours. The attributes ``outlier_*`` state the options and how many points were
        marked. Strain of an earlier call is dropped.

    Raises
    ------
    InputError
        If `field` is not a displacement field or already holds replaced points, or an option is out of range.

    Notes
    -----
    J. Westerweel and F. Scarano, "Universal outlier detection for PIV data", Experiments in Fluids 39 (2005) 1096-1100,
    doi:10.1007/s00348-005-0016-6, here with 26 neighbours.
    """
    check_fields(field)
    if not threshold > 0:
        raise InputError(f"threshold must be positive, got {threshold!r}: 2 is strict, 3 usual")
    if not noise > 0:
        raise InputError(f"noise must be a positive number of voxels, got {noise!r}: 0.1 is usual")
    if replace not in get_args(Replace):
        raise InputError(f"replace must be one of {', '.join(get_args(Replace))}, got {replace!r}")
    if "outlier" in field and (field["outlier"] == REPLACED).any():
        raise InputError("outliers of this field were replaced already: start from the field as it was measured")
    voxel = np.asarray(field.attrs["voxel_size"], np.float64)[:, None, None, None]
    u = displacement_array(field) / voxel
    trend = _linear_trend(u)
    median, deviation, judged = neighbour_median(u - trend, threads=threads)
    there = np.isfinite(u).all(axis=0)
    far = (np.abs(u - trend - median) > threshold * (deviation + noise)).any(axis=0) & there & judged
    flags = np.where(there & judged, CONSISTENT, NOT_JUDGED).astype(np.uint8)
    flags[far] = OUTLIER if replace == "none" else REPLACED
    count = int(far.sum())
    logger.info("%d of %d points are outliers%s", count, there.sum(), ", replaced" if replace == "median" else "")
    marked = drop_strain(field)
    if replace == "median":
        spread = np.maximum(_MAD_TO_STD * deviation * voxel, 0.0)
        marked = _put(marked, far, (median + trend) * voxel, spread)
    attrs = {"long_name": "consistency with the neighbours", "flag_values": [0, 1, 2, 3], "flag_meanings": _MEANINGS}
    return marked.assign(outlier=(AXES, flags, attrs)).assign_attrs(
        outlier_test="normalised median, 26 neighbours, linear motion of the specimen taken off",
        outlier_threshold=float(threshold),
        outlier_noise_voxels=float(noise),
        outlier_replace=replace,
        outlier_count=count,
    )


def excluded_points(field: "xr.Dataset") -> "NDArray[np.bool_]":
    """Return which points are marked as outliers and were not replaced; none where the field was not tested."""
    if "outlier" not in field:
        return np.zeros(field["status"].shape, np.bool_)
    return np.asarray(field["outlier"].to_numpy() == OUTLIER)


def _linear_trend(u: "Array") -> "Array":
    """Least-squares linear function of position through the points that are there; zero where there are too few."""
    there = np.isfinite(u).all(axis=0)
    axes = [np.arange(n) - (n - 1) / 2 for n in there.shape]
    basis = np.stack([np.ones(there.shape), *np.meshgrid(*axes, indexing="ij")])
    known = basis[:, there]
    if known.shape[1] < 8:
        return np.zeros_like(u)
    # sums without BLAS, whose order would depend on its threads
    normal, right = np.einsum("pn,qn->pq", known, known), np.einsum("pn,an->pa", known, u[:, there])
    factors = np.linalg.lstsq(normal, right, rcond=None)[0]
    return np.asarray(np.einsum("pa,p...->a...", factors, basis))


def _put(field: "xr.Dataset", points: "NDArray[np.bool_]", u: "Array", spread: "Array") -> "xr.Dataset":
    """Put displacement and uncertainty at some points; an uncertainty never becomes smaller."""
    new = {}
    for a, (name, sigma) in enumerate(zip(DISPLACEMENT, SIGMA, strict=True)):
        new[name] = field[name].copy(data=np.where(points, u[a], field[name].to_numpy()))
        if sigma in field:
            own = field[sigma].to_numpy()
            new[sigma] = field[sigma].copy(data=np.where(points, np.fmax(own, spread[a]), own))
    return field.assign(new)
