"""Fields and series as tables (CSV, Parquet) and as VTK image data for ParaView."""

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import quoteattr

import numpy as np

from volcorr.fields import AXES, DISPLACEMENT, SIGMA, STRAIN, Status, check_fields, is_series, spacing_of
from volcorr.steps import OWN, each_step, label_names
from volcorr.strain_variables import INVARIANTS, ROTATION, SIGMA_STRAIN
from volio.errors import InputError
from volio.staging import staged

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["to_table", "write_csv", "write_parquet", "write_vtk", "write_vtk_series"]

#: VTK's names of the types that a field holds.
_VTK_TYPES: Final = {
    "f8": "Float64",
    "f4": "Float32",
    "i2": "Int16",
    "i4": "Int32",
    "i8": "Int64",
    "u1": "UInt8",
}


def to_table(fields: "xr.Dataset") -> "pd.DataFrame":
    """Return a field as a table with one row per measurement point, x fastest.

    ============================================== ======== ============================================
    Column                                         Type     Meaning
    ============================================== ======== ============================================
    ``z_um``, ``y_um``, ``x_um``                   float64  position in the reference volume
    ``u_z_um``, ``u_y_um``, ``u_x_um``             float64  displacement
    ``sigma_z_um``, ``sigma_y_um``, ``sigma_x_um`` float64  standard uncertainty of the displacement
    ``e_zz``, ``e_yy``, ``e_xx``                   float64  normal strains, compression negative
    ``e_zy``, ``e_zx``, ``e_yx``                   float64  shear strains of the tensor
    ``sigma_e_zz`` and so on                       float64  standard uncertainty of the strains
    ``rotation_z``, ``rotation_y``, ``rotation_x`` float64  rotation vector, degrees
    ``e_1``, ``e_2``, ``e_3``, ``e_vol``, ...      float64  what `volcorr.strain_invariants` adds
    ``strain_points``                              int16    points that the strain was computed from
    ``outlier``                                    uint8    what `volcorr.flag_outliers` found
    ``cc``                                         float64  zero-normalised cross-correlation, -1 to 1
    ``iterations``                                 int16    iterations of the last refinement
    ``status``                                     uint8    0 for a valid point, see `volcorr.fields.Status`
    ``status_name``                                category the status in words ("low_correlation")
    ============================================== ======== ============================================

    The end of a name is the unit of the lengths, ``_voxel`` for a field in voxels; what has no unit is
    dimensionless. Columns that the field does not hold (strain before it was computed) are left out. Values
    of invalid points are NaN.

    The table of a series is long: the steps one below the other, with the columns ``step``, ``step_name``,
    ``reference_step`` and those of its labels (``force_mN``) before the others.

    Parameters
    ----------
    fields : xarray.Dataset
        Displacement or strain field with dimensions (z, y, x), or a series with (step, z, y, x).

    Returns
    -------
    pandas.DataFrame
        The table, with a plain running index.

    Raises
    ------
    InputError
        If the dataset is not a displacement field.
    """
    import pandas as pd

    check_fields(fields, steps=True)
    if is_series(fields):
        names = pd.Index(fields["step_name"].to_numpy().tolist()).unique() if "step_name" in fields.coords else None
        table = pd.concat([_with_step(_to_table(field), field, fields) for field in each_step(fields)])
        if names is not None:
            table["step_name"] = table["step_name"].astype(pd.CategoricalDtype(names))
        return table.reset_index(drop=True)
    return _to_table(fields)


def _with_step(table: "pd.DataFrame", field: "xr.Dataset", series: "xr.Dataset") -> "pd.DataFrame":
    """Put what belongs to a step before the columns of its table."""
    columns = [name for name in OWN if name in series.coords]
    for place, name in enumerate([*columns, *label_names(series)]):
        unit = series[name].attrs.get("units", "")
        table.insert(place, f"{name}_{unit}" if unit else name, field[name].item())
    return table


def _to_table(fields: "xr.Dataset") -> "pd.DataFrame":
    import pandas as pd

    unit = fields.attrs["unit"]
    positions = np.meshgrid(*(fields[axis].to_numpy() for axis in AXES), indexing="ij")
    columns: dict[str, Any] = {
        f"{axis}_{unit}": position.ravel() for axis, position in zip(AXES, positions, strict=True)
    }
    columns |= {f"{name}_{unit}": _flat(fields, name) for name in (*DISPLACEMENT, *SIGMA) if name in fields}
    columns |= {
        name: _flat(fields, name)
        for name in (
            *STRAIN,
            *SIGMA_STRAIN,
            *ROTATION,
            *INVARIANTS,
            "strain_points",
            "outlier",
            "cc",
            "iterations",
            "status",
        )
        if name in fields
    }
    names = pd.Index([status.name.lower() for status in Status])
    columns["status_name"] = pd.Categorical.from_codes(columns["status"].astype(np.int8), categories=names)
    return pd.DataFrame(columns)


def write_csv(fields: "xr.Dataset", path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a field as comma-separated values: a header, then one row per measurement point.

    The columns are those of `to_table`. Numbers carry all the digits of a double; NaN is an empty field.

    Parameters
    ----------
    fields : xarray.Dataset
        Displacement or strain field with dimensions (z, y, x), or a series.
    path : str or Path
        The file to write.
    overwrite : bool
        Whether to replace an existing file.

    Raises
    ------
    InputError
        If the dataset is not a displacement field.
    OutputError
        If the file exists and `overwrite` is False, or cannot be written.
    """
    path = Path(path)
    table = to_table(fields)
    with staged(path, overwrite=overwrite) as temporary:
        table.to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n", compression=None)
    return path


def write_parquet(fields: "xr.Dataset", path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a field as an Apache Parquet table with the columns and types of `to_table`.

    Parameters
    ----------
    fields : xarray.Dataset
        Displacement or strain field with dimensions (z, y, x), or a series.
    path : str or Path
        The file to write.
    overwrite : bool
        Whether to replace an existing file.

    Raises
    ------
    InputError
        If the dataset is not a displacement field, or pyarrow is not installed.
    OutputError
        If the file exists and `overwrite` is False, or cannot be written.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise InputError(
            'Parquet files need pyarrow, which is not installed; pip install "volcorr[parquet]", or write CSV'
        ) from error
    path = Path(path)
    table = to_table(fields)
    with staged(path, overwrite=overwrite) as temporary:
        table.to_parquet(temporary, engine="pyarrow", index=False)
    return path


def write_vtk(fields: "xr.Dataset", path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a field as VTK image data (``.vti``), which ParaView opens.

    The measurement points are the points of the image, at their positions in the reference. ``u`` and
    ``sigma`` are vectors in VTK's order x, y, z; everything else is a scalar of the same name. Invalid points
    are NaN. The unit of lengths is the field data array ``unit``.

    Parameters
    ----------
    fields : xarray.Dataset
        Displacement or strain field with dimensions (z, y, x).
    path : str or Path
        The file to write.
    overwrite : bool
        Whether to replace an existing file.

    Raises
    ------
    InputError
        If the dataset is not a displacement field.
    OutputError
        If the file exists and `overwrite` is False, or cannot be written.

    Notes
    -----
    VTK XML image data with inline base64 data and 64-bit headers: "VTK File Formats",
    https://docs.vtk.org/en/latest/design_documents/VTKFileFormats.html.
    """
    check_fields(fields)
    path = Path(path)
    extent = " ".join(f"0 {fields.sizes[axis] - 1}" for axis in reversed(AXES))
    origin = " ".join(repr(float(fields[axis][0])) for axis in reversed(AXES))
    spacing = " ".join(repr(float(step)) for step in reversed(spacing_of(fields)))
    unit = " ".join(str(byte) for byte in f"{fields.attrs['unit']}\0".encode())
    with (
        staged(path, overwrite=overwrite) as temporary,
        temporary.open("w", encoding="ascii", newline="\n") as file,
    ):
        file.write(
            '<?xml version="1.0"?>\n'
            '<VTKFile type="ImageData" version="1.0" byte_order="LittleEndian" header_type="UInt64">\n'
            f'<ImageData WholeExtent="{extent}" Origin="{origin}" Spacing="{spacing}">\n'
            '<FieldData>\n<Array type="String" Name="unit" NumberOfTuples="1" format="ascii">'
            f"{unit}</Array>\n</FieldData>\n"
            f'<Piece Extent="{extent}">\n<PointData Scalars="cc" Vectors="u">\n'
        )
        for name, values in _point_arrays(fields).items():
            file.write(_data_array(name, values))
        file.write("</PointData>\n</Piece>\n</ImageData>\n</VTKFile>\n")
    return path


def write_vtk_series(series: "xr.Dataset", path: str | Path, *, time: str = "step", overwrite: bool = False) -> Path:
    """Write a series for ParaView: a collection (``.pvd``), and beside it a folder with one ``.vti`` a step.

    Parameters
    ----------
    series : xarray.Dataset
        With dimensions (step, z, y, x).
    path : str or Path
        The collection, such as ``fields.pvd``; the images are ``fields/step_0001.vti`` and so on (see `write_vtk`).
    time : str
        Coordinate along ``step`` that ParaView shows as time: ``step``, or a label such as a force that grows.
    overwrite : bool
        Whether to replace an existing collection and its folder.

    Returns
    -------
    Path
        The collection.

    Raises
    ------
    InputError
        If the dataset is not a series, or `time` is not a coordinate of it that grows from step to step.
    OutputError
        If the file or the folder exists and `overwrite` is False, or cannot be written.
    """
    check_fields(series, steps=True)
    known = ["step", *label_names(series)] if is_series(series) else []
    if time not in known:
        raise InputError(f"time must be a label of a series, one of {', '.join(known) or 'none'}, got {time!r}")
    times = series[time].to_numpy().astype(np.float64)
    if not (np.diff(times) > 0).all():
        raise InputError(f"time must grow from step to step, {time!r} does not: use 'step'")
    path = Path(path)
    folder = path.with_suffix("")
    if folder == path:
        raise InputError(f"{path} needs an extension: call the collection {path}.pvd")
    lines = []
    with staged(path, overwrite=overwrite) as temporary:
        with staged(folder, overwrite=overwrite) as images:
            images.mkdir()
            for value, field in zip(times.tolist(), each_step(series), strict=True):
                image = write_vtk(field, images / f"step_{int(field['step']):04d}.vti")
                name = quoteattr(f"{folder.name}/{image.name}")
                lines.append(f'<DataSet timestep="{value!r}" part="0" file={name}/>\n')
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(
                '<?xml version="1.0"?>\n<VTKFile type="Collection" version="1.0" byte_order="LittleEndian">\n'
                f"<Collection>\n{''.join(lines)}</Collection>\n</VTKFile>\n"
            )
    return path


def _flat(fields: "xr.Dataset", name: str) -> "NDArray[Any]":
    return np.asarray(fields[name].transpose(*AXES).to_numpy()).ravel()


def _point_arrays(fields: "xr.Dataset") -> "dict[str, NDArray[Any]]":
    """Return the arrays of the points, x fastest: (n, 3) vectors x, y, z and (n,) scalars."""
    arrays = {}
    for vector, names in (("u", DISPLACEMENT), ("sigma", SIGMA)):
        if all(name in fields for name in names):
            arrays[vector] = np.stack([_flat(fields, name) for name in reversed(names)], axis=-1)
    scalars = [str(n) for n, v in fields.items() if v.dims == AXES and n not in (*DISPLACEMENT, *SIGMA)]
    return arrays | {name: _flat(fields, name) for name in scalars}


def _data_array(name: str, values: "NDArray[Any]") -> str:
    """Return an array as one element: its length in bytes and its values, in base64."""
    if values.dtype.str[1:] not in _VTK_TYPES:
        values = values.astype(np.float64)
    kind = values.dtype.str[1:]
    content = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    header = np.array(len(content), "<u8").tobytes()
    components = f' NumberOfComponents="{values.shape[1]}"' if values.ndim == 2 else ""
    return (
        f'<DataArray type="{_VTK_TYPES[kind]}" Name={quoteattr(name)}{components} format="binary">\n'
        f"{base64.b64encode(header + content).decode()}\n</DataArray>\n"
    )
