"""Windows: what is read, how it is normalised, and what is marked as missing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from volcorr.interpolation import find_spline
from volcorr.windows import BAD_REACH, Box, Grey, read_coefficients, read_reference
from volio.lazy import LazyArray
from volio.simd import LANES

RNG = np.random.default_rng(0)
VOXELS = (RNG.normal(size=(60, 24, 26)) * 7 + 50).astype(np.float32)


def grey(voxels, mask=None):
    good = voxels[np.isfinite(voxels)].astype(float)
    return Grey(voxels, float(good.mean()), float(good.std()), good.size == voxels.size, mask)


def normal(voxels):
    return (voxels.astype(float) - voxels.mean(dtype=float)) / voxels.std(dtype=float)


def test_boxes():
    box = Box((-2, 3, 5), (4, 9, 20))
    assert box.shape == (6, 6, 15)
    assert box.grow(1) == Box((-3, 2, 4), (5, 10, 21))
    assert box.pad((1, 2, 3), (0, 0, 1)) == Box((-3, 1, 2), (4, 9, 21))
    assert box.clip((10, 8, 8)) == Box((0, 3, 5), (4, 8, 8))
    assert box.slices((-2, 0, 0)) == (slice(0, 6), slice(3, 9), slice(5, 20))
    assert Box((12, -9, 0), (15, -3, 1)).clip((10, 8, 8)) == Box((9, 0, 0), (10, 1, 1))  # at least a voxel


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_every_type_is_normalised(dtype):
    data = (VOXELS > 50 if dtype == np.bool_ else VOXELS.round()).astype(dtype)
    window = read_reference(grey(data), Box((2, 3, 4), (50, 20, 21)))
    assert window.values.dtype == np.float32
    assert window.absent is None
    np.testing.assert_allclose(window.values, normal(data)[2:50, 3:20, 4:21], atol=2e-6)


def test_a_large_offset_costs_no_contrast():
    """Sixty-four bits are brought to zero mean before they become thirty-two."""
    window = read_reference(grey(VOXELS.astype(float) + 1e9), Box((2, 3, 4), (50, 20, 21)))
    np.testing.assert_allclose(window.values, normal(VOXELS)[2:50, 3:20, 4:21], atol=1e-4)


def test_whole_vectors_can_be_read_behind_the_end():
    window = read_reference(grey(VOXELS), Box((0, 0, 0), VOXELS.shape)).values
    assert window.flags["C_CONTIGUOUS"]
    assert window.base.size >= window.size + LANES
    coefficients = read_coefficients(grey(VOXELS), Box((0, 0, 0), VOXELS.shape), find_spline("cubic"))
    assert coefficients.base.size >= coefficients.size + LANES


def test_missing_voxels_of_the_reference_and_their_neighbours_are_marked():
    voxels = VOXELS.copy()
    voxels[10, 10, 10], voxels[20, 5, 7] = np.nan, np.inf
    box = Box((-2, 1, 1), (58, 24, 28))
    window = read_reference(grey(voxels), box)
    inside = np.zeros([n + 2 for n in VOXELS.shape], bool)
    inside[1:-1, 1:-1, 1:-1] = np.isfinite(voxels)
    usable = ~ndimage.binary_dilation(~inside, ndimage.generate_binary_structure(3, 1))
    expected = np.zeros(box.shape, bool)
    expected[2:, :, :25] = usable[1:59, 2:25, 2:27]
    np.testing.assert_array_equal(np.isfinite(window.absent), expected)
    assert np.isfinite(window.values).all()
    assert window.values[12, 9, 9] == 0


def test_the_mask_of_the_reference():
    mask = np.zeros(VOXELS.shape, np.uint8)
    mask[:, :12] = 7
    window = read_reference(grey(VOXELS, mask), Box((2, 3, 4), (50, 20, 21)))
    np.testing.assert_array_equal(window.inside, mask[2:50, 3:20, 4:21] > 0)
    np.testing.assert_array_equal(np.isfinite(window.absent), window.inside)
    # a mask forbids voxels, not the gradient of those beside them
    assert read_reference(grey(VOXELS, mask), Box((2, 3, 4), (50, 12, 21))).absent is None


@pytest.mark.parametrize("spline", ["cubic", "quintic"])
@pytest.mark.parametrize(
    "box",
    [
        Box((0, 0, 0), VOXELS.shape),
        Box((3, 4, 5), (57, 12, 16)),
        Box((-4, -3, -2), (30, 30, 31)),
        Box((55, 20, 24), (66, 30, 30)),
    ],
)
def test_coefficients_are_those_of_the_mirrored_volume(spline, box):
    found = read_coefficients(grey(VOXELS), box, find_spline(spline))
    whole = ndimage.spline_filter(normal(VOXELS), 3 if spline == "cubic" else 5, mode="mirror")
    expected = np.full(box.shape, np.nan)
    inner = box.clip(VOXELS.shape)
    expected[inner.slices(box.low)] = whole[inner.slices()]
    np.testing.assert_allclose(found, expected, atol=2e-4 if spline == "quintic" else 2e-5)


@given(
    st.tuples(*[st.integers(-8, 30)] * 3),
    st.tuples(*[st.integers(1, 40)] * 3),
    st.sampled_from(["cubic", "quintic"]),
)
@settings(max_examples=25, deadline=None)
def test_a_window_has_the_same_bits_as_the_whole(low, size, spline):
    """Also windows of a few voxels, and those that span several slabs: this makes blocks and memory harmless."""
    box = Box(low, tuple(a + n for a, n in zip(low, size, strict=True)))
    inner = box.clip(VOXELS.shape)
    if any(min(h, n) <= max(a, 0) for a, h, n in zip(box.low, box.high, VOXELS.shape, strict=True)):
        assert np.isnan(read_coefficients(grey(VOXELS), box, find_spline(spline))).all()
        return
    whole = read_coefficients(grey(VOXELS), Box((0, 0, 0), VOXELS.shape), find_spline(spline))
    found = read_coefficients(grey(VOXELS), box, find_spline(spline))
    np.testing.assert_array_equal(found[inner.slices(box.low)], whole[inner.slices()])
    part = read_reference(grey(VOXELS), box)
    np.testing.assert_array_equal(
        part.values[inner.slices(box.low)],
        read_reference(grey(VOXELS), Box((0, 0, 0), VOXELS.shape)).values[inner.slices()],
    )


def test_bad_voxels_take_their_neighbours_with_them():
    voxels = VOXELS.copy()
    voxels[30, 12, 13] = np.nan
    box = Box((0, 0, 0), VOXELS.shape)
    found = read_coefficients(grey(voxels), box, find_spline("cubic"))
    gone = np.zeros(VOXELS.shape, bool)
    gone[tuple(slice(v - BAD_REACH, v + BAD_REACH + 1) for v in (30, 12, 13))] = True
    np.testing.assert_array_equal(np.isnan(found), gone)
    clean = read_coefficients(grey(VOXELS), box, find_spline("cubic"))
    assert np.nanmax(np.abs(found - clean)) < 0.02  # what is left of a replaced voxel


def test_the_mask_of_the_deformed_volume():
    mask = np.zeros(VOXELS.shape, bool)
    mask[:40] = True
    found = read_coefficients(grey(VOXELS, mask), Box((-1, 0, 0), (60, 24, 26)), find_spline("cubic"))
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1:41]).all()
    assert np.isnan(found[41:]).all()


def test_threads_do_not_change_a_bit_and_lazy_volumes_give_the_same():
    volume = np.concatenate([VOXELS, VOXELS[::-1]])
    volume[100, 3, 3] = np.nan
    box, spline = Box((1, 2, 3), (118, 22, 23)), find_spline("quintic")
    lazy = LazyArray.wrap(volume)
    one = read_coefficients(grey(volume), box, spline, threads=1)
    other = grey(volume)
    two = read_coefficients(Grey(lazy, other.mean, other.std, False), box, spline, threads=3)
    np.testing.assert_array_equal(one, two)
    a, b = (
        read_reference(g, box, threads=n) for g, n in ((grey(volume), 1), (Grey(lazy, other.mean, other.std, False), 3))
    )
    np.testing.assert_array_equal(a.values, b.values)
    np.testing.assert_array_equal(a.absent, b.absent)
