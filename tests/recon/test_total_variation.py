"""Total variation on analytic specimens of limited angles, and the choice of its weight."""

import logging

import numpy as np
import pytest

from acquisition.projections import EllipsePhantom
from recon.held_out import HeldOutChoice, hold_out
from recon.projectors import Projector, make_projector
from recon.slice_grid import make_slice_grid
from recon.slice_lanes import from_lanes
from recon.total_variation import minimize_total_variation
from recon.weight_choice import _lowest, choose_weight
from volio.errors import InputError
from volio.simd import LANES

SIZE = 64
ANGLES = np.deg2rad(np.linspace(-70, 70, 81))


@pytest.fixture(scope="module")
def projector() -> Projector:
    """Return 81 projections over 140 degrees."""
    middle = 0.5 * (SIZE - 1)
    return make_projector(make_slice_grid(SIZE, center=middle), SIZE, angles=ANGLES, axes=middle)


def noisy(seeds: range, photons: float = 1e4) -> tuple[np.ndarray, np.ndarray]:
    """Return truths (slices, y, x) and noisy line integrals (angles, slices, columns)."""
    truths, rows = [], []
    for seed in seeds:
        phantom = EllipsePhantom.electrode(SIZE, seed=seed, particles=25)
        lines = phantom.project(ANGLES, columns=SIZE).astype(float)
        counts = np.random.default_rng(seed).poisson(photons * np.exp(-lines))
        rows.append(-np.log(np.maximum(counts, 1) / photons))
        truths.append(phantom.render(SIZE))
    return np.stack(truths), np.stack(rows, axis=1).astype(np.float32)


def rms(images: np.ndarray, truths: np.ndarray) -> float:
    """Return the error within the specimen."""
    return float(np.sqrt(np.mean((images - truths) ** 2)))


@pytest.fixture(scope="module")
def choice(projector: Projector) -> HeldOutChoice:
    """Return the weight for three specimens."""
    return choose_weight(noisy(range(3))[1], projector)


def test_the_chosen_weight_is_near_the_best_one(projector: Projector, choice: HeldOutChoice) -> None:
    """No other weight reaches an error that is much lower: the choice without the truth is nearly that with it."""
    truths, rows = noisy(range(3))
    errors = [
        rms(minimize_total_variation(rows, projector, weight=choice.value * factor).slices, truths)
        for factor in (0.1, 0.5, 1, 2, 10)
    ]
    assert errors[2] < 1.25 * min(errors)
    assert errors[2] < 0.8 * errors[0]
    assert not choice.at_edge


def test_the_curve_of_misfits_has_its_lowest_point_at_the_choice(choice: HeldOutChoice) -> None:
    """The result tells what was tried, and the noise of the projections is the floor of the misfit."""
    assert np.all(np.diff(choice.values) > 0)
    assert len(choice.values) == len(choice.misfits)
    best = choice.values[np.argmin(choice.misfits)]
    assert 0.4 < choice.value / best < 2.5
    assert 1e-4 < choice.misfits.min() < 3e-4  # noise alone: 1e-4 where nothing is, more behind the specimen
    np.testing.assert_array_equal(choice.held_out, np.arange(4, 81, 8))


def test_the_choice_does_not_depend_on_threads() -> None:
    """Catch a sum whose order depends on the threads."""
    angles = ANGLES[::5]
    small = make_projector(make_slice_grid(16, center=7.5), 16, angles=angles, axes=7.5)
    rows = EllipsePhantom.disc(5, 0.05).project(angles, columns=16)[:, None]
    rows = rows + np.random.default_rng(0).normal(0, 0.03, rows.shape).astype(np.float32)
    one, other = (choose_weight(rows, small, threads=threads) for threads in (1, 2))
    assert one.value == other.value
    assert np.array_equal(one.misfits, other.misfits)


def test_beats_the_pixel_noise_of_a_disc(projector: Projector) -> None:
    """The value inside an analytic disc is right, from limited angles and noise, and stays nonnegative."""
    phantom = EllipsePhantom.disc(20, 0.01)
    lines = phantom.project(ANGLES, columns=SIZE)[:, None]
    rows = lines + np.random.default_rng(0).normal(0, 0.01, lines.shape).astype(np.float32)
    found = minimize_total_variation(rows, projector)
    inside = np.hypot(*(np.indices((SIZE, SIZE)) - 31.5)) < 15
    assert found.slices[0][inside].mean() == pytest.approx(0.01, rel=0.005)
    assert found.slices[0][inside].std() < 0.0003
    assert found.slices.min() >= 0
    assert found.choice is not None
    assert found.weight == found.choice.value
    assert found.converged.all()
    assert found.misfit[0] == pytest.approx(1e-4, rel=0.1)


def test_slices_do_not_depend_on_neighbours_or_threads() -> None:
    """A slice is the same alone, beside others that take more iterations, and with any number of threads."""
    angles, size = ANGLES[::2], 32
    projector = make_projector(make_slice_grid(size, center=15.5), size, angles=angles, axes=15.5)
    rows = noisy(range(10))[1][::2, :, 16:48].copy()
    rows[:, 4] *= 0.01
    many = minimize_total_variation(rows, projector, weight=0.1, iterations=100, tolerance=2e-3)
    assert len(set(many.iterations.tolist())) > 1
    for threads in (2, 5):
        other = minimize_total_variation(rows, projector, weight=0.1, iterations=100, tolerance=2e-3, threads=threads)
        assert np.array_equal(other.slices, many.slices)
    alone = minimize_total_variation(rows[:, 9:], projector, weight=0.1, iterations=100, tolerance=2e-3)
    assert np.array_equal(alone.slices[0], many.slices[9])
    assert alone.iterations[0] == many.iterations[9]


def test_slices_that_are_not_done_are_told(projector: Projector, caplog: pytest.LogCaptureFixture) -> None:
    """A user learns that the iterations did not suffice."""
    with caplog.at_level(logging.WARNING):
        found = minimize_total_variation(noisy(range(1))[1], projector, weight=0.1, iterations=7)
    assert "1 of 1 slices still changed after 7 iterations" in caplog.text
    assert not found.converged.any()
    assert found.iterations[0] == 7


def test_many_slices_are_judged_by_some(projector: Projector) -> None:
    """More than eight slices cost no more than eight, evenly spread; the angles need no order."""
    rows = np.random.default_rng(0).random((81, 11, SIZE)).astype(np.float32)
    held = hold_out(rows, projector)
    assert held.slices == LANES
    spread = [0, 1, 3, 4, 6, 7, 9, 10]
    np.testing.assert_array_equal(from_lanes(held.truth, LANES), rows[held.numbers][:, spread].transpose(1, 0, 2))
    order = np.random.default_rng(1).permutation(81)
    other = hold_out(rows[order], projector.subset(order))
    assert set(order[other.numbers]) == set(held.numbers)
    np.testing.assert_array_equal(np.sort(other.projector.angles), held.projector.angles)


@pytest.mark.parametrize(("values", "place"), [([2, 1, 2], 0), ([1, 2, 3], -1), ([3, 2, 1.5], 1), ([1, 3, 1], -1)])
def test_lowest_point_of_three(values: list[float], place: float) -> None:
    """Catch a parabola that is left towards where it was not measured."""
    assert _lowest(np.array(values, float)) == place


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weight": 0.0}, "weight must be a positive"),
        ({"weight": 0.1, "iterations": 0}, "iterations must be 1"),
        ({"weight": 0.1, "tolerance": -1.0}, "tolerance 0 or more"),
    ],
)
def test_bad_options_are_told_in_one_line(projector: Projector, options: dict[str, float], words: str) -> None:
    """A user learns what was wrong."""
    with pytest.raises(InputError, match=words):
        minimize_total_variation(noisy(range(1))[1], projector, **options)  # type: ignore[arg-type]


def test_nothing_to_choose_by_is_told(projector: Projector) -> None:
    """An empty scan, and too few projections, end with a line instead of a wrong weight."""
    rows = noisy(range(1))[1]
    with pytest.raises(InputError, match="all line integrals are 0"):
        choose_weight(0 * rows, projector)
    with pytest.raises(InputError, match="at most half of the 81 projections"):
        choose_weight(rows, projector, every=41)
