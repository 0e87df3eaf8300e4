from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from volio import InputError, Volume, convert, read, write
from volio.conversion import as_dtype

ARRAY = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)
INTEGERS = ("uint8", "int8", "uint16", "int16", "int32", "uint32", "int64", "uint64")


def test_crop_type_and_size(tmp_path: Path) -> None:
    source = write(Volume(ARRAY, (2, 1, 1), metadata={"energy_kV": 60}), tmp_path / "a.h5")
    crop = ((1, 3), (0, 5), (2, 6))
    target = convert(source, tmp_path / "b.ome.zarr", crop=crop, dtype="uint8", voxel_size="3um", threads=1)
    volume = read(target)
    np.testing.assert_array_equal(volume.data, ARRAY[1:3, :, 2:6])
    assert volume.dtype == np.uint8
    assert volume.voxel_size == (3.0, 3.0, 3.0)
    assert volume.origin == (3.0, 0.0, 6.0)
    assert volume.metadata["energy_kV"] == 60


def test_raw_in_and_volume_in(tmp_path: Path) -> None:
    ARRAY.astype(">u2").tofile(tmp_path / "a.raw")
    convert(tmp_path / "a.raw", tmp_path / "b.nrrd", shape=ARRAY.shape, source_dtype=">u2")
    np.testing.assert_array_equal(read(tmp_path / "b.nrrd").data, ARRAY)
    convert(Volume(ARRAY), tmp_path / "c.npy")
    np.testing.assert_array_equal(read(tmp_path / "c.npy").data, ARRAY)
    with pytest.raises(InputError, match="give them to the Volume"):
        convert(Volume(ARRAY), tmp_path / "d.npy", voxel_size=1)


@given(st.data())
def test_whole_numbers_never_wrap(data: Any) -> None:
    a, b = data.draw(st.sampled_from(INTEGERS)), data.draw(st.sampled_from(INTEGERS))
    array = data.draw(hnp.arrays(a, (1, 2, 2)))
    info = np.iinfo(b)
    fits = all(info.min <= int(v) <= info.max for v in array.ravel())
    volume = as_dtype(Volume(array), b)
    if fits:
        assert [int(v) for v in np.asarray(volume.data).ravel()] == [int(v) for v in array.ravel()]
    else:
        with pytest.raises(InputError, match=f"does not fit {b} .*--rescale LOW HIGH"):
            np.asarray(volume.data)


@pytest.mark.parametrize(
    ("value", "dtype", "fits"),
    [
        (3.0, "uint8", True),
        (3.5, "uint8", False),
        (256.0, "uint8", False),
        (-1.0, "uint8", False),
        (np.nan, "int32", False),
        (np.inf, "int32", False),
        (1e20, "int64", False),
        (2.0**63, "int64", False),
        (1e39, "float32", False),
        (0.1, "float32", True),
        (np.nan, "float32", True),
        (np.inf, "float32", True),
        (1.0, "bool", True),
        (2.0, "bool", False),
    ],
)
def test_real_numbers(value: float, dtype: str, fits: bool) -> None:
    volume = as_dtype(Volume(np.full((1, 1, 1), value)), dtype)
    if fits:
        assert np.asarray(volume.data)[0, 0, 0] == np.array(value, dtype) or np.isnan(value)
        assert volume.dtype == dtype
    else:
        with pytest.raises(InputError, match="does not fit"):
            np.asarray(volume.data)


def test_nothing_is_written_when_a_value_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"value 256 does not fit uint8 \(whole numbers 0 to 255\)"):
        convert(Volume(ARRAY + 137), tmp_path / "a.tif", dtype="uint8")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", [*INTEGERS, "float32"])
def test_rescale(dtype: str) -> None:
    grey = np.array([[[-1.0, 0.0, 0.5, 1.0, 9.0]]])
    result = np.asarray(as_dtype(Volume(grey), dtype, rescale=(0, 1)).data)[0, 0]
    low, high = (0, 1) if dtype == "float32" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    assert result[0] == result[1] == low
    assert float(result[3]) == float(result[4]) == pytest.approx(float(high))
    assert float(result[2]) == pytest.approx((low + high) / 2, abs=1, rel=1e-12)


def test_rescale_alone_keeps_the_type(tmp_path: Path) -> None:
    convert(Volume(ARRAY), tmp_path / "a.npy", rescale=(0, 119))
    assert read(tmp_path / "a.npy").data.max() == 65535


@pytest.mark.parametrize("rescale", [(1, 1), (2, 1), (0, float("nan")), (1, 2, 3)])
def test_bad_rescale(rescale: Any) -> None:
    with pytest.raises(InputError, match="two rising grey values"):
        as_dtype(Volume(ARRAY), "uint8", rescale=rescale)


def test_what_cannot_be_converted() -> None:
    with pytest.raises(InputError, match="threshold"):
        as_dtype(Volume(ARRAY), bool, rescale=(0, 1))
    with pytest.raises(InputError, match="not known"):
        as_dtype(Volume(ARRAY), "grey")
    with pytest.raises(InputError, match="not whole or real"):
        as_dtype(Volume(ARRAY), "complex64")
    with pytest.raises(InputError, match="NaN does not fit uint8"):
        np.asarray(as_dtype(Volume(np.full((1, 1, 1), np.nan)), "uint8", rescale=(0, 1)).data)
