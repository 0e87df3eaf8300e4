import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from volio import FormatError, InputError, Volume, read, write

ARRAY = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    ARRAY.tofile(tmp_path / "a.raw")
    return tmp_path / "a.raw"


def test_given_shape_and_type(raw: Path) -> None:
    for suffix in (".vol", ".bin"):
        raw = raw.rename(raw.with_suffix(suffix))
        np.testing.assert_array_equal(read(raw, shape=(4, 5, 6), dtype=np.uint16).data, ARRAY)
    np.testing.assert_array_equal(read(raw, shape=(4, 5, 6), dtype=">u2").data, ARRAY.byteswap())
    np.testing.assert_array_equal(read(raw, shape=(3, 5, 6), dtype="uint16", offset=60).data, ARRAY[1:])


def test_what_is_missing_is_said(raw: Path) -> None:
    with pytest.raises(FormatError, match=r"give its shape .* and dtype, or put a\.raw\.json beside it \(240 bytes\)"):
        read(raw)
    with pytest.raises(FormatError, match=r"give its shape"):
        read(raw, dtype="uint8")


@pytest.mark.parametrize("shape", [(5, 5, 6), (3, 5, 6)])
def test_size_must_fit(raw: Path, shape: Any) -> None:
    with pytest.raises(FormatError, match=r"has 240 bytes, but shape .* needs \d+: correct them \(a z of 4 would fit"):
        read(raw, shape=shape, dtype="uint16")


def test_bad_options(raw: Path) -> None:
    with pytest.raises(InputError, match="0 or more bytes"):
        read(raw, shape=(4, 5, 6), dtype="uint16", offset=-1)
    with pytest.raises(InputError, match="not whole or real"):
        read(raw, shape=(4, 5, 6), dtype="complex64")


def test_file_beside(tmp_path: Path) -> None:
    path = write(Volume(ARRAY, (3, 2, 1), origin=(1, 2, 3)), tmp_path / "a.raw")
    content = json.loads((tmp_path / "a.raw.json").read_text())
    assert content["shape"] == [4, 5, 6]
    assert content["dtype"] == "<u2"
    volume = read(path)
    assert volume.voxel_size == (3.0, 2.0, 1.0)
    assert volume.origin == (1.0, 2.0, 3.0)
    np.testing.assert_array_equal(read(path, shape=(5, 4, 6)).data.ravel(), ARRAY.ravel())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is damaged"),
        ("[]", "must hold an object"),
        ('{"shape": [4, 5], "dtype": "u2"}', r"states shape \[4, 5\]"),
        ('{"shape": [4, 5, 6], "dtype": "grey"}', "states dtype 'grey'"),
    ],
)
def test_damaged_file_beside(raw: Path, text: str, says: str) -> None:
    raw.with_name("a.raw.json").write_text(text)
    with pytest.raises(FormatError, match=says):
        read(raw)


def test_size_without_unit(raw: Path) -> None:
    content = {"shape": [4, 5, 6], "dtype": "uint16", "voxel_size": [3, 2, 1]}
    raw.with_name("a.raw.json").write_text(json.dumps(content))
    volume = read(raw)
    assert volume.voxel_size is None
    assert "without unit" in volume.metadata["notes"][0]
