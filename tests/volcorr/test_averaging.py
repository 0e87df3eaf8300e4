"""Averages of volumes: exact means, bad voxels left out, lazy input, and no dependence on slabs or threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volcorr import averaging
from volcorr.averaging import choose_factor, shrink
from volio import InputError
from volio.lazy import LazyArray


def direct(values, weights, factor):
    """Plain means over blocks."""
    size = [n // f for n, f in zip(values.shape, factor, strict=True)]
    cut = tuple(slice(n * f) for n, f in zip(size, factor, strict=True))
    shape = [edge for pair in zip(size, factor, strict=True) for edge in pair]
    weights = np.where(np.isfinite(values), weights, 0)[cut].reshape(shape)
    blocks = np.nan_to_num(values.astype(float), nan=0, posinf=0, neginf=0)[cut].reshape(shape)
    total = weights.sum(axis=(1, 3, 5))
    mean = (blocks * weights).sum(axis=(1, 3, 5)) / np.where(total > 0, total, 1)
    return mean, total / np.prod(factor)


@given(
    factor=st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 6)),
    dtype=st.sampled_from(["u1", "i2", "u2", "i4", "f2", "f4", "f8", "?"]),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_averages_are_means_of_blocks(factor, dtype, seed):
    volume = np.random.default_rng(seed).integers(0, 200, (11, 13, 12)).astype(dtype)
    found = shrink(volume, factor, threads=1)
    mean, share = direct(volume, np.ones(volume.shape), factor)
    np.testing.assert_allclose(found.values, mean, rtol=1e-6)
    np.testing.assert_array_equal(found.weights, share)
    assert (found.factor, found.shape) == (factor, (11, 13, 12))
    assert found.values.dtype == found.weights.dtype == np.float32


def test_bad_voxels_do_not_count_and_change_no_other_block():
    rng = np.random.default_rng(0)
    volume = rng.normal(100, 5, (12, 12, 12)).astype(np.float32)
    holed = volume.copy()
    holed[0, 0, 0], holed[5, 5, 5], holed[8:, 8:, 8:] = np.nan, np.inf, -np.inf
    found, whole = shrink(holed, 4), shrink(volume, 4)
    mean, share = direct(holed, np.ones(volume.shape), (4, 4, 4))
    np.testing.assert_allclose(found.values, mean, rtol=1e-6)
    np.testing.assert_allclose(found.weights, share, rtol=1e-6)
    assert found.values[2, 2, 2] == found.weights[2, 2, 2] == 0
    np.testing.assert_array_equal(found.values[found.weights == 1], whole.values[found.weights == 1])


def test_averages_of_averages_are_averages():
    rng = np.random.default_rng(1)
    volume = rng.normal(size=(24, 24, 24)).astype(np.float32)
    volume[rng.random(volume.shape) < 0.1] = np.nan
    twice, once = shrink(shrink(volume, 2), (3, 2, 1)), shrink(volume, (6, 4, 2))
    np.testing.assert_allclose(twice.values, once.values, atol=1e-6)
    np.testing.assert_allclose(twice.weights, once.weights, atol=1e-6)
    assert (twice.factor, twice.shape) == (once.factor, once.shape)


def test_weights_are_used():
    rng = np.random.default_rng(2)
    volume, weights = rng.normal(size=(2, 9, 9, 9))
    weights = np.abs(weights)
    found = shrink(volume, 3, weights=weights)
    mean, share = direct(volume, weights, (3, 3, 3))
    np.testing.assert_allclose(found.values, mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.weights, share, rtol=1e-5)


def test_a_large_offset_costs_nothing():
    volume = 1e9 + np.arange(64.0).reshape(4, 4, 4)
    assert shrink(volume - 1e9, 2).values[0, 0, 0] == pytest.approx(10.5)
    assert shrink(volume.astype(np.int32), 2).values[0, 0, 0] == np.float32(1e9 + 10.5)


def test_slabs_threads_and_lazy_input_do_not_change_the_answer(monkeypatch):
    volume = np.random.default_rng(3).normal(size=(40, 20, 20)).astype(np.float32)
    volume[7, 3, 3] = np.nan
    whole = shrink(volume, 3, threads=1)
    read = []
    lazy = LazyArray(lambda box: read.append(box[0]) or volume[box], volume.shape, volume.dtype)
    monkeypatch.setattr(averaging, "SLAB_VOXELS", 6 * 20 * 20)
    for threads in (1, 3):
        found = shrink(lazy, 3, threads=threads)
        np.testing.assert_array_equal(found.values, whole.values)
        np.testing.assert_array_equal(found.weights, whole.weights)
    assert max(box.stop - box.start for box in read) == 6


def test_the_centre_is_that_of_the_full_volume():
    ramp = np.broadcast_to(np.arange(23.0)[:, None, None], (23, 8, 8))
    found = shrink(ramp, (5, 2, 1))
    place = found.values[:, 0, 0]
    assert np.interp(11.0, place, np.arange(4)) == pytest.approx(found.centre[0])
    np.testing.assert_allclose(found.centre[1:], (1.5, 3.5))


@pytest.mark.parametrize(
    ("shape", "factor"),
    [((256, 256, 256), (6, 6, 6)), ((40, 400, 400), (1, 8, 8)), ((30, 30, 30), (1, 1, 1)), ((8, 2000, 9), (1, 2, 1))],
)
def test_short_axes_keep_their_depth(shape, factor):
    assert choose_factor(shape, 48**3) == factor


def test_impossible_blocks_are_refused():
    volume = np.zeros((8, 8, 8), np.float32)
    for factor in (0, 9, (1, 9, 1)):
        with pytest.raises(InputError, match="factor must be between 1 and the shape"):
            shrink(volume, factor)
    with pytest.raises(InputError, match="weights have the shape"):
        shrink(volume, 2, weights=np.ones((8, 8, 7)))
