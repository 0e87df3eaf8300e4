"""Composition of fields, held against motions that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volcorr.composition import compose, voxel_positions
from volcorr.fields import SIGMA, Status, build_fields, displacement_array, valid_points
from volio import InputError

SPACING = (8, 10, 9)
SHAPE = (7, 8, 9)


def field_of(motion, *, first=(10, 10, 10), shape=SHAPE, size=(1.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0), lost=None):
    """The field of ``motion`` (voxels to voxels), with sigma 0.01, 0.02, 0.03 voxels."""
    axes = [f + s * np.arange(n) for f, s, n in zip(first, SPACING, shape, strict=True)]
    u = np.moveaxis(motion(np.stack(np.meshgrid(*axes, indexing="ij"), -1).astype(float)), -1, 0)
    size3 = np.array(size)[:, None, None, None]
    status = np.zeros(shape, np.uint8) if lost is None else lost.astype(np.uint8)
    sigma = np.broadcast_to(np.array([0.01, 0.02, 0.03])[:, None, None, None] * size3, u.shape)
    return build_fields(
        tuple(o + d * a for o, d, a in zip(origin, size, axes, strict=True)),
        displacement=u * size3,
        sigma=sigma,
        cc=np.full(shape, 0.9),
        iterations=np.full(shape, 4),
        status=status,
        attrs={
            "unit": "um",
            "spacing": list(SPACING),
            "voxel_size": list(size),
            "volume_origin": list(origin),
            "volume_shape": [80, 90, 100],
            "reference": "a",
            "deformed": "b",
        },
    )


def affine(gradient, shift):
    return lambda p: p @ np.asarray(gradient).T + shift


gradients = st.lists(st.floats(-0.04, 0.04), min_size=9, max_size=9).map(lambda v: np.reshape(v, (3, 3)))
shifts = st.tuples(*[st.floats(-3, 3)] * 3).map(np.array)


@given(g1=gradients, s1=shifts, g2=gradients, s2=shifts)
@settings(max_examples=30, deadline=None)
def test_two_affine_steps_are_one_affine_step(g1, s1, g2, s2):
    first = field_of(affine(g1, s1), size=(0.5, 0.25, 2.0), origin=(5.0, -3.0, 0.0))
    second = field_of(affine(g2, s2), first=(5, 6, 7), shape=(9, 10, 11), size=(0.5, 0.25, 2.0), origin=(1.0, 1.0, 9.0))
    total = compose(first, second)
    expected = field_of(affine(g1 + g2 + g2 @ g1, s1 + g2 @ s1 + s2), size=(0.5, 0.25, 2.0), origin=(5.0, -3.0, 0.0))
    valid = valid_points(total)
    assert valid.mean() > 0.5
    where = (slice(None), valid)
    np.testing.assert_allclose(displacement_array(total)[where], displacement_array(expected)[where], atol=1e-12 * 100)
    assert total.attrs["deformed"] == "b"


def test_a_quadratic_increment_is_followed_exactly_inside():
    def bend(p):
        z, y, x = np.moveaxis(p - 40, -1, 0)
        return np.stack([-0.02 * z + 2e-4 * z * z, 3e-4 * y * z - 1e-4 * x * x, 0.01 * x + 2e-4 * y * x], -1)

    move = affine(np.diag([-0.02, 0.01, 0.01]), (2.0, -1.5, 3.3))
    total = compose(field_of(move), field_of(bend))
    places = np.stack(np.meshgrid(total.z, total.y, total.x, indexing="ij"), -1)
    expected = np.moveaxis(move(places) + bend(places + move(places)), -1, 0)
    inside = (slice(None), *(slice(2, -2),) * 3)
    np.testing.assert_allclose(displacement_array(total)[inside], expected[inside], atol=1e-12)


def test_a_curved_increment_is_followed_to_the_third_order():
    """Sine of eight spacings: what interpolation leaves is 2 % of it; linear interpolation would leave 7 %."""
    wave = lambda p: np.sin(2 * np.pi * p[..., :1] / 64) * np.array([1.0, 0, 0])  # noqa: E731
    shift = affine(np.zeros((3, 3)), (4.0, 5.0, 4.5))
    total = compose(field_of(shift, shape=(20, 8, 9)), field_of(wave, shape=(20, 8, 9)))
    z = total.z.to_numpy()[2:-2]
    error = displacement_array(total)[0, 2:-2, 3, 3] - 4.0 - np.sin(2 * np.pi * (z + 4) / 64)
    assert np.abs(error).max() < 0.025


def test_uncertainties_add_up_and_are_carried_by_the_gradient():
    gradient = np.diag([-0.5, 0.0, 0.0])
    gradient[1, 0] = 0.3
    total = compose(field_of(affine(np.zeros((3, 3)), np.zeros(3))), field_of(affine(gradient, np.zeros(3))))
    middle = (3, 4, 4)
    expected = [
        np.hypot(0.5 * 0.01, 0.01),
        np.sqrt(0.02**2 + (0.3 * 0.01) ** 2 + 0.02**2),
        np.hypot(0.03, 0.03),
    ]
    assert [float(total[name].to_numpy()[middle]) for name in SIGMA] == pytest.approx(expected, rel=1e-9)


def test_an_interpolation_that_amplifies_errors_is_less_certain():
    out = affine(np.zeros((3, 3)), (-3.0, 0.0, 0.0))  # 3/8 of a spacing beyond two points: 11/8 and -3/8 of them
    total = compose(field_of(out, shape=(2, 1, 1)), field_of(out, shape=(2, 1, 1)))
    expected = 0.01 * np.hypot(1, np.hypot(11 / 8, 3 / 8))
    assert total["sigma_z"].to_numpy()[0, 0, 0] == pytest.approx(expected)


def test_a_hole_is_bridged_a_larger_one_is_not_and_says_why():
    lost = np.zeros(SHAPE)
    lost[3, 4, 4] = Status.LOW_CORRELATION
    still = affine(np.diag([0.01, 0.0, 0.0]), np.zeros(3))
    total = compose(field_of(still), field_of(still, lost=lost))
    assert valid_points(total).all()
    lost[2:5, 3:6, 3:6] = Status.NO_TEXTURE
    total = compose(field_of(still), field_of(still, lost=lost))
    assert total["status"].to_numpy()[3, 4, 4] == Status.NO_TEXTURE
    assert np.isnan(displacement_array(total)[:, 3, 4, 4]).all()
    assert valid_points(total)[0, 0, 0]


def test_a_lost_point_keeps_its_status():
    lost = np.zeros(SHAPE)
    lost[1, 2, 3] = Status.OUTLIER
    lost[0] = Status.OUTSIDE_MASK
    still = affine(np.zeros((3, 3)), np.zeros(3))
    total = compose(field_of(still, lost=lost), field_of(still))
    np.testing.assert_array_equal(total["status"], lost)
    assert np.isnan(total["cc"].to_numpy()[1, 2, 3])
    assert total["cc"].to_numpy()[2, 2, 2] == pytest.approx(0.9)
    assert total["iterations"].to_numpy()[2, 2, 2] == 4


def test_a_point_that_leaves_the_grid_is_outside():
    away = affine(np.zeros((3, 3)), (0.0, 0.0, 6.0))  # two thirds of a spacing
    total = compose(field_of(away), field_of(away))
    status = total["status"].to_numpy()
    assert (status[..., -1] == Status.OUTSIDE_VOLUME).all()
    assert (status[..., :-1] == Status.VALID).all()


def test_nothing_valid_is_composed_to_nothing():
    still = affine(np.zeros((3, 3)), np.zeros(3))
    nothing = field_of(still, lost=np.full(SHAPE, Status.NO_TEXTURE))
    for pair in ((nothing, field_of(still)), (field_of(still), nothing)):
        assert (compose(*pair)["status"] == Status.NO_TEXTURE).all()


def test_fields_of_different_units_are_refused():
    still = field_of(affine(np.zeros((3, 3)), np.zeros(3)))
    with pytest.raises(InputError, match="different units, um and voxel"):
        compose(still, still.assign_attrs(unit="voxel"))


def test_positions_are_voxel_indices_whatever_the_origin():
    shift = affine(np.zeros((3, 3)), (1.0, 2.0, 3.0))
    field = field_of(shift, size=(0.5, 0.25, 2.0), origin=(5.0, -3.0, 1.0))
    np.testing.assert_allclose(voxel_positions(field, moved=False)[0], (10, 10, 10))
    np.testing.assert_allclose(voxel_positions(field)[0], (11, 12, 13))
