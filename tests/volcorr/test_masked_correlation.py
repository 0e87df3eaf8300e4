"""Correlation at all shifts over the common voxels, against the direct sums."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volcorr.masked_correlation import MaskedVolume, correlate_masked

REACH = (4, 5, 6)


def direct(one, two, shift):
    """Correlation coefficient and number of voxels of the overlap."""
    places = np.argwhere(one.weights > 0)
    moved = places + shift
    inside = np.all((moved >= 0) & (moved < two.values.shape), axis=1)
    places, moved = places[inside], moved[inside]
    good = two.weights[tuple(moved.T)] > 0
    a, b = one.values[tuple(places[good].T)], two.values[tuple(moved[good].T)]
    return np.corrcoef(a, b)[0, 1] if len(a) > 2 else 0.0, len(a)


@given(seed=st.integers(0, 999), shift=st.tuples(*(st.integers(-r, r) for r in REACH)), share=st.floats(0.3, 1))
@settings(max_examples=25, deadline=None)
def test_correlation_is_direct(seed, shift, share):
    rng = np.random.default_rng(seed)
    one, two = (
        MaskedVolume(rng.normal(0.2, 1, shape).astype(np.float32), (rng.random(shape) < share).astype(np.float32))
        for shape in ((9, 10, 11), (10, 9, 12))
    )
    cc, overlap = correlate_masked(one, two, REACH)
    expected, count = direct(one, two, np.array(shift))
    at = tuple(s + r for s, r in zip(shift, REACH, strict=True))
    assert overlap[at] == pytest.approx(count, abs=1e-2)
    assert cc[at] == pytest.approx(expected, abs=1e-3)


def test_what_does_not_count_has_no_say():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(12, 12, 12)).astype(np.float32)
    weights = np.zeros_like(values)
    weights[:, 3:9] = 1
    other = np.where(weights > 0, np.roll(values, 2, 0), 1000).astype(np.float32)
    cc, _ = correlate_masked(MaskedVolume(values, weights), MaskedVolume(other * weights, weights), (3, 3, 3))
    assert np.unravel_index(cc.argmax(), cc.shape) == (5, 3, 3)
    assert cc.max() > 0.999


def test_without_texture_or_overlap_the_correlation_is_zero():
    grey = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
    one, none = np.ones_like(grey), np.zeros_like(grey)
    for other in (MaskedVolume(none, one), MaskedVolume(grey, none)):
        for pair in ((MaskedVolume(grey, one), other), (other, MaskedVolume(grey, one))):
            cc, overlap = correlate_masked(*pair, (3, 3, 3))
            assert not cc.any()
            assert np.isfinite(overlap).all()
