import numpy as np
import pytest

from recon.detector_rows import DetectorRows

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
