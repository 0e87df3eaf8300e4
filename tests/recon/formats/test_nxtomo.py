"""NXtomo: images sorted by their keys."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from recon import read_scan
from volio import FormatError, InputError

KEYS = [2, 1, 0, 0, 1, 0, 3, 0]


@pytest.fixture
def stack() -> np.ndarray:
    return np.arange(8 * 4 * 6, dtype=np.uint16).reshape(8, 4, 6)


@pytest.fixture
def write_nx(tmp_path: Path, stack: np.ndarray) -> Callable[..., Path]:
    def write(**changes: Any) -> Path:
        datasets: dict[str, Any] = {
            "definition": "NXtomo",
            "instrument/detector/data": stack,
            "instrument/detector/image_key": KEYS,
            "sample/rotation_angle": (np.arange(8) * 10.0, "degree"),
        }
        datasets |= {key.replace("__", "/"): value for key, value in changes.items()}
        path = tmp_path / "scan.nxs"
        with h5py.File(path, "w") as file:
            file["version"] = 1
            for key, value in datasets.items():
                if value is None:
                    continue
                data, unit = value if isinstance(value, tuple) else (value, None)
                file[f"entry/{key}"] = data
                if unit is not None:
                    file[f"entry/{key}"].attrs["units"] = unit
        return path

    return write


@pytest.mark.parametrize("lazy", [True, False])
def test_images_are_sorted_by_their_keys(write_nx: Callable[..., Path], stack: np.ndarray, lazy: bool) -> None:
    scan = read_scan(write_nx(), lazy=lazy)
    assert scan.is_lazy == lazy
    np.testing.assert_array_equal(np.asarray(scan.projections), stack[[2, 3, 5, 7]])
    np.testing.assert_array_equal(np.asarray(scan.flats), stack[[1, 4]])
    np.testing.assert_array_equal(np.asarray(scan.darks), stack[[0]])
    np.testing.assert_allclose(np.rad2deg(scan.angles), [20, 30, 50, 70])
    assert scan.metadata["flat_positions"] == [0, 2]
    assert scan.metadata["dark_positions"] == [0]
    assert scan.metadata["format"] == "NXtomo"
    assert "1 images are marked as invalid" in scan.metadata["notes"][0]
    part = scan.crop(rows=(1, 3), angles=(1, 4))
    assert part.metadata["flat_positions"] == [0, 1]


def test_without_keys_all_are_projections(write_nx: Callable[..., Path], stack: np.ndarray) -> None:
    scan = read_scan(write_nx(instrument__detector__image_key=None))
    np.testing.assert_array_equal(scan.projections, stack)


def test_known_by_its_keys(write_nx: Callable[..., Path]) -> None:
    path = write_nx(definition=None)
    assert read_scan(path).metadata["entry"] == "/entry"
    assert read_scan(path, dataset="/entry").n_angles == 4
    with pytest.raises(FormatError, match="holds no entry /entry1: there are /entry, /version"):
        read_scan(path, dataset="/entry1")


def test_angles_of_projections_only(write_nx: Callable[..., Path]) -> None:
    scan = read_scan(write_nx(sample__rotation_angle=(np.arange(4.0), "rad")))
    np.testing.assert_array_equal(scan.angles, np.arange(4))
    with pytest.raises(FormatError, match="holds 8 images but 5 rotation angles"):
        read_scan(write_nx(sample__rotation_angle=(np.arange(5.0), "rad")))
    with pytest.raises(InputError, match="states no angles for its 4 projections"):
        read_scan(write_nx(sample__rotation_angle=None))


def test_pixel_size_and_metadata(write_nx: Callable[..., Path]) -> None:
    path = write_nx(
        instrument__detector__x_pixel_size=(6.5e-6, "m"),
        instrument__detector__count_time=(np.full(8, 0.5), "s"),
        instrument__beam__incident_energy=(17.0, "keV"),
        sample__name="pillar",
        start_time="2026-01-01T00:00:00",
    )
    scan = read_scan(path)
    assert scan.pixel_size == pytest.approx(6.5)
    assert "the pixel size is that of the detector" in " ".join(scan.metadata["notes"])
    known = scan.metadata
    assert (known["exposure_s"], known["energy_kev"], known["sample"]) == (0.5, 17, "pillar")
    assert known["date"] == "2026-01-01T00:00:00"
    sample = read_scan(write_nx(sample__x_pixel_size=(65.0, "nm"), instrument__detector__x_pixel_size=(6.5e-6, "m")))
    assert sample.pixel_size == pytest.approx(0.065)
    assert "detector" not in " ".join(sample.metadata["notes"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"instrument__detector__image_key": [0, 1]}, "holds 8 images but 2 image keys"),
        ({"instrument__detector__image_key": [0] * 7 + [9]}, "has image key 9: known are 0"),
        ({"instrument__detector__image_key": [1] * 8}, "holds no projections: none of its 8 image keys is 0"),
        ({"instrument__detector__data": None}, "holds no images at instrument/detector/data"),
    ],
)
def test_odd_files(write_nx: Callable[..., Path], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read_scan(write_nx(**changes))
