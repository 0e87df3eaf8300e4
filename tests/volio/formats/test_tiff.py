import contextlib
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from volio import FormatError, Volume, read, write
from volio.formats import tiff

ARRAY = (np.arange(5 * 40 * 50) % 60001).astype(np.uint16).reshape(5, 40, 50)


def save(path: Path, array: NDArray[Any] = ARRAY, **options: Any) -> Path:
    tifffile.imwrite(path, array, **{"photometric": "minisblack", **options})
    return path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metadata": None},
        {"imagej": True},
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"byteorder": ">", "compression": "zlib"},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw"},
        {"compression": "zstd", "metadata": None},
        {"tile": (16, 16)},
        {"rowsperstrip": 7, "metadata": None},
    ],
)
def test_flavours(tmp_path: Path, options: dict[str, Any]) -> None:
    path = save(tmp_path / "a.tif", **options)
    for lazy in (False, True):
        volume = read(path, lazy=lazy)
        np.testing.assert_array_equal(np.asarray(volume.data), ARRAY)
        assert volume.dtype == np.dtype(np.uint16)
        assert volume.voxel_size is None
    np.testing.assert_array_equal(volume.crop(((1, 3), (2, 9), (4, 40))).load().data, ARRAY[1:3, 2:9, 4:40])


@pytest.mark.parametrize("kind", ["imagej", "ome", "shaped", "plain"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("share", [0.003, 0.3, 0.6, 0.8, 0.97, 0.995])
def test_truncated_is_an_error_and_never_zeros(
    tmp_path: Path, kind: str, compression: str | None, share: float, caplog: pytest.LogCaptureFixture
) -> None:
    noise = np.random.default_rng(0).integers(0, 60000, ARRAY.shape, np.uint16)
    path = tmp_path / "a.tif"
    save(
        path,
        noise,
        imagej=kind == "imagej",
        ome=kind == "ome",
        metadata=None if kind == "plain" else {"axes": "ZYX"},
        compression=compression,
    )
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    if kind == "imagej" and compression is None and share > 0.95:
        # all voxels follow the first page: only what repeats it was cut
        with contextlib.suppress(FormatError):
            np.testing.assert_array_equal(read(path).data, noise)
        return
    with pytest.raises(FormatError, match=r"a\.tif is (truncated|a damaged)") as caught:
        np.asarray(read(path).data)
    assert "\n" not in str(caught.value)
    assert not caplog.records


@pytest.mark.parametrize("kind", ["imagej", "plain", "ome"])
def test_cut_at_every_kind_of_place(tmp_path: Path, kind: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (3, 4, 5), np.uint8)
    path = save(tmp_path / "a.tif", noise, imagej=kind == "imagej", ome=kind == "ome", metadata={"axes": "ZYX"})
    content = path.read_bytes()
    for end in range(4, len(content), 3):
        path.write_bytes(content[:end])
        try:
            volume = read(path)
        except FormatError:
            continue
        # what was cut held no voxels
        np.testing.assert_array_equal(volume.data, noise)


def test_damaged_page_is_found_when_read(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[3].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[offset : offset + 20] = b"\xff" * 20
    path.write_bytes(bytes(content))
    volume = read(path, lazy=True)
    np.testing.assert_array_equal(volume.data[2], ARRAY[2])
    with pytest.raises(FormatError, match="damaged or was changed at z 3:4"):
        volume.data[3]


@pytest.mark.parametrize(
    ("shape", "options", "says"),
    [
        ((40, 50, 3), {"photometric": "rgb"}, "is a colour image .*convert to grey first"),
        ((5, 40, 50, 3), {"photometric": "rgb"}, "is a colour image"),
        ((40, 50), {}, r"is a 2-D image of shape \(40, 50\): a volume needs 3 axes"),
        ((2, 5, 40, 50), {"imagej": True, "metadata": {"axes": "TZYX"}}, "has 4 axes"),
        ((3, 40, 50), {"imagej": True, "metadata": {"axes": "CYX"}}, "has 3 channels"),
        ((5, 2, 40, 50), {"imagej": True, "metadata": {"axes": "ZCYX"}}, "has 2 channels"),
    ],
)
def test_no_grey_volume(tmp_path: Path, shape: tuple[int, ...], options: dict[str, Any], says: str) -> None:
    path = save(tmp_path / "a.tif", np.zeros(shape, np.uint8), **options)
    with pytest.raises(FormatError, match=says):
        read(path)


def test_complex_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="not whole or real numbers"):
        read(save(tmp_path / "a.tif", np.zeros((2, 3, 4), np.complex64)))


def test_one_slice_that_is_a_volume(tmp_path: Path) -> None:
    volume = read(write(Volume(ARRAY[:1], (1, 2, 3)), tmp_path / "a.tif"))
    assert volume.shape == (1, 40, 50)
    assert volume.voxel_size == (1.0, 2.0, 3.0)


def test_further_images_and_time_are_noted(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(ARRAY, photometric="minisblack")
        tif.write(ARRAY[0], photometric="minisblack")
    volume = read(tmp_path / "a.tif")
    assert volume.shape == ARRAY.shape
    assert "further images of shape (40, 50)" in volume.metadata["notes"][0]
    save(tmp_path / "b.tif", imagej=True, metadata={"axes": "TYX"})
    assert "time points" in read(tmp_path / "b.tif").metadata["notes"][0]
    save(tmp_path / "c.tif", imagej=True, metadata={"axes": "CYX"})
    np.testing.assert_array_equal(read(tmp_path / "c.tif").data, ARRAY)
    assert "stored as channels" in read(tmp_path / "c.tif").metadata["notes"][0]


def test_one_page_of_many_slices_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", volumetric=True, tile=(1, 16, 16), compression="zlib", metadata=None)
    with pytest.raises(FormatError, match="export one slice a page"):
        read(tmp_path / "a.tif")


def test_threads_read_one_file(tmp_path: Path) -> None:
    from volio import run_blocks

    path = save(tmp_path / "a.tif", compression="zlib", metadata=None)
    data = read(path, lazy=True).data
    for z, part in enumerate(run_blocks(lambda z: data[z], [0, 1, 2, 3, 4] * 5, threads=4)):
        np.testing.assert_array_equal(part, ARRAY[z % 5])


@pytest.mark.parametrize(
    ("dtype", "nbytes", "kind"),
    [
        ("uint8", 1000, "imagej"),
        ("float32", 1000, "imagej"),
        ("int16", 1000, "ome"),
        ("uint16", 5 * 2**30, "ome"),
        ("int64", 1000, "json"),
        ("bool", 1000, "json"),
    ],
)
def test_kind_by_type_and_size(dtype: str, nbytes: int, kind: str) -> None:
    data = np.broadcast_to(np.zeros((1, 1, 1), dtype), (10, 1, nbytes // 10 // np.dtype(dtype).itemsize))
    assert tiff._kind(Volume(data)) == kind


def test_written_for_others(tmp_path: Path) -> None:
    path = write(Volume(ARRAY, (3, 2, 0.5)), tmp_path / "a.tif")
    with tifffile.TiffFile(path) as tif:
        assert tif.is_imagej
        assert tif.imagej_metadata is not None
        assert tif.imagej_metadata["spacing"] == 3.0
        assert tif.imagej_metadata["unit"] == "um"
        assert tif.imagej_metadata["slices"] == 5
    path = write(Volume(ARRAY.astype(np.int32), (3, 2, 0.5)), tmp_path / "b.tif")
    with tifffile.TiffFile(path) as tif:
        assert tif.is_bigtiff
        assert tif.ome_metadata is not None
        assert 'PhysicalSizeZ="3.0"' in tif.ome_metadata


def test_planes(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", ARRAY[0], byteorder=">")
    assert tiff.plane_shape(path) == ((40, 50), np.dtype(np.uint16))
    np.testing.assert_array_equal(tiff.read_plane(path), ARRAY[0])
    with pytest.raises(FormatError, match="a slice must be a single image"):
        tiff.plane_shape(save(tmp_path / "b.tif"))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FormatError, match="truncated"):
        tiff.read_plane(path)
    path.write_bytes(b"II*\0")
    with pytest.raises(FormatError, match="damaged"):
        tiff.plane_shape(path)


def test_no_image_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0" + b"\0" * 40)
    with pytest.raises(FormatError, match="damaged TIFF"):
        read(tmp_path / "a.tif")


def test_tifffile_stays_silent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = save(tmp_path / "a.tif", metadata=None)
    path.write_bytes(path.read_bytes()[:9000])
    with caplog.at_level(logging.DEBUG), pytest.raises(FormatError):
        read(path)
    assert not [record for record in caplog.records if record.name == "tifffile"]


@pytest.mark.parametrize("shape", [(3, 4, 1), (1, 4, 1), (2, 1, 1), (3, 1, 4), (3, 4, 5)])
def test_masks_of_any_shape(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    mask = np.arange(np.prod(shape)).reshape(shape) % 2 == 0
    again = read(write(Volume(mask), tmp_path / "mask.tif"))
    assert again.dtype == bool
    np.testing.assert_array_equal(again.load().data, mask)
