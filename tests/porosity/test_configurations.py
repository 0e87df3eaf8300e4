import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from porosity.configurations import CORNERS, configuration_counts, corner_set


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), planes=st.integers(2, 70), threads=st.integers(1, 3))
def test_counts_equal_numpy(seed, planes, threads):
    mask = np.random.default_rng(seed).integers(0, 2, (planes, 4, 5)).astype(np.uint8)
    code = np.zeros((planes - 1, 3, 4), int)
    for bit, (dz, dy, dx) in enumerate(CORNERS):
        code |= mask[dz : dz + planes - 1, dy : dy + 3, dx : dx + 4].astype(int) << bit
    truth = np.bincount(code.ravel(), minlength=256)
    np.testing.assert_array_equal(configuration_counts(mask, threads=threads), truth)


def test_one_plane_holds_no_configuration():
    assert configuration_counts(np.ones((1, 4, 4), np.uint8)).sum() == 0


@pytest.mark.parametrize("bit", range(8))
def test_corners_are_in_the_order_of_their_bits(bit):
    mask = np.zeros((2, 2, 2), np.uint8)
    mask[tuple(CORNERS[bit])] = 1
    assert configuration_counts(mask)[1 << bit] == 1
    assert corner_set(CORNERS[bit])[1 << bit]
