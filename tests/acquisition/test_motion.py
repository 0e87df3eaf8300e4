"""Motions: both directions agree, and gradients agree with finite differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition import BandCompression, Homogeneous, StarField, compress, rotate, translate
from volio import InputError

CENTRE = (30.0, 31.0, 32.0)
MOTIONS = {
    "translation": translate((0.3, -1.2, 20.0)),
    "compression": compress(0.1, centre=CENTRE, poisson=0.25),
    "rotation": rotate(25.0, centre=CENTRE, axis=1),
    "affine": Homogeneous(np.eye(3) + np.arange(9).reshape(3, 3) / 50, CENTRE, (1.0, 2.0, 3.0)),
    "star": StarField(64, 31.5, amplitude=1.5),
    "band": BandCompression(CENTRE, base=0.02, peak=0.3, half_width=6.0, poisson=0.3),
    "steep band": BandCompression(CENTRE, base=0.0, peak=0.99, half_width=3.0),
    "chain": rotate(5.0, centre=CENTRE).then(BandCompression(CENTRE)).then(translate((1, 2, 3))),
}
each_motion = pytest.mark.parametrize("motion", MOTIONS.values(), ids=MOTIONS)


@each_motion
def test_inverse_undoes_the_displacement(motion, rng):
    material = rng.uniform(-20, 90, (7, 100, 3))
    moved = material + motion.displacement(material)
    np.testing.assert_allclose(motion.inverse(moved), material, atol=1e-9)


@each_motion
def test_displacement_undoes_the_inverse(motion, rng):
    found_at = rng.uniform(0, 64, (500, 3))
    material = motion.inverse(found_at)
    np.testing.assert_allclose(material + motion.displacement(material), found_at, atol=1e-11)


@each_motion
def test_gradient_is_the_slope_of_the_displacement(motion, rng):
    points = rng.uniform(1, 62, (50, 3))
    step = 1e-4
    slopes = [
        (motion.displacement(points + step * unit) - motion.displacement(points - step * unit)) / (2 * step)
        for unit in np.eye(3)
    ]
    np.testing.assert_allclose(motion.gradient(points), np.stack(slopes, -1), atol=1e-7)


@settings(deadline=None)
@given(
    base=st.floats(0, 0.4),
    peak=st.floats(0, 0.5),
    half_width=st.floats(0.5, 100),
    height=st.floats(-500, 500),
)
def test_band_is_inverted_for_any_strength(base, peak, half_width, height):
    motion = BandCompression(CENTRE, base=base, peak=peak, half_width=half_width)
    point = np.array([height, 3.0, 4.0])
    np.testing.assert_allclose(motion.inverse(point + motion.displacement(point)), point, atol=1e-8)


def test_compression_shortens_and_bulges():
    u = compress(0.02, centre=CENTRE, poisson=0.5).displacement(np.add(CENTRE, (100, 100, -100)))
    np.testing.assert_allclose(u, (-2.0, 1.0, -1.0))
    assert compress(0.02, centre=CENTRE, axis=2).gradient(CENTRE)[2, 2] == pytest.approx(-0.02)


def test_band_has_its_hotspot_in_the_middle():
    motion = BandCompression(CENTRE, base=0.01, peak=0.04, half_width=10)
    heights = np.array([[30.0, 0, 0], [130.0, 0, 0]])
    np.testing.assert_allclose(motion.gradient(heights)[:, 0, 0], [-0.05, -0.01], atol=1e-8)


def test_rotation_turns_x_towards_minus_y():
    np.testing.assert_allclose(rotate(90, centre=(0, 0, 0)).displacement((0.0, 0.0, 1.0)), (0, -1, -1), atol=1e-15)


def test_rotation_keeps_distances(rng):
    points = rng.uniform(0, 60, (50, 3))
    moved = points + rotate(33, centre=CENTRE, axis=2).displacement(points)
    np.testing.assert_allclose(np.linalg.norm(moved - CENTRE, axis=1), np.linalg.norm(points - CENTRE, axis=1))


def test_star_has_the_amplitude_and_period_asked_for():
    star = StarField(101, 50.0, amplitude=0.7, periods=(20.0, 120.0))
    assert star.period(50) == pytest.approx(70)
    ridge, valley = star.displacement([[3.0, 50.0, 50.0], [9.0, 85.0, 50.0]])
    np.testing.assert_allclose([ridge, valley], [(0.7, 0, 0), (-0.7, 0, 0)], atol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Homogeneous(np.diag([1.0, 1.0, -1.0])),
        lambda: Homogeneous(np.eye(2)),
        lambda: translate((1.0, 2.0)),
        lambda: translate((1.0, 2.0, np.nan)),
        lambda: StarField(1.0, 0.0),
        lambda: StarField(64.0, 0.0, periods=(0.0, 10.0)),
        lambda: BandCompression(CENTRE, base=0.5, peak=0.5),
        lambda: BandCompression(CENTRE, half_width=0.0),
    ],
)
def test_impossible_motions_are_refused(make):
    with pytest.raises(InputError, match="must be"):
        make()
