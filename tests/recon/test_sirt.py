"""SIRT against plain NumPy, an analytic disc, and its choice of iterations."""

import numpy as np
import pytest

from acquisition.projections import EllipsePhantom
from recon.projectors import Projector, make_projector
from recon.sirt import choose_iterations, run_sirt
from recon.slice_grid import make_slice_grid
from volio.errors import InputError

SIZE = 48
ANGLES = np.linspace(0, np.pi, 61)[:-1]


@pytest.fixture(scope="module")
def projector() -> Projector:
    """Return 60 projections over half a turn."""
    middle = 0.5 * (SIZE - 1)
    return make_projector(make_slice_grid(SIZE, center=middle), SIZE, angles=ANGLES, axes=middle)


def noisy(slices: int, sigma: float = 0.02) -> np.ndarray:
    """Return line integrals (angles, slices, columns) of discs, with noise."""
    rows = [EllipsePhantom.disc(6 + k, 0.01, x=3 - k).project(ANGLES, columns=SIZE) for k in range(slices)]
    lines = np.stack(rows, axis=1)
    return lines + np.random.default_rng(0).normal(0, sigma, lines.shape).astype(np.float32)


@pytest.mark.parametrize("nonnegative", [True, False])
def test_is_the_plain_iteration(projector: Projector, nonnegative: bool) -> None:
    """Catch wrong normalisation: the update is that of Gregor and Benson."""
    rows = noisy(2)
    weights = [projector.project(np.ones((1, SIZE, SIZE))), projector.back_project(np.ones((60, 1, SIZE)))]
    per_row, per_column = (np.where(w > 1e-3 * w.max(), 1 / np.maximum(w, 1e-9), 0) for w in weights)
    x = np.zeros((2, SIZE, SIZE))
    for _ in range(7):
        x = x + per_column * projector.back_project(per_row * (rows - projector.project(x)))
        x = np.maximum(x, 0) if nonnegative else x
    found = run_sirt(rows, projector, iterations=7, nonnegative=nonnegative)
    np.testing.assert_allclose(found.slices, x, atol=1e-6)
    assert (found.slices.min() >= 0) == nonnegative
    assert found.iterations.tolist() == [7, 7]
    assert found.choice is None


def test_a_disc_has_its_value(projector: Projector) -> None:
    """Hold the absolute scale against an analytic disc."""
    rows = EllipsePhantom.disc(14, 0.01).project(ANGLES, columns=SIZE)[:, None]
    found = run_sirt(rows, projector, iterations=100)
    inside = np.hypot(*(np.indices((SIZE, SIZE)) - 23.5)) < 10
    assert found.slices[0][inside].mean() == pytest.approx(0.01, rel=0.003)
    assert found.misfit[0] < 1e-4 * rows.max() ** 2


def test_stops_slice_by_slice(projector: Projector) -> None:
    """A slice that is done keeps its numbers while others go on; alone it is the same, with threads too."""
    rows = noisy(10)
    rows[:, 0] = rows[:, 0] * 0.05 + 0.01
    found = run_sirt(rows, projector, iterations=60, tolerance=0.01)
    assert len(set(found.iterations.tolist())) > 1
    assert found.iterations.max() < 60
    for k in (0, 9):
        alone = run_sirt(rows[:, k : k + 1], projector, iterations=60, tolerance=0.01)
        assert np.array_equal(alone.slices[0], found.slices[k])
        assert alone.iterations[0] == found.iterations[k]
    threaded = run_sirt(rows, projector, iterations=60, tolerance=0.01, threads=4)
    assert np.array_equal(threaded.slices, found.slices)


def test_the_chosen_number_is_near_the_best_one(projector: Projector) -> None:
    """More noise asks for fewer iterations, and the choice is nearly that with the truth."""
    rows = noisy(4)
    truth = np.stack([EllipsePhantom.disc(6 + k, 0.01, x=3 - k).render(SIZE) for k in range(4)])
    choice = choose_iterations(rows, projector)
    errors = {
        n: float(np.sqrt(np.mean((run_sirt(rows, projector, iterations=n).slices - truth) ** 2)))
        for n in (1, 3, 10, 30, 100, 300)
    }
    result = run_sirt(rows, projector)
    chosen = float(np.sqrt(np.mean((result.slices - truth) ** 2)))
    assert chosen < 1.2 * min(errors.values())
    assert result.choice is not None
    assert result.choice.value == choice.value == choice.values[np.argmin(choice.misfits)]
    assert not choice.at_edge
    assert choose_iterations(noisy(4, sigma=0.1), projector).value < choice.value
    assert choose_iterations(rows, projector, most=2).at_edge


def test_the_best_number_is_believed_ten_iterations_later(projector: Projector) -> None:
    """However early it comes: held-out projections scatter."""
    choice = choose_iterations(noisy(4, sigma=0.3), projector)
    assert choice.value < 40
    assert choice.values.tolist() == list(range(1, int(choice.value) + 12))


@pytest.mark.parametrize(
    ("options", "words"),
    [({"iterations": 0}, "iterations must be 1 or more"), ({"iterations": 5, "tolerance": 1.0}, "tolerance 0 to 1")],
)
def test_bad_options_are_told_in_one_line(projector: Projector, options: dict[str, float], words: str) -> None:
    """A user learns what was wrong."""
    with pytest.raises(InputError, match=words):
        run_sirt(noisy(1), projector, **options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="most must be 1"):
        choose_iterations(noisy(1), projector, most=0)
