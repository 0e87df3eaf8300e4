"""The iteration of total variation, against plain NumPy and against another algorithm for the same minimum."""

import numpy as np
import pytest

from recon._kernels_total_variation import add_variation, ascend, descend
from recon.primal_dual import PrimalDual, make_preconditioner
from recon.projectors import Projector, make_projector
from recon.slice_grid import make_slice_grid
from recon.slice_lanes import CELLS, PAD, from_lanes, to_lanes
from volio.simd import LANES


def geometry(size: int, angles: np.ndarray) -> Projector:
    """Return a projector with the axis in the middle."""
    middle = 0.5 * (size - 1)
    return make_projector(make_slice_grid(size, center=middle), size, angles=angles, axes=middle)


def differences(images: np.ndarray) -> np.ndarray:
    """Return differences (2, slices, y, x) to the next pixel along y, x; beyond the last column there is 0."""
    along_y = np.diff(images, axis=1, append=images[:, -1:])
    return np.stack([along_y, np.diff(images, axis=2, append=0.0)])


def turned(duals: np.ndarray) -> np.ndarray:
    """Return the adjoint of `differences`."""
    out = -duals[0] - duals[1]
    out[:, -1] += duals[0][:, -1]
    out[:, 1:] += duals[0][:, :-1]
    out[:, :, 1:] += duals[1][:, :, :-1]
    return out


def test_kernels_are_the_plain_steps() -> None:
    """Catch a wrong neighbour, sign or limit in the kernels."""
    rng = np.random.default_rng(0)
    size, step, weight = 9, 0.7, 0.4
    image, before, gradient = rng.normal(size=(3, LANES, size, size)).astype(np.float32)
    image[:, :, 0] = before[:, :, 0] = 0  # the first difference along x is that to the zeros around a line
    lanes = [to_lanes(one) for one in (image, before, gradient)]
    flat = [one.reshape(size, -1) for one in lanes]
    duals = np.zeros((2, *lanes[0].shape), np.float32)
    start = rng.normal(size=(2, LANES, size, size)).astype(np.float32)
    start[0][:, -1] = 0  # there is no difference beyond the last row
    duals[0], duals[1] = to_lanes(start[0]), to_lanes(start[1])
    for part in ((0, 4), (4, size)):
        ascend(flat[0], flat[1], step, weight, *part, duals.reshape(2, size, -1))
    moved = start + step * differences(2 * image - before)
    truth = moved / np.maximum(1, np.linalg.norm(moved, axis=0) / weight)
    found = np.stack([from_lanes(one, LANES) for one in duals])
    np.testing.assert_allclose(found, truth, atol=1e-5)

    spans = np.stack([np.full(size, 1), np.full(size, size - 2)], axis=1)
    out = np.zeros_like(flat[0])
    for part in ((0, 4), (4, size)):
        descend(flat[0], flat[2], duals.reshape(2, size, -1), spans, step, -0.2, *part, out)
    lower = np.maximum(image - step * (gradient + turned(truth)), -0.2)
    lower[:, :, :1] = lower[:, :, size - 2 :] = 0
    np.testing.assert_allclose(from_lanes(out.reshape(lanes[0].shape), LANES), lower, atol=1e-5)

    sums = np.zeros(LANES)
    add_variation(flat[0], sums)
    plain = np.linalg.norm(differences(image), axis=0).sum((1, 2))
    np.testing.assert_allclose(sums, plain, rtol=1e-5)


def dense(one: Projector) -> np.ndarray:
    """Return the matrix of a projector (rays, pixels), pixel by pixel."""
    size = one.grid.size
    pixels = np.eye(size * size, dtype=np.float32).reshape(-1, size, size)
    return one.project(pixels).transpose(0, 2, 1).reshape(-1, size * size).astype(np.float64)


@pytest.mark.parametrize("nonnegative", [True, False])
def test_finds_the_minimum_that_plain_steps_find(nonnegative: bool) -> None:
    """Hold the minimum against primal-dual steps without a filter, with the matrix of the projector."""
    size, weight = 11, 0.05
    angles = np.linspace(-1, 1, 6)
    one = geometry(size, angles)
    matrix = dense(one)
    image = np.zeros((size, size))
    image[3:6, 4:8], image[6:8, 3:5] = 1.0, -0.4
    rng = np.random.default_rng(1)
    rows = (matrix @ image.ravel() + 0.1 * rng.normal(size=len(matrix))).reshape(6, size)
    # with a column of zeros on both sides: the step from 0 to the first pixel counts, too
    x, mask = np.zeros((1, size, size + 2)), np.pad(one.mask, ((0, 0), (1, 1)))
    y, p = np.zeros(len(matrix)), np.zeros((2, *x.shape))
    ahead = x.copy()
    rate = 1 / np.sqrt(np.linalg.norm(matrix, 2) ** 2 + 8)
    for _ in range(4000):
        y = (y + rate * (matrix @ ahead[0, :, 1:-1].ravel() - rows.ravel())) / (1 + rate)
        p = p + rate * differences(ahead)
        p /= np.maximum(1, np.linalg.norm(p, axis=0) / weight)
        back = np.pad((matrix.T @ y).reshape(1, size, size), ((0, 0), (0, 0), (1, 1)))
        new = (x - rate * (back + turned(p))) * mask
        new = np.maximum(new, 0) if nonnegative else new
        ahead, x = 2 * new - x, new
    iterate = PrimalDual(
        one,
        make_preconditioner(one),
        to_lanes(rows[None].astype(np.float32)),
        nonnegative=nonnegative,
        threads=1,
    )
    for _ in range(400):
        iterate.step(weight)
    np.testing.assert_allclose(from_lanes(iterate.image, 1), x[..., 1:-1], atol=2e-3)
    assert (from_lanes(iterate.image, 1).min() >= 0) == nonnegative
    plain = 0.5 * np.sum((matrix @ x[..., 1:-1].ravel() - rows.ravel()) ** 2)
    plain += weight * np.linalg.norm(differences(x), axis=0).sum()
    ours = 0.5 * iterate.misfit()[0] * rows.size + weight * iterate.variation()[0]
    assert ours == pytest.approx(plain, rel=1e-3)
    assert iterate.change()[0] < 1e-4


def test_residuals_are_those_of_the_image_ahead() -> None:
    """As far beyond the last image as that is beyond the one before, which convergence rests on."""
    one = geometry(16, np.linspace(-1.2, 1.2, 12))
    rows = np.random.default_rng(2).random((1, 12, 16)).astype(np.float32)
    iterate = PrimalDual(one, make_preconditioner(one), to_lanes(rows), nonnegative=True, threads=1)
    for _ in range(3):
        iterate.step(0.1)
    expected = one.project_lanes(2 * iterate.image - iterate.before)
    np.testing.assert_allclose(iterate.ahead, expected, atol=1e-4)
    assert np.abs(iterate.ahead - iterate.lines).max() > 0.01


def test_steps_are_safe() -> None:
    """The norm of the filtered projector with these steps is below one, as convergence needs."""
    one = geometry(16, np.linspace(-1.2, 1.2, 12))
    steps = make_preconditioner(one)
    matrix = dense(one)
    ramp = np.zeros((16, 16))
    dual = steps.response / (1 - steps.response)
    for k in range(16):
        pulse = np.zeros(16)
        pulse[k] = 1
        ramp[k] = np.fft.irfft(np.fft.rfft(pulse, steps.samples) * dual, steps.samples)[:16]
    whole = np.kron(np.eye(12), ramp)
    norm = np.linalg.eigvalsh(matrix.T @ whole @ matrix).max()
    assert 0.4 < steps.image_step * norm <= 0.5
    assert steps.image_step * steps.difference_step * 8 == pytest.approx(0.5)


def test_lanes_and_threads_do_not_matter() -> None:
    """The same slice gives the same numbers in another lane, beside others, and with other threads."""
    one = geometry(20, np.linspace(-1, 1, 9))
    rng = np.random.default_rng(4)
    rows = rng.random((LANES, 9, 20)).astype(np.float32)
    images = []
    for lanes, threads in ((rows, 1), (rows, 3), (rows[::-1], 2)):
        iterate = PrimalDual(
            one, make_preconditioner(one, threads=threads), to_lanes(lanes), nonnegative=True, threads=threads
        )
        for _ in range(12):
            iterate.step(0.1)
        images.append(from_lanes(iterate.image, LANES))
    assert np.array_equal(images[0], images[1])
    assert np.array_equal(images[0], images[2][::-1])
    assert not iterate.image[:, :PAD].any()
    assert not iterate.image[:, CELLS][~one.mask].any()
