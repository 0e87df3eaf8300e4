"""The refinement, its kernels against NumPy and SciPy, and its answers on known motion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from acquisition import Homogeneous, rotate, translate
from volcorr import _kernels_icgn as kernels
from volcorr._kernels_sampling import LANES, warp
from volcorr.fields import Status
from volcorr.grey import normalise
from volcorr.icgn import pad_for_lanes, refine
from volcorr.interpolation import bspline_coefficients
from volio import Volume

SHAPE = (5, 7, 9)
HALF = (2, 3, 4)


def rows_of(values, shape=SHAPE):
    out = np.zeros((shape[0] * shape[1], shape[2] + LANES), np.float32)
    out[:, : shape[2]] = values.reshape(-1, shape[2])
    return out


def coordinates(shape=SHAPE):
    half = [n // 2 for n in shape]
    z, y, x = np.meshgrid(*[np.arange(-h, h + 1) for h in half], indexing="ij")
    return z, y, x


def row_coordinates():
    z, y, x = coordinates()
    return z[:, :, 0].ravel().astype(float), y[:, :, 0].ravel().astype(float), x[0, 0].astype(np.float32)


@pytest.fixture(scope="module")
def subset():
    volume = np.random.default_rng(3).normal(size=(20, 20, 20)).astype(np.float32)
    f, gz, gy, gx = (np.zeros((35, 9 + LANES), np.float32) for _ in range(4))
    kernels.load_subset(volume, 4, 5, 6, SHAPE, f, gz, gy, gx)
    return volume, f, (gz, gy, gx)


def cut(rows):
    return rows[:, :9].reshape(SHAPE).astype(float)


def test_a_subset_and_its_gradients(subset):
    volume, f, gradients = subset
    box = (slice(4, 9), slice(5, 12), slice(6, 15))
    np.testing.assert_array_equal(cut(f), volume[box])
    weights = np.array([1, -8, 0, 8, -1]) / 12
    for axis, g in enumerate(gradients):
        expected = ndimage.correlate1d(volume.astype(float), weights, axis=axis)[box]
        np.testing.assert_allclose(cut(g), expected, atol=1e-5)


def test_gradients_of_a_cubic_are_exact():
    z, y, x = np.meshgrid(*[np.arange(20.0)] * 3, indexing="ij")
    volume = (z**3 / 100 + y**2 / 10 * x).astype(np.float32)
    f, gz, gy, gx = (np.zeros((35, 9 + LANES), np.float32) for _ in range(4))
    kernels.load_subset(volume, 4, 5, 6, SHAPE, f, gz, gy, gx)
    box = (slice(4, 9), slice(5, 12), slice(6, 15))
    np.testing.assert_allclose(cut(gz), (3 * z**2 / 100)[box], rtol=1e-4)
    np.testing.assert_allclose(cut(gy), (y / 5 * x)[box], rtol=1e-4)
    np.testing.assert_allclose(cut(gx), (y**2 / 10)[box], rtol=1e-4)


def steepest(gradients):
    """All voxels' derivatives (voxels, 12) by the parameters."""
    z, y, x = coordinates()
    monomials = np.stack([np.ones(SHAPE), z, y, x])
    return np.stack([cut(g) * m for g in gradients for m in monomials]).reshape(12, -1).T


def test_hessian_is_the_sum_over_voxels(subset):
    _, _, gradients = subset
    h = np.empty((12, 12))
    kernels.hessian(*gradients, *row_coordinates(), 9, h)
    columns = steepest(gradients)
    np.testing.assert_allclose(h, columns.T @ columns, rtol=1e-5, atol=1e-3)


def test_projection_is_the_sum_over_voxels(subset):
    _, f, gradients = subset
    g = rows_of(np.random.default_rng(5).normal(size=SHAPE))
    sums = np.empty(12)
    total, squares, cross = kernels.project(f, g, *gradients, *row_coordinates(), 9, sums)
    np.testing.assert_allclose(sums, steepest(gradients).T @ cut(g).ravel(), atol=1e-3)
    np.testing.assert_allclose(
        [total, squares, cross], [cut(g).sum(), (cut(g) ** 2).sum(), (cut(f) * cut(g)).sum()], rtol=1e-4
    )


def test_centre_removes_the_mean():
    values = np.random.default_rng(0).normal(5, 2, SHAPE)
    rows = rows_of(values)
    norm = kernels.centre(rows, 9)
    np.testing.assert_allclose(cut(rows), values - values.mean(), atol=1e-5)
    assert norm == pytest.approx(np.linalg.norm(values - values.mean()), rel=1e-5)


@given(st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_cholesky_solves_what_numpy_solves(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(12, 12))
    matrix, right = root @ root.T + np.eye(12), rng.normal(size=12)
    factor, solution = matrix.copy(), right.copy()
    assert kernels.cholesky(factor)
    kernels.solve(factor, solution)
    np.testing.assert_allclose(solution, np.linalg.solve(matrix, right), rtol=1e-7, atol=1e-9)


def test_cholesky_notices_a_singular_matrix():
    columns = np.random.default_rng(0).normal(size=(50, 12))
    columns[:, 7] = columns[:, 2]
    assert not kernels.cholesky(columns.T @ columns)


def matrix_of(p):
    return np.vstack([np.column_stack([p[:, 1:] + np.eye(3), p[:, 0]]), [0, 0, 0, 1]])


@given(st.lists(st.floats(-0.2, 0.2), min_size=24, max_size=24))
@settings(max_examples=20, deadline=None)
def test_composition_is_that_of_matrices(values):
    p, dp = np.reshape(values, (2, 3, 4)).copy()
    expected = matrix_of(p) @ np.linalg.inv(matrix_of(dp))
    assert kernels.compose(p, dp)
    np.testing.assert_allclose(matrix_of(p), expected, atol=1e-12)


def test_composition_refuses_a_collapsed_warp():
    p, dp = np.zeros((3, 4)), np.zeros((3, 4))
    dp[0, 1] = -1.0
    assert not kernels.compose(p, dp)


@given(st.lists(st.floats(-0.3, 0.3), min_size=9, max_size=9), st.tuples(*[st.floats(-3, 3)] * 3))
@settings(max_examples=25, deadline=None)
def test_a_warped_subset_is_what_scipy_interpolates(slopes, shift):
    volume = np.random.default_rng(1).normal(size=(40, 40, 40)).astype(np.float32)
    coefficients = pad_for_lanes(bspline_coefficients(volume))
    p = np.column_stack([shift, np.reshape(slopes, (3, 3))])
    out = np.zeros((35, 9 + LANES), np.float32)
    work = np.zeros((3, 9 + LANES), np.float32), np.zeros((3, 9), np.int32)
    warp(coefficients, 20, 20, 20, p, *row_coordinates(), 9, *work, out)
    offsets = np.stack(coordinates()).reshape(3, -1)
    positions = 20 + offsets + p[:, :1] + p[:, 1:] @ offsets
    expected = ndimage.map_coordinates(volume.astype(float), positions, order=3, mode="mirror")
    np.testing.assert_allclose(cut(out).ravel(), expected, atol=2e-4)


def run(pair, points, start=None, **options):
    reference, deformed = (normalise(Volume(v), name="volume").values for v in (pair.reference, pair.deformed))
    coefficients = pad_for_lanes(bspline_coefficients(deformed))
    points = np.atleast_2d(np.asarray(points, np.int64))
    start = np.zeros((len(points), 3, 4)) if start is None else start
    settings_ = {"half": (10, 10, 10), "min_cc": 0.5, "max_iterations": 30, "tolerance": 1e-3} | options
    return refine(reference, coefficients, points, start, **settings_)


def test_displacement_and_gradient_of_a_homogeneous_motion(make_pair):
    deformation = np.eye(3) + np.array([[-0.03, 0.01, 0.0], [0.02, 0.01, -0.02], [0.0, 0.015, 0.02]])
    motion = Homogeneous(deformation, centre=(31.5, 31.5, 31.5), shift=(0.4, -0.3, 0.7))
    points = [[32, 32, 32], [24, 36, 30], [40, 28, 34]]
    found = run(make_pair(motion), points)
    assert (found.status == Status.VALID).all()
    np.testing.assert_allclose(found.parameters[:, :, 0], motion.displacement(points), atol=5e-4)
    np.testing.assert_allclose(
        found.parameters[:, :, 1:], np.broadcast_to(deformation - np.eye(3), (3, 3, 3)), atol=2e-4
    )
    assert (found.cc > 0.9999).all()


def test_rotation_from_a_zero_start(make_pair):
    motion = rotate(5, centre=(31.5, 31.5, 31.5))
    found = run(make_pair(motion), [[32, 32, 32]])
    np.testing.assert_allclose(found.parameters[0, :, 0], motion.displacement([32, 32, 32]), atol=1e-3)


def test_a_subset_may_have_three_different_edges(make_pair):
    motion = translate((0.25, 0.5, -0.75))
    found = run(make_pair(motion), [[32, 32, 32]], half=(6, 9, 13))
    np.testing.assert_allclose(found.parameters[0, :, 0], motion.shift, atol=5e-4)


@pytest.mark.parametrize("snr", [20, 10, 5])
def test_sigma_is_the_scatter_of_noise(make_pair, snr):
    pair = make_pair(translate((0.3, 0.3, 0.3)))
    axis = np.arange(13, 52, 6)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    rng, scatter, sigma = np.random.default_rng(2), [], []
    for _ in range(3):  # realisations of noise
        volumes = [v + rng.normal(0, 15 / snr, v.shape) for v in (pair.reference, pair.deformed)]
        found = run(type(pair)(*volumes, pair.motion), points)
        scatter.append((found.parameters[:, :, 0] - 0.3).std())
        sigma.append(found.sigma.mean())
    assert np.mean(sigma) == pytest.approx(np.mean(scatter), rel=0.1)


def test_points_below_the_least_correlation_are_invalid(compressed):
    rng = np.random.default_rng(4)
    noisy = type(compressed)(compressed.reference + rng.normal(0, 5, (64,) * 3), compressed.deformed, compressed.motion)
    strict, mild = (run(noisy, [[32, 32, 32]], min_cc=least) for least in (0.99, 0.8))
    assert strict.status[0] == Status.LOW_CORRELATION
    assert mild.status[0] == Status.VALID
    assert strict.cc[0] == mild.cc[0] == pytest.approx(0.95, abs=0.03)


def test_every_failure_has_its_status(make_pair):
    pair = make_pair(translate((0.0, 0.0, 0.0)))
    flat = type(pair)(pair.reference.copy(), pair.deformed.copy(), pair.motion)
    flat.reference[:, :, :32] = 100.0
    start = np.zeros((1, 3, 4))
    start[0, 2, 0] = 25.0
    assert run(flat, [[32, 32, 16]]).status[0] == Status.NO_TEXTURE
    layered = type(pair)(np.broadcast_to(pair.reference[:, :1, :1], (64,) * 3).copy(), pair.deformed, pair.motion)
    assert run(layered, [[32, 32, 32]]).status[0] == Status.NO_TEXTURE
    assert run(pair, [[32, 32, 40]], start=start).status[0] == Status.OUTSIDE_VOLUME
    assert run(pair, [[32, 32, 32]], start=start * 0.06, max_iterations=1).status[0] == Status.NOT_CONVERGED
    noise = type(pair)(pair.reference, np.random.default_rng(0).normal(size=(64,) * 3), pair.motion)
    lost = run(noise, [[32, 32, 32]])
    assert lost.status[0] in (Status.LOW_CORRELATION, Status.NOT_CONVERGED, Status.OUTSIDE_VOLUME)
    empty = type(pair)(pair.reference, np.where(np.arange(64) < 60, 7.0, pair.deformed), pair.motion)
    assert run(empty, [[32, 32, 32]]).status[0] == Status.NOT_CONVERGED


def test_threads_do_not_change_a_bit(compressed):
    axis = np.arange(14, 50, 5)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    one, three = (run(compressed, points, threads=n) for n in (1, 3))
    np.testing.assert_array_equal(one.parameters, three.parameters)
    np.testing.assert_array_equal(one.sigma, three.sigma)
