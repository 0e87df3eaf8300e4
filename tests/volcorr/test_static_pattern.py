import logging

import numpy as np
import pytest

from acquisition import BlobTexture, compress, rotate, translate
from volcorr import correlate
from volcorr.static_pattern import static_contrast
from volcorr.windows import Grey

EDGE = 64
SHAPE = (EDGE,) * 3
STD = 15.0
GRID = np.stack(np.meshgrid(*[[24, 32, 40]] * 3, indexing="ij"), -1).reshape(-1, 3)
RNG = np.random.default_rng(0)
STILL = np.zeros((len(GRID), 3, 3))


def grey(values):
    return Grey(values, float(values.mean()), float(values.std()), True)


def rings(strength):
    y, x = np.mgrid[:EDGE, :EDGE] - (EDGE - 1) / 2
    profile = np.random.default_rng(5).normal(size=60) * strength * STD
    return np.interp(np.hypot(y, x), np.arange(60), profile)


@pytest.fixture(scope="module")
def texture():
    return BlobTexture.random(SHAPE, rng=3, margin=30)


def found(texture, shift, pattern, noise=0.7):
    motion = translate(shift)
    a = texture.render(SHAPE) + pattern + RNG.normal(0, noise, SHAPE)
    b = texture.render(SHAPE, motion=motion) + pattern + RNG.normal(0, noise, SHAPE)
    moved = np.broadcast_to(np.asarray(shift, float), GRID.shape)
    return static_contrast(grey(a), grey(b), GRID, moved, STILL, (8, 8, 8))


@pytest.mark.parametrize("shift", [(0.3, -6.5, 4.8), (1.3, 2.4, -0.7), (5.2, 3.1, 0.0)])
def test_rings_are_seen_and_measured(texture, shift):
    contrast = found(texture, shift, rings(0.2))
    # each ring has a strength of its own, and few lie in a window
    assert 0.1 < contrast < 0.3


def test_a_pattern_of_dead_pixels_is_measured_to_a_third(texture):
    pattern = np.random.default_rng(2).normal(size=SHAPE) * 0.3 * STD
    assert found(texture, (4.0, -3.0, 2.0), pattern) == pytest.approx(0.3, rel=0.35)


@pytest.mark.parametrize("shift", [(0.3, -6.5, 4.8), (1.3, 2.4, -0.7), (8.0, 0.0, 0.0)])
@pytest.mark.parametrize("noise", [0.0, 0.7, 5.0])
def test_nothing_is_found_where_nothing_stays(texture, shift, noise):
    assert found(texture, shift, 0.0, noise) == 0


def test_rings_along_the_motion_do_no_harm_and_are_not_reported(texture):
    assert found(texture, (7.0, 0.0, 0.0), rings(0.2)) == 0


@pytest.mark.parametrize(
    "motion",
    [
        compress(0.1, centre=(0.0, 31.5, 31.5), poisson=0.3).then(translate((-4.0, 5.0, 4.0))),
        rotate(6.0, centre=(31.5, -20.0, 31.5)),
    ],
    ids=["compressed", "turned"],
)
def test_what_stays_is_told_from_a_strain_or_a_turn(texture, motion):
    moved = motion.displacement(GRID)
    gradient = np.stack([motion.displacement(GRID + step) - moved for step in np.eye(3)], axis=-1)
    a, b = (texture.render(SHAPE, **options) + RNG.normal(0, 0.7, SHAPE) for options in ({}, {"motion": motion}))
    assert static_contrast(grey(a), grey(b), GRID, moved, gradient, (8, 8, 8)) == 0
    pattern = RNG.normal(0, 0.1 * STD, SHAPE)
    contrast = static_contrast(grey(a + pattern), grey(b + pattern), GRID, moved, gradient, (8, 8, 8))
    assert contrast == pytest.approx(0.1, rel=0.35)


def test_too_little_motion_or_too_few_points_say_nothing(texture):
    assert np.isnan(found(texture, (0.5, 0.4, -0.3), rings(0.2)))
    a = grey(texture.render(SHAPE))
    assert np.isnan(static_contrast(a, a, GRID[:3], np.full((3, 3), 4.0), STILL[:3], (8, 8, 8)))
    assert np.isnan(static_contrast(a, a, GRID, np.full(GRID.shape, 30.0), STILL, (8, 8, 8)))
    flat = grey(np.ones(SHAPE))
    assert np.isnan(static_contrast(flat, flat, GRID, np.full(GRID.shape, 4.0), STILL, (8, 8, 8)))


def test_correlate_warns(texture, caplog):
    motion = translate((0.4, -3.4, 2.7))
    volumes = [texture.render(SHAPE) + rings(0.2), texture.render(SHAPE, motion=motion) + rings(0.2)]
    with caplog.at_level(logging.WARNING):
        fields = correlate(*volumes, subset_size=17, spacing=12, progress=False)
    assert "does not move with the sample" in caplog.text
    assert 0.05 < float(fields["static_contrast"]) < 0.2


def test_bad_voxels_are_left_out(texture):
    motion = translate((0.3, -6.5, 4.8))
    a, b = texture.render(SHAPE) + rings(0.2), texture.render(SHAPE, motion=motion) + rings(0.2)
    moved = np.broadcast_to((0.3, -6.5, 4.8), GRID.shape)
    whole = static_contrast(grey(a), grey(b), GRID, moved, STILL, (8, 8, 8))
    a[20:30, 30:40, 25:30] = np.nan
    cut = static_contrast(
        Grey(a, float(np.nanmean(a)), float(np.nanstd(a)), False), grey(b), GRID, moved, STILL, (8, 8, 8)
    )
    assert cut == pytest.approx(whole, rel=0.3) or np.isnan(cut)
