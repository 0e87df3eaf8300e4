"""Phase retrieval of one material."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.phase import retrieve_phase, wavelength
from volio.errors import InputError

SETUP = {"energy": 9.2, "distance": 20.0, "delta_beta": 300.0, "pixel_size": 0.8}


def test_wavelength_of_copper_k_alpha() -> None:
    assert wavelength(8.048) == pytest.approx(0.15406, rel=1e-4)


def test_the_edge_contrast_of_a_known_object_is_undone() -> None:
    # the transport of intensity, from which the method follows, turns exp(-a) into (1 - L² del²) exp(-a)
    y, x = np.mgrid[:64, :96].astype(float)
    spread = 2 * 6.0**2
    blob = np.exp(-((y - 30) ** 2 + (x - 50) ** 2) / spread)
    laplace = blob * (4 * ((y - 30) ** 2 + (x - 50) ** 2) / spread**2 - 4 / spread)
    square = wavelength(9.2) * 20.0 * 300.0 / (4 * np.pi) / 0.8**2
    seen = 1 - 0.3 * (blob - square * laplace)
    found = retrieve_phase(seen[None], **SETUP)
    assert found[0] == pytest.approx(1 - 0.3 * blob, abs=3e-5)
    assert np.abs(seen - (1 - 0.3 * blob)).max() > 0.1


def test_a_wave_is_damped_as_the_paper_says() -> None:
    x = np.arange(256)
    wave = np.cos(2 * np.pi * 16 * x / 256)
    found = retrieve_phase(np.broadcast_to(1 + 0.1 * wave, (1, 8, 256)), **SETUP)
    kept = 1 / (1 + np.pi * wavelength(9.2) * 20 * 300 / 0.8**2 * (16 / 256) ** 2)
    middle = slice(96, 160)
    assert found[0, 4, middle] == pytest.approx(1 + 0.1 * kept * wave[middle], abs=2e-4)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.1, 50), st.integers(0, 60))
def test_linear_and_even_light_stays(scale: float, padding: int) -> None:
    rng = np.random.default_rng(0)
    image = rng.uniform(0.5, 1, (2, 9, 13))
    one = retrieve_phase(image, **SETUP)
    assert retrieve_phase(scale * image, **SETUP) == pytest.approx(scale * one, rel=1e-4)
    assert np.array_equal(retrieve_phase(image[1:], **SETUP), one[1:])
    assert retrieve_phase(np.full((1, 9, 13), 0.7), padding=padding, **SETUP) == pytest.approx(0.7, rel=1e-5)


@pytest.mark.parametrize("name", ["energy", "distance", "delta_beta", "pixel_size"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_quantities_must_be_positive(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{name} must be positive"):
        retrieve_phase(np.ones((1, 4, 4)), **{**SETUP, name: value})


def test_shapes_and_padding_are_checked() -> None:
    with pytest.raises(InputError, match="need 3 axes"):
        retrieve_phase(np.ones((4, 4)), **SETUP)
    with pytest.raises(InputError, match="padding must not be negative"):
        retrieve_phase(np.ones((1, 4, 4)), padding=-1, **SETUP)


def test_what_lies_at_one_edge_does_not_reach_the_other() -> None:
    """The images are continued before they are transformed, in which left and right would be neighbours."""
    image = np.ones((1, 20, 60))
    image[:, :, :6] = 0.3
    found = retrieve_phase(image, **SETUP)
    assert found[0, 10, -1] == pytest.approx(1.0, abs=0.025)
    assert found[0, 10, 0] < 0.6
    assert retrieve_phase(image, padding=0, **SETUP)[0, 10, -1] < 0.9
