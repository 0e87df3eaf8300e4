"""``info``, ``convert``, ``strain`` and ``export``: thin commands on files."""

from pathlib import Path

import numpy as np
import pytest

from volcorr.fields import open_fields
from volio import read


def test_info(volcorr, scans: Path) -> None:
    shown = volcorr("info", scans / "reference.tif")
    assert shown.exit_code == 0
    assert "48 x 48 x 48 voxels" in shown.stdout
    assert "0.5 x 0.5 x 0.5 um" in shown.stdout


def test_convert_crops_and_converts(volcorr, scans: Path, tmp_path: Path) -> None:
    words = ["--crop", "0:10,5:20,0:48", "--dtype", "uint16", "--voxel-size", "250nm"]
    shown = volcorr("convert", scans / "reference.tif", "part.h5", *words)
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout == "written: part.h5\n"
    part = read(tmp_path / "part.h5")
    assert part.shape == (10, 15, 48)
    assert part.dtype == np.uint16
    assert part.voxel_size == pytest.approx((0.25,) * 3)
    assert volcorr("convert", scans / "reference.tif", "part.h5").exit_code == 2
    assert volcorr("convert", scans / "reference.tif", "part.h5", "--overwrite").exit_code == 0


def test_convert_rescales(volcorr, scans: Path, tmp_path: Path) -> None:
    words = ["--dtype", "uint8", "--rescale", "100", "150"]
    assert volcorr("convert", scans / "reference.tif", "scaled.npy", *words).exit_code == 0
    assert {0, 255} <= set(np.unique(np.load(tmp_path / "scaled.npy")))


def test_convert_reads_raw(volcorr, tmp_path: Path) -> None:
    voxels = np.arange(24, dtype=">u2").reshape(2, 3, 4)
    voxels.tofile(tmp_path / "a.raw")
    shown = volcorr("convert", "a.raw", "a.npy", "--shape", "2,3,4", "--raw-dtype", ">u2")
    assert shown.exit_code == 0, shown.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), voxels)


@pytest.mark.parametrize("shape", ["2,3", "2,3,x", "2,3,-4"])
def test_convert_refuses_a_shape(volcorr, shape: str) -> None:
    shown = volcorr("convert", "a.raw", "a.npy", "--shape", shape)
    assert shown.exit_code == 2
    assert "three whole numbers" in shown.stderr


def test_strain(volcorr, result: Path, tmp_path: Path) -> None:
    shown = volcorr("strain", result, "-o", "s", "--window", "5,3,3", "--measure", "infinitesimal")
    assert shown.exit_code == 0, shown.stderr
    assert "%, infinitesimal, window 5 x 3 x 3 points" in shown.stdout
    assert open_fields(tmp_path / "s").attrs["strain_measure"] == "infinitesimal"
    assert volcorr("strain", result, "-o", "s").exit_code == 2
    assert volcorr("strain", "s/fields.zarr", "-o", "t", "--window", "4").exit_code == 2
    assert not (tmp_path / "t").exists()


def test_export(volcorr, result: Path, tmp_path: Path) -> None:
    assert volcorr("export", result, "--to", "csv").stdout == "written: out.csv\n"
    assert (tmp_path / "out.csv").is_file()
    shown = volcorr("export", result, "--to", "csv")
    assert shown.exit_code == 2
    assert shown.stderr.startswith("error: out.csv exists")
    assert volcorr("export", result, "--to", "csv", "--overwrite").exit_code == 0
    assert volcorr("export", result, "--to", "vtk", "-o", "a.vti").stdout == "written: a.vti\n"
