import errno
import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.disk_array import DiskArray
from volio.lazy import LazyArray

SHAPE = (5, 6, 7)


def ranges(n):
    return st.tuples(st.integers(0, n), st.integers(0, n)).map(lambda pair: slice(min(pair), max(pair)))


@settings(max_examples=40, deadline=None)
@given(ranges(5), ranges(6), ranges(6), ranges(7))
def test_it_holds_what_an_array_would(tmp_path_factory, z, y, other, x):
    path = tmp_path_factory.mktemp("disk") / "a.raw"
    array, expected = DiskArray(path, SHAPE).create(), np.zeros(SHAPE, np.float32)
    values = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    for key in ((z, y), (z,), z):
        array[key] = values[key]
        expected[key] = values[key]
        np.testing.assert_array_equal(np.fromfile(path, np.float32).reshape(SHAPE), expected)
    np.testing.assert_array_equal(array[:, other, x], expected[:, other, x])
    np.testing.assert_array_equal(array[z], expected[z])
    lazy = LazyArray.wrap(array)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(lazy))[1, :, 2], expected[1, :, 2])


def test_what_it_does_not_do(tmp_path):
    array = DiskArray(tmp_path / "a.raw", SHAPE).create()
    assert array.nbytes == 5 * 6 * 7 * 4
    with pytest.raises(ValueError, match="whole rows"):
        array[:, :, 2:4] = 0
    with pytest.raises(ValueError, match="step of 1"):
        array[::2]
    (tmp_path / "a.raw").write_bytes(bytes(100))
    with pytest.raises(OSError, match="too early"):
        array[3:4]


def test_a_full_disk_is_found_before_anything_is_written(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match="No space left"):
        DiskArray(tmp_path / "a.raw", SHAPE).create()
    monkeypatch.delattr(os, "posix_fallocate")
    assert not DiskArray(tmp_path / "b.raw", SHAPE).create()[:].any()
