"""Displacement and strain fields: names, statuses, and their file.

A field is an `xarray.Dataset` on the regular grid of measurement points with dimensions ``(z, y, x)``.
Its coordinates are positions in the reference volume, in ``attrs["unit"]``: the point at reference position X
is found at ``X + u`` in the deformed volume. Invalid points are NaN and ``status`` says why.

The fields of a compression series have the dimensions ``(step, z, y, x)``, see `volcorr.steps`.
"""

from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

from volio.errors import FormatError, InputError
from volio.staging import staged

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "AXES",
    "DISPLACEMENT",
    "SIGMA",
    "STRAIN",
    "Status",
    "build_fields",
    "check_fields",
    "displacement_array",
    "is_series",
    "open_fields",
    "save_fields",
    "spacing_of",
    "valid_points",
]

AXES: Final = ("z", "y", "x")
DISPLACEMENT: Final = ("u_z", "u_y", "u_x")
SIGMA: Final = ("sigma_z", "sigma_y", "sigma_x")
STRAIN: Final = ("e_zz", "e_yy", "e_xx", "e_zy", "e_zx", "e_yx")

_CONVENTION: Final = (
    "axes z, y, x; u(X) is the displacement of the material point at reference position X, found at X + u in the "
    "deformed volume; compression is negative; e_zy, e_zx, e_yx are tensor shear strains"
)


class Status(IntEnum):
    """Why a measurement point is valid or not."""

    VALID = 0
    OUTSIDE_MASK = 1
    OUTSIDE_VOLUME = 2
    BAD_VOXELS = 3
    NO_TEXTURE = 4
    NOT_CONVERGED = 5
    LOW_CORRELATION = 6
    #: Converged, but contradicts its neighbours.
    OUTLIER = 7
    #: Most of the subset matches, a part of it does not at all: torn, closed, or moved in another way.
    PARTLY_MATCHED = 8


def build_fields(
    positions: "tuple[NDArray[Any], NDArray[Any], NDArray[Any]]",
    *,
    displacement: "NDArray[Any]",
    sigma: "NDArray[Any]",
    cc: "NDArray[Any]",
    iterations: "NDArray[Any]",
    status: "NDArray[Any]",
    attrs: dict[str, Any],
) -> xr.Dataset:
    """Put measured arrays into a field.

    Parameters
    ----------
    positions : three 1-D arrays
        Coordinates of the grid along z, y, x, in ``attrs["unit"]``.
    displacement, sigma : (3, nz, ny, nx) arrays
        Components in the order z, y, x, in ``attrs["unit"]``.
    cc, iterations, status : (nz, ny, nx) arrays
        Zero-normalised cross-correlation, iterations used, `Status`.
    attrs : dict
        Must hold ``unit``; everything in it is kept.

    Returns
    -------
    xarray.Dataset
        The field; displacement and sigma are NaN where the status is not valid.
    """
    unit = attrs["unit"]
    valid = status == Status.VALID
    variables: dict[str, Any] = {}
    for name, u in zip(DISPLACEMENT, displacement, strict=True):
        variables[name] = (
            AXES,
            np.where(valid, u, np.nan),
            {"units": unit, "long_name": f"displacement {name[-1]}"},
        )
    for name, s in zip(SIGMA, sigma, strict=True):
        text = f"standard uncertainty of u_{name[-1]}"
        variables[name] = (AXES, np.where(valid, s, np.nan), {"units": unit, "long_name": text})
    variables["cc"] = (
        AXES,
        cc.astype(np.float64),
        {"units": "1", "long_name": "zero-normalised cross-correlation"},
    )
    variables["iterations"] = (
        AXES,
        iterations.astype(np.int16),
        {"long_name": "iterations of the last refinement"},
    )
    flags = {
        "long_name": "status of the point",
        "flag_values": [int(s) for s in Status],
        "flag_meanings": " ".join(s.name.lower() for s in Status),
    }
    variables["status"] = (AXES, status.astype(np.uint8), flags)
    coords = {
        axis: (
            axis,
            np.asarray(p, np.float64),
            {"units": unit, "long_name": f"{axis} in the reference volume"},
        )
        for axis, p in zip(AXES, positions, strict=True)
    }
    return xr.Dataset(variables, coords, {**attrs, "convention": _CONVENTION})


def is_series(fields: xr.Dataset) -> bool:
    """Return whether `fields` holds the steps of a series, and not a single field."""
    return "step" in fields.dims


def check_fields(fields: xr.Dataset, *, steps: bool = False) -> None:
    """Raise `InputError` when `fields` is not a displacement field of volcorr.

    Parameters
    ----------
    fields : xarray.Dataset
        What to check.
    steps : bool
        Whether a series with dimensions (step, z, y, x) will do as well.
    """
    missing = [name for name in (*DISPLACEMENT, "status") if name not in fields]
    if missing:
        raise InputError(
            f"this dataset is not a displacement field: variables {', '.join(missing)} are missing, it holds "
            f"{', '.join(map(str, fields.data_vars)) or 'none'}; give the fields.zarr that volcorr dvc wrote"
        )
    dims = fields["u_z"].dims
    if dims != AXES and not (steps and dims == ("step", *AXES)):
        raise InputError(
            f"a field has the dimensions (z, y, x), got ({', '.join(map(str, dims))}); "
            "select one step first with volcorr.select_step(series, 1)"
        )


def displacement_array(fields: xr.Dataset) -> "NDArray[np.float64]":
    """Return the displacement as one (3, nz, ny, nx) float64 array, components z, y, x, in ``attrs["unit"]``.

    Of a series it is (3, steps, nz, ny, nx).
    """
    return np.stack([fields[name].to_numpy() for name in DISPLACEMENT]).astype(np.float64)


def valid_points(fields: xr.Dataset) -> "NDArray[np.bool_]":
    """Return which points are valid, as an (nz, ny, nx) bool array; (steps, nz, ny, nx) of a series."""
    return np.asarray(fields["status"].to_numpy() == Status.VALID)


def spacing_of(fields: xr.Dataset) -> "NDArray[np.float64]":
    """Return the distance between points along z, y, x, in ``attrs["unit"]``."""
    return np.asarray(fields.attrs["spacing"], np.float64) * np.asarray(fields.attrs["voxel_size"], np.float64)


def save_fields(fields: xr.Dataset, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a field or a series as a zarr v3 group, under a temporary name that is then moved into place.

    A series is stored in chunks of one step.

    Raises
    ------
    OutputError
        If `path` exists and `overwrite` is False, or cannot be written.
    """
    path = Path(path)
    chunks = {name: {"chunks": (1, *v.shape[1:])} for name, v in fields.data_vars.items() if v.dims[:1] == ("step",)}
    with staged(path, overwrite=overwrite) as temporary:
        fields.to_zarr(temporary, zarr_format=3, consolidated=False, encoding=chunks)
    return path


def open_fields(path: str | Path) -> xr.Dataset:
    """Read a field, or a series, into memory.

    Parameters
    ----------
    path : str or Path
        A ``fields.zarr``, or the result folder that holds one.

    Raises
    ------
    FormatError
        If there is no readable field at `path`.
    """
    path = Path(path)
    group = path / "fields.zarr" if (path / "fields.zarr").is_dir() else path
    if not group.is_dir():
        raise FormatError(f"no field at {path}: give a fields.zarr, or the folder that volcorr dvc wrote")
    try:
        with xr.open_zarr(group, consolidated=False, chunks=None) as stored:
            fields: xr.Dataset = stored.load()
    except (OSError, ValueError, KeyError) as error:
        raise FormatError(
            f"{group} cannot be read as a field ({error}); give the fields.zarr that volcorr dvc wrote"
        ) from error
    check_fields(fields, steps=True)
    return fields
