from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from volio import FormatError, Volume, read, write

ARRAY = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)


def save(path: Path, unit: str | None = "mm", affine: Any = None, array: Any = ARRAY.T, **header: Any) -> Path:
    image: Any = nibabel.Nifti1Image(array, np.diag([1.0, 2.0, 3.0, 1.0]) if affine is None else affine)
    if unit:
        image.header.set_xyzt_units(unit)
    for key, value in header.items():
        image.header[key] = value
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize(("unit", "factor"), [("mm", 1e3), ("micron", 1.0), ("meter", 1e6)])
def test_xyz_becomes_zyx(tmp_path: Path, suffix: str, unit: str, factor: float) -> None:
    path = save(tmp_path / f"a{suffix}", unit)
    for lazy in (False, True):
        volume = read(path, lazy=lazy)
        np.testing.assert_array_equal(np.asarray(volume.data), ARRAY)
        assert volume.voxel_size == pytest.approx((3 * factor, 2 * factor, factor))
    np.testing.assert_array_equal(volume.data[1:3, ::2, 4], ARRAY[1:3, ::2, 4])


def test_no_unit(tmp_path: Path) -> None:
    volume = read(save(tmp_path / "a.nii", None))
    assert volume.voxel_size is None
    assert "without unit" in volume.metadata["notes"][0]


def test_origin(tmp_path: Path) -> None:
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = 4, 5, 6
    assert read(save(tmp_path / "a.nii", affine=affine)).origin == (6000.0, 5000.0, 4000.0)
    affine[0, 0] = -1
    volume = read(save(tmp_path / "b.nii", affine=affine))
    assert volume.origin == (0, 0, 0)
    assert "turns or mirrors" in volume.metadata["notes"][0]


def test_scaled_values(tmp_path: Path) -> None:
    image: Any = nibabel.Nifti1Image(ARRAY.T, np.eye(4))
    image.header.set_slope_inter(0.5, 10)
    nibabel.save(image, tmp_path / "a.nii")
    volume = read(tmp_path / "a.nii")
    np.testing.assert_allclose(volume.data, 0.5 * ARRAY + 10)
    assert volume.dtype == np.float64


def test_time_axis(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(save(tmp_path / "a.nii.gz", array=ARRAY.T[..., None])).data, ARRAY)
    np.testing.assert_array_equal(read(save(tmp_path / "a.nii", array=ARRAY.T[..., None])).data, ARRAY)
    with pytest.raises(FormatError, match="has 4 axes"):
        read(save(tmp_path / "b.nii", array=np.stack([ARRAY.T] * 2, -1)))


def test_big_endian(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header(endianness=">")
    nibabel.save(nibabel.Nifti1Image(ARRAY.T.astype(">i2"), np.eye(4), header), tmp_path / "a.nii")
    volume = read(tmp_path / "a.nii")
    np.testing.assert_array_equal(volume.data, ARRAY)
    assert volume.dtype.isnative


def test_written_for_others(tmp_path: Path) -> None:
    path = write(Volume(ARRAY, (3, 2, 1), origin=(0, 0, 7)), tmp_path / "a.nii.gz")
    image: Any = nibabel.load(path)
    np.testing.assert_array_equal(np.asarray(image.dataobj), ARRAY.T)
    assert image.header.get_zooms() == pytest.approx((1e-3, 2e-3, 3e-3))
    assert image.header.get_xyzt_units()[0] == "mm"
    assert image.affine[0, 3] == pytest.approx(7e-3)
    assert read(path).metadata["description"] == "written by volcorr"


def test_long_axes_take_nifti2(tmp_path: Path) -> None:
    array = np.zeros((1, 1, 40000), np.uint8)
    array[0, 0, 39999] = 7
    path = write(Volume(array, (1, 1, 1)), tmp_path / "a.nii")
    assert isinstance(nibabel.load(path), nibabel.Nifti2Image)
    np.testing.assert_array_equal(read(path).data, array)


def test_bad_files(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FormatError, match="is truncated"):
        read(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FormatError, match="is not NIfTI as its name says"):
        read(path)
    noise = np.random.default_rng(0).integers(0, 9999, (20, 20, 20), np.int16)
    path = save(tmp_path / "b.nii.gz", array=noise)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(FormatError, match="damaged"):
        read(path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(FormatError, match="damaged or not NIfTI"):
        read(path)
    colour = np.zeros((2, 3, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(FormatError, match="colour image"):
        read(save(tmp_path / "c.nii", array=colour))
