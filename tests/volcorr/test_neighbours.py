"""Neighbours of a point: medians, outliers, missing values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volcorr.neighbours import fill_missing, median_outliers, median_spread


def linear_field(gradient, shape, spacing):
    axes = [s * np.arange(n) for s, n in zip(spacing, shape, strict=True)]
    positions = np.stack(np.meshgrid(*axes, indexing="ij"))
    return np.einsum("ab,b...->a...", gradient, positions) + np.array([1.0, -2.0, 3.0])[:, None, None, None]


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


@given(seed=st.integers(0, 2**31), share=st.sampled_from([0.0, 0.2, 0.7, 1.0]))
@settings(max_examples=25, deadline=None)
def test_median_and_spread_of_what_is_there_are_those_of_numpy(seed, share):
    rng = np.random.default_rng(seed)
    values, there = rng.normal(size=(20, 7, 3)), rng.random((20, 7)) < share
    values[~there] = rng.choice([np.nan, 1e9], size=(int((~there).sum()), 3))
    median, spread = median_spread(values, there)
    for row, counts, middle, distance in zip(values, there, median, spread, strict=True):
        if not counts.any():
            assert np.isnan(middle).all()
            assert np.isnan(distance).all()
            continue
        np.testing.assert_array_equal(middle, np.median(row[counts], axis=0))
        np.testing.assert_array_equal(distance, np.median(np.abs(row[counts] - middle), axis=0))
