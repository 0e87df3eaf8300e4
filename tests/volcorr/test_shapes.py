"""Shape functions: the motions of a subset, their composition, and what each recovers of its own kind."""

import itertools

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from acquisition import BlobTexture, Homogeneous, Motion, rotate, translate
from volcorr import _kernels_warp as kernels
from volcorr.fields import Status
from volcorr.icgn import Matching, refine
from volcorr.shapes import SHAPES, monomials, shape_function
from volcorr.windows import Grey
from volio import InputError

HALF = (16, 16, 16)


@numba.njit  # not cached on disk: a cached caller would keep the code of an older kernel
def compose(p, dp, rigid, left, right):
    return kernels.compose(p, dp, rigid, left, right)


@numba.njit
def turn(dp):
    kernels.rotate(dp, np.empty((4, 4)))


@numba.njit
def travel(p, start, half, reach):
    return kernels.travel(p, start, half, reach)


# ---- the parameters


def test_monomials_are_in_the_stated_order():
    z, y, x = 2.0, 3.0, 5.0
    np.testing.assert_array_equal(monomials(np.array([z, y, x])), [1, 2, 3, 5, 4, 6, 10, 9, 15, 25])
    assert monomials(np.zeros((4, 7, 3))).shape == (4, 7, 10)


@pytest.mark.parametrize(("name", "number"), [("translation", 3), ("rigid", 6), ("affine", 12), ("quadratic", 30)])
def test_each_has_its_number_of_independent_motions(name, number):
    function = shape_function(name, (8, 5, 11))
    assert function.name == name
    assert len(function.basis) == np.linalg.matrix_rank(function.basis) == number
    assert function.rigid == (name == "rigid")
    np.testing.assert_allclose(np.linalg.norm(function.basis, axis=1), 1)


def test_the_turns_of_a_rigid_subset_are_turns():
    """In units of the motion of the faces; divided by the half edges, slopes are antisymmetric."""
    half = np.array([8, 5, 11])
    for row in shape_function("rigid", tuple(half)).basis[3:]:
        slope = row.reshape(3, 4)[:, 1:] / half
        np.testing.assert_allclose(slope, -slope.T)
        assert np.abs(slope).max() > 0


@given(arrays(np.float64, (5, 3, 10), elements=st.floats(-0.2, 0.2)))
@settings(max_examples=20, deadline=None)
def test_restriction_keeps_what_is_allowed(values):
    quadratic, affine, rigid, translation = (
        shape_function(name, HALF).restrict(values) for name in ("quadratic", "affine", "rigid", "translation")
    )
    np.testing.assert_array_equal(quadratic, values)
    np.testing.assert_array_equal(affine[..., :4], values[..., :4])
    assert not affine[..., 4:].any()
    np.testing.assert_array_equal(translation[..., 0], values[..., 0])
    assert not translation[..., 1:].any()
    turns = rigid[..., 1:4] + np.eye(3)
    np.testing.assert_allclose(turns @ np.swapaxes(turns, 1, 2), np.broadcast_to(np.eye(3), turns.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turns), 1)
    np.testing.assert_allclose(shape_function("rigid", HALF).restrict(rigid), rigid, atol=1e-12)  # allowed already
    np.testing.assert_array_equal(shape_function("affine", HALF).restrict(values[..., :4]), affine)


def test_the_nearest_rotation_is_no_reflection():
    start = np.zeros((1, 3, 4))
    start[0, 0, 1] = -2.0  # I + this is a mirror
    found = shape_function("rigid", HALF).restrict(start)[0, :, 1:4] + np.eye(3)
    assert np.linalg.det(found) == pytest.approx(1)


def test_unknown_shapes_are_refused():
    with pytest.raises(InputError, match="shape must be one of translation, rigid, affine, quadratic, got 'cubic'"):
        shape_function("cubic", HALF)


# ---- composition


def matrix_of(p):
    return np.vstack([np.column_stack([p[:, 1:4] + np.eye(3), p[:, 0]]), [0, 0, 0, 1]])


def run_compose(p, dp, *, rigid=False, terms=10):
    left, right = np.empty((terms, terms)), np.empty((terms, terms))
    p, dp = p.copy(), dp.copy()
    return compose(p, dp, rigid, left, right), p


def affine_parameters(values):
    p = np.zeros((3, 10))
    p[:, :4] = np.reshape(values, (3, 4))
    return p


small = st.lists(st.floats(-0.2, 0.2), min_size=12, max_size=12)


@pytest.mark.parametrize("terms", [4, 10])
@given(small, small)
@settings(max_examples=25, deadline=None)
def test_composition_of_affine_warps_is_that_of_matrices(terms, first, second):
    p, dp = affine_parameters(first), affine_parameters(second)
    done, found = run_compose(p, dp, terms=terms)
    assert done
    np.testing.assert_allclose(matrix_of(found), matrix_of(p) @ np.linalg.inv(matrix_of(dp)), atol=1e-12)
    np.testing.assert_allclose(found[:, 4:], 0, atol=1e-12)


def apply(p, points):
    return points + monomials(points) @ p.T


@given(
    arrays(np.float64, (3, 10), elements=st.floats(-1, 1)),
    arrays(np.float64, (3, 10), elements=st.floats(-1, 1)),
)
@settings(max_examples=30, deadline=None)
def test_composition_of_curved_warps_is_right_to_second_degree(first, second):
    """W(new) o W(dp) is W(p) but for terms of third order in what is small (step, bends)."""
    size = np.array([0.5] + [0.05] * 3 + [2e-3] * 6)  # a bend of 2e-3 moves a face 8 voxels away by 0.13
    p, whole = first * size, second * size * 0.2
    offsets = np.array(list(itertools.product([-6.0, 0.0, 6.0], repeat=3)))
    errors = []
    for part in (1.0, 0.1):
        done, new = run_compose(p * part, whole * part)
        assert done
        errors.append(np.abs(apply(new, apply(whole * part, offsets)) - apply(p * part, offsets)).max())
    assert errors[0] < 0.02
    # second order in what is small at the latest: a tenth of the motion leaves at most about a hundredth
    assert errors[1] < 0.03 * errors[0] + 1e-12


def test_a_bend_is_undone_by_itself():
    p = np.random.default_rng(0).uniform(-1, 1, (3, 10)) * ([0.3] + [0.05] * 3 + [1e-3] * 6)
    done, left = run_compose(p, p)
    assert done
    np.testing.assert_allclose(left[:, 0], 0, atol=1e-12)
    np.testing.assert_allclose(left[:, 1:4], 0, atol=1e-12)
    np.testing.assert_allclose(left[:, 4:], 0, atol=1e-12)
    done, same = run_compose(p, np.zeros((3, 10)))
    np.testing.assert_allclose(same, p, atol=1e-15)


@pytest.mark.parametrize("terms", [4, 10])
def test_a_collapsed_step_is_refused(terms):
    for axis in range(3):
        dp = np.zeros((3, 10))
        dp[axis, 1 + axis] = -1.0
        assert not run_compose(np.zeros((3, 10)), dp, terms=terms)[0]
    assert not run_compose(np.zeros((3, 10)), np.full((3, 10), np.nan), terms=terms)[0]


@given(st.tuples(*[st.floats(-0.8, 0.8)] * 3))
@settings(max_examples=30, deadline=None)
def test_a_turn_is_the_exact_rotation(vector):
    from scipy.linalg import expm

    z, y, x = vector
    spin = np.array([[0, -x, y], [x, 0, -z], [-y, z, 0]])
    dp = np.zeros((3, 10))
    dp[:, 0] = 1, 2, 3
    dp[:, 1:4] = spin
    turn(dp)
    np.testing.assert_allclose(dp[:, 1:4] + np.eye(3), expm(spin), atol=1e-12)
    np.testing.assert_array_equal(dp[:, 0], (1, 2, 3))
    done, back = run_compose(dp, np.column_stack([[1, 2, 3], spin, np.zeros((3, 6))]), rigid=True)
    assert done
    np.testing.assert_allclose(back, 0, atol=1e-9)  # the same turn undoes it


def test_travel_is_that_of_the_corner_that_goes_furthest():
    half, reach = np.array([4, 6, 8]), np.array([5.0, 5.0, 5.0])
    corners = np.array(list(itertools.product(*[(-h, h) for h in half])), float)
    rng = np.random.default_rng(0)
    for _ in range(200):
        start, p = (rng.uniform(-1, 1, (3, 10)) * ([2] + [0.3] * 3 + [0.0] * 6) for _ in range(2))
        far = np.abs(apply(p, corners) - apply(start, corners)).max()
        assert travel(p, start, half, reach) == (far <= 5.0)
    bent = np.zeros((3, 10))
    bent[1, 5] = 5.01 / 24  # z y
    assert not travel(bent, np.zeros((3, 10)), half, reach)
    assert travel(bent * 0.99, np.zeros((3, 10)), half, reach)
    assert not travel(np.full((3, 10), np.nan), np.zeros((3, 10)), half, reach)


# ---- each recovers its own kind of motion


class Bend(Motion):
    """A motion of second degree about a point, known through its inverse: X = x - v(x), v of second degree."""

    def __init__(self, values, centre):
        self.values, self.centre = np.asarray(values), np.asarray(centre)

    def inverse(self, positions):
        return np.asarray(positions) - monomials(np.asarray(positions) - self.centre) @ self.values.T

    def displacement(self, positions):
        start = np.asarray(positions, float)
        found = start.copy()
        for _ in range(60):
            found = start + (found - self.inverse(found))
        return found - start

    def gradient(self, positions):
        raise NotImplementedError


EDGE = 56
MIDDLE = (27.5, 28.5, 27.0)
POINTS = np.array([[28, 28, 28], [26, 30, 27]])


@pytest.fixture(scope="module")
def texture():
    return BlobTexture.random((EDGE,) * 3, rng=7)


def grey(voxels):
    return Grey(voxels, float(voxels.mean()), float(voxels.std()), True)


def recover(texture, motion, shape, *, spline="cubic", half=HALF, points=POINTS, start=None):
    pair = [grey(texture.render((EDGE,) * 3, motion=m)) for m in (None, motion)]
    matching = Matching(half=half, shape=shape, spline=spline, tolerance=1e-4)
    begin = np.zeros((len(points), 3, 4)) if start is None else start
    return refine(*pair, points, begin, matching)


ROTATION = rotate(3, centre=MIDDLE, axis=1).then(translate((0.3, -0.4, 0.2)))
SHEAR = np.eye(3) + np.array([[-0.03, 0.01, 0.0], [0.02, 0.01, -0.02], [0.0, 0.015, 0.02]])
STRETCH = Homogeneous(SHEAR, centre=MIDDLE, shift=(0.4, -0.3, 0.7))
BENDS = np.zeros((3, 10))
BENDS[0] = 0.3, -0.02, 0.01, 0.0, 8e-4, -5e-4, 0.0, 3e-4, 0.0, -4e-4
BENDS[1] = -0.2, 0.0, 0.02, 0.01, 0.0, 6e-4, 4e-4, -5e-4, 0.0, 3e-4
BENDS[2] = 0.4, 0.01, 0.0, -0.01, 4e-4, 0.0, 0.0, 0.0, -6e-4, 5e-4


@pytest.mark.parametrize(
    ("shape", "motion"),
    [
        ("translation", translate((0.3, -0.4, 0.2))),
        ("rigid", translate((0.3, -0.4, 0.2))),
        ("rigid", ROTATION),
        ("affine", translate((0.3, -0.4, 0.2))),
        ("affine", ROTATION),
        ("affine", STRETCH),
        ("quadratic", STRETCH),
        ("quadratic", Bend(BENDS, MIDDLE)),
    ],
)
def test_each_recovers_its_own_motions(texture, shape, motion):
    found = recover(texture, motion, shape)
    assert (found.status == Status.VALID).all()
    np.testing.assert_allclose(found.parameters[:, :, 0], motion.displacement(POINTS), atol=4e-4)
    if not isinstance(motion, Bend):
        np.testing.assert_allclose(found.parameters[:, :, 1:4], motion.gradient(POINTS), atol=1e-4)
    assert (found.cc > 0.9999).all()


def test_a_rigid_subset_stays_rigid(texture):
    """Also where the motion is none: its slopes are a rotation to the last digits."""
    found = recover(texture, STRETCH, "rigid")
    turns = found.parameters[:, :, 1:4] + np.eye(3)
    np.testing.assert_allclose(turns @ np.swapaxes(turns, 1, 2), np.broadcast_to(np.eye(3), turns.shape), atol=1e-9)


def test_ten_degrees_from_a_zero_start(texture):
    motion = rotate(10, centre=(28, 28, 28), axis=2)
    for shape in ("rigid", "affine"):
        found = recover(texture, motion, shape, half=(10, 10, 10), points=POINTS[:1])
        assert found.status[0] == Status.VALID
        np.testing.assert_allclose(found.parameters[0, :, 0], 0, atol=1e-3)
        np.testing.assert_allclose(found.parameters[0, :, 1:4], motion.gradient([28, 28, 28]), atol=1e-3)


def test_more_freedom_follows_what_less_cannot(texture):
    """Of a bend, quadratic subsets find the middle; affine ones are off by what it does on average."""
    motion = Bend(BENDS, MIDDLE)
    errors = {
        shape: np.abs(recover(texture, motion, shape).parameters[:, :, 0] - motion.displacement(POINTS)).max()
        for shape in ("affine", "quadratic")
    }
    assert errors["quadratic"] < 5e-4
    assert errors["affine"] > 0.02


@pytest.mark.parametrize(("spline", "limit"), [("cubic", 3e-4), ("quintic", 5e-5)])
def test_bias_of_subvoxel_shifts_at_33_voxels(spline, limit):
    """The mean error over points whose subsets keep 8 voxels from the faces, where splines feel the mirror."""
    edge = 72
    texture = BlobTexture.random((edge,) * 3, rng=7)
    reference = grey(texture.render((edge,) * 3))
    axis = np.array([25, 31, 36, 41, 46])
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    matching = Matching(half=HALF, spline=spline, tolerance=1e-4)
    bias, largest = {}, {}
    for tenth in range(1, 10):
        shift = tenth / 10
        deformed = grey(texture.render((edge,) * 3, motion=translate((shift,) * 3)))
        found = refine(reference, deformed, points, np.zeros((len(points), 3, 4)), matching)
        assert (found.status == Status.VALID).all()
        error = found.parameters[:, :, 0] - shift
        bias[shift], largest[shift] = np.abs(error.mean(axis=0)).max(), np.abs(error).max()
    assert max(bias.values()) < limit, bias
    assert max(largest.values()) < 2 * limit, largest


def test_names_are_complete():
    assert SHAPES == ("translation", "rigid", "affine", "quadratic")
