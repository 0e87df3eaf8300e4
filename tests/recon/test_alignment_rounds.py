import numpy as np
import pytest

from acquisition.projections import SpherePhantom
from recon.alignment_rounds import align_images, shift_uncertainty, unexplained
from recon.projection_shift import ProjectionShift
from volio.errors import InputError

COUNT, ROWS, COLUMNS = 61, 20, 48
ANGLES = np.radians(np.linspace(-80, 80, COUNT))
SPECIMEN = SpherePhantom.electrode(44, height=40, seed=2, particles=150, value=0.03)
MIDDLE = 0.5 * (COLUMNS - 1)


def images(shifts=0.0):
    return SPECIMEN.project(ANGLES, rows=ROWS, columns=COLUMNS, shifts=shifts)


def align(pictures, **options):
    start = {"angles": ANGLES, "binning": 1, "shifts": np.zeros((COUNT, 2)), "axis": MIDDLE, "rounds": 4, "rows": 16}
    return align_images(pictures, **{**start, "threads": 1, **options})


def test_jitter_is_found():
    jitter = np.random.default_rng(0).normal(0, 0.8, (COUNT, 2))
    state = align(images(jitter))
    apart = state.shifts - jitter
    waves = np.stack([np.ones(COUNT), np.cos(ANGLES), np.sin(ANGLES)], axis=1)
    left = apart[:, 1] - waves @ np.linalg.lstsq(waves, apart[:, 1], rcond=None)[0]
    assert apart[:, 0].std() < 0.12
    assert left.std() < 0.12
    assert state.rounds[-1].residual < state.rounds[0].residual
    assert len(state.found) == COUNT


def test_lengths_are_those_of_the_detector():
    one, other = align(images(), rounds=1), align(images(), rounds=1, binning=2, axis=2 * MIDDLE + 0.5)
    np.testing.assert_allclose(other.shifts, 2 * one.shifts, atol=1e-9)
    assert other.axis + 0.5 == pytest.approx(2 * (one.axis + 0.5))
    assert other.rounds[0].change == pytest.approx([2 * c for c in one.rounds[0].change])


def test_others_explain_a_specimen_and_no_noise():
    common = {"angles": ANGLES, "binning": 1, "axis": MIDDLE, "rows": 16, "threads": 1}
    still = np.zeros((COUNT, 2))
    jitter = np.random.default_rng(0).normal(0, 1.0, (COUNT, 2))
    noise = np.random.default_rng(1).normal(0, 1, (COUNT, ROWS, COLUMNS)).astype(np.float32)
    right, wrong = (unexplained(images(jitter), shifts=shifts, **common) for shifts in (jitter, still))
    assert right < 0.3
    assert wrong > 1.2 * right
    assert unexplained(noise, shifts=align(noise).shifts, **common) > 0.95


def test_rounds_end_when_nothing_changes():
    state = align(images(), rounds=12)
    assert len(state.rounds) < 12
    assert max(state.rounds[-1].change) < 0.01


def test_a_projection_beyond_the_detector_is_named():
    gone = np.zeros((COUNT, 2))
    gone[5, 0] = 30
    with pytest.raises(InputError, match="projection 5 is shifted by 30 of 20 rows"):
        align(images(), shifts=gone)


def test_parts_that_disagree_make_shifts_less_certain():
    def found(spread):
        parts = np.random.default_rng(1).normal(0, spread, (4, 2))
        return ProjectionShift(np.zeros(2), parts, np.full(2, 0.1), np.full((4, 2), 0.2), 1.0, 0.1)

    np.testing.assert_allclose(shift_uncertainty([found(0.0)] * 3), 0.1)
    assert shift_uncertainty([found(2.0)] * 3).min() > 0.3
