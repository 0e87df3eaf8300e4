import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from recon.fourier_correlation import (
    FourierCorrelation,
    fourier_ring_correlation,
    fourier_shell_correlation,
    soft_window,
)
from volio.errors import InputError

SHAPE = (48, 48, 48)


def noise(seed, shape=SHAPE):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("correlate", [fourier_shell_correlation, fourier_ring_correlation])
def test_the_same_agrees_and_noise_does_not(correlate):
    same = correlate(noise(0), noise(0), voxel_size=0.5)
    np.testing.assert_allclose(same.correlation, 1, atol=1e-5)
    assert same.resolution == same.resolution_seventh == 1.0
    other = correlate(noise(0), noise(1))
    assert np.abs(other.correlation[4:]).mean() < 0.08
    assert np.sum(other.correlation > other.half_bit) < 4


@pytest.mark.parametrize("correlate", [fourier_shell_correlation, fourier_ring_correlation])
@pytest.mark.parametrize("snr", [0.25, 1.0, 4.0])
def test_white_noise_lowers_all_frequencies_alike(correlate, snr):
    signal = noise(0)
    one, other = (signal + noise(k) / np.sqrt(snr) for k in (1, 2))
    found = correlate(one, other).correlation[8:]
    assert found.mean() == pytest.approx(snr / (snr + 1), abs=0.05)


def test_half_a_bit_needs_more_of_few_coefficients():
    """The formula of van Heel and Schatz, for as many independent coefficients as a faded volume has."""
    for found, window in (
        (fourier_shell_correlation(noise(0), noise(1)), soft_window(SHAPE)),
        (fourier_ring_correlation(noise(0, (4, 40, 40)), noise(1, (4, 40, 40))), soft_window((40, 40))),
    ):
        root = np.sqrt(np.maximum(2 * np.mean(window**2) * found.counts, 1))
        expected = (0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root)
        np.testing.assert_allclose(found.half_bit, expected, rtol=1e-6)


def test_the_resolution_is_where_the_signal_ends():
    signal = 30 * gaussian_filter(noise(0), 2)
    one, other = (signal + noise(k) for k in (1, 2))
    found = fourier_shell_correlation(one, other, voxel_size=2.0)
    # signal over noise at the frequency f: 900 exp(-(2 pi f 2)^2); half a bit at 0.2071
    expected = 2.0 / (math.sqrt(math.log(900 / 0.2071)) / (4 * math.pi))
    assert found.resolution == pytest.approx(expected, rel=0.1)
    assert found.resolution_seventh < found.resolution * 1.05
    assert fourier_shell_correlation(one, other).resolution == pytest.approx(found.resolution / 2)


def test_a_direction_sees_its_own_frequencies():
    rng = np.random.default_rng(3)
    signal = gaussian_filter(rng.normal(size=(8, 64, 64)), (0, 0, 3)).astype(np.float32) * 6
    one, other = (signal + noise(k, signal.shape) for k in (4, 5))
    along_x = fourier_ring_correlation(one, other, direction=0.0)
    along_y = fourier_ring_correlation(one, other, direction=np.pi / 2)
    assert along_y.resolution < 0.5 * along_x.resolution
    # a quarter turn of both slices and direction is nothing
    turned = [np.rot90(v, axes=(1, 2)).copy() for v in (one, other)]
    again = fourier_ring_correlation(*turned, direction=np.pi / 2)
    np.testing.assert_allclose(again.correlation, along_x.correlation, atol=0.03)


def test_half_a_bit_of_many_coefficients_is_that_of_the_paper():
    found = fourier_shell_correlation(noise(0, (64, 64, 64)), noise(1, (64, 64, 64)))
    assert found.half_bit[-1] == pytest.approx(0.2071 / 1.2071, abs=0.02)
    assert np.all(np.diff(found.half_bit) < 0)


def test_no_agreement_is_no_resolution():
    frequencies, nothing = np.array([0.1, 0.2]), np.zeros(2)
    assert math.isnan(
        FourierCorrelation(frequencies, nothing, np.full(2, 0.2), nothing, nothing, np.ones(2, np.int64)).resolution
    )


def test_windows_fade_to_nothing_at_the_edges():
    window = soft_window((20, 30, 30))
    assert window[10, 15, 15] == pytest.approx(1)
    assert max(window[0].max(), window[:, 0].max(), window[:, :, 0].max()) < 0.2
    assert window[10, 2, 2] == 0


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (np.zeros((20, 20, 20)), np.zeros((20, 20, 21)), "same shape"),
        (np.zeros((20, 20)), np.zeros((20, 20)), "same shape"),
        (np.zeros((8, 20, 20)), np.zeros((8, 20, 20)), "16 slices"),
        (np.full((20, 20, 20), np.nan), np.zeros((20, 20, 20)), "NaN"),
    ],
)
def test_bad_volumes_are_named(first, second, message):
    with pytest.raises(InputError, match=message) as caught:
        fourier_shell_correlation(first, second)
    assert "\n" not in str(caught.value)
