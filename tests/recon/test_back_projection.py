from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import spline_filter1d

from acquisition.projections import EllipsePhantom
from recon._kernels_row_filter import convolve
from recon.angle_weights import angle_weights
from recon.back_projection import group_angles, make_back_projector
from recon.row_filter import make_row_filter
from recon.slice_grid import make_slice_grid
from recon.truncation import specimen_radius

COLUMNS = 72
ANGLES = np.linspace(0, np.pi, 90, endpoint=False)
MIDDLE = 0.5 * (COLUMNS - 1)


def projector(angles=ANGLES, *, center=MIDDLE, shifts=0.0, columns=COLUMNS, step=1.0, region=None, **options):
    row_filter = make_row_filter(columns, smooth=step, **options)
    grid = make_slice_grid(columns, center=center, step=step, region=region)
    axes = np.full(len(angles), center) + shifts
    return make_back_projector(row_filter, grid, angles=angles, axes=axes, weights=angle_weights(angles))


def sinograms(seed=0, slices=1, angles=ANGLES):
    return np.random.default_rng(seed).random((len(angles), slices, COLUMNS), np.float32)


def seen(size, radius):
    y, x = np.mgrid[:size, :size] - 0.5 * (size - 1)
    return np.hypot(y, x) <= radius


def oracle(rows, angles, center, weights):
    """The direct sum, from filtered rows by cubic B-splines."""
    from scipy.ndimage import map_coordinates

    samples = 256
    frequency = np.fft.rfftfreq(samples)
    kernel = np.zeros(samples)
    kernel[0] = 0.25
    odd = np.arange(1, samples // 2 + 1, 2)
    kernel[odd] = kernel[-odd] = -1 / (np.pi * odd) ** 2
    ramp = np.fft.rfft(kernel).real
    assert frequency.size == ramp.size
    padded = np.zeros((len(angles), samples))
    padded[:, : rows.shape[1]] = rows
    filtered = np.fft.irfft(np.fft.rfft(padded) * ramp, samples)
    coefficients = spline_filter1d(filtered, order=3, axis=1, mode="grid-wrap")
    y, x = np.mgrid[: rows.shape[1], : rows.shape[1]] - 0.5 * (rows.shape[1] - 1)
    total = np.zeros(y.shape)
    for row, angle, weight in zip(coefficients, angles, weights, strict=True):
        s = center + x * np.cos(angle) + y * np.sin(angle)
        total += weight * map_coordinates(row, [s], order=3, prefilter=False, mode="grid-wrap")
    return total


def test_slices_are_the_direct_sum():
    phantom = EllipsePhantom.electrode(COLUMNS, seed=1, particles=15)
    rows = phantom.project(ANGLES, columns=COLUMNS)
    made = projector(padding="zero").reconstruct(rows[:, None])[0]
    expected = oracle(rows, ANGLES, MIDDLE, np.full(ANGLES.size, np.pi / ANGLES.size))
    inside = seen(COLUMNS, MIDDLE - 2)
    assert np.sqrt(np.mean((made - expected)[inside] ** 2)) < 0.05 * expected[inside].std()


@pytest.mark.parametrize("samples", [4, 8, 32, 512, 1024])
def test_convolution_is_that_of_fourier(samples):
    row_filter = make_row_filter(samples // 2, padding="zero")
    rng = np.random.default_rng(samples)
    rows = rng.random((3, 8, samples // 2), np.float32)
    out = np.empty((3, samples, 8), np.float32)
    shifts = rng.uniform(-2, 2, 8)
    row_filter.apply(rows, np.array([2, 0, 1]), shifts, lead=0, out=out)
    phase = np.exp(2j * np.pi * np.fft.rfftfreq(samples) * shifts[:, None])
    phase[:, -1] = phase[:, -1].real
    expected = np.fft.irfft(np.fft.rfft(rows, samples, axis=2) * row_filter.response * phase, samples, axis=2)
    np.testing.assert_allclose(out[[2, 0, 1]].transpose(0, 2, 1), expected, atol=2e-6)


def test_the_kernel_convolves_with_one():
    data = np.random.default_rng(0).random(64 * 16, np.float32)
    turn = 2 * np.pi * np.arange(64) / 64
    turns = np.stack([np.cos(turn), -np.sin(turn)], axis=1).astype(np.float32).reshape(-1)
    one = np.tile(np.repeat(np.float32([1 / 64, 0]), 8), 64)
    same = data.copy()
    convolve(same, turns, one)
    np.testing.assert_allclose(same, data, atol=1e-6)


@pytest.mark.parametrize("center", [MIDDLE, 30.3, 44.0])
def test_a_disc_has_its_value(center):
    phantom = EllipsePhantom.disc(18, 0.01)
    rows = phantom.project(ANGLES, columns=COLUMNS, center=center)
    image = projector(center=center).reconstruct(rows[:, None])[0]
    assert image[seen(COLUMNS, 14)].mean() == pytest.approx(0.01, rel=5e-3)
    assert image[seen(COLUMNS, 14)].std() < 1e-4
    outside = seen(COLUMNS, min(center, COLUMNS - 1 - center) - 2) & ~seen(COLUMNS, 22)
    assert abs(image[outside].mean()) < 5e-5


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_change_no_bit(threads):
    rows = sinograms(slices=11)
    made = projector()
    np.testing.assert_array_equal(made.reconstruct(rows, threads=threads), made.reconstruct(rows))


def test_slices_do_not_know_of_each_other():
    rows = sinograms(slices=10)
    made = projector()
    whole = made.reconstruct(rows)
    for start, stop in ((0, 1), (3, 7), (8, 10)):
        part = made.reconstruct(np.ascontiguousarray(rows[:, start:stop]))
        np.testing.assert_array_equal(part, whole[start:stop])


def test_a_region_holds_the_same_numbers():
    rows = sinograms()
    whole = projector().reconstruct(rows)
    part = projector(region=((17, 50), (None, 40))).reconstruct(rows)
    np.testing.assert_array_equal(part, whole[:, 17:50, :40])


@pytest.mark.parametrize("center", [MIDDLE, 32.7])
def test_the_pixels_that_every_projection_sees_are_made_and_no_others(center):
    image = projector(center=center).reconstruct(sinograms())[0]
    np.testing.assert_array_equal(image != 0, seen(COLUMNS, min(center, COLUMNS - 1 - center) + 0.5))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 999), st.floats(-3, 3))
def test_reconstruction_is_linear(seed, factor):
    made = projector()
    one, two = sinograms(seed), sinograms(seed + 1)
    both = made.reconstruct(one + np.float32(factor) * two)
    np.testing.assert_allclose(both, made.reconstruct(one) + factor * made.reconstruct(two), atol=2e-5)


def test_a_quarter_turn_of_the_specimen_turns_the_slice():
    rows = EllipsePhantom.electrode(COLUMNS, seed=4, particles=10).project(ANGLES, columns=COLUMNS)[:, None]
    first = projector().reconstruct(rows)[0]
    later = projector(ANGLES + np.pi / 2).reconstruct(rows)[0]
    assert np.std(later - np.rot90(first, -1)) < 0.02 * first.std()
    assert np.std(later - first) > 0.5 * first.std()


def test_the_order_of_projections_does_not_matter():
    rows = sinograms(5)
    order = np.random.default_rng(0).permutation(ANGLES.size)
    shuffled = projector(ANGLES[order]).reconstruct(np.ascontiguousarray(rows[order]))
    np.testing.assert_allclose(shuffled, projector().reconstruct(rows), atol=2e-6)


def test_shifts_of_columns_are_undone():
    phantom = EllipsePhantom.electrode(COLUMNS, seed=2, particles=10)
    shifts = np.random.default_rng(0).uniform(-4, 4, ANGLES.size)
    still = projector().reconstruct(phantom.project(ANGLES, columns=COLUMNS)[:, None])[0]
    moved = phantom.project(ANGLES, columns=COLUMNS, shifts=shifts)
    undone = projector(shifts=shifts).reconstruct(moved[:, None])[0]
    inside = seen(COLUMNS, MIDDLE - 6)
    error = np.sqrt(np.mean((undone - still)[inside] ** 2))
    assert error < 0.15 * still[inside].std()
    assert np.sqrt(np.mean((projector().reconstruct(moved[:, None])[0] - still)[inside] ** 2)) > 4 * error


def test_a_lean_of_the_axis_is_undone_slice_by_slice():
    phantom = EllipsePhantom.electrode(COLUMNS, seed=2, particles=10)
    leans = np.array([0.0, 0.4, -1.7])
    rows = np.stack([phantom.project(ANGLES, columns=COLUMNS, center=MIDDLE + lean) for lean in leans], axis=1)
    images = projector().reconstruct(rows, shifts=leans)
    inside = seen(COLUMNS, MIDDLE - 4)
    assert (images[1:] - images[0])[:, inside].std() < 0.15 * images[0][inside].std()
    uncorrected = projector().reconstruct(rows)
    assert (uncorrected[2] - images[0])[inside].std() > 0.5 * images[0][inside].std()


def test_uneven_angles_give_the_same_slice():
    phantom = EllipsePhantom.disc(20, 0.01, y=3, x=-4)
    uneven = np.concatenate([np.linspace(0, 1, 120, endpoint=False), np.linspace(1, np.pi, 120, endpoint=False)])
    image = projector(uneven).reconstruct(phantom.project(uneven, columns=COLUMNS)[:, None])[0]
    truth = phantom.render(COLUMNS)
    inside = seen(COLUMNS, MIDDLE - 1)
    assert np.sqrt(np.mean((image - truth)[inside] ** 2)) < 0.06 * truth[inside].std()
    assert image[inside].mean() == pytest.approx(truth[inside].mean(), rel=2e-3)


@pytest.mark.parametrize("step", [0.5, 1.5, 2.0])
def test_other_voxels_hold_the_same_specimen(step):
    phantom = EllipsePhantom.disc(20, 0.01, y=2, x=-3)
    image = projector(step=step).reconstruct(phantom.project(ANGLES, columns=COLUMNS)[:, None])[0]
    truth = phantom.render(round(COLUMNS / step), voxel_size=step)
    assert image.shape == truth.shape
    inside = seen(len(truth), (MIDDLE - 1) / step)
    assert np.sqrt(np.mean((image - truth)[inside] ** 2)) < 0.12 * truth[inside].std()


@pytest.mark.parametrize(("padding", "cupping"), [("cylinder", 0.005), ("taper", 0.15), ("zero", 0.7)])
def test_cupping_of_a_specimen_wider_than_the_view(padding, cupping):
    phantom = EllipsePhantom.disc(60, 0.01)
    rows = phantom.project(ANGLES, columns=COLUMNS)[:, None]
    image = projector(padding=padding, radius=specimen_radius(rows, center=MIDDLE)).reconstruct(rows)[0]
    y, x = np.mgrid[:COLUMNS, :COLUMNS] - MIDDLE
    radius = np.hypot(y, x)
    rim, core = (image[(radius > a) & (radius < b)].mean() for a, b in ((26, 32), (0, 8)))
    assert abs(rim - core) / core < cupping
    if padding == "cylinder":
        assert core == pytest.approx(0.01, rel=5e-3)


def test_groups_are_narrow_and_complete():
    angles = np.sort(np.random.default_rng(0).uniform(0, np.pi, 200))
    starts = group_angles(angles, widest=0.05)
    assert starts[0] == 0
    assert starts[-1] == 200
    assert all(angles[b - 1] - angles[a] <= 0.05 for a, b in pairwise(starts))
