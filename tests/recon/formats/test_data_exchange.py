"""Data Exchange files: a real one, and the layouts and units that others write."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from recon import read_scan
from volio import FormatError, InputError

PIXEL = "measurement/instrument/detector/actual_pixel_size_x"
RESOLUTION = "measurement/instrument/detection_system/objective/resolution"


@pytest.fixture
def write_h5(tmp_path: Path, images: np.ndarray) -> Callable[..., Path]:
    """Return a function that writes datasets, each a value or a pair (value, unit)."""

    def write(name: str = "scan.h5", **changes: Any) -> Path:
        datasets: dict[str, Any] = {
            "exchange/data": images,
            "exchange/data_white": images[:2] + 1,
            "exchange/data_dark": images[:1],
            "exchange/theta": (np.linspace(0, 144, 5), "deg"),
        }
        datasets |= {key.replace("__", "/"): value for key, value in changes.items()}
        with h5py.File(tmp_path / name, "w") as file:
            for key, value in datasets.items():
                if value is None:
                    continue
                data, unit = value if isinstance(value, tuple) else (value, None)
                file[key] = data
                if unit is not None:
                    file[key].attrs["units"] = unit
        return tmp_path / name

    return write


@pytest.mark.realdata
def test_tooth(data_dir: Path) -> None:
    scan = read_scan(data_dir / "projections/tooth.h5", lazy=True)
    assert (scan.shape, scan.dtype, scan.is_lazy) == ((181, 2, 640), np.float32, True)
    assert scan.flats.shape == scan.darks.shape == (10, 2, 640)
    np.testing.assert_allclose(scan.angles, np.deg2rad(np.arange(181) * 180 / 181), atol=1e-12)
    assert scan.pixel_size is None
    assert scan.metadata["sample"] == "Tooth"
    assert len(scan.metadata["notes"]) == 1
    loaded = scan.load()
    flat, dark = loaded.flats.mean(axis=0), loaded.darks.mean(axis=0)
    transmission = (loaded.projections - dark) / (flat - dark)
    # beside the tooth nothing is absorbed; half a turn later it is seen mirrored about column 296
    assert np.median(transmission[:, :, :20]) == pytest.approx(1, abs=0.02)
    first, last = transmission[0, 0, 46:547], transmission[-1, 0, 46:547][::-1]
    assert np.corrcoef(first, last)[0, 1] > 0.99


def test_all_that_is_stated(write_h5: Callable[..., Path], images: np.ndarray) -> None:
    path = write_h5(
        **{
            PIXEL: (0.65, "micron"),
            "measurement/instrument/monochromator/energy": (np.array([12.4]), "keV"),
            "measurement/instrument/detector/exposure_time": 0.1,
            "measurement/sample/name": "pillar",
        }
    )
    scan = read_scan(path)
    np.testing.assert_array_equal(scan.projections, images)
    np.testing.assert_array_equal(scan.flats, images[:2] + 1)
    np.testing.assert_array_equal(scan.darks, images[:1])
    np.testing.assert_allclose(np.rad2deg(scan.angles), np.linspace(0, 144, 5))
    assert (scan.pixel_size, scan.unit) == (0.65, "um")
    known = scan.metadata
    assert (known["energy_kev"], known["exposure_s"], known["sample"]) == (12.4, 0.1, "pillar")
    assert known["format"] == "Data Exchange"
    assert "notes" not in known


def test_the_pixel_at_the_specimen_comes_first(write_h5: Callable[..., Path]) -> None:
    path = write_h5(**{PIXEL: (6.5e-7, "m"), RESOLUTION: (0.64, "microns")})
    assert read_scan(path).pixel_size == 0.64
    path = write_h5(**{PIXEL: (6.5e-7, "m"), RESOLUTION: (0.64, "lp")})
    scan = read_scan(path)
    assert scan.pixel_size == pytest.approx(0.65)
    assert "states a pixel size of 0.64 lp: it is not used" in scan.metadata["notes"][0]
    assert read_scan(write_h5(**{PIXEL: 0.65})).pixel_size is None
    assert read_scan(write_h5(**{PIXEL: "text"})).pixel_size is None
    assert read_scan(write_h5(**{PIXEL: np.nan})).pixel_size is None


def test_units_of_angles(write_h5: Callable[..., Path]) -> None:
    in_radians = np.linspace(0, 3, 5)
    for unit in ("rad", None):
        scan = read_scan(write_h5(exchange__theta=(in_radians, unit)))
        np.testing.assert_array_equal(scan.angles, in_radians)
    assert "without a unit: they are taken for radians" in scan.metadata["notes"][0]
    with pytest.raises(FormatError, match="/exchange/theta states angles in 'gon'"):
        read_scan(write_h5(exchange__theta=(in_radians, "gon")))


def test_angles_missing_or_of_another_number(write_h5: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="states no angles for its 5 projections: give angles or angle_range"):
        read_scan(write_h5(exchange__theta=None))
    with pytest.raises(InputError, match="5 projections, but 4 angles"):
        read_scan(write_h5(exchange__theta=(np.arange(4.0), "deg")))
    with pytest.raises(InputError, match="states no angles"):
        read_scan(write_h5(exchange__theta="none"))


def test_darks_without_flats_are_left_out(write_h5: Callable[..., Path]) -> None:
    scan = read_scan(write_h5(exchange__data_white=None))
    assert scan.flats is None
    assert scan.darks is None
    assert any("darks of the file are not used" in note for note in scan.metadata["notes"])
    assert read_scan(write_h5(exchange__data_white=None), flats=1000).darks.shape == (1, 40, 60)


def test_other_layouts_by_name(write_h5: Callable[..., Path], images: np.ndarray) -> None:
    path = write_h5(
        entry__data=images[::-1], entry__theta=(np.linspace(0, 1, 5), "rad"), entry__data_white=images[:1] + 5
    )
    scan = read_scan(path, dataset="/entry/data")
    np.testing.assert_array_equal(scan.projections, images[::-1])
    np.testing.assert_array_equal(scan.flats, images[:1] + 5)
    np.testing.assert_array_equal(scan.angles, np.linspace(0, 1, 5))
    np.testing.assert_array_equal(read_scan(f"{path}::/entry/data").projections, images[::-1])
    with pytest.raises(FormatError, match=r"holds no dataset /entry/dta: those with 3 axes are /entry/data \(5, 40,"):
        read_scan(path, dataset="/entry/dta")
    alone = write_h5(exchange__data=None, exchange__data_white=None, exchange__data_dark=None, raw__p=images)
    np.testing.assert_array_equal(read_scan(alone, angle_range=(0, 180)).projections, images)


def test_odd_files(write_h5: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="is a 2-D image"):
        read_scan(write_h5(exchange__data=np.zeros((4, 5))))
    path = write_h5()
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(FormatError, match="is damaged or in use"):
        read_scan(path)
    broken = write_h5("kept.h5", process__volcorr__metadata="no JSON")
    with pytest.raises(FormatError, match="/process/volcorr/metadata is not JSON"):
        read_scan(broken)
