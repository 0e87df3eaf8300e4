"""The specimen carried along by its displacement."""

import numpy as np
import pytest

from volcorr.fields import Status, build_fields
from volcorr.moved_region import moved_mask, moved_roi
from volio import InputError


def field_of(shift, *, lost=None, shape=(4, 5, 6), first=20):
    axes = tuple(first + 8.0 * np.arange(n) for n in shape)
    u = np.broadcast_to(np.array(shift)[:, None, None, None], (3, *shape))
    status = np.zeros(shape, np.uint8) if lost is None else lost
    return build_fields(
        axes,
        displacement=u,
        sigma=np.zeros_like(u),
        cc=np.ones(shape),
        iterations=np.ones(shape),
        status=status,
        attrs={
            "unit": "voxel",
            "voxel_size": [1.0, 1.0, 1.0],
            "volume_origin": [0.0, 0.0, 0.0],
            "volume_shape": [70, 80, 90],
            "subset_size": [15, 15, 31],
            "spacing": [8, 8, 8],
        },
    )


def test_the_mask_is_the_moved_points_and_a_rim():
    mask = moved_mask(field_of((3.2, -4.0, 5.0)))
    whole = mask[:]
    expected = np.zeros((70, 80, 90), bool)
    expected[23 - 8 : 47 + 9, 16 - 8 : 48 + 9, 25 - 13 : 65 + 14] = True  # 0.4 of 31 is 13
    np.testing.assert_array_equal(whole, expected)
    assert mask.shape == whole.shape
    assert mask.dtype == bool


def test_a_part_of_the_mask_is_that_part_of_the_whole():
    lost = np.where(np.random.default_rng(0).random((4, 5, 6)) < 0.9, Status.NO_TEXTURE, 0).astype(np.uint8)
    mask = moved_mask(field_of((-19.0, 0.0, 30.0), lost=lost))
    whole = mask[:]
    assert 0 < whole.mean() < 0.7
    for box in (np.s_[0:9, 10:50, 80:90], np.s_[30:31, 5:6, 40:44], np.s_[0:70, 0:80, 0:90]):
        np.testing.assert_array_equal(mask[box], whole[box])


def test_points_that_left_the_volume_do_not_return_on_the_other_side():
    assert not moved_mask(field_of((-100.0, 0.0, 0.0)))[:].any()


def test_the_region_holds_the_points_and_two_more_on_each_side():
    assert moved_roi(field_of((3.2, -4.0, 5.0))) == ((7, 65), (0, 65), (9, 82))


def test_without_points_there_is_no_region():
    lost = np.full((4, 5, 6), Status.LOW_CORRELATION, np.uint8)
    for make in (moved_mask, moved_roi):
        with pytest.raises(InputError, match="no point is left"):
            make(field_of((0.0, 0.0, 0.0), lost=lost))
    with pytest.raises(InputError, match="left the volume"):
        moved_roi(field_of((-100.0, 0.0, 0.0)))
