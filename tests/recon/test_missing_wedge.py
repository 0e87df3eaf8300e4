import math

import numpy as np
import pytest

from recon.missing_wedge import find_missing_wedge, measure_axis_ratio


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
    assert measure_axis_ratio(*halves, direction=direction, cutoff=0.35) == pytest.approx(2, rel=0.1)


def test_nothing_in_common_has_no_ratio():
    one = np.random.default_rng(0).normal(size=(4, 32, 32))
    assert math.isnan(measure_axis_ratio(one, -one, direction=0.0))
