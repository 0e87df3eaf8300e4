"""Outliers are found, named and counted, and nothing else is."""

import logging

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from volcorr.fields import DISPLACEMENT, SIGMA, build_fields
from volcorr.outliers import excluded_points, flag_outliers
from volcorr.strains import strain
from volio import InputError


def measured(gradient, shape=(6, 6, 6), noise=0.01, seed=0, voxel=0.5):
    """A linear displacement with noise (voxels) on points every 16 voxels."""
    axes = tuple(16 * voxel * np.arange(n) for n in shape)
    u = np.einsum("ab,b...->a...", gradient, np.stack(np.meshgrid(*axes, indexing="ij")))
    u += voxel * noise * np.random.default_rng(seed).normal(size=u.shape)
    attrs = {"unit": "um", "spacing": [16] * 3, "voxel_size": [voxel] * 3, "subset_size": [33] * 3}
    ones = np.ones(shape)
    return build_fields(
        axes, displacement=u, sigma=np.full(u.shape, voxel * noise), cc=ones, iterations=ones,
        status=np.zeros(shape, np.uint8), attrs=attrs,
    )  # fmt: skip


def spoil(field, points, by=2.0):
    """Move the z displacement of some points by `by` voxels."""
    field = field.copy(deep=True)
    for n, point in enumerate(points):
        field["u_z"].values[point] += (-1) ** n * by * 0.5
    return field


SPOILT = [(2, 3, 3), (0, 0, 0), (5, 2, 0), (3, 5, 1)]


@given(values=st.lists(st.floats(-0.2, 0.2), min_size=9, max_size=9), seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_exactly_the_spoilt_points_are_marked_whatever_the_strain(values, seed):
    field = spoil(measured(np.reshape(values, (3, 3)), seed=seed), SPOILT)
    found = flag_outliers(field)
    assert {tuple(map(int, p)) for p in np.argwhere(found["outlier"].values == 1)} == set(SPOILT)
    assert found.attrs["outlier_count"] == len(SPOILT)
    assert np.array_equal(excluded_points(found), found["outlier"].values == 1)
    xr.testing.assert_identical(found[list(DISPLACEMENT)].drop_attrs(), field[list(DISPLACEMENT)].drop_attrs())


def test_replaced_points_take_the_median_and_its_spread(caplog):
    gradient = np.diag([-0.05, 0.02, 0.0])
    truth = measured(gradient, noise=0)
    field = spoil(measured(gradient), SPOILT)
    with caplog.at_level(logging.INFO):
        found = flag_outliers(field, replace="median")
    assert "4 of 216 points are outliers, replaced" in caplog.text
    bad = found["outlier"].values == 2
    assert bad.sum() == 4
    assert not excluded_points(found).any()
    np.testing.assert_allclose(found["u_z"].values[2, 3, 3], truth["u_z"].values[2, 3, 3], atol=0.01)
    for name in (*DISPLACEMENT, *SIGMA):
        assert np.array_equal(found[name].values[~bad], field[name].values[~bad])
    assert (found["sigma_z"].values[bad] >= field["sigma_z"].values[bad]).all()
    assert found["outlier"].attrs["flag_meanings"].split()[2] == "replaced"
    assert found.attrs["outlier_replace"] == "median"
    with pytest.raises(InputError, match="replaced already"):
        flag_outliers(found)


def test_points_with_few_neighbours_are_not_judged():
    field = measured(np.zeros((3, 3)), (3, 3, 3))
    for name in DISPLACEMENT:
        field[name].values[:, :, 1:] = np.nan
    field["u_z"].values[0, 0, 0] = 50.0
    found = flag_outliers(field)
    # corners of a plane of nine have three neighbours, points of its edges five
    assert found["outlier"].values[0, 0, 0] == 3
    assert found["outlier"].values[1, 1, 0] == 0
    assert (found["outlier"].values[:, :, 1:] == 3).all()
    assert flag_outliers(measured(np.zeros((3, 3)), (1, 1, 2)))["outlier"].values.tolist() == [[[3, 3]]]


def test_the_threshold_decides():
    field = spoil(measured(np.zeros((3, 3))), SPOILT[:1], by=0.4)
    assert flag_outliers(field).attrs["outlier_count"] == 1
    assert flag_outliers(field, threshold=10).attrs["outlier_count"] == 0
    assert flag_outliers(field, noise=1.0).attrs["outlier_count"] == 0
    assert flag_outliers(field, noise=1.0).attrs["outlier_noise_voxels"] == 1.0


def test_strain_of_an_earlier_call_is_dropped():
    found = flag_outliers(strain(measured(np.zeros((3, 3)))))
    assert "e_zz" not in found
    assert "strain_measure" not in found.attrs


@pytest.mark.parametrize(
    ("options", "words"),
    [({"threshold": 0}, "threshold"), ({"noise": -1}, "noise"), ({"replace": "mean"}, "none, median")],
)
def test_wrong_options_are_explained(options, words):
    with pytest.raises(InputError, match=words):
        flag_outliers(measured(np.zeros((3, 3)), (3, 3, 3)), **options)
