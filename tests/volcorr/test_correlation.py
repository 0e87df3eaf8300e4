"""The whole correlation: known truth, invariances, statuses, bad input, and a real pair."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from acquisition import BlobTexture, Cylinder, compress, translate
from volcorr import Status, correlate, remove_rigid_motion
from volio import InputError, Volume, read

QUICK = {"subset_size": 17, "spacing": 10, "progress": False}


def test_truth_of_a_compression(compressed):
    fields = correlate(compressed.reference, compressed.deformed, **QUICK)
    assert (fields["status"] == Status.VALID).all()
    error = compressed.error(fields)
    assert np.abs(error).max() < 1.5e-3
    assert np.abs(error.mean(axis=(1, 2, 3))).max() < 3e-4
    assert float(fields["cc"].min()) > 0.9999
    assert fields.attrs["subset_size"] == [17, 17, 17]
    assert fields.attrs["unit"] == "voxel"


@pytest.mark.parametrize("shift", [0.1, 0.25, 0.5, 0.8])
def test_bias_of_subvoxel_shifts(make_pair, shift):
    pair = make_pair(translate((shift,) * 3))
    fields = correlate(pair.reference, pair.deformed, subset_size=33, spacing=12, progress=False)
    assert np.abs(pair.error(fields).mean(axis=(1, 2, 3))).max() < 3e-4


def test_random_error_at_snr_20(make_pair):
    pair = make_pair(translate((0.3, 0.3, 0.3)))
    rng = np.random.default_rng(0)
    noisy = [np.round(v + rng.normal(0, v.std() / 20, v.shape)) for v in (pair.reference, pair.deformed)]
    fields = correlate(*noisy, subset_size=33, spacing=8, progress=False)
    assert pair.error(fields).std() < 1.35e-3


@given(st.permutations([0, 1, 2]), st.lists(st.booleans(), min_size=3, max_size=3))
@settings(max_examples=6, deadline=None)
def test_axes_may_be_exchanged_and_flipped(compressed, order, flips):
    flipped = tuple(axis for axis, flip in enumerate(flips) if flip)
    turned = [np.flip(np.transpose(v, order), flipped) for v in (compressed.reference, compressed.deformed)]
    pairs = (compressed.reference, compressed.deformed), turned
    options = QUICK | {"spacing": 11, "tolerance": 1e-5}  # 11: the grid is its own mirror image
    fields, other = (correlate(*pair, **options) for pair in pairs)
    for new, old in enumerate(order):
        expected = np.flip(np.transpose(fields[f"u_{'zyx'[old]}"].values, order), flipped)
        sign = -1 if flips[new] else 1
        np.testing.assert_allclose(other[f"u_{'zyx'[new]}"].values, sign * expected, atol=2e-5)


@given(scale=st.floats(0.01, 100), offset=st.floats(-1000, 1000))
@settings(max_examples=5, deadline=None)
def test_brightness_and_contrast_do_not_matter(compressed, scale, offset):
    plain = correlate(compressed.reference, compressed.deformed, **QUICK)
    changed = correlate(compressed.reference, scale * compressed.deformed + offset, **QUICK)
    for name in ("u_z", "u_y", "u_x", "cc"):
        np.testing.assert_allclose(changed[name], plain[name], atol=1e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64])
def test_every_type_of_grey(compressed, dtype):
    fields = correlate(compressed.reference.round().astype(dtype), compressed.deformed.round().astype(dtype), **QUICK)
    assert (fields["status"] == Status.VALID).all()
    assert np.abs(compressed.error(fields)).max() < 2e-2


def test_a_shift_of_whole_voxels_adds_to_the_field(compressed):
    fields = correlate(compressed.reference[:, :, 2:-2], compressed.deformed[:, :, 2:-2], **QUICK)
    moved = correlate(compressed.reference[:, :, 2:-2], compressed.deformed[:, :, 4:], **QUICK)
    both = (fields["status"].values == 0) & (moved["status"].values == 0)
    assert both.mean() > 0.7
    np.testing.assert_allclose(moved["u_x"].values[both], fields["u_x"].values[both] - 2, atol=1e-3)


def test_threads_do_not_change_a_bit(compressed):
    one, three = (correlate(compressed.reference, compressed.deformed, threads=n, **QUICK) for n in (1, 3))
    xr.testing.assert_identical(one, three)


def test_physical_units(compressed):
    reference, deformed = (
        Volume(v, voxel_size=(0.128, 0.128, 0.256), unit="um", origin=(5.0, 0.0, 0.0), name=name)
        for v, name in ((compressed.reference, "before"), (compressed.deformed, "after"))
    )
    voxels = correlate(
        compressed.reference, compressed.deformed, subset_size=(17, 17, 9), spacing=(10, 10, 5), progress=False
    )
    fields = correlate(reference, deformed, subset_size="2.176um", spacing="1.28um", progress=False)
    assert fields.attrs["unit"] == fields["u_z"].attrs["units"] == fields["z"].attrs["units"] == "um"
    assert (fields.attrs["reference"], fields.attrs["deformed"]) == ("before", "after")
    assert fields.attrs["subset_size"] == [17, 17, 9]
    np.testing.assert_allclose(fields["u_x"], voxels["u_x"] * 0.256, atol=1e-12)
    np.testing.assert_allclose(fields["sigma_z"], voxels["sigma_z"] * 0.128)
    np.testing.assert_allclose(fields["z"], 5 + 0.128 * voxels["z"])
    one_sided = correlate(reference, Volume(deformed.data), subset_size="2.176um", spacing="1.28um", progress=False)
    np.testing.assert_array_equal(one_sided["u_x"], fields["u_x"])


def test_a_pillar_in_air():
    texture = BlobTexture.random((64, 80, 80), rng=3)
    motion = compress(0.03, centre=(32, 40, 40)).then(translate((2.2, -5.4, 6.1)))
    pillar = Cylinder(centre=(39.5, 39.5), radius=26.0)
    reference, deformed = (texture.render((64, 80, 80), motion=m, specimen=pillar) for m in (None, motion))
    rng = np.random.default_rng(0)
    reference, deformed = (v + rng.normal(0, 1.0, v.shape).astype(np.float32) for v in (reference, deformed))
    mask = reference > 80
    mask = ndimage.binary_opening(ndimage.binary_closing(mask, iterations=2), iterations=2)
    fields = correlate(reference, deformed, mask=mask, **QUICK)
    status = fields["status"].values
    assert set(np.unique(status)) <= {Status.VALID, Status.OUTSIDE_MASK, Status.OUTSIDE_VOLUME}
    z, y, x = (fields[axis].values.astype(int) for axis in "zyx")
    assert not np.any((status == Status.VALID) & ~mask[np.ix_(z, y, x)])
    positions = np.stack(np.meshgrid(z, y, x, indexing="ij"), -1)
    error = np.stack([fields[n].values for n in ("u_z", "u_y", "u_x")]) - np.moveaxis(
        motion.displacement(positions), -1, 0
    )
    assert np.nanmax(np.abs(error)) < 0.1
    without = correlate(reference, deformed, **QUICK)  # air is found by its correlation
    error = np.stack([without[n].values for n in ("u_z", "u_y", "u_x")]) - np.moveaxis(
        motion.displacement(positions), -1, 0
    )
    assert np.nanmax(np.abs(error[:, status == Status.VALID])) < 0.1
    # around points in air whose subset holds a sliver of the surface, that is what is followed
    assert np.nanmax(np.abs(error)) < 1.5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bad_voxels_cost_only_themselves(compressed, bad):
    reference, deformed = compressed.reference.copy(), compressed.deformed.copy()
    reference[14, 14, 14] = bad
    deformed[50, 50, 50] = bad
    fields = correlate(reference, deformed, **QUICK)
    assert (fields["status"] == Status.VALID).all()
    assert np.abs(compressed.error(fields)).max() < 5e-3
    strict = correlate(reference, deformed, min_share=1.0, **QUICK)["status"].values
    assert strict[0, 0, 0] != Status.VALID
    assert strict[-1, -1, -1] != Status.VALID
    assert (strict == Status.VALID).sum() >= strict.size - 16


def test_a_field_without_any_point_to_measure(compressed):
    reference = compressed.reference.copy()
    reference[::3, ::3, ::3] = np.nan  # with the neighbours of a bad voxel, seven of 27 are gone
    fields = correlate(reference, compressed.deformed, min_share=0.8, **QUICK)
    assert (fields["status"] != Status.VALID).all()
    assert np.isnan(fields["u_z"]).all()
    assert np.isnan(fields["cc"]).all()


def test_regions_without_texture(compressed):
    reference = compressed.reference.copy()
    reference[:30, :30, :30] = 120.0
    fields = correlate(reference, compressed.deformed, **QUICK)
    assert fields["status"].values[0, 0, 0] == Status.NO_TEXTURE
    assert fields["status"].values[-1, -1, -1] == Status.VALID


def test_failed_points_are_won_back_from_their_neighbours(compressed, monkeypatch):
    import volcorr.correlation as module

    def misleading(*args, **kwargs):
        start = original(*args, **kwargs)
        start.parameters[::5, 0, 0] += 11
        return start

    original = module.find_start_values
    monkeypatch.setattr(module, "find_start_values", misleading)
    fields = correlate(compressed.reference, compressed.deformed, **QUICK)
    assert (fields["status"] == Status.VALID).all()
    assert np.abs(compressed.error(fields)).max() < 1.5e-3


def test_the_input_is_not_changed(compressed):
    reference, deformed = compressed.reference.copy(), compressed.deformed.copy()
    correlate(reference, deformed, **QUICK)
    np.testing.assert_array_equal(reference, compressed.reference)
    np.testing.assert_array_equal(deformed, compressed.deformed)


def test_timings_and_roi(compressed):
    seconds = {}
    fields = correlate(
        compressed.reference, compressed.deformed, roi=((20, 40), (0, 64), (30, 31)), timings=seconds, **QUICK
    )
    assert list(seconds) == ["read", "start values", "refinement"]
    assert fields.sizes["x"] == 1
    assert fields["z"].values.min() >= 20
    assert fields["z"].values.max() < 40


CUBE = np.random.default_rng(0).normal(size=(40, 40, 40))


@pytest.mark.parametrize(
    ("deformed", "options", "words"),
    [
        (CUBE[:30], {}, r"different shapes: reference \(40, 40, 40\), deformed \(30, 40, 40\)"),
        (CUBE, {"subset_size": 41}, "40 voxels along z, the subset needs 45"),
        (CUBE, {"subset_size": 0}, "subset_size must be odd and >= 9"),
        (CUBE, {"subset_size": "8um"}, "voxel size is not known"),
        (CUBE, {"spacing": 0}, "spacing must be at least one voxel"),
        (
            CUBE,
            {"mask": np.ones((3, 3, 3))},
            r"the mask has the shape \(3, 3, 3\), the volumes \(40, 40, 40\): make the mask on",
        ),
        (CUBE, {"deformed_mask": np.ones((3, 3, 3))}, r"the deformed mask has the shape \(3, 3, 3\)"),
        (CUBE, {"mask": np.zeros((40, 40, 40))}, "mask is empty"),
        (CUBE * 0 + 3, {}, "deformed volume is constant"),
        (CUBE * np.nan, {}, "deformed volume holds no finite voxel"),
        (CUBE, {"min_cc": 1.5}, "min_cc must be between -1 and 1"),
        (CUBE, {"min_share": 0.01}, "min_share must be between 0.05 and 1, got 0.01"),
        (CUBE, {"noise": 0.0}, "noise must be more than zero, in grey values, got 0.0; leave it out"),
        (CUBE, {"shape": "cubic"}, "shape must be one of translation, rigid, affine, quadratic, got 'cubic'"),
        (CUBE, {"spline": "linear"}, "spline must be one of cubic, quintic, got 'linear'"),
        (CUBE, {"max_iterations": 0}, "at least 1"),
        (CUBE, {"tolerance": 0}, "between 0 and 1"),
        (CUBE, {"threads": 0}, "threads must be at least 1"),
        (Volume(CUBE, voxel_size=(1, 1, 2)), {}, "different voxel sizes"),
    ],
)
def test_bad_input_is_explained(deformed, options, words):
    with pytest.raises(InputError, match=words):
        correlate(
            Volume(CUBE, voxel_size=(1, 1, 1)) if isinstance(deformed, Volume) else CUBE, deformed, **QUICK | options
        )


@pytest.mark.realdata
def test_sandstone_core(data_dir):
    """A quarter of the real core: nearly all points found, a smooth field, and a motion as others measured it."""
    reference, deformed = (
        read(data_dir / "dvc" / f"sandstone_{n}_z000-255.tif").crop(((60, 180), (100, 350), (100, 350)))
        for n in ("intact", "deformed")
    )
    fields = correlate(reference, deformed, subset_size=33, spacing=24, progress=False)
    valid = fields["status"].values == Status.VALID
    assert valid.mean() > 0.99
    assert float(fields["cc"].median()) > 0.85
    rest, motion = remove_rigid_motion(fields)
    assert 0.4 < motion.angle < 0.65
    assert float(np.abs(rest["u_z"]).max()) < 0.6
