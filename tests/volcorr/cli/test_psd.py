import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from porosity import local_thickness, mip_from_each_face, pore_size_distribution
from volio import Volume, read, write


def draw_nothing(study, folder: Path) -> list[Path]:
    return []


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures have their own tests and take seconds."""
    monkeypatch.setattr("volcorr.cli.psd.draw", draw_nothing)


@pytest.mark.usefixtures("undrawn")
def test_the_numbers_are_those_of_the_library(volcorr, specimens: Path, tmp_path: Path) -> None:
    shown = volcorr("psd", specimens / "labels.tif", "-o", "out", "--phase", "0", "--mip", "--inlet", "each",
                    "--thickness-map", "--threads", "1")  # fmt: skip
    assert shown.exit_code == 0, shown.stderr
    labels = read(specimens / "labels.tif")
    sizes = pore_size_distribution(labels.data == 0, voxel_size=0.5)
    faces = mip_from_each_face(labels.data == 0, voxel_size=0.5)
    found = json.loads((tmp_path / "out" / "pore_sizes.json").read_text())
    numbers = found["volumes"]["labels"]
    assert numbers["unit"] == "um"
    for name in ("mean_radius", "r10", "r50", "r90", "porosity"):
        assert numbers[name] == pytest.approx(getattr(sizes, name), rel=1e-12)
    assert numbers["intrusion"]["r50"] == pytest.approx(faces.r50)
    assert numbers["intrusion"]["breakthrough"] == faces.faces["z-"].breakthrough
    assert numbers["intrusion"]["constrictivity"] == pytest.approx((faces.r50 / sizes.r50) ** 2)
    assert f"{sizes.mean_radius:.4g}" in shown.stdout
    curves = pd.read_csv(tmp_path / "out" / "cumulative.csv")
    pores = curves[curves.curve == "pores"]
    np.testing.assert_allclose(pores.radius, sizes.radius)
    np.testing.assert_allclose(pores.share, sizes.cumulative)
    np.testing.assert_allclose(pores.share_low, sizes.band[0])
    assert sorted(curves.curve.unique())[:-1] == sorted(f"intrusion {face}" for face in faces.faces)
    thickness = read(tmp_path / "out" / "labels_thickness.ome.zarr")
    np.testing.assert_array_equal(thickness.data, local_thickness(labels.data == 0, voxel_size=0.5).data)
    assert found["settings"] == {
        "phases": [0], "solid": False, "walls": "none", "inlet": "each", "thickness_map": True,
    }  # fmt: skip
    assert set(found["checksums"]) == {"volume 1"}


@pytest.mark.usefixtures("undrawn")
def test_several_volumes_are_a_series_and_the_solid_is_measured(volcorr, specimens: Path, tmp_path: Path) -> None:
    files = [specimens / "labels.tif", specimens / "later_labels.tif"]
    shown = volcorr("-q", "psd", *files, "-o", "out", "--phase", "0", "--solid")
    assert shown.exit_code == 0, shown.stderr
    assert shown.stderr == ""
    table = pd.read_csv(tmp_path / "out" / "pore_sizes.csv", index_col="volume")
    assert list(table.index) == ["labels", "later_labels"]
    for file in files:
        labels = read(file)
        expected = pore_size_distribution(labels.data == 1, voxel_size=0.5)
        assert table.loc[file.stem, "mean_radius"] == pytest.approx(expected.mean_radius)
        assert table.loc[file.stem, "porosity"] == pytest.approx(labels.data.mean())


def test_figures_are_drawn_and_a_result_is_replaced_when_asked(volcorr, specimens: Path, tmp_path: Path) -> None:
    words = ["psd", specimens / "labels.tif", specimens / "later_labels.tif", "-o", "out", "--phase", "0"]
    assert volcorr(*words).exit_code == 0
    figures = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert figures == {"pore_sizes.png", "steps.png"}
    refused = volcorr(*words)
    assert refused.exit_code == 2
    assert "--overwrite" in refused.stderr
    assert volcorr(*words, "--overwrite").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("undrawn")
def test_volumes_on_disk_and_other_workers_give_the_same(volcorr, specimens: Path, tmp_path: Path) -> None:
    words = ["psd", specimens / "labels.tif", "--phase", "0"]
    for name, more in (
        ("plain", []),
        ("disk", ["--memory", "200MB", "--resume"]),
        ("serial", ["--executor", "serial"]),
    ):
        assert volcorr(*words, "-o", name, *more).exit_code == 0
    texts = {(tmp_path / name / "cumulative.csv").read_text() for name in ("plain", "disk", "serial")}
    assert len(texts) == 1
    assert not list(tmp_path.glob(".*"))


@pytest.mark.usefixtures("undrawn")
def test_without_a_voxel_size_lengths_are_voxels_and_that_is_said(volcorr, specimens: Path, tmp_path: Path) -> None:
    write(Volume(read(specimens / "labels.tif").data), tmp_path / "bare.tif")
    shown = volcorr("psd", "bare.tif", "-o", "out", "--phase", "0")
    assert shown.exit_code == 0
    assert "voxel size is not stated" in shown.stderr
    assert "radii in voxels" in shown.stdout


def labels_of(data: np.ndarray, name: str = "made.npy"):
    def make(folder: Path) -> Path:
        np.save(folder / name, data)
        return folder / name

    return make


def _corner() -> np.ndarray:
    data = np.zeros((8, 8, 8), np.uint8)
    data[0, 0, 0] = 1
    return data


def _with_nan() -> np.ndarray:
    data = np.zeros((8, 8, 8), np.float32)
    data[2, 3, 4] = np.nan
    return data


NOISE = np.random.default_rng(0).integers(0, 256, (16, 16, 16)).astype(np.uint8)
HALF = (np.indices((8, 8, 8))[0] < 4).astype(np.uint8)


@pytest.mark.parametrize(
    ("make", "words", "message"),
    [
        (labels_of(NOISE), ["--phase", "0"], "run volcorr segment first"),
        (labels_of(HALF + 0.5), ["--phase", "0"], "decimals; run volcorr segment first"),
        (labels_of(_with_nan()), ["--phase", "0"], "holds NaN"),
        (labels_of(-HALF.astype(np.int16)), ["--phase", "0"], "the lowest of"),
        (labels_of(HALF.astype(np.int32) * 70000), ["--phase", "0"], "the highest of"),
        (labels_of(HALF), ["--phase", "5"], "phase 5 does not occur in"),
        (labels_of(HALF * 0 + 1), ["--phase", "1"], "all voxels of"),
        (labels_of(HALF * 0 + 1), ["--phase", "1", "--solid"], "there is no solid voxel"),
        (labels_of(_corner()), ["--phase", "0"], "is larger than the volume"),
        (labels_of(HALF), ["--phase", "few"], "'few' is not a label"),
        (labels_of(HALF), ["--phase", "0", "--memory", "1kB", "--mip"], "memory"),
        (labels_of(HALF), ["--phase", "0", "--memory", "much"], "much"),
        (labels_of(HALF), [], "'--phase'"),
        (labels_of(HALF[0]), ["--phase", "0"], "3 axes"),
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_bad_input_is_one_line_and_leaves_nothing(volcorr, tmp_path: Path, make, words, message: str) -> None:
    file = make(tmp_path)
    shown = volcorr("psd", file, "-o", "out", *words)
    assert shown.exit_code == 2, shown.output
    assert shown.stderr.splitlines()[-1].startswith("error: ")
    assert message in shown.stderr.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["made.npy"]


@pytest.mark.usefixtures("undrawn")
def test_some_with_and_some_without_a_voxel_size_are_refused(volcorr, specimens: Path, tmp_path: Path) -> None:
    write(Volume(read(specimens / "labels.tif").data), tmp_path / "bare.tif")
    shown = volcorr("psd", specimens / "labels.tif", "bare.tif", "-o", "out", "--phase", "0")
    assert shown.exit_code == 2
    assert "bare.tif states no voxel size" in shown.stderr


@pytest.mark.usefixtures("undrawn")
def test_intrusion_that_does_not_fit_is_refused(volcorr, specimens: Path, tmp_path: Path) -> None:
    words = ["--phase", "0", "--mip", "--memory", "1MB", "--threads", "1"]
    shown = volcorr("psd", specimens / "labels.tif", "-o", "out", *words)
    assert shown.exit_code == 2
    assert "intrusion needs 0.001 GB for labels" in shown.stderr
    assert list(tmp_path.glob("out")) == []


def test_an_interruption_leaves_nothing(volcorr, specimens: Path, tmp_path: Path, monkeypatch) -> None:
    def interrupt(study, folder):
        raise KeyboardInterrupt

    monkeypatch.setattr("volcorr.cli.psd.draw", interrupt)
    shown = volcorr("psd", specimens / "labels.tif", "-o", "out", "--phase", "0")
    assert shown.exit_code == 130
    assert list(tmp_path.iterdir()) == []
