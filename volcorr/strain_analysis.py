"""The whole way from a measured displacement to strain: outliers, smoothing, strain, invariants."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from volio.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Outliers", "analyse_strain", "write_strain"]

#: What is done about outliers: nothing, leave them out, or put the median of their neighbours in their place.
Outliers = Literal["keep", "exclude", "replace"]


def analyse_strain(
    field: "xr.Dataset",
    *,
    outliers: Outliers = "keep",
    outlier_threshold: float = 3.0,
    smooth: float | Sequence[float] | None = None,
    invariants: Literal["none", "all"] = "none",
    **options: Any,
) -> "xr.Dataset":
    """Make strain of a displacement field, in the order outliers, smoothing, strain, invariants.

    Parameters
    ----------
    field : xarray.Dataset
        From `volcorr.correlate`.
    outliers : {"keep", "exclude", "replace"}
        Whether outliers are looked for, and left out or replaced (`volcorr.outliers.flag_outliers`).
    outlier_threshold : float, default: 3
        Threshold of the test.
    smooth : float or three floats, optional
        Standard deviation in points by which the displacement is smoothed
        (`volcorr.smoothing.smooth_displacement`).
    invariants : {"none", "all"}
        Whether principal strains and the like are added (`volcorr.invariants.strain_invariants`).
    **options
        Further options of `volcorr.strain`.

    Returns
    -------
    xarray.Dataset
        The field with strain.

    Raises
    ------
    InputError
        If `field` is not a displacement field, or an option is out of range.
    """
    from volcorr.invariants import strain_invariants
    from volcorr.outliers import flag_outliers
    from volcorr.smoothing import smooth_displacement
    from volcorr.strains import strain

    if outliers not in get_args(Outliers):
        raise InputError(f"outliers must be one of {', '.join(get_args(Outliers))}, got {outliers!r}")
    if invariants not in ("none", "all"):
        raise InputError(f"invariants must be none or all, got {invariants!r}")
    if outliers != "keep":
        replace: Literal["none", "median"] = "median" if outliers == "replace" else "none"
        field = flag_outliers(field, threshold=outlier_threshold, replace=replace)
    if smooth is not None:
        gaps = {"gaps": options["gaps"]} if "gaps" in options else {}
        field = smooth_displacement(field, sigma=smooth, **gaps)
    field = strain(field, **options)
    return strain_invariants(field) if invariants == "all" else field


def write_strain(source: Path, target: Path, *, overwrite: bool = False, **options: Any) -> "xr.Dataset":
    """Compute strain anew from the displacements of an earlier result, and write it.

    Parameters
    ----------
    source : Path
        A ``fields.zarr``, or the result folder that holds one.
    target : Path
        Folder to make, with ``fields.zarr``, ``points.csv`` and ``fields.vti``.
    overwrite : bool
        Replace `target` where it exists.
    **options
        See `analyse_strain`.

    Returns
    -------
    xarray.Dataset
        The fields written.

    Raises
    ------
    FormatError
        `source` holds no fields.
    InputError
        An option is out of range.
    OutputError
        `target` exists, or cannot be written.
    """
    from volcorr.fields import open_fields
    from volcorr.result import build_result, write_fields

    with build_result(target, overwrite=overwrite, inputs=[source]) as folder:
        fields = analyse_strain(open_fields(source), **options)
        write_fields(fields, folder)
    return fields
