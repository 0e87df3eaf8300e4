"""From counts to line integrals."""

import logging
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon import corrections
from recon.corrections import bin_pixels, correct, measure_beam, take_log
from recon.phase import retrieve_phase
from volio.errors import InputError
from volio.lazy import LazyArray

SHAPE = (21, 6, 40)


def lines() -> np.ndarray:
    """Line integrals of a disc that moves about, with air at both edges."""
    n, rows, columns = SHAPE
    s = np.arange(columns) - 20 - 4 * np.sin(np.arange(n) / 5)[:, None]
    disc = 0.1 * np.sqrt(np.clip(12.0**2 - s**2, 0, None))
    return np.broadcast_to(disc[:, None], SHAPE) * np.linspace(0.8, 1.2, rows)[:, None]


def detector() -> tuple[np.ndarray, np.ndarray]:
    """Dark and response of a detector with a pattern."""
    rng = np.random.default_rng(2)
    return rng.normal(100, 4, SHAPE[1:]), rng.normal(5000, 200, SHAPE[1:])


def test_line_integrals_come_back_exactly() -> None:
    dark, response = detector()
    counts = dark + response * np.exp(-lines())
    done = correct(counts, flats=np.stack([dark + response] * 3), darks=dark[None], flat_positions=[0, 0, 0])
    assert done.projections.dtype == np.float32
    assert done.projections == pytest.approx(lines(), abs=2e-5)
    assert (done.floored, done.zingers, done.dead_pixels.sum(), done.assumptions) == (0, 0, 0, ())
    assert np.all(done.beam == 1)


def test_a_drifting_beam_is_undone_by_flats_before_and_after() -> None:
    dark, response = detector()
    drift = np.interp(np.arange(SHAPE[0]), [-0.5, SHAPE[0] - 0.5], [1.0, 0.7])[:, None, None]
    counts = dark + drift * response * np.exp(-lines())
    flats = np.stack([dark + response, dark + 0.7 * response])
    done = correct(counts, flats=flats, darks=dark[None], flat_positions=[0, SHAPE[0]])
    assert done.projections == pytest.approx(lines(), abs=2e-5)
    worse = correct(counts, flats=flats, darks=dark[None])
    assert np.abs(worse.projections - lines()).max() > 0.1


def test_a_flickering_beam_is_undone_by_air() -> None:
    dark, response = detector()
    flicker = np.random.default_rng(0).uniform(0.6, 1.4, (SHAPE[0], 1, 1))
    ramp = np.linspace(0.9, 1.1, SHAPE[2])
    counts = dark + flicker * ramp * response * np.exp(-lines())
    done = correct(
        counts, flats=(dark + response)[None], darks=dark[None], air=[(37, 40), (0, 3)], zinger_threshold=None
    )
    # beyond the middles of the outer ranges the beam is constant
    inner = (slice(None), slice(None), slice(1, 39))
    assert done.projections[inner] == pytest.approx(lines()[inner], abs=1e-4)
    assert done.beam == pytest.approx(flicker.ravel(), rel=1e-5)


def test_dead_pixels_zingers_and_opaque_pixels_are_replaced_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    dark, response = detector()
    counts = np.random.default_rng(3).poisson(dark + response * np.exp(-lines())).astype(float)
    flat = dark + response
    flat[2, 30] = dark[2, 30]
    counts[:, 2, 30] = dark[2, 30]
    counts[7, 4, 5] += 60000
    counts[3:5, 1, 20] = dark[1, 20] - 50
    with caplog.at_level(logging.WARNING):
        done = correct(counts, flats=flat[None], darks=dark[None])
    assert (done.floored, done.zingers) == (2, 1)
    assert list(map(tuple, np.argwhere(done.dead_pixels))) == [(2, 30)]
    assert done.projections[3, 1, 20] == pytest.approx(-np.log(1e-4))
    fine = np.ones(SHAPE, bool)
    fine[3:5, 1, 20] = False
    assert np.abs(done.projections - lines())[fine].max() < 0.2
    assert "2 pixels" in caplog.text
    without = correct(counts, flats=flat[None], darks=dark[None], dead_tolerance=None, zinger_threshold=None)
    assert without.zingers == 0
    assert without.dead_pixels[2, 30], "a pixel that does not respond at all is replaced in any case"


def test_transmissions_are_binned_not_line_integrals() -> None:
    counts = np.array([[[100.0, 300.0, 500.0], [100.0, 300.0, 500.0], [1.0, 1.0, 1.0]]])
    done = correct(counts, flats=np.full((1, 3, 3), 1000.0), binning=2)
    assert done.projections.shape == (1, 1, 1)
    assert done.projections[0, 0, 0] == pytest.approx(-np.log(0.2), rel=1e-5)


def test_without_flats_an_even_beam_is_assumed_and_said(caplog: pytest.LogCaptureFixture) -> None:
    counts = 5000 * np.exp(-lines())
    with caplog.at_level(logging.WARNING):
        done = correct(counts)
    assert done.projections == pytest.approx(lines(), abs=1e-4)
    assert "no flats were given: an even beam of 5000 counts" in caplog.text


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 21), st.integers(1, 3), st.sampled_from([0.5, 4.0]))
def test_blocks_threads_disk_and_units_of_counts_change_nothing(depth: int, threads: int, gain: float) -> None:
    dark, response = detector()
    counts = np.random.default_rng(5).poisson(dark + response * np.exp(-lines())).astype(np.float32)
    counts[4, 3, 10] += 30000
    later = dark + response * np.linspace(0.7, 1.0, SHAPE[2])  # air on one side does not make up for this
    fields = {"flats": np.stack([dark + response, later]), "darks": dark[None], "flat_positions": [0, 21]}
    whole = correct(counts, **fields, air=[(0, 3)], threads=1)
    assert whole.zingers == 1
    lazy = LazyArray(lambda box: counts[box], counts.shape, counts.dtype, chunks=(1, 6, 40))
    out = np.zeros(SHAPE, np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corrections, "BLOCK_BYTES", depth * 6 * 40 * 4)
        parts = correct(lazy, **fields, air=[(0, 3)], threads=threads, out=out)
    assert parts.projections is out
    assert np.array_equal(out, whole.projections)
    assert np.array_equal(parts.beam, whole.beam)
    assert parts.zingers == whole.zingers
    scaled = {name: fields[name] * gain for name in ("flats", "darks")}
    other = correct(counts * gain, **scaled, flat_positions=[0, 21], air=[(0, 3)])
    assert other.projections == pytest.approx(whole.projections, abs=1e-5)


def test_steps_stand_alone() -> None:
    levels = measure_beam(np.array([[2.0, 2, 1, 4, 4]]), air=[(3, 5), (0, 2)])
    assert levels == pytest.approx([2.0, 2.33333, 3, 3.66667, 4.0], abs=0.34)
    assert levels[2] == pytest.approx(3)
    one = measure_beam(np.array([[2.0, 9, 9]]), air=[(0, 1)])
    assert np.all(one == 2)
    assert np.array_equal(bin_pixels(np.arange(12.0).reshape(3, 4), factor=2), [[2.5, 4.5]])
    taken = take_log(np.array([1.0, np.exp(-2), 0.0, -3.0]), floor=0.01)
    assert taken.floored == 2
    assert taken.values == pytest.approx([0, 2, -np.log(0.01), -np.log(0.01)], rel=1e-6)


FLAT = np.full((1, 4, 5), 10.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: correct(np.ones((4, 5)), flats=FLAT), r"projections need 3 axes .* got shape \(4, 5\)"),
        (lambda: correct(np.ones((2, 4, 6)), flats=FLAT), "rows and columns must agree"),
        (lambda: correct(np.ones((2, 4, 5)), flats=FLAT, binning=5), "binning must be 1 to 4"),
        (lambda: correct(np.ones((2, 4, 5)), flats=FLAT, air=[(3, 9)]), "air 3:9 is not a range of columns"),
        (lambda: correct(np.ones((2, 4, 5)), flats=FLAT, floor=0), "floor must be between 0 and 1"),
        (lambda: correct(np.ones((2, 4, 5)), flats=FLAT, out=np.ones((2, 4, 4))), r"out must have the shape"),
        (lambda: correct(np.ones((2, 4, 5)), flats=FLAT, darks=2 * FLAT), "were flats and darks swapped"),
        (lambda: correct(np.full((2, 4, 5), np.nan), flats=FLAT), "projection 0 holds 20 values that are NaN"),
        (lambda: correct(np.zeros((2, 4, 5)), flats=FLAT, air=[(0, 2)]), "lets 0 of the beam through"),
        (lambda: bin_pixels(np.ones((4, 5)), factor=0), "factor must be 1 to 4"),
        (lambda: take_log(np.array([np.nan])), "1 transmissions are NaN"),
        (lambda: take_log(np.array([np.inf, 1, -np.inf])), "2 transmissions are NaN or infinite"),
        (lambda: measure_beam(np.array([[1.0, 1.0, np.nan]]), air=[(0, 1), (2, 3)]), "lets"),
    ],
)  # fmt: skip
def test_faults_are_one_line(call, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_phase_retrieval_comes_before_the_logarithm():
    counts = np.random.default_rng(0).uniform(50, 100, (3, 12, 14)).astype(np.float32)
    phase = partial(retrieve_phase, energy=8.0, distance=10.0, delta_beta=50.0, pixel_size=0.5)
    plain = {"flats": np.full((1, 12, 14), 100.0), "zinger_threshold": None, "dead_tolerance": None}
    done = correct(counts, phase=phase, **plain)
    np.testing.assert_array_equal(done.projections, take_log(phase(counts / np.float32(100))).values)
    assert not np.array_equal(done.projections, correct(counts, **plain).projections)
