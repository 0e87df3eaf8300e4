"""The B-spline prefilter against SciPy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from volcorr.interpolation import bspline_coefficients


@given(shape=st.tuples(*[st.integers(3, 40)] * 3), seed=st.integers(0, 2**31))
@settings(max_examples=10, deadline=None)
def test_coefficients_are_those_of_scipy(shape, seed):
    volume = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    expected = ndimage.spline_filter(volume, 3, output=np.float64, mode="mirror")
    np.testing.assert_allclose(bspline_coefficients(volume), expected, atol=2e-5)


def test_the_input_is_kept_and_threads_do_not_matter():
    volume = np.random.default_rng(1).normal(size=(32, 20, 24)).astype(np.float32)
    before = volume.copy()
    one, two = bspline_coefficients(volume, threads=1), bspline_coefficients(volume, threads=2)
    np.testing.assert_array_equal(volume, before)
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_cosine_of_the_mirrored_volume_is_an_eigenfunction(axis):
    n = 36
    shape = [8, 8, 8]
    shape[axis] = n
    wave = np.cos(np.pi * 6 * np.arange(n) / (n - 1))  # even about both faces
    volume = np.moveaxis(np.broadcast_to(wave, (8, 8, n)), -1, axis).astype(np.float32)
    gain = 3 / (2 + np.cos(np.pi * 6 / (n - 1)))  # inverse of the sampled B-spline (1, 4, 1) / 6
    np.testing.assert_allclose(bspline_coefficients(volume), gain * volume, atol=2e-6)
