from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from volio import FormatError, Volume, read, write

ARRAY = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)


@pytest.fixture
def two(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["scan/one"] = ARRAY
        file["scan/two"] = ARRAY.astype(">f4")
        file["angles"] = np.arange(7.0)
        file["names"] = np.zeros((2, 2, 2), "S3")
        file["measurement/energy"] = np.array([60.0])
        file["measurement/sample"] = b"bone"
        file["nothing"] = h5py.Empty("f")
    return tmp_path / "a.h5"


def test_dataset_is_named(two: Path) -> None:
    np.testing.assert_array_equal(read(f"{two}::/scan/two").data, ARRAY)
    volume = read(two, dataset="scan/one")
    np.testing.assert_array_equal(volume.data, ARRAY)
    assert volume.metadata["dataset"] == "/scan/one"
    assert volume.metadata["hdf5"] == {"measurement/energy": 60.0, "measurement/sample": "bone"}
    assert read(two, dataset="scan/two").dtype.isnative


@pytest.mark.parametrize("dataset", [None, "", "/"])
def test_several_are_listed(two: Path, dataset: str | None) -> None:
    with pytest.raises(FormatError, match=r"name one as a\.h5::/NAME; there are /scan/one \(4, 5, 6\), /scan/two"):
        read(two, dataset=dataset)


def test_wrong_names_are_answered_with_a_list(two: Path) -> None:
    with pytest.raises(FormatError, match=r"no dataset /scan/three: those with 3 axes are /scan/one"):
        read(two, dataset="/scan/three")
    with pytest.raises(FormatError, match="has 1 axes"):
        read(two, dataset="angles")
    with pytest.raises(FormatError, match="holds no dataset /scan:"):
        read(two, dataset="scan")
    with pytest.raises(FormatError, match="not whole or real"):
        read(two, dataset="names")


def test_only_volume_is_found(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.nxs", "w") as file:
        file["entry/data"] = ARRAY
        file["entry/image"] = ARRAY[0]
    np.testing.assert_array_equal(read(tmp_path / "a.nxs").data, ARRAY)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["image"] = ARRAY[0]
    with pytest.raises(FormatError, match="holds no array with 3 axes"):
        read(tmp_path / "b.h5")


@pytest.mark.parametrize(
    ("attributes", "expected", "note"),
    [
        ({"element_size_um": [3.0, 2.0, 1.0]}, (3, 2, 1), None),
        ({"voxel_size": [3.0, 2.0, 1.0], "unit": "nm"}, (3e-3, 2e-3, 1e-3), None),
        ({"voxel_size": 2.0, "unit": b"mm"}, (2000, 2000, 2000), None),
        ({"voxel_size": [3.0, 2.0, 1.0]}, None, "without unit"),
        ({"element_size_um": [3.0, 0.0, 1.0]}, None, "not a positive number"),
        ({"element_size_um": "x"}, None, None),
        ({"element_size_um": [1.0, 1.0, 1.0], "origin_um": [1.0, float("nan"), 1.0]}, (1, 1, 1), None),
        ({"metadata": "{broken", "instrument": "nano-CT"}, None, None),
    ],
)
def test_voxel_size(tmp_path: Path, attributes: dict[str, Any], expected: Any, note: str | None) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = ARRAY
        file["a"].attrs.update(attributes)
    volume = read(tmp_path / "a.h5")
    assert volume.voxel_size == (None if expected is None else pytest.approx(expected))
    assert volume.origin == (0, 0, 0)
    assert (note is None) == ("notes" not in volume.metadata)
    if "instrument" in attributes:
        assert volume.metadata["attributes"]["instrument"] == "nano-CT"


def test_truncated(two: Path) -> None:
    two.write_bytes(two.read_bytes()[:-500])
    with pytest.raises(FormatError, match="is damaged or in use"):
        read(two, dataset="scan/one")


def test_damaged_chunk_is_found_when_read(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (32, 16, 16), np.uint8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("a", data=noise, chunks=(16, 16, 16), compression="gzip")
        info = dataset.id.get_chunk_info(1)
    content = bytearray((tmp_path / "a.h5").read_bytes())
    content[info.byte_offset : info.byte_offset + 50] = b"\xff" * 50
    (tmp_path / "a.h5").write_bytes(bytes(content))
    volume = read(tmp_path / "a.h5", lazy=True)
    np.testing.assert_array_equal(volume.data[:16], noise[:16])
    with pytest.raises(FormatError, match="damaged or was changed at z 16:17"):
        volume.data[16]


def test_missing_filter(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with h5py.File(two, "w") as file:
        file.create_dataset("a", data=ARRAY, compression="gzip")
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: False)
    with pytest.raises(FormatError, match="HDF5 filter 1, which is not installed"):
        read(two)


def test_written_dataset_can_be_named(tmp_path: Path) -> None:
    write(Volume(ARRAY, (3, 2, 1)), f"{tmp_path}/a.h5::/scan/grey")
    write(Volume(ARRAY), tmp_path / "b.h5", dataset="grey")
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["scan/grey"].attrs["element_size_um"].tolist() == [3.0, 2.0, 1.0]
    assert read(tmp_path / "b.h5").metadata["dataset"] == "/grey"
