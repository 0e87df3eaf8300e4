"""The search in a window, against correlation by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from acquisition import BlobTexture, translate
from volcorr.search import highest_echo, search_zncc

HALF, REACH = np.array([4, 5, 6]), np.array([7, 6, 5])


def texture(seed=0, edge=40):
    grey = np.random.default_rng(seed).normal(size=(edge,) * 3)
    return ndimage.gaussian_filter(grey, 1.0).astype(np.float32)


def direct_zncc(reference, deformed, point, shift):
    a = reference[tuple(slice(p - h, p + h + 1) for p, h in zip(point, HALF, strict=True))]
    b = deformed[tuple(slice(p + s - h, p + s + h + 1) for p, h, s in zip(point, HALF, shift, strict=True))]
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def search_one(reference, deformed, point, guess):
    found, cc = search_zncc(reference, deformed, point[None], guess[None], HALF, REACH)
    return found[0], cc[0]


@given(shift=st.tuples(st.integers(-7, 7), st.integers(-6, 6), st.integers(-5, 5)), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_a_shift_within_the_window_is_found_and_its_correlation_is_direct(shift, seed):
    rng = np.random.default_rng(seed)
    reference = texture(seed)
    deformed = (3 * np.roll(reference, shift, (0, 1, 2)) + 5).astype(np.float32)
    deformed += rng.normal(0, 0.05, deformed.shape).astype(np.float32)
    point = np.array([20, 19, 21])
    found, cc = search_one(reference, deformed, point, np.zeros(3))
    np.testing.assert_allclose(found, shift, atol=0.5)
    assert cc == pytest.approx(direct_zncc(reference, deformed, point, np.round(found).astype(int)), abs=1e-5)


def test_the_window_follows_the_guess_and_ends_at_the_volume():
    reference = texture()
    deformed = np.roll(reference, (12, -10, 13), (0, 1, 2))
    point = np.array([20, 20, 20])
    found, cc = search_one(reference, deformed, point, np.array([10.0, -12.0, 12.0]))
    np.testing.assert_allclose(found, (12, -10, 13), atol=0.5)
    assert cc > 0.999
    found, cc = search_one(reference, deformed, point, np.array([80.0, 0.0, 0.0]))
    assert np.isnan(cc)
    np.testing.assert_array_equal(found, (80, 0, 0))


def test_nothing_wraps_around():
    """A subset that left on one side is not found where it would come in on the other."""
    reference = texture()
    deformed = np.roll(reference, 16, 0)  # the subset at 30 would lie at 46: it is at 6
    _, cc = search_one(reference, deformed, np.array([30, 20, 20]), np.array([10.0, 0.0, 0.0]))
    assert np.isnan(cc) or cc < 0.7


def test_a_peak_between_voxels():
    blobs = BlobTexture.random((40, 40, 40), rng=0, sigma=(2.5, 2.6))
    reference, deformed = blobs.render((40,) * 3), blobs.render((40,) * 3, motion=translate((0.4, -1.3, 2.7)))
    found, _ = search_one(reference, deformed, np.array([20, 20, 20]), np.zeros(3))
    np.testing.assert_allclose(found, (0.4, -1.3, 2.7), atol=0.1)


def test_points_are_searched_each_by_itself():
    rng = np.random.default_rng(0)
    reference = texture()
    deformed = np.roll(reference, (2, -3, 1), (0, 1, 2)) + rng.normal(0, 0.02, (40,) * 3).astype(np.float32)
    points, guess = rng.integers(8, 32, (9, 3)), rng.normal(0, 3, (9, 3))
    together = search_zncc(reference, deformed, points, guess, HALF, REACH)
    for i in range(9):
        alone = search_one(reference, deformed, points[i], guess[i])
        np.testing.assert_allclose(together[0][i], alone[0], atol=1e-4)
        np.testing.assert_allclose(together[1][i], alone[1], atol=1e-5)


def test_nothing_is_found_without_texture():
    grey, flat = texture(), np.ones((40,) * 3, np.float32)
    for pair in ((flat, grey), (grey, flat)):
        _, cc = search_one(*pair, np.array([20, 20, 20]), np.zeros(3))
        assert np.isnan(cc)


def test_an_echo_is_the_correlation_with_another_place_of_the_same_volume():
    z = np.arange(40)[:, None, None]
    half, reach, points = np.array([6, 6, 6]), np.array([12, 8, 8]), np.array([[20, 20, 20]])
    once = texture(1)
    assert highest_echo(once, points, half, reach)[0] < 0.7
    repeated = np.concatenate([once[:10]] * 4)  # a period of ten along z
    assert highest_echo(repeated, points, half, reach)[0] == pytest.approx(1, abs=1e-4)
    layers = np.broadcast_to(np.sin(2 * np.pi * z / 10), (40,) * 3).astype(np.float32)
    assert highest_echo(layers, points, half, reach)[0] == pytest.approx(1, abs=1e-4)
    assert np.isnan(highest_echo(np.ones((40,) * 3, np.float32), points, half, reach)[0])
