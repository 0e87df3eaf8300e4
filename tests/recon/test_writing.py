"""Writing: a scan comes back as it was."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon import Scan, read_scan, write_scan
from volio import InputError, LazyArray, OutputError


def assert_same(back: Scan, scan: Scan) -> None:
    for what in ("projections", "flats", "darks", "shifts"):
        one, other = getattr(back, what), getattr(scan, what)
        assert (one is None) == (other is None), what
        if other is not None:
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    np.testing.assert_allclose(back.angles, scan.angles, rtol=4e-16, atol=0)
    assert (back.pixel_size, back.unit, back.center, back.name) == (
        scan.pixel_size, scan.unit, scan.center, scan.name,
    )  # fmt: skip


def full(images: np.ndarray, **changes: object) -> Scan:
    options: dict[str, object] = {
        "pixel_size": 65.0,
        "unit": "nm",
        "flats": images[:2].astype(np.float32) * 1.5,
        "darks": images[:1],
        "shifts": np.random.default_rng(1).normal(size=(5, 2)),
        "center": 29.25,
        "name": "battery 3",
        "metadata": {
            "energy_kev": 8.0,
            "exposure_s": 90,
            "flat_positions": [0, 5],
            "per_projection": {"exposure_s": [90.5, 90, 90, 90, 91]},
            "geometry": {"beam": "parallel"},
            "array": np.arange(3),
            "one": np.float64(0.1),
            "path": "left out",
        },
    }
    return Scan(images, np.linspace(-1.2, 1.3, 5), **(options | changes))  # type: ignore[arg-type]


def test_round_trip_of_everything(tmp_path: Path, images: np.ndarray) -> None:
    scan = full(images)
    path = write_scan(scan, tmp_path / "out.h5")
    assert path == tmp_path / "out.h5"
    back = read_scan(path, lazy=True)
    assert_same(back, scan)
    kept = {key: value for key, value in back.metadata.items() if key not in ("format", "path")}
    expected = dict(scan.metadata, array=[0, 1, 2], one=0.1)
    del expected["path"]
    assert kept == expected


def test_round_trip_of_little(tmp_path: Path, images: np.ndarray) -> None:
    scan = Scan(images.astype(np.float32), np.arange(5), name="x")
    assert_same(read_scan(write_scan(scan, tmp_path / "out.hdf5")), scan)


@given(st.lists(st.floats(-7, 7), min_size=2, max_size=6))
def test_angles_come_back(tmp_path_factory: pytest.TempPathFactory, angles: list[float]) -> None:
    scan = Scan(np.ones((len(angles), 2, 3), np.uint8), angles)
    path = write_scan(scan, tmp_path_factory.mktemp("angles") / "scan.h5")
    np.testing.assert_allclose(read_scan(path).angles, angles, rtol=4e-16, atol=1e-300)


def test_xradia_to_data_exchange(write_txrm: Callable[..., Path], images: np.ndarray, tmp_path: Path) -> None:
    reference = np.full((40, 60), 900, "<u2")
    path = write_txrm(
        images,
        ReferenceData__Image=reference,
        ReferenceData__DataType=5,
        Alignment__X_Shifts=np.arange(5, dtype="<f4"),
        Alignment__Y_Shifts=np.zeros(5, "<f4"),
    )
    scan = read_scan(path, lazy=True)
    back = read_scan(write_scan(scan, tmp_path / "scan.h5"))
    assert_same(back, scan)
    assert back.metadata["per_projection"] == scan.metadata["per_projection"]


def test_layout_is_what_others_expect(tmp_path: Path, images: np.ndarray) -> None:
    with h5py.File(write_scan(full(images), tmp_path / "out.h5")) as file:
        assert file["exchange/data"].attrs["units"] == "counts"
        assert file["exchange/theta"].attrs["units"] == "degrees"
        np.testing.assert_allclose(file["exchange/theta"][()], np.rad2deg(np.linspace(-1.2, 1.3, 5)))
        assert {"data", "data_white", "data_dark", "theta"} <= set(file["exchange"])
        pixel = file["measurement/instrument/detector/actual_pixel_size_x"]
        assert (pixel[()], pixel.attrs["units"]) == (65, "nm")
        assert file["measurement/instrument/monochromator/energy"].attrs["units"] == "keV"
        assert file["measurement/instrument/detector/exposure_time"].attrs["units"] == "s"


def test_images_are_streamed_and_counted(tmp_path: Path) -> None:
    largest = 0

    def part(box: tuple[slice, ...]) -> np.ndarray:
        nonlocal largest
        shape = tuple(s.stop - s.start for s in box)
        largest = max(largest, shape[0])
        return np.zeros(shape, np.float32)

    lazy = LazyArray(part, (40, 1024, 1024), np.float32, chunks=(1, 1024, 1024))

    class Count:
        total = 0

        def update(self, n: int = 1) -> None:
            self.total += n

    count = Count()
    scan = Scan(lazy, np.arange(40), flats=np.ones((2, 1024, 1024), np.uint8))
    write_scan(scan, tmp_path / "out.h5", progress=count)
    assert count.total == 42
    assert largest <= 16
    write_scan(scan.crop(angles=(0, 2)), tmp_path / "part.h5", progress=True)


def test_refusals(tmp_path: Path, images: np.ndarray) -> None:
    scan = full(images)
    with pytest.raises(InputError, match=r"scans are written as HDF5, got 'scan.tif': use one of .h5"):
        write_scan(scan, tmp_path / "scan.tif")
    with pytest.raises(InputError, match="write_scan needs a Scan, got ndarray"):
        write_scan(images, tmp_path / "scan.h5")  # type: ignore[arg-type]
    path = write_scan(scan, tmp_path / "scan.h5")
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        write_scan(scan, path)

    def fail(box: tuple[slice, ...]) -> np.ndarray:
        raise OSError("disk gone")

    broken = Scan(LazyArray(fail, (5, 40, 60), np.uint16), scan.angles)
    with pytest.raises(ValueError, match="disk gone"):
        write_scan(broken, path, overwrite=True)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["scan.h5"]
    write_scan(scan, path, overwrite=True)
