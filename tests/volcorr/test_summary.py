from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from volcorr.summary import ADVICE, DvcSummary, Spread, StepSummary, count_status, format_summary, measure_spread

SUMMARY = DvcSummary(
    output="out",
    reference="a.tif",
    deformed="b.tif",
    volume_shape=(48, 48, 40),
    voxel_size=(0.5, 0.5, 0.5),
    unit="um",
    subset_size=(15, 15, 15),
    spacing=(8, 8, 8),
    grid=(4, 4, 3),
    points=48,
    tried=40,
    valid=36,
    status={"valid": 36, "outside_mask": 8, "no_texture": 4},
    median_zncc=0.98765,
    displacement={"u_z": Spread(-1.5, 0.25, 2.0)},
    uncertainty={"sigma_z": Spread(0.001, 0.002, 0.003)},
    strain={"e_zz": Spread(-0.02, -0.01, 0.0)},
    strain_measure="green-lagrange",
    strain_window=(3, 3, 3),
    seconds={"opening": 0.5, "total": 3.25},
    points_per_second=123.4,
    threads=2,
    notes=("subset 14 is taken as 15 x 15 x 15 voxels",),
)
NOTHING = replace(
    SUMMARY,
    valid=0,
    voxel_size=None,
    unit="voxel",
    status={"valid": 0, "low_correlation": 40, "outside_mask": 8},
    median_zncc=None,
    displacement={},
    uncertainty={},
    strain={},
)


def test_text_says_what_was_measured() -> None:
    text = format_summary(SUMMARY)
    for part in (
        "a.tif -> b.tif, 48 x 48 x 40 voxels of 0.5 um",
        "48, tried 40, valid 36 (90.0 % of those tried)",
        "8 outside_mask, 4 no_texture",
        "0.9877",
        "123 points/s on 2 threads",
        "opening 0.5, total 3.2",
        "subset 14 is taken as",
    ):
        assert part in text
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    assert rows["u_z"] == ["-1.5000", "0.2500", "2.0000", "0.0020"]
    assert rows["e_zz"] == ["-2.0000", "-1.0000", "0.0000"]
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"executor": "serial"}, "on 1 thread\n"),
        ({"executor": "processes", "workers": 4}, "on 4 processes\n"),
        ({"executor": "dask", "workers": None}, "on dask workers\n"),
        ({"peak_memory": 1_230_000_000, "blocks": 7}, "1.23 GB at most, 7 blocks of points"),
        ({"peak_memory": None, "blocks": 1}, "not known, 1 block of points"),
        ({"peak_memory": 1_230_000_000, "blocks": 0}, "1.23 GB at most\n"),
    ],
)
def test_text_says_where_it_was_measured(change: dict[str, object], words: str) -> None:
    assert words in format_summary(replace(SUMMARY, **change))


def test_text_of_a_series_has_a_line_a_step() -> None:
    step = StepSummary(
        step=1, name="low", reference_step=0, tried=40, valid=36, median_zncc=0.98765, median={"u_z": 1.5}
    )
    lost = StepSummary(step=2, name="high", reference_step=1, tried=40, valid=0, median_zncc=None, median={})
    lines = format_summary(replace(SUMMARY, steps=(step, lost))).splitlines()
    rows = [line.split() for line in lines if line.endswith(("low", "high"))]
    assert rows == [
        ["1", "0", "36/40", "0.9877", "1.5000", "-", "low"],
        ["2", "1", "0/40", "none", "-", "-", "high"],
    ]


def test_a_series_that_stopped_has_that_as_advice() -> None:
    assert replace(SUMMARY, stopped="step 2 cannot be measured").advice == "step 2 cannot be measured"


def test_text_without_any_valid_point() -> None:
    text = format_summary(NOTHING)
    assert "valid 0 (0.0 % of those tried)" in text
    assert "median ZNCC  none" in text
    assert "um" not in text.replace("volumes", "")


def test_voxels_that_are_not_cubes_are_named_by_axis() -> None:
    assert "of 0.1 x 0.1 x 0.3 um" in format_summary(replace(SUMMARY, voxel_size=(0.1, 0.1, 0.3)))


def test_advice_names_the_status_of_most_points() -> None:
    assert SUMMARY.advice is None
    assert NOTHING.advice == f"no point is valid, 40 of 48 are low_correlation: {ADVICE['low_correlation']}"


def test_advice_covers_every_status() -> None:
    from volcorr.fields import Status

    assert {status.name.lower() for status in Status} == {"valid", *ADVICE}


def test_spread_leaves_out_what_is_not_finite() -> None:
    values = np.array([[[np.nan, 3.0, 1.0, 2.0]]])
    fields = xr.Dataset({"u_z": (("z", "y", "x"), values), "u_y": (("z", "y", "x"), values * np.nan)})
    assert measure_spread(fields, ("u_z", "u_y", "u_x")) == {"u_z": Spread(1.0, 2.0, 3.0)}


def test_status_counts_add_up() -> None:
    status = np.array([[[0, 0, 6, 3]]], np.uint8)
    counts = count_status(xr.Dataset({"status": (("z", "y", "x"), status)}))
    assert counts["valid"] == 2
    assert counts["low_correlation"] == counts["bad_voxels"] == 1
    assert sum(counts.values()) == 4


def test_summary_of_a_run_agrees_with_its_fields(run: tuple[DvcSummary, Path]) -> None:
    from volcorr.fields import open_fields

    summary, output = run
    fields = open_fields(output)
    assert summary.points == fields["status"].size == 64
    assert summary.displacement["u_z"].median == pytest.approx(float(fields["u_z"].median()))
