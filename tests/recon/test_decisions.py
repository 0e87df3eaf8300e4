import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from acquisition.projections import SpherePhantom, expose
from recon import decisions
from recon.axis import AxisTilt
from recon.decisions import Decisions, decide
from recon.scan import Scan
from volio.errors import InputError
from volio.lazy import LazyArray

COLUMNS, ROWS, COUNT = 80, 28, 61
ANGLES = np.radians(np.linspace(-70, 70, COUNT))
CENTER = 0.5 * (COLUMNS - 1) + 5.3
QUIET = {"threads": 1, "progress": False}


def true_shifts(seed=0):
    t = np.linspace(0, 1, COUNT)
    drift = 4.0 * np.stack([t**1.5, 0.8 * (1 - np.cos(2.2 * t))], axis=1)
    return drift + np.random.default_rng(seed).normal(size=(COUNT, 2))


@pytest.fixture(scope="module")
def specimen():
    """Wider and higher than the detector."""
    return SpherePhantom.electrode(104, height=70, seed=1, particles=400, value=0.04)


@pytest.fixture(scope="module")
def faulty(specimen):
    """Drift, jitter, zingers, wrong gains, noise, an axis that is off."""
    rng = np.random.default_rng(2)
    lines = specimen.project(ANGLES, rows=ROWS, columns=COLUMNS, center=CENTER, shifts=true_shifts())
    seen = expose(lines, photons=1e4, rng=rng, zingers=1e-4)
    counts = seen.projections * (1 + 0.02 * rng.normal(size=(ROWS, COLUMNS))).astype(np.float32)
    return Scan(np.rint(counts).clip(0, 65535).astype(np.uint16), ANGLES, flats=seen.flats, darks=seen.darks)


@pytest.fixture(scope="module")
def clean(specimen):
    lines = specimen.project(ANGLES, rows=ROWS, columns=COLUMNS, center=CENTER)
    seen = expose(lines, photons=1e4, rng=3, n_flats=200)
    return Scan(seen.projections, ANGLES, flats=seen.flats, darks=seen.darks)


@pytest.fixture(scope="module")
def decided(faulty):
    return decide(faulty, **QUIET)


@pytest.fixture(scope="module")
def decided_clean(clean):
    return decide(clean, **QUIET)


def errors(found: Decisions, shifts):
    """What is wrong when the motion of the specimen is taken out: rows, columns, axis."""
    assert found.shifts is not None
    rows = found.shifts[:, 0] - shifts[:, 0]
    columns = found.shifts[:, 1] + found.center - shifts[:, 1] - CENTER
    waves = np.stack([np.ones(COUNT), np.cos(ANGLES), np.sin(ANGLES)], axis=1)
    fit = np.linalg.lstsq(waves, columns, rcond=None)[0]
    return rows.std(), np.std(columns - waves @ fit), abs(fit[0])


def test_the_default_finds_shifts_and_axis(decided):
    rows, columns, axis = errors(decided, true_shifts())
    assert rows < 0.1
    assert columns < 0.1
    assert axis < 0.2
    assert decided.center_sigma is not None
    assert decided.center_sigma < 0.2
    assert "reprojection" in decided.confidence
    assert any(note.startswith("shifts of projections are undone") for note in decided.notes)


def test_the_default_removes_rings_where_pixels_are_wrong(decided, decided_clean):
    assert decided.rings == "all"
    assert decided_clean.rings == "none"


def test_a_clean_scan_stays_as_it_is(decided_clean):
    assert decided_clean.shifts is None
    assert decided_clean.tilt == 0
    assert abs(decided_clean.center - CENTER) < 0.2
    assert any("lie where they should" in note for note in decided_clean.notes)


def test_what_the_instrument_knows_is_kept(specimen, clean):
    shifts = np.round(true_shifts(4), 3)
    lines = specimen.project(ANGLES, rows=ROWS, columns=COLUMNS, center=CENTER, shifts=shifts)
    scan = Scan(lines, ANGLES, shifts=shifts, center=CENTER)
    found = decide(scan, threads=1, progress=True)
    np.testing.assert_array_equal(found.shifts, shifts)
    assert found.center == CENTER
    assert found.center_sigma is None
    off = decide(scan, align="off", **QUIET)
    np.testing.assert_array_equal(off.shifts, shifts)
    assert any("not looked for: those that the scan states are undone" in note for note in off.notes)


def test_wrong_shifts_of_the_instrument_are_replaced(specimen):
    shifts = true_shifts(5)
    lines = specimen.project(ANGLES, rows=ROWS, columns=COLUMNS, center=CENTER, shifts=shifts)
    found = decide(Scan(lines, ANGLES, shifts=-shifts, center=CENTER - 2), **QUIET)
    rows, columns, axis = errors(found, shifts)
    assert max(rows, columns) < 0.1
    assert axis < 0.2


def test_a_given_axis_stays_and_shifts_hold_the_rest(faulty, decided):
    found = decide(faulty, center=42.0, **QUIET)
    assert found.center == 42.0
    assert found.center_sigma is None
    rows, columns, axis = errors(found, true_shifts())
    assert max(rows, columns) < 0.1
    assert axis < 0.2
    assert found.confidence.startswith("as given")


def test_half_a_turn_tells_a_tilt():
    angles = np.radians(np.linspace(0, 180, 121))
    whole = SpherePhantom.electrode(60, height=60, seed=3, particles=150, value=0.04)
    tilted = whole.project(angles, rows=48, columns=72, center=37.0, tilt=0.03)
    found = decide(Scan(tilted, angles), align="off", **QUIET)
    assert found.tilt == pytest.approx(0.03, abs=0.006)
    assert abs(found.center - 37.0) < 0.2
    upright = whole.project(angles, rows=48, columns=72, center=37.0)
    assert decide(Scan(upright, angles), align="off", **QUIET).tilt == 0


@pytest.fixture(scope="module")
def upright():
    """Half a turn of a specimen that is seen whole, on a detector that can be looked at with half its pixels."""
    angles = np.radians(np.linspace(0, 180, 121))
    whole = SpherePhantom.electrode(80, height=40, seed=3, particles=150, value=0.04)
    return Scan(whole.project(angles, rows=32, columns=96, center=49.0), angles)


def test_an_axis_seen_on_coarse_images_is_that_of_the_detector(upright):
    fine, coarse = (decide(upright, align="off", memory=memory, **QUIET) for memory in (10**9, 10**6))
    assert abs(fine.center - 49.0) < 0.1
    assert abs(coarse.center - 49.0) < 0.2
    assert coarse.center_sigma > 2 * fine.center_sigma


@pytest.mark.parametrize(("angle", "tilt"), [(0.02, 0.0), (0.04, 0.02), (-0.04, -0.02)])
def test_a_tilt_must_be_seen_at_the_ends_of_the_axis(upright, monkeypatch, angle, tilt):
    """However certain: below a quarter of a column it is not worth resampling. Every other row is fitted."""

    def fit(lines, *_, **__):
        assert lines.shape[1] == upright.rows // 2
        return AxisTilt(angle, 1e-6, 49.0, np.arange(16), np.full(16, 49.0))

    monkeypatch.setattr(decisions, "fit_axis_tilt", fit)
    assert decide(upright, align="off", **QUIET).tilt == pytest.approx(tilt, abs=1e-4)


def test_few_projections_are_left_alone(faulty):
    few = faulty.crop(angles=slice(0, COUNT, 10))
    stated = np.full((few.n_angles, 2), 0.5)
    found = decide(replace(few, shifts=stated), **QUIET)
    np.testing.assert_array_equal(found.shifts, stated)
    assert found.center == 0.5 * (COLUMNS - 1)
    assert found.center_sigma is None
    assert found.rings == "none"
    assert "could not be found" in found.confidence
    assert any("7 projections are too few to predict each other" in note for note in found.notes)
    assert any("no method finds the rotation axis" in note for note in found.notes)
    with pytest.raises(InputError, match="cannot be aligned: 7 projections"):
        decide(few, align="on", **QUIET)
    assert decide(few, center=30.0, **QUIET).center == 30.0


def test_a_projection_far_off_is_told_and_no_error(clean):
    far = np.zeros((COUNT, 2))
    far[7, 0] = 200.0
    found = decide(replace(clean, shifts=far, center=CENTER), **QUIET)
    np.testing.assert_array_equal(found.shifts, far)
    assert any("projection 7 is shifted by 200" in note for note in found.notes)
    with pytest.raises(InputError, match="cannot be aligned: projection 7"):
        decide(replace(clean, shifts=far, center=CENTER), align="on", **QUIET)


@pytest.mark.parametrize("shape", [(1, 10, 20), (2, 1, 9), (3, 40, 12)])
def test_hardly_any_data_give_decisions_and_no_error(shape):
    found = decide(Scan(np.random.default_rng(0).random(shape, np.float32), np.linspace(0, 1, shape[0])), **QUIET)
    assert found.center == 0.5 * (shape[2] - 1)
    assert found.shifts is None


def test_noise_alone_tells_neither_shifts_nor_axis():
    noise = np.random.default_rng(1).normal(0.5, 0.05, (60, 24, 60)).astype(np.float32)
    found = decide(Scan(noise, np.linspace(0, 2.4, 60)), **QUIET)
    assert found.shifts is None
    assert found.center == 29.5
    assert found.center_sigma is None
    assert "middle of the detector" in found.confidence


def test_even_projections_give_decisions_and_no_error():
    found = decide(Scan(np.full((60, 24, 40), 0.5, np.float32), np.linspace(0, 2.4, 60)), **QUIET)
    assert found.shifts is None
    assert 0 <= found.center <= 39


def test_aligned_as_wanted_though_nothing_is_wrong(clean):
    found = decide(clean, align="on", rings="sorting", **QUIET)
    assert found.shifts is not None
    assert found.shifts.std(axis=0).max() < 0.1
    assert found.rings == "sorting"
    assert any(note.startswith("aligned as wanted, but the projections lie where they should") for note in found.notes)


def test_less_memory_means_coarser_images(faulty, monkeypatch):
    kept = []
    make = decisions.make_overview

    def remember(scan, **options):
        kept.append(make(scan, **options))
        return kept[-1]

    monkeypatch.setattr(decisions, "make_overview", remember)
    for memory in (10**9, 10**6):
        decide(faulty, align="off", memory=memory, **QUIET)
    many, few = (min(view.images) for view in kept)
    assert many == 1
    assert few == 2
    size = [sum(images.nbytes for images in view.images.values()) for view in kept]
    assert size[1] < 0.5 * size[0]


def test_files_and_threads_change_no_bit(faulty):
    small = replace(faulty.crop(rows=(6, 22)), darks=None)
    counts = small.projections
    lazy = LazyArray(lambda box: counts[box], counts.shape, counts.dtype, chunks=(1, *counts.shape[1:]))
    options = {"align": "off", "progress": False}
    one, other = (decide(s, threads=n, **options) for s, n in ((small, 1), (replace(small, projections=lazy), 3)))
    assert one.to_metadata() == other.to_metadata()


def test_metadata_is_json(decided, decided_clean):
    for found in (decided, decided_clean):
        said = json.loads(json.dumps(found.to_metadata()))
        assert said["center"] == found.center
        assert said["notes"] == list(found.notes)
        assert all("\n" not in note for note in found.notes)
    assert np.shape(said["shifts"]) == ()
    np.testing.assert_allclose(decided.to_metadata()["shifts"], decided.shifts, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"align": "yes"}, "align must be one of auto, off, on"),
        ({"rings": "vo"}, "rings must be one of auto, none, all"),
        ({"center": 80.5}, "center 80.5 is outside the detector: give a column from 0 to 79"),
    ],
)
def test_bad_options_are_named(clean, options, message):
    with pytest.raises(InputError, match=message):
        decide(clean, **options)


@pytest.mark.realdata
def test_the_axis_of_a_tooth_is_found(data_dir: Path):
    from recon.reading import read_scan

    found = decide(read_scan(data_dir / "projections" / "tooth.h5"), **QUIET)
    assert abs(found.center - 296) < 0.5
    assert found.shifts is None
    assert found.rings == "all"


@pytest.mark.realdata
def test_seven_projections_of_a_chip_say_what_cannot_be_decided(data_dir: Path):
    from recon.reading import read_scan

    scan = read_scan(data_dir / "projections" / "txrm_test_chip_tomo.txrm")
    found = decide(scan, **QUIET)
    np.testing.assert_array_equal(found.shifts, scan.shifts)
    assert found.center == 127.5
    assert found.center_sigma is None
    assert len([note for note in found.notes if "could not" in note or "not looked for" in note]) >= 3
