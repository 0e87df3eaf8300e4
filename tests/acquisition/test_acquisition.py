"""The package's names load when first used."""

import subprocess
import sys

import pytest

import acquisition


def test_every_public_name_is_there():
    for name in acquisition.__all__:
        assert getattr(acquisition, name).__name__ == name
    assert set(acquisition.__all__) <= set(dir(acquisition))


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = acquisition.nothing


def test_import_loads_neither_numba_nor_scipy():
    code = "import acquisition, sys; assert not {'numba', 'scipy', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
