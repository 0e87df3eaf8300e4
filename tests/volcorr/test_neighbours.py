"""Neighbours of a point: outliers, missing values, gradients."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volcorr.neighbours import displacement_gradient, fill_missing, fit_window, median_outliers, neighbour_mean


def linear_field(gradient, shape, spacing):
    axes = [s * np.arange(n) for s, n in zip(spacing, shape, strict=True)]
    positions = np.stack(np.meshgrid(*axes, indexing="ij"))
    return np.einsum("ab,b...->a...", gradient, positions) + np.array([1.0, -2.0, 3.0])[:, None, None, None]


@given(
    seed=st.integers(0, 2**31),
    shape=st.tuples(*[st.integers(3, 6)] * 3),
    window=st.sampled_from([(3, 3, 3), (5, 3, 3), (5, 5, 5)]),
)
@settings(max_examples=25, deadline=None)
def test_a_linear_field_is_fitted_exactly_whatever_is_missing(seed, shape, window):
    rng = np.random.default_rng(seed)
    gradient, spacing = rng.normal(size=(3, 3)), rng.uniform(0.1, 20, 3)
    field = linear_field(gradient, shape, spacing)
    field[:, rng.random(shape) < 0.3] = np.nan
    found, count = fit_window(field, spacing, window=window, min_points=7)
    there = np.isfinite(field).all(axis=0)
    fitted = np.isfinite(found).all(axis=(0, 1))
    assert not fitted[~there].any()
    assert np.array_equal(count > 0, there)
    assert not fitted[count < 7].any()
    expected = np.broadcast_to(gradient[:, :, None], (3, 3, fitted.sum()))
    np.testing.assert_allclose(found[:, :, fitted], expected, atol=1e-8)


def test_the_fit_is_least_squares():
    rng = np.random.default_rng(0)
    field = rng.normal(size=(3, 3, 3, 3))
    found, count = fit_window(field, np.array([1.0, 2.0, 4.0]), window=(3, 3, 3), min_points=27)
    axes = np.stack(np.meshgrid(*[s * np.arange(3) for s in (1, 2, 4)], indexing="ij")).reshape(3, -1)
    design = np.column_stack([np.ones(27), axes.T])
    expected = np.linalg.lstsq(design, field.reshape(3, -1).T, rcond=None)[0]
    np.testing.assert_allclose(found[:, :, 1, 1, 1], expected[1:].T, atol=1e-12)
    assert count[1, 1, 1] == 27
    assert np.isnan(found[:, :, 0, 0, 0]).all()


def test_points_in_a_plane_do_not_give_a_gradient():
    field = linear_field(np.eye(3), (3, 3, 3), (1, 1, 1))
    field[:, 0], field[:, 2] = np.nan, np.nan
    found, _ = fit_window(field, np.ones(3), window=(3, 3, 3), min_points=4)
    assert np.isnan(found).all()


def test_an_axis_with_one_point_has_no_derivative():
    gradient = np.arange(9.0).reshape(3, 3)
    found = displacement_gradient(linear_field(gradient, (4, 1, 4), (1, 1, 1)), np.ones(3))
    assert np.isnan(found[:, 1]).all()
    np.testing.assert_allclose(found[:, 0, 1, 0, 1], gradient[:, 0], atol=1e-10)
    np.testing.assert_allclose(found[:, 2, 1, 0, 1], gradient[:, 2], atol=1e-10)


def test_outliers_are_found_and_smooth_motion_is_kept():
    field = linear_field(0.1 * np.eye(3), (6, 6, 6), (10, 10, 10))
    field[1, 2, 3, 4] += 8.0
    field[:, 5, 5, 5] = np.nan
    bad = median_outliers(field)
    assert bad[2, 3, 4]
    assert bad.sum() == 1


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 1)])
def test_points_with_few_neighbours_are_not_judged(shape):
    field = np.zeros((3, *shape))
    field[:, 0] = 100
    assert not median_outliers(field).any()


def test_missing_points_take_the_nearest():
    field = np.full((3, 1, 1, 5), np.nan)
    field[:, 0, 0, 0], field[:, 0, 0, 4] = 1.0, 2.0
    assert list(fill_missing(field)[0, 0, 0])[:2] == [1.0, 1.0]
    assert list(fill_missing(field)[0, 0, 0])[3:] == [2.0, 2.0]
    full = np.ones((3, 2, 2, 2))
    assert fill_missing(full) is full


def test_mean_of_the_neighbours_leaves_out_the_point_itself():
    values = np.full((1, 3, 3, 3), np.nan)
    values[0, 1, 1, 1], values[0, 0, 0, 0], values[0, 2, 2, 2] = 100.0, 1.0, 3.0
    mean = neighbour_mean(values)
    assert mean[0, 1, 1, 1] == 2.0
    assert mean[0, 0, 0, 0] == 100.0
    assert np.isnan(neighbour_mean(np.full((1, 2, 2, 2), np.nan))).all()
