"""Series: stacking, selecting, mapping, keeping."""

import numpy as np
import pytest
import xarray as xr

from volcorr.fields import build_fields, check_fields, is_series, open_fields, save_fields
from volcorr.steps import (
    each_step,
    label_names,
    map_steps,
    open_steps,
    save_step,
    select_step,
    stack_steps,
    takes_series,
)
from volio import FormatError, InputError

SHAPE = (2, 3, 4)


def one(number, *, first=0.0):
    status = np.zeros(SHAPE, np.uint8)
    status[0, 0, :number] = 5
    field = build_fields(
        tuple(first + np.arange(n) * 2.0 for n in SHAPE),
        displacement=number * np.arange(72.0).reshape(3, *SHAPE),
        sigma=np.ones((3, *SHAPE)),
        cc=np.ones(SHAPE),
        iterations=np.full(SHAPE, 3),
        status=status,
        attrs={"unit": "um", "spacing": [4] * 3, "voxel_size": [0.5] * 3, "deformed": f"scan {number}"},
    )
    return field.assign_coords(
        step=number,
        step_name=((), np.array(f"scan {number}", object)),
        reference_step=0,
        force=((), 0.5 * number, {"units": "mN"}),
    )


@pytest.fixture
def series():
    return stack_steps(one(number) for number in (1, 2, 3))


def test_what_is_stacked_comes_apart_as_it_was(series):
    assert series["u_z"].dims == ("step", "z", "y", "x")
    assert is_series(series)
    assert "deformed" not in series.attrs
    assert series["status"].dtype == np.uint8
    assert series["force"].attrs == {"units": "mN"}
    for number, field in enumerate(each_step(series), start=1):
        xr.testing.assert_identical(field, one(number))
    xr.testing.assert_identical(stack_steps(each_step(series)), series)


def test_a_step_is_found_by_number_and_by_name(series):
    xr.testing.assert_identical(select_step(series, 2), one(2))
    xr.testing.assert_identical(select_step(series, "scan 3"), one(3))
    for wrong in (0, 4, "scan 9"):
        with pytest.raises(InputError, match="its steps are"):
            select_step(series, wrong)
    with pytest.raises(InputError, match="has no steps"):
        select_step(one(1), 1)


def test_a_function_of_a_field_is_applied_to_each_step(series):
    def double(field, *, by):
        return field.assign(u_z=field["u_z"] * by).assign_attrs(by=by)

    for mapped in (map_steps(double, series, by=3), takes_series(double)(series, by=3)):
        np.testing.assert_array_equal(mapped["u_z"], 3 * series["u_z"])
        assert mapped.attrs["by"] == 3
        assert list(mapped["step"]) == [1, 2, 3]
    xr.testing.assert_identical(takes_series(double)(one(1), by=3), double(one(1), by=3))
    assert takes_series(double).__name__ == "double"


def test_the_labels_are_what_the_user_gave(series):
    assert label_names(series) == ["force"]


def test_fields_that_do_not_belong_together_are_refused(series):
    with pytest.raises(InputError, match="at least one field"):
        stack_steps([])
    with pytest.raises(InputError, match="step 2 stands on another grid than step 1"):
        stack_steps([one(1), one(2, first=1.0)])
    with pytest.raises(InputError, match="needs its step number"):
        stack_steps([one(1), one(2).drop_vars("step")])
    with pytest.raises(InputError, match="select one step first"):
        stack_steps([series])
    check_fields(series, steps=True)


def test_a_series_survives_its_file(series, tmp_path):
    save_fields(series, tmp_path / "fields.zarr")
    again = open_fields(tmp_path)
    xr.testing.assert_identical(again, series)
    assert select_step(again, "scan 2").attrs["deformed"] == "scan 2"
    save_fields(again, tmp_path / "again.zarr")
    xr.testing.assert_identical(open_fields(tmp_path / "again.zarr"), series)


def test_steps_are_kept_one_by_one(series, tmp_path):
    folder = tmp_path / "run" / "steps"
    paths = [save_step(field, folder) for field in each_step(series)]
    assert [path.name for path in paths] == ["step_0001.zarr", "step_0002.zarr", "step_0003.zarr"]
    xr.testing.assert_identical(open_steps(folder), series)
    save_step(select_step(series, 1).assign_attrs(again=1), folder)
    assert open_steps(folder).attrs["again"] == 1
    with pytest.raises(FormatError, match="no steps in"):
        open_steps(tmp_path)
