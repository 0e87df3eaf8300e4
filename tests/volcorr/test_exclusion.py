"""Points that cannot be measured."""

import numpy as np
import pytest

from volcorr.exclusion import exclude_points, mark_bad_targets, read_mask
from volcorr.fields import Status
from volcorr.icgn import Refined
from volio import InputError, Volume

HALF = (4, 4, 4)


def test_mask_and_bad_voxels():
    mask = np.zeros((30, 30, 30), bool)
    mask[:, :15] = True
    bad = np.zeros_like(mask)
    bad[10, 10, 27] = True
    points = np.array([[10, 9, 9], [10, 14, 9], [10, 15, 9], [10, 10, 21], [10, 10, 20]])
    status = exclude_points(points, half=HALF, mask=mask, bad=bad)
    # centre on the edge: 5 of 9 layers inside; centre outside; six voxels away: within gradient reach; seven: not
    assert list(status) == [Status.VALID, Status.VALID, Status.OUTSIDE_MASK, Status.BAD_VOXELS, Status.VALID]


def test_a_subset_needs_half_of_its_voxels_in_the_mask():
    mask = np.zeros((30, 30, 30), bool)
    mask[10, 10, 10] = True
    assert exclude_points(np.array([[10, 10, 10]]), half=HALF, mask=mask, bad=None)[0] == Status.OUTSIDE_MASK


def test_bad_voxels_where_the_subset_went():
    found = Refined.unmeasured(np.zeros(3, np.uint8))
    found.parameters[:] = 0
    found.parameters[1, 2, 0] = 9.0  # moved 9 voxels along x, next to the bad voxel
    found.cc[:2] = 0.9  # the third was never compared
    bad = np.zeros((60, 60, 60), bool)
    bad[20, 20, 40] = True
    points = np.full((3, 3), 20)
    mark_bad_targets(found, points, half=HALF, bad=bad)
    assert list(found.status) == [Status.VALID, Status.BAD_VOXELS, Status.VALID]
    mark_bad_targets(found, points, half=HALF, bad=None)
    assert found.status[0] == Status.VALID


def test_masks_that_cannot_be_right():
    with pytest.raises(InputError, match=r"shape \(4, 4, 4\), the volumes \(4, 4, 5\)"):
        read_mask(Volume(np.ones((4, 4, 4), np.uint8)), (4, 4, 5))
    with pytest.raises(InputError, match="mask is empty"):
        read_mask(Volume(np.zeros((4, 4, 4), np.uint8)), (4, 4, 4))
