import errno
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from volio import InputError, LazyArray, OutputError, Volume, read, write

ARRAY = np.arange(8 * 5 * 6, dtype=np.uint16).reshape(8, 5, 6)
SUFFIXES = (".tif", ".ome.zarr", ".zarr", ".h5", ".npy", ".nrrd", ".mrc", ".nii", ".nii.gz", ".raw")


class Endless:
    """An array that fails while it is read, as a full disk does while it is written."""

    shape, dtype, ndim = ARRAY.shape, ARRAY.dtype, 3

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __getitem__(self, key: Any) -> Any:
        raise self.error


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_disk_full_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    volume = Volume(Endless(OSError(errno.ENOSPC, "No space left on device")), (1, 1, 1))
    with pytest.raises(OutputError, match="disk full while writing"):
        write(volume, tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_interrupt_keeps_the_old_result(tmp_path: Path, suffix: str) -> None:
    path = write(Volume(ARRAY), tmp_path / f"a{suffix}")
    before = sorted(item.name for item in tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        write(Volume(Endless(KeyboardInterrupt())), path, overwrite=True)
    np.testing.assert_array_equal(read(path).data, ARRAY)
    assert sorted(item.name for item in tmp_path.iterdir()) == before


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_existing_target(tmp_path: Path, suffix: str) -> None:
    path = write(Volume(ARRAY), tmp_path / f"a{suffix}")
    with pytest.raises(OutputError, match="exists already"):
        write(Volume(ARRAY), path)
    assert write(Volume(ARRAY + 1), path, overwrite=True) == path
    np.testing.assert_array_equal(read(path).data, ARRAY + 1)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_onto_itself_while_on_disk(tmp_path: Path, suffix: str) -> None:
    path = write(Volume(ARRAY, (1, 1, 1)), tmp_path / f"a{suffix}")
    volume = read(path, lazy=True)
    write(volume.crop(((2, 7), None, None)), path, overwrite=True)
    np.testing.assert_array_equal(read(path).data, ARRAY[2:7])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_streams_by_slabs(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    depths: list[int] = []

    def part(box: Any) -> Any:
        depths.append(box[0].stop - box[0].start)
        return ARRAY[box]

    monkeypatch.setattr("volio.lazy.slab_depth", lambda data, **_: 2)
    monkeypatch.setattr("volio.formats.hdf5.slab_depth", lambda data, **_: 2)
    monkeypatch.setattr("volio.formats.pyramid.CHUNK", 2)
    monkeypatch.setattr("volio.formats.pyramid.SHARD", 2)
    write(Volume(LazyArray(part, ARRAY.shape, ARRAY.dtype)), tmp_path / f"a{suffix}")
    assert max(depths) == 2
    np.testing.assert_array_equal(read(tmp_path / f"a{suffix}").data, ARRAY)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_progress_counts_every_voxel(tmp_path: Path, suffix: str) -> None:
    class Counter:
        done = 0

        def update(self, n: int = 1) -> None:
            self.done += n

    counter = Counter()
    write(Volume(ARRAY), tmp_path / f"a{suffix}", progress=counter)
    assert counter.done == ARRAY.size
    write(Volume(ARRAY), tmp_path / f"a{suffix}", progress=True, overwrite=True)


@pytest.mark.parametrize("suffix", [".tif", ".h5"])
def test_deflate_is_smaller(tmp_path: Path, suffix: str) -> None:
    volume = Volume(np.zeros((20, 64, 64), np.uint16), (1, 2, 3))
    plain = write(volume, tmp_path / f"a{suffix}", compression="none")
    small = write(volume, tmp_path / f"b{suffix}", compression="deflate")
    assert small.stat().st_size < plain.stat().st_size / 10
    np.testing.assert_array_equal(read(small).data, volume.data)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("a.xyz", {}, r"names no writable format: use one of \.tif"),
        ("a", {}, "names no writable format"),
        ("a.npy", {"compression": "deflate"}, "compression is not used by NumPy"),
        ("a.tif", {"pyramid": "mean"}, "pyramid is not used by TIFF"),
        ("a.tif::/x", {}, "dataset is not used by TIFF"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, name: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        write(Volume(ARRAY), tmp_path / name, **options)


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [(".mrc", "uint8"), (".mrc", "bool"), (".nrrd", "bool"), (".nii", "float16"), (".nii.gz", "bool")],
)
def test_types_that_a_format_cannot_hold(tmp_path: Path, suffix: str, dtype: str) -> None:
    with pytest.raises(InputError, match=f"cannot hold {dtype}: convert it to one of"):
        write(Volume(ARRAY.astype(dtype)), tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_plain_arrays_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"got ndarray: use volio\.Volume"):
        write(ARRAY, tmp_path / "a.tif")  # type: ignore[arg-type]


def test_npy_says_that_the_voxel_size_is_lost(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        write(Volume(ARRAY, name="scan"), tmp_path / "a.npy")
        assert not caplog.records
        write(Volume(ARRAY, (1, 1, 1), name="scan"), tmp_path / "b.npy")
    assert "scan: .npy cannot hold the voxel size" in caplog.text
