from pathlib import Path

import numpy as np
import pytest

from volio import FormatError, read

ARRAY = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)


def test_orders(tmp_path: Path) -> None:
    for array in (ARRAY, np.asfortranarray(ARRAY), ARRAY.astype(">u2")):
        np.save(tmp_path / "a.npy", array)
        volume = read(tmp_path / "a.npy", lazy=True)
        np.testing.assert_array_equal(np.asarray(volume.data), ARRAY)
        assert volume.dtype.isnative
        assert volume.is_lazy


def test_bad_files(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, ARRAY[0])
    with pytest.raises(FormatError, match="2-D image"):
        read(path)
    np.save(path, ARRAY)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FormatError, match="damaged, truncated or no plain array"):
        read(path)
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(FormatError, match="no plain array"):
        read(path)
    np.save(path, np.zeros((2, 3, 4, 3), np.uint8))
    with pytest.raises(FormatError, match="colour"):
        read(path)
    np.save(path, np.zeros((2, 3, 0), np.uint8))
    with pytest.raises(FormatError, match="holds no voxels"):
        read(path)
