import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from volio import Volume, read, write


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures have their own tests and take seconds."""
    monkeypatch.setattr("volcorr.cli.fractions.draw", lambda study, folder: [])


@pytest.mark.usefixtures("undrawn")
def test_fractions_and_profiles(volcorr, specimens: Path, tmp_path: Path) -> None:
    words = ["--slab", "2um", "--mask", specimens / "mask.tif"]
    shown = volcorr("fractions", specimens / "labels.tif", "-o", "out", *words)
    assert shown.exit_code == 0, shown.stderr
    labels = read(specimens / "labels.tif").data
    inside = labels[2:-2, 2:-2, 2:-2]
    table = pd.read_csv(tmp_path / "out" / "fractions.csv").set_index("phase")
    assert table.loc[1, "fraction"] == pytest.approx(inside.mean())
    assert table.loc[1, "low"] < inside.mean() < table.loc[1, "high"]
    profiles = pd.read_csv(tmp_path / "out" / "profiles.csv")
    assert set(profiles["axis"]) == {"z", "y", "x", "radial"}
    along = profiles[(profiles["axis"] == "z") & (profiles["phase"] == 1)]
    assert list(along["position"][:2]) == [1.0, 3.0]
    assert along["fraction"].iloc[1] == pytest.approx(labels[4:8, 2:-2, 2:-2].mean())
    found = json.loads((tmp_path / "out" / "fractions.json").read_text())
    assert found["volumes"]["labels"]["1"]["fraction"] == pytest.approx(inside.mean())
    assert found["volumes"]["labels"]["1"]["band_low"] is None
    assert f"{inside.mean():.4f}" in shown.stdout


def test_a_series_is_drawn(volcorr, specimens: Path, tmp_path: Path) -> None:
    files = [specimens / "labels.tif", specimens / "later_labels.tif"]
    shown = volcorr("-q", "fractions", *files, "-o", "out", "--uncertainty", "none")
    assert shown.exit_code == 0, shown.stderr
    figures = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert figures == {"labels.png", "later_labels.png", "fractions.png"}


@pytest.mark.usefixtures("undrawn")
def test_labels_outside_of_a_mask_do_not_count(volcorr, tmp_path: Path) -> None:
    data = np.full((12, 12, 12), 255, np.uint8)
    data[2:10] = 0
    data[2:4] = 1
    write(Volume(data, voxel_size=1.0), tmp_path / "masked.tif")
    assert volcorr("fractions", "masked.tif", "-o", "out", "--uncertainty", "none").exit_code == 0
    table = pd.read_csv(tmp_path / "out" / "fractions.csv")
    assert dict(zip(table["phase"], table["fraction"], strict=True)) == {0: 0.75, 1: 0.25}


@pytest.mark.usefixtures("undrawn")
def test_two_labels_0_and_255_are_two_phases(volcorr, tmp_path: Path) -> None:
    data = np.zeros((12, 12, 12), np.uint8)
    data[:3] = 255
    write(Volume(data), tmp_path / "binary.tif")
    shown = volcorr("fractions", "binary.tif", "-o", "out", "--uncertainty", "none")
    assert "voxel size is not stated" in shown.stderr
    assert list(pd.read_csv(tmp_path / "out" / "fractions.csv")["phase"]) == [0, 255]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--phase", "7"], "phase 7 does not occur in"),
        (["--slab", "0"], "slab must be 1 voxel at least"),
        (["--slab", "1mm"], "thicker than the volume"),
        (["--slab", "1parsec"], "parsec"),
        (["--confidence", "2"], "confidence must be between 0 and 1"),
        (["--mask", "balls"], "mask has shape"),
        (["--mask", "no"], "no.tif"),
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_bad_options_are_one_line(volcorr, specimens: Path, tmp_path: Path, words: list[str], message: str) -> None:
    given = [specimens / f"{word}.tif" if word in ("balls", "no") else word for word in words]
    shown = volcorr("fractions", specimens / "labels.tif", "-o", "out", *given)
    assert shown.exit_code == 2, shown.output
    assert shown.stderr.splitlines()[-1].startswith("error: ")
    assert message in shown.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("undrawn")
def test_grey_values_are_refused(volcorr, specimens: Path, tmp_path: Path) -> None:
    shown = volcorr("fractions", specimens / "grey.tif", "-o", "out")
    assert shown.exit_code == 2
    assert "run volcorr segment first" in shown.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.realdata
@pytest.mark.usefixtures("undrawn")
def test_the_cathode_has_three_phases(volcorr, data_dir: Path, tmp_path: Path) -> None:
    file = data_dir / "volumes" / "nrel_nmc1cal_3label_z000-119.tif"
    shown = volcorr("fractions", file, "-o", "out", "--uncertainty", "none", "--voxel-size", "400nm")
    assert shown.exit_code == 0, shown.stderr
    np.testing.assert_allclose(
        pd.read_csv(tmp_path / "out" / "fractions.csv")["fraction"], [0.4064, 0.4957, 0.0979], atol=1e-4
    )
