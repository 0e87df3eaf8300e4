"""Reading: what the user gives wins, and is said where it disagrees."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from recon import Scan, is_scan, read_scan, reading, write_scan
from recon.formats import registry
from volio import FormatError, InputError, Length

Write = Callable[..., Path]


def test_given_pixel_size_wins(write_txrm: Write, images: np.ndarray, caplog: pytest.LogCaptureFixture) -> None:
    path = write_txrm(images)
    for given in ("65nm", Length(65, "nm")):
        scan = read_scan(path, pixel_size=given)
        assert (scan.pixel_size, scan.unit) == (65, "nm")
    assert not any("pixel size" in note for note in scan.metadata["notes"])
    scan = read_scan(path, pixel_size=0.13)
    assert (scan.pixel_size, scan.unit) == (0.13, "um")
    said = "the file states a pixel size of 0.065 um, but 0.13 um was given: that is used"
    assert said in scan.metadata["notes"]
    assert said in caplog.text
    with pytest.raises(InputError, match="unit 'px' of pixel_size"):
        read_scan(path, pixel_size=2, unit="px")
    with pytest.raises(InputError, match="pixel_size of scan 'scan' must be a positive number"):
        read_scan(path, pixel_size=0)


def test_given_images_win(write_txrm: Write, images: np.ndarray) -> None:
    reference = np.full((40, 60), 900, "<u2")
    path = write_txrm(images, ReferenceData__Image=reference, ReferenceData__DataType=5)
    scan = read_scan(path, flats=images[:2], darks=images[2])
    np.testing.assert_array_equal(scan.flats, images[:2])
    np.testing.assert_array_equal(scan.darks, images[2:3])
    with pytest.raises(InputError, match="flats of scan 'scan' have 20 x 60 pixels"):
        read_scan(path, flats=images[:2, :20])


def test_large_scans_stay_on_disk(write_txrm: Write, images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_txrm(images)
    assert not read_scan(path).is_lazy
    monkeypatch.setattr(reading, "LAZY_BYTES", 1000)
    assert read_scan(path).is_lazy
    assert not read_scan(path, lazy=False).is_lazy


def test_only_our_errors_come_out(write_txrm: Write, images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_txrm(images)

    class Broken:
        error: Exception = KeyError("a\nlong\ntale")

        def read(self, path: Path, dataset: str | None) -> registry.Found:
            raise self.error

    broken = Broken()
    monkeypatch.setattr(registry.ScanFormat, "load", lambda self: broken)
    with pytest.raises(FormatError, match=r"cannot be read as Xradia: .*tale"):
        read_scan(path)
    broken.error = PermissionError(13, "no")
    with pytest.raises(FormatError, match="permission denied"):
        read_scan(path)


def test_what_is_a_scan_by_itself(write_txrm: Write, images: np.ndarray, tmp_path: Path) -> None:
    assert is_scan(write_txrm(images))
    assert is_scan(write_scan(Scan(images, np.arange(5)), tmp_path / "scan.h5"))
    with h5py.File(tmp_path / "volume.h5", "w") as file:
        file["volume"] = images
    with h5py.File(tmp_path / "scan.nxs", "w") as file:
        file["entry/definition"] = "NXtomo"
    np.save(tmp_path / "volume.npy", images)
    assert is_scan(f"{tmp_path}/scan.nxs::/entry")
    assert not is_scan(tmp_path / "volume.h5")
    assert not is_scan(tmp_path / "volume.npy")
    assert not is_scan(tmp_path / "missing.h5")


def test_single_projection(write_txrm: Write, images: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"reference.xrm holds a single projection, .* or use this one as flats="):
        read_scan(write_txrm(images[:1], "reference.xrm"))
