"""Gauss-Newton alignment: its sums against plain NumPy, and motions found from a voxel away."""

import numpy as np
import pytest
from scipy import ndimage

from acquisition import BlobTexture
from acquisition.motion import Homogeneous
from volcorr._kernels_alignment import add_up
from volcorr.alignment import Frame, Motion, align, move_back
from volcorr.masked_correlation import MaskedVolume

SHAPE = (20, 22, 24)
CENTRE = (np.array(SHAPE) - 1) / 2
UNIT = Frame(np.ones(3), CENTRE)
TILT = Motion(np.array([[0.97, 0.05, 0.02], [-0.04, 1.02, 0.06], [-0.03, -0.05, 1.01]]), np.array([1.3, -0.8, 0.6]))


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    grey = [ndimage.gaussian_filter(rng.normal(size=SHAPE), 1).astype(np.float32) * 5 for _ in range(2)]
    weights = [(ndimage.gaussian_filter(rng.normal(size=SHAPE), 2) > -0.1).astype(np.float32) for _ in range(2)]
    return [MaskedVolume(*parts) for parts in zip(grey, weights, strict=True)]


def moved_places(motion):
    indices = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), -1).reshape(-1, 3)
    return indices, (indices - CENTRE) @ motion.deformation.T + CENTRE + motion.shift


def test_the_moved_volume_is_interpolated_where_all_neighbours_are_good(pair):
    _, places = moved_places(TILT)
    found = move_back(pair[1], TILT, UNIT, SHAPE)
    inside = np.all((places >= 0) & (places <= np.array(SHAPE) - 1), axis=1)
    weight = ndimage.map_coordinates(pair[1].weights, places.T, order=1, mode="nearest", output=float)
    good = (inside & (weight > 0.999)).reshape(SHAPE)
    assert np.mean((found.weights > 0.5) != good) < 1e-3  # places that are all but on a voxel
    good &= found.weights > 0.5
    grey = ndimage.map_coordinates(pair[1].values, places.T, order=1, output=float).reshape(SHAPE)
    np.testing.assert_allclose(found.values[good], grey[good], atol=1e-5)


def test_sums_are_those_of_numpy(pair):
    one, two = pair
    slopes = np.stack([np.gradient(one.values, axis=axis) for axis in range(3)])
    sums, linear, square = np.zeros(9), np.zeros((3, 12)), np.zeros((12, 12))
    add_up(
        one.values,
        slopes,
        one.weights,
        two.values,
        two.weights,
        UNIT.places(TILT),
        0,
        SHAPE[0],
        np.empty((2, SHAPE[2]), np.float32),
        sums,
        linear,
        square,
    )
    moved = move_back(two, TILT, UNIT, SHAPE)
    use = ((one.weights > 0.5) & (moved.weights > 0.5)).ravel()
    places = moved_places(TILT)[0][use].astype(float)
    f, g = one.values.ravel()[use].astype(float), moved.values.ravel()[use].astype(float)
    lever = np.column_stack([np.ones(len(f)), places])
    jacobian = (slopes.reshape(3, -1).T[use][:, :, None] * lever[:, None]).reshape(-1, 12)
    expected = [len(f), f.sum(), g.sum(), f @ f, g @ g, f @ g, *places.sum(axis=0)]
    np.testing.assert_allclose(sums, expected, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(linear, [jacobian.sum(axis=0), f @ jacobian, g @ jacobian], rtol=1e-4, atol=0.1)
    np.testing.assert_allclose(square, jacobian.T @ jacobian, rtol=1e-4, atol=0.5)


@pytest.mark.parametrize("planes", [5, 8, 19])
def test_every_plane_counts_once(pair, planes):
    """Planes are shared out in parts, whether or not they divide by their number."""
    thin = MaskedVolume(pair[0].values[:planes], pair[0].weights[:planes])
    found = align(thin, thin, Motion(np.eye(3), np.zeros(3)), UNIT, steps=0, tolerance=0.01, threads=2)
    assert found.overlap == np.count_nonzero(thin.weights > 0.5)
    assert found.cc == pytest.approx(1)


@pytest.fixture(scope="module")
def texture():
    return BlobTexture.random((32, 32, 32), rng=1, sigma=(2.0, 2.5))


@pytest.mark.parametrize("factor", [(1, 1, 1), (1, 2, 4)], ids=["cubes", "flat blocks"])
def test_an_affine_motion_is_found_whatever_contrast_brightness_and_voxels(texture, factor):
    shape, centre = (32, 32, 32), (15.5, 15.5, 15.5)
    truth = Homogeneous(TILT.deformation, centre=centre, shift=(0.8, -0.6, 0.7))
    # voxels of another shape: the same grey values, taken for blocks of a larger volume
    frame = Frame(np.array(factor, float), np.array(centre))
    one, two = texture.render(shape), 7 - 0.02 * texture.render(shape, motion=truth) * -3
    everywhere = np.ones(shape, np.float32)
    pair = MaskedVolume(one, everywhere), MaskedVolume(two.astype(np.float32), everywhere)
    found = align(*pair, Motion(np.eye(3), np.zeros(3)), frame, steps=30, tolerance=1e-3)
    turn = found.motion.deformation * frame.factor / frame.factor[:, None]
    np.testing.assert_allclose(found.motion.shift / frame.factor, truth.shift, atol=0.03)
    np.testing.assert_allclose(turn, truth.deformation, atol=0.004)
    assert found.cc > 0.98
    assert found.overlap > 0.7 * 32**3


def test_too_few_voxels_in_common_align_nothing(pair):
    far = Motion(np.eye(3), np.array([19.0, 20.0, 0.0]))
    assert align(*pair, far, UNIT, steps=5, tolerance=0.01).cc == 0
    flat = MaskedVolume(np.zeros(SHAPE, np.float32), np.ones(SHAPE, np.float32))
    assert align(flat, flat, TILT, UNIT, steps=5, tolerance=0.01).cc == 0
