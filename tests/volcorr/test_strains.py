"""Strain of fields whose gradient is known."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter
from scipy.spatial.transform import Rotation

from volcorr.fields import DISPLACEMENT, SIGMA, STRAIN, build_fields
from volcorr.strain_variables import COMPONENTS, ROTATION, SIGMA_STRAIN
from volcorr.strains import MEASURES, strain
from volio import InputError


def field_of(gradient, shape=(4, 4, 4), spacing=(16, 16, 16), voxel=(0.5, 0.5, 0.5), sigma=0.0, **attrs):
    axes = tuple(s * v * np.arange(n) for n, s, v in zip(shape, spacing, voxel, strict=True))
    positions = np.stack(np.meshgrid(*axes, indexing="ij"))
    return build_fields(
        axes,
        displacement=np.einsum("ab,b...->a...", gradient, positions),
        sigma=np.full((3, *shape), sigma),
        cc=np.ones(shape),
        iterations=np.ones(shape),
        status=np.zeros(shape, np.uint8),
        attrs={"unit": "um", "spacing": list(spacing), "voxel_size": list(voxel), **attrs},
    )


def with_displacement(field, u):
    return field.assign({name: field[name].copy(data=u[a]) for a, name in enumerate(DISPLACEMENT)})


def tensor_of(field):
    out = np.empty((3, 3, *field["e_zz"].shape))
    for name, (a, b) in COMPONENTS.items():
        out[a, b] = out[b, a] = field[name].values
    return out


@pytest.mark.parametrize("method", ["window", "hexahedra"])
@given(st.lists(st.floats(-0.2, 0.2), min_size=9, max_size=9))
@settings(max_examples=15, deadline=None)
def test_green_lagrange_strain_of_any_gradient(method, values):
    gradient = np.reshape(values, (3, 3))
    deformation = np.eye(3) + gradient
    expected = (deformation.T @ deformation - np.eye(3)) / 2
    found = strain(field_of(gradient), method=method)
    for name, place in COMPONENTS.items():
        np.testing.assert_allclose(found[name], expected[place], atol=1e-12)
        assert found[name].attrs["units"] == "1"


def test_a_rotation_has_no_strain_but_an_infinitesimal_one():
    turn = Rotation.from_euler("x", 20, degrees=True).as_matrix() - np.eye(3)
    for measure in ("green-lagrange", "almansi", "hencky"):
        found = strain(field_of(turn), measure=measure)
        assert max(float(abs(found[name]).max()) for name in STRAIN) < 1e-12
        assert found.attrs["strain_measure"] == measure
    small = strain(field_of(turn), measure="infinitesimal")
    assert float(small["e_yy"].min()) == pytest.approx(np.cos(np.deg2rad(20)) - 1)


def test_the_rotation_is_reported_in_degrees():
    turn = np.zeros((3, 3))
    turn[1, 2], turn[2, 1] = 0.02, -0.02  # x turns towards y
    found = strain(field_of(turn))
    np.testing.assert_allclose(found["rotation_z"], np.degrees(np.arctan(0.02)), rtol=1e-9)
    np.testing.assert_allclose(found["rotation_x"], 0, atol=1e-12)
    assert found["rotation_z"].attrs["units"] == "degree"


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("green-lagrange", -0.02 + 0.5 * 0.02**2),
        ("infinitesimal", -0.02),
        ("almansi", (1 - 0.98**-2) / 2),
        ("hencky", np.log(0.98)),
    ],
)
def test_all_measures_of_a_small_compression(measure, expected):
    found = strain(field_of(np.diag([-0.02, 0.0, 0.0])), measure=measure)
    assert float(found["e_zz"].mean()) == pytest.approx(expected)


def test_anisotropic_spacing_and_voxels():
    gradient = np.array([[0.1, 0.02, 0.0], [0.0, 0.0, -0.05], [0.03, 0.0, 0.2]])
    for method in ("window", "hexahedra"):
        field = field_of(gradient, spacing=(4, 8, 16), voxel=(1.0, 0.5, 2.0))
        found = strain(field, measure="infinitesimal", method=method)
        assert float(found["e_zz"][1, 1, 1]) == pytest.approx(0.1)
        assert float(found["e_zy"][1, 1, 1]) == pytest.approx(0.01)
        assert float(found["e_yx"][1, 1, 1]) == pytest.approx(-0.025)


@pytest.mark.parametrize("options", [{}, {"window": 5}, {"window": 5, "order": 2}, {"method": "hexahedra"}])
@given(seed=st.integers(0, 2**31))
@settings(max_examples=5, deadline=None)
def test_axes_can_be_exchanged_and_flipped(options, seed):
    """A mirrored or relabelled specimen has the mirrored or relabelled strain, and uncertainty."""
    rng = np.random.default_rng(seed)
    shape, order = (5, 6, 7), rng.permutation(3)
    u = rng.normal(scale=0.1, size=(3, *shape))
    u[:, rng.random(shape) < 0.1] = np.nan
    sizes = {"spacing": np.array([4, 6, 8]), "subset_size": np.array([9, 11, 21])}
    errors = rng.uniform(0.1, 1, (3, *shape))
    sign = rng.choice([-1, 1], 3)

    def measured(u, errors, order):
        attrs = {name: sizes[name][order].tolist() for name in sizes}
        field = with_displacement(field_of(np.zeros((3, 3)), u.shape[1:], **attrs), u)
        field = field.assign({name: field[name].copy(data=errors[a]) for a, name in enumerate(SIGMA)})
        return strain(field, **options)

    flips = tuple(slice(None, None, s) for s in sign)
    moved = np.transpose((u * sign[:, None, None, None])[(slice(None), *flips)], (0, *(order + 1)))[order]
    moved_errors = np.transpose(errors[(slice(None), *flips)], (0, *(order + 1)))[order]
    plain, other = measured(u, errors, np.arange(3)), measured(moved, moved_errors, order)
    one, two = tensor_of(plain), tensor_of(other)
    one = one * sign[:, None, None, None, None] * sign[None, :, None, None, None]
    one = np.transpose(one[(slice(None), slice(None), *flips)], (0, 1, *(order + 2)))[order][:, order]
    np.testing.assert_allclose(two, one, atol=1e-11)
    np.testing.assert_allclose(
        np.sort([other[n].values.ravel() for n in SIGMA_STRAIN], axis=None),
        np.sort([plain[n].values.ravel() for n in SIGMA_STRAIN], axis=None),
        atol=1e-11,
    )


def test_missing_points_are_left_out_and_stay_missing():
    field = field_of(np.diag([-0.1, 0, 0]))
    for name in DISPLACEMENT:
        field[name].values[1, 1, 1] = np.nan
    found = strain(field)
    assert np.isnan(found["e_zz"].values[1, 1, 1])
    assert np.isnan(found["rotation_z"].values[1, 1, 1])
    assert found["strain_points"].values[1, 1, 1] == 0
    assert found["strain_points"].values[2, 2, 2] == 26
    np.testing.assert_allclose(found["e_zz"].values[2, 2, 2], -0.1 + 0.005)


def cracked():
    """Two halves of no strain, 3 um apart after the load; the points in the crack are lost."""
    field = field_of(np.zeros((3, 3)), (9, 6, 6), subset_size=[33] * 3, sigma=0.01)
    u = np.zeros((3, 9, 6, 6))
    u[0, 5:] = 3.0
    u[:, 4] = np.nan
    return with_displacement(field, u)


@pytest.mark.parametrize("options", [{"window": 5}, {"window": 5, "order": 2}, {"method": "hexahedra"}])
def test_no_strain_is_made_up_beside_a_crack(options):
    found = strain(cracked(), **options)
    measured = found["e_zz"].notnull().values
    assert measured[3].any()
    assert float(abs(found["e_zz"]).max()) < 1e-12
    if "window" in options and "order" not in options:
        wide = strain(cracked(), gaps="bridge", **options)
        assert float(wide["e_zz"].max()) > 0.02  # what a window across the crack would tell
        sigma = found["sigma_e_zz"].values
        assert sigma[3, 2, 2] > 1.3 * sigma[1, 2, 2]  # one-sided windows are less certain


def test_marked_outliers_are_left_out():
    field = field_of(np.diag([-0.1, 0, 0]))
    field["u_z"].values[1, 1, 1] += 5
    outlier = np.zeros((4, 4, 4), np.uint8)
    outlier[1, 1, 1] = 1
    found = strain(field.assign(outlier=(("z", "y", "x"), outlier)))
    assert np.isnan(found["e_zz"].values[1, 1, 1])
    assert found["e_zz"].count() == 63
    np.testing.assert_allclose(found["e_zz"].values[2, 2, 2], -0.1 + 0.005)
    assert found.attrs["strain_outliers_left_out"] == 1
    assert found["u_z"].values[1, 1, 1] == field["u_z"].values[1, 1, 1]


def test_a_quadratic_displacement_up_to_the_faces():
    """Order 1 is biased at the faces, order 2 nowhere."""
    field = field_of(np.zeros((3, 3)), (7, 7, 7), voxel=(1, 1, 1), spacing=(1, 1, 1))
    u = np.zeros((3, 7, 7, 7))
    u[0] = 0.01 * np.arange(7)[:, None, None] ** 2
    field = with_displacement(field, u)
    truth = np.broadcast_to(0.02 * np.arange(7)[:, None, None], (7, 7, 7))
    errors = {}
    for order in (1, 2):
        found = strain(field, measure="infinitesimal", window=5, order=order)["e_zz"].values
        errors[order] = np.nanmax(abs(found - truth), axis=(1, 2))
        assert np.isfinite(found[:, 1:-1, 1:-1]).all()
    assert errors[2].max() < 1e-12
    assert errors[1][3] < 1e-12
    assert errors[1][0] > 0.01


def test_the_window_smooths_noise():
    rng = np.random.default_rng(0)
    field = with_displacement(field_of(np.zeros((3, 3)), shape=(7, 7, 7)), rng.normal(size=(3, 7, 7, 7)))
    narrow, wide = (float(strain(field, window=w)["e_zz"].values[2:5, 2:5, 2:5].std()) for w in (3, 5))
    assert wide < 0.5 * narrow


def noisy(gradient, *, quadratic=False, seed=0):
    """Displacement with the noise that subsets of 9 voxels at every 4th share, and its true standard deviation."""
    rng = np.random.default_rng(seed)
    size, step, n = 9, 4, 24
    noise = rng.normal(size=(3, *(step * n,) * 3))
    if quadratic:
        x = np.arange(size) - size // 2
        bump = x**2 - np.mean(x**2)
        q = 1 / 3 - np.mean(x**2) * bump / np.mean(bump**2)
        weights = (q[:, None, None] + q[None, :, None] + q[None, None, :]) / size**3
        from scipy.signal import fftconvolve

        smooth = np.stack([fftconvolve(part, weights, mode="same") for part in noise])
        std = np.sqrt((weights**2).sum())
    else:
        smooth = np.stack([uniform_filter(part, size, mode="wrap") for part in noise])
        std = size**-1.5
    cut = smooth[:, 4::step, 4::step, 4::step][:, 1:-1, 1:-1, 1:-1] * 0.02 / std
    field = field_of(gradient, cut.shape[1:], spacing=(step,) * 3, voxel=(1, 1, 1), sigma=0.02)
    field = field.assign_attrs(subset_size=[size] * 3, shape_function="quadratic" if quadratic else "affine")
    u = np.stack([field[name].values for name in DISPLACEMENT])
    return with_displacement(field, u + cut), field


def miss(measured, exact):
    """Error of each component (6, nz, ny, nx) over its stated uncertainty."""
    return np.stack([(measured[n] - exact[n]).values / measured[f"sigma_{n}"].values for n in STRAIN])


def rms(values):
    return float(np.sqrt(np.nanmean(values**2)))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    "options", [{}, {"window": 5}, {"window": 5, "order": 2}, {"window": 7, "order": 3}, {"method": "hexahedra"}]
)
def test_the_uncertainty_is_the_scatter(measure, options):
    gradient = np.array([[-0.1, 0.05, 0.0], [0.2, 0.05, 0.0], [0.0, 0.1, 0.03]])
    measured, exact = (strain(field, measure=measure, **options) for field in noisy(gradient))
    missed = miss(measured, exact)
    inner = missed[:, 3:-3, 3:-3, 3:-3]
    rim = np.concatenate([np.take(missed, side, axis=axis).ravel() for axis in (1, 2, 3) for side in (0, -1)])
    assert rms(inner) == pytest.approx(1, abs=0.1)
    assert rms(rim) == pytest.approx(1, abs=0.1)
    for component in inner:
        assert rms(component) == pytest.approx(1, abs=0.25)


def test_the_uncertainty_of_quadratic_subsets():
    measured, exact = (strain(field, window=5) for field in noisy(np.zeros((3, 3)), quadratic=True))
    assert rms(miss(measured, exact)[:, 3:-3, 3:-3, 3:-3]) == pytest.approx(1, abs=0.1)


def test_the_uncertainty_with_missing_points():
    measured, exact = noisy(np.zeros((3, 3)))
    gone = np.random.default_rng(1).random(measured["u_z"].shape) < 0.3
    measured, exact = (
        strain(field.where(~gone).assign(status=field["status"]), window=5) for field in (measured, exact)
    )
    assert rms(miss(measured, exact)) == pytest.approx(1, abs=0.1)


def test_overlap_matters():
    """Neighbours that share errors average less: taken as independent they would understate the uncertainty."""
    field = field_of(np.zeros((3, 3)), (5, 5, 5), sigma=1.0)
    close, apart = (strain(field.assign_attrs(subset_size=[s] * 3)) for s in (33, 15))
    assert float(apart["sigma_e_zz"][2, 2, 2]) == pytest.approx(1 / (8.0 * np.sqrt(18)))  # 18 points one step away
    assert float(close["sigma_e_zz"][2, 2, 2]) > 1.5 * float(apart["sigma_e_zz"][2, 2, 2])


def test_no_uncertainty_is_stated_where_it_cannot_be_known():
    assert not [n for n in SIGMA_STRAIN if n in strain(field_of(np.zeros((3, 3))))]
    field = field_of(np.zeros((3, 3)), subset_size=[9] * 3).drop_vars("sigma_z")
    assert not [n for n in SIGMA_STRAIN if n in strain(field)]
    field = field_of(np.zeros((3, 3)), subset_size=[9] * 3, sigma=1.0)
    field["sigma_y"].values[0, 0, 0] = np.nan
    found = strain(field)
    assert np.isnan(found["sigma_e_zz"].values[:2, :2, :2]).all()
    assert found["sigma_e_zz"].isnull().sum() == 8
    assert found["e_zz"].notnull().all()


def test_gauge():
    field = field_of(np.zeros((3, 3)), (6, 6, 1), spacing=(16, 8, 8), subset_size=[33, 21, 21])
    attrs = strain(field, window=(5, 3, 3)).attrs
    assert attrs["strain_gauge_size_voxels"] == [33 + 4 * 16, 21 + 2 * 8, 21]
    assert attrs["strain_gauge_size"] == [(33 + 4 * 16) / 2, (21 + 2 * 8) / 2, 21 / 2]
    assert strain(field, method="hexahedra").attrs["strain_gauge_size_voxels"] == [33 + 2 * 16, 21 + 2 * 8, 21]
    assert "strain_gauge_size" not in strain(field_of(np.zeros((3, 3)))).attrs


def test_attributes_say_how_it_was_made():
    attrs = strain(field_of(np.zeros((3, 3)), (7, 7, 7)), window=5, order=2).attrs
    made = {name.removeprefix("strain_"): attrs[name] for name in attrs if name.startswith("strain_")}
    assert made == {
        "measure": "green-lagrange",
        "method": "window",
        "order": 2,
        "window": [5, 5, 5],
        "min_points": 32,
        "gaps": "stop",
        "outliers_left_out": 0,
    }
    attrs = strain(field_of(np.zeros((3, 3))), method="hexahedra").attrs
    assert (attrs["strain_method"], attrs["strain_window"]) == ("hexahedra", [3, 3, 3])
    assert "strain_order" not in attrs


def test_a_window_wider_than_the_grid_takes_what_is_there():
    gradient = np.diag([-0.02, 0.01, 0.0])
    for options in ({"window": 9}, {"window": 7, "order": 3}):
        found = strain(field_of(gradient), measure="infinitesimal", **options)
        np.testing.assert_allclose(found["e_zz"], -0.02, atol=1e-10)
        assert (found["strain_points"] == 64).all()


def test_an_earlier_strain_leaves_nothing_behind():
    field = field_of(np.zeros((3, 3)), (5, 5, 5), subset_size=[9] * 3, sigma=1.0)
    first = strain(field, window=5, order=2).assign(e_1=field["u_z"])
    again = strain(first.drop_vars("sigma_x"), method="hexahedra")
    plain = strain(field.drop_vars("sigma_x"), method="hexahedra")
    xr.testing.assert_identical(again, plain)


def test_threads_and_repetition_do_not_matter():
    rng = np.random.default_rng(2)
    shape = (70, 30, 30)  # two blocks
    u = rng.normal(size=(3, *shape))
    u[:, rng.random(shape) < 0.05] = np.nan
    field = with_displacement(field_of(np.zeros((3, 3)), shape, subset_size=[33] * 3, sigma=0.1), u)
    xr.testing.assert_identical(strain(field, threads=1), strain(field, threads=3))


def test_flat_fields_give_what_lies_in_them():
    gradient = np.array([[0.1, 0.02, 0.0], [0.0, 0.3, -0.05], [0.03, 0.0, 0.2]])
    for options in ({}, {"window": 5}, {"window": 7, "order": 3}, {"method": "hexahedra"}):
        field = field_of(gradient, (5, 1, 6), subset_size=[9] * 3, sigma=0.1)
        found = strain(field, measure="infinitesimal", **options)
        assert float(found["e_zz"][2, 0, 2]) == pytest.approx(0.1)
        assert float(found["e_zx"][2, 0, 2]) == pytest.approx(0.015)
        assert float(found["sigma_e_zx"][2, 0, 2]) > 0
        for name in ("e_yy", "e_zy", "sigma_e_yy", *ROTATION):
            assert found[name].isnull().all(), name


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": 4}, "odd number"),
        ({"window": 1}, "odd number"),
        ({"window": (3, 3)}, "odd number"),
        ({"window": 3, "order": 2}, "at least 5 points for order 2"),
        ({"order": 4}, "order must be 1, 2 or 3"),
        ({"measure": "biot"}, "green-lagrange, infinitesimal, almansi, hencky"),
        ({"method": "spline"}, "window, hexahedra"),
        ({"gaps": "jump"}, "stop, bridge"),
        ({"min_points": 2}, "between 4 and the 27"),
        ({"min_points": 28}, "between 4 and the 27"),
        ({"method": "hexahedra", "window": 5}, "hexahedra use the next points"),
        ({"method": "hexahedra", "min_points": 8}, "hexahedra use the next points"),
    ],
)
def test_wrong_options_are_explained(options, words):
    with pytest.raises(InputError, match=words):
        strain(field_of(np.zeros((3, 3))), **options)
