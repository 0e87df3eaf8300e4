import logging

import numpy as np
import pytest

from porosity.pore_space import check_pores, whole_weights
from volio import InputError, Volume


def test_edges_become_exact_whole_numbers_where_there_are_some() -> None:
    assert whole_weights((1.0, 1.0, 1.0)) == (1, 1, 1)
    assert whole_weights((8e-3, 8e-3, 10e-3)) == (16, 16, 25)
    assert whole_weights((0.2, 0.1, 0.1)) == (4, 1, 1)
    assert whole_weights((0.3, 0.2, 0.1)) == (9, 4, 1)


@pytest.mark.parametrize("size", [(0.13, 0.0646, 0.0646), (0.0731, 0.05, 0.0912), (1.0, 3.14159, 2.71828)])
def test_other_edges_are_kept_within_a_ten_thousandth(size: tuple[float, float, float]) -> None:
    weights = np.sqrt(whole_weights(size))
    ratio = weights / weights[np.argmin(size)] / (np.array(size) / min(size))
    np.testing.assert_allclose(ratio, 1, atol=1.01e-4)


def test_weights_follow_the_axes() -> None:
    z, y, x = whole_weights((0.0731, 0.05, 0.0912))
    assert whole_weights((0.0912, 0.0731, 0.05)) == (x, z, y)


def test_edges_that_differ_too_much_are_refused() -> None:
    with pytest.raises(InputError, match="100 times"):
        whole_weights((1.0, 0.005, 1.0))


def test_the_voxel_size_is_taken_from_the_call_then_the_volume_then_voxels(caplog: pytest.LogCaptureFixture) -> None:
    mask = np.eye(4, dtype=bool)[None]
    stated = Volume(mask, voxel_size=(20.0, 10.0, 10.0), unit="nm")
    assert check_pores(stated).voxel_size == (20.0, 10.0, 10.0)
    assert check_pores(stated).unit == "nm"
    assert check_pores(stated).step == pytest.approx(10.0)
    assert check_pores(stated).voxel_volume == pytest.approx(2000.0)
    assert check_pores(stated, voxel_size=5).voxel_size == (5.0, 5.0, 5.0)
    with caplog.at_level(logging.WARNING):
        assert check_pores(mask).unit == "voxel"
    assert "voxel size is not stated" in caplog.text


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int16, np.int64])
def test_labels_of_any_type_give_the_phase(kind: type) -> None:
    labels = (np.arange(24) % 2).reshape(2, 3, 4).astype(kind)
    assert check_pores(labels).data.dtype == np.uint8
    np.testing.assert_array_equal(check_pores(labels).data, labels == 1)
    np.testing.assert_array_equal(check_pores(labels, phase=0).data, labels == 0)


def test_masks_of_255_are_understood_and_other_labels_need_a_phase() -> None:
    assert check_pores(np.array([[[0, 255]]], np.uint8)).data.tolist() == [[[0, 1]]]
    labels = np.array([[[0, 1, 2]]], np.uint8)
    with pytest.raises(InputError, match="label 2: give phase"):
        check_pores(labels)
    assert check_pores(labels, phase=2).data.tolist() == [[[0, 0, 1]]]


@pytest.mark.parametrize(
    ("pores", "options", "said"),
    [
        (np.zeros((3, 3, 3)), {}, "segment the grey values"),
        (np.full((3, 3, 3), np.nan), {}, "segment the grey values"),
        (np.zeros((3, 3), bool), {}, "3 axes"),
        (np.zeros((3, 3, 3), bool), {"voxel_size": -1.0}, "positive"),
        (np.zeros((3, 3, 3), bool), {"voxel_size": np.nan}, "positive"),
        (np.zeros((3, 3, 3), np.uint8), {"phase": 0.5}, "whole number"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(pores: np.ndarray, options: dict, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        check_pores(pores, **options)
    assert "\n" not in str(caught.value)


def test_what_is_on_disk_stays_there(tmp_path) -> None:
    np.save(tmp_path / "labels.npy", np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    space = check_pores(np.load(tmp_path / "labels.npy", mmap_mode="r"), phase=5)
    assert space.is_lazy
    assert space.data[0].sum() == 1


@pytest.mark.parametrize("phase", [None, 0, -1])
def test_negative_labels_are_refused_whatever_the_phase(phase) -> None:
    with pytest.raises(InputError, match=r"not be negative|label -1"):
        check_pores(np.array([[[0, 1, -1]]], np.int16), phase=phase)


@pytest.mark.parametrize("phase", [np.nan, np.inf, 1.5, True])
def test_a_phase_that_is_no_label_is_refused(phase) -> None:
    with pytest.raises(InputError, match="whole number"):
        check_pores(np.eye(3, dtype=np.uint8)[None], phase=phase)


def test_one_and_255_are_two_phases() -> None:
    """255 often marks what lies outside the specimen: it must not count as pore beside 1."""
    labels = np.array([[[0, 1, 255]]], np.uint8)
    with pytest.raises(InputError, match="1 and 255"):
        check_pores(labels)
    assert check_pores(labels, phase=1).data.tolist() == [[[0, 1, 0]]]
