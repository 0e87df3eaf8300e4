"""The package: its names, and that importing it costs nothing."""

import subprocess
import sys

import pytest

import recon


def test_every_public_name_is_there() -> None:
    assert sorted(recon.__all__) == sorted(recon._MODULES)
    for name in recon.__all__:
        assert getattr(recon, name).__name__ == name
    assert set(recon.__all__) <= set(dir(recon))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = recon.nothing


def test_import_stays_light() -> None:
    heavy = "matplotlib xarray pandas dask torch napari zarr h5py tifffile scipy numba olefile mrcfile tqdm"
    code = (
        "import sys, recon; recon.Scan, recon.read_scan, recon.write_scan, recon.describe_scan;"
        f"bad = set('{heavy}'.split()) & set(sys.modules); sys.exit(', '.join(bad) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
