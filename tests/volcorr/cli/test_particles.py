import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from volio import Volume, read, write


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures have their own tests and take seconds."""
    monkeypatch.setattr("volcorr.cli.particles.draw", lambda study, folder: [])


@pytest.mark.usefixtures("undrawn")
def test_touching_particles_are_split(volcorr, specimens: Path, tmp_path: Path) -> None:
    for name, more, count in (("joined", [], 3), ("apart", ["--split"], 4)):
        shown = volcorr("particles", specimens / "balls.tif", "-o", name, "--phase", "1", *more)
        assert shown.exit_code == 0, shown.stderr
        assert shown.stdout.startswith(f"{count} particles in balls, 1 of them touch the border\n")
    table = pd.read_csv(tmp_path / "apart" / "particles.csv")
    # balls of radius 7, 7 and 9 voxels of 0.5 um, and one that the border cuts
    np.testing.assert_allclose(sorted(table["equivalent_diameter"])[1:], [7, 7, 9], rtol=0.03)
    contacts = pd.read_csv(tmp_path / "apart" / "contacts.csv")
    assert len(contacts) == 1
    found = json.loads((tmp_path / "apart" / "particles.json").read_text())
    assert (found["count"], found["touch_border"], found["sizes"]["counted"]) == (4, 1, 3)
    assert found["sizes"]["by_number"]["d50"] == pytest.approx(7, rel=0.03)
    labels = read(tmp_path / "apart" / "labels.ome.zarr")
    assert sorted(np.unique(labels.data)) == [0, 1, 2, 3, 4]
    assert labels.voxel_size == (0.5, 0.5, 0.5)


def test_labels_that_are_particles_keep_their_numbers(volcorr, specimens: Path, tmp_path: Path) -> None:
    data = read(specimens / "balls.tif").data.astype(np.uint16)
    data[:, :, :32] *= 300
    data[:, :31, 32:] *= 7
    data[:, 31:, 50:] *= 900
    write(Volume(data, voxel_size=0.5), tmp_path / "numbered.tif")
    shown = volcorr("particles", "numbered.tif", "-o", "out", "--smallest", "4um", "--border", "included")
    assert shown.exit_code == 0, shown.stderr
    table = pd.read_csv(tmp_path / "out" / "particles.csv", index_col=0)
    assert list(table.index) == [7, 300]
    assert not (tmp_path / "out" / "labels.ome.zarr").exists()
    assert {path.name for path in (tmp_path / "out" / "figures").iterdir()} == {"sizes.png", "particles.png"}


def test_without_a_whole_particle_the_exit_code_is_1(volcorr, tmp_path: Path) -> None:
    data = np.zeros((12, 12, 12), np.uint8)
    data[:4], data[8:] = 1, 1
    write(Volume(data, voxel_size=1.0), tmp_path / "layers.tif")
    shown = volcorr("particles", "layers.tif", "-o", "out", "--phase", "1")
    assert shown.exit_code == 1
    assert shown.stderr.splitlines()[-1].startswith("warning: no size distribution: all 2 particles touch the border")
    assert not (tmp_path / "out" / "sizes.csv").exists()
    assert json.loads((tmp_path / "out" / "particles.json").read_text())["sizes"] is None


def checkerboard(folder: Path) -> Path:
    """More than 65535 single voxels."""
    data = (np.indices((52, 52, 52)).sum(axis=0) % 2).astype(np.uint8)
    write(Volume(data, voxel_size=1.0), folder / "made.tif")
    return folder / "made.tif"


def uniform(label: int):
    def make(folder: Path) -> Path:
        write(Volume(np.full((8, 8, 8), label, np.uint8)), folder / "made.tif")
        return folder / "made.tif"

    return make


@pytest.mark.parametrize(
    ("make", "words", "message"),
    [
        (checkerboard, ["--phase", "1"], "particles, 65535 are allowed"),
        (uniform(0), [], "holds no particle"),
        (uniform(2), [], "--phase 2 makes a particle of each part of it"),
        (uniform(2), ["--phase", "2"], "phase 2 fills all of"),
        (uniform(2), ["--phase", "1"], "phase 1 does not occur"),
        (uniform(2), ["--split"], "give its label with --phase"),
        ("balls.tif", ["--phase", "1", "--smallest", "1mm"], "no particle is as large as 1mm"),
        ("balls.tif", ["--phase", "1", "--split", "--depth", "-1"], "depth must be at least 0"),
        ("grey.tif", [], "run volcorr segment first"),
        ("grey.tif", ["--phase", "1"], "run volcorr segment first"),
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_bad_input_is_one_line_and_leaves_nothing(
    volcorr, specimens: Path, tmp_path: Path, make, words: list[str], message: str
) -> None:
    file = specimens / make if isinstance(make, str) else make(tmp_path)
    before = sorted(tmp_path.iterdir())
    shown = volcorr("particles", file, "-o", "out", *words)
    assert shown.exit_code == 2, shown.output
    assert shown.stderr.splitlines()[-1].startswith("error: ")
    assert message in shown.stderr.splitlines()[-1]
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.realdata
@pytest.mark.usefixtures("undrawn")
def test_grains_of_snow_after_segmentation(volcorr, data_dir: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("volcorr.cli.segment.draw", lambda study, folder: [])
    segmented = volcorr("segment", data_dir / "volumes" / "spam_snow.tif", "-o", "phases", "--specks", "50")
    assert segmented.exit_code == 0, segmented.stderr
    shown = volcorr("particles", "phases", "-o", "grains", "--phase", "1", "--split", "--smallest", "5")
    assert shown.exit_code == 0, shown.stderr
    found = json.loads((tmp_path / "grains" / "particles.json").read_text())
    assert 100 < found["count"] < 1000
    assert 8 < found["sizes"]["by_volume"]["d50"] < 30
