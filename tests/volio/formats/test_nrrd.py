from pathlib import Path
from typing import Any

import nrrd
import numpy as np
import pytest

from volio import FormatError, Volume, read, write

ARRAY = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)


def save(path: Path, header: dict[str, Any], array: Any = ARRAY, **options: Any) -> Volume:
    nrrd.write(str(path), array, header, index_order="C", **options)
    return read(path)


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2", "ascii"])
@pytest.mark.parametrize("endian", ["little", "big"])
def test_encodings(tmp_path: Path, encoding: str, endian: str) -> None:
    array = ARRAY.astype(">u2") if endian == "big" else ARRAY
    volume = save(tmp_path / "a.nrrd", {"encoding": encoding, "endian": endian}, array)
    np.testing.assert_array_equal(volume.data, ARRAY)
    assert volume.dtype == np.dtype(np.uint16)
    assert volume.voxel_size is None


def test_detached_header(tmp_path: Path) -> None:
    volume = save(tmp_path / "a.nhdr", {"encoding": "raw"}, detached_header=True)
    np.testing.assert_array_equal(volume.data, ARRAY)


@pytest.mark.parametrize(
    ("header", "expected", "note"),
    [
        ({"spacings": [1.0, 2.0, 3.0], "units": ["mm"] * 3}, (3000, 2000, 1000), None),
        ({"spacings": [1.0, 2.0, 3.0]}, None, "without unit"),
        ({"spacings": [1.0, float("nan"), 3.0], "units": ["mm"] * 3}, None, "nothing along y"),
        (
            {"space dimension": 3, "space directions": np.diag([1.0, 2.0, 3.0]), "space units": ["nm"] * 3},
            (3e-3, 2e-3, 1e-3),
            None,
        ),
        ({"space": "left-posterior-superior", "space directions": np.diag([1.0, 2.0, 3.0])}, None, "without unit"),
        (
            {
                "space dimension": 3,
                "space directions": np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 2]]),
                "space units": ["um"] * 3,
            },
            (2, 1, 1),
            "are turned",
        ),
    ],
)
def test_voxel_size(tmp_path: Path, header: dict[str, Any], expected: Any, note: str | None) -> None:
    volume = save(tmp_path / "a.nrrd", header)
    assert volume.voxel_size == (None if expected is None else pytest.approx(expected))
    notes = volume.metadata.get("notes", [])
    assert (note is None and not notes) or note in notes[0]


def test_origin_is_x_first(tmp_path: Path) -> None:
    header = {
        "space dimension": 3,
        "space directions": np.eye(3),
        "space units": ["mm"] * 3,
        "space origin": np.array([1.0, 2.0, 3.0]),
    }
    assert save(tmp_path / "a.nrrd", header).origin == (3000.0, 2000.0, 1000.0)


def test_written_for_others(tmp_path: Path) -> None:
    path = write(Volume(ARRAY, (3, 2, 1), origin=(6, 5, 4)), tmp_path / "a.nrrd")
    data, header = nrrd.read(str(path), index_order="C")
    np.testing.assert_array_equal(data, ARRAY)
    np.testing.assert_array_equal(header["space directions"], np.diag([1.0, 2, 3]))
    assert header["space origin"].tolist() == [4.0, 5.0, 6.0]
    assert header["space units"] == ["um"] * 3


def test_bad_files(tmp_path: Path) -> None:
    path = write(Volume(ARRAY), tmp_path / "a.nrrd")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FormatError, match=r"is truncated: .* needs"):
        read(path)
    path.write_bytes(b"NRRD0004\ntype: block\ndimension: 3\nsizes: 1 1 1\nencoding: raw\n\n")
    with pytest.raises(FormatError, match="holds 'block'"):
        read(path)
    path.write_bytes(b"NRRD0004\ntype: uint8\n\n")
    with pytest.raises(FormatError, match="cannot be read as NRRD"):
        read(path)
    save_gz = tmp_path / "b.nrrd"
    nrrd.write(str(save_gz), ARRAY, {"encoding": "gzip"})
    save_gz.write_bytes(save_gz.read_bytes()[:-40])
    with pytest.raises(FormatError):
        read(save_gz)
    with pytest.raises(FormatError, match="colour image"):
        save(tmp_path / "c.nrrd", {}, np.zeros((2, 4, 5, 3), np.uint8))
