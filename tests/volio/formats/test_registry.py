from pathlib import Path

import pytest

from volio import InputError
from volio.formats import FORMATS, find_writer, split_dataset


@pytest.mark.parametrize("found", FORMATS, ids=lambda f: f.title)
def test_every_format_has_its_module(found: object) -> None:
    module = found.load()  # type: ignore[attr-defined]
    assert callable(module.read)
    assert callable(getattr(module, "write", None)) == found.writable  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("a.TIF", "TIFF"),
        ("a.ome.tif", "TIFF"),
        ("a.ome.zarr", "OME-Zarr"),
        ("a.nii.gz", "NIfTI"),
        ("a.b.h5", "HDF5"),
        ("a.rec", "MRC"),
    ],
)
def test_extension(name: str, title: str) -> None:
    assert find_writer(Path(name)).title == title


@pytest.mark.parametrize("name", ["a", "a.gz", "tif", "a.png", ""])
def test_no_extension(name: str) -> None:
    with pytest.raises(InputError, match="names no writable format"):
        find_writer(Path(name))


def test_split_dataset() -> None:
    assert split_dataset("a.h5::/b/c") == (Path("a.h5"), "/b/c")
    assert split_dataset("a.h5") == (Path("a.h5"), None)
    assert split_dataset("~/a.h5")[0] == Path.home() / "a.h5"
