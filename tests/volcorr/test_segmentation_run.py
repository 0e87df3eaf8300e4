from pathlib import Path

import numpy as np
import pytest

from volcorr.segmentation_run import run_segmentation
from volcorr.segmentation_settings import SegmentationSettings
from volio import InputError, read


def run(output: Path, *volumes: Path, **options):
    return run_segmentation(SegmentationSettings(volumes=volumes, output=output, threads=1, **options))


def test_a_phase_that_is_tidied_up_becomes_another_one(specimens: Path, tmp_path: Path) -> None:
    study = run(tmp_path / "out", specimens / "grey.tif", phase=0, keep_largest=True)
    labels = read(tmp_path / "out" / "grey.ome.zarr")
    assert study.volumes[0].counts == {0: int((labels.data == 0).sum()), 1: int((labels.data == 1).sum())}
    assert study.volumes[0].cleanup[0]["step"] == "keep_largest"


def test_three_classes_have_two_thresholds_with_bands(specimens: Path, tmp_path: Path) -> None:
    study = run(tmp_path / "out", specimens / "later.tif", values=(90.0, 140.0))
    assert study.phases == (0, 1, 2)
    assert len(study.volumes[0].bands()) == 3
    assert study.volumes[0].thresholds == [90.0, 140.0]


def test_a_phase_that_is_not_there_leaves_nothing(specimens: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="phase 3 does not occur in grey"):
        run(tmp_path / "out", specimens / "grey.tif", phase=3, specks=4)
    assert list(tmp_path.iterdir()) == []


def test_slices_are_those_in_the_middle_and_do_not_hold_the_volumes(specimens: Path, tmp_path: Path) -> None:
    (volume,) = run(tmp_path / "out", specimens / "grey.tif").volumes
    np.testing.assert_array_equal(volume.grey.data[0], read(specimens / "grey.tif").data[20])
    assert volume.labels.shape == (1, 44, 48)
    assert volume.grey.data.base is None
