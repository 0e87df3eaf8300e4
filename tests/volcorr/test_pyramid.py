"""The levels on which the motion is found, and the scale of the grey values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volcorr.pyramid import finest_factor, make_pyramid
from volio import InputError
from volio.lazy import LazyArray

RNG = np.random.default_rng(0)


def test_levels_average_and_stop_at_small_axes():
    grey = RNG.normal(size=(96, 50, 20)).astype(np.float32)
    mask = np.zeros(grey.shape, bool)
    mask[:48] = True
    levels = make_pyramid(grey, grey, mask=mask).levels
    assert [level.factor for level in levels] == [(4, 2, 1), (2, 2, 1)]
    assert [level.reference.values.shape for level in levels] == [(24, 25, 20), (48, 25, 20)]
    np.testing.assert_allclose(levels[0].reference.values[3, 4, 5], grey[12:16, 8:10, 5].mean(), atol=1e-6)
    assert (levels[0].mask.values[:12] == 1).all()
    assert not levels[0].mask.values[12:].any()


def test_small_volumes_are_taken_as_they_are():
    grey = RNG.normal(size=(30, 40, 47))
    pyramid = make_pyramid(grey, grey)
    assert [level.factor for level in pyramid.levels] == [(1, 1, 1)]
    np.testing.assert_allclose(pyramid.levels[0].reference.values, grey, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "factor"),
    [((256,) * 3, (2, 2, 2)), ((1024,) * 3, (4, 4, 4)), ((2000,) * 3, (8, 8, 8)), ((40, 9000, 9000), (1, 16, 16))],
)
def test_the_finest_level_is_bounded_by_the_size_alone(shape, factor):
    assert finest_factor(np.array(shape)) == factor


def test_bad_voxels_do_not_count():
    grey = RNG.normal(size=(60, 60, 60))
    grey[:20] = np.nan
    grey[30, 30, 30] = np.inf
    pyramid = make_pyramid(grey, grey.copy())
    good = grey[np.isfinite(grey)]
    assert not pyramid.reference.complete
    assert pyramid.reference.mean == pytest.approx(good.mean(), abs=0.02)
    reference, _ = pyramid.levels[-1].grey()
    assert not reference.complete
    assert np.isnan(np.asarray(reference.voxels)[:10]).all()
    assert np.isfinite(np.asarray(reference.voxels)[10:]).all()


def test_masks_of_both_volumes_are_handed_on():
    grey = RNG.normal(size=(60, 60, 60))
    one, two = np.zeros((2, 60, 60, 60), np.uint8)
    one[:20], two[:, 40:] = 9, 1
    pyramid = make_pyramid(grey, grey, mask=one, deformed_mask=two)
    assert pyramid.reference.mask is one
    assert pyramid.deformed.mask is two
    reference, deformed = pyramid.levels[-1].grey()
    assert reference.mask[:10].all()
    assert not reference.mask[10:].any()
    assert deformed.mask[:, 20:].all()
    assert not deformed.mask[:, :20].any()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_scale_of_every_type(dtype):
    grey = (RNG.normal(size=(30, 30, 30)) * 20 + 120).astype(dtype)
    pyramid = make_pyramid(grey, grey)
    assert pyramid.reference.mean == pytest.approx(grey.mean(), rel=1e-6)
    assert pyramid.reference.std == pytest.approx(grey.std(), rel=1e-5)
    assert pyramid.reference.complete == (np.dtype(dtype).kind in "iu")


@pytest.mark.parametrize(("fill", "words"), [(7.0, "constant .grey 7"), (np.nan, "no finite voxel"), (0, "constant")])
@pytest.mark.parametrize("side", [0, 1])
def test_volumes_without_contrast_are_refused(fill, words, side):
    pair = [RNG.normal(size=(20, 9, 12)), RNG.normal(size=(20, 9, 12))]
    pair[side] = np.full((20, 9, 12), fill)
    with pytest.raises(InputError, match=f"the {('reference', 'deformed')[side]} volume .*{words}"):
        make_pyramid(*pair)


def test_an_empty_mask_is_refused():
    grey = RNG.normal(size=(20, 9, 12))
    with pytest.raises(InputError, match="mask is empty"):
        make_pyramid(grey, grey, mask=np.zeros(grey.shape))


@given(st.integers(1, 4), st.booleans())
@settings(max_examples=6, deadline=None)
def test_threads_and_laziness_do_not_change_a_bit(threads, lazy):
    grey = np.random.default_rng(1).normal(size=(96, 50, 20)).astype(np.float32)
    plain = make_pyramid(grey, grey, threads=1)
    other = make_pyramid(LazyArray.wrap(grey) if lazy else grey, grey, threads=threads)
    assert (plain.reference.mean, plain.reference.std) == (other.reference.mean, other.reference.std)
    for one, two in zip(plain.levels, other.levels, strict=True):
        np.testing.assert_array_equal(one.reference.values, two.reference.values)
