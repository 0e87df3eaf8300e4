"""Invariants of strains that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volcorr.fields import build_fields
from volcorr.invariants import strain_invariants
from volcorr.strain_measures import MEASURES
from volcorr.strain_variables import COMPONENTS, INVARIANTS
from volcorr.strains import strain
from volio import InputError


def field_of(gradient, shape=(3, 3, 3)):
    u = np.einsum("ab,b...->a...", gradient, np.indices(shape))
    ones = np.ones(shape)
    attrs = {"unit": "voxel", "spacing": [1] * 3, "voxel_size": [1.0] * 3}
    return build_fields(
        tuple(np.arange(n) for n in shape), displacement=u, sigma=ones, cc=ones, iterations=ones,
        status=np.zeros(shape, np.uint8), attrs=attrs,
    )  # fmt: skip


def at_centre(field):
    return {name: float(field[name][1, 1, 1]) for name in field.data_vars}


@pytest.mark.parametrize("measure", MEASURES)
@given(values=st.lists(st.floats(-0.2, 0.2), min_size=9, max_size=9))
@settings(max_examples=20, deadline=None)
def test_principal_strains_and_directions_make_up_the_tensor(measure, values):
    gradient = np.reshape(values, (3, 3))
    found = at_centre(strain_invariants(strain(field_of(gradient), measure=measure)))
    principal = [found[f"e_{i}"] for i in (1, 2, 3)]
    axes = np.array([[found[f"n{i}_{a}"] for a in "zyx"] for i in (1, 2, 3)])
    assert principal == sorted(principal, reverse=True)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert all(axis[np.abs(axis).argmax()] > 0 for axis in axes)
    tensor = np.einsum("p,pa,pb->ab", principal, axes, axes)
    for name, place in COMPONENTS.items():
        assert tensor[place] == pytest.approx(found[name], abs=1e-12)
    expected = np.trace(gradient) if measure == "infinitesimal" else np.linalg.det(np.eye(3) + gradient) - 1
    assert found["e_vol"] == pytest.approx(expected, abs=1e-10)
    assert found["e_shear"] == pytest.approx((principal[0] - principal[2]) / 2)
    deviator = tensor - np.trace(tensor) / 3 * np.eye(3)
    assert found["e_eq"] == pytest.approx(np.sqrt(2 / 3 * (deviator**2).sum()))


def test_uniaxial_incompressible_stretch_is_its_own_equivalent_strain():
    stretch = 1.2
    found = at_centre(
        strain_invariants(
            strain(field_of(np.diag([stretch, stretch**-0.5, stretch**-0.5]) - np.eye(3)), measure="hencky")
        )
    )
    assert found["e_eq"] == pytest.approx(np.log(stretch))
    assert found["e_vol"] == pytest.approx(0, abs=1e-12)
    assert found["n1_z"] == pytest.approx(1)
    assert found["rotation_angle"] == pytest.approx(0, abs=1e-9)


def test_simple_shear():
    gradient = np.zeros((3, 3))
    gradient[2, 0] = 0.02
    found = at_centre(strain_invariants(strain(field_of(gradient), measure="infinitesimal")))
    assert found["e_shear"] == pytest.approx(0.01)
    assert found["e_eq"] == pytest.approx(0.02 / np.sqrt(3))
    assert (found["n1_z"], found["n1_x"]) == pytest.approx((np.sqrt(0.5), np.sqrt(0.5)))
    assert found["rotation_angle"] == pytest.approx(np.degrees(0.01), rel=1e-3)


def test_missing_strain_stays_missing():
    field = strain(field_of(np.zeros((3, 3))))
    field["e_zx"].values[0, 0, 0] = np.nan
    found = strain_invariants(field)
    for name in INVARIANTS:
        assert found[name].count() == (27 if name == "rotation_angle" else 26), name
        assert found[name].attrs["long_name"]
        assert found[name].attrs["units"] in ("1", "degree")
    assert "rotation_angle" not in strain_invariants(field.drop_vars("rotation_z"))


def test_a_field_without_strain_is_refused():
    with pytest.raises(InputError, match="has no strain"):
        strain_invariants(field_of(np.zeros((3, 3))))
