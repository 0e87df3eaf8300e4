"""Strain measures of deformation gradients whose answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import logm, polar
from scipy.spatial.transform import Rotation

from volcorr.strain_measures import MEASURES, rotation_vector, strain_sensitivity, strain_tensor, volume_change
from volcorr.strain_variables import COMPONENTS

seeds = st.integers(0, 2**31)
quick = settings(max_examples=30, deadline=None)


def turn_of(vector_zyx):
    """Rotation matrix in z, y, x order of a right-handed rotation vector in degrees."""
    matrix = Rotation.from_rotvec(np.asarray(vector_zyx)[::-1], degrees=True).as_matrix()
    return matrix[::-1, ::-1]


def random_deformation(seed, size=0.2):
    rng = np.random.default_rng(seed)
    return turn_of(rng.uniform(-100, 100, 3)) @ (np.eye(3) + rng.uniform(-size, size, (3, 3)))


def oracle(f, measure):
    if measure == "green-lagrange":
        return (f.T @ f - np.eye(3)) / 2
    if measure == "infinitesimal":
        return (f + f.T) / 2 - np.eye(3)
    if measure == "almansi":
        back = np.linalg.inv(f)
        return (np.eye(3) - back.T @ back) / 2
    _, stretches, axes = np.linalg.svd(f)
    return axes.T @ np.diag(np.log(stretches)) @ axes


def test_the_oracle_of_the_logarithm():
    f = random_deformation(1)
    np.testing.assert_allclose(oracle(f, "hencky"), logm(f.T @ f).real / 2, atol=1e-13)


@pytest.mark.parametrize("measure", MEASURES)
@given(seed=seeds)
@quick
def test_every_measure_of_any_deformation(measure, seed):
    f = random_deformation(seed)
    found = strain_tensor((f - np.eye(3))[:, :, None], measure=measure)[:, :, 0]
    np.testing.assert_allclose(found, oracle(f, measure), atol=1e-10)


@pytest.mark.parametrize("measure", MEASURES)
def test_uniaxial_stretch(measure):
    stretch = 0.9
    gradient = np.zeros((3, 3, 2))
    gradient[0, 0] = stretch - 1
    expected = {
        "green-lagrange": (stretch**2 - 1) / 2,
        "infinitesimal": stretch - 1,
        "almansi": (1 - stretch**-2) / 2,
        "hencky": np.log(stretch),
    }[measure]
    found = strain_tensor(gradient, measure=measure)
    np.testing.assert_allclose(found[0, 0], expected, atol=1e-14)
    np.testing.assert_allclose(np.delete(found.reshape(9, 2), 0, axis=0), 0, atol=1e-14)


@pytest.mark.parametrize("measure", ["green-lagrange", "almansi", "hencky"])
@given(vector=st.tuples(*[st.floats(-120, 120)] * 3))
@quick
def test_a_rotation_is_no_strain(measure, vector):
    found = strain_tensor(turn_of(vector) - np.eye(3), measure=measure)
    np.testing.assert_allclose(found, 0, atol=1e-13)


@given(seed=seeds)
@quick
def test_rotation_before_or_after(seed):
    """Lagrangian measures do not see a rotation that follows; the Eulerian one does not see one that comes first."""
    f, turn = random_deformation(seed), random_deformation(seed + 1, size=0.0)
    for measure, moved in [("green-lagrange", turn @ f), ("hencky", turn @ f), ("almansi", f @ turn)]:
        one, two = (strain_tensor(g - np.eye(3), measure=measure) for g in (f, moved))
        np.testing.assert_allclose(one, two, atol=1e-12)


@given(seed=seeds)
@quick
def test_small_strains_agree_to_second_order(seed):
    gradient = np.random.default_rng(seed).uniform(-1e-5, 1e-5, (3, 3, 1))
    small = strain_tensor(gradient, measure="infinitesimal")
    for measure in MEASURES:
        assert np.abs(strain_tensor(gradient, measure=measure) - small).max() < 1e-9


@pytest.mark.parametrize("measure", MEASURES)
@given(seed=seeds)
@quick
def test_sensitivity_is_the_derivative(measure, seed):
    f = random_deformation(seed)
    slope = strain_sensitivity((f - np.eye(3))[:, :, None], measure=measure)[..., 0]
    for a, b in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[a, b] = 1e-5
        change = (oracle(f + step, measure) - oracle(f - step, measure)) / 2e-5
        expected = [change[place] for place in COMPONENTS.values()]
        np.testing.assert_allclose(slope[:, a, b], expected, atol=3e-8)


def test_hencky_sensitivity_without_strain_is_the_small_one():
    for size in (0.0, 1e-9, 1e-7):
        gradient = np.diag([size, -size, 0.0])[:, :, None]
        one, two = (strain_sensitivity(gradient, measure=m) for m in ("hencky", "infinitesimal"))
        np.testing.assert_allclose(one, two, atol=1e-6)


@pytest.mark.parametrize("measure", ["green-lagrange", "almansi", "hencky"])
@given(seed=seeds)
@quick
def test_change_of_volume_of_every_finite_measure(measure, seed):
    f = random_deformation(seed)
    tensor = strain_tensor((f - np.eye(3))[:, :, None], measure=measure)
    np.testing.assert_allclose(volume_change(tensor, measure=measure), np.linalg.det(f) - 1, atol=1e-10)


def test_change_of_volume_of_infinitesimal_strain_is_the_trace():
    assert volume_change(np.diag([0.1, 0.2, -0.05]), measure="infinitesimal") == pytest.approx(0.25)


@given(vector=st.tuples(*[st.floats(-100, 100)] * 3), seed=seeds)
@quick
def test_rotation_vector(vector, seed):
    rng = np.random.default_rng(seed)
    stretch = np.eye(3) + (lambda a: (a + a.T) / 2)(rng.uniform(-0.2, 0.2, (3, 3)))
    found = rotation_vector((turn_of(vector) @ stretch - np.eye(3))[:, :, None])[:, 0]
    np.testing.assert_allclose(found, vector, atol=1e-9)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("angle", [1e-9, 90.0, 179.9999, -179.9])
def test_rotation_vector_of_extreme_angles(axis, angle):
    vector = np.zeros(3)
    vector[axis] = angle
    found = rotation_vector(turn_of(vector) - np.eye(3))
    np.testing.assert_allclose(found, vector, rtol=1e-7, atol=1e-12)


def test_positive_rotation_about_z_turns_x_towards_y():
    turn = np.eye(3)
    turn[1, 2], turn[2, 1] = 0.01, -0.01  # u_y = 0.01 x
    assert rotation_vector(turn - np.eye(3))[0] == pytest.approx(np.degrees(np.arctan(0.01)))


def test_rotation_is_that_of_the_polar_decomposition():
    f = random_deformation(4, size=0.4)
    np.testing.assert_allclose(turn_of(rotation_vector(f - np.eye(3))), polar(f)[0], atol=1e-12)


@pytest.mark.parametrize("measure", ["almansi", "hencky"])
def test_material_turned_inside_out_has_no_strain(measure):
    gradient = np.zeros((3, 3, 3))
    gradient[0, 0] = [-2.0, 0.1, np.nan]
    found = strain_tensor(gradient, measure=measure)
    assert list(np.isnan(found).all(axis=(0, 1))) == [True, False, True]
    assert list(np.isnan(rotation_vector(gradient)).all(axis=0)) == [True, False, True]


def test_the_tensor_keeps_its_shape():
    for measure in MEASURES:
        assert strain_tensor(np.zeros((3, 3, 2, 5)), measure=measure).shape == (3, 3, 2, 5)
    assert rotation_vector(np.zeros((3, 3, 2, 5))).shape == (3, 2, 5)
