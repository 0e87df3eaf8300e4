"""All that is known of the Boolean model of spheres: spheres of one radius in random places, which may overlap."""

import numpy as np
import pytest

from porosity.boolean_model import BooleanModel
from porosity.chords import measure_chords
from porosity.fractions import phase_fractions
from porosity.surface import measure_surface
from porosity.topology import count_euler
from porosity.two_point import correlate_phase
from volio import InputError

SIZE = 128
MODEL = BooleanModel(radius=8.0, density=4.3e-4)


@pytest.fixture(scope="module")
def model():
    return MODEL.draw((SIZE,) * 3, seed=7)


@pytest.fixture(scope="module")
def truth(model):
    """The model with the fraction of this volume, so that the other truths are free of the scatter of the fraction."""
    return BooleanModel.with_porosity(model.mean(), radius=8.0)


def test_fraction_lies_in_its_interval(model):
    found = phase_fractions(model, confidence=0.999)
    assert found.low[1] < MODEL.porosity < found.high[1]
    assert 0.003 < found.standard_error[1] < 0.03  # of the two million voxels as independent: 0.0003


def test_integral_range(model, truth):
    assert correlate_phase(model, phase=1).integral_range == pytest.approx(truth.integral_range, rel=0.25)
    found = correlate_phase(model, phase=1, voxel_size=2.0)
    assert found.integral_range == pytest.approx(8 * truth.integral_range, rel=0.25)


def test_two_point_probability(model, truth):
    found = correlate_phase(model, phase=1, periodic=True)
    error = np.abs(found.radial - truth.two_point(found.distance))
    assert error[found.distance <= 8].max() < 0.006
    assert error.max() < 0.012
    for axis in (found.z, found.y, found.x):
        assert np.abs(axis - truth.two_point(np.arange(len(axis)))).max() < 0.03


def test_chords(model, truth):
    found = measure_chords(model, phase=1)
    fraction, near = truth.two_point([0.0, 1.0])
    digital = fraction / (fraction - near)  # pores thinner than a voxel may be missed
    assert np.mean(found.mean) == pytest.approx(digital, rel=0.02)
    assert np.mean(found.mean) == pytest.approx(truth.mean_chord, rel=0.06)
    assert found.anisotropy < 1.1
    density = np.mean([one.density for one in (found.z, found.y, found.x)], axis=0)
    assert density.sum() == pytest.approx(1)
    lengths = np.arange(1, SIZE + 1)
    known = np.exp(-lengths / truth.mean_chord) / truth.mean_chord
    np.testing.assert_allclose(density[4:28], known[4:28], rtol=0.15)
    # exponential: as many chords in each interval as in the one before, but for the same factor
    count = (found.z.count + found.y.count + found.x.count)[:24].reshape(4, 6).sum(axis=1)
    np.testing.assert_allclose(count[2:] / count[1:-1], np.exp(-6 / truth.mean_chord), rtol=0.06)


@pytest.mark.parametrize(("method", "tolerance"), [("isosurface", 0.16), ("crofton", 0.03)])
def test_surface(model, truth, method, tolerance):
    found = measure_surface(model, phase=1, method=method)
    assert found.per_volume == pytest.approx(truth.surface_per_volume, rel=tolerance)
    assert found.per_phase_volume == pytest.approx(truth.surface_per_volume / model.mean(), rel=tolerance)
    assert measure_surface(model, phase=0, method=method).area == pytest.approx(found.area, rel=1e-6)


def test_euler_number():
    model = BooleanModel.with_porosity(0.95, radius=8.0)
    found = [count_euler(model.draw((96,) * 3, seed=seed), phase=0).density for seed in range(8)]
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert abs(np.mean(found) - model.euler_density) < 4 * error
    assert error < 0.2 * model.euler_density


def test_volumes_of_unequal_edges_are_periodic():
    pores = MODEL.draw((40, 60, 50), seed=1)
    assert pores.shape == (40, 60, 50)
    for axis in range(3):  # the faces fit: as few voxels change across as inside
        change = pores ^ np.roll(pores, 1, axis)
        assert change.take(0, axis).mean() < 2 * change.mean()


@pytest.mark.parametrize(("radius", "density"), [(0, 1), (1, 0), (-1, 1), (np.nan, 1)])
def test_errors(radius, density):
    with pytest.raises(InputError, match="must be positive"):
        BooleanModel(radius, density)
    with pytest.raises(InputError, match="porosity"):
        BooleanModel.with_porosity(1.0, radius=3)


def test_spheres_too_large_for_the_volume_are_refused() -> None:
    """A sphere that met itself across the faces would be drawn wrongly."""
    with pytest.raises(InputError, match="too large for a volume"):
        BooleanModel(20.0, 1e-4).draw((10, 60, 60), seed=1)


@pytest.mark.parametrize("radius", [np.nan, np.inf, 0.0, -1.0])
def test_radii_that_cannot_be_are_refused(radius: float) -> None:
    with pytest.raises(InputError, match="positive and finite"):
        BooleanModel(radius, 1e-4)
