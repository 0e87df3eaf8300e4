import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmentation import UNLABELLED, apply_thresholds, compare_labels, threshold
from segmentation.histogram import compute_histogram
from segmentation.thresholding import find_thresholds
from volio import InputError, LazyArray, Volume, read


@pytest.mark.parametrize("method", ["otsu", "valley", "li", "triangle"])
def test_noisy_balls_are_found(phantom, method: str) -> None:
    labels = threshold(Volume(phantom.grey, voxel_size=0.5, name="balls"), method=method)
    assert labels.dtype == np.uint8
    assert labels.voxel_size == (0.5, 0.5, 0.5)
    assert (
        compare_labels(labels, Volume(phantom.truth)).accuracy
        > {"otsu": 0.985, "valley": 0.985, "li": 0.97, "triangle": 0.9}[method]
    )
    assert labels.metadata["segmentation"]["method"] == method


def test_the_uncertainty_of_threshold_and_fractions_travels_along(phantom) -> None:
    entry = threshold(Volume(phantom.grey)).metadata["segmentation"]
    (limit,), (low,), (high,) = (entry[name] for name in ("thresholds", "threshold_low", "threshold_high"))
    assert low <= limit <= high
    assert low < high
    assert entry["valley_found"] == [True]
    true = phantom.truth.mean()
    assert entry["fractions_low"][1] - 0.002 <= true <= entry["fractions_high"][1] + 0.002
    assert sum(entry["fractions"]) == pytest.approx(1)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "int32", "float32", "float64"])
def test_a_voxel_is_above_a_threshold_if_it_is_larger(dtype: str) -> None:
    grey = np.arange(-20 if dtype[0] in "if" else 0, 100).astype(dtype)[:100].reshape(4, 5, 5)
    labels = threshold(Volume(grey), method="manual", classes=3, values=(10, 50.5))
    np.testing.assert_array_equal(labels.data, (grey > 10).astype(int) + (grey > 50.5))


def test_known_fraction_is_met(phantom) -> None:
    labels = threshold(Volume(phantom.grey.astype(np.float32)), method="fraction", fraction=0.3)
    assert (labels.data == 0).mean() == pytest.approx(0.3, abs=0.03)  # whole grey levels are coarse


@settings(deadline=None, max_examples=8)
@given(
    scale=st.floats(0.01, 100),
    offset=st.floats(-1000, 1000),
    method=st.sampled_from(["otsu", "valley", "li", "triangle", "sauvola", "local"]),
)
def test_scale_and_offset_of_grey_values_change_nothing(phantom, scale, offset, method) -> None:
    part = phantom.grey[:14, :16, :18].astype(np.float64)
    plain, moved = (threshold(Volume(g), method=method, window=7).data for g in (part, part * scale + offset))
    assert (plain != moved).mean() < 1e-3


@settings(deadline=None, max_examples=10)
@given(
    edge=st.integers(9, 60),
    threads=st.integers(1, 3),
    method=st.sampled_from(["otsu", "hysteresis", "sauvola", "local"]),
)
def test_blocks_and_threads_change_nothing(phantom, edge, threads, method) -> None:
    options = {"values": (100, 150)} if method == "hysteresis" else {}
    whole = threshold(Volume(phantom.grey), method=method, window=9, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segmentation.components.EDGE", edge)
        patch.setattr("segmentation.blockwise.BLOCK", edge)
        parts = threshold(Volume(phantom.grey), method=method, window=9, threads=threads, **options)
    np.testing.assert_array_equal(whole.data, parts.data)


@given(order=st.permutations(range(3)))
@settings(deadline=None, max_examples=6)
@pytest.mark.parametrize("method", ["otsu", "sauvola", "hysteresis"])
def test_the_order_of_axes_changes_nothing(phantom, method, order) -> None:
    options = {"values": (100, 150)} if method == "hysteresis" else {}
    turned = threshold(Volume(phantom.grey.transpose(order)), method=method, window=5, **options)
    plain = threshold(Volume(phantom.grey), method=method, window=5, **options)
    assert (plain.data.transpose(order) != turned.data).mean() < 1e-5


def test_hysteresis_is_that_of_scipy(phantom) -> None:
    found = threshold(Volume(phantom.grey), method="hysteresis", values=(105, 170)).data
    numbers, count = ndimage.label(phantom.grey > 105)
    seeded = np.unique(numbers[phantom.grey > 170])
    assert count > 1
    np.testing.assert_array_equal(found, np.isin(numbers, seeded[seeded > 0]))


def test_what_lies_outside_of_a_mask_connects_nothing() -> None:
    grey = np.zeros((3, 4, 12), np.uint8)
    grey[1, 1, :] = 120  # one bar, bright at an end that the mask leaves out
    grey[1, 1, 0] = 200
    grey[0, 3, 9:] = 200
    mask = np.ones(grey.shape, bool)
    mask[:, :, :3] = False
    options = {"method": "hysteresis", "values": (100, 150)}
    assert (threshold(Volume(grey), **options).data[1, 1] == 1).all()
    assert (threshold(Volume(grey), mask=Volume(mask), **options).data[1, 1, 3:] == 0).all()


@pytest.mark.parametrize("method", ["sauvola", "local"])
def test_windows_are_those_of_the_formula(phantom, method: str) -> None:
    grey = phantom.grey[:12, :13, :14].astype(np.float64)
    mean, square = (ndimage.uniform_filter(g, 5, mode="reflect") for g in (grey, grey**2))
    spread = np.sqrt(square - mean**2)
    low, half = grey.min(), (grey.max() - grey.min()) / 2
    limit = mean + 0.3 * spread if method == "local" else low + (mean - low) * (1 + 0.3 * (spread / half - 1))
    found = threshold(Volume(grey), method=method, window=5, weight=0.3)
    np.testing.assert_array_equal(found.data, grey > limit)


def test_sauvola_follows_a_slope_that_otsu_cannot(phantom) -> None:
    slope = np.linspace(0, 150, phantom.grey.shape[2])
    grey = Volume(phantom.grey + slope)
    truth = Volume(phantom.truth)
    local = compare_labels(threshold(grey, method="local", window=31, weight=0.1), truth).accuracy
    assert local > compare_labels(threshold(grey), truth).accuracy + 0.1


@pytest.mark.parametrize("method", ["otsu", "hysteresis", "sauvola"])
def test_a_mask_leaves_the_rest_unlabelled(phantom, method: str) -> None:
    mask = np.zeros(phantom.grey.shape, bool)
    mask[:, 5:40, 5:40] = True
    grey = phantom.grey.astype(np.float32)
    grey[~mask] = np.nan
    options = {"values": (100, 150)} if method == "hysteresis" else {}
    labels = threshold(Volume(grey), method=method, mask=Volume(mask), window=3, **options)
    assert (labels.data[~mask] == UNLABELLED).all()
    assert set(np.unique(labels.data[mask])) == {0, 1}


def test_volumes_on_disk_are_labelled_into_a_file(phantom, tmp_path) -> None:
    lazy = LazyArray(lambda box: phantom.grey[box], phantom.grey.shape, np.uint8, chunks=(8, 52, 56))
    volume = Volume(lazy, voxel_size=0.5, name="balls")
    for target in (tmp_path / "labels.ome.zarr", tmp_path / "labels.tif"):
        labels = threshold(volume, target=target)
        assert labels.is_lazy
        np.testing.assert_array_equal(labels.data[:], threshold(Volume(phantom.grey)).data)
        assert "thresholds" in labels.metadata["segmentation"]
    stored = read(tmp_path / "labels.ome.zarr")
    assert stored.metadata["segmentation"]["fractions"] == labels.metadata["segmentation"]["fractions"]
    with pytest.raises(OSError, match="exists already"):
        threshold(volume, target=tmp_path / "labels.tif")


def test_the_result_needs_memory_or_a_target(phantom, monkeypatch) -> None:
    lazy = LazyArray(lambda box: phantom.grey[box], phantom.grey.shape, np.uint8)
    monkeypatch.setattr("segmentation.blockwise.available_memory", lambda: 1000)
    with pytest.raises(InputError, match="name an OME-Zarr file as target"):
        threshold(Volume(lazy))


def test_a_missing_valley_is_told(caplog) -> None:
    grey = np.random.default_rng(0).normal(100, 10, (20, 20, 20))
    labels = threshold(Volume(grey), progress=True)
    assert labels.metadata["segmentation"]["valley_found"] == [False]
    assert "has no valley" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "method must be one of"),
        ({"classes": 6}, "classes must be a whole number from 2 to 5, got 6"),
        ({"classes": 1}, "classes must be a whole number from 2 to 5, got 1"),
        ({"method": "li", "classes": 3}, "method li makes 2 classes"),
        ({"values": [3]}, "method otsu has no values"),
        ({"method": "manual"}, "method manual needs values"),
        ({"method": "manual", "values": [9, 3], "classes": 3}, "needs 2 ascending values"),
        ({"method": "manual", "values": [5, 5], "classes": 3}, "needs 2 ascending values"),
        ({"method": "manual", "values": [300]}, "class 1 would be empty"),
        ({"method": "fraction"}, "needs a fraction"),
        ({"fraction": 0.2}, "has no fraction"),
        ({"method": "local", "window": 4}, "window must be an odd number"),
    ],
)
def test_bad_options_are_one_line(phantom, options, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        threshold(Volume(phantom.grey), **options)
    assert "\n" not in str(caught.value)


def test_bad_volumes_are_one_line() -> None:
    for method in ("otsu", "li", "triangle", "local"):
        with pytest.raises(InputError, match="nothing to tell apart"):
            threshold(Volume(np.full((4, 4, 4), 7, np.uint8)), method=method)
    grey = np.ones((4, 4, 4), np.float32)
    grey[1, 2, 3] = np.inf
    with pytest.raises(InputError, match="NaN or infinite"):
        threshold(Volume(grey))
    with pytest.raises(InputError, match=r"the first at \(1, 2, 3\)"):
        apply_thresholds(Volume(grey), [0.5], histogram=compute_histogram(Volume(np.arange(8.0).reshape(2, 2, 2))))
    with pytest.raises(InputError, match="no thresholds of the whole volume"):
        find_thresholds(compute_histogram(Volume(np.arange(8.0).reshape(2, 2, 2))), method="sauvola")


def test_the_valley_is_better_than_otsu_for_uneven_fractions() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random((40, 40, 40)) < 0.05
    grey = Volume(np.rint(np.where(truth, 60, 140) + rng.normal(0, 13, truth.shape)).clip(0, 255).astype(np.uint8))
    otsu, valley = (
        compare_labels(threshold(grey, method=m), Volume((~truth).astype(np.uint8))).accuracy
        for m in ("otsu", "valley")
    )
    assert valley > otsu + 0.001


@pytest.mark.realdata
def test_the_valley_of_cement_is_that_of_its_air_voids(data_dir) -> None:
    cement = read(data_dir / "volumes" / "qim3d_cement_128x128x128.tif")
    entry = threshold(cement, method="valley").metadata["segmentation"]
    assert 40 < entry["thresholds"][0] < 50


@pytest.mark.realdata
def test_snow_has_two_phases_by_any_criterion(data_dir) -> None:
    snow = read(data_dir / "volumes" / "spam_snow.tif")
    dark = [threshold(snow, method=m).metadata["segmentation"]["fractions"][0] for m in ("otsu", "li")]
    assert dark[0] == pytest.approx(dark[1], abs=0.04)
    entry = threshold(snow).metadata["segmentation"]
    assert entry["valley_found"] == [True]
    # much of this volume is surface: the valley is flat, and its band wide
    assert 0.05 < entry["fractions_high"][0] - entry["fractions_low"][0] < 0.16
