"""Stacks of images: chosen lazily, and read from any file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from recon.stacks import choose_images, read_images
from volio import FormatError, InputError, LazyArray

SHAPE = (9, 3, 4)


def test_what_is_chosen_stays_on_disk() -> None:
    data = np.arange(6 * 3 * 4).reshape(6, 3, 4)
    read: list[int] = []

    def part(box: tuple[slice, ...]) -> np.ndarray:
        read.extend(range(box[0].start, box[0].stop))
        return data[box]

    lazy = LazyArray(part, data.shape, data.dtype, chunks=(1, 3, 4))
    chosen = choose_images(lazy, np.array([5, 0, 3]))
    assert read == []
    np.testing.assert_array_equal(chosen[1:, 1], data[[0, 3], 1])
    assert read == [0, 3]
    np.testing.assert_array_equal(np.asarray(choose_images(lazy, np.arange(2, 5))), data[2:5])
    np.testing.assert_array_equal(choose_images(data, np.array([2, 0])), data[[2, 0]])


def test_one_number_holds_everywhere() -> None:
    flats = read_images(1, SHAPE, "flats")
    assert (flats.shape, flats.dtype) == ((1, 3, 4), np.float32)
    assert np.all(flats == 1)
    assert np.all(read_images(0, SHAPE, "darks") == 0)
    for odd, what in ((0, "flats"), (-1, "darks"), (np.nan, "flats"), ("a" == "b", "flats")):
        with pytest.raises(InputError, match=f"{what} must be a file, images, or one positive number"):
            read_images(odd, SHAPE, what)


def test_arrays_pass() -> None:
    data = np.ones((2, 3, 4))
    assert read_images(data, SHAPE, "flats") is data
    assert read_images(data.tolist(), SHAPE, "flats").shape == (2, 3, 4)


def test_files(tmp_path: Path, write_txrm: Callable[..., Path], images: np.ndarray) -> None:
    one, several = tmp_path / "one.tif", tmp_path / "several.tif"
    tifffile.imwrite(one, images[0])
    tifffile.imwrite(several, images, metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(read_images(one, SHAPE, "flats"), images[:1])
    np.testing.assert_array_equal(np.asarray(read_images(str(several), SHAPE, "flats")), images)
    reference = write_txrm(images[:1], "reference.xrm")
    np.testing.assert_array_equal(np.asarray(read_images(reference, SHAPE, "flats")), images[:1])
    folder = tmp_path / "folder"
    folder.mkdir()
    for k in range(3):
        tifffile.imwrite(folder / f"flat_{k}.tif", images[k])
        tifffile.imwrite(folder / f"proj_{k}.tif", images[k + 1])
    np.testing.assert_array_equal(np.asarray(read_images(f"{folder}::flat_*.tif", SHAPE, "flats")), images[:3])
    with pytest.raises(FormatError, match="does not exist"):
        read_images(tmp_path / "none.tif", SHAPE, "flats")
