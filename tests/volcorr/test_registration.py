"""Rigid registration without a start value: large shifts and rotations, noise, masks, and what must not be found."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition import BlobTexture, Cylinder, add_noise, compress
from acquisition.motion import Homogeneous
from volcorr.averaging import shrink
from volcorr.registration import Registration, _turn, register_averages, register_rigid
from volio import InputError, Volume
from volio.lazy import LazyArray

EDGE = 64
SHAPE = (EDGE,) * 3
CENTRE = (31.5, 31.5, 31.5)
PILLAR = Cylinder((31.5, 31.5), 23)


@pytest.fixture(scope="module")
def texture():
    return BlobTexture.random(SHAPE, rng=3, margin=72)


@pytest.fixture(scope="module")
def reference(texture):
    return texture.render(SHAPE)


def body_motion(rotation=(0, 0, 0), shift=(0, 0, 0), compression=0.0):
    """Compression, then a rotation (vector in degrees) about the centre and a shift."""
    turned = Homogeneous(_turn(np.array(rotation, float)), centre=CENTRE, shift=shift)
    return compress(compression, centre=CENTRE, poisson=0.3).then(turned)


def check(found, motion, rotation=(0, 0, 0), *, degrees=0.25, voxels=0.2):
    """Compare with the truth; the displacement where the rigid motion and the fit with stretch agree."""
    assert found.found
    apart = np.linalg.norm(found.rotation - _turn(np.array(rotation, float))) / np.sqrt(2)
    assert np.degrees(apart) < degrees
    middle = found.middle[None]
    np.testing.assert_allclose(found.displacement(middle), motion.displacement(middle), atol=voxels)


@pytest.mark.parametrize(
    ("rotation", "shift", "compression"),
    [
        ((0, 0, 0), (0, 0, 0), 0.0),
        ((0, 0, 0), (32, 0, 0), 0.0),
        ((0, 0, 0), (-32, 32, -32), 0.0),
        ((0, 0, 0), (3.4, -12.2, 5.7), 0.1),
        ((15, 0, 0), (0, 0, 0), 0.0),
        ((0, -15, 0), (4, 0, 0), 0.0),
        ((0, 0, 15), (0, -7, 0), 0.0),
        ((8.5, -8.5, 8.5), (0, 0, 32), 0.1),
        ((8.5, 8.5, -8.5), (-30, 29, 31), 0.0),
    ],
    ids=["none", "half", "half thrice", "compressed", "z", "y", "x", "oblique, half", "oblique, half thrice"],
)
def test_texture_that_fills_the_volume(texture, reference, rotation, shift, compression):
    motion = body_motion(rotation, shift, compression)
    found = register_rigid(reference, texture.render(SHAPE, motion=motion))
    # half the volume thrice leaves an eighth of it, some 16 averaged voxels an edge
    check(found, motion, rotation, degrees=0.25 if found.overlap > 0.2 else 0.6)
    assert found.cc > 0.9
    stretches = np.linalg.eigvalsh(found.stretch)
    np.testing.assert_allclose(stretches[0], 1 - compression, atol=0.02)
    exact = found.parameters(found.middle[None], model="affine")[0]
    np.testing.assert_allclose(exact[:, 1:], motion.gradient(found.middle), atol=0.025)


@pytest.mark.parametrize(
    ("rotation", "shift"), [((0, 0, 0), (25, 5, 0)), ((12, 0, 0), (5, 0, 0)), ((4, -9, 7), (-10, 3, 5))]
)
def test_a_noisy_pillar_in_air_with_another_contrast(texture, rotation, shift):
    motion = body_motion(rotation, shift, 0.1)
    pair = [texture.render(SHAPE, specimen=PILLAR), texture.render(SHAPE, specimen=PILLAR, motion=motion)]
    first, second = (add_noise(grey, snr=2, rng=seed, signal_std=15) for seed, grey in enumerate(pair))
    check(register_rigid(first - 100, 0.3 * second - 60), motion, rotation, degrees=0.4, voxels=0.3)


def test_only_the_mask_decides(texture):
    """A holder that stays in place outweighs the specimen, until the mask leaves it out."""
    motion = body_motion((5, 0, 0), (9, 4, -3))
    thin = Cylinder((31.5, 31.5), 14)
    z, y, x = np.indices(SHAPE) - 31.5
    holder = np.hypot(y, x) > 25
    lattice = 60 * (np.sin(z / 3) + np.sin(y / 2.5) + np.sin(x / 3.5))
    first, second = (
        np.where(holder, 200 + lattice, texture.render(SHAPE, specimen=thin, motion=m)) for m in (None, motion)
    )
    mask = np.hypot(y, x) < 15
    check(register_rigid(first, second, mask=mask), motion, (5, 0, 0), degrees=0.6, voxels=0.6)
    without = register_rigid(first, second)
    assert np.abs(without.translation).max() < 1


def test_bad_voxels_do_not_count(texture, reference):
    motion = body_motion((0, 3, 0), (-6, 3, 8))
    first, second = reference.copy(), texture.render(SHAPE, motion=motion)
    first[:, :20], second[50:, :, 30:] = np.nan, np.inf
    check(register_rigid(first, second), motion, (0, 3, 0), degrees=0.4)


def test_flat_volumes_of_different_shapes(texture):
    motion = Homogeneous(_turn(np.array([10.0, 0, 0])), centre=(9.5, 31.5, 29.5), shift=(3, -14, 10))
    first = texture.render((20, 64, 60))
    check(register_rigid(first, texture.render((24, 60, 64), motion=motion)), motion, (10, 0, 0), degrees=0.5)


@pytest.mark.parametrize("specimen", [None, PILLAR], ids=["everywhere", "pillar"])
@pytest.mark.parametrize("seed", [10, 11])
def test_unrelated_volumes_are_not_found(texture, specimen, seed):
    other = BlobTexture.random(SHAPE, rng=seed, margin=24)
    first, second = texture.render(SHAPE, specimen=specimen), other.render(SHAPE, specimen=specimen)
    found = register_rigid(first, second, max_rotation=6)
    assert not found.found
    assert found.height < 8 or found.distinctness < 1.3


def test_without_texture_nothing_is_found(reference):
    flat = np.full(SHAPE, 7, np.uint8)
    for pair in ((flat, reference), (reference, flat), (reference, np.full(SHAPE, np.nan))):
        found = register_rigid(*pair, max_rotation=0)
        assert not found.found
        assert found.cc < 0.1
        assert np.isfinite(found.displacement(np.zeros((1, 3)))).all()


def test_a_rotation_beyond_the_limit_is_not_found(texture, reference):
    deformed = texture.render(SHAPE, motion=body_motion((0, 0, 40)))
    assert not register_rigid(reference, deformed, max_rotation=5).found


@pytest.fixture(scope="module")
def registered(texture, reference):
    """Return a pair and its registration."""
    deformed = texture.render(SHAPE, motion=body_motion((3, -2, 4), (7, -3, 11)))
    return reference, deformed, register_rigid(reference, deformed)


@given(
    order=st.permutations(range(3)),
    flips=st.tuples(*(st.booleans(),) * 3),
    gain=st.floats(0.01, 100),
    offset=st.floats(-300, 300),
)
@settings(max_examples=8, deadline=None)
def test_the_order_of_axes_and_the_grey_scale_only_rename_the_answer(registered, order, flips, gain, offset):
    *pair, plain = registered
    axes = [axis for axis, flip in enumerate(flips) if flip]
    first, second = (np.flip(grey.transpose(order), axes) for grey in pair)
    found = register_rigid(first, (gain * second + offset).astype(np.float32))
    change = np.eye(3)[list(order)] * np.where(flips, -1, 1)[:, None]
    np.testing.assert_allclose(found.translation, change @ plain.translation, atol=0.02)
    np.testing.assert_allclose(found.rotation, change @ plain.rotation @ change.T, atol=1e-3)


def test_threads_and_lazy_input_do_not_change_a_bit(texture, reference):
    deformed = texture.render(SHAPE, motion=body_motion((10, -8, 6), (12, 0, -9)))
    one = register_rigid(reference, deformed, threads=1)
    lazy = [Volume(LazyArray.wrap(grey)) for grey in (reference, deformed)]
    for other in (register_rigid(reference, deformed, threads=3), register_rigid(*lazy, threads=2)):
        for name in ("rotation", "translation", "stretch", "middle", "cc", "height", "distinctness"):
            np.testing.assert_array_equal(getattr(other, name), getattr(one, name))


def test_averages_that_exist_serve_as_well(reference):
    average = shrink(reference, 2)
    mask = shrink(np.ones(SHAPE, bool), 2)
    found = register_averages(average, average, mask=mask)
    assert found.found
    np.testing.assert_allclose(found.translation, 0, atol=0.01)
    assert found.angle < 0.01
    with pytest.raises(InputError, match="different factors"):
        register_averages(average, shrink(reference, 4))


def test_the_motion_is_described_in_all_its_forms():
    turn, centre, stretch = _turn(np.array([0.0, 0.0, 90.0])), np.array([10.0, 20, 30]), np.diag([0.9, 1, 1])
    motion = Registration(
        found=True,
        rotation=turn,
        translation=np.array([1.0, 2, 3]),
        centre=centre,
        stretch=stretch,
        middle=centre + np.array([0, 4, 0]),
        cc=1.0,
        overlap=1.0,
        height=99.0,
        distinctness=9.0,
    )
    np.testing.assert_allclose(motion.rotation_vector, (0, 0, 90))
    assert motion.angle == pytest.approx(90)
    points = np.array([[10.0, 20, 30], [12.0, 20, 30]])
    np.testing.assert_allclose(motion.displacement(points), [(1, 2, 3), (-1, 4, 3)], atol=1e-12)
    rigid, affine = motion.parameters(points), motion.parameters(points, model="affine")
    np.testing.assert_allclose(rigid[0, :, 1:], turn - np.eye(3))
    np.testing.assert_allclose(affine[1, :, 1:], turn @ stretch - np.eye(3))
    np.testing.assert_allclose(affine[1, :, 0], rigid[1, :, 0] + turn @ (-0.2, 0, 0), atol=1e-12)
    assert replace(motion, rotation=np.eye(3)).angle == 0


def test_wrong_input_is_named():
    grey = np.zeros((16, 16, 16), np.float32)
    with pytest.raises(InputError, match="mask has the shape"):
        register_rigid(grey, grey, mask=grey[1:])
    with pytest.raises(InputError, match="max_rotation must be between 0 and 45"):
        register_rigid(grey, grey, max_rotation=90)
    with pytest.raises(InputError, match="needs 8 voxels"):
        register_rigid(grey, grey[:4])
    with pytest.raises(InputError, match="different voxel sizes"):
        register_rigid(Volume(grey, voxel_size=(1, 1, 1)), Volume(grey, voxel_size=(2, 2, 2)))


@pytest.mark.realdata
def test_a_real_core_is_found_with_and_without_its_surroundings(data_dir):
    import tifffile

    pair = [tifffile.imread(data_dir / "dvc" / f"sandstone_{name}_z000-255.tif") for name in ("intact", "deformed")]
    found = register_rigid(*pair)
    assert found.found
    # the mean of a field of 33^3 subsets, which has a spread of 0.2 to 0.4 voxels
    np.testing.assert_allclose(found.translation, (-0.27, -2.04, -2.36), atol=0.35)
    np.testing.assert_allclose(found.rotation_vector, (0.51, -0.14, 0.03), atol=0.15)
