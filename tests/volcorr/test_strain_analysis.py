"""The whole way from displacement to strain."""

import numpy as np
import pytest
import xarray as xr

from volcorr.fields import open_fields
from volcorr.invariants import strain_invariants
from volcorr.outliers import flag_outliers
from volcorr.smoothing import smooth_displacement
from volcorr.strain_analysis import analyse_strain, write_strain
from volcorr.strains import strain
from volio import InputError, OutputError


def test_the_steps_follow_each_other(result):
    field = open_fields(result)
    steps = smooth_displacement(flag_outliers(field, threshold=2.0, replace="median"), sigma=0.7, gaps="bridge")
    expected = strain_invariants(strain(steps, measure="hencky", gaps="bridge"))
    found = analyse_strain(
        field, outliers="replace", outlier_threshold=2.0, smooth=0.7, invariants="all", measure="hencky", gaps="bridge"
    )
    xr.testing.assert_identical(found, expected)
    xr.testing.assert_identical(analyse_strain(field), strain(field))
    assert "outlier" in analyse_strain(field, outliers="exclude", smooth=1.0)


def test_what_is_written_is_what_was_computed(result, tmp_path):
    found = write_strain(result, tmp_path / "out", method="hexahedra", outliers="exclude", invariants="all")
    xr.testing.assert_allclose(open_fields(tmp_path / "out"), found)
    stored = open_fields(tmp_path / "out").attrs
    np.testing.assert_allclose(stored["strain_gauge_size"], found.attrs["strain_gauge_size"])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"fields.zarr", "points.csv", "fields.vti"}
    with pytest.raises(OutputError, match="exists"):
        write_strain(result, tmp_path / "out")
    with pytest.raises(InputError, match="window must be"):
        write_strain(result, tmp_path / "out", overwrite=True, window=2)
    assert (tmp_path / "out" / "fields.zarr").is_dir()


@pytest.mark.parametrize(
    ("options", "words"), [({"outliers": "drop"}, "keep, exclude, replace"), ({"invariants": "some"}, "none or all")]
)
def test_wrong_options_are_explained(result, options, words):
    with pytest.raises(InputError, match=words):
        analyse_strain(open_fields(result), **options)
