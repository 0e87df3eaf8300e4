"""Start values: the search window, the levels, and motions far larger than a subset."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from acquisition import BlobTexture, compress, rotate, translate
from volcorr.start_values import find_start_values, make_levels, search_zncc

HALF, REACH = np.array([4, 5, 6]), np.array([7, 6, 5])


def direct_zncc(reference, deformed, point, shift):
    a = reference[tuple(slice(p - h, p + h + 1) for p, h in zip(point, HALF, strict=True))]
    b = deformed[tuple(slice(p + s - h, p + s + h + 1) for p, h, s in zip(point, HALF, shift, strict=True))]
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def search_one(reference, deformed, point, guess):
    found, cc = search_zncc(reference, deformed, point[None], guess[None], HALF, REACH)
    return found[0], cc[0]


@given(shift=st.tuples(st.integers(-7, 7), st.integers(-6, 6), st.integers(-5, 5)), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_a_shift_within_the_window_is_found_and_its_correlation_is_direct(shift, seed):
    rng = np.random.default_rng(seed)
    reference = ndimage.gaussian_filter(rng.normal(size=(40, 40, 40)), 1.0).astype(np.float32)
    deformed = (3 * np.roll(reference, shift, (0, 1, 2)) + 5).astype(np.float32)
    deformed += rng.normal(0, 0.05, deformed.shape).astype(np.float32)
    point = np.array([20, 19, 21])
    found, cc = search_one(reference, deformed, point, np.zeros(3))
    np.testing.assert_allclose(found, shift, atol=0.5)
    assert cc == pytest.approx(direct_zncc(reference, deformed, point, np.round(found).astype(int)), abs=1e-5)


def test_the_window_follows_the_guess_and_ends_at_the_volume():
    rng = np.random.default_rng(0)
    reference = ndimage.gaussian_filter(rng.normal(size=(40, 40, 40)), 1.0).astype(np.float32)
    deformed = np.roll(reference, (12, -10, 13), (0, 1, 2))
    point = np.array([20, 20, 20])
    found, cc = search_one(reference, deformed, point, np.array([10.0, -12.0, 12.0]))
    np.testing.assert_allclose(found, (12, -10, 13), atol=0.5)
    assert cc > 0.999
    found, cc = search_one(reference, deformed, point, np.array([80.0, 0.0, 0.0]))
    assert np.isnan(cc)
    np.testing.assert_array_equal(found, (80, 0, 0))


def test_a_peak_between_voxels():
    texture = BlobTexture.random((40, 40, 40), rng=0, sigma=(2.5, 2.6))
    reference, deformed = texture.render((40,) * 3), texture.render((40,) * 3, motion=translate((0.4, -1.3, 2.7)))
    found, _ = search_one(reference, deformed, np.array([20, 20, 20]), np.zeros(3))
    np.testing.assert_allclose(found, (0.4, -1.3, 2.7), atol=0.1)


def test_points_are_searched_each_by_itself():
    rng = np.random.default_rng(0)
    reference = ndimage.gaussian_filter(rng.normal(size=(40, 40, 40)), 1.0).astype(np.float32)
    deformed = np.roll(reference, (2, -3, 1), (0, 1, 2)) + rng.normal(0, 0.02, (40,) * 3).astype(np.float32)
    points, guess = rng.integers(8, 32, (9, 3)), rng.normal(0, 3, (9, 3))
    together = search_zncc(reference, deformed, points, guess, HALF, REACH)
    for i in range(9):
        alone = search_one(reference, deformed, points[i], guess[i])
        np.testing.assert_allclose(together[0][i], alone[0], atol=1e-4)
        np.testing.assert_allclose(together[1][i], alone[1], atol=1e-5)


def test_nothing_is_found_without_texture():
    rng = np.random.default_rng(0)
    grey, flat = rng.normal(size=(40,) * 3).astype(np.float32), np.ones((40,) * 3, np.float32)
    for pair in ((flat, grey), (grey, flat)):
        _, cc = search_one(*pair, np.array([20, 20, 20]), np.zeros(3))
        assert np.isnan(cc)


def test_levels_average_and_stop_at_small_axes():
    reference = np.arange(96 * 50 * 20, dtype=np.float32).reshape(96, 50, 20)
    mask = np.zeros(reference.shape, bool)
    mask[:48] = True
    levels = make_levels(reference, reference, mask)
    assert [level.factor for level in levels] == [(4, 2, 1), (2, 2, 1)]
    assert [level.reference.shape for level in levels] == [(24, 25, 20), (48, 25, 20)]
    np.testing.assert_allclose(levels[0].reference[3, 4, 5], reference[12:16, 8:10, 5].mean())
    assert levels[0].mask[:12].all()
    assert not levels[0].mask[12:].any()


def test_small_volumes_are_searched_as_they_are():
    small = np.zeros((30, 40, 47), np.float32)
    assert [level.factor for level in make_levels(small, small, None)] == [(1, 1, 1)]


SHAPE = (96, 96, 96)
CENTRE = (47.5, 47.5, 47.5)


@pytest.fixture(scope="module")
def wide():
    return BlobTexture.random(SHAPE, rng=11)


@pytest.mark.parametrize(
    "motion",
    [
        translate((20.3, -18.4, 15.0)),
        rotate(8, centre=CENTRE),
        compress(0.1, centre=(0.0, 0.0, 0.0)),
        compress(0.05, centre=CENTRE).then(rotate(4, centre=CENTRE, axis=1)).then(translate((3, -9, 6))),
    ],
    ids=["shift", "rotation", "compression", "all"],
)
def test_large_motions_are_found_to_a_voxel_and_a_half(wide, motion):
    reference, deformed = wide.render(SHAPE), wide.render(SHAPE, motion=motion)
    axis = np.arange(30, 70, 8)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    start = find_start_values(reference, deformed, points)
    error = np.abs(start[:, :, 0] - motion.displacement(points))
    assert np.quantile(error, 0.95) < 1.5
    assert error.max() < 3


def test_a_small_region_is_searched_alone_with_the_same_answer(wide, monkeypatch):
    import volcorr.start_values as module

    motion = rotate(4, centre=CENTRE)
    reference, deformed = wide.render(SHAPE), wide.render(SHAPE, motion=motion)
    points = np.array([[30, 30, 40], [30, 32, 40]])
    searched = []
    monkeypatch.setattr(module, "search_zncc", lambda *args: searched.extend(args[2]) or search_zncc(*args))
    found = find_start_values(reference, deformed, points)
    np.testing.assert_allclose(found[:, :, 0], motion.displacement(points), atol=1)
    few = len(searched)
    find_start_values(reference, deformed, np.array([[10, 10, 10], [85, 85, 85]]))
    assert few < 0.7 * (len(searched) - few)


def test_only_the_specimen_is_searched(wide, monkeypatch):
    import volcorr.start_values as module

    motion = translate((0.0, 0.0, 3.0))
    reference, deformed = wide.render(SHAPE), wide.render(SHAPE, motion=motion)
    deformed[:, 48:] = np.random.default_rng(0).normal(128, 15, deformed[:, 48:].shape)  # something else moves in air
    mask = np.zeros(SHAPE, bool)
    mask[:, :48] = True
    searched = []
    monkeypatch.setattr(
        module, "search_zncc", lambda *args: searched.append((args[0].shape, args[2])) or search_zncc(*args)
    )
    found = find_start_values(reference, deformed, np.array([[48, 30, 48], [48, 80, 48]]), mask=mask)
    assert all((points[:, 1] < shape[1] / 2).all() for shape, points in searched)
    np.testing.assert_allclose(found[0, :, 0], (0, 0, 3), atol=0.5)


def test_no_points_need_no_search():
    assert find_start_values(np.zeros((60,) * 3), np.zeros((60,) * 3), np.empty((0, 3), int)).shape == (0, 3, 4)


def test_search_limits_what_is_looked_for(wide):
    motion = translate((14.0, 0.0, 0.0))
    reference, deformed = wide.render(SHAPE), wide.render(SHAPE, motion=motion)
    points = np.array([[40, 48, 48], [56, 48, 48]])
    found = find_start_values(reference, deformed, points, search=(16.0, 2.0, 2.0))
    np.testing.assert_allclose(found[:, 0, 0], 14, atol=1)
    assert (find_start_values(reference, deformed, points, search=(3.0, 3.0, 3.0))[:, 0, 0] < 11).all()


def test_without_any_match_the_start_is_zero_and_finite():
    rng = np.random.default_rng(0)
    grey = rng.normal(size=(60, 60, 60)).astype(np.float32)
    nothing = np.zeros_like(grey)
    start = find_start_values(grey, nothing, np.array([[30, 30, 30]]))
    np.testing.assert_array_equal(start, 0)


def test_progress_is_logged(wide, caplog, monkeypatch):
    monkeypatch.setattr("volio.progress.Progress.__init__.__kwdefaults__", {"delay": 0.0})
    reference = wide.render(SHAPE)
    with caplog.at_level(logging.INFO):
        find_start_values(reference, reference, np.array([[48, 48, 48]]), progress=True)
    assert "start values, 1/4 resolution: 100 %" in caplog.text
