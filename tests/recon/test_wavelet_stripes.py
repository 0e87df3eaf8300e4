"""Stripes removed by wavelets (what all methods share is in test_sorted_stripes)."""

import numpy as np
import pytest

from recon.wavelet_stripes import remove_stripes_by_wavelets
from volio.errors import InputError


def test_a_stripe_goes_and_what_changes_along_the_angles_stays() -> None:
    stripe = np.zeros((1, 256, 256))
    stripe[:, :, 100:102] = 1
    wave = np.broadcast_to(np.sin(2 * np.pi * np.arange(256) * 12 / 256)[None, :, None], stripe.shape)
    assert np.abs(remove_stripes_by_wavelets(stripe)[:, 30:-30]).max() < 0.35
    assert remove_stripes_by_wavelets(wave) == pytest.approx(wave, abs=1e-3)


def test_more_levels_take_wider_stripes() -> None:
    stripe = np.zeros((1, 256, 256))
    stripe[:, :, 100:112] = 1
    left = [
        np.abs(remove_stripes_by_wavelets(stripe, damping=2.0, levels=n)[:, 60:-60, 100:112]).mean() for n in (1, 4)
    ]
    assert left[1] < 0.7 * left[0]


def test_odd_sizes_keep_their_shape() -> None:
    assert remove_stripes_by_wavelets(np.ones((2, 101, 75)), levels=2).shape == (2, 101, 75)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": 9}, r"levels must be 1 to 3 for sinograms of \(100, 80\) with db5, got 9"),
        ({"levels": 0}, "levels must be 1 to 3"),
        ({"damping": 0}, "damping must be positive"),
        ({"wavelet": "db99"}, "'db99' is not one of PyWavelets"),
    ],
)  # fmt: skip
def test_faults_are_one_line(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        remove_stripes_by_wavelets(np.ones((1, 100, 80)), **options)
    with pytest.raises(InputError, match="3 axes"):
        remove_stripes_by_wavelets(np.ones((100, 80)))
