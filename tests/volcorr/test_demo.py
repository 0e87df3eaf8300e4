from pathlib import Path

import numpy as np
import pytest

from acquisition import Motion
from volcorr import demo
from volcorr.demo import compare_fields, format_comparison, run_demo, true_fields
from volcorr.fields import open_fields
from volio import OutputError, read


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[demo.DemoResult, Path]:
    output = tmp_path_factory.mktemp("demo") / "volcorr-demo"
    return run_demo(output), output


def test_measured_values_are_the_true_ones(shown: tuple[demo.DemoResult, Path]) -> None:
    result, _ = shown
    rows = {row.name: row for row in result.comparisons}
    assert list(rows) == ["u_z", "u_y", "u_x", "e_zz", "e_yy", "e_xx", "e_zy", "e_zx", "e_yx"]
    for name in ("u_z", "u_y", "u_x"):
        assert rows[name].rms < 0.02 * demo.VOXEL_SIZE
        assert abs(rows[name].bias) < 0.002 * demo.VOXEL_SIZE
    assert rows["e_zz"].true[0] < -0.035  # the hotspot
    assert rows["e_zz"].rms < 0.002
    assert result.summary.valid > 0.95 * result.summary.tried > 500


def test_profile_follows_the_band(shown: tuple[demo.DemoResult, Path]) -> None:
    result, _ = shown
    height, true, measured = np.transpose(result.profile)
    assert (np.diff(height) > 0).all()
    assert np.abs(true - measured).max() < 0.004
    assert abs(height[measured.argmin()] - 63.5 * demo.VOXEL_SIZE) < 2 * demo.SPACING * demo.VOXEL_SIZE


def test_folder_holds_volumes_and_result(shown: tuple[demo.DemoResult, Path]) -> None:
    _, output = shown
    assert sorted(path.name for path in output.iterdir()) == ["deformed.tif", "mask.tif", "reference.tif", "result"]
    volume = read(output / "reference.tif")
    assert volume.shape == demo.SHAPE
    assert volume.voxel_size == pytest.approx((0.128,) * 3, rel=1e-6)


def test_text_holds_every_row(shown: tuple[demo.DemoResult, Path]) -> None:
    text = format_comparison(shown[0])
    for name in ("u_z", "e_yx", "true e_zz", "median ZNCC"):
        assert name in text


def test_a_second_demo_is_refused_with_a_hint(shown: tuple[demo.DemoResult, Path]) -> None:
    with pytest.raises(OutputError, match="--overwrite"):
        run_demo(shown[1])


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be made"):
        run_demo(tmp_path / "no" / "such")


def test_truth_turns_with_the_measure(result: Path, motion: Motion) -> None:
    fields = open_fields(result)
    lagrange = true_fields(fields, motion)
    small = true_fields(fields.assign_attrs(strain_measure="infinitesimal"), motion)
    np.testing.assert_allclose(small["e_zz"], -0.02)
    np.testing.assert_allclose(lagrange["e_zz"], -0.02 + 0.5 * 0.02**2)
    np.testing.assert_allclose(lagrange["e_zx"], 0, atol=1e-12)


def test_components_without_any_value_are_left_out(result: Path, motion: Motion) -> None:
    fields = open_fields(result)
    fields["e_zz"] = fields["e_zz"] * np.nan
    assert "e_zz" not in [row.name for row in compare_fields(fields, motion)]


@pytest.mark.parametrize("existed", [True, False])
def test_a_stopped_demo_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existed: bool) -> None:
    def stop(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run_dvc", stop)
    monkeypatch.setattr(demo, "make_pair", lambda folder, threads: (folder / "reference.tif").write_text("x"))
    if existed:
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "mine.txt").write_text("keep")
    with pytest.raises(KeyboardInterrupt):
        run_demo(tmp_path / "d", overwrite=existed)
    assert (tmp_path / "d" / "mine.txt").exists() == existed
    assert (tmp_path / "d").exists() == existed
