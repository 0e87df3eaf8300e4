import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.alignment_gauge import axis_leverage, settle_gauge

HALF = np.linspace(0, np.pi, 90, endpoint=False)
WEDGE = np.radians(np.linspace(-30, 30, 90))


@settings(max_examples=20, deadline=None)
@given(st.floats(-9, 9), st.floats(-9, 9), st.floats(-9, 9), st.floats(-9, 9))
def test_what_cannot_be_known_goes(height, constant, a, b):
    wobble = np.random.default_rng(0).normal(size=(90, 2))
    wobble -= wobble.mean(axis=0)
    shifts = wobble + np.stack([height + 0 * HALF, constant + a * np.cos(HALF) + b * np.sin(HALF)], axis=1)
    settled, center, reference, first = shifts, 50.0, wobble, 50.0
    # a motion costs a little, so it goes bit by bit
    for _ in range(12):
        settled, center = settle_gauge(settled, HALF, center)
        reference, first = settle_gauge(reference, HALF, first)
    np.testing.assert_allclose(settled, reference, atol=1e-5)
    assert center == pytest.approx(first + constant, abs=1e-5)


@pytest.mark.parametrize("angles", [HALF, WEDGE])
def test_a_constant_goes_to_the_axis_at_once_and_whole(angles):
    settled, center = settle_gauge(np.full((90, 2), 5.0), angles, 20.0)
    assert center == pytest.approx(25.0)
    np.testing.assert_allclose(settled, 0.0, atol=1e-12)


def test_the_sum_of_shifts_and_axis_changes_by_a_motion_only():
    shifts = np.random.default_rng(1).normal(size=(90, 2))
    settled, center = settle_gauge(shifts, WEDGE, 20.0)
    change = settled[:, 1] + center - shifts[:, 1] - 20.0
    waves = np.stack([np.cos(WEDGE), np.sin(WEDGE)], axis=1)
    np.testing.assert_allclose(change, waves @ np.linalg.lstsq(waves, change, rcond=None)[0], atol=1e-12)
    assert abs(settled[:, 0].mean()) < 1e-12


def test_a_drift_over_a_small_range_does_not_throw_the_axis_far():
    drift = np.stack([0 * WEDGE, 5 * (WEDGE / WEDGE.max()) ** 2], axis=1)
    settled, center = settle_gauge(drift, WEDGE, 20.0)
    # taken out at any price, the axis would move by 36 columns
    assert abs(center - 20.0) < 10
    assert np.abs(settled[:, 1]).max() < 10


@pytest.mark.parametrize(("degrees", "factor"), [(180, 2.3), (140, 4.0), (60, 24)])
def test_the_axis_is_less_certain_than_shifts(degrees, factor):
    angles = np.radians(np.linspace(-0.5 * degrees, 0.5 * degrees, 401))
    assert axis_leverage(angles) == pytest.approx(factor, rel=0.05)
    assert axis_leverage(angles + 0.7) == pytest.approx(axis_leverage(angles))
    noise = np.random.default_rng(2).normal(size=(300, 401))
    centers = [settle_gauge(np.stack([n, n], axis=1), angles, 0.0, price=0.0)[1] for n in noise]
    assert np.std(centers) == pytest.approx(factor / np.sqrt(401), rel=0.15)
