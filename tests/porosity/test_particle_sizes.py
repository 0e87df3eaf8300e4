import numpy as np
import pytest

from porosity.particle_sizes import distribute_sizes
from porosity.particles import measure_particles
from volio import InputError


def make_balls(diameters, size=24):
    """Return a row of balls that do not touch, one a cell."""
    labels = np.zeros((size, size, size * len(diameters)), np.uint16)
    grid = np.arange(size) - (size - 1) / 2
    z, y, x = np.meshgrid(grid, grid, grid, indexing="ij", sparse=True)
    for i, diameter in enumerate(diameters):
        cell = labels[:, :, i * size : (i + 1) * size]
        cell[z**2 + y**2 + x**2 < diameter**2 / 4] = i + 1
    return labels


def test_percentiles_of_known_balls():
    diameters = [8.0] * 10 + [16.0] * 10
    found = distribute_sizes(measure_particles(make_balls(diameters), voxel_size=0.5), border="excluded")
    assert found.count == 20
    np.testing.assert_allclose(found.number_percentiles, [4, 4, 8], rtol=0.03)
    # the small ones hold 1 / 9 of the volume
    np.testing.assert_allclose(found.volume_percentiles, [4, 8, 8], rtol=0.03)
    assert found.by_volume[9] == pytest.approx(1 / 9, rel=0.03)
    assert found.span == pytest.approx(0.5, abs=0.05)
    assert found.unit == "um"


def test_large_particles_count_more_because_they_are_cut_more_often():
    rng = np.random.default_rng(0)
    z, y, x = np.ogrid[:48, :48, :48]
    weighted, excluded = [], []
    for _ in range(40):
        labels = np.zeros((48, 48, 48), np.uint8)
        placed, number = [], 0
        while number < 40:
            radius = rng.choice([3.0, 8.0], p=[0.8, 0.2])
            centre = rng.uniform(-10, 58, 3)
            if all(np.linalg.norm(centre - other) > radius + more + 1 for other, more in placed):
                placed.append((centre, radius))
            number += 1
        for label, (centre, radius) in enumerate(placed, 1):
            labels[(z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 < radius**2] = label
        particles = measure_particles(labels)
        inside = particles.table[~particles.table["touches_border"]]
        if (inside["voxels"] > 500).any() and (inside["voxels"] < 500).any():
            for rule, into in (("weighted", weighted), ("excluded", excluded)):
                found = distribute_sizes(particles, border=rule)
                into.append(1 - found.by_number[np.flatnonzero(found.diameter < 10)[-1]])
    assert np.mean(weighted) > 1.4 * np.mean(excluded)


def test_border_rules():
    labels = make_balls([8, 16, 12])
    labels = np.concatenate([labels, np.full((24, 24, 2), 9, np.uint16)], axis=2)
    particles = measure_particles(labels)
    assert distribute_sizes(particles).count == 3
    assert distribute_sizes(particles, border="included").count == 4
    assert distribute_sizes(particles, smallest=10).count == 2


@pytest.mark.parametrize(
    ("options", "word"), [({"smallest": 100}, "no particle is left of 3"), ({"border": "x"}, "border")]
)
def test_errors_are_one_line(options, word):
    with pytest.raises(InputError, match=word) as error:
        distribute_sizes(measure_particles(make_balls([8, 8, 8])), **options)
    assert "\n" not in str(error.value)
