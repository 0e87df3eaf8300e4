"""Real scans of several instruments."""

from pathlib import Path

import numpy as np
import pytest

from volio import FormatError, describe, read

pytestmark = pytest.mark.realdata


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("dvc/sandstone_intact_z000-255.tif", (256, 450, 450), "uint8"),
        ("volumes/ketton_256.tif", (256, 256, 256), "uint8"),
        ("volumes/nrel_nmc1cal_3label_z000-119.tif", (120, 301, 301), "uint8"),
        ("volumes/spam_snow.tif", (100, 100, 100), "uint16"),
        ("volumes/qim3d_cement_128x128x128.tif", (128, 128, 128), "uint8"),
        ("volumes/ucl_cylindrical_cell_100x728x728.tif", (100, 728, 728), "uint8"),
        ("fibsem/ZEISS_SEM_multipage.tif", (2, 1536, 2048), "uint8"),
        ("fibsem/lung_sem", (6, 800, 800), "uint8"),
    ],
)
def test_volumes(data_dir: Path, name: str, shape: tuple[int, ...], dtype: str) -> None:
    volume = read(data_dir / name, lazy=True)
    assert volume.shape == shape
    assert volume.dtype == dtype
    assert volume.dtype.isnative
    # none of these files states all three edges of a voxel
    assert volume.voxel_size is None
    middle = np.asarray(volume.data[shape[0] // 2])
    assert middle.std() > 0


def test_labels_and_share_of_pores(data_dir: Path) -> None:
    ketton = read(data_dir / "volumes/ketton_256.tif").data
    assert np.mean(ketton == 0) == pytest.approx(0.127, abs=0.001)
    labels = read(data_dir / "volumes/nrel_nmc1cal_3label_z000-119.tif").data
    assert sorted(np.unique(labels)) == [0, 1, 2]


def test_zeiss_metadata(data_dir: Path) -> None:
    metadata = read(data_dir / "fibsem/ZEISS_SEM_multipage.tif").metadata
    # 25.24 um wide at 2048 pixels
    assert metadata["pixel_size_um"] == pytest.approx((0.01233, 0.01233))
    assert metadata["energy_kV"] == pytest.approx(1.8)
    assert metadata["instrument"].startswith("Zeiss")


def test_fei_metadata(data_dir: Path) -> None:
    import tifffile

    from volio.formats.tiff_metadata import read_metadata

    path = data_dir / "sem/FEI-Helios-Ebeam-8bits.tif"
    with tifffile.TiffFile(path) as tif:
        metadata = read_metadata(tif, path)
    assert metadata["instrument"].startswith("FEI")
    assert metadata["energy_kV"] > 0
    assert "per inch" in metadata["resolution"]


@pytest.mark.parametrize("name", ["dvc/biaxial2d_intact.tif", "sem/skan_inf1.tif", "volumes/ucl_jellyroll_mask_1.tif"])
def test_photographs_are_no_volumes(data_dir: Path, name: str) -> None:
    with pytest.raises(FormatError, match="is a 2-D image"):
        read(data_dir / name)


def test_data_exchange(data_dir: Path) -> None:
    path = data_dir / "projections/tooth.h5"
    with pytest.raises(FormatError, match=r"/exchange/data \(181, 2, 640\), /exchange/data_dark"):
        read(path)
    volume = read(f"{path}::/exchange/data")
    assert volume.shape == (181, 2, 640)
    assert volume.metadata["dataset"] == "/exchange/data"


@pytest.mark.parametrize("name", ["projections/test_chip00.xrm", "projections/txrm_test_chip_tomo.txrm"])
def test_unknown_formats(data_dir: Path, name: str) -> None:
    with pytest.raises(FormatError, match="no known format"):
        read(data_dir / name)


def test_description(data_dir: Path) -> None:
    info = describe(data_dir / "volumes/spam_snow.tif")
    assert info.voxel_size is None
    assert "voxel size       not stated" in str(info)
    assert info.sampled == ""
