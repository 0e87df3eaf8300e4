"""The refinement: its kernels against sums over voxels in NumPy, and its answers on known motion."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from acquisition import Homogeneous, translate
from volcorr._kernels_hessian import PIVOT, hessian, reduce_hessian, transfer
from volcorr._kernels_icgn import project
from volcorr._kernels_linear import cholesky
from volcorr._kernels_linear import solve as solve_in_place
from volcorr._kernels_subset import sample_subset
from volcorr.fields import Status
from volcorr.icgn import Matching, Refined, refine
from volcorr.shapes import monomials
from volcorr.windows import Grey
from volio.simd import LANES, pointer

HALF = np.array([3, 2, 5])
EDGES = tuple(2 * HALF + 1)
LOW = np.array([5, 6, 4])
BOX = tuple(slice(a, a + n) for a, n in zip(LOW, EDGES, strict=True))
SHAPE = (17, 16, 22)

# not cached on disk: a cached caller would keep the code of an older kernel
compiled = numba.njit


@compiled
def run_hessian(f, absent, partial, corner, sz, sy, g, lanes, found, half, terms, h):
    row, plane, moments = np.empty((5, 6)), np.empty((5, 5, 6)), np.empty((5, 5, 5, 6))
    hessian(
        pointer(f), pointer(absent), partial, corner, sz, sy, pointer(g), lanes, found, half, terms,
        row, plane, moments, h,
    )  # fmt: skip


@compiled
def run_transfer(f, absent, partial, corner, sz, sy, half, factors):
    transfer(pointer(f), pointer(absent), partial, corner, sz, sy, half, factors)


@compiled
def run_project(f, absent, partial, corner, sz, sy, g, lanes, half, terms, f_mean, g_mean, scale, b):
    row, plane = np.empty((3, 3)), np.empty((3, 3, 3))
    return project(
        pointer(f), pointer(absent), partial, corner, sz, sy, pointer(g), lanes, half, terms, f_mean, g_mean, scale,
        row, plane, b,
    )  # fmt: skip


@compiled
def run_sample(c, f, absent, partial, corner, sz, sy, target, tz, ty, quintic, p, half, out, lanes):
    weights = np.empty(21 * LANES, np.float32)
    return sample_subset(
        pointer(c), pointer(f), pointer(absent), partial, corner, sz, sy, target, tz, ty, quintic, pointer(weights),
        p, half, out, lanes,
    )  # fmt: skip


@compiled
def run_reduce(h, basis, out):
    reduce_hessian(h, basis, out)


@compiled
def factorise(h):
    return cholesky(h, PIVOT)


@compiled
def solve(factor, b):
    solve_in_place(factor, b)


def padded(values):
    """Return a copy that whole vectors can be read from behind its end."""
    buffer = np.zeros(values.size + 2 * LANES, np.float32)
    buffer[: values.size] = values.ravel()
    return buffer[: values.size].reshape(values.shape)


@pytest.fixture(scope="module", params=["complete", "partial"])
def window(request):
    """Grey window, mark of what is absent (NaN), whether some is, and which voxels of the subset are used."""
    rng = np.random.default_rng(3)
    f = padded(rng.normal(size=SHAPE))
    absent = padded(np.where(rng.random(SHAPE) < 0.2, np.nan, 0.0))
    partial = request.param == "partial"
    return f, absent, partial, np.isfinite(absent[BOX]) if partial else np.ones(EDGES, bool)


def place():
    sy = SHAPE[2]
    sz = sy * SHAPE[1]
    return int(LOW[0] * sz + LOW[1] * sy + LOW[2]), sz, sy


def gradients(f):
    return [ndimage.correlate1d(f.astype(float), [-0.5, 0, 0.5], axis=axis)[BOX] for axis in range(3)]


def steepest(f, terms):
    """Derivatives by the parameters (voxels of the subset, 3 terms)."""
    offsets = np.stack(np.meshgrid(*[np.arange(-h, h + 1) for h in HALF], indexing="ij"), -1)
    return np.concatenate([g[..., None] * monomials(offsets)[..., :terms] for g in gradients(f)], axis=-1)


@pytest.mark.parametrize("found", [False, True])
@pytest.mark.parametrize("terms", [4, 10])
def test_hessian_is_the_sum_over_voxels(window, terms, found):
    """Over those of the reference, or over those of them that were found in the deformed volume as well."""
    f, absent, partial, used = window
    lanes = -(-EDGES[2] // LANES) * LANES
    g = np.zeros((*EDGES[:2], lanes), np.float32)
    g[4:] = np.nan
    if found:
        used = used & np.isfinite(g[..., : EDGES[2]])
    h = np.empty((3 * terms, 3 * terms))
    run_hessian(f, absent, partial, *place(), g, lanes, found, HALF, terms, h)
    columns = steepest(f, terms)[used]
    expected = columns.T @ columns
    size = np.sqrt(np.diag(expected))  # float32 sums over rows
    np.testing.assert_allclose(h / np.outer(size, size), expected / np.outer(size, size), atol=2e-6)


@pytest.mark.parametrize("terms", [4, 10])
def test_projection_is_the_sum_over_voxels(window, terms):
    f, absent, partial, used = window
    lanes = -(-EDGES[2] // LANES) * LANES
    g = np.full((*EDGES[:2], lanes), 1e30, np.float32)  # lanes behind a row are not used
    g[..., : EDGES[2]] = np.random.default_rng(5).normal(2, 3, EDGES)
    g[1, 2, 3], g[5, 0, 10] = np.nan, np.nan
    there = used & np.isfinite(g[..., : EDGES[2]])
    f_mean, g_mean, scale = 0.3, 2.1, 0.4
    b = np.empty(3 * terms)
    squares = run_project(f, absent, partial, *place(), g, lanes, HALF, terms, f_mean, g_mean, scale, b)
    residual = scale * (g[..., : EDGES[2]].astype(float) - g_mean) - (f[BOX] - f_mean)
    columns = steepest(f, terms)
    expected = np.where(there, residual, 0.0).ravel() @ np.where(there[..., None], columns, 0).reshape(-1, 3 * terms)
    size = np.linalg.norm(columns.reshape(-1, 3 * terms), axis=0)
    np.testing.assert_allclose(b / size, expected / size, atol=1e-5)
    assert squares == pytest.approx((residual[there] ** 2).sum(), rel=1e-5)


def test_transfer_compares_two_differences(window):
    f, absent, partial, used = window
    factors = np.empty(3)
    run_transfer(f, absent, partial, *place(), HALF, factors)
    planes = slice(HALF[0] % 3, None, 3)
    keep = used[planes]
    for axis, factor in enumerate(factors):
        short = ndimage.correlate1d(f.astype(float), [-0.5, 0, 0.5], axis=axis)[BOX][planes][keep]
        long = ndimage.correlate1d(f.astype(float), np.array([1, -8, 0, 8, -1]) / 12, axis=axis)[BOX][planes][keep]
        assert factor == pytest.approx((short * long).sum() / (short**2).sum(), rel=1e-5)


def test_transfer_of_a_wave_is_known():
    """A central difference sees sin(w) / w of a slope; the longer one misses only the fifth power of w."""
    omega = 0.6
    f = padded(np.broadcast_to(np.cos(omega * np.arange(SHAPE[2])), SHAPE))
    factors = np.empty(3)
    run_transfer(f, f, False, *place(), HALF, factors)
    np.testing.assert_allclose(
        factors, [1, 1, (8 * np.sin(omega) - np.sin(2 * omega)) / (6 * np.sin(omega))], rtol=1e-5
    )


@pytest.mark.parametrize("quintic", [None, True])
def test_a_warped_subset_is_what_scipy_interpolates(window, quintic):
    f, absent, partial, used = window
    rng = np.random.default_rng(1)
    degree = 5 if quintic else 3
    grey = ndimage.gaussian_filter(rng.normal(size=(30, 32, 34)), 0.7)
    c = padded(ndimage.spline_filter(grey, degree, mode="mirror"))
    centre = np.array([15, 16, 17])
    target = int((centre[0] * 32 + centre[1]) * 34 + centre[2])
    lanes = -(-EDGES[2] // LANES) * LANES
    out = np.empty((*EDGES[:2], lanes), np.float32)
    p = rng.uniform(-1, 1, (3, 10)) * ([2.0] + [0.15] * 3 + [0.01] * 6)
    n, f1, f2, g1, g2 = run_sample(c, f, absent, partial, *place(), target, 32 * 34, 34, quintic, p, HALF, out, lanes)
    offsets = np.stack(np.meshgrid(*[np.arange(-h, h + 1) for h in HALF], indexing="ij"), -1)
    positions = centre + offsets + monomials(offsets) @ p.T
    assert positions.min() > 3
    expected = ndimage.map_coordinates(
        c.astype(float), np.moveaxis(positions, -1, 0), order=degree, mode="mirror", prefilter=False
    )
    np.testing.assert_allclose(out[..., : EDGES[2]], expected, atol=3e-5)
    own = f[BOX][used].astype(float)
    assert n == used.sum()
    np.testing.assert_allclose([f1, f2], [own.sum(), (own**2).sum()], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose([g1, g2], [expected[used].sum(), (expected[used] ** 2).sum()], rtol=1e-3, atol=1e-3)


def test_reduction_keeps_the_allowed_motions():
    rng = np.random.default_rng(0)
    root, basis = rng.normal(size=(12, 12)), rng.normal(size=(6, 12)) * (rng.random((6, 12)) < 0.5)
    out = np.empty((6, 6))
    run_reduce(root @ root.T, basis, out)
    np.testing.assert_allclose(out, basis @ root @ root.T @ basis.T, atol=1e-12)


@given(st.integers(0, 2**31), st.sampled_from([3, 6, 12, 30]))
@settings(max_examples=20, deadline=None)
def test_cholesky_solves_what_numpy_solves(seed, size):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    matrix, right = root @ root.T + np.eye(size), rng.normal(size=size)
    factor, solution = matrix.copy(), right.copy()
    assert factorise(factor)
    np.testing.assert_allclose(np.tril(factor), np.linalg.cholesky(matrix), atol=1e-9)
    solve(factor, solution)
    np.testing.assert_allclose(solution, np.linalg.solve(matrix, right), rtol=1e-7, atol=1e-9)


def test_cholesky_notices_a_singular_matrix():
    columns = np.random.default_rng(0).normal(size=(50, 12))
    columns[:, 7] = columns[:, 2]
    assert not factorise(columns.T @ columns)
    assert not factorise(np.zeros((3, 3)))
    assert not factorise(np.full((3, 3), np.nan))


# ---- the whole refinement


def grey(voxels, mask=None):
    good = voxels[np.isfinite(voxels)].astype(float)
    return Grey(voxels, float(good.mean()), float(good.std()), good.size == voxels.size, mask)


def run(pair, points, start=None, *, masks=(None, None), threads=None, **options):
    points = np.atleast_2d(np.asarray(points, np.int64))
    start = np.zeros((len(points), 3, 4)) if start is None else start
    volumes = (grey(v, m) for v, m in zip((pair.reference, pair.deformed), masks, strict=True))
    return refine(*volumes, points, start, Matching(**{"half": (10, 10, 10)} | options), threads=threads)


def lattice(low, high, step):
    axis = np.arange(low, high, step)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)


def test_displacement_and_gradient_of_a_homogeneous_motion(make_pair):
    deformation = np.eye(3) + np.array([[-0.03, 0.01, 0.0], [0.02, 0.01, -0.02], [0.0, 0.015, 0.02]])
    motion = Homogeneous(deformation, centre=(31.5, 31.5, 31.5), shift=(0.4, -0.3, 0.7))
    points = [[32, 32, 32], [24, 36, 30], [40, 28, 34]]
    found = run(make_pair(motion), points)
    assert (found.status == Status.VALID).all()
    np.testing.assert_allclose(found.parameters[:, :, 0], motion.displacement(points), atol=5e-4)
    np.testing.assert_allclose(found.parameters[:, :, 1:4], motion.gradient(points), atol=2e-4)
    assert (found.cc > 0.9999).all()
    assert (found.share == 1).all()
    assert (found.iterations <= 8).all()


@pytest.mark.parametrize("shape", ["translation", "rigid", "affine", "quadratic"])
def test_parameters_that_are_kept(make_pair, shape):
    found = run(make_pair(translate((0.2, 0.1, -0.1))), [[32, 32, 32]], shape=shape)
    assert found.parameters.shape == (1, 3, 10 if shape == "quadratic" else 4)
    assert run(make_pair(translate((0, 0, 0))), np.empty((0, 3), int), shape=shape).parameters.shape == (
        0,
        *found.parameters.shape[1:],
    )


def test_a_subset_may_have_three_different_edges(make_pair):
    motion = translate((0.25, 0.5, -0.75))
    found = run(make_pair(motion), [[32, 32, 32]], half=(6, 9, 13), tolerance=1e-4)
    np.testing.assert_allclose(found.parameters[0, :, 0], motion.shift, atol=5e-4)


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("snr", [20, 5])
def test_sigma_is_the_scatter_of_noise(make_pair, snr, noise):
    pair = make_pair(translate((0.3, 0.3, 0.3)))
    points = lattice(13, 52, 6)
    rng, scatter, sigma = np.random.default_rng(2), [], []
    for _ in range(3):  # realisations of noise
        volumes = [v + rng.normal(0, 15 / snr, v.shape) for v in (pair.reference, pair.deformed)]
        known = 15 / snr / volumes[0].std() if noise else 0.0
        found = run(type(pair)(*volumes, pair.motion), points, noise=known)
        scatter.append((found.parameters[:, :, 0] - 0.3).std())
        sigma.append(found.sigma.mean())
    assert np.mean(sigma) == pytest.approx(np.mean(scatter), rel=0.12)


def test_correlation_is_that_of_the_matched_subsets(make_pair):
    """The reported number is the zero-normalised cross-correlation, computed here with NumPy."""
    pair = make_pair(translate((2.0, -3.0, 1.0)))
    noisy = type(pair)(pair.reference, pair.deformed + np.random.default_rng(0).normal(0, 8, (64,) * 3), pair.motion)
    start = np.zeros((1, 3, 4))
    start[0, :, 0] = 2, -3, 1
    found = run(noisy, [[32, 32, 32]], start, shape="translation", max_iterations=1, min_cc=0.0)
    one = noisy.reference[22:43, 22:43, 22:43]
    two = noisy.deformed[24:45, 19:40, 23:44]
    assert found.cc[0] == pytest.approx(np.corrcoef(one.ravel(), two.ravel())[0, 1], abs=1e-5)


def test_points_below_the_least_correlation_are_invalid(compressed):
    rng = np.random.default_rng(4)
    noisy = type(compressed)(compressed.reference + rng.normal(0, 5, (64,) * 3), compressed.deformed, compressed.motion)
    strict, mild = (run(noisy, [[32, 32, 32]], min_cc=least) for least in (0.99, 0.8))
    assert strict.status[0] == Status.LOW_CORRELATION
    assert mild.status[0] == Status.VALID
    assert strict.cc[0] == mild.cc[0] == pytest.approx(0.95, abs=0.03)


def test_every_failure_has_its_status(make_pair):
    pair = make_pair(translate((0.0, 0.0, 0.0)))

    def changed(reference=None, deformed=None):
        return type(pair)(
            pair.reference if reference is None else reference, pair.deformed if deformed is None else deformed, None
        )

    flat = pair.reference.copy()
    flat[:, :, :32] = 100.0
    assert run(changed(flat), [[32, 32, 16]]).status[0] == Status.NO_TEXTURE
    layered = np.broadcast_to(pair.reference[:, :1, :1], (64,) * 3).copy()
    assert run(changed(layered), [[32, 32, 32]]).status[0] == Status.NO_TEXTURE
    assert run(changed(layered), [[32, 32, 32]], shape="translation").status[0] == Status.NO_TEXTURE
    start = np.zeros((1, 3, 4))
    start[0, 2, 0] = 25.0
    assert run(pair, [[32, 32, 40]], start).status[0] == Status.OUTSIDE_VOLUME
    start[0, 2, 0] = 500.0
    assert run(pair, [[32, 32, 40]], start).status[0] == Status.OUTSIDE_VOLUME
    start[0, 2, 0] = 1.5
    assert run(pair, [[32, 32, 32]], start, max_iterations=1).status[0] == Status.NOT_CONVERGED
    noise = np.random.default_rng(0).normal(size=(64,) * 3)
    lost = run(changed(deformed=noise), [[32, 32, 32]])
    assert lost.status[0] in (Status.LOW_CORRELATION, Status.NOT_CONVERGED, Status.OUTSIDE_VOLUME)
    empty = np.where(np.arange(64) < 60, 7.0, pair.deformed)
    assert run(changed(deformed=empty), [[32, 32, 32]]).status[0] == Status.NOT_CONVERGED
    mask = np.zeros((64,) * 3, bool)
    mask[:20] = True
    assert run(pair, [[32, 32, 32]], masks=(mask, None)).status[0] == Status.OUTSIDE_MASK
    assert run(pair, [[32, 32, 32]], masks=(None, mask)).status[0] == Status.OUTSIDE_VOLUME
    # the centre is in, but too little of the subset; and the other way round
    mask[31:34] = True
    assert run(pair, [[32, 32, 32]], masks=(mask, None)).status[0] == Status.OUTSIDE_MASK
    mask[:] = True
    mask[32, 32, 32] = False
    assert run(pair, [[32, 32, 32]], masks=(mask, None)).status[0] == Status.OUTSIDE_MASK
    assert run(pair, [[32, 32, 33]], masks=(mask, None)).status[0] == Status.VALID


def test_known_noise_rules_out_texture_that_does_not_hold_a_subset(make_pair):
    pair = make_pair(translate((0.1, 0.1, 0.1)))
    weak = [v.copy() for v in (pair.reference, pair.deformed)]
    rng = np.random.default_rng(0)
    for v in weak:
        v[:, :, :32] = 128 + (v[:, :, :32] - 128) * 0.02
        v += rng.normal(0, 2.0, v.shape)
    points = [[32, 32, 16], [32, 32, 48]]
    normal = 2.0 / weak[0].std()
    found = run(type(pair)(*weak, None), points, noise=normal, half=(6, 6, 6))
    assert list(found.status) == [Status.NO_TEXTURE, Status.VALID]


@pytest.mark.parametrize("shape", ["translation", "rigid", "affine", "quadratic"])
@pytest.mark.parametrize("hole", ["deformed", "reference", "both"])
def test_partial_subsets_use_what_is_there(make_pair, shape, hole):
    """A hole on one side of a subset does not pull the answer, in whichever volume it is, and costs few iterations."""
    pair = make_pair(translate((0.3, -0.4, 0.6)))
    reference, deformed = pair.reference.copy(), pair.deformed.copy()
    if hole != "deformed":
        reference[:, :28] = np.nan
    if hole != "reference":
        deformed[42:] = np.nan  # and four planes more, whose coefficients it spoils
    points = lattice(30, 34, 2)
    found = run(type(pair)(reference, deformed, None), points, min_share=0.3, shape=shape)
    assert (found.status == Status.VALID).all()
    assert ((found.share > 0.35) & (found.share < 0.9)).all()
    assert found.iterations.max() <= 8
    error = np.abs(found.parameters[:, :, 0] - (0.3, -0.4, 0.6))
    assert error.max() < (6e-3 if shape == "quadratic" else 3e-3)
    none = run(type(pair)(reference, deformed, None), points, min_share=0.95, shape=shape)
    assert np.isin(none.status, (Status.OUTSIDE_VOLUME, Status.OUTSIDE_MASK, Status.BAD_VOXELS)).all()


def test_a_match_by_chance_is_not_valid():
    """Small subsets of unrelated texture correlate by 0.5 to 0.8 somewhere; what is left over tells."""
    rng = np.random.default_rng(0)
    one, two = (ndimage.gaussian_filter(rng.normal(size=(64,) * 3), 2).astype(np.float32) for _ in range(2))
    points = lattice(16, 50, 4)
    for shape in ("translation", "rigid", "affine"):
        found = refine(
            grey(one), grey(two), points, np.zeros((len(points), 3, 4)), Matching(half=(4, 4, 4), shape=shape)
        )
        assert (found.status == Status.VALID).mean() < 2e-3, shape


def test_what_a_point_gives_does_not_depend_on_the_others(compressed):
    points = lattice(14, 50, 11)
    rng = np.random.default_rng(0)
    start = np.zeros((len(points), 3, 4))
    start[:, :, 0] = rng.uniform(-1, 1, (len(points), 3))
    together = run(compressed, points, start)
    order = rng.permutation(len(points))
    shuffled = run(compressed, points[order], start[order])
    for name in ("parameters", "cc", "sigma", "iterations", "share", "status"):
        np.testing.assert_array_equal(getattr(together, name)[order], getattr(shuffled, name))
    for i in (0, 17, 40):
        alone = run(compressed, points[i], start[i : i + 1])
        np.testing.assert_array_equal(alone.parameters[0], together.parameters[i])
        np.testing.assert_array_equal(alone.sigma[0], together.sigma[i])


@pytest.mark.parametrize("shape", ["affine", "quadratic"])
def test_threads_do_not_change_a_bit(compressed, shape):
    points = lattice(14, 50, 9)
    one, three = (run(compressed, points, threads=n, shape=shape) for n in (1, 3))
    np.testing.assert_array_equal(one.parameters, three.parameters)
    np.testing.assert_array_equal(one.sigma, three.sigma)


def test_rows_are_taken_and_put():
    found = Refined.unmeasured(np.array([0, 3, 6], np.uint8), terms=4)
    other = found.take(np.array([2]))
    assert other.status[0] == 6
    other.cc[:] = 0.25
    found.put(np.array([1]), other)
    assert list(found.status) == [0, 6, 6]
    assert found.cc[1] == 0.25
    assert np.isnan(found.cc[[0, 2]]).all()
