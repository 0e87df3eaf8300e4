"""Dead pixels are found from flats and darks, and replaced by their neighbours."""

import numpy as np
import pytest

from recon.dead_pixels import find_dead_pixels, replace_dead_pixels
from volio.errors import InputError


def test_dead_weak_bright_and_hot_pixels_are_found_and_no_others() -> None:
    rng = np.random.default_rng(1)
    # an uneven beam with 2 % noise is no reason
    response = (1000 + 10 * np.arange(40.0)) * rng.normal(1, 0.02, (30, 40))
    dark = rng.normal(100, 5, (30, 40))
    response[3, 4], response[10, 20], response[20, 39], response[0, 0] = 0, 300, 2400, -5
    dark[15, 7] = 900
    found = find_dead_pixels(response, dark=dark)
    assert sorted(map(tuple, np.argwhere(found))) == [(0, 0), (3, 4), (10, 20), (15, 7), (20, 39)]
    assert not find_dead_pixels(response, tolerance=0.9)[10, 20]


def test_a_plane_is_continued_through_single_pixels() -> None:
    y, x = np.mgrid[:9, :11].astype(np.float32)
    plane = np.stack([2 + 0.5 * y - 0.25 * x, 1 + 0 * y])
    dead = np.zeros((9, 11), bool)
    dead[4, 5] = dead[2, 8] = True
    broken = plane.copy()
    broken[:, dead] = np.inf
    filled = replace_dead_pixels(broken, dead)
    assert filled == pytest.approx(plane, abs=1e-5)


def test_clusters_and_corners_are_filled_from_further_away() -> None:
    dead = np.zeros((12, 12), bool)
    dead[:4, :4] = True
    image = np.full((1, 12, 12), 7.0, np.float32)
    image[:, dead] = np.nan
    assert np.all(np.abs(replace_dead_pixels(image, dead) - 7) < 1e-5)


def test_faults_are_one_line() -> None:
    with pytest.raises(InputError, match=r"pixel \(row 0, column 0\) has fewer than 3 good pixels within 16"):
        replace_dead_pixels(np.ones((1, 4, 4)), np.ones((4, 4), bool))
    with pytest.raises(InputError, match="map of dead pixels is"):
        replace_dead_pixels(np.ones((1, 4, 4)), np.ones((4, 5), bool))
    with pytest.raises(InputError, match="tolerance must be positive"):
        find_dead_pixels(np.ones((4, 4)), tolerance=0)
