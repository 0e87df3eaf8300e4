from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from volio import FormatError, read
from volio.formats.slices import natural_key

ARRAY = np.arange(12 * 4 * 5, dtype=np.uint8).reshape(12, 4, 5)


def png(path: Path, image: np.ndarray) -> None:  # type: ignore[type-arg]
    path.write_bytes(imagecodecs.png_encode(image))


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_natural_order(tmp_path: Path, suffix: str, dtype: type) -> None:
    for z, image in enumerate(ARRAY.astype(dtype)):
        path = tmp_path / f"slice{z + 1}{suffix}"
        tifffile.imwrite(path, image) if suffix == ".tif" else png(path, image)
    (tmp_path / ".hidden.tif").write_text("x")
    volume = read(tmp_path)
    np.testing.assert_array_equal(volume.data, ARRAY)
    assert volume.dtype == dtype
    assert volume.voxel_size is None
    assert volume.name == tmp_path.name
    assert "notes" not in volume.metadata
    np.testing.assert_array_equal(read(tmp_path, lazy=True).data[3:5, 1], ARRAY[3:5, 1])


def test_natural_key() -> None:
    names = ["b2", "a10", "a9", "a09b", "A1"]
    assert sorted(names, key=natural_key) == ["A1", "a9", "a09b", "a10", "b2"]


def test_different_sizes_are_named(tmp_path: Path) -> None:
    for z in range(6):
        tifffile.imwrite(tmp_path / f"{z}.tif", np.zeros((4, 5 + (z == 2)), np.uint8))
    with pytest.raises(FormatError, match=r"most are 4 x 5 uint8, but 2\.tif 4 x 6 uint8"):
        read(tmp_path)
    tifffile.imwrite(tmp_path / "3.tif", np.zeros((4, 5), np.uint16))
    with pytest.raises(FormatError, match=r"2\.tif, 3\.tif"):
        read(tmp_path)


def test_missing_slice_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for z in (10, 20, 30, 50, 60):
        tifffile.imwrite(tmp_path / f"s_{z:04}_x2.tif", ARRAY[0])
    (tmp_path / "readme.txt").touch()
    volume = read(tmp_path)
    assert volume.metadata["notes"][0] == "slice numbers jump from 30 to 50: slices may be missing"
    assert "1 other files" in volume.metadata["notes"][1]
    assert "jump from 30 to 50" in caplog.text


@pytest.mark.parametrize("names", [["a.tif"], ["a.tif", "b.tif"], ["a1b1.tif", "a2b3.tif"], ["a1.tif", "2.tif"]])
def test_names_without_a_number_that_counts(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        tifffile.imwrite(tmp_path / name, ARRAY[0])
    assert read(tmp_path).shape == (len(names), 4, 5)


def test_no_slices(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"holds no slices .* but no files"):
        read(tmp_path)
    (tmp_path / "a.txt").touch()
    with pytest.raises(FormatError, match="but 1 other files"):
        read(tmp_path)


def test_two_kinds_and_a_pattern(tmp_path: Path) -> None:
    for z in range(3):
        tifffile.imwrite(tmp_path / f"{z}_se.tif", ARRAY[z])
        png(tmp_path / f"{z}.png", ARRAY[z])
    with pytest.raises(FormatError, match=r"3 (PNG|TIFF) and 3 (PNG|TIFF) files"):
        read(tmp_path)
    np.testing.assert_array_equal(read(tmp_path, dataset="*_se.tif").data, ARRAY[:3])
    with pytest.raises(FormatError, match=r"matches '\*\.jpg'"):
        read(tmp_path, dataset="*.jpg")


def test_bad_slices(tmp_path: Path) -> None:
    png(tmp_path / "a.png", np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(FormatError, match=r"a\.png is a colour image"):
        read(tmp_path)
    png(tmp_path / "a.png", np.zeros((4, 5, 2), np.uint8))
    with pytest.raises(FormatError, match="with transparency"):
        read(tmp_path)
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(FormatError, match="not a PNG"):
        read(tmp_path)
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(FormatError, match="is empty"):
        read(tmp_path)
    png(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (40, 50), np.uint8))
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:1000])
    with pytest.raises(FormatError, match="damaged or was changed at z 0:1"):
        read(tmp_path)


def test_bad_tiff_slices(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((4, 5, 3), np.uint8), photometric="rgb")
    with pytest.raises(FormatError, match="colour image"):
        read(tmp_path)
    tifffile.imwrite(path, ARRAY)
    with pytest.raises(FormatError, match="a slice must be a single image"):
        read(tmp_path)
    path.write_text("hello world, this is text")
    with pytest.raises(FormatError, match=r"a\.tif is a damaged TIFF"):
        read(tmp_path)
