import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.criteria import find_fraction, find_li, find_otsu, find_triangle
from segmentation.histogram import Histogram
from volio import InputError


def histogram(counts, first=0.0, width=1.0) -> Histogram:
    return Histogram(np.asarray(counts, np.int64), first, width)


def between(counts: np.ndarray, cuts: tuple[int, ...]) -> float:
    """Sum over classes of (sum of count * level)^2 / (sum of count): the plain version of the kernel's criterion."""
    levels = np.arange(counts.size) - (counts.size - 1) / 2
    parts = np.split(np.arange(counts.size), [c + 1 for c in cuts])
    return sum((counts[p] @ levels[p]) ** 2 / counts[p].sum() for p in parts if counts[p].sum())


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 50), min_size=6, max_size=16), st.integers(2, 5))
def test_otsu_is_that_of_brute_force(counts: list[int], classes: int) -> None:
    weights = np.array(counts, float)
    found = find_otsu(histogram(counts), classes=classes)
    best = max(between(weights, cuts) for cuts in itertools.combinations(range(weights.size - 1), classes - 1))
    assert between(weights, tuple(int(t) for t in found)) == pytest.approx(best, rel=1e-10, abs=1e-9)
    assert len(found) == classes - 1
    assert sorted(found) == found


@pytest.mark.parametrize("classes", [2, 3, 4, 5])
def test_otsu_separates_well_parted_peaks(classes: int) -> None:
    means = 40 + 50 * np.arange(classes)
    rng = np.random.default_rng(classes)
    values = np.rint(np.concatenate([rng.normal(m, 4, 20000) for m in means])).astype(int)
    found = find_otsu(histogram(np.bincount(values)), classes=classes)
    np.testing.assert_allclose(found, (means[1:] + means[:-1]) / 2, atol=3)


def test_otsu_of_two_levels_lies_in_the_middle() -> None:
    counts = np.zeros(201, np.int64)
    counts[[0, 200]] = 100, 5
    assert find_otsu(histogram(counts)) == [100.0]
    assert find_li(histogram(counts)) == 100.0


@pytest.mark.parametrize("find", [lambda h: find_otsu(h)[0], find_li, find_triangle, lambda h: find_fraction(h, 0.3)])
def test_scale_and_offset_of_grey_values_carry_through(find) -> None:
    counts = np.random.default_rng(1).integers(1, 1000, 90)
    assert find(histogram(counts, 7.0, 2.5)) == pytest.approx(7.0 + 2.5 * find(histogram(counts)))


def test_equal_gaussians_give_the_middle() -> None:
    # best threshold of two Gaussians of one width and weight: half way
    levels = np.arange(256)
    density = np.exp(-0.5 * ((levels - 90) / 12) ** 2) + np.exp(-0.5 * ((levels - 160) / 12) ** 2)
    found = histogram(np.rint(1e5 * density))
    assert find_otsu(found)[0] == pytest.approx(125, abs=1)
    assert find_li(found) == pytest.approx(125, abs=6)
    assert find_fraction(found, 0.5) == pytest.approx(125, abs=1)


@pytest.mark.parametrize("seed", range(3))
def test_scikit_image_agrees(seed: int) -> None:
    filters = pytest.importorskip("skimage.filters")
    rng = np.random.default_rng(seed)
    grey = np.concatenate([rng.normal(60, 10, 30000), rng.normal(150, 20, 9000)]).clip(0, 255).astype(np.uint8)
    found = histogram(np.bincount(grey))
    assert int(find_otsu(found)[0]) == filters.threshold_otsu(grey)
    assert int(find_li(found)) == pytest.approx(filters.threshold_li(grey), abs=1)
    assert find_triangle(found) == pytest.approx(filters.threshold_triangle(grey), abs=1)


@pytest.mark.parametrize("flip", [False, True])
def test_triangle_finds_the_foot_of_the_peak(flip: bool) -> None:
    levels = np.arange(200)
    counts = 10000 * np.exp(-0.5 * ((levels - 30) / 6) ** 2) + 30
    found = find_triangle(histogram(np.rint(counts[::-1] if flip else counts)))
    assert (199 - found if flip else found) == pytest.approx(50, abs=5)


def test_bad_input_is_one_line() -> None:
    with pytest.raises(InputError, match="all voxels have the grey value 4"):
        find_otsu(histogram([9], 4.0))
    with pytest.raises(InputError, match="2 different grey values cannot make 3 classes"):
        find_otsu(histogram([3, 0, 2]), classes=3)
    with pytest.raises(InputError, match="between 0 and 1, got 35"):
        find_fraction(histogram([3, 2]), 35)
