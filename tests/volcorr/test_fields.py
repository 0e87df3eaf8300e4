"""The field dataset and its file."""

import numpy as np
import pytest
import xarray as xr

from volcorr.fields import (
    DISPLACEMENT,
    Status,
    build_fields,
    check_fields,
    displacement_array,
    open_fields,
    save_fields,
    spacing_of,
    valid_points,
)
from volio import FormatError, InputError, OutputError


@pytest.fixture
def fields():
    shape = (2, 3, 4)
    status = np.zeros(shape, np.uint8)
    status[0, 0, 0] = Status.NO_TEXTURE
    return build_fields(
        tuple(np.arange(n) * 2.0 for n in shape),
        displacement=np.arange(72.0).reshape(3, *shape),
        sigma=np.ones((3, *shape)),
        cc=np.ones(shape),
        iterations=np.full(shape, 3),
        status=status,
        attrs={"unit": "um", "spacing": [4, 4, 4], "voxel_size": [0.5, 0.5, 0.5]},
    )


def test_invalid_points_are_nan_and_say_why(fields):
    assert np.isnan(fields["u_z"].values[0, 0, 0])
    assert np.isnan(fields["sigma_x"].values[0, 0, 0])
    assert valid_points(fields).sum() == 23
    meanings = dict(
        zip(fields["status"].attrs["flag_values"], fields["status"].attrs["flag_meanings"].split(), strict=True)
    )
    assert meanings[fields["status"].values[0, 0, 0]] == "no_texture"


def test_units_are_stated(fields):
    assert {fields[name].attrs["units"] for name in (*DISPLACEMENT, "z", "y", "x")} == {"um"}
    np.testing.assert_array_equal(spacing_of(fields), [2.0, 2.0, 2.0])
    assert displacement_array(fields)[2, 1, 2, 3] == 71


def test_file_round_trip(fields, tmp_path):
    save_fields(fields, tmp_path / "fields.zarr")
    for place in (tmp_path, tmp_path / "fields.zarr"):
        again = open_fields(place)
        xr.testing.assert_identical(again, fields)
        assert again["status"].dtype == np.uint8
    with pytest.raises(OutputError, match="exists"):
        save_fields(fields, tmp_path / "fields.zarr")
    save_fields(fields * 2, tmp_path / "fields.zarr", overwrite=True)
    assert open_fields(tmp_path)["u_z"].values[1, 2, 3] == 2 * fields["u_z"].values[1, 2, 3]


def test_what_is_not_a_field_is_refused(fields, tmp_path):
    with pytest.raises(FormatError, match="no field at"):
        open_fields(tmp_path / "missing")
    with pytest.raises(FormatError, match="cannot be read"):
        open_fields(tmp_path)
    with pytest.raises(InputError, match="u_y, u_x"):
        check_fields(fields.drop_vars(["u_y", "u_x"]))
    with pytest.raises(InputError, match="select one step"):
        check_fields(fields.expand_dims("step"))
