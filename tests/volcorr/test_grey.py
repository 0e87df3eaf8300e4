"""Normalised grey values."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volcorr.grey import normalise
from volio import InputError, Volume


@given(scale=st.floats(1e-6, 1e6), offset=st.floats(-1e6, 1e6))
@settings(max_examples=20, deadline=None)
def test_scale_and_offset_of_grey_do_not_matter(scale, offset):
    grey = np.random.default_rng(0).normal(size=(20, 9, 8))
    scale *= 1 + abs(offset) * 1e-6  # keep the contrast above the rounding of the offset
    plain, changed = (normalise(Volume(v), name="reference").values for v in (grey, scale * grey + offset))
    np.testing.assert_allclose(plain, changed, atol=1e-3)
    assert abs(plain.mean()) < 1e-6
    assert abs(plain.std() - 1) < 1e-6


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64, np.bool_])
def test_every_type_of_grey(dtype):
    data = (np.random.default_rng(0).integers(0, 2, (20, 9, 8))).astype(dtype)
    values = normalise(Volume(data), name="reference").values
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, (data - data.mean(dtype=float)) / data.astype(float).std(), rtol=1e-5)


def test_bad_voxels_are_known_and_said(caplog):
    data = np.random.default_rng(0).normal(size=(40, 9, 8))
    data[30, 2, 3], data[1, 1, 1] = np.nan, np.inf
    with caplog.at_level(logging.WARNING):
        grey = normalise(Volume(data), name="deformed")
    assert "not finite in the deformed volume: 2;" in caplog.text
    assert grey.bad is not None
    assert set(zip(*np.nonzero(grey.bad), strict=True)) == {(30, 2, 3), (1, 1, 1)}
    assert np.isfinite(grey.values).all()
    assert grey.values[30, 2, 3] == 0


@pytest.mark.parametrize(("fill", "words"), [(7.0, "constant .grey 7"), (np.nan, "no finite voxel"), (0, "constant")])
def test_volumes_without_contrast_are_refused(fill, words):
    with pytest.raises(InputError, match=words):
        normalise(Volume(np.full((20, 9, 8), fill)), name="reference")


def test_threads_do_not_matter():
    volume = Volume(np.random.default_rng(0).normal(size=(70, 9, 8)))
    one, two = (normalise(volume, name="reference", threads=n).values for n in (1, 3))
    np.testing.assert_array_equal(one, two)
