"""What `volcorr info` says of a scan."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recon import Scan, describe_scan
from volio import InputError


def test_of_a_file(write_txrm: Callable[..., Path], images: np.ndarray) -> None:
    path = write_txrm(
        images,
        Alignment__X_Shifts=np.array([3, 0, 0, 0, 0], "<f4"),
        Alignment__Y_Shifts=np.array([4, 0, 0, 0, 0], "<f4"),
        ImageInfo__XPosition=np.arange(5, dtype="<f4"),
    )
    info = describe_scan(path)
    assert (info.shape, info.flats, info.darks, info.largest_shift) == ((5, 40, 60), 0, 0, 5)
    assert (info.angular_range, info.angle_step) == (180, 45)
    rows = dict(info.rows())
    assert rows["file"] == str(path)
    assert rows["format"] == "Xradia"
    assert rows["projections"] == "5 of 40 x 60 pixels (rows x columns)"
    assert rows["angles"] == "-90 to 90 degrees (range 180, step 45)"
    assert rows["pixel size"] == "0.065 um"
    assert rows["field of view"] == "2.6 x 3.9 um"
    assert rows["shifts"] == "up to 5 pixels"
    assert rows["sample x"] == "0 to 4"
    assert rows["exposure s"] == "5.0"
    assert rows["grey values"] == f"0 to {images.max()}, mean {images.mean():.6g}"
    assert "there are no flats" in rows["note"]
    assert "shape (z, y, x)" not in rows
    assert "rotation axis" not in rows
    assert str(info).splitlines()[2].startswith("projections")


def test_of_a_scan() -> None:
    images = np.ones((2, 3, 4))
    images[0, 0, 0] = np.nan
    scan = Scan(images, [0, 1], flats=images[:1], center=1.5, name="x")
    rows = dict(describe_scan(scan).rows())
    assert rows["rotation axis"] == "column 1.5"
    assert rows["flats, darks"] == "1, 0"
    assert rows["pixel size"] == "not stated"
    assert "NaN, infinite" in rows
    assert "field of view" not in rows
    with pytest.raises(InputError, match="angle_range belong to reading a file"):
        describe_scan(scan, angle_range=(0, 1))
