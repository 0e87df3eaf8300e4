"""The grid of measurement points and sizes in voxels or physical units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from volcorr.grid import make_grid, resolve_lengths, resolve_spacing, resolve_subset
from volio import InputError


@given(
    shape=st.tuples(*[st.integers(20, 90)] * 3),
    half=st.integers(4, 8),
    spacing=st.tuples(*[st.integers(1, 20)] * 3),
)
def test_points_fit_are_centred_and_no_more_would_fit(shape, half, spacing):
    grid = make_grid(shape, margin=(half,) * 3, spacing=spacing)
    for axis, n, step in zip(grid.axes(), shape, spacing, strict=True):
        before, behind = axis[0] - half, n - 1 - half - axis[-1]
        assert before >= 0
        assert behind >= 0
        assert abs(before - behind) <= 1
        assert before + behind < step
        assert np.all(np.diff(axis) == step)


def test_points_run_fastest_along_x():
    grid = make_grid((20, 30, 40), margin=(5, 5, 5), spacing=(5, 10, 7))
    points = grid.points()
    assert points.shape == (grid.size, 3)
    z, y, x = grid.axes()
    np.testing.assert_array_equal(points.reshape(*grid.shape, 3)[1, 0, 2], (z[1], y[0], x[2]))


def test_roi_holds_the_points():
    grid = make_grid((60, 60, 60), margin=(5, 5, 5), spacing=(4, 4, 4), roi=((10, 30), (0, 60), (20, 21)))
    z, y, x = grid.axes()
    assert z[0] >= 10
    assert z[-1] < 30
    assert list(x) == [20]
    assert len(y) == 13


@pytest.mark.parametrize(
    ("roi", "words"),
    [
        (((0, 60), (0, 60), (0, 61)), "within 0 and 60"),
        (((0, 60), (30, 30), (0, 60)), "start < stop"),
        (((0, 60), (0, 60), (0, 3)), "holds no point"),
    ],
)
def test_wrong_rois_are_explained(roi, words):
    with pytest.raises(InputError, match=words):
        make_grid((60, 60, 60), margin=(5, 5, 5), spacing=(4, 4, 4), roi=roi)


def test_a_volume_smaller_than_a_subset_is_explained():
    with pytest.raises(InputError, match="12 voxels along y, the subset needs 37"):
        make_grid((60, 12, 60), margin=(18, 18, 18), spacing=(4, 4, 4))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (33, (33, 33, 33)),
        ("32", (33, 33, 33)),
        ("8um", (33, 17, 33)),
        ("9,11,13", (9, 11, 13)),
        ((9, "11", 21), (9, 11, 21)),
    ],
)
def test_subset_sizes(value, expected):
    assert resolve_subset(value, voxel_size=(0.25, 0.5, 0.25)) == expected


@given(st.floats(9, 200))
def test_a_subset_is_the_nearest_odd_number(length):
    size = resolve_subset(length)[0]
    assert size % 2 == 1
    assert abs(size - length) <= 1


@pytest.mark.parametrize("value", [0, -3, 7, "8.9", "inf"])
def test_small_or_impossible_subsets_are_refused(value):
    if value == "8.9":  # rounds to 9
        assert resolve_subset(value) == (9, 9, 9)
        return
    with pytest.raises(InputError):
        resolve_subset(value)


@pytest.mark.parametrize("value", [0, -1, 0.2, "0um"])
def test_a_spacing_below_one_voxel_is_refused(value):
    with pytest.raises(InputError):
        resolve_spacing(value, voxel_size=(1, 1, 1))


def test_physical_spacing():
    assert resolve_spacing("2um", voxel_size=(0.128, 0.128, 0.5)) == (16, 16, 4)
    assert resolve_spacing("2000nm", voxel_size=(0.5, 0.5, 0.5)) == (4, 4, 4)


def test_a_physical_length_needs_a_voxel_size():
    with pytest.raises(InputError, match="search is given as 8um, but the voxel size is not known"):
        resolve_lengths("8um", name="search", voxel_size=None)


def test_an_unknown_unit_is_named():
    with pytest.raises(InputError, match="parsec"):
        resolve_subset("8parsec", voxel_size=(1, 1, 1))
