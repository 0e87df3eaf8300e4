"""The recommendation obeys its rule, and says why."""

import math
from dataclasses import replace

import pytest

from volcorr.subset_choice import Target, choose_subset
from volcorr.subset_result import SizeResult


def row(edge: int, valid: int, noise: float, error: float = math.nan) -> SizeResult:
    return SizeResult(
        subset=(edge,) * 3,
        edge=edge / 2,
        spacing=(edge // 2,) * 3,
        tried=100,
        valid=valid,
        mean_cc=0.9,
        median_cc=0.9,
        sigma=10 * noise,
        repeat_noise=math.nan,
        strain_noise=noise,
        resolution=4.0 * edge,
        strain_resolution=7.0 * edge,
        gauge=2.0 * edge,
        total_error=error,
        independent=7,
        seconds=1.0,
        points_per_second=500.0,
    )


TARGET = Target(min_valid=0.95, strain_noise=1e-3, strain=1e-2)
ROWS = [row(33, 100, 1e-4), row(25, 98, 4e-4), row(17, 96, 9e-4), row(13, 95, 2e-3), row(9, 40, 5e-3)]


def test_the_smallest_size_that_is_quiet_enough() -> None:
    chosen, reason = choose_subset(ROWS, TARGET, unit="um")
    assert chosen == 2
    assert reason == (
        "17 voxels (8.5 um) is the smallest size with at least 95 % valid points and a noise of strain, 0.090 %, below "
        "the limit of 0.100 % (a tenth of the mean strain of this pair, 1.00 %); 13 voxels (6.5 um) has a noise of "
        "0.200 %"
    )


def test_too_few_valid_points_rule_a_size_out() -> None:
    chosen, reason = choose_subset(ROWS, replace(TARGET, strain_noise=1.0, strain=None), unit="voxel")
    assert chosen == 3
    assert reason.endswith("below the limit of 100.000 %; 9 voxels has only 40.0 % valid points")
    chosen, reason = choose_subset(ROWS, replace(TARGET, min_valid=0.97), unit="voxel")
    assert chosen == 1
    assert "17 voxels has only 96.0 % valid points" in reason


def test_the_smallest_of_all_may_not_be_small_enough() -> None:
    chosen, reason = choose_subset(ROWS[:3], TARGET, unit="voxel")
    assert chosen == 2
    assert reason.endswith("1.00 %); smaller sizes were not tried")
    rows = [replace(r, total_error=r.edge) for r in ROWS[:3]]
    chosen, reason = choose_subset(rows, replace(TARGET, detail="80 um", amplitude=0.02), unit="voxel")
    assert chosen == 2
    assert reason.endswith("; smaller sizes were not tried")
    chosen, reason = choose_subset([row(9, 100, 1e-4)], TARGET, unit="voxel")
    assert chosen == 0
    assert reason.endswith("1.00 %)")


def test_a_small_strain_is_told() -> None:
    _, reason = choose_subset(ROWS, replace(TARGET, strain=0.003, strain_noise=5e-4), unit="voxel")
    assert "(a tenth of the mean strain of this pair, 0.30 %, taken as 0.5 %)" in reason


def test_where_no_size_is_quiet_enough_the_quietest_is_taken() -> None:
    chosen, reason = choose_subset(ROWS, replace(TARGET, strain_noise=1e-5), unit="voxel")
    assert chosen == 0
    assert "33 voxels has the least noise of strain, 0.010 %" in reason
    assert "a larger spacing or strain window would" in reason


def test_a_detail_decides_by_the_total_error() -> None:
    rows = [replace(r, total_error=e) for r, e in zip(ROWS, (3e-3, 2e-3, 4e-3, 1.5e-3, 1e-3), strict=True)]
    chosen, reason = choose_subset(rows, replace(TARGET, detail="80 um", amplitude=0.02), unit="um")
    assert chosen == 3  # the last one has a smaller error, but too few points
    assert "for a wave of strain with a period of 80 um and an amplitude of 2.00 %: 0.150 %, of which noise" in reason


def test_where_nothing_is_valid_enough_the_reason_says_so() -> None:
    rows = [row(33, 60, 1e-4), row(17, 80, 1e-3), row(9, 10, math.nan)]
    chosen, reason = choose_subset(rows, TARGET, unit="voxel")
    assert chosen == 1
    assert "17 voxels has the most valid points, 80.0 %, but no size reaches 95 %" in reason


@pytest.mark.parametrize("noise", [1e-4, 5e-4, 1e-3, 3e-3])
def test_a_larger_limit_never_gives_a_larger_subset(noise: float) -> None:
    indices = [choose_subset(ROWS, replace(TARGET, strain_noise=f * noise), unit="um")[0] for f in (1, 2, 4)]
    assert indices == sorted(indices)
