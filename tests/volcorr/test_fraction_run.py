from pathlib import Path

import numpy as np
import pytest

from segmentation import threshold
from volcorr.fraction_run import format_fractions, run_fractions
from volio import Volume, read, write


def test_the_band_of_a_threshold_travels_with_the_labels(specimens: Path, tmp_path: Path) -> None:
    labels = threshold(read(specimens / "grey.tif"), target=tmp_path / "phases.ome.zarr")
    stated = labels.metadata["segmentation"]
    study = run_fractions([tmp_path / "phases.ome.zarr"], tmp_path / "out", uncertainty="none")
    table = study.table().set_index("phase")
    assert tuple(table["band_low"]) == pytest.approx(tuple(stated["fractions_low"]))
    assert tuple(table["band_high"]) == pytest.approx(tuple(stated["fractions_high"]))
    assert "by threshold" in format_fractions(study)


def test_phases_that_are_asked_for(specimens: Path, tmp_path: Path) -> None:
    study = run_fractions([specimens / "labels.tif"], tmp_path / "out", phases=[1], uncertainty="none")
    assert study.phases == (1,)
    text = format_fractions(study)
    assert "by threshold" not in text
    assert text.splitlines()[1].endswith("-")
    assert study.as_dict()["volumes"]["labels"]["1"]["low"] is None


def test_profiles_add_up(specimens: Path, tmp_path: Path) -> None:
    study = run_fractions([specimens / "labels.tif"], tmp_path / "out", uncertainty="none")
    sums = study.profiles().groupby(["axis", "position"])["fraction"].sum()
    np.testing.assert_allclose(sums, 1)
    assert study.unit == "um"


def test_a_series_of_which_one_step_lacks_a_phase(tmp_path: Path) -> None:
    for name, most in (("a", 2), ("b", 3)):
        data = np.arange(1000).reshape(10, 10, 10) % most
        write(Volume(data.astype(np.uint8), voxel_size=1.0), tmp_path / f"{name}.tif")
    study = run_fractions([tmp_path / "a.tif", tmp_path / "b.tif"], tmp_path / "out", uncertainty="none")
    assert study.phases == (0, 1, 2)
    assert len(study.table()) == 5
