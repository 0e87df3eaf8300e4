import numpy as np
import pytest

from porosity.labels import check_labels, check_mask, phase_mask, present_labels
from volio import InputError, Volume

GOOD = np.arange(24, dtype=np.int64).reshape(2, 3, 4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int64, np.float32, bool])
def test_types_that_hold_labels(dtype):
    checked = check_labels(GOOD.astype(dtype))
    assert checked.data.dtype in (np.uint8, np.uint16)
    np.testing.assert_array_equal(checked.data, GOOD.astype(dtype))
    assert checked.voxel_size == (1, 1, 1)
    assert checked.unit == "voxel"


def test_voxel_size_of_the_volume_and_of_the_call():
    volume = Volume(GOOD, voxel_size=(1, 2, 3), unit="nm")
    assert check_labels(volume).extent == (2, 6, 12)
    assert check_labels(volume, 0.5).voxel_volume == 0.125
    assert check_labels(volume, 0.5).unit == "nm"
    assert check_labels(GOOD, (1, 2, 3)).unit == "um"


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (np.where(GOOD == 3, -1, GOOD), "lowest is -1"),
        (GOOD * 10000, "highest is 230000"),
        (np.where(GOOD == 3, np.nan, GOOD), "NaN"),
        (GOOD + 0.5, "decimals"),
        (GOOD.astype(complex), "real numbers"),
        (GOOD[0], "3 axes"),
    ],
)
def test_what_is_no_label_volume_is_said_in_one_line(bad, word):
    with pytest.raises(InputError, match=word) as error:
        check_labels(bad)
    assert "\n" not in str(error.value)


def test_bad_voxel_size():
    with pytest.raises(InputError, match="voxel_size"):
        check_labels(GOOD, (1, -2, 3))


def test_phase_that_does_not_occur_names_those_that_do():
    with pytest.raises(InputError, match=r"phase 99 does not occur in the labels: these are 0, 1, 2, .*\.\.\."):
        phase_mask(check_labels(GOOD), 99)
    assert phase_mask(check_labels(GOOD), 3).sum() == 1
    np.testing.assert_array_equal(present_labels(GOOD.astype(np.uint8)), np.arange(24))


def test_a_phase_that_is_everything():
    full = check_labels(np.ones((3, 3, 3), bool))
    assert phase_mask(full, 1).all()
    with pytest.raises(InputError, match="fills the whole volume"):
        phase_mask(full, 1, whole=False)


def test_masks():
    assert check_mask(Volume(GOOD), GOOD.shape).sum() == 23
    with pytest.raises(InputError, match="shape"):
        check_mask(GOOD[:1], GOOD.shape)
    with pytest.raises(InputError, match="no voxel"):
        check_mask(GOOD * 0, GOOD.shape)
