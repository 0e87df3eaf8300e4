"""Start values: motions far larger than a subset, what is looked for, and what cannot be told."""

import logging

import numpy as np
import pytest

from acquisition import BlobTexture, Homogeneous, compress, rotate, translate
from volcorr.grid import Grid
from volcorr.pyramid import make_pyramid
from volcorr.start_values import LevelField, find_start_values

SHAPE = (96, 96, 96)
CENTRE = (47.5, 47.5, 47.5)


@pytest.fixture(scope="module")
def wide():
    return BlobTexture.random(SHAPE, rng=11, margin=50)


@pytest.fixture(scope="module")
def reference(wide):
    return wide.render(SHAPE)


def lattice(low=20, high=80, step=12):
    axis = np.arange(low, high, step)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)


def start_of(reference, deformed, points, *, mask=None, **options):
    return find_start_values(make_pyramid(reference, deformed, mask=mask), points, **options).parameters


@pytest.mark.parametrize(
    "motion",
    [
        translate((20.3, -18.4, 15.0)),
        rotate(12, centre=CENTRE),
        compress(0.1, centre=(0.0, 0.0, 0.0)),
        compress(0.05, centre=CENTRE).then(rotate(4, centre=CENTRE, axis=1)).then(translate((3, -9, 6))),
    ],
    ids=["shift", "rotation", "compression", "all"],
)
def test_large_motions_are_found_to_a_fraction_of_a_voxel(wide, reference, motion):
    deformed = wide.render(SHAPE, motion=motion)
    points = lattice()
    start = start_of(reference, deformed, points)
    target = points + motion.displacement(points)
    inside = ((target > 8) & (target < 87)).all(axis=1)
    error = np.abs(start[:, :, 0] - motion.displacement(points)).max(axis=1)
    assert inside.mean() > 0.4
    assert np.quantile(error[inside], 0.95) < 0.3
    assert error[inside].max() < 2
    slope = start[inside][:, :, 1:] - motion.gradient(points[inside])
    assert np.abs(np.median(slope, axis=0)).max() < 0.01


def test_a_small_region_gives_the_same_answer(wide, reference):
    motion = rotate(4, centre=CENTRE)
    deformed = wide.render(SHAPE, motion=motion)
    for points in (np.array([[30, 30, 40], [30, 32, 40]]), np.array([[48, 48, 48]]), np.array([[10, 10, 85]])):
        found = start_of(reference, deformed, points)
        np.testing.assert_allclose(found[:, :, 0], motion.displacement(points), atol=0.3)


def test_only_the_specimen_is_followed(wide, reference):
    deformed = wide.render(SHAPE, motion=translate((0.0, 0.0, 3.0)))
    deformed[:, 48:] = np.random.default_rng(0).normal(128, 15, deformed[:, 48:].shape)  # something else moves in air
    mask = np.zeros(SHAPE, bool)
    mask[:, :48] = True
    found = start_of(reference, deformed, np.array([[48, 30, 48], [48, 20, 60]]), mask=mask)
    np.testing.assert_allclose(found[:, :, 0], [(0, 0, 3)] * 2, atol=0.3)


def test_search_limits_what_is_looked_for(wide, reference):
    deformed = wide.render(SHAPE, motion=translate((14.0, 0.0, 0.0)))
    points = np.array([[40, 48, 48], [56, 48, 48]])
    found = start_of(reference, deformed, points, search=(16.0, 2.0, 2.0))
    np.testing.assert_allclose(found[:, 0, 0], 14, atol=0.5)


def test_no_points_need_no_search(reference):
    assert start_of(reference, reference, np.empty((0, 3), int)).shape == (0, 3, 4)


def test_unrelated_volumes_give_finite_start_values(reference):
    other = BlobTexture.random(SHAPE, rng=99).render(SHAPE)
    start = start_of(reference, other, lattice())
    assert np.isfinite(start).all()
    assert np.abs(start[:, :, 0]).max() < 96


def test_where_texture_repeats_itself_nothing_is_said():
    """A lattice fits itself after each period, and the parts that two volumes share do not tell which it was."""
    z, y, x = np.mgrid[:64, :64, :64]
    lattice_ = np.sin(2 * np.pi * z / 10) + np.sin(2 * np.pi * y / 10) + np.sin(2 * np.pi * x / 10)
    start = start_of(lattice_, np.roll(lattice_, 6, 0), lattice(16, 50, 16))
    assert np.isnan(start).all()


def test_threads_do_not_change_a_bit(wide, reference):
    deformed = wide.render(SHAPE, motion=compress(0.04, centre=CENTRE).then(translate((4, 0, -7))))
    points = lattice()
    for search in (None, (8.0, 4.0, 10.0)):
        one, three = (start_of(reference, deformed, points, threads=n, search=search) for n in (1, 3))
        np.testing.assert_array_equal(one, three)


def test_progress_is_logged(reference, caplog, monkeypatch):
    monkeypatch.setattr("volio.progress.Progress.__init__.__kwdefaults__", {"delay": 0.0})
    with caplog.at_level(logging.INFO):
        start_of(reference, reference, np.array([[48, 48, 48]]), progress=True)
    assert "start values, 1/4 resolution: 100 %" in caplog.text
    assert "start values, 1/2 resolution: 100 %" in caplog.text


def test_a_level_is_interpolated_and_goes_on_beyond_its_rim():
    motion = Homogeneous(np.array([[1.02, 0, 0.01], [0, 0.97, 0], [0.01, 0, 1]]), shift=(1.0, 2.0, 3.0))
    grid, factor = Grid((2, 3, 4), (8, 8, 8), (3, 4, 2)), np.array([2, 1, 4])
    nodes = grid.points() * factor + (factor - 1) / 2  # centres of averaged voxels, in voxels of the full volume
    values = np.concatenate([motion.displacement(nodes)[:, :, None], motion.gradient(nodes)], axis=2)
    field = LevelField(values.reshape(-1, 12).T.reshape(12, *grid.shape), grid, factor, 0.0)
    positions = np.random.default_rng(0).uniform(-30, 90, (200, 3))  # most of them outside
    found = field.evaluate(positions)
    np.testing.assert_allclose(found[:, :, 0], motion.displacement(positions), atol=1e-9)
    np.testing.assert_allclose(found[:, :, 1:], motion.gradient(positions), atol=1e-12)


# ---- any motion, without a word about it


@pytest.mark.parametrize(
    ("motion", "snr", "share"),
    [
        (translate((38.0, 0.0, -20.0)), None, 0.95),
        (translate((-20.5, 25.3, 30.2)), None, 0.95),
        (rotate(15, centre=CENTRE, axis=1), None, 0.98),
        (compress(0.15, centre=CENTRE), None, 0.98),
        (compress(0.03, centre=CENTRE).then(rotate(5, centre=CENTRE)).then(translate((9, -6, 12))), 2.0, 0.98),
    ],
    ids=["shift 40 %", "shift on all axes", "15 degrees", "compression 15 %", "noise"],
)
def test_any_motion_is_found_without_tuning(wide, reference, motion, snr, share):
    """Of the points whose subsets stay in the volume, nearly all are valid, and none of them is wrong."""
    from acquisition import add_noise
    from volcorr import Status, correlate

    pair = [reference, wide.render(SHAPE, motion=motion)]
    if snr is not None:
        pair = [add_noise(volume, snr=snr, rng=seed) for seed, volume in enumerate(pair)]
    fields = correlate(*pair, subset_size=21, spacing=12, progress=False)
    points = np.stack(np.meshgrid(fields.z, fields.y, fields.x, indexing="ij"), -1)
    target = points + motion.displacement(points)
    inside = ((target >= 12) & (target <= 83)).all(axis=-1)
    valid = fields["status"].values == Status.VALID
    error = np.abs(np.stack([fields[n].values for n in ("u_z", "u_y", "u_x")], -1) - motion.displacement(points)).max(
        -1
    )
    assert inside.sum() > 30
    assert valid[inside].mean() >= share
    assert error[valid].max() < 0.3
