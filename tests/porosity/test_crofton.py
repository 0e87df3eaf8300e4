import numpy as np
import pytest

from porosity.crofton import DIRECTIONS, area_per_cut


def test_directions_cover_the_sphere():
    assert len(DIRECTIONS) == 13
    for size in [(1, 1, 1), (1, 2, 3)]:
        lengths = np.linalg.norm(DIRECTIONS * np.array(size), axis=1)
        assert (area_per_cut(size) * lengths / np.prod(size)).sum() == pytest.approx(2)


def test_equal_edges_weigh_directions_of_one_kind_alike():
    area = area_per_cut((1, 1, 1))
    kind = np.abs(DIRECTIONS).sum(axis=1)
    for number in (1, 2, 3):
        np.testing.assert_allclose(area[kind == number], area[kind == number][0])
    # the parts of the sphere nearest to edges, face diagonals and body diagonals of a cube
    lengths = np.sqrt(kind)
    parts = [(area * lengths / 2)[kind == number].sum() for number in (1, 2, 3)]
    np.testing.assert_allclose(parts, [3 * 0.0916, 6 * 0.0740, 4 * 0.0703], rtol=0.01)
