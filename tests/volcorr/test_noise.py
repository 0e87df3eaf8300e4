"""The measured grey noise is the one that was put in."""

import numpy as np
import pytest
from scipy import ndimage

from acquisition import BlobTexture, add_noise, quantize, rotate, translate
from volcorr.noise import interpolation_gain, measure_noise
from volio import InputError, Volume

SHAPE = (72, 72, 72)
CENTRE = (35.5, 35.5, 35.5)


@pytest.fixture(scope="module")
def texture() -> BlobTexture:
    return BlobTexture.random(SHAPE, rng=3)


@pytest.fixture(scope="module")
def clean(texture: BlobTexture) -> np.ndarray:
    return texture.render(SHAPE)


def scans(texture: BlobTexture, clean: np.ndarray, motion, snr: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Scan, repeat, and the standard deviation of the noise of each."""
    pair = [
        add_noise(v, snr=snr, signal_std=15.0, rng=k)
        for k, v in enumerate((clean, texture.render(SHAPE, motion=motion)))
    ]
    return pair[0], pair[1], 15.0 / snr


@pytest.mark.parametrize(
    "motion",
    [translate((0, 0, 0)), translate((0.5, -1.5, 2.5)), rotate(2.0, centre=CENTRE).then(translate((0.3, 1.2, -0.4)))],
    ids=["still", "half a voxel", "turned"],
)
def test_the_noise_that_was_put_in_is_found(texture, clean, motion) -> None:
    scan, repeat, noise = scans(texture, clean, motion, 5.0)
    assert measure_noise(scan, repeat, subset_size=25, points=12) == pytest.approx(noise, rel=0.05)


def test_brightness_and_contrast_of_the_repeat_do_not_matter(texture, clean) -> None:
    scan, repeat, noise = scans(texture, clean, translate((0.4, 0.2, -0.3)), 10.0)
    found = measure_noise(scan, 40 + 0.5 * repeat, subset_size=25, points=12)
    assert found == pytest.approx(noise, rel=0.05)


def test_eight_bits_add_their_rounding(texture, clean) -> None:
    scan, repeat, noise = scans(texture, clean, translate((0.0, 0.0, 0.0)), 30.0)
    found = measure_noise(quantize(scan), quantize(repeat), subset_size=25, points=12)
    assert found == pytest.approx(np.sqrt(noise**2 + 1 / 12), rel=0.05)


def test_a_part_that_changed_does_not_count(texture, clean) -> None:
    scan, repeat, noise = scans(texture, clean, translate((0.4, 0.2, -0.3)), 10.0)
    repeat[:14] = np.roll(repeat[:14], 11, axis=1)
    repeat[54:, 54:, 40:] = np.nan
    mask = np.ones(SHAPE, np.uint8)
    volumes = [Volume(v, voxel_size=(0.5, 0.5, 0.5)) for v in (scan, repeat, mask)]
    found = measure_noise(volumes[0], volumes[1], mask=volumes[2], subset_size="8.5um", points=64)
    assert found == pytest.approx(noise, rel=0.1)


def test_gain_is_the_variance_of_interpolated_noise() -> None:
    noise = np.random.default_rng(0).standard_normal(200_000)
    for fraction in (0.0, 0.2, 0.5, 0.9):
        moved = ndimage.shift(noise, fraction, order=3, mode="grid-wrap")
        assert interpolation_gain(np.array([-fraction, 3 - fraction])) == pytest.approx(
            moved.var() / noise.var(), rel=0.02
        )


def test_scans_of_different_things_are_refused(texture, clean) -> None:
    other = np.random.default_rng(1).standard_normal(SHAPE)
    with pytest.raises(InputError, match="at least 3 are needed"):
        measure_noise(clean, other, subset_size=25, points=12)
