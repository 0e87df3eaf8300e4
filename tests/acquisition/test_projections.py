import numpy as np
import pytest

from acquisition.projections import EllipsePhantom, SpherePhantom, expose
from volio import InputError

ANGLES = np.linspace(0, np.pi, 7, endpoint=False)


def test_every_projection_and_the_image_hold_the_mass_of_the_ellipses():
    phantom = EllipsePhantom.electrode(96, seed=3, particles=20)
    mass = np.pi * np.prod(phantom.ellipses[:, 2:4], axis=1) @ phantom.ellipses[:, 5]
    np.testing.assert_allclose(phantom.project(ANGLES, columns=96).sum(axis=1), mass, rtol=1e-5)
    np.testing.assert_allclose(phantom.render(96).sum(), mass, rtol=1e-4)


def test_bins_hold_the_mean_of_the_line_integrals():
    phantom = EllipsePhantom(np.array([[3.0, -5.0, 12.0, 7.0, 0.4, 0.01]]))
    y, x, first, second, turn, value = phantom.ellipses[0]
    places = (np.arange(64 * 400) + 0.5) / 400 - 0.5
    for angle, row in zip(ANGLES, phantom.project(ANGLES, columns=64, center=30.2, shifts=0.7), strict=True):
        s = places - 30.9 - x * np.cos(angle) - y * np.sin(angle)
        square = (first * np.cos(angle - turn)) ** 2 + (second * np.sin(angle - turn)) ** 2
        line = 2 * value * first * second / square * np.sqrt(np.maximum(square - s**2, 0))
        np.testing.assert_allclose(row, line.reshape(64, 400).mean(axis=1), atol=2e-6)


def test_pixels_hold_the_mean_over_their_area():
    phantom = EllipsePhantom(np.array([[1.3, -2.1, 9.0, 4.0, 0.7, 1.0]]))
    fine = (np.arange(32 * 16) + 0.5) / 16 - 16
    v, u = fine[:, None] - 1.3, fine[None, :] + 2.1
    inside = ((u * np.cos(0.7) + v * np.sin(0.7)) / 9) ** 2 + ((v * np.cos(0.7) - u * np.sin(0.7)) / 4) ** 2 <= 1
    np.testing.assert_allclose(phantom.render(32), inside.reshape(32, 16, 32, 16).mean(axis=(1, 3)), atol=0.05)
    np.testing.assert_allclose(phantom.render(16, voxel_size=2.0).sum() * 4, 36 * np.pi, rtol=1e-3)


def test_spheres_are_seen_whole_and_in_the_right_place():
    phantom = SpherePhantom(np.array([[4.0, -3.0, 6.0, 5.0, 0.01]]))
    mass = 4 / 3 * np.pi * 125 * 0.01
    images = phantom.project(ANGLES, rows=32, columns=48, shifts=(1.5, -2.0))
    np.testing.assert_allclose(images.sum(axis=(1, 2)), mass, rtol=1e-3)
    rows, columns = np.mgrid[:32, :48]
    seen = 23.5 + 6.0 * np.cos(ANGLES) - 3.0 * np.sin(ANGLES) - 2.0
    np.testing.assert_allclose((images * columns).sum(axis=(1, 2)) / mass, seen, atol=0.05)
    np.testing.assert_allclose((images * rows).sum(axis=(1, 2)) / mass, 15.5 + 4.0 + 1.5, atol=0.05)
    np.testing.assert_allclose(phantom.render((32, 48, 48)).sum(), mass, rtol=2e-3)


def test_a_tilted_axis_leans_towards_higher_columns_in_higher_rows():
    on_axis = SpherePhantom(np.array([[-10.0, 0.0, 0.0, 3.0, 1.0], [10.0, 0.0, 0.0, 3.0, 1.0]]))
    image = on_axis.project([0.0], rows=33, columns=33, tilt=0.1)[0]
    columns = [(part * np.arange(33)).sum() / part.sum() for part in (image[:16], image[17:])]
    np.testing.assert_allclose(columns, 16 + np.array([-10, 10]) * np.sin(0.1), atol=0.02)


def test_a_packing_does_not_overlap_and_lies_in_the_pillar():
    spheres = SpherePhantom.electrode(64, height=40, particles=60).spheres
    gaps = np.linalg.norm(spheres[:, None, :3] - spheres[None, :, :3], axis=2) - spheres[:, None, 3] - spheres[:, 3]
    assert gaps[~np.eye(len(spheres), dtype=bool)].min() > 0
    assert (np.hypot(spheres[:, 1], spheres[:, 2]) + spheres[:, 3]).max() <= 0.45 * 64


def test_a_camera_counts_photons():
    lines = np.full((20, 30, 40), 0.5, np.float32)
    shot = expose(lines, photons=1000, rng=1, dark=50, gain=2.0, brightness=np.linspace(1, 2, 20), zingers=1e-3)
    counts = (shot.projections - 50) / 2
    expected = 1000 * np.exp(-0.5) * np.linspace(1, 2, 20)
    np.testing.assert_allclose(np.median(counts, axis=(1, 2)), expected, rtol=0.01)
    assert np.count_nonzero(counts > 5000) == pytest.approx(24, abs=15)
    quiet = counts[0][counts[0] < 5000]
    assert quiet.var() == pytest.approx(quiet.mean(), rel=0.2)
    np.testing.assert_allclose(shot.flats.mean(), 2050, rtol=1e-3)
    np.testing.assert_array_equal(shot.darks, 50)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: EllipsePhantom(np.zeros((2, 5))), r"need shape \(n, 6\)"),
        (lambda: EllipsePhantom.disc(-1, 1), "half axis"),
        (lambda: SpherePhantom(np.zeros((1, 5))), "radius"),
        (lambda: expose(np.zeros((1, 2, 2)), photons=0, rng=0), "photons"),
        (lambda: expose(np.zeros((1, 2, 2)), photons=1, rng=0, zingers=2), "zingers"),
    ],
)
def test_what_cannot_be_is_refused(make, match):
    with pytest.raises(InputError, match=match):
        make()
