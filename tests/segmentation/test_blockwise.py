from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from segmentation import (
    compute_feature,
    diffuse,
    flatten_background,
    match_contrast,
    remove_specks,
    sharpen,
    smooth_median,
    threshold,
)
from segmentation.blockwise import block_boxes, map_blocks, overlaps, read_padded
from volio import Executor, InputError, Volume, make_executor, open_checkpoint

REGION = ((0, 20), (0, 20), (0, 20))


def test_boxes_cover_every_voxel_once() -> None:
    seen = np.zeros((7, 10, 13), int)
    for box in block_boxes(seen.shape, 4):
        seen[box] += 1
    assert (seen == 1).all()


def test_padding_is_numpys_mirror() -> None:
    grey = np.random.default_rng(0).normal(size=(5, 6, 7))
    whole = np.pad(grey, 3, mode="symmetric")
    for box in block_boxes(grey.shape, 2):
        expected = whole[tuple(slice(s.start, s.stop + 6) for s in box)]
        np.testing.assert_array_equal(read_padded(grey, box, 3), expected)


def test_nan_is_found_with_its_place_unless_masked() -> None:
    grey = np.ones((4, 4, 4), np.float32)
    grey[3, 2, 1] = np.nan
    box = (slice(2, 4), slice(0, 4), slice(0, 4))
    with pytest.raises(InputError, match=r"the first at \(3, 2, 1\)"):
        read_padded(grey, box, 1)
    assert read_padded(grey, box, 0, np.isfinite(grey))[1, 2, 1] == 0


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="mask has shape"):
        map_blocks(Volume(np.ones((3, 3, 3))), np.negative, dtype=float, mask=Volume(np.ones((2, 2, 2))))


@pytest.fixture(scope="module")
def grey() -> Volume:
    """Larger than a block that is kept, and not a whole number of them."""
    return Volume(np.random.default_rng(2).integers(0, 255, (132, 20, 140)).astype(np.uint8), name="grey")


def test_overlaps_cover_a_box_once() -> None:
    seen = np.zeros((7, 10, 13), int)
    box = (slice(1, 7), slice(2, 9), slice(0, 13))
    for block, inside, outside in overlaps(box, seen.shape, 4):
        seen[block][inside] += 1
        assert seen[box][outside].shape == seen[block][inside].shape
    assert (seen[box] == 1).all()
    assert seen.sum() == seen[box].size


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    with make_executor("processes", workers=2) as executor:
        yield executor


@pytest.mark.parametrize("name", ["serial", "processes", None])
def test_executors_and_checkpoints_change_nothing(grey: Volume, tmp_path: Path, name, processes: Executor) -> None:
    executor = processes if name == "processes" else name
    expected = smooth_median(grey).data
    assert np.array_equal(smooth_median(grey, executor=executor, threads=2).data, expected)
    checkpoint = open_checkpoint(tmp_path / "blocks", {}, resume=False)
    kept = smooth_median(grey, executor=executor, threads=2, checkpoint=checkpoint, target=tmp_path / "kept.ome.zarr")
    assert np.array_equal(kept.data[:], expected)
    assert len(checkpoint.names()) == 4
    written = smooth_median(grey, executor=executor, threads=2, target=tmp_path / "written.ome.zarr")
    assert np.array_equal(written.data[:], expected)


def test_kept_blocks_are_used_and_damaged_ones_made_again(grey: Volume, tmp_path: Path, caplog) -> None:
    caplog.set_level("INFO")
    checkpoint = open_checkpoint(tmp_path / "blocks", {}, resume=False)
    expected = smooth_median(grey, checkpoint=checkpoint).data
    first, second, *_ = checkpoint.names()
    arrays = checkpoint.load(second)
    checkpoint.save(second, {"block": arrays["block"] + 1})
    (checkpoint.folder / f"{first}.npz").write_bytes(b"damaged")
    again = smooth_median(grey, checkpoint=checkpoint, progress=True).data
    assert (again != expected).sum() == arrays["block"].size  # taken as it was kept, the damaged one as it should be
    assert "4 of 4 blocks were done by an earlier run" in caplog.text


def test_options_that_do_not_exist_are_refused(grey: Volume) -> None:
    with pytest.raises(TypeError, match="thread"):
        smooth_median(grey, thread=1)


def test_whatever_is_done_by_blocks_can_be_done_in_other_processes(grey: Volume, processes: Executor) -> None:
    uneven = flatten_background(match_contrast(grey, Volume(grey.data + np.uint8(20)), method="region", region=REGION))
    for call in (
        partial(threshold, grey),
        partial(threshold, uneven, method="sauvola"),
        partial(threshold, grey, method="hysteresis", values=[90, 200]),
        partial(remove_specks, threshold(grey), smaller_than=3),
        partial(sharpen, grey),
        partial(diffuse, grey, conductance=20, steps=2),
        partial(compute_feature, grey, kind="hessian"),
    ):
        assert np.array_equal(call(executor=processes).data, call().data), call


def test_a_classifier_predicts_in_other_processes(phantom, classifier, processes: Executor) -> None:
    for predict in (
        classifier.predict,
        classifier.predict_uncertainty,
        partial(classifier.predict_probability, label=1),
    ):
        assert np.array_equal(
            predict(Volume(phantom.grey), executor=processes).data, predict(Volume(phantom.grey)).data
        )
