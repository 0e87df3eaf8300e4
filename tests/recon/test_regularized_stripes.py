"""Stripes removed by regularisation (what all methods share is in test_sorted_stripes)."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.regularized_stripes import remove_stripes_by_regularization
from volio.errors import InputError


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 40), st.floats(1, 60), st.integers(0, 99))
def test_offsets_minimise_what_the_docstring_says(columns: int, width: float, seed: int) -> None:
    sinogram = np.random.default_rng(seed).normal(0, 1, (1, 7, columns))
    taken = (sinogram - remove_stripes_by_regularization(sinogram, width=width))[0]
    assert np.ptp(taken, axis=0).max() < 1e-5
    difference = np.diff(np.eye(columns), axis=0)
    normal = difference.T @ difference
    strength = 4 * math.sin(math.pi / (2 * width)) ** 2
    expected = np.linalg.solve(normal + strength * np.eye(columns), normal @ sinogram[0].mean(axis=0))
    assert taken[0] == pytest.approx(expected, abs=1e-4)


def test_half_is_taken_at_twice_the_width() -> None:
    wave = np.cos(2 * np.pi * np.arange(400) / 40)
    left = remove_stripes_by_regularization(np.broadcast_to(wave, (1, 3, 400)), width=20)
    assert left[0, 0, 100:300] == pytest.approx(0.5 * wave[100:300], abs=0.01)


def test_faults_are_one_line() -> None:
    for width in (0.5, np.inf, np.nan, 1e9):
        with pytest.raises(InputError, match="width must be 1 to"):
            remove_stripes_by_regularization(np.ones((1, 4, 5)), width=width)
    with pytest.raises(InputError, match="2 or more columns"):
        remove_stripes_by_regularization(np.ones((1, 4, 1)))
