import numpy as np
import pytest

from acquisition.projections import SpherePhantom
from recon.projection_shift import FINE, OUTLIER, SMOOTH, _detail, measure_shift

ROWS, COLUMNS = 40, 60
SPECIMEN = SpherePhantom.electrode(60, height=60, seed=3, particles=200, value=0.02)
WEIGHTS = {"rows": np.ones(ROWS), "columns": np.sin(np.pi * (np.arange(COLUMNS) + 0.5) / COLUMNS)}


def image(row=0.0, column=0.0):
    return SPECIMEN.project([0.4], rows=ROWS, columns=COLUMNS, shifts=[[row, column]])[0]


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.3, -0.2), (-0.6, 0.5), (3.2, -1.4), (-2.1, 3.9)])
def test_a_shift_is_found(shift):
    found = measure_shift(image(*shift), image(), **WEIGHTS)
    np.testing.assert_allclose(found.shift, shift, atol=0.12)


def test_steps_converge():
    total = np.zeros(2)
    for _ in range(4):
        total += measure_shift(image(0.9, -1.1), image(*total), **WEIGHTS).shift
    np.testing.assert_allclose(total, (0.9, -1.1), atol=0.01)


def test_strength_and_what_is_smooth_do_not_matter():
    y, x = np.mgrid[:ROWS, :COLUMNS]
    ramp = (0.02 * x - 0.01 * y + 3.0).astype(np.float32)
    one = measure_shift(image(0.2, 0.3), image(), **WEIGHTS)
    other = measure_shift(3 * image(0.2, 0.3) + ramp, image(), **WEIGHTS)
    np.testing.assert_allclose(other.shift, one.shift, atol=0.01)
    assert other.strength == pytest.approx(3 * one.strength, rel=0.02)


def test_zingers_are_left_out():
    spoilt = image(0.2, -0.3)
    spoilt[5::17, 4::23] += 4.0
    noise = np.random.default_rng(0).normal(0, 0.01, spoilt.shape).astype(np.float32)
    found = measure_shift(spoilt + noise, image(), **WEIGHTS)
    np.testing.assert_allclose(found.shift, (0.2, -0.3), atol=0.1)


def test_sigma_is_the_scatter_of_noise():
    rng = np.random.default_rng(1)
    found = [
        measure_shift(image() + rng.normal(0, 0.05, (ROWS, COLUMNS)).astype(np.float32), image(), **WEIGHTS)
        for _ in range(60)
    ]
    scatter = np.std([f.shift for f in found], axis=0)
    stated = np.mean([f.sigma for f in found], axis=0)
    # what is finer was taken out, so that errors of neighbouring pixels are not independent
    np.testing.assert_array_less(stated, 1.1 * scatter)
    np.testing.assert_array_less(scatter, 2.5 * stated)
    parts = np.std([f.parts[1] for f in found], axis=0)
    np.testing.assert_array_less(scatter, parts)


def test_the_answer_is_that_of_least_squares():
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(2)
    observed = image(0.1, 0.2) + rng.normal(0, 0.02, (ROWS, COLUMNS)).astype(np.float32)
    blur = {"mode": "nearest", "truncate": 3.0}
    one, other = (gaussian_filter(i, FINE, **blur) - gaussian_filter(i, SMOOTH, **blur) for i in (observed, image()))
    weights = np.outer(WEIGHTS["rows"], WEIGHTS["columns"])
    other = other * np.sum(weights * one * other) / np.sum(weights * other**2)
    design = np.stack([*np.gradient(other), other], axis=-1)[1:-1, 1:-1].reshape(-1, 3)
    value, root = (one - other)[1:-1, 1:-1].ravel(), np.sqrt(weights[1:-1, 1:-1].ravel())
    answer = np.linalg.lstsq(design * root[:, None], value * root, rcond=None)[0]
    errors = one - other
    errors[1:-1, 1:-1] -= (design @ answer).reshape(ROWS - 2, COLUMNS - 2)
    kept = np.abs(errors[1:-1, 1:-1].ravel()) <= OUTLIER * 1.4826 * np.median(np.abs(errors))
    answer = np.linalg.lstsq((design * root[:, None])[kept], (value * root)[kept], rcond=None)[0]
    found = measure_shift(observed, image(), **WEIGHTS)
    np.testing.assert_allclose(found.shift, -answer[:2] / (1 + answer[2]), rtol=1e-4, atol=1e-6)


def test_detail_is_that_of_gaussians():
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(4).normal(5.0, 1.0, (13, 31)).astype(np.float32)
    fine, smooth = (gaussian_filter(noise.astype(float), s, mode="nearest", truncate=3.0) for s in (FINE, SMOOTH))
    np.testing.assert_allclose(_detail(noise), fine - smooth, atol=2e-6)


def test_without_reach_only_fractions_are_found():
    moved = image(3.2, -1.4)
    far = measure_shift(moved, image(), **WEIGHTS)
    near = measure_shift(moved, image(), **WEIGHTS, reach=0)
    np.testing.assert_allclose(far.shift, (3.2, -1.4), atol=0.12)
    assert np.abs(near.shift - (3.2, -1.4)).max() > 0.5
    one, other = (measure_shift(image(0.2, -0.3), image(), **WEIGHTS, reach=reach) for reach in (0, 4))
    np.testing.assert_array_equal(one.shift, other.shift)


def test_rows_without_weight_do_not_matter():
    spoilt = image(0.2, 0.1)
    spoilt[30:] = 7.0
    rows = np.ones(ROWS)
    rows[20:] = 0.0
    one, other = (measure_shift(i, image(), rows=rows, columns=WEIGHTS["columns"]) for i in (spoilt, image(0.2, 0.1)))
    np.testing.assert_allclose(one.shift, other.shift, atol=1e-3)


def test_nothing_to_see_is_no_shift():
    found = measure_shift(
        np.ones((20, 20), np.float32), np.ones((20, 20), np.float32), rows=np.ones(20), columns=np.ones(20)
    )
    np.testing.assert_array_equal(found.shift, 0)
    assert np.isnan(found.residual)
