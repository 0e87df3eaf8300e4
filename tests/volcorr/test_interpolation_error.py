import numpy as np
import pytest
from scipy import ndimage

from acquisition import BlobTexture, rotate, translate
from volcorr import correlate
from volcorr.icgn import Refined
from volcorr.interpolation_error import interpolation_amplitude, interpolation_error, measure_amplitudes
from volcorr.noise import interpolation_gain
from volcorr.windows import Grey

EDGE = 64
SHAPE = (EDGE,) * 3
GRID = np.stack(np.meshgrid(*[[20, 32, 44]] * 3, indexing="ij"), -1).reshape(-1, 3)
DEGREE = {"cubic": 3, "quintic": 5}
QUARTER = (0.25, -0.25, 0.25)


@pytest.fixture(scope="module")
def fine():
    """Texture with detail down to two voxels."""
    return BlobTexture.random(SHAPE, rng=3, sigma=(0.8, 1.0), blob_density=1 / 15)


def found(u=QUARTER, *, n=27, cc=1.0, share=1.0, gradient=0.0):
    points = Refined.unmeasured(np.zeros(n, np.uint8), terms=4)
    points.parameters[:, :, 0] = u
    points.parameters[:, :, 1:] = gradient
    points.cc[:], points.share[:], points.sigma[:] = cc, share, 0.0
    return points


def amplitudes(volume, degree=3, **options):
    grey = Grey(volume, float(np.nanmean(volume)), float(np.nanstd(volume)), True)
    return measure_amplitudes(grey, GRID, found(**options), (8, 8, 8), degree)


def mean_error(fields, shift):
    return np.array([float(fields[f"u_{axis}"].mean()) - step for axis, step in zip("zyx", shift, strict=True)])


@pytest.mark.parametrize("degree", [3, 5])
@pytest.mark.parametrize("frequency", [0.1, 0.3, 0.45])
def test_a_wave_is_drawn_as_far_as_a_fit_of_it_says(degree, frequency):
    # a wave, moved by a quarter of a voxel, interpolated at its whole voxels, fitted by the wave moved by any amount
    n, u = 400, 0.25
    x = np.arange(n)
    wave = np.exp(2j * np.pi * frequency * (x - u))
    inner = slice(100, 300)
    parts = [ndimage.spline_filter1d(part, degree, mode="mirror") for part in (wave.real, wave.imag)]
    real, imaginary = (ndimage.shift(part, -u, order=degree, prefilter=False, mode="mirror") for part in parts)
    moved = (real + 1j * imaginary)[inner] * np.exp(-2j * np.pi * frequency * x[inner])
    error = -np.angle(moved.mean()) / (2 * np.pi * frequency)
    expected = interpolation_amplitude(np.array([frequency]), np.ones(1), degree)
    # to first order in the error
    assert expected == pytest.approx(error, rel=0.02 + 4 * abs(error))


def test_no_texture_is_no_error():
    assert interpolation_amplitude(np.linspace(0, 0.5, 17), np.zeros(17), 3) == 0.0


@pytest.mark.parametrize("spline", ["cubic", "quintic"])
def test_the_error_on_fine_texture_is_taken_off(fine, spline, monkeypatch):
    pair = fine.render(SHAPE), fine.render(SHAPE, motion=translate(QUARTER))
    options = {"subset_size": 33, "spacing": 8, "spline": spline, "tolerance": 1e-4, "progress": False}
    corrected = correlate(*pair, **options)
    noise = np.random.default_rng(1).normal(0, 1.5, (2, *SHAPE))
    noisy = correlate(*(volume + one for volume, one in zip(pair, noise, strict=True)), **options)
    monkeypatch.setattr("volcorr.correlation.measure_amplitudes", lambda *_: np.zeros(3))
    plain = correlate(*pair, **options)
    before, after = (np.abs(mean_error(fields, QUARTER)) for fields in (plain, corrected))
    error = float(corrected["interpolation_error"])
    assert float(plain["interpolation_error"]) == 0
    assert before == pytest.approx(error, rel=0.2)
    assert (after < before / 4).all()
    assert float(noisy["interpolation_error"]) == pytest.approx(error, rel=0.1)
    # what may be left is in sigma
    left = np.sqrt(np.median(corrected["sigma_z"]) ** 2 - np.median(plain["sigma_z"]) ** 2)
    assert left == pytest.approx(0.4 * error / np.sqrt(2), rel=0.2)


def test_noise_is_not_taken_for_texture(fine):
    volume = fine.render(SHAPE).astype(float)
    noisy = volume + np.random.default_rng(2).normal(0, 5.0, SHAPE)
    plain = amplitudes(volume)
    # a tenth of the power is noise; interpolated at a quarter of a voxel it is less in the second scan
    rest = 0.1 * (1 + float(interpolation_gain(np.full(3, 0.25)).prod())) / 2
    assert amplitudes(noisy, cc=1 - rest) == pytest.approx(plain, rel=0.1)
    assert amplitudes(noisy, cc=1 - 3 * rest) == pytest.approx(plain, rel=0.1)
    # two scans that match better than that have less noise: the rest of it is detail
    assert (amplitudes(noisy, cc=1 - rest / 2) > 1.3 * plain).all()
    assert (amplitudes(noisy, cc=1.0) > 1.5 * plain).all()


def test_the_volume_is_left_as_it_was(fine):
    volume = fine.render(SHAPE).astype(float)
    before = volume.copy()
    amplitudes(volume)
    np.testing.assert_array_equal(volume, before)


def test_the_axes_are_told_apart():
    # fine along z, coarse along y and x
    volume = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=SHAPE), (0.7, 2.0, 2.0))
    z, y, x = amplitudes(volume)
    assert z > 5 * max(y, x)
    np.testing.assert_allclose(amplitudes(volume.transpose(1, 0, 2)), (y, z, x), rtol=0.2)


def test_contrast_and_brightness_do_not_matter(fine):
    volume = fine.render(SHAPE).astype(float)
    np.testing.assert_allclose(amplitudes(300 - 7 * volume), amplitudes(volume), rtol=1e-6)


def test_bad_voxels_and_flat_places_are_passed_over(fine):
    volume = fine.render(SHAPE).astype(float)
    whole = amplitudes(volume)
    dead = volume.copy()
    dead[4:8, 4:8, 4:8] = np.nan
    assert amplitudes(dead) == pytest.approx(whole, rel=0.1)
    dead[:] = np.nan
    dead[0, 0, 0] = 1.0
    np.testing.assert_array_equal(amplitudes(dead), 0)
    np.testing.assert_array_equal(amplitudes(np.ones(SHAPE)), 0)


def test_what_is_looked_at_fits_the_volume_and_is_neither_small_nor_large(fine):
    volume = fine.render(SHAPE).astype(float)
    grey = Grey(volume, float(volume.mean()), float(volume.std()), True)
    large, small = (measure_amplitudes(grey, GRID, found(), (half,) * 3, 3) for half in (16, 4))
    np.testing.assert_array_equal(small, large)
    huge, largest = (measure_amplitudes(grey, GRID, found(), (half,) * 3, 3) for half in (60, 20))
    np.testing.assert_array_equal(huge, largest)
    corners = np.where(GRID == 20, 6, np.where(GRID == 44, EDGE - 7, GRID))
    assert measure_amplitudes(grey, corners, found(), (4, 4, 4), 3) == pytest.approx(large, rel=0.1)


def test_whole_subsets_are_preferred(fine):
    volume = fine.render(SHAPE).astype(float)
    volume[:40] = ndimage.gaussian_filter(volume[:40], 3.0)
    grey, points, smooth = Grey(volume, float(volume.mean()), float(volume.std()), True), found(), GRID[:, 0] == 20
    results = []
    for chosen in (smooth, ~smooth):
        points.share[:] = np.where(chosen, 1.0, 0.7)
        results.append(measure_amplitudes(grey, GRID, points, (4, 4, 4), 3))
    assert (results[0] < 0.2 * results[1]).all()


def test_nothing_found_is_nothing_to_correct():
    grey = Grey(np.ones(SHAPE), 1.0, 0.0, True)
    points = Refined.unmeasured(np.zeros(0, np.uint8), terms=4)
    np.testing.assert_array_equal(measure_amplitudes(grey, GRID[:0], points, (8, 8, 8), 3), 0)


def test_the_error_is_the_mean_over_the_subset():
    gradient = np.array([[0.01, -0.02, 0.005], [0.0, 0.03, 0.0], [0.0, 0.0, 0.0]])
    half, amplitude, u = (8, 6, 10), np.array([0.004, 0.002, 0.001]), np.array([0.1, 3.4, -1.8])
    error, uncertainty = interpolation_error(found(u, n=1, gradient=gradient), half, amplitude)
    arm = np.stack(np.meshgrid(*(np.arange(-h, h + 1) for h in half), indexing="ij"), -1)
    inside = u + arm @ gradient.T
    truth = amplitude * np.sin(2 * np.pi * inside).mean((0, 1, 2))
    np.testing.assert_allclose(error[0], truth, atol=2e-3 * amplitude.max())
    assert uncertainty[0, 2] == pytest.approx(0.4 * 0.001 / np.sqrt(2))
    assert uncertainty[0, 1] < 0.4 * 0.8 * 0.002 / np.sqrt(2)


def test_a_turn_by_degrees_has_nothing_to_take_off(fine):
    motion = rotate(5.0, centre=((EDGE - 1) / 2,) * 3)
    fields = correlate(fine.render(SHAPE), fine.render(SHAPE, motion=motion), subset_size=33, spacing=8, progress=False)
    assert float(fields["interpolation_error"]) > 3e-3
    # every part of a voxel lies in each subset, in the plane of the turn
    assert float(fields["sigma_y"].median()) < 1e-3
