import json
from pathlib import Path

import numpy as np
import pytest

from volcorr.phase_files import find_labels, middle_slice, name_volumes, open_labels, phases_of, tell_unit
from volio import FormatError, InputError, Volume, write

HALVES = (np.indices((9, 8, 8))[0] < 4).astype(np.uint8)


def stored(folder: Path, data: np.ndarray, name: str = "made.npy") -> Path:
    np.save(folder / name, data)
    return folder / name


def test_names_tell_volumes_apart() -> None:
    assert name_volumes([Path("a.ome.zarr"), Path("data/b.tif")]) == ["a", "b"]
    assert name_volumes([Path("/d/one/a.tif"), Path("/d/two/a.tif")]) == ["one_a", "two_a"]
    assert name_volumes([Path("/d/a.tif"), Path("/d/a.npy")]) == ["1_d_a", "2_d_a"]
    assert name_volumes([Path("/d/x.h5::/one"), Path("/d/y.h5::/two")]) == ["x", "y"]


def test_the_folder_of_a_segmentation_stands_for_its_labels(tmp_path: Path) -> None:
    (tmp_path / "segmentation.json").write_text(json.dumps({"labels": ["a.tif", "b.tif"]}))
    assert find_labels([Path("x.tif"), tmp_path]) == [Path("x.tif"), tmp_path / "a.tif", tmp_path / "b.tif"]
    (tmp_path / "segmentation.json").write_text("{}")
    with pytest.raises(FormatError, match="damaged or was edited"):
        find_labels([tmp_path])


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, np.float32])
def test_whole_numbers_of_any_type_are_labels(tmp_path: Path, kind) -> None:
    (file,) = open_labels([stored(tmp_path, HALVES.astype(kind))], lazy=kind is np.float32)
    assert file.counts == {0: 5 * 64, 1: 4 * 64}
    assert file.volume.dtype.kind in "biu"
    np.testing.assert_array_equal(file.volume.data[:], HALVES)


def test_numbered_particles_are_labels_and_noise_is_not(tmp_path: Path) -> None:
    blocks = np.kron(np.arange(1, 126).reshape(5, 5, 5), np.ones((4, 4, 4), int)).astype(np.uint16)
    file = stored(tmp_path, blocks)
    with pytest.raises(InputError, match="particles rather than phases"):
        open_labels([file])
    assert len(open_labels([file], most=65536)[0].counts) == 125
    # most of a scan is air of one grey value: what counts is the rest
    noise = np.random.default_rng(0).integers(1, 200, (20, 20, 20)).astype(np.uint8)
    noise[:16] = 0
    with pytest.raises(InputError, match="run volcorr segment first"):
        open_labels([stored(tmp_path, noise)], most=65536)


@pytest.mark.parametrize(
    ("present", "phases"),
    [((0, 1), (0, 1)), ((0, 255), (0, 255)), ((255,), (255,)), ((0, 1, 255), (0, 1)), ((1, 2, 255), (1, 2))],
)
def test_255_is_a_phase_only_beside_nothing_but_0(tmp_path: Path, present, phases) -> None:
    data = np.resize(np.array(present, np.uint8), (3, 4, 5))
    assert phases_of(open_labels([stored(tmp_path, data)])[0]) == phases


def test_voxel_sizes_of_all_or_none(tmp_path: Path, caplog) -> None:
    bare = stored(tmp_path, HALVES)
    write(Volume(HALVES, voxel_size=2.0), tmp_path / "sized.tif")
    with pytest.raises(InputError, match=r"made\.npy states no voxel size"):
        open_labels([tmp_path / "sized.tif", bare])
    tell_unit(open_labels([bare, tmp_path / "sized.tif"], voxel_size="2um"))
    assert "in voxels" not in caplog.text
    tell_unit(open_labels([bare]))
    assert "lengths are in voxels" in caplog.text


def test_the_middle_slice_is_a_volume_in_its_place() -> None:
    volume = Volume(np.arange(60).reshape(5, 3, 4), voxel_size=(2.0, 1.0, 1.0), origin=(10.0, 0.0, 0.0))
    plane = middle_slice(volume)
    np.testing.assert_array_equal(plane.data, volume.data[2:3])
    assert plane.origin == (14.0, 0.0, 0.0)
    assert plane.data.base is None
