import csv
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from volcorr.export import to_table, write_csv, write_parquet, write_vtk, write_vtk_series
from volcorr.fields import DISPLACEMENT, SIGMA, STRAIN, Status, build_fields
from volcorr.steps import each_step, stack_steps
from volio import InputError, OutputError

SHAPE = (3, 4, 5)
WRITERS = [write_csv, write_parquet, write_vtk]


@pytest.fixture
def fields() -> xr.Dataset:
    rng = np.random.default_rng(0)
    size, first, spacing, origin = (0.5, 0.4, 0.3), (10, 12, 14), (8, 6, 4), (100.0, -20.0, 3.0)
    positions = tuple(
        o + s * (f + d * np.arange(n)) for o, s, f, d, n in zip(origin, size, first, spacing, SHAPE, strict=True)
    )
    status = rng.choice([0, 0, 0, 1, 5, 6], SHAPE).astype(np.uint8)
    attrs = {"unit": "um", "voxel_size": list(size), "spacing": list(spacing)}
    field = build_fields(
        positions,
        displacement=rng.normal(size=(3, *SHAPE)),
        sigma=rng.uniform(size=(3, *SHAPE)),
        cc=rng.uniform(size=SHAPE),
        iterations=rng.integers(1, 9, SHAPE),
        status=status,
        attrs=attrs,
    )
    strain = {name: (("z", "y", "x"), np.where(status == 0, rng.normal(size=SHAPE), np.nan)) for name in STRAIN}
    return field.assign(strain).assign(strain_points=(("z", "y", "x"), np.full(SHAPE, 27, np.int16)))


def test_one_row_a_point_with_its_position_and_values(fields):
    table = to_table(fields)
    assert list(table.columns) == [
        *("z_um", "y_um", "x_um", "u_z_um", "u_y_um", "u_x_um", "sigma_z_um", "sigma_y_um", "sigma_x_um"),
        *("e_zz", "e_yy", "e_xx", "e_zy", "e_zx", "e_yx", "strain_points", "cc", "iterations", "status"),
        "status_name",
    ]
    assert len(table) == 60
    assert list(table["x_um"].head(6)) == [*fields["x"].to_numpy(), fields["x"].to_numpy()[0]]
    for row in table.iloc[::7].itertuples():
        point = fields.sel(z=row.z_um, y=row.y_um, x=row.x_um)
        for column, name in (("u_y_um", "u_y"), ("sigma_x_um", "sigma_x"), ("e_zx", "e_zx"), ("cc", "cc")):
            np.testing.assert_equal(getattr(row, column), float(point[name]))
        assert row.status_name == Status(row.status).name.lower()
    assert table.dtypes[["iterations", "status", "strain_points"]].astype(str).tolist() == ["int16", "uint8", "int16"]


def test_the_order_of_the_dimensions_in_memory_does_not_matter(fields):
    turned = fields.assign(cc=fields["cc"].transpose("x", "z", "y"))
    pd.testing.assert_frame_equal(to_table(turned), to_table(fields))


def test_a_field_in_voxels_without_strain_has_fewer_columns(fields):
    table = to_table(fields.drop_vars([*STRAIN, "strain_points"]).assign_attrs(unit="voxel"))
    assert list(table.columns)[:4] == ["z_voxel", "y_voxel", "x_voxel", "u_z_voxel"]
    assert not set(table.columns) & {*STRAIN, "strain_points"}


def test_csv_keeps_every_digit_and_leaves_nan_empty(fields, tmp_path):
    path = write_csv(fields, tmp_path / "points.csv")
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    table = to_table(fields)
    assert header == list(table.columns)
    assert len(rows) == len(table)
    for name, texts in zip(header, zip(*rows, strict=True), strict=True):
        if name == "status_name":
            assert list(texts) == list(table[name])
        else:
            numbers = [float(text) if text else np.nan for text in texts]
            np.testing.assert_array_equal(numbers, table[name].to_numpy(np.float64))
    assert table["u_z_um"].isna().any()
    assert b"\r" not in path.read_bytes()


def test_parquet_keeps_values_and_types(fields, tmp_path):
    back = pd.read_parquet(write_parquet(fields, tmp_path / "points.parquet"))
    pd.testing.assert_frame_equal(back, to_table(fields))


def test_parquet_without_pyarrow_says_what_to_install(fields, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r'pip install "volcorr\[parquet\]"'):
        write_parquet(fields, tmp_path / "points.parquet")
    assert not list(tmp_path.iterdir())


def read_vtk(path):
    xml = pytest.importorskip("vtkmodules.vtkIOXML")
    reader = xml.vtkXMLImageDataReader()
    assert reader.CanReadFile(str(path))
    reader.SetFileName(str(path))
    reader.Update()
    assert reader.GetErrorCode() == 0
    return reader.GetOutput()


def test_vtk_reads_the_same_values_at_the_same_places(fields, tmp_path):
    image = read_vtk(write_vtk(fields, tmp_path / "fields.vti"))
    assert image.GetDimensions() == (5, 4, 3)
    data = image.GetPointData()
    table = to_table(fields)
    assert image.GetNumberOfPoints() == len(table)
    for number, row in table.iterrows():
        assert image.GetPoint(number) == pytest.approx((row["x_um"], row["y_um"], row["z_um"]), rel=1e-12)
        for vector, names in (("u", DISPLACEMENT), ("sigma", SIGMA)):
            expected = [row[f"{name}_um"] for name in reversed(names)]
            np.testing.assert_array_equal(data.GetArray(vector).GetTuple3(number), expected)
        for name in (*STRAIN, "cc", "status", "iterations", "strain_points"):
            np.testing.assert_array_equal(data.GetArray(name).GetValue(number), row[name])
    assert data.GetNumberOfArrays() == 2 + 6 + 4
    assert data.GetArray("status").GetDataTypeAsString() == "unsigned char"
    assert image.GetFieldData().GetAbstractArray("unit").GetValue(0) == "um"


def test_vtk_reads_a_single_point_and_unusual_types(fields, tmp_path):
    point = fields.isel(z=[1], y=[2], x=[3]).assign(used=(("z", "y", "x"), np.ones((1, 1, 1), bool)), scalar=3.0)
    image = read_vtk(write_vtk(point, tmp_path / "point.vti"))
    assert image.GetNumberOfPoints() == 1
    assert image.GetPoint(0) == pytest.approx([float(point[axis][0]) for axis in "xyz"])
    assert image.GetPointData().GetArray("used").GetValue(0) == 1.0
    assert image.GetPointData().GetArray("scalar") is None


@pytest.mark.parametrize("write", WRITERS)
def test_an_existing_file_is_only_replaced_when_asked(fields, tmp_path, write):
    path = tmp_path / "result"
    path.write_text("precious")
    with pytest.raises(OutputError, match="exists"):
        write(fields, path)
    assert path.read_text() == "precious"
    assert write(fields, path, overwrite=True) == path
    assert path.stat().st_size > 1000
    assert [p.name for p in tmp_path.iterdir()] == ["result"]


@pytest.mark.parametrize("write", WRITERS)
def test_a_dataset_that_is_no_field_is_refused(fields, tmp_path, write):
    with pytest.raises(InputError, match="u_z"):
        write(fields.drop_vars("u_z"), tmp_path / "result")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def series(fields):
    def one(number):
        names = [*DISPLACEMENT, *STRAIN]
        field = fields.assign({name: number * fields[name] for name in names})
        labels = {"step_name": ((), np.array(f"scan {number}", object)), "reference_step": 0}
        return field.assign_coords(step=number, force=((), 0.5 * number**2, {"units": "mN"}), **labels)

    return stack_steps(one(number) for number in (1, 2, 3))


def test_the_table_of_a_series_is_long(series, fields, tmp_path):
    table = to_table(series)
    assert list(table.columns[:5]) == ["step", "step_name", "reference_step", "force_mN", "z_um"]
    assert len(table) == 180
    assert list(table.index) == list(range(180))
    for number, field in enumerate(each_step(series), start=1):
        part = table[table["step"] == number].reset_index(drop=True)
        assert part["step_name"].unique().tolist() == [f"scan {number}"]
        assert part["force_mN"].unique().tolist() == [0.5 * number**2]
        pd.testing.assert_frame_equal(part.iloc[:, 4:], to_table(field))
    assert table["status_name"].dtype == to_table(fields)["status_name"].dtype
    pd.testing.assert_frame_equal(pd.read_parquet(write_parquet(series, tmp_path / "points.parquet")), table)
    read = pd.read_csv(write_csv(series, tmp_path / "points.csv"))
    assert list(read.columns) == list(table.columns)
    np.testing.assert_array_equal(read["u_z_um"], table["u_z_um"])


def test_a_collection_lists_an_image_for_each_step(series, tmp_path):
    import xml.etree.ElementTree as ElementTree

    path = write_vtk_series(series, tmp_path / "fields.pvd", time="force")
    entries = ElementTree.parse(path).getroot().find("Collection")
    assert [float(entry.get("timestep")) for entry in entries] == [0.5, 2.0, 4.5]
    for number, entry in enumerate(entries, start=1):
        data = read_vtk(path.parent / entry.get("file")).GetPointData().GetArray("e_zz")
        values = [data.GetValue(n) for n in range(data.GetNumberOfTuples())]
        np.testing.assert_array_equal(values, series["e_zz"].sel(step=number).to_numpy().ravel())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fields", "fields.pvd"]
    with pytest.raises(OutputError, match="exists"):
        write_vtk_series(series, path)
    times = ElementTree.parse(write_vtk_series(series, path, overwrite=True)).getroot().find("Collection")
    assert [entry.get("timestep") for entry in times] == ["1.0", "2.0", "3.0"]


def test_a_collection_needs_a_series_and_a_time_that_grows(series, fields, tmp_path):
    with pytest.raises(InputError, match="one of step, force, got 'load'"):
        write_vtk_series(series, tmp_path / "a.pvd", time="load")
    with pytest.raises(InputError, match="a label of a series"):
        write_vtk_series(fields, tmp_path / "a.pvd")
    with pytest.raises(InputError, match="'force' does not"):
        write_vtk_series(series.assign_coords(force=-series["force"]), tmp_path / "a.pvd", time="force")
    with pytest.raises(InputError, match="needs an extension"):
        write_vtk_series(series, tmp_path / "a")
    with pytest.raises(InputError, match="select one step"):
        write_vtk(series, tmp_path / "a.vti")
    assert not list(tmp_path.iterdir())
