"""Smoothing: linear displacements stay, noise goes, and what is said of the rest of the noise is true."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, uniform_filter

from volcorr.fields import DISPLACEMENT, STRAIN, build_fields
from volcorr.smoothing import smooth_displacement
from volcorr.strains import strain
from volio import InputError


def field_of(u, sigma=0.02, spacing=4, subset=9, voxel=0.5):
    shape = u.shape[1:]
    attrs = {"unit": "um", "spacing": [spacing] * 3, "voxel_size": [voxel] * 3, "subset_size": [subset] * 3}
    ones = np.ones(shape)
    axes = tuple(spacing * voxel * np.arange(n) for n in shape)
    return build_fields(
        axes, displacement=u, sigma=np.full(u.shape, sigma), cc=ones, iterations=ones,
        status=np.zeros(shape, np.uint8), attrs=attrs,
    )  # fmt: skip


def displacement(field):
    return np.stack([field[name].values for name in DISPLACEMENT])


@given(seed=st.integers(0, 2**31), sigma=st.sampled_from([0.5, 1.0, 2.0, (1.0, 0.0, 0.7)]))
@settings(max_examples=15, deadline=None)
def test_a_linear_displacement_is_not_changed_whatever_is_missing(seed, sigma):
    rng = np.random.default_rng(seed)
    shape = (6, 5, 7)
    u = np.einsum("ab,b...->a...", rng.normal(size=(3, 3)), np.indices(shape)) + rng.normal(size=3)[:, None, None, None]
    u[:, rng.random(shape) < 0.3] = np.nan
    found = displacement(smooth_displacement(field_of(u), sigma=sigma))
    np.testing.assert_allclose(found, u, rtol=1e-12, atol=1e-12)


def test_inside_a_complete_field_it_is_the_gaussian_mean():
    u = np.random.default_rng(0).normal(size=(3, 13, 13, 13))
    found = displacement(smooth_displacement(field_of(u), sigma=1.0))
    expected = gaussian_filter(u, 1.0, axes=(1, 2, 3), truncate=3.0)
    np.testing.assert_allclose(found[:, 3:-3, 3:-3, 3:-3], expected[:, 3:-3, 3:-3, 3:-3], atol=1e-12)


def test_an_axis_of_width_zero_is_left_alone():
    u = np.random.default_rng(0).normal(size=(3, 6, 4, 4))
    whole = displacement(smooth_displacement(field_of(u), sigma=(0, 1, 1)))
    one = displacement(smooth_displacement(field_of(u[:, 2:3]), sigma=(0, 1, 1)))
    np.testing.assert_allclose(whole[:, 2:3], one, atol=1e-13)


def test_marked_outliers_and_lonely_points_stay_as_they_are():
    u = np.zeros((3, 5, 5, 5))
    u[0, 2, 2, 2] = 9.0
    flags = np.zeros((5, 5, 5), np.uint8)
    flags[2, 2, 2] = 1
    found = smooth_displacement(field_of(u).assign(outlier=(("z", "y", "x"), flags)))
    assert found["u_z"].values[2, 2, 2] == 9.0
    assert np.delete(found["u_z"].values.ravel(), 62).tolist() == [0.0] * 124
    u[:] = np.nan
    u[:, 0, 0, 0] = 1.0
    assert smooth_displacement(field_of(u))["u_z"].values[0, 0, 0] == 1.0


def test_the_two_sides_of_a_crack_are_not_mixed():
    u = np.zeros((3, 7, 5, 5))
    u[0, 4:], u[:, 3] = 3.0, np.nan
    found = smooth_displacement(field_of(u))["u_z"].values
    np.testing.assert_allclose(found[:3], 0, atol=1e-12)
    np.testing.assert_allclose(found[4:], 3, atol=1e-12)
    assert abs(smooth_displacement(field_of(u), gaps="bridge")["u_z"].values[2]).max() > 0.02


def test_the_uncertainty_is_the_scatter_of_displacement_and_strain():
    rng = np.random.default_rng(3)
    noise = np.stack([uniform_filter(rng.normal(size=(88,) * 3), 9, mode="wrap") for _ in range(3)])
    u = 0.02 * 9**1.5 * noise[:, 4::4, 4::4, 4::4]
    smooth = smooth_displacement(field_of(u), sigma=0.8)
    ratio = displacement(smooth) / np.stack([smooth[f"sigma_{a}"].values for a in "zyx"])
    assert np.sqrt(np.mean(ratio**2)) == pytest.approx(1, abs=0.1)
    assert float(smooth["sigma_z"][10, 10, 10]) < 0.015
    found = strain(smooth, measure="infinitesimal")
    ratio = np.stack([(found[name] / found[f"sigma_{name}"]).values for name in STRAIN])
    assert np.sqrt(np.mean(ratio[:, 4:-4, 4:-4, 4:-4] ** 2)) == pytest.approx(1, abs=0.12)


def test_attributes_say_so():
    field = field_of(np.zeros((3, 6, 6, 6)))
    smooth = smooth_displacement(strain(field), sigma=(1.0, 0.5, 0.0))
    assert smooth.attrs["smoothing_sigma_points"] == [1.0, 0.5, 0.0]
    assert smooth.attrs["smoothing_sigma"] == [2.0, 1.0, 0.0]
    assert "e_zz" not in smooth
    gauge = strain(smooth).attrs["strain_gauge_size_voxels"]
    np.testing.assert_allclose(gauge, [17 + 4 * np.sqrt(12), 17 + 2 * np.sqrt(12), 17])
    with pytest.raises(InputError, match="smoothed already"):
        smooth_displacement(smooth)


def test_without_uncertainty_there_is_none():
    field = field_of(np.zeros((3, 4, 4, 4))).drop_vars("sigma_x")
    assert "sigma_x" not in smooth_displacement(field)
    np.testing.assert_array_equal(smooth_displacement(field)["sigma_z"], field["sigma_z"])


@pytest.mark.parametrize("sigma", [0, -1, 11, (1, 1), (0, 0, 0), float("nan")])
def test_wrong_widths_are_explained(sigma):
    with pytest.raises(InputError, match="between 0 and 10 points"):
        smooth_displacement(field_of(np.zeros((3, 4, 4, 4))), sigma=sigma)
