from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from volio import FormatError, Volume, read, write
from volio.formats import mrc

ARRAY = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)


def save(path: Path, size: Any = None, array: Any = ARRAY) -> Path:
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(array)
        if size is not None:
            file.voxel_size = size
    return path


def change(path: Path, key: str, value: Any) -> None:
    header = np.fromfile(path, mrc.HEADER_DTYPE, 1)
    header[key] = value
    path.write_bytes(header.tobytes() + path.read_bytes()[1024:])


def test_angstrom_become_micrometres(tmp_path: Path) -> None:
    volume = read(save(tmp_path / "a.mrc", (10.0, 20.0, 30.0)))
    np.testing.assert_array_equal(volume.data, ARRAY)
    assert volume.voxel_size == pytest.approx((3e-3, 2e-3, 1e-3))
    assert any("mrcfile" in label for label in volume.metadata["labels"])


def test_no_size(tmp_path: Path) -> None:
    assert read(save(tmp_path / "a.mrc", 0)).voxel_size is None
    volume = read(save(tmp_path / "a.mrc", 1.0))
    assert "exactly 1 angstrom" in volume.metadata["notes"][0]
    change(tmp_path / "a.mrc", "mx", 0)
    assert "not a positive number" in read(tmp_path / "a.mrc").metadata["notes"][0]


def test_written_for_others(tmp_path: Path) -> None:
    array = ARRAY.astype(np.float32)
    array[0, 0, 0] = np.nan
    path = write(Volume(array, (3, 2, 1), origin=(1, 0, 0)), tmp_path / "a.mrc")
    with mrcfile.open(path) as file:
        np.testing.assert_array_equal(file.data, array)
        assert file.voxel_size.z == pytest.approx(30000)
        assert (file.header.dmin, file.header.dmax) == (1.0, 119.0)
        assert file.header.origin.z == pytest.approx(10000)
    write(Volume(np.full((1, 1, 2), np.nan, np.float32)), tmp_path / "b.mrc")
    path = write(Volume(ARRAY), tmp_path / "c.mrc")
    assert mrcfile.validate(path)


def test_big_endian_and_turned_axes(tmp_path: Path) -> None:
    path = save(tmp_path / "a.mrc", (10.0, 20.0, 30.0))
    header = np.fromfile(path, mrc.HEADER_DTYPE, 1)
    header["mapc"], header["mapr"], header["maps"] = 3, 2, 1
    # the cell is told for x, y, z: here sections run along x
    header["mx"], header["mz"] = 4, 6
    header["cella"]["x"], header["cella"]["z"] = 40, 180
    path.write_bytes(header.astype(mrc.HEADER_DTYPE.newbyteorder(">")).tobytes() + ARRAY.astype(">i2").tobytes())
    volume = read(path)
    np.testing.assert_array_equal(volume.data, ARRAY.transpose(2, 1, 0))
    assert volume.voxel_size == pytest.approx((3e-3, 2e-3, 1e-3))
    change(path, "nx", 0)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("mode", 16, "colour image"),
        ("mode", 4, "mode 4, which is no grey volume"),
        ("nz", 5, "is truncated"),
        ("nx", -1, "no sensible header"),
    ],
)
def test_bad_headers(tmp_path: Path, key: str, value: int, says: str) -> None:
    path = save(tmp_path / "a.mrc")
    change(path, key, value)
    with pytest.raises(FormatError, match=says):
        read(path)


def test_stack_of_volumes(tmp_path: Path) -> None:
    path = save(tmp_path / "a.mrc")
    change(path, "ispg", 401)
    change(path, "mz", 2)
    with pytest.raises(FormatError, match="stack of 2 volumes"):
        read(path)


def test_short_file(tmp_path: Path) -> None:
    (tmp_path / "a.mrc").write_bytes(b"\0" * 100)
    with pytest.raises(FormatError, match="an MRC header has 1024 bytes"):
        read(tmp_path / "a.mrc")
