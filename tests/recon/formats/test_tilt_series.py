"""Tilt series: MRC stacks with angles in their header or beside them."""

from pathlib import Path

import mrcfile
import numpy as np
import pytest
from mrcfile.dtypes import get_ext_header_dtype

from recon import read_scan
from volio import InputError


@pytest.fixture
def stack(tmp_path: Path, images: np.ndarray) -> Path:
    path = tmp_path / "tilt.mrc"
    with mrcfile.new(path) as file:
        file.set_data(images.astype(np.int16))
        file.voxel_size = 12.5
    return path


def test_angles_beside(stack: Path, images: np.ndarray) -> None:
    stack.with_suffix(".rawtlt").write_text("-60\n-30\n0\n30\n60\n")
    scan = read_scan(stack)
    np.testing.assert_array_equal(scan.projections, images.astype(np.int16))
    np.testing.assert_allclose(np.rad2deg(scan.angles), [-60, -30, 0, 30, 60])
    assert scan.pixel_size == pytest.approx(12.5e-4)
    assert scan.metadata["format"] == "MRC tilt series"
    notes = scan.metadata["notes"]
    assert "angles are from tilt.rawtlt" in notes
    assert "the tilt axis is taken to be vertical, along the columns of the images" in notes


def test_angles_in_the_extended_header(stack: Path) -> None:
    header = np.zeros(5, get_ext_header_dtype(b"FEI1"))
    header["Metadata size"], header["Alpha tilt"] = header.dtype.itemsize, [-2, -1, 0, 1, 2]
    with mrcfile.open(stack, "r+") as file:
        file.set_extended_header(header)
        file.header.exttyp = b"FEI1"
    scan = read_scan(stack)
    np.testing.assert_allclose(np.rad2deg(scan.angles), [-2, -1, 0, 1, 2])
    assert "angles are from the extended header of the file" in scan.metadata["notes"]


def test_no_angles(stack: Path) -> None:
    with pytest.raises(InputError, match="states no angles for its 5 projections"):
        read_scan(stack)
    assert read_scan(stack, angle_range=(-60, 60)).n_angles == 5
