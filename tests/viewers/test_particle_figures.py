from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from porosity import distribute_sizes, measure_particles
from viewers.particle_figures import draw_particle_figures, draw_particle_sizes, draw_particles
from volcorr.particle_run import ParticleStudy
from volcorr.phase_files import middle_slice
from volio import Volume


@pytest.fixture(scope="module")
def study() -> ParticleStudy:
    """Cubes of 5 and 6 voxels in a grid; in a row, each second one touches the next."""
    data = np.zeros((30, 33, 40), np.uint16)
    number = 0
    for z in range(2, 24, 9):
        for y in range(2, 28, 8):
            for x in range(2, 36, 6):
                number += 1
                edge = 5 + number % 2
                data[z : z + edge, y : y + edge, x : x + edge] = number
    volume = Volume(data, voxel_size=0.5)
    particles = measure_particles(volume)
    return ParticleStudy("cubes", particles, distribute_sizes(particles), "", middle_slice(volume))


def test_the_curves_and_their_marks(study: ParticleStudy) -> None:
    cumulative, classes = draw_particle_sizes(study).axes
    names = [text.get_text() for text in cumulative.get_legend().get_texts()]
    d50 = study.sizes.volume_percentiles[1]
    assert f"D50 {d50:.3g}" in names[1]
    np.testing.assert_allclose(cumulative.lines[1].get_xdata(), study.sizes.number_percentiles)
    assert cumulative.get_xlabel() == "equivalent diameter (µm)"
    shares = [patch.get_data().values.sum() for patch in classes.patches]
    np.testing.assert_allclose(shares, 100)


def test_neighbours_have_different_colours(study: ParticleStudy) -> None:
    numbers = study.plane.data[0].astype(int)
    colours = draw_particles(study).axes[0].images[0].get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(colours), numbers == 0)
    beside = (numbers[:, 1:] != numbers[:, :-1]) & (numbers[:, 1:] > 0) & (numbers[:, :-1] > 0)
    assert beside.any()
    assert (colours.data[:, 1:] != colours.data[:, :-1])[beside].all()
    for number in np.unique(numbers[numbers > 0]):
        assert len(np.unique(colours.data[numbers == number])) == 1


def test_a_slice_without_particles_says_so_and_sizes_may_be_missing(study: ParticleStudy, tmp_path: Path) -> None:
    empty = replace(study, plane=replace(study.plane, data=np.zeros_like(study.plane.data)), sizes=None)
    assert "no particle in this slice" in [text.get_text() for text in draw_particles(empty).axes[0].texts]
    assert draw_particle_figures(empty, tmp_path) == [tmp_path / "particles.png"]
    assert [file.name for file in draw_particle_figures(study, tmp_path)] == ["sizes.png", "particles.png"]
