import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.angle_weights import angle_weights
from volio import InputError


@pytest.mark.parametrize("weighting", ["mass", "angular"])
@pytest.mark.parametrize("turn", [np.pi, 2 * np.pi, 3 * np.pi])
def test_even_steps_count_the_same(weighting, turn):
    angles = np.linspace(0, turn, 120, endpoint=False) + 0.3
    np.testing.assert_allclose(angle_weights(angles, weighting=weighting), np.pi / 120, rtol=1e-9)


@pytest.mark.parametrize("rounding", [-1e-9, 0, 1e-9])
def test_the_last_angle_may_repeat_the_first(rounding):
    weights = angle_weights(np.linspace(0, np.pi + rounding, 101))
    assert weights.sum() == pytest.approx(np.pi)
    np.testing.assert_allclose(weights[1:-1], np.pi / 100, rtol=1e-6)
    assert weights[0] + weights[-1] == pytest.approx(np.pi / 100)


def test_a_limited_range_stands_for_itself_or_for_all():
    angles = np.deg2rad(np.linspace(-70, 70, 141))
    assert angle_weights(angles, weighting="angular").sum() == pytest.approx(np.deg2rad(141))
    np.testing.assert_allclose(angle_weights(angles, weighting="mass"), np.pi / 141, rtol=1e-9)


def test_uneven_steps_count_what_they_stand_for():
    angles = np.concatenate([np.arange(0, 90, 1.0), np.arange(90, 180, 2.0)])
    weights = np.rad2deg(angle_weights(np.deg2rad(angles), weighting="angular"))
    np.testing.assert_allclose(weights[1:89], 1)
    np.testing.assert_allclose(weights[91:], 2)
    np.testing.assert_allclose(weights[[0, 90]], 1.5)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 50), st.integers(0, 1000), st.sampled_from(["mass", "angular"]))
def test_order_and_half_turns_do_not_matter(count, seed, weighting):
    rng = np.random.default_rng(seed)
    angles = rng.uniform(0.01, np.pi - 0.01, count)
    order = rng.permutation(count)
    weights = angle_weights(angles, weighting=weighting)
    turned = angles + np.pi * rng.integers(-2, 3, count)
    np.testing.assert_allclose(angle_weights(turned[order], weighting=weighting), weights[order], rtol=1e-6)
    assert np.all(weights > 0)


def test_wrong_values_are_refused():
    with pytest.raises(InputError, match="mass or angular"):
        angle_weights([0.0, 1.0], weighting="even")
    with pytest.raises(InputError, match="at least one"):
        angle_weights([])
