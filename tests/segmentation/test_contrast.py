import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation import match_contrast, match_series, threshold
from volio import InputError, LazyArray, Volume


@settings(deadline=None, max_examples=8)
@given(gain=st.floats(0.3, 3.0), offset=st.floats(-200, 200))
def test_gain_and_offset_are_undone(phantom, gain, offset) -> None:
    changed = Volume(phantom.grey * gain + offset)
    found = match_contrast(changed, Volume(phantom.grey, name="first"))
    np.testing.assert_allclose(found.data, phantom.grey, atol=0.6)
    entry = found.metadata["contrast"]
    assert entry["reference"] == "first"
    assert entry["gain"] == pytest.approx(1 / gain, rel=0.02)
    region = ((5, 40), (5, 40), (5, 40))
    by_region = match_contrast(changed, Volume(phantom.grey), method="region", region=region)
    np.testing.assert_allclose(by_region.data, phantom.grey, rtol=1e-4, atol=1e-2)


def test_peaks_do_not_follow_the_fractions(phantom) -> None:
    # the second step has half of the bright phase, and the same grey values
    other = phantom.grey.copy()
    other[24:] = np.random.default_rng(8).normal(80, 12, other[24:].shape).clip(0, 255)
    found = match_contrast(Volume(other), Volume(phantom.grey))
    np.testing.assert_allclose(found.data, other, atol=2.0)


def test_a_few_hot_voxels_of_a_region_do_not_matter(phantom) -> None:
    hot = phantom.grey * 1.5
    hot[9, 9, 9:12] = 1e4
    region = ((5, 40), (5, 40), (5, 40))
    found = match_contrast(Volume(hot), Volume(phantom.grey), method="region", region=region)
    assert found.metadata["contrast"]["gain"] == pytest.approx(1 / 1.5, rel=0.02)


def test_a_series_gets_one_scale_and_one_threshold(phantom) -> None:
    steps = [phantom.grey.astype(np.float32), phantom.grey * 1.3 - 20.0, phantom.grey * 0.8 + 40.0]
    matched = match_series([Volume(step, voxel_size=2.0) for step in steps])
    limit = threshold(matched[0]).metadata["segmentation"]["thresholds"]
    labels = [threshold(step, method="manual", values=limit).data for step in matched]
    assert all((part != labels[0]).mean() < 0.01 for part in labels)
    assert all(step.voxel_size == (2.0, 2.0, 2.0) for step in matched)


def test_what_is_on_disk_stays_there(phantom) -> None:
    lazy = LazyArray(lambda box: phantom.grey[box], phantom.grey.shape, np.uint8)
    found = match_contrast(Volume(lazy), Volume(phantom.grey))
    assert found.is_lazy
    np.testing.assert_allclose(found.data[:], phantom.grey, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "mean"}, "method must be peaks or region"),
        ({"method": "region"}, "method region needs a region"),
        ({"region": ((0, 2), (0, 2), (0, 2))}, "method peaks has no region"),
    ],
)
def test_bad_options_are_one_line(phantom, options, message) -> None:
    with pytest.raises(InputError, match=message):
        match_contrast(phantom.grey, phantom.grey, **options)


def test_bad_volumes_are_one_line(phantom) -> None:
    noise = Volume(np.random.default_rng(0).normal(100, 10, (20, 20, 20)), name="noise")
    with pytest.raises(InputError, match="the histogram of noise has no two peaks"):
        match_contrast(noise, Volume(phantom.grey))
    flat = np.full((5, 5, 5), 3.0)
    with pytest.raises(InputError, match="has the grey value 3 nearly everywhere"):
        match_contrast(flat, flat, method="region", region=((0, 4), (0, 4), (0, 4)))
    with pytest.raises(InputError, match="nothing to tell apart"):
        match_contrast(flat, phantom.grey)
    with pytest.raises(InputError, match="at least one volume"):
        match_series([])
