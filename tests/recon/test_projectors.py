"""The projector, its adjoint, and a plain version of both."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.projections import EllipsePhantom
from recon.projectors import Projector, make_projector
from recon.slice_grid import make_slice_grid
from volio.errors import InputError

ANGLES = np.linspace(-1.3, 3.4, 23)


def projector(
    size: int = 24, *, columns: int | None = None, step: float = 1.0, angles: np.ndarray = ANGLES, axes: object = None
) -> Projector:
    """Return a projector with its axis off the middle, moving from angle to angle."""
    wide = columns or size
    center = 0.5 * (wide - 1) + 0.3
    moving = center + 0.7 * np.sin(np.arange(len(angles))) if axes is None else axes
    return make_projector(make_slice_grid(wide, center=center, step=step), wide, angles=angles, axes=moving)


def plain(one: Projector, axes: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Return the matrix (angles, columns, y, x): overlaps of bins and pixels along the line of each pixel."""
    size, step = one.grid.size, one.grid.step
    places = (np.arange(size) - 0.5 * (size - 1)) * step
    y, x = np.meshgrid(places, places, indexing="ij")
    columns = np.arange(one.columns)
    out = np.zeros((len(angles), one.columns, size, size))
    for a, angle in enumerate(angles):
        main = max(abs(math.cos(angle)), abs(math.sin(angle)))
        seen = axes[a] + x * math.cos(angle) + y * math.sin(angle)
        half = 0.5 * step * main
        low = np.maximum(seen - half, columns[:, None, None] - 0.5)
        high = np.minimum(seen + half, columns[:, None, None] + 0.5)
        out[a] = np.maximum(high - low, 0) * step / main
    return out * one.mask


@pytest.mark.parametrize("step", [0.8, 1.0, 1.7])
def test_both_directions_are_the_plain_matrix(step: float) -> None:
    """Catch a wrong overlap, length, axis or orientation of the kernels."""
    one = projector(step=step)
    axes = 0.5 * 23 + 0.3 + 0.7 * np.sin(np.arange(len(ANGLES)))
    matrix = plain(one, axes, ANGLES)
    rng = np.random.default_rng(3)
    images = rng.random((3, one.grid.size, one.grid.size))
    rows = rng.random((len(ANGLES), 3, 24))
    np.testing.assert_allclose(one.project(images), np.einsum("acyx,kyx->akc", matrix, images), atol=3e-5)
    np.testing.assert_allclose(one.back_project(rows), np.einsum("acyx,akc->kyx", matrix, rows), atol=3e-5)


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(5, 40),
    step=st.floats(0.75, 2.0),
    turn=st.floats(-7, 7),
    count=st.integers(1, 9),
    seed=st.integers(0, 1000),
)
def test_back_projection_is_the_adjoint(size: int, step: float, turn: float, count: int, seed: int) -> None:
    """Catch any weight that one direction sees differently from the other."""
    one = projector(size, step=step, angles=turn + np.linspace(0, 2, count))
    rng = np.random.default_rng(seed)
    x = rng.random((2, one.grid.size, one.grid.size)) * one.mask
    y = rng.random((count, 2, size))
    forth = np.vdot(one.project(x).astype(float), y)
    back = np.vdot(x, one.back_project(y).astype(float))
    assert forth == pytest.approx(back, rel=1e-6)


def test_line_integrals_of_a_disc() -> None:
    """Hold the projector against an analytic disc: absolute scale, place of the axis, direction of rotation."""
    phantom = EllipsePhantom.disc(18, 0.01, y=6, x=-9)
    axes = 31.5 + np.linspace(-2, 2, len(ANGLES))
    one = make_projector(make_slice_grid(64, center=31.5), 64, angles=ANGLES, axes=axes)
    found = one.project(phantom.render(64)[None])[:, 0]
    truth = phantom.project(ANGLES, columns=64, shifts=axes - 31.5)
    assert np.sqrt(np.mean((found - truth) ** 2)) < 0.012 * truth.max()
    np.testing.assert_allclose(found.sum(1), truth.sum(1), rtol=1e-4)


def test_every_ray_sees_its_whole_length() -> None:
    """An even slice shows no pattern: each bin sees the length of its path through the pixels."""
    angles = np.linspace(0, np.pi, 40)
    one = make_projector(make_slice_grid(101, center=50.0), 101, angles=angles, axes=50.0)
    seen = one.project(np.ones((1, 101, 101)))[:, 0, 50]
    np.testing.assert_allclose(seen, 101, atol=1.2)


def test_answers_do_not_depend_on_threads_or_neighbours() -> None:
    """Catch a race, or lanes that touch each other."""
    one = projector(40)
    rng = np.random.default_rng(0)
    images, rows = rng.random((11, 40, 40)), rng.random((len(ANGLES), 11, 40))
    forth, back = one.project(images), one.back_project(rows)
    for threads in (2, 5, 50):
        assert np.array_equal(one.project(images, threads=threads), forth)
        assert np.array_equal(one.back_project(rows, threads=threads), back)
    assert np.array_equal(one.project(images[9:10]), forth[:, 9:10])
    assert np.array_equal(one.back_project(rows[:, 9:10]), back[9:10])


def test_a_subset_is_the_projector_of_some_angles() -> None:
    """Catch angles that are mixed up when some are held out."""
    one = projector(30)
    some = np.array([0, 3, 4, 11, 22])
    images = np.random.default_rng(1).random((1, 30, 30))
    assert np.array_equal(one.subset(some).project(images), one.project(images)[some])


def test_large_images_are_taken_in_blocks() -> None:
    """Rows that do not fit into the cache together give the same sums as a plain back projection says they must."""
    angles = np.array([0.0, 0.5 * np.pi])
    one = make_projector(make_slice_grid(300, center=149.5), 300, angles=angles, axes=149.5)
    image = np.random.default_rng(2).random((1, 300, 300)) * one.mask
    np.testing.assert_allclose(one.project(image)[:, 0], [image[0].sum(0), image[0].sum(1)], rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda one: one.project(np.zeros((2, 3, 3))), "shape"),
        (lambda one: one.back_project(np.zeros((2, 3, 3))), "rows need the shape"),
        (lambda one: one.back_project(np.full((len(ANGLES), 1, 24), np.nan)), "NaN"),
        (lambda one: projector(step=0.5), "voxel_size"),
        (lambda one: projector(step=3.0), "voxel_size"),
        (lambda one: projector(angles=np.array([np.inf, 0.0])), "finite"),
    ],
)
def test_bad_input_is_told_in_one_line(call: object, words: str) -> None:
    """A user learns what was wrong."""
    with pytest.raises(InputError, match=words) as caught:
        call(projector())  # type: ignore[operator]
    assert "\n" not in str(caught.value)
