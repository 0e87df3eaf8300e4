"""Tilt series: MRC stacks with angles in their header or beside them."""

import struct
from pathlib import Path
from typing import Any

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
    assert scan.metadata["format"] == "tilt series"
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


def test_a_digital_micrograph_stack(tmp_path: Path, images: np.ndarray) -> None:
    data = images.astype(">i2")
    tags = _group({"Data": (4, data), "DataType": 10, "Dimensions": dict(enumerate(data.shape[::-1]))})
    path = tmp_path / "tilt.dm3"
    inner = struct.pack(">bbi", 0, 0, 1) + struct.pack(">BH", 20, 9) + b"ImageList" + struct.pack(">bbi", 0, 0, 1)
    inner += struct.pack(">BH", 20, 0) + struct.pack(">bbi", 0, 0, 1) + struct.pack(">BH", 20, 9) + b"ImageData" + tags
    path.write_bytes(struct.pack(">iii", 3, len(inner), 0) + inner)
    path.with_suffix(".rawtlt").write_text("-60\n-30\n0\n30\n60\n")
    scan = read_scan(path)
    np.testing.assert_array_equal(scan.projections, images.astype(np.uint16))
    np.testing.assert_allclose(np.rad2deg(scan.angles), [-60, -30, 0, 30, 60])
    assert scan.metadata["format"] == "tilt series"


def _group(tags: dict[Any, Any]) -> bytes:
    """Return a group of DM3 tags: groups, unsigned numbers, and arrays with the code of their type."""
    out = struct.pack(">bbi", 0, 0, len(tags))
    for name, value in tags.items():
        text = b"" if isinstance(name, int) else name.encode()
        out += struct.pack(">BH", 20 if isinstance(value, dict) else 21, len(text)) + text
        if isinstance(value, dict):
            out += _group(value)
        elif isinstance(value, tuple):
            out += b"%%%%" + struct.pack(">iiii", 3, 20, value[0], value[1].size) + value[1].tobytes()
        else:
            out += b"%%%%" + struct.pack(">iiI", 1, 5, value)
    return out
