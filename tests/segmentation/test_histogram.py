import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation import compute_histogram
from volio import InputError, LazyArray, Volume


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32", "bool"])
def test_whole_numbers_are_counted_exactly(dtype: str) -> None:
    rng = np.random.default_rng(2)
    grey = (
        rng.integers(0, 2 if dtype == "bool" else 100, (7, 11, 13)).astype(dtype)
        if dtype != "int16"
        else (rng.integers(-30000, 30000, (7, 11, 13)).astype(dtype))
    )
    found = compute_histogram(Volume(grey))
    values, counts = np.unique(grey, return_counts=True)
    present = np.flatnonzero(found.counts)
    np.testing.assert_array_equal(found.centres[present], values.astype(float))
    np.testing.assert_array_equal(found.counts[present], counts)
    assert found.width == 1
    assert found.total == grey.size


def test_real_numbers_are_counted_in_bins_like_numpy() -> None:
    grey = np.random.default_rng(1).normal(5, 2, (20, 30, 31))
    found = compute_histogram(Volume(grey), bins=100)
    counts, edges = np.histogram(grey, 100)
    assert abs(found.counts - counts).sum() <= 2  # a value on an edge may fall on either side
    np.testing.assert_allclose(found.centres, (edges[1:] + edges[:-1]) / 2)


def test_many_levels_of_whole_numbers_are_binned() -> None:
    grey = np.random.default_rng(1).integers(0, 10**7, (10, 10, 10)).astype(np.uint32)
    assert compute_histogram(Volume(grey), bins=50).counts.size == 50


def test_a_mask_chooses_what_is_counted() -> None:
    grey = np.arange(27, dtype=np.float16).reshape(3, 3, 3)
    mask = grey < 5
    assert compute_histogram(Volume(grey), mask=Volume(mask)).total == 5


@settings(deadline=None, max_examples=10)
@given(depth=st.integers(1, 30), threads=st.integers(1, 3))
def test_slabs_and_threads_do_not_matter(depth: int, threads: int) -> None:
    grey = np.random.default_rng(4).normal(size=(30, 9, 8)).astype(np.float32)
    lazy = LazyArray(lambda box: grey[box], grey.shape, grey.dtype, chunks=(depth, 9, 8))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segmentation.histogram._SLAB", depth * 72)
        found = compute_histogram(Volume(lazy), bins=64, threads=threads)
    np.testing.assert_array_equal(found.counts, compute_histogram(Volume(grey), bins=64).counts)


def test_fractions_of_thresholds_between_levels_and_within_bins() -> None:
    whole = compute_histogram(Volume(np.array([1, 1, 2, 4], np.uint8).reshape(1, 2, 2)))
    assert whole.fractions([1.5, 3.0]) == [0.5, 0.25, 0.25]
    assert whole.fractions([0.0])[0] == 0
    real = compute_histogram(Volume(np.linspace(0, 1, 1000).reshape(10, 10, 10)), bins=10)
    assert real.fractions([0.55])[0] == pytest.approx(0.55, abs=1e-3)


def test_bad_input_is_one_line() -> None:
    grey = np.zeros((3, 4, 5), np.float32)
    grey[1, 1, 1] = np.nan
    with pytest.raises(InputError, match=r"holds 1 NaN or infinite voxels"):
        compute_histogram(Volume(grey))
    with pytest.raises(InputError, match="at least 2 bins"):
        compute_histogram(Volume(grey), bins=1)
    with pytest.raises(InputError, match="mask has shape"):
        compute_histogram(Volume(grey), mask=Volume(grey[:2]))
    for kind in (np.float32, np.uint8):
        with pytest.raises(InputError, match="mask leaves no voxel"):
            compute_histogram(Volume(np.ones((3, 3, 3), kind)), mask=Volume(np.zeros((3, 3, 3), bool)))
    with pytest.raises(InputError, match="must be a Volume or an array"):
        compute_histogram("grey")  # type: ignore[arg-type]
