import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from volio import FormatError, InputError, LazyArray
from volio.lazy import crop_array, is_lazy, load, one_line, slab_depth, slabs

ARRAY = np.arange(5 * 6 * 7, dtype=np.int32).reshape(5, 6, 7)


def lazy(array: Any = ARRAY, **options: Any) -> LazyArray:
    return LazyArray(lambda box: array[box], array.shape, array.dtype, **options)


@settings(max_examples=150, deadline=None)
@given(hnp.basic_indices((5, 6, 7), allow_newaxis=False, allow_ellipsis=True))
def test_indexing_is_numpys(key: Any) -> None:
    np.testing.assert_array_equal(lazy()[key], ARRAY[key])


def test_only_what_is_indexed_is_read() -> None:
    boxes: list[Any] = []

    def read(box: Any) -> Any:
        boxes.append(box)
        return ARRAY[box]

    data = LazyArray(read, ARRAY.shape, ARRAY.dtype)
    np.testing.assert_array_equal(data[::2, 1], ARRAY[::2, 1])
    assert [box[0] for box in boxes] == [slice(0, 1), slice(2, 3), slice(4, 5)]
    assert all(box[1] == slice(1, 2) for box in boxes)
    boxes.clear()
    assert data[2:2].shape == (0, 6, 7)
    assert boxes == []


@settings(max_examples=50, deadline=None)
@given(st.permutations([0, 1, 2]), hnp.basic_indices((3, 3, 3), allow_newaxis=False))
def test_views_are_numpys(order: list[int], key: Any) -> None:
    view = lazy().crop((slice(1, 4), slice(2, 5), slice(3, 6))).transpose(order)
    expected = ARRAY[1:4, 2:5, 3:6].transpose(order)
    np.testing.assert_array_equal(view[key], expected[key])
    np.testing.assert_array_equal(np.asarray(view), expected)


def test_map_and_dtype() -> None:
    data = lazy().map(lambda part: part * 0.5, np.float64)
    np.testing.assert_array_equal(data[1], ARRAY[1] * 0.5)
    assert data.dtype == np.float64
    assert np.asarray(data, dtype=np.float32).dtype == np.float32


def test_big_endian_becomes_native() -> None:
    data = LazyArray.wrap(ARRAY.astype(">i4"))
    assert data.dtype.isnative
    assert data[0].dtype.isnative
    np.testing.assert_array_equal(data[:], ARRAY)
    assert LazyArray.wrap(data) is data


def test_properties() -> None:
    data = lazy(chunks=(1, 6, 7), name="scan")
    assert (data.ndim, data.size, data.nbytes, len(data)) == (3, 210, 840, 5)
    assert repr(data) == "LazyArray('scan', shape=(5, 6, 7), dtype=int32)"
    with pytest.raises(ValueError, match="without a copy"):
        data.__array__(copy=False)


@pytest.mark.parametrize("key", [(0, 0, 0, 0), 5, -6, [0, 1], "a", None])
def test_bad_index(key: Any) -> None:
    with pytest.raises(IndexError):
        lazy()[key]


def test_damage_becomes_a_format_error() -> None:
    def broken(box: Any) -> Any:
        raise RuntimeError("checksum\nwrong")

    with pytest.raises(FormatError, match=r"scan\.tif is damaged .* z 2:3: checksum wrong$"):
        LazyArray(broken, (5, 6, 7), np.uint8, name="scan.tif")[2]
    with pytest.raises(FormatError, match=r"has shape \(1, 1\), expected"):
        LazyArray(lambda box: np.zeros((1, 1)), (5, 6, 7), np.uint8)[2]

    def refused(box: Any) -> Any:
        raise InputError("mine")

    with pytest.raises(InputError, match=r"^mine$"):
        LazyArray(refused, (5, 6, 7), np.uint8)[2]


def test_file_is_closed_when_nobody_uses_it() -> None:
    closed: list[int] = []
    data: Any = lazy(close=lambda: closed.append(1))
    view = data.crop((slice(0, 1), slice(0, 1), slice(0, 1)))
    del data
    gc.collect()
    assert closed == []
    assert view[0, 0, 0] == 0
    del view
    gc.collect()
    assert closed == [1]


def test_load_closes_and_explains_lack_of_memory() -> None:
    closed: list[int] = []
    loaded = load(lazy(close=lambda: closed.append(1)))
    assert closed == [1]
    assert load(loaded) is loaded

    def huge(box: Any) -> Any:
        raise MemoryError

    with pytest.raises(InputError, match=r"scan takes 8\.0 GB.*crop it"):
        load(LazyArray(huge, (1000, 1000, 8000), np.uint8), name="scan")


def test_is_lazy(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ARRAY)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert is_lazy(mapped)
    assert is_lazy(np.asarray(mapped)[1:])
    assert is_lazy(lazy())
    assert not is_lazy(ARRAY)
    assert not is_lazy(load(mapped))


def test_crop_array_of_anything() -> None:
    class Stored:
        shape, dtype, chunks = ARRAY.shape, ARRAY.dtype, (2, 3, 4)

        def __getitem__(self, key: Any) -> Any:
            return ARRAY[key]

    box = (slice(1, 3), slice(0, 6), slice(2, 4))
    part = crop_array(Stored(), box)
    assert isinstance(part, LazyArray)
    assert part.chunks == (2, 3, 2)
    np.testing.assert_array_equal(part[:], ARRAY[box])
    assert crop_array(ARRAY, box).base is not None


@given(st.integers(1, 2000), st.integers(1, 7))
def test_slabs_cover_the_volume(nbytes: int, chunk: int) -> None:
    data = lazy(chunks=(chunk, 6, 7))
    depth = slab_depth(data, nbytes=nbytes)
    parts = list(slabs(data, depth=depth))
    np.testing.assert_array_equal(np.concatenate([part for _, part in parts]), ARRAY)
    assert depth == 1 or depth * 6 * 7 * 4 <= max(nbytes, 1)
    assert depth in (5, 1) or depth < chunk or depth % chunk == 0 or depth == 5


def test_one_line() -> None:
    assert one_line(ValueError("a\n  b")) == "a b"
    assert one_line(KeyError()) == "KeyError"
    assert len(one_line("x" * 500)) == 200
