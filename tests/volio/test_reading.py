import errno
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from volio import FormatError, InputError, Volume, read, write
from volio.lazy import LAZY_BYTES

ARRAY = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return write(Volume(ARRAY, (1.0, 0.5, 0.5), origin=(10, 20, 30)), tmp_path / "scan.tif")


def test_reads_what_was_written(scan: Path) -> None:
    volume = read(str(scan))
    np.testing.assert_array_equal(volume.data, ARRAY)
    assert volume.voxel_size == pytest.approx((1.0, 0.5, 0.5))
    assert volume.unit == "um"
    assert volume.name == "scan"
    assert volume.metadata["format"] == "TIFF"
    assert volume.metadata["path"] == str(scan)
    assert "notes" not in volume.metadata


@pytest.mark.parametrize(
    ("given", "unit"), [(2.0, "um"), ((2, 2, 2), "um"), ("2um", "nm"), (2000, "nm"), ("2000nm,2um,2", "um")]
)
def test_voxel_size_of_the_user_wins_and_is_said(
    scan: Path, caplog: pytest.LogCaptureFixture, given: Any, unit: str
) -> None:
    if given == "2000nm,2um,2":
        with pytest.raises(InputError, match="mixes"):
            read(scan, voxel_size=given)
        return
    volume = read(scan, voxel_size=given, unit=unit)
    assert volume.voxel_size == (2.0, 2.0, 2.0)
    assert volume.origin == pytest.approx((20, 80, 120))
    [note] = volume.metadata["notes"]
    assert "states a voxel size of 1 x 0.5 x 0.5 um, but 2 x 2 x 2 um was given" in note
    assert note in caplog.text


def test_same_voxel_size_is_no_conflict(scan: Path) -> None:
    assert "notes" not in read(scan, voxel_size=(1, 0.5, 0.5)).metadata


def test_given_voxel_size_makes_the_origin_physical(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ARRAY)
    volume = read(tmp_path / "a.npy", voxel_size="8um")
    assert volume.voxel_size == (8.0, 8.0, 8.0)
    with pytest.raises(InputError, match="three positive"):
        read(tmp_path / "a.npy", voxel_size=0)


def test_lazy_when_asked(scan: Path) -> None:
    assert not read(scan).is_lazy
    assert type(read(scan).data) is np.ndarray
    assert read(scan, lazy=True).is_lazy


def test_lazy_when_large(tmp_path: Path) -> None:
    with (tmp_path / "a.raw").open("wb") as file:
        file.truncate(LAZY_BYTES + 2**20)
    volume = read(tmp_path / "a.raw", shape=(257, 1024, 1024), dtype="uint8")
    assert volume.is_lazy
    assert not read(tmp_path / "a.raw", shape=(257, 1024, 1024), dtype="uint8").crop(((0, 1),) * 3).load().is_lazy


def test_missing_file_suggests_names(scan: Path) -> None:
    with pytest.raises(FormatError, match=r"scann\.tif does not exist: did you mean scan\.tif\?$"):
        read(scan.with_name("scann.tif"))
    with pytest.raises(FormatError, match="does not exist: check the name"):
        read(scan.with_name("quite_different.h5"))
    with pytest.raises(FormatError, match="neither does its folder"):
        read(scan.parent / "none" / "scan.tif")


@pytest.mark.parametrize("name", ["a.tif", "a.h5", "a.npy", "a.nrrd", "a.mrc", "a.nii", "a.nii.gz", "a.raw", "a.xyz"])
def test_empty_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(FormatError, match=r"is empty \(0 bytes\)"):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.tif", "a.h5", "a.npy", "a.nrrd", "a.mrc", "a.nii", "a.nii.gz"])
def test_text_under_a_false_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("z,y,x\n" + "1,2,3\n" * 500)
    with pytest.raises(FormatError, match=r"is not .* as its name says") as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_false_name_says_what_it_is(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ARRAY)
    (tmp_path / "a.npy").rename(tmp_path / "a.tif")
    with pytest.raises(FormatError, match=r"is not TIFF .* \(it begins like NumPy\)"):
        read(tmp_path / "a.tif")


def test_content_tells_where_the_name_does_not(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ARRAY)
    (tmp_path / "a.npy").rename(tmp_path / "a.dat")
    np.testing.assert_array_equal(read(tmp_path / "a.dat").data, ARRAY)


def test_unknown_format(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_text("hello")
    with pytest.raises(FormatError, match=r"no known format: readable are \.tif"):
        read(tmp_path / "a.docx")
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(FormatError, match="give the folder that holds the slices"):
        read(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"shape": (4, 5, 6)}, "shape is not used by TIFF: leave it out"),
        ({"dtype": "uint8"}, "dtype is not used by TIFF"),
        ({"dataset": "a"}, "dataset is not used by TIFF"),
        ({"shape": (4, 5)}, "three whole numbers"),
        ({"shape": (4, 5, 0)}, "three whole numbers"),
        ({"dtype": "uint7"}, "'uint7' is not known"),
        ({"voxel_size": "3 furlongs"}, "furlongs"),
    ],
)
def test_options_that_cannot_be_used(scan: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        read(scan, **options)


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (PermissionError(errno.EACCES, "no"), FormatError, "permission denied"),
        (MemoryError(), InputError, "does not fit into memory"),
        (RuntimeError("deep\ninside"), FormatError, "cannot be read as TIFF: deep inside$"),
    ],
)
def test_errors_of_readers(
    scan: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, kind: type[Exception], says: str
) -> None:
    def broken(*_: Any) -> Any:
        raise error

    monkeypatch.setattr("volio.formats.tiff.read", broken)
    with pytest.raises(kind, match=says):
        read(scan)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(scan: Path) -> None:
    scan.chmod(0)
    with pytest.raises(FormatError, match="permission denied"):
        read(scan)


def test_notes_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", ARRAY, imagej=True, resolution=(2, 2), metadata={"axes": "ZYX", "unit": "um"})
    with caplog.at_level(logging.INFO):
        volume = read(tmp_path / "a.tif")
    assert volume.voxel_size is None
    assert volume.metadata["notes"][0] in caplog.text
