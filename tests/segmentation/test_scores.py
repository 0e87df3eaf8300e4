import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation import compare_boundaries, compare_labels
from volio import InputError, Volume


def test_scores_by_hand() -> None:
    truth = np.array([0, 0, 0, 0, 1, 1, 1, 2]).reshape(2, 2, 2)
    given_ = np.array([0, 0, 0, 1, 1, 1, 0, 1]).reshape(2, 2, 2)
    found = compare_labels(Volume(given_), Volume(truth))
    assert found.labels == (0, 1, 2)
    np.testing.assert_array_equal(found.confusion, [[3, 1, 0], [1, 2, 0], [0, 1, 0]])
    assert found.accuracy == 5 / 8
    np.testing.assert_allclose(found.dice, [6 / 8, 4 / 7, 0])
    np.testing.assert_allclose(found.iou, [3 / 5, 2 / 5, 0])
    np.testing.assert_allclose(found.precision, [3 / 4, 2 / 4, np.nan])
    np.testing.assert_allclose(found.recall, [3 / 4, 2 / 3, 0])
    np.testing.assert_allclose(found.fraction, [4 / 8, 4 / 8, 0])
    np.testing.assert_allclose(found.fraction_error, [0, 1 / 8, -1 / 8])
    table = found.table()
    assert list(table.index) == [0, 1, 2]
    assert table.loc[1, "dice"] == pytest.approx(4 / 7)


@settings(deadline=None, max_examples=15)
@given(edge=st.integers(2, 12), seed=st.integers(0, 50), threads=st.integers(1, 2))
def test_blocks_axes_and_threads_change_nothing(edge, seed, threads) -> None:
    rng = np.random.default_rng(seed)
    one, two = rng.integers(0, 4, (2, 9, 10, 11))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segmentation.scores.EDGE", edge)
        found = compare_labels(one, two, threads=threads)
    turned = compare_labels(one.transpose(2, 0, 1), two.transpose(2, 0, 1))
    np.testing.assert_array_equal(found.confusion, turned.confusion)
    assert found.confusion.sum() == one.size
    # Dice from IoU: 2 J / (1 + J)
    np.testing.assert_allclose(found.dice, 2 * found.iou / (1 + found.iou))


def test_unlabelled_voxels_are_not_judged() -> None:
    truth = np.array([255, 1, 2, 255]).reshape(1, 2, 2)
    found = compare_labels(np.array([1, 1, 1, 2]).reshape(1, 2, 2), truth, unlabelled=255)
    assert found.labels == (1, 2)
    assert found.confusion.sum() == 2
    assert found.accuracy == 0.5


def test_boundaries_of_shifted_and_grown_cubes() -> None:
    truth = np.zeros((20, 20, 20), np.uint8)
    truth[5:15, 5:15, 5:15] = 1
    same = compare_boundaries(truth, truth, label=1)
    assert (same.mean, same.largest) == (0, 0)
    assert same.unit == "voxel"
    grown = np.zeros_like(truth)
    grown[4:16, 4:16, 4:16] = 1
    found = compare_boundaries(Volume(grown, voxel_size=0.5), Volume(truth), label=1)
    assert found.unit == "um"
    assert found.largest == pytest.approx(0.5 * np.sqrt(3))  # the corners
    assert 0.5 <= found.mean < 0.6
    assert found.percentile_95 == pytest.approx(0.5 * np.sqrt(2))
    assert compare_boundaries(truth, Volume(grown, voxel_size=0.5), label=1).mean == pytest.approx(found.mean)


def test_surfaces_at_unlabelled_voxels_do_not_count() -> None:
    truth = np.zeros((10, 10, 10), np.uint8)
    truth[2:8] = 1
    unsure = truth.copy()
    unsure[7:] = 255
    labels = np.zeros_like(truth)
    labels[2:6] = 1
    whole = compare_boundaries(labels, truth, label=1)
    part = compare_boundaries(labels, unsure, label=1, unlabelled=255)
    assert whole.largest == 2
    # the lower face of the truth is known; the upper face of the labels has no true partner but that one
    assert part.largest == 3


def test_bad_input_is_one_line() -> None:
    labels = np.ones((3, 3, 3), np.uint8)
    with pytest.raises(InputError, match=r"the truth has shape \(2, 3, 3\)"):
        compare_labels(labels, labels[:2])
    with pytest.raises(InputError, match="truth must hold whole numbers, got float64"):
        compare_labels(labels, labels * 1.0)
    with pytest.raises(InputError, match="all of the truth is unlabelled"):
        compare_labels(labels, labels, unlabelled=1)
    with pytest.raises(InputError, match="label 2 has no surface in the labels"):
        compare_boundaries(labels, labels, label=2)
