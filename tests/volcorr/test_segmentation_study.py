from pathlib import Path

import numpy as np
import pytest

from volcorr.segmentation_run import run_segmentation
from volcorr.segmentation_settings import SegmentationSettings
from volcorr.segmentation_study import SegmentationStudy, format_segmentation


@pytest.fixture(scope="module")
def study(specimens: Path, tmp_path_factory) -> SegmentationStudy:
    folder = tmp_path_factory.mktemp("study")
    volumes = (specimens / "grey.tif", specimens / "later.tif")
    return run_segmentation(SegmentationSettings(volumes=volumes, output=folder / "out", sweep=True, specks=5))


def test_fractions_add_up_and_lie_in_their_bands(study: SegmentationStudy) -> None:
    table = study.table()
    np.testing.assert_allclose(table.groupby("volume")["fraction"].sum(), 1)
    assert (table["band_low"] <= table["fraction"] + 0.01).all()
    assert (table["fraction"] <= table["band_high"] + 0.01).all()


def test_sweeps_hold_the_threshold_that_was_found(study: SegmentationStudy) -> None:
    sweeps = study.sweeps()
    assert list(sweeps["volume"].unique()) == ["grey", "later"]
    for volume in study.volumes:
        band = volume.as_dict()["mean_radius"]
        assert band["low"] <= band["value"] <= band["high"]
        assert volume.thresholds[0] in sweeps["threshold"].to_numpy()


def test_text_tells_thresholds_radii_and_what_was_tidied_up(study: SegmentationStudy) -> None:
    lines = format_segmentation(study).splitlines()
    assert lines[0].split() == ["volume", "phase", "fraction", "by", "threshold"]
    assert lines[1].split()[:2] == ["grey", "0"]
    assert any(line.startswith("later: otsu, threshold ") for line in lines)
    assert any(line.startswith("later: mean pore radius of phase 0") for line in lines)
    assert any(line.startswith("grey: remove specks, ") for line in lines)


def test_labels_without_a_threshold_have_no_band(specimens: Path, tmp_path: Path) -> None:
    options = {"method": "hysteresis", "values": (100.0, 120.0)}
    found = run_segmentation(SegmentationSettings(volumes=(specimens / "grey.tif",), output=tmp_path / "o", **options))
    assert found.volumes[0].bands() == {}
    assert "by threshold" not in format_segmentation(found)
    assert found.as_dict()["volumes"]["grey"]["phases"]["0"]["band_low"] is None
    assert np.isnan(found.table()["band_low"]).all()
