import numpy as np
import pytest

from segmentation import fill_holes, keep_largest, remove_specks
from volio import InputError, Volume


@pytest.fixture
def labels() -> np.ndarray:
    """A cube of 1 with a hole of 8 and one of 1 voxel, specks of 1 and 4 voxels, and a bay open to the face."""
    data = np.zeros((20, 20, 20), np.uint8)
    data[4:16, 4:16, 0:12] = 1
    data[6:8, 6:8, 6:8] = 0
    data[12, 12, 6] = 2
    data[10, 10, 0:3] = 0
    data[1, 1, 1] = 1
    data[18, 2:6, 18] = 1
    return data


def test_specks_below_a_size_are_removed(labels) -> None:
    found = remove_specks(Volume(labels, voxel_size=2.0), smaller_than=4, replace=3)
    changed = np.argwhere(found.data != labels)
    np.testing.assert_array_equal(changed, [[1, 1, 1]])
    assert found.data[1, 1, 1] == 3
    assert found.voxel_size == (2.0, 2.0, 2.0)
    assert remove_specks(labels, smaller_than=5).data[18, 3, 18] == 0


def test_holes_are_filled_but_not_bays(labels) -> None:
    all_filled = fill_holes(Volume(labels)).data
    assert (all_filled[6:8, 6:8, 6:8] == 1).all()
    assert all_filled[12, 12, 6] == 1
    assert (all_filled[10, 10, 0:3] == 0).all()
    small = fill_holes(Volume(labels), smaller_than=2).data
    assert (small[6:8, 6:8, 6:8] == 0).all()
    assert small[12, 12, 6] == 1


def test_the_largest_part_is_kept(labels) -> None:
    found = keep_largest(Volume(labels)).data
    assert (found == 1).sum() == (labels == 1).sum() - 5
    assert found[12, 12, 6] == 2


def test_steps_are_listed_and_files_written(labels, tmp_path) -> None:
    step = remove_specks(Volume(labels), smaller_than=4)
    found = fill_holes(step, target=tmp_path / "clean.ome.zarr")
    assert [item["step"] for item in found.metadata["cleanup"]] == ["remove_specks", "fill_holes"]
    assert [item["voxels"] for item in found.metadata["cleanup"]] == [1, 9]
    np.testing.assert_array_equal(found.data[:], fill_holes(step).data)


def test_masks_become_labels(labels) -> None:
    found = keep_largest(Volume(labels == 1))
    assert found.dtype == np.uint8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: remove_specks(v, smaller_than=0), "smaller_than must be a whole number of voxels"),
        (lambda v: remove_specks(v, smaller_than=5, label=9), "label 9 is nowhere"),
        (lambda v: fill_holes(v, label=9), "label 9 is nowhere"),
        (lambda v: fill_holes(v, smaller_than=1.5), "smaller_than must be a whole number"),
        (lambda v: keep_largest(v, label=9), "label 9 is nowhere"),
        (lambda v: keep_largest(v, replace=300), "label 300 is not a whole number that uint8 can hold"),
        (lambda v: keep_largest(Volume(v.data.astype(float))), "must hold whole numbers, got float64"),
    ],
)
def test_bad_input_is_one_line(labels, call, message) -> None:
    with pytest.raises(InputError, match=message):
        call(Volume(labels))
