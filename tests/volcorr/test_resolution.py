"""The attenuation and the gain of noise, held against brute-force least squares and a correlation."""

import numpy as np
import pytest
from scipy.special import spherical_jn

import volcorr
from acquisition import BlobTexture, StarField
from volcorr.resolution import (
    displacement_resolution,
    resolved_period,
    strain_noise_gain,
    strain_resolution,
    strain_transfer,
    subset_transfer,
)
from volio import InputError

SHAPES = ("translation", "rigid", "affine", "quadratic")


def basis(positions: np.ndarray, shape: str) -> np.ndarray:
    """Shape functions of a displacement component at positions (n, 3) of a subset."""
    z, y, x = positions.T
    columns = [np.ones(len(z))]
    if shape in ("affine", "quadratic"):
        columns += [z, y, x]
    if shape == "quadratic":
        columns += [z * z, y * y, x * x, z * y, z * x, y * x]
    return np.stack(columns, axis=1)


def fit_centre(subset: tuple[int, int, int], shape: str) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the voxels, and the weights that a least-squares fit gives them in the centre's displacement."""
    axes = [np.arange(n) - n // 2 for n in subset]
    positions = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3).astype(float)
    return positions, np.linalg.pinv(basis(positions, shape))[0]


@pytest.mark.parametrize("shape", [s for s in SHAPES if s != "rigid"])
@pytest.mark.parametrize("period", [9.0, 17.5, 31.0, 80.0])
def test_transfer_is_that_of_a_least_squares_fit(shape: str, period: float) -> None:
    positions, weights = fit_centre((7, 11, 9), shape)
    for phase in (0.0, 0.9):
        wave = np.cos(2 * np.pi * positions[:, 1] / period + phase)
        kept = weights @ wave / np.cos(phase)
        assert subset_transfer(period, edge=11, shape=shape) == pytest.approx(kept, abs=1e-12)


def test_a_rigid_subset_keeps_what_a_translated_one_does() -> None:
    axes = [np.arange(9) - 4.0] * 3
    z, y, x = (a.ravel() for a in np.meshgrid(*axes, indexing="ij"))
    none, one = np.zeros_like(z), np.ones_like(z)
    turns = [np.concatenate(c) for c in ((-y, z, none), (-x, none, z), (none, -x, y))]
    moves = [np.concatenate(c) for c in ((one, none, none), (none, one, none), (none, none, one))]
    wave = np.concatenate([np.cos(2 * np.pi * y / 20.0), none, none])
    found = np.linalg.lstsq(np.stack(moves + turns, 1), wave, rcond=None)[0][0]
    assert subset_transfer(20.0, edge=9, shape="rigid") == pytest.approx(found, abs=1e-12)


def test_many_voxels_give_the_closed_form() -> None:
    edge, periods = 2001, np.linspace(0.6, 6.0, 40) * 2001
    a = np.pi * edge / periods
    np.testing.assert_allclose(subset_transfer(periods, edge=edge), np.sin(a) / a, atol=1e-5)
    quadratic = spherical_jn(0, a) + 2.5 * spherical_jn(2, a)
    np.testing.assert_allclose(subset_transfer(periods, edge=edge, shape="quadratic"), quadratic, atol=1e-5)


def test_ten_percent_are_lost_at_four_widths_and_with_curvature_much_later() -> None:
    assert displacement_resolution(33) == pytest.approx(4.0 * 33, rel=0.01)
    assert displacement_resolution(21) == pytest.approx(4.0 * 21, rel=0.01)
    assert displacement_resolution(33, shape="quadratic") < 0.4 * displacement_resolution(33)
    assert displacement_resolution(33, loss=0.5) == pytest.approx(1.66 * 33, rel=0.01)
    for shape in SHAPES:
        period = displacement_resolution(21, shape=shape)
        assert subset_transfer(period, edge=21, shape=shape) == pytest.approx(0.9, abs=1e-6)
        longer = np.linspace(period, 50 * period, 500)
        assert (subset_transfer(longer, edge=21, shape=shape) >= 0.9 - 1e-9).all()


@pytest.mark.parametrize("window", [3, 5])
@pytest.mark.parametrize("across", [False, True])
def test_strain_transfer_is_that_of_a_window_fit(window: int, across: bool) -> None:
    """A window of points is fitted, each of which sees the wave through its subset."""
    edge, spacing, period = 9, 5, 60.0
    k = 2 * np.pi / period
    steps = np.arange(window) - window // 2
    z, y, x = (spacing * a.ravel() for a in np.meshgrid(steps, steps, steps, indexing="ij"))
    kept = subset_transfer(period, edge=edge)
    u = kept * (z * np.cos(k * y) if across else np.sin(k * z) / k)  # strain du_z/dz = cos(k y) or cos(k z)
    slope = np.linalg.lstsq(np.stack([np.ones(len(z)), z, y, x], 1), u, rcond=None)[0][1]
    found = strain_transfer(period, edge=edge, spacing=spacing, window=window, across=across)
    assert found == pytest.approx(slope, abs=1e-12)


def test_strain_resolution_is_the_worse_direction() -> None:
    period = strain_resolution(21, spacing=10)
    kept = [strain_transfer(period, edge=21, spacing=10, across=across) for across in (False, True)]
    assert min(kept) == pytest.approx(0.9, abs=1e-6)
    assert period > displacement_resolution(21)
    assert strain_resolution(21, spacing=10, window=5) > period


@pytest.mark.parametrize("shape", ["affine", "quadratic"])
def test_gain_of_noise_is_that_of_all_weights_together(shape: str) -> None:
    subset, spacing, window = (5, 7, 5), (3, 2, 4), (3, 5, 3)
    _, weights = fit_centre(subset, shape)
    kernel = weights.reshape(subset)
    reach = [n + (w - 1) * s for n, w, s in zip(subset, window, spacing, strict=True)]
    index = np.stack(np.meshgrid(*(np.arange(w) - w // 2 for w in window), indexing="ij"), -1).reshape(-1, 3)
    slopes = np.linalg.pinv(np.column_stack([np.ones(len(index)), index * spacing]))[1:]
    for axis in range(3):
        total = np.zeros(reach)
        for at, tap in zip(index - index.min(0), slopes[axis], strict=True):
            total[tuple(slice(a * s, a * s + n) for a, s, n in zip(at, spacing, subset, strict=True))] += tap * kernel
        expected = np.sqrt((total**2).sum() / (kernel**2).sum())
        assert strain_noise_gain(subset, spacing=spacing, window=window, shape=shape)[axis] == pytest.approx(expected)


def test_subsets_that_do_not_overlap_have_independent_errors() -> None:
    assert strain_noise_gain((9,) * 3, spacing=(9,) * 3) == pytest.approx(1 / (9 * np.sqrt(18)))
    assert np.isnan(strain_noise_gain((9,) * 3, spacing=(9,) * 3, window=(1, 3, 3))[0])


def test_what_is_resolved_at_every_period() -> None:
    assert resolved_period(np.ones_like, longest=100.0) == pytest.approx(0.5)


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(InputError, match="shape must be one of translation, rigid, affine, quadratic, got 'cubic'"):
        displacement_resolution(21, shape="cubic")


def test_a_correlated_wave_loses_what_the_theory_says() -> None:
    size, ridge = 112, 56
    wave = StarField(width=size, middle=ridge, amplitude=0.5, periods=(30.0, 90.0))
    texture = BlobTexture.random((48, size, size), rng=7)
    shape = (48, size, size)
    reference, deformed = texture.render(shape), texture.render(shape, motion=wave)
    roi = ((0, 48), (ridge, ridge + 1), (0, size))
    fields = volcorr.correlate(reference, deformed, subset_size=15, spacing=(6, 8, 6), roi=roi, progress=False)
    gain = fields["u_z"].isel(y=0).mean("z").to_numpy() / 0.5
    expected = subset_transfer(wave.period(fields["x"].to_numpy()), edge=15)
    np.testing.assert_allclose(gain, expected, atol=0.06)
    assert abs(np.mean(gain - expected)) < 0.02
