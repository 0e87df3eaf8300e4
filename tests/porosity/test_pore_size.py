import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from porosity import local_thickness, pore_size_distribution
from volio import InputError, Volume


def brute_thickness(pores: np.ndarray, edges: tuple[int, int, int]) -> np.ndarray:
    """Return squared radii: every ball is painted by itself."""
    squared = np.rint(ndimage.distance_transform_edt(pores, sampling=edges) ** 2).astype(int)
    out = np.zeros(pores.shape, int)
    grid = np.stack(np.meshgrid(*map(np.arange, pores.shape), indexing="ij"), -1)
    for place in np.argwhere(pores):
        reached = ((grid - place) ** 2 * np.square(edges)).sum(-1) < squared[tuple(place)]
        out[reached] = np.maximum(out[reached], squared[tuple(place)])
    return out


def noise_pores(shape, seed: int, width: float, share: float) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), width)
    pores = noise > np.quantile(noise, 1 - share)
    pores.flat[seed % pores.size] = True
    pores.flat[(seed + 1) % pores.size] = False
    return pores


SHAPES = st.tuples(*[st.integers(1, 12)] * 3).filter(lambda shape: np.prod(shape) > 1)


@settings(max_examples=200, deadline=None)
@given(SHAPES, st.tuples(*[st.integers(1, 3)] * 3), st.integers(0, 10**6), st.floats(0, 2), st.floats(0.1, 1))
def test_thickness_is_that_of_brute_force(shape, edges, seed, width, share) -> None:
    pores = noise_pores(shape, seed, width, share)
    truth = brute_thickness(pores, edges)
    found = local_thickness(pores, voxel_size=edges, threads=1).data
    np.testing.assert_array_equal(np.rint(found.astype(float) ** 2), truth)
    sizes = pore_size_distribution(pores, voxel_size=edges, threads=1)
    levels, counts = np.unique(truth[pores], return_counts=True)
    np.testing.assert_allclose(sizes.radius, np.sqrt(levels))
    np.testing.assert_allclose(sizes.volumes, counts * np.prod(edges))


def thickness_by_levels(pores: np.ndarray) -> np.ndarray:
    """Return squared radii: of each size, all balls that are as large together."""
    squared = np.rint(ndimage.distance_transform_edt(pores) ** 2).astype(int)
    out = np.zeros(pores.shape, int)
    for level in np.unique(squared[pores]):
        near = np.rint(ndimage.distance_transform_edt(squared < level) ** 2) < level
        out[near] = level
    return out


@pytest.mark.parametrize("kind", ["slit", "tube"])
def test_large_balls_along_a_diagonal_are_those_of_all_balls(kind: str) -> None:
    """Neighbours across a diagonal are as large, those across a face are not: what lies between two belongs to one."""
    z, y, x = np.indices((34, 40, 44)) - 19
    pores = np.abs(y - x) <= 13
    if kind == "tube":
        pores = (y - x) ** 2 + (z - y) ** 2 + (x - z) ** 2 < 3 * 11.5**2
    found = local_thickness(pores, voxel_size=1, threads=1).data
    np.testing.assert_array_equal(np.rint(found.astype(float) ** 2), thickness_by_levels(pores))


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**6), st.permutations([0, 1, 2]), st.sampled_from([1, 2, 5]))
def test_axes_and_threads_change_nothing(seed, order, threads) -> None:
    pores = noise_pores((40, 70, 75), seed, 3.0, 0.5)
    first = pore_size_distribution(pores, voxel_size=(2, 3, 4), threads=1)
    size = tuple((2.0, 3.0, 4.0)[axis] for axis in order)
    second = pore_size_distribution(pores.transpose(order), voxel_size=size, threads=threads)
    np.testing.assert_array_equal(first.radius, second.radius)
    np.testing.assert_array_equal(first.volumes, second.volumes)


def test_slits_have_their_half_width_and_cylinders_and_spheres_their_radius() -> None:
    z, y, x = np.indices((41, 41, 41)) - 20
    slit = np.abs(y) <= 4
    assert pore_size_distribution(slit, voxel_size=0.1).radius.tolist() == pytest.approx([0.5])
    cylinder = y**2 + x**2 < 10.5**2
    assert pore_size_distribution(cylinder, voxel_size=1).r90 == pytest.approx(10.5, abs=0.5)
    sphere = z**2 + y**2 + x**2 < 15.2**2
    assert pore_size_distribution(sphere, voxel_size=1).r50 == pytest.approx(15.2, abs=0.5)
    assert pore_size_distribution(sphere, voxel_size=1).volume == sphere.sum()


def test_separate_spheres_come_back_with_their_volumes() -> None:
    radii, places = (4.0, 7.0, 11.0), (12, 34, 66)
    z, y, x = np.indices((30, 30, 90))
    solid = np.zeros((30, 30, 90), np.uint8)
    for radius, place in zip(radii, places, strict=True):
        solid[(z - 15) ** 2 + (y - 15) ** 2 + (x - place) ** 2 < radius**2] = 3
    sizes = pore_size_distribution(solid, phase=3, voxel_size=1)
    for radius in radii:
        volume = sizes.volumes[np.abs(sizes.radius - radius) < 1].sum()
        assert volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.15)


def test_the_interior_is_free_of_what_faces_cut() -> None:
    pores = np.zeros((50, 50, 50), bool)
    pores[:, 20:29, :] = True
    pores[0:3, 0:3, 0:3] = True
    sizes = pore_size_distribution(pores, voxel_size=1)
    assert sizes.interior is not None
    assert sizes.interior.radius.tolist() == [5.0]
    # the largest sphere of an open digital ball reaches 4 voxels from its centre
    assert sizes.interior.volume == 9 * (50 - 2 * 9) ** 2
    assert sizes.radius.size > 1
    assert sizes.porosity == pytest.approx(pores.mean())


def test_a_volume_without_interior_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        sizes = pore_size_distribution(noise_pores((12, 12, 12), 1, 3, 0.5), voxel_size=1)
    assert sizes.interior is None
    assert "no interior" in caplog.text


def test_walls_make_pores_at_the_faces_smaller() -> None:
    pores = np.zeros((20, 20, 20), bool)
    pores[:5] = True
    assert pore_size_distribution(pores, voxel_size=1).r50 == 5
    assert pore_size_distribution(pores, voxel_size=1, walls="all").r90 == 3


def test_the_map_is_a_volume_in_the_unit_of_the_voxels() -> None:
    pores = np.zeros((4, 9, 5), bool)
    pores[:, 2:7] = True
    stated = Volume(pores, voxel_size=(10.0, 10.0, 10.0), unit="nm", origin=(1.0, 2.0, 3.0), name="cell")
    found = local_thickness(stated)
    assert (found.unit, found.voxel_size, found.origin) == ("nm", (10.0, 10.0, 10.0), (1.0, 2.0, 3.0))
    assert found.name == "cell thickness"
    assert found.data[0, :, 0].tolist() == [0, 0, 30, 30, 30, 30, 30, 0, 0]
    assert local_thickness(pores).voxel_size is None


def test_pores_missing_everywhere_or_nowhere_are_refused() -> None:
    with pytest.raises(InputError, match="no pore voxel"):
        pore_size_distribution(np.zeros((4, 4, 4), bool), voxel_size=1)
    with pytest.raises(InputError, match="all voxels are pore"):
        pore_size_distribution(np.ones((4, 4, 4), bool), voxel_size=1)


@pytest.mark.realdata
def test_limestone_has_the_porosity_and_radius_that_were_measured(data_dir) -> None:
    from volio import read

    volume = read(data_dir / "volumes" / "ketton_256.tif")
    sizes = pore_size_distribution(volume.data[:128, :128, :128], phase=0, voxel_size=1)
    assert 0.05 < sizes.porosity < 0.25
    assert 2 < sizes.r50 < 20
