import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.ring_choice import measure_stripes

COUNT, ROWS, COLUMNS = 200, 24, 60


def noise(seed=0):
    return np.random.default_rng(seed).normal(1.0, 0.1, (COUNT, ROWS, COLUMNS)).astype(np.float32)


def test_pattern_and_noise_are_measured():
    pattern = np.random.default_rng(1).normal(0, 0.05, (ROWS, COLUMNS)).astype(np.float32)
    found = measure_stripes(noise() + pattern)
    assert found.noise == pytest.approx(0.1, rel=0.05)
    assert found.pattern == pytest.approx(0.05, rel=0.1)
    assert found.visible


def test_noise_alone_is_no_pattern():
    found = measure_stripes(noise())
    assert found.pattern < 0.02 * found.noise
    assert not found.visible


def test_detail_that_moves_is_no_pattern():
    places = np.linspace(-20, 20, COUNT)[:, None, None] + np.arange(COLUMNS)
    moving = np.sin(2 * np.pi * places / 5).astype(np.float32)
    assert not measure_stripes(noise() + 0.1 * moving).visible


@settings(max_examples=15, deadline=None)
@given(st.floats(0.1, 10.0), st.floats(-2.0, 2.0), st.integers(0, 5))
def test_a_scale_scales_and_a_level_does_nothing(scale, level, seed):
    images = noise(seed)[:40]
    images += np.random.default_rng(seed).normal(0, 0.1, (ROWS, COLUMNS)).astype(np.float32)
    one, other = measure_stripes(images), measure_stripes((scale * images + level).astype(np.float32))
    assert other.pattern == pytest.approx(scale * one.pattern, rel=1e-2)
    assert other.noise == pytest.approx(scale * one.noise, rel=1e-2)
