"""Every format gives back what it was given: voxels bit for bit, sizes and origins to float32 at least."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from volio import InputError, Volume, read, write

NUMBERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]
ALL = [*NUMBERS, "float16", "bool"]
HOLDS = {
    ".tif": ALL,
    ".ome.zarr": ALL,
    ".h5": ALL,
    ".raw": ALL,
    ".npy": ALL,
    ".nrrd": NUMBERS,
    ".nii": NUMBERS,
    ".nii.gz": NUMBERS,
    ".mrc": ["int8", "int16", "uint16", "float16", "float32"],
}
sizes = st.none() | st.tuples(*[st.floats(1e-4, 1e3)] * 3)
places = st.tuples(*[st.floats(-1e3, 1e3)] * 3)


@pytest.mark.parametrize("suffix", HOLDS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_round_trip(suffix: str, data: Any) -> None:
    dtype = data.draw(st.sampled_from(HOLDS[suffix]))
    array = data.draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=3, max_dims=3, max_side=5)))
    size, origin = data.draw(sizes), data.draw(places)
    if suffix == ".npy":
        size = None
    volume = Volume(array, size, origin=origin, metadata={"energy_kV": 80})
    options = {"compression": data.draw(st.sampled_from(["none", "deflate"]))} if suffix in (".tif", ".h5") else {}
    with tempfile.TemporaryDirectory() as folder:
        path = write(volume, Path(folder) / f"a{suffix}", **options)
        again = read(path)
        part = read(path, lazy=True).crop(((0, 1), None, None))
        np.testing.assert_array_equal(part.load().data, array[:1])
        del part
    np.testing.assert_array_equal(again.data, array)
    assert again.dtype == array.dtype
    assert again.dtype.isnative
    assert "notes" not in again.metadata or suffix == ".mrc"
    if size is None:
        assert again.voxel_size is None
        assert again.origin == (0, 0, 0)
    else:
        assert again.voxel_size == pytest.approx(size, rel=1e-6)
        assert again.origin == pytest.approx(origin, rel=1e-6, abs=1e-6)
    if suffix in (".ome.zarr", ".h5", ".raw"):
        assert again.metadata["energy_kV"] == 80


@pytest.mark.parametrize("suffix", HOLDS)
@pytest.mark.parametrize("dtype", ALL)
def test_what_is_not_held_is_refused(tmp_path: Path, suffix: str, dtype: str) -> None:
    volume = Volume(np.ones((2, 3, 4), dtype))
    if dtype in HOLDS[suffix]:
        write(volume, tmp_path / f"a{suffix}")
    else:
        with pytest.raises(InputError, match=f"cannot hold {dtype}"):
            write(volume, tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", [s for s in HOLDS if s != ".npy"])
def test_other_units_are_converted(tmp_path: Path, suffix: str) -> None:
    volume = Volume(np.ones((2, 3, 4), np.float32), (2000, 1000, 500), unit="nm", origin=(0, 1000, 0))
    again = read(write(volume, tmp_path / f"a{suffix}"))
    assert again.voxel_size == pytest.approx((2.0, 1.0, 0.5))
    assert again.origin == pytest.approx((0.0, 1.0, 0.0))
    assert again.unit == "um"


@pytest.mark.parametrize("suffix", HOLDS)
def test_big_endian_source(tmp_path: Path, suffix: str) -> None:
    array = np.arange(24, dtype=">i2").reshape(2, 3, 4)
    again = read(write(Volume(array), tmp_path / f"a{suffix}"))
    np.testing.assert_array_equal(again.data, array)
    assert again.dtype.isnative
