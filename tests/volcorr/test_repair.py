"""Repair: what neighbours predict, which points are tried again, and which are outliers."""

import numpy as np
import pytest

from volcorr.fields import Status
from volcorr.grid import Grid
from volcorr.icgn import Refined
from volcorr.repair import predict, repair

GRID = Grid((10, 10, 10), (8, 6, 5), (5, 6, 7))
SLOPE = np.array([[0.01, 0.02, -0.01], [0.0, -0.03, 0.02], [0.015, 0.0, 0.01]])


def truth(grid=GRID):
    u = grid.points() @ SLOPE.T + (0.3, -2.0, 1.0)
    return np.concatenate([u[:, :, None], np.broadcast_to(SLOPE, (grid.size, 3, 3))], axis=2)


def field(grid=GRID):
    """Return a field that is measured without any error."""
    found = Refined.unmeasured(np.zeros(grid.size, np.uint8), terms=4)
    found.parameters[:] = truth(grid)
    found.cc[:] = 0.95
    found.sigma[:] = 0.01
    return found


def test_neighbours_carry_their_gradient_to_the_point():
    """On a linear field every point, also at the rim, is predicted exactly; a lone one has no neighbour."""
    start, disagrees, worse = predict(field(), GRID)
    np.testing.assert_allclose(start, truth(), atol=1e-12)
    assert not disagrees.any()
    assert not worse.any()
    lone = Grid((0, 0, 0), (1, 1, 1), (1, 1, 1))
    start, disagrees, _ = predict(field(lone), lone)
    assert np.isnan(start).all()
    assert not disagrees.any()


def test_an_invalid_neighbour_says_nothing():
    found = field()
    found.status[::2] = Status.NOT_CONVERGED
    found.parameters[::2] = 99.0
    start, _, _ = predict(found, GRID)
    np.testing.assert_allclose(start, truth(), atol=1e-12)


def test_a_point_alone_among_lost_ones_is_not_judged():
    found = field()
    found.status[:] = Status.LOW_CORRELATION
    found.status[[100, 101]] = Status.VALID
    found.parameters[100, 0, 0] += 5
    _, disagrees, _ = predict(found, GRID)
    assert not disagrees.any()


class Oracle:
    """Measures a point rightly when it starts within `basin` of the truth."""

    def __init__(self, basin=1.0, dead=()):
        self.basin, self.dead, self.calls = basin, set(dead), []

    def __call__(self, rows, start, number):
        self.calls.append(np.array(rows))
        assert start.shape == (len(rows), 3, 4)
        found = field().take(rows)
        far = np.abs(start[:, :, 0] - truth()[rows][:, :, 0]).max(axis=1) > self.basin
        found.status[far | np.isin(rows, list(self.dead))] = Status.NOT_CONVERGED
        return found


@pytest.mark.parametrize("status", [Status.OUTSIDE_VOLUME, Status.NOT_CONVERGED, Status.LOW_CORRELATION])
def test_failed_points_are_won_back(status):
    found, oracle = field(), Oracle()
    lost = np.arange(0, GRID.size, 3)
    found.status[lost] = status
    found.parameters[lost] = np.nan
    assert repair(found, GRID, oracle) == len(lost)
    assert (found.status == Status.VALID).all()
    np.testing.assert_allclose(found.parameters, truth(), atol=1e-12)


def test_a_front_goes_on_until_nothing_is_new():
    """From one valid end the whole grid is won, layer by layer; what cannot be measured is not tried for ever."""
    found, oracle = field(), Oracle(dead=[GRID.size - 1])
    layer = np.unravel_index(np.arange(GRID.size), GRID.shape)[2]
    found.status[layer > 0] = Status.LOW_CORRELATION
    repair(found, GRID, oracle)
    assert (found.status[:-1] == Status.VALID).all()
    assert found.status[-1] != Status.VALID
    assert GRID.shape[2] - 1 <= len(oracle.calls) <= GRID.shape[2] + 2


@pytest.mark.parametrize("status", [Status.OUTSIDE_MASK, Status.BAD_VOXELS, Status.NO_TEXTURE])
def test_points_that_cannot_be_measured_are_left(status):
    found, oracle = field(), Oracle()
    found.status[50] = status
    assert repair(found, GRID, oracle) == 0
    assert found.status[50] == status


def test_a_false_match_is_replaced_where_the_truth_correlates_better():
    found, oracle = field(), Oracle()
    found.parameters[60, :, 0] += (4.0, 0.0, 0.0)
    found.cc[60] = 0.7
    repair(found, GRID, oracle)
    np.testing.assert_allclose(found.parameters[60], truth()[60], atol=1e-12)
    assert found.status[60] == Status.VALID


def test_what_contradicts_and_correlates_worse_is_an_outlier():
    found, oracle = field(), Oracle(dead=[60, 61])
    found.parameters[60, 1, 0] += 4.0
    found.cc[60] = 0.7  # worse than its neighbours
    found.parameters[90, 1, 0] += 4.0  # as good as they are: a true jump is kept
    found.cc[90] = 0.951
    found.parameters[120, 1, 0] += 0.4  # within what is always accepted
    found.cc[120] = 0.5
    repair(found, GRID, oracle)
    assert found.status[60] == Status.OUTLIER
    assert found.status[90] == Status.VALID
    assert found.status[120] == Status.VALID
    assert (found.status == Status.OUTLIER).sum() == 1


def test_what_neighbours_scatter_by_is_no_contradiction():
    """A fifth of a voxel on either side of the truth: three times that, and what is always accepted, may pass."""
    found = field()
    found.parameters[:, 1, 0] += np.where(np.random.default_rng(0).random(GRID.size) < 0.5, -0.2, 0.2)
    for point, off in ((60, 1.0), (150, 1.8)):
        found.parameters[point] = truth()[point]
        found.parameters[point, 1, 0] += off
    _, disagrees, _ = predict(found, GRID)
    assert np.flatnonzero(disagrees).tolist() == [150]


def test_a_valid_point_is_only_replaced_by_a_better_one():
    found = field()
    found.parameters[60, 1, 0] += 4.0
    found.cc[60] = 0.99
    kept = found.parameters[60].copy()
    repair(found, GRID, Oracle())  # the oracle's own correlation is 0.95
    np.testing.assert_array_equal(found.parameters[60], kept)


def test_two_sides_of_a_crack_do_not_correct_each_other():
    found, oracle = field(), Oracle()
    side = np.unravel_index(np.arange(GRID.size), GRID.shape)[0] >= 3
    found.parameters[side, 0, 0] += 3.0
    before = found.parameters.copy()
    repair(found, GRID, oracle)
    np.testing.assert_array_equal(found.parameters, before)
    assert (found.status == Status.VALID).all()
