"""The public face of the package."""

import subprocess
import sys

import pytest

import volcorr

HEAVY = ["matplotlib", "xarray", "pandas", "dask", "torch", "napari", "zarr", "h5py", "tifffile", "scipy", "numba"]


def test_public_names_are_there():
    assert set(volcorr.__all__) <= set(dir(volcorr))
    assert callable(volcorr.correlate)
    assert callable(volcorr.strain)
    with pytest.raises(AttributeError, match="nonsense"):
        volcorr.nonsense  # noqa: B018


def test_functions_are_not_hidden_by_modules_of_their_name():
    code = (
        "import importlib, pkgutil, volcorr\n"
        "for module in pkgutil.walk_packages(volcorr.__path__, 'volcorr.'):\n"
        "    importlib.import_module(module.name)\n"
        "assert callable(volcorr.correlate) and callable(volcorr.strain)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys, time; begin = time.process_time(); import volcorr; seconds = time.process_time() - begin\n"
        f"loaded = set({HEAVY}) & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "assert seconds < 0.3, seconds\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
