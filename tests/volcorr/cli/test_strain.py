"""``volcorr strain``: all its options reach the result, and the terminal says what was done."""

import pytest

from volcorr.fields import open_fields


def test_all_options(volcorr, result, tmp_path):
    words = ["--method", "window", "--order", "2", "--window", "5", "--measure", "hencky", "--gaps", "bridge"]
    words += ["--outliers", "replace", "--outlier-threshold", "2.5", "--smooth", "0.5,0.5,0", "--invariants"]
    shown = volcorr("strain", result, "-o", "s", *words)
    assert shown.exit_code == 0, shown.stderr
    for text in ("%, hencky, window 5 x 5 x 5 points", "  gauge: ", "  outliers: ", "smoothed: gaussian"):
        assert text in shown.stdout
    field = open_fields(tmp_path / "s")
    assert {"e_1", "n1_z", "e_vol", "rotation_angle", "sigma_e_zz", "outlier"} <= set(field)
    attrs = field.attrs
    assert (attrs["strain_measure"], attrs["strain_order"], attrs["strain_gaps"]) == ("hencky", 2, "bridge")
    assert (attrs["outlier_replace"], attrs["outlier_threshold"]) == ("median", 2.5)
    assert list(attrs["smoothing_sigma_points"]) == [0.5, 0.5, 0]


def test_hexahedra(volcorr, result, tmp_path):
    shown = volcorr("strain", result, "-o", "s", "--method", "hexahedra", "--outliers", "exclude", "--smooth", "1")
    assert shown.exit_code == 0, shown.stderr
    assert "left out" in shown.stdout
    assert open_fields(tmp_path / "s").attrs["strain_method"] == "hexahedra"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--smooth", "a"], "not a width"),
        (["--smooth", "-1"], "between 0 and 10"),
        (["--order", "2"], "at least 5 points"),
        (["--order", "4"], "1<=x<=3"),
        (["--measure", "biot"], "hencky"),
        (["--outliers", "replace", "--outlier-threshold", "0"], "threshold must be positive"),
        (["--method", "hexahedra", "--window", "5"], "hexahedra use the next points"),
    ],
)
def test_wrong_options_are_one_line(volcorr, result, tmp_path, words, message):
    shown = volcorr("strain", result, "-o", "s", *words)
    assert shown.exit_code == 2
    assert message in shown.stderr
    assert shown.stderr.count("\n") == 1
    assert not (tmp_path / "s").exists()
