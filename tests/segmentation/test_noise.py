import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation import diffuse, estimate_noise, smooth_nonlocal
from volio import InputError, Volume


def test_the_noise_of_a_phantom_is_found(phantom) -> None:
    assert estimate_noise(Volume(phantom.grey)) == pytest.approx(12, rel=0.08)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.5, 50), st.floats(-5, 5), st.integers(0, 2))
def test_ramps_and_steps_along_an_axis_are_no_noise(sigma: float, slope: float, axis: int) -> None:
    grey = np.random.default_rng(1).normal(0, sigma, (40, 36, 44))
    along = np.moveaxis(np.indices(grey.shape), 0, -1)[..., axis]
    found = estimate_noise(Volume(grey + slope * along + 1000.0 * (along > 17)))
    assert found == pytest.approx(sigma, rel=0.05)


def test_scale_and_threads(phantom) -> None:
    grey = phantom.grey.astype(np.float32)
    one = estimate_noise(Volume(grey), threads=1)
    assert estimate_noise(Volume(3 * grey + 7), threads=2) == pytest.approx(3 * one)


@pytest.mark.parametrize("shape", [(10, 10, 10), (2, 30, 30)])
def test_without_noise_or_without_depth_it_is_to_be_stated(shape) -> None:
    with pytest.raises(InputError, match="state it in grey values"):
        estimate_noise(Volume(np.ones(shape)))


def test_filters_take_the_noise_that_is_found(phantom) -> None:
    grey = Volume(phantom.grey)
    noise = estimate_noise(grey)
    np.testing.assert_array_equal(smooth_nonlocal(grey).data, smooth_nonlocal(grey, noise=noise).data)
    assert diffuse(grey).metadata["filters"][0]["conductance"] == pytest.approx(3 * noise)
