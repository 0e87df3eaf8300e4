import numpy as np
import pytest

from recon.row_filter import make_row_filter

COLUMNS = 60


@pytest.mark.parametrize("padding", ["zero", "taper"])
@pytest.mark.parametrize("width", [2, 3])
def test_rows_are_averaged_over_the_width_of_a_larger_voxel(padding, width):
    """A constant becomes one, and a wave loses what its mean over the width of the voxel does."""
    fine, coarse = (make_row_filter(COLUMNS, padding=padding, smooth=smooth) for smooth in (1.0, float(width)))
    frequency = np.fft.rfftfreq(fine.samples)
    within = (np.arange(1000) + 0.5) / 1000 * width - 0.5 * width
    mean = np.cos(2 * np.pi * frequency[:, None] * within).mean(axis=1)
    np.testing.assert_allclose(coarse.response, fine.response * mean, atol=1e-5)


def test_smaller_voxels_average_nothing():
    fine, same = (make_row_filter(COLUMNS, smooth=smooth) for smooth in (0.4, 1.0))
    np.testing.assert_array_equal(fine.response, same.response)
