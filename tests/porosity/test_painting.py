from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from porosity.distance import inner_part, new_map
from porosity.painting import count_levels, paint_balls, reach_of


def test_the_reach_is_that_of_the_open_ball() -> None:
    # |u|^2 < 25 holds u = 4, not 5
    assert reach_of(25, (1, 1, 1)) == (4, 4, 4)
    assert reach_of(26, (1, 4, 25)) == (5, 2, 1)
    assert reach_of(0, (1, 1, 1)) == (0, 0, 0)


def brute_force(values: NDArray[Any], weights: tuple[int, int, int]) -> NDArray[Any]:
    """Paint all balls of each value, the largest last."""
    truth = np.zeros(values.shape, int)
    for level in np.unique(values[values > 0]):
        distance = ndimage.distance_transform_edt(values < level, sampling=np.sqrt(weights)) ** 2
        truth[np.rint(distance) < level] = level
    return truth


@pytest.mark.parametrize("kind", ["uint16", "int32"])
@pytest.mark.parametrize("threads", [1, 4])
def test_any_map_of_values_is_painted(kind: str, threads: int) -> None:
    """Values need not be distances: those of a flood are not."""
    rng = np.random.default_rng(0)
    shape, weights = (70, 75, 33), (2, 1, 3)
    values = np.where(rng.random(shape) < 0.02, rng.integers(1, 60, shape), 0)
    field = new_map(shape, kind)
    inner_part(field)[:] = values
    found = inner_part(paint_balls(field, weights, 59, threads=threads))
    np.testing.assert_array_equal(found, brute_force(values, weights))


@pytest.mark.parametrize("step", [(0, 1, -1), (1, 0, 1), (-1, 1, 0), (1, -1, 1)])
def test_a_ball_is_left_out_where_a_diagonal_neighbour_holds_all_of_it_and_only_there(step: tuple[int, ...]) -> None:
    shape, middle = (17, 17, 17), np.full(3, 8)
    grid = np.moveaxis(np.indices(shape), 0, -1)
    here, there = (np.square(grid - place).sum(-1) for place in (middle, middle + step))
    squares = int(np.square(step).sum())
    for value in range(2, 27):
        # the farthest voxel of the ball is within 2 sqrt(squares value) of where it is needed
        for more in range(squares, squares + 2 * int(np.sqrt(squares * value)) + 3):
            field = new_map(shape, "uint16")
            inner_part(field)[tuple(middle)] = value
            inner_part(field)[tuple(middle + step)] = value + more
            found = inner_part(paint_balls(field, (1, 1, 1), value + more, threads=1))
            truth = np.where(there < value + more, value + more, np.where(here < value, value, 0))
            np.testing.assert_array_equal(found, truth, err_msg=f"{value} beside {value + more}")


@pytest.mark.parametrize("weights", [(1, 1, 1), (2, 1, 3)])
def test_large_balls_side_by_side_are_painted_to_their_rims(weights: tuple[int, int, int]) -> None:
    """Cells so large that the balls of larger neighbours are left out row by row, also where these only just reach."""
    rng = np.random.default_rng(2)
    shape = (64, 70, 61)
    values = np.zeros(shape, int)
    for middle in (24, 36):
        part = tuple(slice(middle - 4, middle + 4) for _ in shape)
        values[part] = np.where(rng.random((8, 8, 8)) < 0.4, rng.integers(860, 880, (8, 8, 8)), 0)
    field = new_map(shape, "uint16")
    inner_part(field)[:] = values
    found = inner_part(paint_balls(field, weights, 879, threads=1))
    np.testing.assert_array_equal(found, brute_force(values, weights))


def test_centres_keep_to_their_ranges() -> None:
    field = new_map((9, 9, 9), "uint16")
    inner_part(field)[2, 4, 4] = inner_part(field)[6, 4, 4] = 4
    found = inner_part(paint_balls(field, (1, 1, 1), 4, threads=1, centres=((0, 5), (0, 9))))
    assert (found[2] == 4).sum() == 9
    assert (found[6] == 4).sum() == 1


def test_counts_are_those_of_numpy() -> None:
    values = np.random.default_rng(1).integers(0, 7, (13, 5, 9)).astype(np.uint16)
    np.testing.assert_array_equal(count_levels(values, 6, threads=3), np.bincount(values.ravel(), minlength=7))
    assert count_levels(values[:0], 6, threads=1).sum() == 0
