"""Stripes removed by sorting, and their relatives."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.projections import EllipsePhantom
from recon import sorted_stripes as stripes
from recon.regularized_stripes import remove_stripes_by_regularization
from recon.sorted_stripes import (
    remove_all_stripes,
    remove_dead_stripes,
    remove_large_stripes,
    remove_stripes_by_filtering,
    remove_stripes_by_sorting,
)
from recon.wavelet_stripes import remove_stripes_by_wavelets
from volio.errors import InputError

COLUMNS, ANGLES = 200, 181
METHODS = (
    remove_all_stripes,
    remove_dead_stripes,
    remove_large_stripes,
    remove_stripes_by_filtering,
    remove_stripes_by_regularization,
    remove_stripes_by_sorting,
    remove_stripes_by_wavelets,
)


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    angles = np.linspace(0, np.pi, ANGLES, endpoint=False)
    phantom = EllipsePhantom.electrode(COLUMNS, seed=3, particles=60)
    lines = 3 * phantom.project(angles, columns=COLUMNS)
    return (lines + np.random.default_rng(0).normal(0, 0.01, lines.shape)).astype(np.float32)[None]


def rms(difference: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(difference, dtype=float))))


def narrow(clean: np.ndarray) -> np.ndarray:
    offsets = np.zeros(COLUMNS)
    offsets[[40, 77, 78, 111, 150]] = [0.1, -0.1, -0.1, 0.08, 0.12]
    return clean + offsets


def wide(clean: np.ndarray) -> np.ndarray:
    offsets = np.zeros(COLUMNS)
    offsets[60:72] = 0.3
    return clean + offsets


def dead(clean: np.ndarray) -> np.ndarray:
    broken = clean.copy()
    broken[:, :, 90:92] = 0.5
    broken[:, :, 130] += np.random.default_rng(1).normal(0, 0.3, ANGLES)
    return broken


@pytest.mark.parametrize(
    ("break_it", "remove", "left"),
    [
        (narrow, remove_stripes_by_sorting, 0.4),
        (narrow, remove_stripes_by_filtering, 0.3),
        (narrow, remove_stripes_by_wavelets, 0.5),
        (narrow, remove_stripes_by_regularization, 0.45),
        (narrow, remove_all_stripes, 0.3),
        (wide, remove_large_stripes, 0.55),
        (wide, remove_all_stripes, 0.45),
        (dead, remove_dead_stripes, 0.3),
        (dead, remove_all_stripes, 0.3),
    ],
)  # fmt: skip
def test_stripes_vanish_and_the_specimen_stays(
    clean: np.ndarray, break_it: Callable, remove: Callable, left: float
) -> None:
    broken = break_it(clean)
    columns = np.flatnonzero(np.any(broken != clean, axis=(0, 1)))
    found = remove(broken)
    assert found.dtype == np.float32
    before, after = (rms((data - clean)[:, :, columns]) for data in (broken, found))
    assert after < left * before, after / before
    others = np.setdiff1d(np.arange(COLUMNS), columns)
    assert rms((found - clean)[:, :, others]) < 0.15 * rms(clean - clean.mean())


@pytest.mark.parametrize("remove", METHODS)
def test_an_even_field_stays_as_it_is(remove: Callable) -> None:
    flat = np.full((1, 150, 160), 0.75, np.float32)
    assert remove(flat) == pytest.approx(flat, abs=1e-5)


@pytest.mark.parametrize("remove", METHODS)
def test_rows_are_independent_and_scale_goes_through(clean: np.ndarray, remove: Callable) -> None:
    both = np.concatenate([narrow(clean), dead(clean)]).astype(np.float32)
    together = remove(both)
    assert np.array_equal(together[1:], remove(both[1:]))
    assert np.array_equal(together[:1], remove(both[:1]))
    assert remove(4 * both) == pytest.approx(4 * together, rel=1e-3, abs=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(1, 9), st.sampled_from([3, 5, 9, 31]), st.integers(0, 99))
def test_kernel_is_a_median_over_sorted_columns(angles: int, columns: int, width: int, seed: int) -> None:
    # few values, some negative, so that equal ones occur
    sinogram = np.random.default_rng(seed).integers(-3, 4, (angles, columns)).astype(np.float32)
    ranked, smoothed, placed = stripes._sort_and_smooth(sinogram, width)
    order = np.argsort(sinogram, axis=0, kind="stable")
    assert np.array_equal(ranked, np.take_along_axis(sinogram, order, axis=0))
    medians = np.empty_like(ranked)
    for column in range(columns):
        reach = min(width // 2, column, columns - 1 - column)
        medians[:, column] = np.median(ranked[:, column - reach : column + reach + 1], axis=1)
    assert np.array_equal(smoothed, medians)
    expected = np.empty_like(medians)
    np.put_along_axis(expected, order, medians, axis=0)
    assert np.array_equal(placed, expected)


def test_a_specimen_without_stripes_is_left_alone(clean: np.ndarray) -> None:
    # seen from all sides, what lies near the axis stays near one column: it must not be taken for stripes
    assert np.array_equal(remove_dead_stripes(clean), clean)
    for remove, harm in ((remove_large_stripes, 0.05), (remove_all_stripes, 0.1)):
        assert rms(remove(clean) - clean) < harm * rms(clean - clean.mean())


def test_outliers_stand_out_of_a_line() -> None:
    values = np.random.default_rng(0).normal(0, 1, 300)
    assert not stripes._find_outliers(values, 3.0).any()
    values[[5, 80]] = [40, -40]
    assert np.flatnonzero(stripes._find_outliers(values, 3.0)).tolist() == [5, 80]
    assert not stripes._find_outliers(np.zeros(50), 3.0).any()


@pytest.mark.parametrize("strength", [1e-3, 1.0, 1e4, 1e12])
def test_an_outlier_is_found_however_strong_it_is(strength: float) -> None:
    values = np.random.default_rng(0).normal(1, 1e-6, 300)
    values[7] += strength
    assert np.flatnonzero(stripes._find_outliers(values, 3.0)).tolist() == [7]
    even = np.full(100, 0.3)
    even[7] += strength
    assert np.flatnonzero(stripes._find_outliers(even, 3.0)).tolist() == [7]


@pytest.mark.parametrize("level", [0.0, 0.7])
def test_a_stripe_in_an_even_field_vanishes(level: float) -> None:
    sinogram = np.full((1, 90, 120), level, np.float32)
    sinogram[:, :, 40:44] += 0.2
    assert remove_large_stripes(sinogram) == pytest.approx(np.full_like(sinogram, level), abs=1e-6)


def test_a_few_extreme_values_do_not_say_how_strong_a_stripe_is() -> None:
    sinogram = np.zeros((1, 90, 120), np.float32)
    sinogram[:, :, 40:44] += 0.2
    sinogram[:, 10:15, 41] += 50
    left = remove_large_stripes(sinogram)
    left[:, 10:15, 41] = 0
    assert left == pytest.approx(np.zeros_like(sinogram), abs=1e-6)


def test_what_differs_in_dark_and_bright_values_is_taken_for_the_specimen() -> None:
    even = np.broadcast_to(np.linspace(0, 1, 90, dtype=np.float32)[:, None], (1, 90, 120))
    sinogram = even.copy()
    sinogram[:, :, 40:44] += 0.6 * (even[:, :, 40:44] - 0.4)
    assert np.array_equal(remove_large_stripes(sinogram), sinogram)
    forced = remove_large_stripes(sinogram, steadiness=0)
    assert (forced - sinogram)[:, :, 40:44] == pytest.approx(-0.06, abs=1e-3)


def test_dead_columns_lie_on_the_line_between_their_neighbours() -> None:
    waves = np.sin(np.arange(181) / 2)[:, None]
    sinogram = (waves * np.arange(20, 220))[None].astype(np.float32)
    broken = sinogram.copy()
    broken[:, :, 90:93] = 7
    assert remove_dead_stripes(broken) == pytest.approx(sinogram, abs=1e-3)


@pytest.mark.parametrize("column", [1, -2])
def test_the_edge_of_the_detector_has_no_neighbours_to_be_replaced_by(clean: np.ndarray, column: int) -> None:
    broken = clean.copy()
    broken[:, :, column] += np.random.default_rng(1).normal(0, 0.3, ANGLES)
    found = remove_dead_stripes(broken)
    assert not np.array_equal(found, broken)
    for edge in (slice(None, 2), slice(-2, None)):
        assert np.array_equal(found[:, :, edge], broken[:, :, edge])


def test_slow_changes_pass_and_fast_ones_do_not() -> None:
    turns = (np.arange(400) + 0.5)[:, None] / 400
    slow = stripes._low_pass(np.cos(2 * np.pi * turns).astype(np.float32), 3.0)
    assert slow == pytest.approx(np.exp(-0.5 / 9) * np.cos(2 * np.pi * turns), abs=1e-4)
    assert np.abs(stripes._low_pass(np.cos(2 * np.pi * 20 * turns).astype(np.float32), 3.0)).max() < 1e-4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: remove_all_stripes(s[0]), "sinograms need 3 axes"),
        (lambda s: remove_all_stripes(np.full((1, 9, 9), np.nan)), "sinograms hold NaN"),
        (lambda s: remove_stripes_by_sorting(s, width=1), "width must be at least 3 columns, got 1"),
        (lambda s: remove_stripes_by_filtering(s, cutoff=0), "cutoff must be positive"),
        (lambda s: remove_large_stripes(s, snr=0), "snr must be positive"),
        (lambda s: remove_large_stripes(s, steadiness=-1), "steadiness must not be negative"),
        (lambda s: remove_large_stripes(s, drop=0.5), "drop must be from 0 to below 0.5"),
    ],
)  # fmt: skip
def test_faults_are_one_line(clean: np.ndarray, call: Callable, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        call(clean)
    assert "\n" not in str(caught.value)
