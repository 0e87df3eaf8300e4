import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segmentation import FeatureSet, PixelClassifier, compare_labels, threshold
from volio import Volume, read, write


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures have their own tests and take seconds."""
    monkeypatch.setattr("volcorr.cli.segment.draw", lambda study, folder: [])


@pytest.mark.usefixtures("undrawn")
def test_labels_fractions_and_band(volcorr, specimens: Path, tmp_path: Path) -> None:
    shown = volcorr("segment", specimens / "grey.tif", "-o", "out")
    assert shown.exit_code == 0, shown.stderr
    expected = threshold(read(specimens / "grey.tif"))
    labels = read(tmp_path / "out" / "grey.ome.zarr")
    np.testing.assert_array_equal(labels.data, expected.data)
    assert labels.voxel_size == (0.5, 0.5, 0.5)
    assert labels.metadata["segmentation"] == expected.metadata["segmentation"]
    table = pd.read_csv(tmp_path / "out" / "fractions.csv").set_index("phase")
    stated = expected.metadata["segmentation"]
    assert table.loc[1, "fraction"] == pytest.approx(expected.data.mean())
    assert table.loc[1, "band_low"] == pytest.approx(stated["fractions_low"][1])
    assert table.loc[1, "voxels"] == expected.data.sum()
    found = json.loads((tmp_path / "out" / "segmentation.json").read_text())
    assert found["labels"] == ["grey.ome.zarr"]
    assert found["settings"] == {"method": "otsu", "classes": 2, "format": "ome.zarr"}
    assert f"{table.loc[1, 'fraction']:.4f}" in shown.stdout
    assert f"threshold {stated['thresholds'][0]:.5g}" in shown.stdout


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("words", "accuracy"),
    [
        (["--filter", "median:3"], 0.98),
        (["--filter", "nlm", "--filter", "unsharp:1"], 0.99),
        (["--filter", "gaussian:1", "--values", "105"], 0.97),
        (["--filter", "diffusion", "--method", "li"], 0.99),
        (["--flatten", "background", "--method", "valley"], 0.99),
        (["--flatten", "beam-hardening", "--fraction", "0.85", "--sweep"], 0.97),
        (["--method", "hysteresis", "--values", "100,120"], 0.98),
        (["--method", "local", "--window", "31", "--weight", "0.1"], 0.9),
    ],
)
def test_methods_and_filters(volcorr, specimens: Path, tmp_path: Path, words: list[str], accuracy: float) -> None:
    shown = volcorr("segment", specimens / "grey.tif", "-o", "out", "--format", "tif", *words)
    assert shown.exit_code == 0, shown.stderr
    labels = read(tmp_path / "out" / "grey.tif")
    assert compare_labels(labels, read(specimens / "labels.tif")).accuracy > accuracy
    assert (tmp_path / "out" / "sweep.csv").exists() == ("--sweep" in words)
    if "--sweep" in words:
        assert "mean pore radius of phase 0" in shown.stdout
        assert {"volume", "threshold", "fraction_0", "mean_radius"} <= set(pd.read_csv(tmp_path / "out" / "sweep.csv"))


def test_a_series_with_one_contrast_goes_on_to_the_other_commands(volcorr, specimens: Path, tmp_path: Path) -> None:
    files = [specimens / "grey.tif", specimens / "later.tif"]
    shown = volcorr("segment", *files, "-o", "out", "--match", "--specks", "20", "--holes", "20")
    assert shown.exit_code == 0, shown.stderr
    found = json.loads((tmp_path / "out" / "segmentation.json").read_text())
    first, later = (found["volumes"][name] for name in ("grey", "later"))
    assert first["segmentation"]["thresholds"] == later["segmentation"]["thresholds"]
    assert [step["step"] for step in later["cleanup"]] == ["remove_specks", "fill_holes"]
    for name, truth in (("grey", "labels"), ("later", "later_labels")):
        labels = read(tmp_path / "out" / f"{name}.ome.zarr")
        assert compare_labels(labels, read(specimens / f"{truth}.tif")).accuracy > 0.99
    figures = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert figures == {"grey.png", "later.png", "fractions.png"}
    after = volcorr("fractions", "out", "-o", "fractions", "--uncertainty", "none")
    assert after.exit_code == 0, after.stderr
    table = pd.read_csv(tmp_path / "fractions" / "fractions.csv")
    assert list(table["volume"].unique()) == ["grey", "later"]


@pytest.mark.usefixtures("undrawn")
def test_a_classifier_is_trained_kept_and_applied(volcorr, specimens: Path, tmp_path: Path) -> None:
    words = ["--features", "grey,gaussian", "--sigmas", "1,2"]
    shown = volcorr("segment", specimens / "grey.tif", "-o", "out", "--train", specimens / "strokes.tif", *words)
    assert shown.exit_code == 0, shown.stderr
    assert "class 2: " in shown.stdout
    labels = read(tmp_path / "out" / "grey.ome.zarr")
    truth = Volume(read(specimens / "labels.tif").data + 1)
    assert compare_labels(labels, truth).accuracy > 0.97
    again = volcorr("segment", specimens / "grey.tif", "-o", "again", "--classifier", "out/classifier.npz", *words)
    assert again.exit_code == 0, again.stderr
    np.testing.assert_array_equal(read(tmp_path / "again" / "grey.ome.zarr").data, labels.data)
    other = volcorr(
        "segment", specimens / "grey.tif", "-o", "other", "--classifier", "out/classifier.npz", "--sigmas", "3"
    )
    assert other.exit_code == 2
    assert "was trained on other features" in other.stderr
    assert not (tmp_path / "other").exists()


@pytest.mark.usefixtures("undrawn")
def test_volumes_on_disk_give_the_same_and_leave_nothing_beside(volcorr, specimens: Path, tmp_path: Path) -> None:
    words = ["segment", specimens / "grey.tif", specimens / "later.tif", "--filter", "nlm:9", "--match", "--mask"]
    words += [specimens / "mask.tif", "--specks", "9", "--keep-largest"]
    for name, more in (
        ("plain", []),
        ("disk", ["--memory", "500MB"]),
        ("serial", ["--executor", "serial", "--resume"]),
    ):
        shown = volcorr(*words, "-o", name, *more)
        assert shown.exit_code == 0, shown.stderr
    for name in ("disk", "serial"):
        for volume in ("grey.ome.zarr", "later.ome.zarr"):
            expected = read(tmp_path / "plain" / volume)
            np.testing.assert_array_equal(read(tmp_path / name / volume).data, expected.data)
        assert {path.name for path in (tmp_path / name).iterdir()} == {
            path.name for path in (tmp_path / "plain").iterdir()
        }
    assert set(np.unique(expected.data)) == {0, 1, 255}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.usefixtures("undrawn")
def test_what_was_finished_is_kept_and_resumed(volcorr, specimens: Path, tmp_path: Path, monkeypatch) -> None:
    words = ["segment", specimens / "grey.tif", "-o", "out", "--filter", "median:3", "--memory", "1GB"]

    def interrupt(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("segmentation.threshold", interrupt)
        stopped = volcorr(*words)
    assert stopped.exit_code == 130
    assert "--resume goes on" in stopped.stderr
    assert not (tmp_path / "out").exists()
    resumed = volcorr(*words, "--resume")
    assert resumed.exit_code == 0, resumed.stderr
    assert "filtering: 1 of 1 blocks were done by an earlier run" in resumed.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    stale = volcorr(*words, "--overwrite", "--filter", "gaussian", "--resume")
    assert stale.exit_code == 0


def test_an_interruption_leaves_nothing(volcorr, specimens: Path, tmp_path: Path, monkeypatch) -> None:
    def interrupt(study, folder):
        raise KeyboardInterrupt

    monkeypatch.setattr("volcorr.cli.segment.draw", interrupt)
    assert volcorr("segment", specimens / "grey.tif", "-o", "out").exit_code == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--values", "1000"], "class 1 would be empty"),
        (["--values", "many"], "'many' are no numbers"),
        (["--classes", "9"], "classes must be a whole number from 2 to 5"),
        (["--method", "li", "--classes", "3"], "method li makes 2 classes"),
        (["--fraction", "3"], "fraction"),
        (["--filter", "magic"], "filter 'magic' is not known"),
        (["--filter", "median:big"], "no number behind its colon"),
        (["--filter", "median:4"], "size must be an odd number"),
        (["--match"], "give more than one"),
        (["--sigmas", "2"], "belong to a classifier"),
        (["--classifier", "no.npz", "--classes", "2"], "a classifier has no classes"),
        (["--classifier", "no.npz"], "no.npz does not exist"),
        (["--train", "@balls.tif"], "the label image has shape"),
        (["--train", "@grey.tif", "--classifier", "x"], "give one of both"),
        (["--train", "@strokes.tif", "--features", "smell"], "feature 'smell' is not known"),
        (["--mask", "@balls.tif"], "mask has shape"),
        (["--specks", "0"], "smaller_than must be"),
        (["--specks", "9", "--phase", "4"], "phase 4 does not occur"),
        (["--memory", "lots"], "lots"),
        (["--sweep", "--method", "sauvola"], "moves one threshold of the whole volume"),
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_bad_input_is_one_line_and_leaves_nothing(
    volcorr, specimens: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    given = [specimens / word[1:] if word.startswith("@") else word for word in words]
    shown = volcorr("segment", specimens / "grey.tif", "-o", "out", *given)
    assert shown.exit_code == 2, shown.output
    assert shown.stderr.splitlines()[-1].startswith("error: ")
    assert message in shown.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("undrawn")
def test_nan_is_refused(volcorr, tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
    data[1, 2, 3] = np.nan
    write(Volume(data), tmp_path / "nan.tif")
    shown = volcorr("segment", "nan.tif", "-o", "out")
    assert shown.exit_code == 2
    assert "NaN" in shown.stderr.splitlines()[-1]


@pytest.mark.usefixtures("undrawn")
def test_a_classifier_of_an_unknown_version_is_refused(volcorr, specimens: Path, tmp_path: Path) -> None:
    grey, strokes = read(specimens / "grey.tif"), read(specimens / "strokes.tif")
    PixelClassifier.fit(grey, strokes, features=FeatureSet(("grey",), (1.0,)), trees=3).save(tmp_path / "good.npz")
    (tmp_path / "bad.npz").write_bytes((tmp_path / "good.npz").read_bytes()[:-50])
    shown = volcorr("segment", specimens / "grey.tif", "-o", "out", "--classifier", "bad.npz")
    assert shown.exit_code == 2
    assert "damaged or not a pixel classifier" in shown.stderr
