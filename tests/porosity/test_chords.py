import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from porosity.chords import AxisChords, measure_chords
from volio import InputError


def oracle(mask, axis):
    """Return the lengths of inner and border chords."""
    inner, border = [], []
    for line in np.moveaxis(mask, axis, 2).reshape(-1, mask.shape[axis]):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], line, [0]])))
        for start, stop in edges.reshape(-1, 2):
            (border if start == 0 or stop == len(line) else inner).append(stop - start)
    return inner, border


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 9999), share=st.floats(0.1, 0.9), threads=st.integers(1, 3))
def test_equals_plain_python(seed, share, threads):
    rng = np.random.default_rng(seed)
    mask = (rng.random(rng.integers(2, 9, 3)) < share).astype(int)
    mask.flat[:2] = 0, 1
    found = measure_chords(mask, phase=1, threads=threads)
    for axis, name in enumerate("zyx"):
        inner, border = oracle(mask, axis)
        n = mask.shape[axis]
        one = getattr(found, name)
        np.testing.assert_array_equal(one.count, np.bincount(inner, minlength=n + 1)[1:])
        np.testing.assert_array_equal(one.border_count, np.bincount(border, minlength=n + 1)[1:])


def test_slabs_of_anisotropic_voxels():
    labels = np.zeros((40, 6, 5), int)
    labels[(np.arange(40) - 3) % 10 < 4] = 2
    found = measure_chords(labels, phase=2, voxel_size=(0.5, 1, 3))
    assert found.unit == "um"
    assert found.z.inner_mean == found.z.mean == 2.0
    assert found.mean[1:] == (np.inf, np.inf)
    assert np.isnan(found.y.inner_mean)
    assert found.y.border_count[-1] == 16 * 5
    assert measure_chords(labels, phase=0, voxel_size=(0.5, 1, 3)).z.inner_mean == 3.0


def test_mean_chord_of_spheres_is_four_thirds_of_the_radius():
    z, y, x = np.ogrid[:50, :50, :50]
    ball = (z - 24.7) ** 2 + (y - 25.2) ** 2 + (x - 24.9) ** 2 < 20**2
    assert measure_chords(ball, phase=1).mean == pytest.approx([80 / 3] * 3, rel=0.01)
    assert measure_chords(ball, phase=1).anisotropy < 1.01


def test_border_chords_do_not_shorten_the_mean():
    rng = np.random.default_rng(0)
    walls = rng.random((400, 400, 24)) < 0.05  # memoryless along x: mean 1 / 0.05 voxels
    found = measure_chords(~walls, phase=1).x
    assert found.mean == pytest.approx(20, rel=0.01)
    assert found.inner_mean < 10
    # the density of whole chords, weighted for those that are cut, falls by 0.95 a voxel
    np.testing.assert_allclose(found.density[1:20] / found.density[:19], 0.95, rtol=0.15)
    assert np.isnan(measure_chords(np.arange(8).reshape(2, 2, 2) % 2, phase=1).z.density).all()


def test_the_density_counts_places_where_a_chord_is_whole():
    """In a row of n voxels a chord of k has n - 1 - k places: so many of each length are an even density."""
    n = 12
    places = np.maximum(n - 1 - np.arange(1, n + 1), 0)
    even = AxisChords(0.5 * np.arange(1.0, n + 1), 7 * places, np.zeros(n, np.int64))
    np.testing.assert_allclose(even.density[: n - 2], 1 / (0.5 * (n - 2)))
    assert (even.density[n - 2 :] == 0).all()


def test_table():
    mask = np.zeros((2, 3, 4), bool)
    mask[0, 1, 1:3] = True
    table = measure_chords(mask, phase=1).table
    assert len(table) == 9
    assert table.query("axis == 'x' and length == 2")["count"].item() == 1


def test_errors():
    with pytest.raises(InputError, match="does not occur"):
        measure_chords(np.zeros((3, 3, 3)), phase=1)
    with pytest.raises(InputError, match="fills the whole volume"):
        measure_chords(np.zeros((3, 3, 3)), phase=0)
