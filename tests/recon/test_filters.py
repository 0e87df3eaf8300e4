import numpy as np
import pytest

from recon.filters import filter_response, ramp_response
from volio import InputError

NAMES = ["ramp", "shepp-logan", "cosine", "hamming", "hann", "parzen", "butterworth"]


def test_the_ramp_is_that_of_real_space():
    response = ramp_response(256)
    np.testing.assert_allclose(response, np.fft.rfftfreq(256), atol=1.1 / 256)
    assert 0 < response[0] < 1 / 256
    kernel = np.fft.irfft(response, 256)
    np.testing.assert_allclose(kernel[:4], [0.25, -1 / np.pi**2, 0, -1 / (3 * np.pi) ** 2], atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_windows_begin_at_one_and_never_rise(name):
    window = filter_response(name, samples=128) / ramp_response(128)
    assert window[0] == pytest.approx(1)
    assert np.all(np.diff(window) <= 1e-12)
    assert np.all(window >= -1e-12)


def test_values_of_windows_at_the_highest_frequency():
    ends = {name: (filter_response(name, samples=128) / ramp_response(128))[-1] for name in NAMES}
    expected = {"ramp": 1, "shepp-logan": 2 / np.pi, "cosine": 0, "hamming": 0.08, "hann": 0, "parzen": 0}
    for name, value in (expected | {"butterworth": 0.5**0.5}).items():
        assert ends[name] == pytest.approx(value, abs=1e-12)


def test_nothing_passes_above_the_cutoff():
    window = filter_response("hann", samples=128, cutoff=0.5) / ramp_response(128)
    assert np.all(window[33:] == 0)
    assert window[16] == pytest.approx(0.5)


def test_own_windows():
    ramp = ramp_response(64)
    np.testing.assert_allclose(filter_response(lambda f: 1 - f, samples=64), ramp * (1 - np.fft.rfftfreq(64)))
    np.testing.assert_allclose(filter_response([1.0, 0.0], samples=64), ramp * np.linspace(1, 0, 33))


@pytest.mark.parametrize(
    ("window", "cutoff", "match"),
    [
        ("ram", 1.0, "must be one of ramp"),
        ("hann", 0.0, "cutoff"),
        ([1.0, 0.5], 0.5, "named filters"),
        ([1.0], 1.0, "2 numbers"),
        (["a", "b"], 1.0, "2 numbers"),
        (np.ones((3, 4)), 1.0, r"2 numbers or more along one axis, .* got shape \(3, 4\)"),
        (lambda f: np.full(3, 1.0), 1.0, "each of 33"),
        (lambda f: f * np.nan, 1.0, "NaN"),
    ],
)
def test_wrong_filters_are_refused(window, cutoff, match):
    with pytest.raises(InputError, match=match) as caught:
        filter_response(window, samples=64, cutoff=cutoff)
    assert "\n" not in str(caught.value)
