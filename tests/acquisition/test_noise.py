"""Noise and rounding."""

import numpy as np
import pytest

from acquisition import add_noise, quantize
from volio import InputError


@pytest.fixture
def volume(rng):
    return (128 + 15 * rng.standard_normal((40, 40, 40))).astype(np.float32)


def test_noise_has_the_strength_asked_for(volume):
    noise = add_noise(volume, snr=5, rng=1) - volume
    assert noise.dtype == np.float32
    assert noise.std() == pytest.approx(3.0, rel=0.02)
    assert noise.mean() == pytest.approx(0.0, abs=0.05)
    given = add_noise(volume, snr=5, rng=1, signal_std=30.0) - volume
    assert given.std() == pytest.approx(6.0, rel=0.02)


def test_two_seeds_give_independent_noise(volume):
    first, second = (add_noise(volume, snr=5, rng=seed) - volume for seed in (1, 2))
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.02


def test_input_is_left_alone(volume):
    before = volume.copy()
    add_noise(volume, snr=2, rng=0)
    np.testing.assert_array_equal(volume, before)


@pytest.mark.parametrize("snr", [0.0, -1.0, float("nan")])
def test_noise_without_limit_is_refused(volume, snr):
    with pytest.raises(InputError, match="snr must be positive"):
        add_noise(volume, snr=snr, rng=0)


def test_quantize_rounds_and_clips():
    grey = np.array([[[-3.0, 0.4, 99.6, 254.7, 256.0, 70000.0]]])
    assert quantize(grey).tolist() == [[[0, 0, 100, 255, 255, 255]]]
    assert quantize(grey, dtype="uint16").tolist() == [[[0, 0, 100, 255, 256, 65535]]]
    assert quantize(grey).dtype == np.uint8
