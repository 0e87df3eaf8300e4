import subprocess
import sys

import pytest

import volio


def test_every_public_name_is_there() -> None:
    assert sorted(volio.__all__) == sorted(volio._MODULES)
    for name in volio.__all__:
        assert getattr(volio, name).__name__ == name
    assert set(volio.__all__) <= set(dir(volio))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = volio.nothing


def test_import_stays_light() -> None:
    heavy = "matplotlib xarray pandas dask torch napari zarr h5py tifffile nibabel scipy numba imagecodecs tqdm"
    code = (
        "import sys, volio; volio.Volume, volio.read, volio.write, volio.describe, volio.run_blocks;"
        f"bad = set('{heavy}'.split()) & set(sys.modules); sys.exit(', '.join(bad) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
