import subprocess
import sys

import pytest

import porosity


def test_importing_porosity_is_light() -> None:
    code = "import porosity, sys; print([m for m in ('numba', 'xarray', 'scipy', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", porosity.__all__)
def test_each_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(porosity, name).__doc__
    assert name in dir(porosity)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'sizes'"):
        porosity.sizes  # noqa: B018
