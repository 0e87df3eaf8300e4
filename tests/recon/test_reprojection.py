import numpy as np

from acquisition.projections import EllipsePhantom
from recon.reprojection import dark_level, reproject

COLUMNS = 64
ANGLES = np.radians(np.linspace(-70, 70, 101))
MIDDLE = 0.5 * (COLUMNS - 1)
DISCS = EllipsePhantom(np.array([[5, 8, 6, 6, 0, 0.02], [-12, -3, 4, 4, 0, 0.02], [3, -16, 5, 5, 0, 0.02]], float))


def test_a_scan_explains_itself():
    rows = DISCS.project(ANGLES, columns=COLUMNS)[:, None]
    axes = np.full(ANGLES.size, MIDDLE)
    predicted = reproject(rows, angles=ANGLES, axes=axes)
    assert np.corrcoef(predicted.ravel(), rows.ravel())[0, 1] > 0.98
    assert 1.0 < np.sum(predicted * rows) / np.sum(predicted**2) < 2.0


def test_projections_are_predicted_by_others():
    rows = DISCS.project(ANGLES, columns=COLUMNS)[:, None]
    axes = np.full(ANGLES.size, MIDDLE)
    known = np.arange(ANGLES.size) % 2 == 0
    spoilt = np.where(known[:, None, None], rows, np.float32(7.0))
    predicted = reproject(spoilt, angles=ANGLES, axes=axes, known=known)
    np.testing.assert_array_equal(predicted, reproject(rows, angles=ANGLES, axes=axes, known=known))
    assert np.corrcoef(predicted[~known].ravel(), rows[~known].ravel())[0, 1] > 0.98


def test_a_wrong_axis_does_not():
    rows = DISCS.project(ANGLES, columns=COLUMNS)[:, None]

    def misfit(off):
        predicted = reproject(rows, angles=ANGLES, axes=np.full(ANGLES.size, MIDDLE + off))
        strength = np.sum(predicted * rows) / np.sum(predicted**2)
        return float(np.sum((rows - strength * predicted) ** 2))

    assert min(misfit(-2), misfit(2)) > 1.2 * misfit(0)
    assert min(misfit(-4), misfit(4)) > max(misfit(-2), misfit(2))


def test_the_dark_level_lies_between_the_phases():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0.1, 0.02, 3000), rng.normal(0.9, 0.02, 1000)])
    assert 0.1 < dark_level(values) < 0.5
    assert dark_level(np.zeros(10)) <= 0


def test_threads_change_no_bit():
    rows = np.repeat(DISCS.project(ANGLES, columns=COLUMNS)[:, None], 9, axis=1)
    axes = np.full(ANGLES.size, MIDDLE)
    one, two = (reproject(rows, angles=ANGLES, axes=axes, threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one, two)
