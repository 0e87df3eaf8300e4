import numpy as np
import pytest

from recon.detector_rows import DetectorRows
from recon.rings import remove_rings
from volio.lazy import LazyArray

ROWS, COLUMNS = 20, 12


def curved(row, column):
    """A surface that cubic convolution follows exactly: of second degree along rows."""
    return 1.0 + 0.3 * row - 0.01 * row**2 + 0.05 * column


def images(count=3):
    row, column = np.mgrid[:ROWS, :COLUMNS]
    return np.repeat(curved(row, column)[None], count, axis=0).astype(np.float32)


def test_rows_as_they_are():
    stack = images().astype(np.float64)
    reader = DetectorRows(stack, np.full(3, 5.5), np.zeros(3))
    assert reader.slices == ROWS
    read = reader.read(3, 9)
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, stack[:, 3:9], rtol=1e-6)


def test_rows_between_rows():
    shifts = np.array([0.0, 0.4, -1.3])
    read = DetectorRows(images(), np.full(3, 5.5), shifts).read(5, 13)
    expected = curved(np.arange(5, 13)[None, :, None] + shifts[:, None, None], np.arange(COLUMNS))
    np.testing.assert_allclose(read, expected, rtol=1e-5)


def test_a_tilt_follows_the_lean_of_the_rows():
    tilt, axis = 0.05, 4.0
    reader = DetectorRows(images(), np.full(3, axis), np.zeros(3), tilt)
    height = reader.heights(6, 12)[:, None]
    s = (np.arange(COLUMNS) - axis - height * np.sin(tilt)) / np.cos(tilt)
    place = 0.5 * (ROWS - 1) + height * np.cos(tilt) - s * np.sin(tilt)
    np.testing.assert_allclose(reader.read(6, 12)[1], curved(place, np.arange(COLUMNS)), rtol=1e-5)


@pytest.mark.parametrize("height", [1.5, 2.0, 2.75])
def test_high_slices_are_means_over_rows(height):
    reader = DetectorRows(images(1), np.zeros(1), np.zeros(1), height=height)
    assert reader.slices == round(ROWS / height)
    fine = np.repeat(images(1)[0].astype(float), 1000, axis=0)
    places = (np.arange(ROWS * 1000) + 0.5) / 1000 - 0.5 - 0.5 * (ROWS - 1)
    for k, middle in enumerate(reader.heights(1, reader.slices - 1), start=1):
        expected = fine[np.abs(places - middle) < 0.5 * height].mean(axis=0)
        np.testing.assert_allclose(reader.read(k, k + 1)[0, 0], expected, rtol=1e-3)


def test_parts_hold_the_same_numbers():
    reader = DetectorRows(images(), np.full(3, 5.5), np.array([0.2, 3.0, -2.6]), 0.02)
    whole = reader.read(0, ROWS)
    np.testing.assert_array_equal(reader.read(7, 9), whole[:, 7:9])


@pytest.mark.parametrize("tilt", [0.0, 0.013])
def test_no_bit_depends_on_where_a_part_begins(tilt):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(7, 61, 40)).astype(np.float32)
    reader = DetectorRows(values, rng.uniform(18, 21, 7), rng.uniform(-4, 4, 7), tilt)
    whole = reader.read(0, 61)
    for start, stop in ((0, 8), (1, 2), (7, 31), (40, 61)):
        np.testing.assert_array_equal(reader.read(start, stop), whole[:, start:stop])
        low, high = reader.span(start, stop)
        assert 0 <= low < high <= 61


def test_stripes_are_removed_from_detector_rows_before_rows_between_them_are_taken():
    values = np.random.default_rng(0).normal(size=(40, 12, 30)).astype(np.float32)
    values[:, :, 17] += 3
    shifts = np.full(40, 0.5)
    cleaned = remove_rings(values, method="regularization", threads=1)
    for moved in (shifts, np.zeros(40)):
        reader = DetectorRows(values, np.full(40, 14.5), moved, rings="regularization")
        expected = DetectorRows(cleaned, np.full(40, 14.5), moved)
        np.testing.assert_array_equal(reader.read(3, 7), expected.read(3, 7))
    assert values[:, :, 17].mean() > 2.5


def test_nothing_but_the_rows_that_are_needed_is_read():
    values = np.random.default_rng(0).normal(size=(20, 90, 30)).astype(np.float32)

    def read(box):
        assert box[1].stop - box[1].start < 16
        return values[box]

    lazy = LazyArray(read, values.shape, np.float32)
    rows = DetectorRows(lazy, np.full(20, 14.5), np.full(20, 0.5), rings="regularization")
    expected = DetectorRows(values, np.full(20, 14.5), np.full(20, 0.5), rings="regularization")
    np.testing.assert_array_equal(rows.read(40, 48), expected.read(40, 48))
