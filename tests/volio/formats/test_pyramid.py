import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from volio import InputError, LazyArray
from volio.formats import pyramid
from volio.formats.pyramid import check_whole_shards, halved, level_shapes, write_level, write_shards

shapes = hnp.array_shapes(min_dims=3, max_dims=3, max_side=5)


def brute_mean(block: Any) -> Any:
    half = [(n + 1) // 2 for n in block.shape]
    result = np.empty(half)
    for z, y, x in np.ndindex(*half):
        result[z, y, x] = block[2 * z : 2 * z + 2, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].astype(float).mean()
    return np.rint(result) if block.dtype.kind in "iu" else result


@given(st.sampled_from(["uint8", "int16", "uint32", "float32", "float64"]), shapes, st.integers(0, 99))
def test_mean_of_what_is_there(dtype: str, shape: Any, seed: int) -> None:
    block = (np.random.default_rng(seed).random(shape) * 200).astype(dtype)
    result = halved(block, "mean")
    assert result.dtype == dtype
    np.testing.assert_allclose(result, brute_mean(block), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["uint64", "int64", "uint8", "uint16", "int8"])
def test_extremes_do_not_wrap(dtype: str) -> None:
    info = np.iinfo(dtype)
    for value in (info.min, info.max):
        result = halved(np.full((2, 2, 2), value, dtype), "mean")
        assert float(result[0, 0, 0]) == pytest.approx(float(value), rel=1e-12)


def test_half_floats_do_not_overflow() -> None:
    assert halved(np.full((2, 2, 2), 60000, np.float16), "mean")[0, 0, 0] == np.float16(60000)


def test_level_shapes() -> None:
    assert level_shapes((100, 128, 3)) == [(100, 128, 3)]
    assert level_shapes((1, 300, 520)) == [(1, 300, 520), (1, 150, 260), (1, 75, 130), (1, 38, 65)]


def test_parts_of_shards_are_refused() -> None:
    shape, shards = (300, 300, 300), (256, 256, 256)
    check_whole_shards((slice(0, 256), slice(256, 300), slice(0, 300)), shape, shards)
    with pytest.raises(InputError, match="block 0:128 along y cuts a shard of 256"):
        check_whole_shards((slice(0, 256), slice(0, 128), slice(0, 300)), shape, shards)
    with pytest.raises(InputError, match="along x"):
        check_whole_shards((slice(0, 256), slice(0, 256), slice(64, 300)), shape, shards)


@settings(max_examples=12, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 23)] * 3),
    threads=st.integers(1, 3),
    how=st.sampled_from(["mean", "nearest"]),
    on_disk=st.booleans(),
)
def test_any_shape_any_threads(shape: Any, threads: int, how: str, on_disk: bool) -> None:
    array = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    source = LazyArray.wrap(array) if on_disk else array
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(pyramid, "CHUNK", 4)
        patch.setattr(pyramid, "SHARD", 8)
        group = zarr.open_group({}, mode="w", zarr_format=3)
        done: list[int] = []
        scratch = Path(folder) / "scratch"
        finer = write_shards(group, "0", source, scratch=scratch, threads=threads, done=done.append)
        assert not scratch.exists()
        coarser = write_level(group, "1", finer, how, threads=threads)
    np.testing.assert_array_equal(finer[:], array)
    np.testing.assert_array_equal(coarser[:], halved(array, how))
    assert sum(done) == array.size


def test_pages_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.random.default_rng(0).integers(0, 255, (20, 30, 30), np.uint8)
    read: list[int] = []

    def page(box: Any) -> Any:
        read.extend(range(box[0].start, box[0].stop))
        return array[box]

    monkeypatch.setattr(pyramid, "CHUNK", 4)
    monkeypatch.setattr(pyramid, "SHARD", 8)
    group = zarr.open_group({}, mode="w", zarr_format=3)
    data = LazyArray(page, array.shape, array.dtype, chunks=(1, 30, 30))
    result = write_shards(group, "0", data, scratch=tmp_path / "scratch", threads=2, done=lambda n: None)
    np.testing.assert_array_equal(result[:], array)
    assert sorted(read) == list(range(20))
