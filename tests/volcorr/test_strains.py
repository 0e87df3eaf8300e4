"""Strain of fields whose gradient is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from volcorr.fields import STRAIN, build_fields
from volcorr.strains import strain, strain_tensor
from volio import InputError


def field_of(gradient, shape=(4, 4, 4), spacing=(16, 16, 16), voxel=(0.5, 0.5, 0.5)):
    axes = tuple(s * v * np.arange(n) for n, s, v in zip(shape, spacing, voxel, strict=True))
    positions = np.stack(np.meshgrid(*axes, indexing="ij"))
    return build_fields(
        axes,
        displacement=np.einsum("ab,b...->a...", gradient, positions),
        sigma=np.zeros((3, *shape)),
        cc=np.ones(shape),
        iterations=np.ones(shape),
        status=np.zeros(shape, np.uint8),
        attrs={"unit": "um", "spacing": list(spacing), "voxel_size": list(voxel)},
    )


@given(st.lists(st.floats(-0.2, 0.2), min_size=9, max_size=9))
@settings(max_examples=20, deadline=None)
def test_green_lagrange_strain_of_any_gradient(values):
    gradient = np.reshape(values, (3, 3))
    deformation = np.eye(3) + gradient
    expected = (deformation.T @ deformation - np.eye(3)) / 2
    found = strain(field_of(gradient))
    for name, (a, b) in zip(STRAIN, [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)], strict=True):
        np.testing.assert_allclose(found[name], expected[a, b], atol=1e-12)
        assert found[name].attrs["units"] == "1"


def test_a_rotation_has_no_green_lagrange_strain_but_an_infinitesimal_one():
    turn = Rotation.from_euler("x", 20, degrees=True).as_matrix() - np.eye(3)
    large, small = strain(field_of(turn)), strain(field_of(turn), measure="infinitesimal")
    assert max(float(abs(large[name]).max()) for name in STRAIN) < 1e-12
    assert float(small["e_yy"].min()) == pytest.approx(np.cos(np.deg2rad(20)) - 1)
    assert (large.attrs["strain_measure"], small.attrs["strain_measure"]) == ("green-lagrange", "infinitesimal")


def test_both_measures_of_a_small_compression():
    field = field_of(np.diag([-0.02, 0.0, 0.0]))
    assert float(strain(field)["e_zz"].mean()) == pytest.approx(-0.02 + 0.5 * 0.02**2)
    assert float(strain(field, measure="infinitesimal")["e_zz"].mean()) == pytest.approx(-0.02)


def test_anisotropic_spacing_and_voxels():
    gradient = np.array([[0.1, 0.02, 0.0], [0.0, 0.0, -0.05], [0.03, 0.0, 0.2]])
    field = field_of(gradient, spacing=(4, 8, 16), voxel=(1.0, 0.5, 2.0))
    found = strain(field, measure="infinitesimal")
    assert float(found["e_zz"][1, 1, 1]) == pytest.approx(0.1)
    assert float(found["e_zy"][1, 1, 1]) == pytest.approx(0.01)
    assert float(found["e_yx"][1, 1, 1]) == pytest.approx(-0.025)


def test_missing_points_are_left_out_and_stay_missing():
    field = field_of(np.diag([-0.1, 0, 0]))
    for name in ("u_z", "u_y", "u_x"):
        field[name].values[1, 1, 1] = np.nan
    found = strain(field)
    assert np.isnan(found["e_zz"].values[1, 1, 1])
    assert found["strain_points"].values[1, 1, 1] == 0
    assert found["strain_points"].values[2, 2, 2] == 26
    np.testing.assert_allclose(found["e_zz"].values[2, 2, 2], -0.1 + 0.005)


def test_the_window_smooths_noise():
    rng = np.random.default_rng(0)
    field = field_of(np.zeros((3, 3)), shape=(7, 7, 7))
    for name in ("u_z", "u_y", "u_x"):
        field[name].values[:] = rng.normal(size=(7, 7, 7))
    narrow, wide = (float(strain(field, window=w)["e_zz"].values[2:5, 2:5, 2:5].std()) for w in (3, 5))
    assert wide < 0.5 * narrow


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": 4}, "odd number"),
        ({"window": 1}, "odd number"),
        ({"window": (3, 3)}, "odd number"),
        ({"measure": "biot"}, "green-lagrange, infinitesimal"),
        ({"min_points": 2}, "between 4 and the 27"),
        ({"min_points": 28}, "between 4 and the 27"),
    ],
)
def test_wrong_options_are_explained(options, words):
    with pytest.raises(InputError, match=words):
        strain(field_of(np.zeros((3, 3))), **options)


def test_the_tensor_keeps_its_shape():
    assert strain_tensor(np.zeros((3, 3, 2, 5))).shape == (3, 3, 2, 5)
