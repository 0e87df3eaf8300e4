from dataclasses import replace

import numpy as np
import pytest

from acquisition.projections import SpherePhantom, expose
from recon.alignment import ProjectionAlignment, align_projections
from recon.scan import Scan
from volio.errors import InputError

COLUMNS, ROWS, COUNT = 80, 32, 121
ANGLES = np.radians(np.linspace(-70, 70, COUNT))
CENTER = 0.5 * (COLUMNS - 1) + 7.3


def true_shifts(drift=5.0, jitter=1.0):
    t = np.linspace(0, 1, COUNT)
    smooth = np.stack([drift * t**1.5, 0.8 * drift * (1 - np.cos(2.2 * t))], axis=1)
    return smooth + jitter * np.random.default_rng(0).normal(size=(COUNT, 2))


@pytest.fixture(scope="module")
def specimen():
    """Wider and higher than the detector."""
    return SpherePhantom.electrode(104, height=70, seed=1, particles=400, value=0.04)


@pytest.fixture(scope="module")
def faulty(specimen):
    """A scan with noise, zingers, an unsteady beam and wrong gains."""
    rng = np.random.default_rng(2)
    lines = specimen.project(ANGLES, rows=ROWS, columns=COLUMNS, center=CENTER, shifts=true_shifts())
    seen = expose(lines, photons=2e4, rng=rng, brightness=1 + 0.01 * rng.normal(size=COUNT), zingers=1e-4)
    counts = seen.projections * (1 + 0.01 * rng.normal(size=(ROWS, COLUMNS))).astype(np.float32)
    return Scan(counts, ANGLES, flats=seen.flats, darks=seen.darks)


@pytest.fixture(scope="module")
def aligned(faulty):
    return align_projections(faulty, threads=1, progress=False)


def errors(found: ProjectionAlignment, shifts):
    """What is wrong when the motion of the specimen is taken out: rows, columns, axis."""
    rows = found.shifts[:, 0] - shifts[:, 0]
    columns = found.shifts[:, 1] + found.center - shifts[:, 1] - CENTER
    waves = np.stack([np.ones(COUNT), np.cos(ANGLES), np.sin(ANGLES)], axis=1)
    fit = np.linalg.lstsq(waves, columns, rcond=None)[0]
    return rows - rows.mean(), columns - waves @ fit, fit[0]


def test_a_truncated_limited_scan_is_aligned(aligned):
    rows, columns, axis = errors(aligned, true_shifts())
    assert rows.std() < 0.08
    assert columns.std() < 0.08
    assert abs(axis) < 0.2


def test_the_stated_uncertainty_is_that_of_the_shifts(aligned):
    rows, columns, _ = errors(aligned, true_shifts())
    for axis, error in enumerate((rows, columns)):
        stated = np.sqrt(np.median(aligned.sigma[:, axis] ** 2))
        assert 0.4 < 1.4826 * np.median(np.abs(error)) / stated < 2.0


def test_rounds_go_from_coarse_to_fine_and_settle(aligned):
    levels = [r.binning for r in aligned.rounds]
    assert levels == sorted(levels, reverse=True)
    assert set(levels) == {4, 2, 1}
    assert max(aligned.rounds[-1].change) < 0.02
    assert aligned.rounds[-1].residual < 0.5
    assert np.median(aligned.strengths) == pytest.approx(1.0, abs=0.05)


def test_the_aligned_volume_is_that_of_a_scan_without_faults(specimen, aligned, faulty):
    from recon.reconstruction import reconstruct

    lines = specimen.project(ANGLES, rows=ROWS, columns=COLUMNS, center=CENTER)
    seen = expose(lines, photons=2e4, rng=3)
    clean = Scan(seen.projections, ANGLES, flats=seen.flats, darks=seen.darks, center=CENTER)
    # where the specimen stands nobody can tell: it is put to where it is
    truth = true_shifts()
    waves = np.stack([np.ones(COUNT), np.cos(ANGLES), np.sin(ANGLES)], axis=1)
    fit = np.linalg.lstsq(waves, aligned.shifts[:, 1] + aligned.center - truth[:, 1] - CENTER, rcond=None)[0]
    moved = np.stack([np.full(COUNT, np.mean(aligned.shifts[:, 0] - truth[:, 0])), waves[:, 1:] @ fit[1:]], axis=1)
    settled = replace(aligned, shifts=aligned.shifts - moved)
    options = {"slices": (10, 22), "filter": "hann", "threads": 1, "progress": False}
    true = specimen.render((ROWS, COLUMNS, COLUMNS))[10:22]
    y, x = np.mgrid[:COLUMNS, :COLUMNS] - 0.5 * (COLUMNS - 1)
    inside = np.hypot(y, x) < 25
    rmse = [
        np.sqrt(np.mean((np.asarray(reconstruct(scan, **options).data) - true)[:, inside] ** 2))
        for scan in (clean, settled.apply(faulty), replace(faulty, center=CENTER))
    ]
    assert rmse[1] < 1.1 * rmse[0]
    assert rmse[2] > 1.5 * rmse[0]


def test_apply_hands_shifts_and_axis_to_the_scan(aligned, faulty):
    scan = aligned.apply(faulty)
    np.testing.assert_array_equal(scan.shifts, aligned.shifts)
    assert scan.center == aligned.center
    assert scan.metadata["notes"][-1] == f"the projections were aligned in {len(aligned.rounds)} rounds"
    assert scan.flats is faulty.flats
    with pytest.raises(InputError, match="121"):
        aligned.apply(faulty.crop(angles=(0, 100)))


def lines_of(specimen, shifts):
    return specimen.project(ANGLES, rows=ROWS, columns=COLUMNS, center=CENTER, shifts=shifts)


def test_threads_change_no_bit(specimen):
    scan = Scan(lines_of(specimen, true_shifts()), ANGLES)
    options = {"binnings": (4,), "rounds": 2, "progress": False}
    one, three = (align_projections(scan, threads=n, **options) for n in (1, 3))
    np.testing.assert_array_equal(one.shifts, three.shifts)
    np.testing.assert_array_equal(one.sigma, three.sigma)
    assert one.center == three.center


def test_known_shifts_and_axis_are_the_start(specimen):
    shifts = true_shifts(drift=15.0)
    scan = Scan(lines_of(specimen, shifts), ANGLES, shifts=shifts + 0.3, center=CENTER)
    found = align_projections(scan, binnings=(1,), rounds=1, threads=1, progress=False)
    rows, columns, axis = errors(found, shifts)
    assert rows.std() < 0.1
    assert columns.std() < 0.1
    assert abs(axis) < 0.5
    elsewhere = align_projections(scan, center=30, binnings=(1,), rounds=1, threads=1, progress=False)
    assert abs(errors(elsewhere, shifts)[2]) > 3


def test_only_the_middle_rows_count(specimen):
    scan = Scan(lines_of(specimen, 0.0), ANGLES, center=CENTER, shifts=np.zeros((COUNT, 2)))
    spoilt = scan.projections.copy()
    spoilt[:, :8] = spoilt[:, -8:] = 5.0
    options = {"binnings": (1,), "rounds": 1, "rows": 12, "threads": 1, "progress": True}
    one, other = (align_projections(s, **options) for s in (scan, replace(scan, projections=spoilt)))
    np.testing.assert_array_equal(one.shifts, other.shifts)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"binnings": ()}, "binnings must be whole numbers"),
        ({"binnings": (1, 2)}, "binnings must be whole numbers"),
        ({"binnings": (2, 0)}, "binnings must be whole numbers"),
        ({"rounds": 0}, "rounds must be at least 1"),
        ({"rows": 4}, "rows must be at least 8"),
        ({"binnings": (16,)}, "too small to be aligned"),
    ],
)
def test_bad_options_are_named(options, message):
    scan = Scan(np.ones((5, 32, 32), np.float32), np.linspace(0, 1, 5))
    with pytest.raises(InputError, match=message) as caught:
        align_projections(scan, **options)
    assert "\n" not in str(caught.value)


def test_bad_scans_are_named():
    lines = np.random.default_rng(0).random((5, 32, 32), np.float32)
    angles = np.linspace(0, 1, 5)
    with pytest.raises(InputError, match="2 projections cannot be aligned"):
        align_projections(Scan(lines[:2], angles[:2]))
    gone = np.zeros((5, 2))
    gone[3, 0] = 100
    with pytest.raises(InputError, match=r"projection 3 is shifted by 100 of 32 rows"):
        align_projections(Scan(lines, angles, shifts=gone), progress=False)
    lines[2, 3, 4] = np.nan
    with pytest.raises(InputError, match="NaN"):
        align_projections(Scan(lines, angles), progress=False)
