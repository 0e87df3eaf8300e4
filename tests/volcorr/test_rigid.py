"""Rigid motion of a field."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from volcorr.fields import STRAIN, build_fields, displacement_array
from volcorr.rigid import fit_rigid_motion, remove_rigid_motion, remove_rigid_motions
from volcorr.steps import stack_steps
from volcorr.strains import strain
from volio import InputError


def field_of(motion, shape=(5, 4, 6), valid=None):
    axes = tuple(10.0 * np.arange(n) for n in shape)
    positions = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    return build_fields(
        axes,
        displacement=np.moveaxis(motion(positions) - positions, -1, 0),
        sigma=np.zeros((3, *shape)),
        cc=np.ones(shape),
        iterations=np.ones(shape),
        status=np.zeros(shape, np.uint8) if valid is None else np.where(valid, 0, 5).astype(np.uint8),
        attrs={"unit": "voxel", "spacing": [10, 10, 10], "voxel_size": [1.0, 1.0, 1.0]},
    )


@given(vector=st.tuples(*[st.floats(-1.5, 1.5)] * 3), shift=st.tuples(*[st.floats(-20, 20)] * 3))
@settings(max_examples=25, deadline=None)
def test_a_rigid_motion_is_found_and_nothing_remains(vector, shift):
    turn = Rotation.from_rotvec(vector).as_matrix()
    field = field_of(lambda p: p @ turn.T + shift, valid=np.random.default_rng(0).random((5, 4, 6)) < 0.7)
    rest, motion = remove_rigid_motion(field)
    np.testing.assert_allclose(motion.rotation, turn, atol=1e-10)
    assert motion.angle == pytest.approx(np.rad2deg(np.linalg.norm(vector)), abs=1e-6)
    u = displacement_array(rest)
    assert np.nanmax(np.abs(u)) < 1e-9
    assert np.array_equal(np.isnan(u[0]), field["status"].values != 0)
    positions = np.stack(np.meshgrid(field.z, field.y, field.x, indexing="ij"), -1).reshape(-1, 3)
    expected = positions @ turn.T + shift - positions
    np.testing.assert_allclose(motion.displacement(positions), expected, atol=1e-8)


def test_strain_is_the_same_before_and_after():
    turn = Rotation.from_rotvec([0.1, -0.2, 0.05]).as_matrix()
    stretch = np.diag([0.95, 1.02, 1.0])
    field = field_of(lambda p: p @ (turn @ stretch).T + [1, 2, 3])
    rest, _ = remove_rigid_motion(field)
    before, after = strain(field), strain(rest)
    for name in STRAIN:
        np.testing.assert_allclose(after[name], before[name], atol=1e-10)
    assert np.abs(displacement_array(rest)).max() < 0.2 * np.abs(displacement_array(field)).max()


def test_a_reflection_is_never_the_answer():
    motion = fit_rigid_motion(field_of(lambda p: p * [1, 1, -1]))
    assert np.linalg.det(motion.rotation) == pytest.approx(1)


def test_too_few_points():
    valid = np.zeros((5, 4, 6), bool)
    valid[0, 0, :2] = True
    with pytest.raises(InputError, match="three valid points, the field has 2"):
        fit_rigid_motion(field_of(lambda p: p, valid=valid))


def test_each_step_of_a_series_loses_its_own_motion():
    turns = [Rotation.from_rotvec([0.1 * number, 0, 0]).as_matrix() for number in (1, 2)]
    fields = [field_of(lambda p, turn=turn: p @ turn.T).assign_coords(step=n) for n, turn in enumerate(turns, start=1)]
    rest, motions = remove_rigid_motions(stack_steps(fields))
    assert [motion.angle for motion in motions] == pytest.approx(np.rad2deg([0.1, 0.2]).tolist())
    assert rest["u_y"].dims == ("step", "z", "y", "x")
    assert abs(rest["u_y"]).max() < 1e-9
