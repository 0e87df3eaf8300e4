"""What must not change a reconstruction, and what must change it in a known way."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.projections import EllipsePhantom
from recon.reconstruction import reconstruct
from recon.scan import Scan

SIZE, COUNT, ROWS = 40, 60, 3
ANGLES = np.linspace(0, np.pi, COUNT, endpoint=False)
MIDDLE = 0.5 * (SIZE - 1)
Y, X = np.mgrid[:SIZE, :SIZE] - MIDDLE
INSIDE = np.hypot(Y, X) < 0.4 * SIZE

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=12, deadline=None)


def noise(seed, rows=ROWS):
    return np.random.default_rng(seed).normal(size=(COUNT, rows, SIZE)).astype(np.float32)


def volume_of(lines, angles=ANGLES, **options):
    return reconstruct(Scan(lines, angles, center=MIDDLE), progress=False, threads=1, padding="zero", **options).data


def spots(*, y=0.0, x=0.0, turn=0.0):
    """Three soft-edged discs, moved and then turned about the axis from x towards y."""
    rows = []
    for place_y, place_x, radius, value in ((4, -7, 5.3, 0.02), (-6, 3, 3.7, 0.05), (1, 8, 2.9, 0.03)):
        along, across = place_x + x, place_y + y
        rows.append(
            [
                across * np.cos(turn) + along * np.sin(turn),
                along * np.cos(turn) - across * np.sin(turn),
                radius,
                radius,
                0.0,
                value,
            ]
        )
    return EllipsePhantom(np.array(rows)).project(ANGLES, columns=SIZE, center=MIDDLE)[:, None].astype(np.float32)


@few
@given(seeds, st.permutations(range(11)))
def test_slices_stand_for_themselves(seed, order):
    lines = noise(seed, rows=11)
    np.testing.assert_array_equal(volume_of(np.ascontiguousarray(lines[:, order])), volume_of(lines)[order])


@few
@given(st.integers(1, COUNT - 1))
def test_a_specimen_turned_by_steps_has_the_same_projections_some_steps_later(steps):
    turned = spots(turn=steps * np.pi / COUNT)
    still = spots()
    # those that have passed half a turn see it mirrored
    np.testing.assert_allclose(turned[steps:], still[: COUNT - steps], atol=1e-6)
    back = volume_of(turned, ANGLES - steps * np.pi / COUNT)
    np.testing.assert_allclose(back[:, INSIDE], volume_of(still)[:, INSIDE], atol=1e-5)


@few
@given(st.integers(-4, 4), st.integers(-4, 4))
def test_a_moved_specimen_moves_in_the_slice(down, right):
    moved, still = volume_of(spots(y=down, x=right))[0], volume_of(spots())[0]
    expected = np.roll(still, (down, right), axis=(0, 1))
    near = np.hypot(Y, X) < 14
    assert np.abs(moved - expected)[near].max() < 0.1 * still.max()
    assert np.std((moved - expected)[near]) < 0.02 * still.max()


@few
@given(seeds, st.integers(1, 4), st.sampled_from(["serial", "threads"]))
def test_chunks_threads_and_executors_change_no_bit(seed, threads, executor):
    scan = Scan(noise(seed, rows=19), ANGLES, center=MIDDLE)
    whole = reconstruct(scan, progress=False, threads=1).data
    other = reconstruct(scan, progress=False, threads=threads, executor=executor).data
    np.testing.assert_array_equal(other, whole)
    part = reconstruct(scan, progress=False, slices=(5, 14), threads=threads).data
    np.testing.assert_array_equal(part, whole[5:14])
