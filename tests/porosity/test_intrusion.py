import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from porosity import map_distances, mip, mip_from_each_face, pore_size_distribution
from porosity.intrusion import _bound_particles
from porosity.pore_space import check_pores
from volio import InputError

FACES = {"z-": (0, 0), "z+": (0, -1), "y-": (1, 0), "y+": (1, -1), "x-": (2, 0), "x+": (2, -1)}


def inlet_mask(shape, faces) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for face in faces:
        axis, side = FACES[face]
        place = [slice(None)] * 3
        place[axis] = side
        mask[tuple(place)] = True
    return mask


def brute_intrusion(pores: np.ndarray, edges, inlet: np.ndarray) -> np.ndarray:
    """Return squared radii, pressure by pressure: erode, keep what touches the inlet, dilate."""
    squared = np.rint(ndimage.distance_transform_edt(pores, sampling=edges) ** 2).astype(int)
    out = np.zeros(pores.shape, int)
    for level in np.unique(squared[squared > 0])[::-1]:
        numbers, _ = ndimage.label(squared >= level)
        reached = np.isin(numbers, np.setdiff1d(numbers[inlet], 0))
        if reached.any():
            distance = np.rint(ndimage.distance_transform_edt(~reached, sampling=edges) ** 2)
            out[(out == 0) & (distance < level)] = level
    return out


def noise_pores(shape, seed: int, width: float, share: float) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), width)
    pores = noise > np.quantile(noise, 1 - share)
    pores.flat[seed % pores.size] = True
    pores.flat[(seed + 1) % pores.size] = False
    return pores


SHAPES = st.tuples(*[st.integers(1, 10)] * 3).filter(lambda shape: np.prod(shape) > 1)


@settings(max_examples=200, deadline=None)
@given(
    SHAPES,
    st.tuples(*[st.integers(1, 3)] * 3),
    st.integers(0, 10**6),
    st.floats(0, 2),
    st.floats(0.2, 1),
    st.sampled_from(["all", *FACES]),
)
def test_intrusion_is_that_of_brute_force(shape, edges, seed, width, share, inlet) -> None:
    pores = noise_pores(shape, seed, width, share)
    truth = brute_intrusion(pores, edges, inlet_mask(shape, FACES if inlet == "all" else [inlet]))
    found = mip(pores, inlet=inlet, voxel_size=edges, threads=1)
    levels, counts = np.unique(truth[pores], return_counts=True)
    np.testing.assert_allclose(found.radius, np.sqrt(levels))
    np.testing.assert_allclose(found.volumes, counts * np.prod(edges))
    assert found.intruded == pytest.approx((truth[pores] > 0).mean())
    assert found.enclosed == pytest.approx(1 - found.intruded)


def break_through(pores: np.ndarray, axis: int) -> float:
    squared = np.rint(ndimage.distance_transform_edt(pores) ** 2).astype(int)
    for level in np.unique(squared[squared > 0])[::-1]:
        numbers, _ = ndimage.label(squared >= level)
        ends = np.moveaxis(numbers, axis, 0)
        if np.intersect1d(ends[0], ends[-1]).max() > 0:
            return float(np.sqrt(level))
    return 0.0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.2, 0.8))
def test_break_through_is_the_largest_sphere_that_gets_through(seed, share) -> None:
    pores = noise_pores((17, 20, 23), seed, 1.5, share)
    found = mip(pores, voxel_size=1)
    for axis, name in enumerate("zyx"):
        assert found.breakthrough[name] == pytest.approx(break_through(pores, axis))


def bottle() -> np.ndarray:
    """Two chambers of radius 10 and 8 joined by a neck of radius 3, the first one open at z = 0."""
    z, y, x = np.indices((62, 25, 25))
    across = (y - 12) ** 2 + (x - 12) ** 2
    return (across < 100) & (z < 24) | (across < 9) & (z < 40) | (across < 64) & (z >= 34) & (z < 55)


def test_a_bottle_is_reached_through_its_neck() -> None:
    pores = bottle()
    sizes = pore_size_distribution(pores, voxel_size=1)
    entered = mip(pores, inlet="z-", voxel_size=1)
    second = np.pi * 64 * 15
    assert sizes.volumes[np.abs(sizes.radius - 8) < 0.8].sum() > 0.9 * second
    assert entered.volumes[np.abs(entered.radius - 8) < 0.8].sum() < 0.1 * second
    assert entered.volumes[entered.radius < 3.5].sum() > 0.9 * second
    assert entered.intruded == 1
    assert entered.breakthrough == {"z": 0.0, "y": 0.0, "x": 0.0}
    closed = mip(pores, inlet="z+", voxel_size=1)
    assert (closed.intruded, closed.r50) == (0, 0)


def test_constrictivity_is_one_without_bottlenecks_and_less_behind_a_neck() -> None:
    tube = np.zeros((40, 15, 15), bool)
    tube[:, 3:12, 3:12] = True
    assert mip(tube, inlet="z-", voxel_size=1).constrictivity(pore_size_distribution(tube, voxel_size=1)) == 1
    assert mip(tube, inlet="z-", voxel_size=0.5).breakthrough["z"] == 2.5
    behind = bottle()
    behind[:24] = False
    behind[:24, 10:15, 10:15] = True
    entered, sizes = mip(behind, inlet="z-", voxel_size=1), pore_size_distribution(behind, voxel_size=1)
    assert entered.constrictivity(sizes) == (entered.r50 / sizes.r50) ** 2 < 0.2
    with pytest.raises(InputError, match="same pores"):
        entered.constrictivity(pore_size_distribution(tube, voxel_size=1))


def test_axes_and_threads_change_nothing() -> None:
    pores = noise_pores((40, 36, 50), 11, 2.5, 0.5)
    one = mip_from_each_face(pores, voxel_size=(1, 2, 1), threads=1)
    other = mip_from_each_face(pores.transpose(2, 0, 1), voxel_size=(1, 1, 2), threads=3)
    for face, turned in {"z-": "y-", "z+": "y+", "y-": "x-", "y+": "x+", "x-": "z-", "x+": "z+"}.items():
        np.testing.assert_array_equal(one.faces[face].radius, other.faces[turned].radius)
        np.testing.assert_array_equal(one.faces[face].volumes, other.faces[turned].volumes)
    assert one.r50 == other.r50
    assert one.r50_spread == other.r50_spread
    assert one.r50_spread == pytest.approx(np.std([face.r50 for face in one.faces.values()], ddof=1))
    alone = mip(pores, inlet="y+", voxel_size=(1, 2, 1))
    np.testing.assert_array_equal(alone.volumes, one.faces["y+"].volumes)


def test_a_thin_sample_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    z, y, x = np.indices((24, 60, 60)) - 30
    pores = (z + 18) ** 2 + y**2 + x**2 > 81
    with caplog.at_level(logging.WARNING):
        found = mip(pores, voxel_size=0.1)
    assert "thin (2.4 um along z)" in found.notes[0]
    assert found.notes[0] in caplog.text
    layers = np.indices((24, 20, 20)).sum(0) % 6 > 0
    assert mip(layers, voxel_size=1).notes == ()


def test_unknown_inlets_are_refused() -> None:
    with pytest.raises(InputError, match="all or one of z-"):
        mip(bottle(), inlet="top", voxel_size=1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.tuples(*[st.integers(1, 3)] * 3), st.floats(0.05, 0.9))
def test_no_particle_is_larger_than_its_bound(seed, edges, share) -> None:
    """Else a thin sample would go unnoticed."""
    pores = noise_pores((23, 30, 18), seed, 2.0, share)
    space = check_pores(pores, voxel_size=edges)
    largest = map_distances(~pores, voxel_size=edges).largest
    assert largest <= _bound_particles(np.asarray(space.data), space) < largest + 4 * 2 * np.linalg.norm(edges)
