import math

import numpy as np
import pytest

from recon.fourier_correlation import fade_out, soft_window
from recon.missing_wedge import find_missing_wedge, measure_axis_ratio, measure_common_power
from volio.errors import InputError


@pytest.mark.parametrize("half", [30, 45, 60, 70])
@pytest.mark.parametrize("middle", [0, 35, 90])
def test_the_wedge_is_that_of_the_angles(half, middle):
    angles = np.radians(np.linspace(middle - half, middle + half, 401))
    wedge = find_missing_wedge(angles)
    alpha = math.radians(half)
    # Radermacher's elongation of a tilt series
    expected = math.sqrt((alpha + math.sin(2 * alpha) / 2) / (alpha - math.sin(2 * alpha) / 2))
    assert wedge.elongation == pytest.approx(expected, rel=0.01)
    assert abs(math.sin(wedge.direction - math.radians(middle + 90))) < 0.002
    assert math.degrees(wedge.width) == pytest.approx(180 - 2 * half, abs=1)


def test_half_a_turn_misses_nothing():
    wedge = find_missing_wedge(np.linspace(0, np.pi, 180, endpoint=False))
    assert wedge.width == 0
    assert wedge.elongation == pytest.approx(1)


@pytest.mark.parametrize("direction", [0.0, 0.6, np.pi / 2])
def test_the_axis_ratio_is_that_of_the_detail(direction):
    rng = np.random.default_rng(0)
    y, x = np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64)
    along = x * np.cos(direction) + y * np.sin(direction)
    across = y * np.cos(direction) - x * np.sin(direction)
    form = np.exp(-0.5 * ((along / 0.05) ** 2 + (across / 0.1) ** 2))
    signal = 10 * np.fft.ifft2(np.fft.fft2(rng.normal(size=(24, 64, 64))) * form).real
    halves = [signal + 0.3 * rng.normal(size=signal.shape) for _ in range(2)]
    power = measure_common_power(*halves)
    assert measure_axis_ratio(power, direction=direction, cutoff=0.35) == pytest.approx(2, rel=0.1)


def test_nothing_in_common_has_no_ratio():
    one = np.random.default_rng(0).normal(size=(4, 32, 32))
    assert math.isnan(measure_axis_ratio(measure_common_power(one, -one), direction=0.0))


@pytest.mark.parametrize("shape", [(3, 32, 33), (2, 31, 32)])
def test_common_power_is_that_of_the_whole_transform(shape):
    one = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    other = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    window = soft_window(shape[1:])
    expected = np.zeros(shape[1:])
    for images in zip(one, other, strict=True):
        a, b = (np.fft.fft2(fade_out(image, window)) for image in images)
        expected += (a * b.conj()).real
    np.testing.assert_allclose(measure_common_power(one, other), np.fft.fftshift(expected), atol=1e-2)


def test_halves_that_do_not_fit_are_named():
    with pytest.raises(InputError, match="same shape"):
        measure_common_power(np.zeros((3, 32, 32)), np.zeros((2, 32, 32)))
    with pytest.raises(InputError, match="NaN"):
        measure_common_power(np.full((3, 32, 32), np.nan), np.zeros((3, 32, 32)))
