import numpy as np
import pytest

from volcorr.grid import make_grid
from volcorr.sparse_points import MARGIN, spread_points
from volio import InputError


@pytest.mark.parametrize("shape", [(96, 96, 96), (45, 120, 300), (41, 41, 41)])
@pytest.mark.parametrize("points", [1, 8, 60, 500])
def test_as_many_points_as_wanted_and_the_same_for_every_smaller_subset(shape, points: int) -> None:
    roi, spacing = spread_points(shape, subset=(33, 33, 33), points=points)
    grids = [make_grid(shape, margin=(h, h, h), spacing=(spacing,) * 3, roi=roi) for h in (18, 12, 6)]
    assert grids[0] == grids[1] == grids[2]
    assert points / 4 <= grids[0].size <= points or grids[0].size in (1, 27)
    for axis, n in zip(grids[0].axes(), shape, strict=True):
        assert axis[0] >= 16 + MARGIN
        assert axis[-1] <= n - 1 - 16 - MARGIN


def test_points_lie_in_the_roi_and_in_the_box_of_the_mask() -> None:
    mask = np.zeros((80, 80, 80), bool)
    mask[30:50, 20:70, 40:45] = True
    roi, spacing = spread_points((80, 80, 80), subset=(9, 9, 9), points=50, roi=((0, 80), (0, 40), (0, 80)), mask=mask)
    for (low, high), (first, last) in zip(roi, ((30, 50), (20, 40), (40, 45)), strict=True):
        assert first <= low < high <= last
    z, y, x = np.meshgrid(*(np.arange(low, high, spacing) for low, high in roi), indexing="ij")
    assert 10 <= mask[z, y, x].sum() <= 50


def test_a_thin_mask_gets_as_many_points_as_a_full_one() -> None:
    z, y, x = np.indices((60, 60, 60)) - 29.5
    shell = np.abs(np.sqrt(z**2 + y**2 + x**2) - 18) < 3
    roi, spacing = spread_points((60, 60, 60), subset=(9, 9, 9), points=100, mask=shell)
    z, y, x = np.meshgrid(*(np.arange(low, high, spacing) for low, high in roi), indexing="ij")
    assert 40 <= shell[z, y, x].sum() <= 140


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="use a smaller subset or a larger volume"):
        spread_points((24, 24, 24), subset=(33, 33, 33), points=10)
    with pytest.raises(InputError, match="points must be at least 1, got 0"):
        spread_points((64, 64, 64), subset=(9, 9, 9), points=0)
    corner = np.zeros((64, 64, 64), bool)
    corner[:4, :4, :4] = True
    with pytest.raises(InputError, match="the mask leaves no point"):
        spread_points((64, 64, 64), subset=(9, 9, 9), points=10, mask=corner)
