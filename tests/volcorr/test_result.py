from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from volcorr.fields import open_fields
from volcorr.result import check_target, export_fields, recompute_strain, write_json
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


def test_strain_is_computed_anew(tmp_path: Path, result: Path) -> None:
    fields = recompute_strain(result, tmp_path / "out", measure="infinitesimal", window=5)
    stored = open_fields(tmp_path / "out")
    assert stored.attrs["strain_measure"] == "infinitesimal"
    assert list(stored.attrs["strain_window"]) == [5, 5, 5]
    np.testing.assert_array_equal(stored["e_zz"], fields["e_zz"])
    np.testing.assert_array_equal(stored["u_z"], open_fields(result)["u_z"])
    assert not np.array_equal(stored["e_zz"], open_fields(result)["e_zz"], equal_nan=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["fields.vti", "fields.zarr", "points.csv"]


def test_strain_into_its_own_source_is_refused(result: Path) -> None:
    with pytest.raises(OutputError):
        recompute_strain(result / "fields.zarr", result, overwrite=True)


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


def test_json_is_strict(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json({"a": float("nan")}, tmp_path / "a.json")
