import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from volio import FormatError, LazyArray, Volume, read, write
from volio.lazy import is_lazy
from volio.memory_maps import MappedPart, opened, portable

VOXELS = np.random.default_rng(5).integers(0, 60_000, (5, 12, 14)).astype(np.uint16)


def sent(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def make_tiff_compressed(folder: Path) -> Path:
    return write(Volume(VOXELS), folder / "scan.tif", compression="deflate")


def make_slices(folder: Path) -> Path:
    import tifffile

    (folder / "slices").mkdir()
    for z, plane in enumerate(VOXELS):
        tifffile.imwrite(folder / "slices" / f"s{z}.tif", plane)
    return folder / "slices"


def make_nifti_gz(folder: Path) -> Path:
    return write(Volume(VOXELS), folder / "scan.nii.gz")


def make_mrc_turned(folder: Path) -> Path:
    path = write(Volume(VOXELS), folder / "scan.mrc")
    content = bytearray(path.read_bytes())
    content[64:76] = np.array([1, 3, 2], "<i4").tobytes()  # columns, rows, sections: x, z, y
    path.write_bytes(content)
    return path


def make_big_endian(folder: Path) -> Path:
    np.save(folder / "big.npy", VOXELS.astype(">u2"))
    return folder / "big.npy"


def make_zarr_array(folder: Path) -> Path:
    import zarr

    zarr.create_array(str(folder / "plain.zarr"), data=VOXELS)
    return folder / "plain.zarr"


def make_hdf5_dataset(folder: Path) -> str:
    return f"{write(Volume(VOXELS), folder / 'scan.h5', dataset='a/b', compression='deflate')}::/a/b"


MAKERS = [
    make_tiff_compressed,
    make_slices,
    make_nifti_gz,
    make_mrc_turned,
    make_big_endian,
    make_zarr_array,
    make_hdf5_dataset,
]
NAMES = ["a.tif", "a.ome.zarr", "a.h5", "a.npy", "a.nrrd", "a.mrc", "a.nii", "a.raw"]


@pytest.mark.parametrize("make", [*MAKERS, *NAMES])
@pytest.mark.filterwarnings("ignore:.*voxel size:UserWarning")
def test_volumes_of_every_format_travel_as_their_place(make: Any, tmp_path: Path) -> None:
    path = write(Volume(VOXELS), tmp_path / make) if isinstance(make, str) else make(tmp_path)
    volume = read(path, lazy=True, voxel_size=2.0)
    expected = np.asarray(volume.data[:])
    content = pickle.dumps(volume)
    assert len(content) < 2500 + 60 * len(volume.metadata)  # no voxels inside
    found = pickle.loads(content)
    assert found.is_lazy
    assert found.data.dtype == expected.dtype
    np.testing.assert_array_equal(found.data[:], expected)
    assert (found.voxel_size, found.origin, found.name, found.unit) == (
        volume.voxel_size, volume.origin, volume.name, volume.unit,
    )  # fmt: skip
    part = sent(sent(volume).crop(((1, 4), (2, 5), (3, 12))))
    assert part.is_lazy
    np.testing.assert_array_equal(part.data[:], expected[1:4, 2:5, 3:12])
    np.testing.assert_array_equal(volume.data[:], expected)  # the first goes on


def test_another_process_in_another_folder_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("a.h5", "a.npy", "a.ome.zarr"):
        write(Volume(VOXELS), Path(name))
        (tmp_path / "volume.pickle").write_bytes(pickle.dumps(read(name, lazy=True)))
        code = "import pickle; print(pickle.load(open('../volume.pickle', 'rb')).data[2:4].sum())"
        found = subprocess.run(
            [sys.executable, "-c", code], cwd="elsewhere", capture_output=True, text=True, check=True
        )
        assert int(found.stdout) == VOXELS[2:4].sum()


def test_views_of_views() -> None:
    data = LazyArray.wrap(VOXELS)
    view = sent(data.crop((slice(1, 4), slice(0, 12), slice(2, 9))).transpose([2, 0, 1]).map(np.sqrt, np.float64))
    np.testing.assert_array_equal(view[:], np.sqrt(VOXELS[1:4, :, 2:9].transpose(2, 0, 1)))
    assert view.chunks == (7, 1, 12)


@pytest.mark.parametrize("key", [np.s_[:], np.s_[1:3], np.s_[:, 2:5, 3:7], np.s_[::2, ::3], np.s_[2], np.s_[2, 3, 4:5]])
def test_part_of_a_map(tmp_path: Path, key: Any) -> None:
    np.save(tmp_path / "a.npy", VOXELS)
    part = np.load(tmp_path / "a.npy", mmap_mode="r")[key]
    for view in (part, part.T, np.asarray(part)):
        where = portable(view)
        assert isinstance(where, MappedPart)
        found = sent(where).open()
        assert is_lazy(found)
        np.testing.assert_array_equal(found, np.asarray(view))


def test_what_is_not_only_in_the_file_travels_itself(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VOXELS)
    for data in (
        VOXELS,
        np.load(tmp_path / "a.npy", mmap_mode="c"),
        np.load(tmp_path / "a.npy", mmap_mode="r")[::-1],
        np.load(tmp_path / "a.npy", mmap_mode="r") * 2,
        np.load(tmp_path / "a.npy", mmap_mode="r")[0:0],
    ):
        assert portable(data) is data
        assert opened(data) is data
    changed = np.load(tmp_path / "a.npy", mmap_mode="c")
    changed[0] = 7
    assert (sent(Volume(changed)).data[0] == 7).all()
    written = np.load(tmp_path / "a.npy", mmap_mode="r+")
    written[1] = 9
    assert (sent(Volume(written)).data[1] == 9).all()
    memory = sent(Volume(VOXELS))
    assert not memory.is_lazy
    np.testing.assert_array_equal(memory.data, VOXELS)


def test_a_file_that_went_away_is_one_line(tmp_path: Path) -> None:
    for name in ("a.npy", "a.h5"):
        write(Volume(VOXELS), tmp_path / name)
        content = pickle.dumps(read(tmp_path / name, lazy=True))
        (tmp_path / name).rename(tmp_path / f"moved-{name}")
        with pytest.raises(
            FormatError, match=rf"{name} (cannot be opened by another process|does not exist)"
        ) as caught:
            pickle.loads(content)
        assert "\n" not in str(caught.value)


def test_a_file_that_was_changed_is_noticed(tmp_path: Path) -> None:
    write(Volume(VOXELS), tmp_path / "a.h5")
    volume = read(tmp_path / "a.h5", lazy=True)
    content = pickle.dumps(volume)
    volume.data.close()
    write(Volume(VOXELS[:3]), tmp_path / "a.h5", overwrite=True)
    with pytest.raises(FormatError, match=r"was changed: it was uint16 \(5, 12, 14\) and is now uint16 \(3, 12, 14\)"):
        pickle.loads(content)
