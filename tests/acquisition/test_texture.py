"""The analytic texture against a plain sum of Gaussians, and its deformed volumes against the reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition import BandCompression, BlobTexture, Cylinder, compress, rotate, translate
from volio import InputError

SHAPE = (13, 18, 35)
CENTRE = (6.0, 8.5, 17.0)


@pytest.fixture(scope="module")
def texture():
    return BlobTexture.random(SHAPE, rng=7, margin=8)


def plain_sum(texture, positions):
    offsets = positions[..., None, :] - texture.centres
    exponents = (offsets**2).sum(-1) / (2 * texture.sigmas**2)
    return (texture.amplitudes * np.exp(-exponents) * (exponents < 5.2**2 / 2)).sum(-1)


def grid(shape):
    return np.moveaxis(np.mgrid[tuple(map(slice, shape))], 0, -1).astype(float)


def test_evaluate_equals_the_plain_sum(texture, rng):
    positions = rng.uniform(-8, 20, (5, 40, 3))
    np.testing.assert_allclose(texture.evaluate(positions), plain_sum(texture, positions), atol=1e-7)


def test_evaluate_of_the_whole_volume_equals_the_plain_sum(texture):
    grey = texture.render(SHAPE, mean=0, std=texture.std)
    assert grey.dtype == np.float32
    np.testing.assert_allclose(grey, plain_sum(texture, grid(SHAPE)), atol=1e-6)


@pytest.mark.parametrize(
    "motion",
    [
        translate((0.3, -1.7, 2.1)),
        compress(0.05, centre=CENTRE, poisson=0.3),
        rotate(4.0, centre=CENTRE),
        BandCompression(CENTRE, base=0.01, peak=0.1, half_width=5.0),
    ],
)
def test_deformed_volume_is_the_texture_at_the_inverse_positions(texture, motion):
    deformed = texture.render(SHAPE, motion=motion, mean=100, std=20)
    expected = 100 + 20 / texture.std * plain_sum(texture, motion.inverse(grid(SHAPE)))
    np.testing.assert_allclose(deformed, expected, atol=2e-5)


def test_each_material_point_keeps_its_grey_value(texture, rng):
    motion = rotate(3.0, centre=CENTRE).then(translate((0.25, 0.5, -0.75)))
    material = rng.uniform(2, 11, (200, 3))
    found_at = material + motion.displacement(material)
    np.testing.assert_allclose(texture.evaluate(motion.inverse(found_at)), texture.evaluate(material), atol=1e-10)


@settings(max_examples=15, deadline=None)
@given(shift=st.tuples(*[st.integers(-4, 4)] * 3))
def test_whole_voxel_shift_is_a_crop_of_the_reference(texture, shift):
    reference = texture.render(SHAPE)
    moved = texture.render(SHAPE, motion=translate(shift))
    here = tuple(slice(max(s, 0), n + min(s, 0)) for s, n in zip(shift, SHAPE, strict=True))
    there = tuple(slice(max(-s, 0), n + min(-s, 0)) for s, n in zip(shift, SHAPE, strict=True))
    np.testing.assert_allclose(moved[here], reference[there], atol=1e-3)


def test_render_does_not_depend_on_the_threads():
    texture = BlobTexture.random((16, 200, 200), rng=1)
    one, three = (texture.render((16, 200, 200), threads=n) for n in (1, 3))
    np.testing.assert_array_equal(one, three)


def test_grey_values_have_the_mean_and_std_asked_for():
    texture = BlobTexture.random((64, 64, 64), rng=3)
    grey = texture.render((64, 64, 64), mean=90, std=12)
    assert grey.mean() == pytest.approx(90, abs=1.0)
    assert grey.std() == pytest.approx(12, rel=0.05)


def test_one_blob_is_a_gaussian_from_its_centre_to_its_end():
    one = BlobTexture(np.full((1, 3), 4.0), np.array([2.0]), np.array([1.0]), (-9, -9, -9), (20, 20, 20))
    distance = np.linspace(0, 12, 200)
    values = one.evaluate(4.0 + distance[:, None] * [0.6, 0.0, 0.8])
    expected = np.where(distance < 10.4, np.exp(-(distance**2) / 8), 0.0)
    np.testing.assert_allclose(values, expected, rtol=1e-7, atol=0)


def test_same_seed_makes_the_same_texture():
    first, second = (BlobTexture.random(SHAPE, rng=5) for _ in range(2))
    np.testing.assert_array_equal(first.centres, second.centres)
    assert set(np.unique(first.amplitudes)) == {-1.0, 1.0}
    assert first.sigmas.min() >= 1.5
    assert first.sigmas.max() <= 2.5


def test_blobs_surround_the_volume_evenly():
    texture = BlobTexture.random((40, 50, 60), rng=5, blob_density=1 / 50, margin=10)
    reach = 10 + 5.2 * 2.5
    inside = ((texture.centres >= 0) & (texture.centres <= [39, 49, 59])).all(1).sum()
    assert texture.centres.min() == pytest.approx(-reach, abs=1)
    assert inside == pytest.approx(39 * 49 * 59 / 50, rel=0.1)


def test_specimen_stands_in_air_and_moves_with_the_material(texture):
    pillar = Cylinder((8.5, 17.0), radius=6.0, air=30.0)
    still = texture.render(SHAPE, specimen=pillar)
    moved = texture.render(SHAPE, specimen=pillar, motion=translate((0, 0, 5)))
    assert still[:, 0, 0] == pytest.approx(30, abs=0.01)
    inside = (slice(None), slice(8, 10), slice(16, 19))
    np.testing.assert_allclose(still[inside], texture.render(SHAPE)[inside], atol=0.02)
    np.testing.assert_allclose(moved[..., 5:], still[..., :-5], atol=1e-3)


def test_air_needs_no_texture(texture):
    pillar = Cylinder((8.5, 17.0), radius=4.0)
    wide = texture.render((13, 80, 80), specimen=pillar)
    assert wide[:, 40:, 40:].max() == pytest.approx(30, abs=0.01)
    assert texture.render((3, 3, 3), specimen=Cylinder((200.0, 200.0), radius=4.0)).max() < 31


def test_material_from_outside_the_texture_is_refused(texture):
    with pytest.raises(InputError, match="margin larger by at least 3 voxels"):
        texture.render(SHAPE, motion=translate((10.5, 0, 0)))


@pytest.mark.parametrize(
    "options",
    [
        {"shape": (10, 10)},
        {"shape": (10, 0, 10)},
        {"shape": SHAPE, "sigma": (2.0, 1.0)},
        {"shape": SHAPE, "sigma": (0.0, 1.0)},
        {"shape": SHAPE, "blob_density": 0.0},
        {"shape": SHAPE, "margin": -1.0},
    ],
)
def test_unusable_parameters_are_refused(options):
    with pytest.raises(InputError, match="must be"):
        BlobTexture.random(**{"rng": 0} | options)


def test_volume_of_unusable_shape_is_refused(texture):
    with pytest.raises(InputError, match="3 positive whole numbers"):
        texture.render((5, 5))
