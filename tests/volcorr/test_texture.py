"""Texture against noise: both estimates of the noise, and what follows from them."""

import numpy as np
import pytest

from volcorr.texture import fine_detail, least_correlation, least_deviation, level_noise
from volcorr.windows import Grey

SHAPE = (24, 60, 60)
POINTS = np.stack(np.meshgrid([8, 15], [10, 30, 50], [10, 30, 50], indexing="ij"), -1).reshape(-1, 3)


def white(std: float) -> np.ndarray:
    return (40 + std * np.random.default_rng(0).normal(size=SHAPE)).astype(np.float32)


def test_the_finest_detail_of_white_noise_is_its_deviation() -> None:
    smooth = np.linspace(0, 30, SHAPE[1])[:, None] + np.linspace(-9, 9, SHAPE[2]) ** 2
    assert fine_detail(Grey(white(3.0) + smooth, 0.0, 6.0, True)) == pytest.approx(0.5, rel=0.03)
    assert fine_detail(Grey(np.full((4, 2, 9), 1.0, np.float32), 0.0, 6.0, True)) == 0


@pytest.mark.parametrize("factor", [(1, 1, 1), (1, 2, 4), (3, 3, 3)])
def test_what_a_match_leaves_is_the_noise_of_the_voxels_that_were_averaged(factor: tuple[int, int, int]) -> None:
    """Noise of n averaged voxels is the root of n less: a level whose matches leave a quarter of its variance."""
    level, full = Grey(white(2.0), 40.0, 2.0, True), Grey(white(1.0), 40.0, 8.0, True)
    options = level, full, np.array(factor), POINTS, np.array([6, 8, 8])
    found = level_noise(*options, np.where(np.arange(len(POINTS)) == 3, np.nan, 0.75))
    assert found == pytest.approx(0.5 * np.sqrt(np.prod(factor)) * 2.0 / 8.0, rel=0.03)
    assert np.isnan(level_noise(*options, np.full(len(POINTS), np.nan)))


def test_the_least_correlation_falls_with_noise_and_the_least_deviation_rises() -> None:
    assert least_correlation(0.0) == least_correlation(0.6) == 0.5
    assert least_correlation(1.0) == pytest.approx(0.35)
    assert least_deviation(0.0, 0.5) == 1e-3
    assert least_deviation(0.7, 0.5) == pytest.approx(0.7 / np.sqrt(0.7))
    assert least_deviation(0.7, -1.0) == pytest.approx(0.7)
