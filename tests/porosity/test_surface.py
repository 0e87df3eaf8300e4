import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from porosity.crofton import DIRECTIONS, area_per_cut
from porosity.surface import measure_surface
from volio import InputError


def make_ball(radius, size=(1, 1, 1), centre=(0.3, 0.2, 0.4)):
    edges = [int(np.ceil((2 * radius + 8 * s) / s)) for s in size]
    z, y, x = ((np.arange(n) - n / 2 + c) * s for n, s, c in zip(edges, size, centre, strict=True))
    return z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 < radius**2


@pytest.mark.parametrize("radius", [5, 10, 20])
def test_sphere(radius):
    truth = 4 * np.pi * radius**2
    ball = make_ball(radius)
    assert measure_surface(ball, phase=1, method="crofton").area == pytest.approx(truth, rel=0.12 / radius)
    smoothed = measure_surface(ball, phase=1, method="isosurface")
    assert smoothed.area == pytest.approx(truth * (1 - 1 / radius**2) ** 2, rel=0.01)
    assert smoothed.per_phase_volume == pytest.approx(smoothed.per_volume * ball.size / ball.sum())


@pytest.mark.parametrize("size", [(2, 1, 1), (1, 1, 2.0), (1.0, 1.5, 0.7)])
def test_sphere_of_anisotropic_voxels(size):
    ball = make_ball(15, size)
    truth = 4 * np.pi * 15**2
    assert measure_surface(ball, phase=1, voxel_size=size, method="isosurface").area == pytest.approx(truth, rel=0.02)
    assert measure_surface(ball, phase=1, voxel_size=size, method="crofton").area == pytest.approx(truth, rel=0.02)


@pytest.mark.parametrize("normal", [(1, 0, 0), (0, 1, 1), (1, 1, 1), (3, 2, 1)])
def test_plane(normal):
    normal = np.array(normal) / np.linalg.norm(normal)
    z, y, x = np.ogrid[:41, :41, :41]
    half = normal[0] * (z - 20.2) + normal[1] * (y - 20.2) + normal[2] * (x - 20.2) < 0
    # section of the plane with the box between the outermost centres, by random points on it
    first = np.cross(normal, [0.123, 0.5, 1.0])
    first /= np.linalg.norm(first)
    points = np.random.default_rng(0).uniform(-50, 50, (400000, 2, 1)) * np.stack([first, np.cross(normal, first)])
    places = 20.2 + points.sum(axis=1)
    truth = np.mean(((places > 0) & (places < 40)).all(axis=1)) * 100**2
    smooth = measure_surface(half, phase=1, method="isosurface")
    assert smooth.area == pytest.approx(truth, rel=0.015)
    assert smooth.per_volume == pytest.approx(truth / 40**3, rel=0.015)
    found = measure_surface(half, phase=1)
    assert found.per_volume == pytest.approx(truth / 40**3, rel=0.1)


def test_changes_over_one_and_two_voxels_are_extrapolated_to_none():
    """What is thinner than two voxels is missed by the longer steps: twice the one less half the other."""
    mask = (np.random.default_rng(1).random((8, 9, 10)) < 0.5).astype(int)
    size = (1.0, 2.0, 1.5)
    cuts, density = np.zeros((2, 13)), np.zeros((2, 13))
    for k, direction in enumerate(DIRECTIONS):
        for n in (1, 2):
            ahead = [slice(max(n * d, 0), s + min(n * d, 0)) for d, s in zip(direction, mask.shape, strict=True)]
            behind = [slice(max(-n * d, 0), s + min(-n * d, 0)) for d, s in zip(direction, mask.shape, strict=True)]
            changed = mask[tuple(ahead)] != mask[tuple(behind)]
            cuts[n - 1, k], density[n - 1, k] = changed.sum(), changed.mean()
    found = measure_surface(mask, phase=1, voxel_size=size, method="crofton")
    per_cut = area_per_cut(size)
    assert found.area == pytest.approx(per_cut @ (2 * cuts[0] - cuts[1] / 2))
    assert found.per_volume == pytest.approx(per_cut @ (2 * density[0] - density[1] / 2) / 3.0)


def test_cylinder():
    y, x = np.ogrid[:60, :60]
    rod = np.tile(np.hypot(y - 29.6, x - 30.1) < 20, (41, 1, 1))
    truth = 2 * np.pi * 20 * 40
    assert measure_surface(rod, phase=1, method="isosurface").area == pytest.approx(truth, rel=0.01)
    assert measure_surface(rod, phase=1).per_volume == pytest.approx(truth / (40 * 59**2), rel=0.065)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), axes=st.permutations(range(3)), method=st.sampled_from(["isosurface", "crofton"]))
def test_axes_phase_and_scale_do_not_matter(seed, axes, method):
    labels = np.random.default_rng(seed).integers(0, 2, (7, 9, 12))
    size = np.array([1.0, 2.0, 1.5])
    found = measure_surface(labels, phase=1, voxel_size=tuple(size), method=method).area
    turned = measure_surface(labels.transpose(axes), phase=0, voxel_size=tuple(size[list(axes)]), method=method).area
    assert turned == pytest.approx(found, rel=2e-3)  # float32: where voxels tie at one half the side is open
    assert measure_surface(labels, phase=1, voxel_size=tuple(3 * size), method=method).area == pytest.approx(9 * found)


@pytest.mark.parametrize("method", ["isosurface", "crofton"])
def test_threads_give_the_same_bits(method):
    labels = np.random.default_rng(2).random((70, 20, 20)) < 0.5
    one, two = (measure_surface(labels, phase=1, method=method, threads=threads).area for threads in (1, 2))
    assert one == two


@pytest.mark.parametrize(
    ("labels", "options", "word"),
    [
        (np.eye(3)[None], {}, "2 voxels along each axis"),
        (np.arange(18).reshape(2, 3, 3) % 2, {}, "3 voxels along each axis"),
        (np.ones((4, 4, 4)), {}, "fills the whole volume"),
        (np.eye(3)[None], {"method": "cubes"}, "method"),
        (np.eye(3)[None], {"smoothing": 0}, "smoothing"),
    ],
)
def test_errors_are_one_line(labels, options, word):
    with pytest.raises(InputError, match=word) as error:
        measure_surface(labels, phase=1, **options)
    assert "\n" not in str(error.value)
