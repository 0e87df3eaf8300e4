"""Even contrast: texture and surface count alike, bad voxels not at all."""

import numpy as np
import pytest
from scipy import ndimage

from volcorr.averaging import shrink
from volcorr.local_contrast import even_contrast


@pytest.fixture(scope="module")
def grey():
    rng = np.random.default_rng(0)
    return ndimage.gaussian_filter(rng.normal(size=(40, 40, 40)), 1).astype(np.float32)


def test_a_bright_step_does_not_outweigh_faint_texture(grey):
    step = grey + np.where(np.arange(40) < 20, 0, 100)
    even = even_contrast(shrink(step, 1)).values
    energy = np.mean(even**2, axis=(0, 1))
    assert np.ptp(grey) < 2
    assert energy[18:22].sum() < 0.3 * energy.sum()
    assert np.abs(even).max() < 8


def test_the_grey_scale_does_not_matter(grey):
    one, two = even_contrast(shrink(grey, 2)), even_contrast(shrink(-300 + 7 * grey, 2))
    np.testing.assert_allclose(two.values, one.values, atol=1e-3)


def test_bad_voxels_are_zero_and_change_nothing_far_away(grey):
    holed = grey.copy()
    holed[:6] = np.nan
    even, whole = even_contrast(shrink(holed, 1)), even_contrast(shrink(grey, 1))
    assert not even.values[:6].any()
    assert np.isfinite(even.values).all()
    assert np.corrcoef(even.values[8:].ravel(), whole.values[8:].ravel())[0, 1] > 0.999
    assert not even_contrast(shrink(np.full((8, 8, 8), np.nan), 1)).values.any()
