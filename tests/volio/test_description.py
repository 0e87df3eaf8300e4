from pathlib import Path

import numpy as np
import pytest

from volio import InputError, LazyArray, Volume, describe, write

ARRAY = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)


def test_of_a_file(tmp_path: Path) -> None:
    array = ARRAY.copy()
    array[0, 0, :3] = np.nan, np.inf, -np.inf
    path = write(Volume(array, (2, 1, 0.5), origin=(1, 0, 0), metadata={"energy_kV": 60.0}), tmp_path / "a.h5")
    info = describe(path)
    assert (info.format, info.shape, info.dtype, info.nbytes) == ("HDF5", (4, 5, 6), "float32", 480)
    assert (info.voxel_size, info.extent, info.unit) == ((2.0, 1.0, 0.5), (8.0, 5.0, 3.0), "um")
    assert (info.lowest, info.highest) == (3.0, 119.0)
    assert info.mean == pytest.approx(ARRAY.ravel()[3:].mean())
    assert (info.nan_share, info.inf_share) == (1 / 120, 2 / 120)
    assert info.sampled == ""
    assert info.metadata["energy_kV"] == 60.0
    assert info.path == str(path)


def test_text_is_aligned() -> None:
    metadata = {"pixel_size_um": (0.5, 0.5), "notes": ["a note"], "hdf5": {"a": 1}, "long": "x" * 300}
    lines = str(describe(Volume(ARRAY, (2, 1, 0.5), name="a", metadata=metadata))).splitlines()
    text = "\n".join(lines)
    assert "shape (z, y, x)  4 x 5 x 6 voxels" in text
    assert "voxel size       2 x 1 x 0.5 um" in text
    assert "physical size    8 x 5 x 3 um" in text
    assert "grey values      0 to 119, mean 59.5" in text
    assert "pixel size um    0.5, 0.5" in text
    assert "note             a note" in text
    assert "hdf5             a 1" in text
    assert "NaN" not in text
    assert "origin" not in text
    assert max(map(len, lines)) < 240
    assert len({line.index("  ") <= 17 for line in lines}) == 1


def test_not_stated_and_no_values() -> None:
    info = describe(Volume(np.full((1, 2, 3), np.nan), origin=(1, 2, 3)))
    text = str(info)
    assert "voxel size       not stated" in text
    assert "no finite values" in text
    assert "NaN, infinite    100.000%, 0.000%" in text
    assert "origin           1, 2, 3 voxels" in text
    assert np.isnan(info.mean)


def test_large_slices_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("volio.description.LAZY_BYTES", 10)
    array = np.arange(100, dtype=np.uint16)[:, None, None] * np.ones((1, 4, 5), np.uint16)
    volume = Volume(LazyArray.wrap(array))
    info = describe(volume)
    assert info.sampled == "sampled: 32 of 100 slices"
    assert 0 <= info.lowest < 5
    assert 95 < info.highest <= 99
    assert info.mean == pytest.approx(49.5, abs=2)
    assert "(sampled: 32 of 100 slices)" in str(info)


def test_large_chunks_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("volio.description.LAZY_BYTES", 10)
    monkeypatch.setattr("volio.description.SAMPLE_BYTES", 100)
    array = np.ones((10, 10, 10), np.uint8)
    data = LazyArray(lambda box: array[box], array.shape, array.dtype, chunks=(4, 4, 4))
    assert describe(Volume(data)).sampled == "sampled: 1 pieces of 4 x 4 x 4 voxels"


@pytest.mark.parametrize(("shape", "text"), [((1, 1, 5), "5 bytes"), ((1, 1, 5000), "5 kB"), ((5, 1000, 1000), "5 MB")])
def test_bytes_in_words(shape: tuple[int, int, int], text: str) -> None:
    assert f"uint8, {text}" in str(describe(Volume(np.zeros(shape, np.uint8))))


def test_options_belong_to_files() -> None:
    with pytest.raises(InputError, match="voxel_size belong to reading a file"):
        describe(Volume(ARRAY), voxel_size=1)
