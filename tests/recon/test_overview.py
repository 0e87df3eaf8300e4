import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.corrections import bin_pixels
from recon.overview import ScanOverview, make_overview
from recon.scan import Scan
from recon.scan_correction import correct_scan
from volio import Progress
from volio.errors import InputError
from volio.lazy import LazyArray

COUNT, ROWS, COLUMNS = 12, 20, 30
ANGLES = np.linspace(0, 3, COUNT)


def lines():
    return np.random.default_rng(0).random((COUNT, ROWS, COLUMNS), np.float32)


def test_the_middle_is_kept_at_each_resolution():
    view = make_overview(Scan(lines(), ANGLES), rows={1: 6, 2: 5, 4: 99}, threads=2)
    np.testing.assert_array_equal(view.images[1], lines()[:, 7:13])
    np.testing.assert_array_equal(view.images[2], bin_pixels(lines()[:, 5:15], factor=2))
    np.testing.assert_array_equal(view.images[4], bin_pixels(lines(), factor=4))
    assert view.notes == ()


def test_counts_are_corrected_as_a_whole_scan_is():
    rng = np.random.default_rng(1)
    counts = rng.integers(300, 900, (COUNT, ROWS, COLUMNS)).astype(np.uint16)
    scan = Scan(counts, ANGLES, flats=np.full((2, ROWS, COLUMNS), 1000, np.uint16))
    view = make_overview(scan, rows={1: ROWS, 2: 4}, threads=1)
    whole = np.asarray(correct_scan(scan, threads=1).projections)
    np.testing.assert_array_equal(view.images[1], whole)
    np.testing.assert_array_equal(view.images[2], bin_pixels(whole[:, 6:14], factor=2))
    assert any("dark" in note for note in view.notes)


def test_blocks_threads_and_files_change_no_bit():
    scan = Scan(lines(), ANGLES)
    lazy = LazyArray(lambda box: lines()[box], (COUNT, ROWS, COLUMNS), np.float32, chunks=(1, ROWS, COLUMNS))
    with Progress(COUNT, "projections") as shown:
        views = [
            make_overview(scan, rows={2: 8}, threads=1),
            make_overview(scan, rows={2: 8}, threads=3, progress=shown),
            make_overview(Scan(lazy, ANGLES), rows={2: 8}, threads=2),
        ]
        assert shown.done == COUNT
    for view in views[1:]:
        np.testing.assert_array_equal(view.images[2], views[0].images[2])


def test_values_that_are_not_finite_are_named():
    bad = lines()
    bad[3, 10, 4] = np.inf
    with pytest.raises(InputError, match="projections 0 to 11 hold values that are NaN or infinite"):
        make_overview(Scan(bad, ANGLES), rows={1: 4})


@settings(max_examples=20, deadline=None)
@given(st.integers(-3, 3), st.integers(-3, 3), st.sampled_from([1, 2]))
def test_whole_shifts_are_undone_exactly(down, right, binning):
    still = np.random.default_rng(2).random((1, 24, 40)).astype(np.float32)
    moved = np.roll(still, (down, right), axis=(1, 2))
    view = ScanOverview({binning: np.concatenate([still, moved])})
    shifts = np.array([[0.0, 0.0], [binning * down, binning * right]])
    one, other = view.straighten(binning, shifts, rows=3)
    np.testing.assert_allclose(other[:, 4:-4], one[:, 4:-4], atol=2e-5)
    np.testing.assert_allclose(one, still[0, [4, 12, 20]], atol=1e-6)


def test_fewer_rows_are_given_where_there_are_not_as_many():
    view = ScanOverview({1: lines()[:, :2]})
    np.testing.assert_array_equal(view.straighten(1, None, rows=8), lines()[:, :2])
