"""Projections as images: folders and stacks, with angles from a list, a range or a file."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from recon import read_scan
from volio import FormatError, InputError, Volume, write


@pytest.fixture
def folder(tmp_path: Path, images: np.ndarray) -> Path:
    place = tmp_path / "projections"
    place.mkdir()
    for k, image in enumerate(images):
        # without leading zeros: 10 comes after 9
        tifffile.imwrite(place / f"p{8 + k}.tif", image)
    return place


def test_folder_and_range(folder: Path, images: np.ndarray) -> None:
    scan = read_scan(folder, angle_range=(-70, 70), pixel_size="65nm", flats=folder / "p8.tif", darks=3)
    np.testing.assert_array_equal(scan.projections, images)
    np.testing.assert_allclose(np.rad2deg(scan.angles), [-70, -35, 0, 35, 70])
    assert (scan.pixel_size, scan.unit) == (65, "nm")
    np.testing.assert_array_equal(scan.flats, images[:1])
    assert scan.darks.min() == scan.darks.max() == 3
    assert scan.metadata["format"] == "TIFF series"
    assert "notes" not in scan.metadata


def test_angles_in_the_folder(folder: Path) -> None:
    (folder / "angles.txt").write_text("# degrees\n" + "0\n1.5\n3\n4.5\n6")
    scan = read_scan(folder)
    np.testing.assert_allclose(np.rad2deg(scan.angles), [0, 1.5, 3, 4.5, 6])
    assert any(note == "angles are from angles.txt" for note in scan.metadata["notes"])
    given = read_scan(folder, angles=[0, 1, 2, 3, 4], angle_unit="radians")
    np.testing.assert_array_equal(given.angles, np.arange(5))


def test_some_of_the_files(folder: Path, images: np.ndarray) -> None:
    np.testing.assert_array_equal(read_scan(folder, dataset="p1*.tif", angle_range=(0, 90)).projections, images[2:])
    with pytest.raises(FormatError, match=r"no TIFF or PNG in .* matches"):
        read_scan(folder, dataset="q*.tif", angle_range=(0, 90))


def test_stack_keeps_its_square_pixels(tmp_path: Path, images: np.ndarray) -> None:
    path = tmp_path / "stack.tif"
    write(Volume(images, (1, 0.5, 0.5)), path)
    scan = read_scan(path, angle_range=(0, 180))
    assert scan.pixel_size == pytest.approx(0.5)
    write(Volume(images, (1, 0.5, 0.25)), path, overwrite=True)
    scan = read_scan(path, angle_range=(0, 180))
    assert scan.pixel_size is None
    assert "pixels of 0.5 x 0.25 um are not square" in scan.metadata["notes"][0]


def test_errors(folder: Path) -> None:
    with pytest.raises(InputError, match="states no angles for its 5 projections: give angles or angle_range"):
        read_scan(folder)
    with pytest.raises(InputError, match="has 5 projections, but 3 angles: give 5 angles"):
        read_scan(folder, angles=[1, 2, 3])
    with pytest.raises(InputError, match="say the same: give one of them"):
        read_scan(folder, angles=[1, 2, 3, 4, 5], angle_range=(0, 180))
