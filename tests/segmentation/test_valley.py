import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from segmentation.criteria import find_otsu
from segmentation.histogram import Histogram
from segmentation.valley import find_valley


def mixture(part: float, means=(80.0, 140.0), widths=(10.0, 10.0), total=10**6) -> Histogram:
    """Two Gaussians: `part` of the voxels in the first, exact to one voxel a level."""
    edges = np.arange(257) - 0.5
    counts = sum(w * np.diff(ndtr((edges - m) / s)) for w, m, s in zip((part, 1 - part), means, widths, strict=True))
    return Histogram(np.rint(total * counts).astype(np.int64)[1:], 1.0, 1.0)


def test_peaks_of_gaussians_are_their_means() -> None:
    grey = mixture(0.4)
    np.testing.assert_allclose(find_valley(grey, find_otsu(grey)).peaks, [80, 140], atol=0.3)
    # also where Otsu's threshold stands on the slope of the larger peak
    uneven = mixture(0.95)
    np.testing.assert_allclose(find_valley(uneven, find_otsu(uneven)).peaks, [80, 140], atol=1.0)


@settings(deadline=None, max_examples=30)
@given(st.floats(0.1, 0.9), st.floats(4.5, 8.0), st.floats(0.8, 1.25))
def test_the_valley_holds_the_best_threshold_and_covers_the_true_fraction(part, contrast, ratio) -> None:
    widths = 60 / contrast, 60 / contrast * ratio
    grey = mixture(part, widths=widths)
    valley = find_valley(grey, find_otsu(grey))
    assert valley.found
    # best: where the weighted densities are equal
    levels = np.arange(85.0, 135.0, 0.25)
    dense = [
        w / s * np.exp(-0.5 * ((levels - m) / s) ** 2)
        for w, m, s in zip((part, 1 - part), (80, 140), widths, strict=True)
    ]
    best = levels[np.abs(dense[0] - dense[1]).argmin()]
    assert valley.low <= best <= valley.high
    assert grey.fractions([valley.low])[0] - 2e-3 <= part <= grey.fractions([valley.high])[0] + 2e-3


def test_the_valley_ends_a_tenth_above_its_bottom_and_half_way_at_most() -> None:
    # two Gaussians, 60 apart: that of one falls to a tenth of the depth, 0.12 of its peak, at 2.06 deviations
    broad, narrow = (find_valley(mixture(0.5, widths=(s, s)), [110.0]) for s in (10.0, 4.0))
    assert (broad.low, broad.high) == (pytest.approx(100.6, abs=0.7), pytest.approx(119.4, abs=0.7))
    # of narrow ones the middle half of the way between the peaks is left
    assert (narrow.low, narrow.high) == (pytest.approx(95, abs=0.7), pytest.approx(125, abs=0.7))


def test_a_dip_by_chance_is_no_valley() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        even = Histogram(np.bincount(rng.integers(0, 200, 1500), minlength=200), 0.0, 1.0)
        assert not find_valley(even, [100.0]).found
    assert find_valley(mixture(0.5, total=1500), [110.0]).found


def test_without_a_valley_the_criteria_span_the_band() -> None:
    grey = mixture(0.5, means=(100, 101), widths=(15, 15))
    threshold = find_otsu(grey)
    valley = find_valley(grey, threshold)
    assert not valley.found
    assert valley.low <= threshold[0] <= valley.high
    assert valley.low < valley.high


def test_each_of_several_thresholds_has_its_own_valley() -> None:
    levels = np.arange(256)
    counts = sum(np.exp(-0.5 * ((levels - m) / 8) ** 2) for m in (50, 120, 200))
    grey = Histogram(np.rint(1e5 * counts).astype(np.int64), 0.0, 1.0)
    limits = find_otsu(grey, classes=3)
    first, second = (find_valley(grey, limits, n) for n in (0, 1))
    assert 50 < first.low < first.bottom < first.high < 120 < second.low < second.bottom < second.high < 200


def test_a_threshold_outside_of_all_values_is_its_own_band() -> None:
    valley = find_valley(mixture(0.5), [0.0])
    assert not valley.found
    assert valley.low == 0.0
    assert find_valley(Histogram(np.array([5]), 3.0, 1.0), [3.0]).high == pytest.approx(3.0)
