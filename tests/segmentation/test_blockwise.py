import numpy as np
import pytest

from segmentation.blockwise import block_boxes, map_blocks, read_padded
from volio import InputError, Volume


def test_boxes_cover_every_voxel_once() -> None:
    seen = np.zeros((7, 10, 13), int)
    for box in block_boxes(seen.shape, 4):
        seen[box] += 1
    assert (seen == 1).all()


def test_padding_is_numpys_mirror() -> None:
    grey = np.random.default_rng(0).normal(size=(5, 6, 7))
    whole = np.pad(grey, 3, mode="symmetric")
    for box in block_boxes(grey.shape, 2):
        expected = whole[tuple(slice(s.start, s.stop + 6) for s in box)]
        np.testing.assert_array_equal(read_padded(grey, box, 3), expected)


def test_nan_is_found_with_its_place_unless_masked() -> None:
    grey = np.ones((4, 4, 4), np.float32)
    grey[3, 2, 1] = np.nan
    box = (slice(2, 4), slice(0, 4), slice(0, 4))
    with pytest.raises(InputError, match=r"the first at \(3, 2, 1\)"):
        read_padded(grey, box, 1)
    assert read_padded(grey, box, 0, np.isfinite(grey))[1, 2, 1] == 0


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="mask has shape"):
        map_blocks(Volume(np.ones((3, 3, 3))), np.negative, dtype=float, mask=Volume(np.ones((2, 2, 2))))
