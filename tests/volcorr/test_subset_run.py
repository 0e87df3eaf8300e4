"""The folder of a study: complete or not there, and never in place of something else."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from volcorr.subset_run import run_subset_study
from volio import InputError, OutputError, Volume, write

OPTIONS = {"sizes": "15,11", "points": 27, "threads": 1, "progress": False}


def draw_one(study, path: Path) -> None:
    path.write_bytes(b"figure")


def test_what_is_in_the_folder(scans: Path, tmp_path: Path) -> None:
    pair = (scans / "reference.tif", scans / "deformed.tif")
    output = tmp_path / "sizes"
    study = run_subset_study(*pair, output, repeat=pair[0], mask=scans / "mask.tif", draw=draw_one, **OPTIONS)
    assert sorted(path.name for path in output.iterdir()) == ["subsets.csv", "subsets.json", "subsets.png"]
    table = pd.read_csv(output / "subsets.csv")
    assert list(table["subset_x"]) == [15, 11]
    assert list(table["edge_um"]) == [7.5, 5.5]
    content = json.loads((output / "subsets.json").read_text(encoding="utf-8"))
    assert content["chosen"] == study.chosen
    assert content["reason"] == study.reason
    assert content["settings"] == OPTIONS
    assert content["inputs"]["mask"] == str(scans / "mask.tif")
    assert set(content["checksums"]) == {"reference", "deformed", "repeat", "mask"}
    assert content["software"]["volcorr"]
    assert study.sizes[0].repeat_noise == pytest.approx(0.0, abs=1e-4)  # the same scan twice


def test_a_voxel_size_that_is_given(scans: Path, tmp_path: Path) -> None:
    pair = (scans / "reference.tif", scans / "deformed.tif")
    study = run_subset_study(*pair, tmp_path / "sizes", voxel_size="250nm", **(OPTIONS | {"sizes": "4um,3um"}))
    assert [row.subset[0] for row in study.sizes] == [17, 13]
    assert not (tmp_path / "sizes" / "subsets.png").exists()


def test_only_a_study_is_replaced(scans: Path, tmp_path: Path) -> None:
    pair = (scans / "reference.tif", scans / "deformed.tif")
    output = tmp_path / "sizes"
    run_subset_study(*pair, output, **OPTIONS)
    with pytest.raises(OutputError, match="exists: choose another output, or replace it with --overwrite"):
        run_subset_study(*pair, output, **OPTIONS)
    run_subset_study(*pair, output, overwrite=True, **(OPTIONS | {"sizes": "13"}))
    assert len(pd.read_csv(output / "subsets.csv")) == 1
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="is not a study of subsets and is not replaced"):
        run_subset_study(*pair, foreign, overwrite=True, **OPTIONS)
    write(Volume(np.zeros((4, 4, 4), np.uint8)), output / "scan.tif")
    with pytest.raises(OutputError, match="lies inside"):
        run_subset_study(output / "scan.tif", pair[1], output, overwrite=True, **OPTIONS)


def test_a_failure_leaves_nothing(scans: Path, tmp_path: Path) -> None:
    pair = (scans / "reference.tif", scans / "deformed.tif")
    with pytest.raises(InputError, match="use a smaller subset"):
        run_subset_study(*pair, tmp_path / "sizes", sizes="61")

    def fail(study, path: Path) -> None:
        raise OutputError(f"{path} cannot be written")

    with pytest.raises(OutputError, match=r"sizes/subsets\.png cannot be written") as caught:
        run_subset_study(*pair, tmp_path / "sizes", draw=fail, **OPTIONS)
    assert ".partial" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
