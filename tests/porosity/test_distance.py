import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from porosity import map_distances
from volio import InputError

EDGES = st.tuples(*[st.integers(1, 4)] * 3)


def random_pores(shape: tuple[int, int, int], seed: int, share: float) -> np.ndarray:
    pores = np.random.default_rng(seed).random(shape) < share
    pores.flat[seed % pores.size] = True
    pores.flat[(seed + 1) % pores.size] = False
    return pores


@settings(max_examples=120, deadline=None)
@given(st.tuples(*[st.integers(1, 24)] * 3), EDGES, st.integers(0, 10**6), st.floats(0.3, 1.0))
def test_distances_are_those_of_scipy(shape, edges, seed, share) -> None:
    if np.prod(shape) < 2:
        return
    pores = random_pores(shape, seed, share)
    found = map_distances(pores, voxel_size=edges, threads=1)
    truth = ndimage.distance_transform_edt(pores, sampling=edges) ** 2
    np.testing.assert_array_equal(np.rint(found.squared * found.step**2), np.rint(truth))


def test_each_thread_gives_the_same() -> None:
    pores = random_pores((40, 70, 90), 3, 0.9)
    one, three = (map_distances(pores, voxel_size=1, threads=n) for n in (1, 3))
    np.testing.assert_array_equal(one.squared, three.squared)


def test_a_large_radius_goes_beyond_sixteen_bits() -> None:
    pores = np.ones((3, 2, 400), bool)
    pores[1, 1, 0] = False
    found = map_distances(pores, voxel_size=0.5)
    assert found.squared.dtype == np.int32
    assert found.squared[0, 0, 399] == 399**2 + 2
    assert found.largest == pytest.approx(0.5 * np.sqrt(399**2 + 2))
    assert map_distances(pores[:, :, :100], voxel_size=1).squared.dtype == np.uint16


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.integers(1, 12)] * 3), EDGES, st.integers(0, 10**6))
def test_walls_are_a_frame_of_solid(shape, edges, seed) -> None:
    pores = random_pores(shape, seed, 0.97) if np.prod(shape) > 1 else np.ones(shape, bool)
    found = map_distances(pores, voxel_size=edges, walls="all")
    framed = map_distances(np.pad(pores, 1), voxel_size=edges)
    np.testing.assert_array_equal(found.squared, framed.squared[1:-1, 1:-1, 1:-1])


def test_a_volume_of_pore_alone_has_distances_to_its_walls() -> None:
    found = map_distances(np.ones((9, 9, 9), bool), voxel_size=1, walls="all")
    assert found.largest == 5.0
    assert found.distances()[4, 4, 0] == 1.0


@pytest.mark.parametrize(
    ("pores", "options", "said"),
    [
        (np.zeros((3, 4, 5), bool), {}, "no pore voxel"),
        (np.ones((3, 4, 5), bool), {}, "all voxels are pore"),
        (np.eye(3, dtype=bool)[None], {"walls": "some"}, "none or all"),
    ],
)
def test_volumes_without_pores_or_walls_are_refused(pores, options, said) -> None:
    with pytest.raises(InputError, match=said):
        map_distances(pores, voxel_size=1, **options)


@pytest.mark.parametrize("threads", [-1, 0, 1.5])
def test_threads_that_cannot_be_are_refused(threads) -> None:
    with pytest.raises(InputError, match="threads"):
        map_distances(np.eye(4, dtype=bool)[None], voxel_size=1, threads=threads)
