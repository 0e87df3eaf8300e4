from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from volcorr.fields import open_fields
from volcorr.result import check_target, export_fields, write_fields, write_json
from volcorr.steps import stack_steps
from volcorr.strain_analysis import write_strain
from volio import FormatError, InputError, OutputError


def test_a_new_folder_is_fine(tmp_path: Path) -> None:
    check_target(tmp_path / "new", overwrite=False)


def test_an_existing_folder_needs_overwrite(tmp_path: Path, result: Path) -> None:
    with pytest.raises(OutputError, match="exists: choose another output, or replace it with --overwrite"):
        check_target(result, overwrite=False)
    check_target(result, overwrite=True)
    check_target(tmp_path, overwrite=True)  # empty


def test_what_is_not_a_result_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("years of work")
    for path in (tmp_path, tmp_path / "thesis.docx"):
        with pytest.raises(OutputError, match="is not a result of volcorr and is not replaced"):
            check_target(path, overwrite=True)


def test_a_result_that_holds_an_input_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "fields.zarr").mkdir()
    with pytest.raises(OutputError, match="lies inside"):
        check_target(tmp_path, overwrite=True, inputs=[tmp_path / "sub" / "reference.tif"])


def test_strain_into_its_own_source_is_refused(result: Path) -> None:
    with pytest.raises(OutputError):
        write_strain(result / "fields.zarr", result, overwrite=True)


@pytest.mark.parametrize(("to", "name"), [("csv", "out.csv"), ("parquet", "out.parquet"), ("vtk", "out.vti")])
def test_export_is_named_as_the_result(
    tmp_path: Path, result: Path, monkeypatch: pytest.MonkeyPatch, to: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert export_fields(result, to=to) == Path(name)
    assert (tmp_path / name).stat().st_size > 1000
    with pytest.raises(OutputError):
        export_fields(result, to=to)


def test_exported_table_holds_the_points(tmp_path: Path, result: Path) -> None:
    path = export_fields(result / "fields.zarr", tmp_path / "t.csv", to="csv")
    table = pd.read_csv(path, comment="#")
    assert len(table) == 64
    assert table["u_z_um"].mean() == pytest.approx(float(open_fields(result)["u_z"].mean()))


def test_export_needs_fields_and_a_known_kind(tmp_path: Path, result: Path) -> None:
    with pytest.raises(FormatError):
        export_fields(tmp_path, tmp_path / "t.csv", to="csv")
    with pytest.raises(FormatError, match="give a result folder"):
        export_fields(Path("/"), to="csv")
    with pytest.raises(InputError, match="csv, parquet, vtk"):
        export_fields(result, to="xlsx")  # type: ignore[arg-type]


def test_a_series_is_written_and_exported(tmp_path: Path, result: Path) -> None:
    field = open_fields(result)
    names = [((), np.array(f"s{n}", object)) for n in (1, 2)]
    series = stack_steps(field.assign_coords(step=n, step_name=names[n - 1]) for n in (1, 2))
    write_fields(series, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"fields.zarr", "points.csv", "fields.pvd", "fields"}
    assert sorted(path.name for path in (tmp_path / "fields").iterdir()) == ["step_0001.vti", "step_0002.vti"]
    assert dict(open_fields(tmp_path).sizes) == {"step": 2, "z": 4, "y": 4, "x": 4}
    assert len(pd.read_csv(tmp_path / "points.csv")) == 128
    assert export_fields(tmp_path, tmp_path / "again.pvd", to="vtk").is_file()
    assert len(list((tmp_path / "again").iterdir())) == 2


def test_json_is_strict(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json({"a": float("nan")}, tmp_path / "a.json")
