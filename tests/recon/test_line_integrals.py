import numpy as np
import pytest

from recon.disk_array import DiskArray
from recon.line_integrals import correcting_threads, correction_bytes, make_lines, shape_of_lines
from recon.scan import Scan
from recon.scan_correction import correct_scan
from recon.settings import ReconSettings
from volio import InputError

RNG = np.random.default_rng(0)
COUNTS = Scan(
    RNG.integers(500, 1000, (9, 12, 16)).astype(np.uint16), np.arange(9.0), flats=np.full((2, 12, 16), 1000.0)
)


def settings(**changes):
    return ReconSettings(scan="scan.h5", output="out.tif", **changes)


@pytest.mark.parametrize("threads", [1, 3])
def test_lines_are_the_same_in_memory_and_on_disk(tmp_path, threads):
    given = settings(binning=2, zingers=0, dead_pixels=0)
    shape = shape_of_lines(COUNTS, given)
    assert shape == (9, 6, 8)
    inside = make_lines(COUNTS, given, out=np.empty(shape, np.float32), threads=threads)
    outside = make_lines(COUNTS, given, out=DiskArray(tmp_path / "l.raw", shape).create(), threads=threads)
    expected = correct_scan(COUNTS, binning=2, zinger_threshold=None, dead_tolerance=None)
    np.testing.assert_array_equal(inside.projections, expected.projections)
    np.testing.assert_array_equal(np.asarray(outside.projections), expected.projections)
    assert outside.is_lazy
    assert outside.flats is None


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"air": ((0, 3),)}, {"air": [(0, 3)]}),
        ({"dead_pixels": 0.2}, {"dead_tolerance": 0.2}),
        ({"zingers": 2.0}, {"zinger_threshold": 2.0}),
        ({"floor": 0.7}, {"floor": 0.7}),
    ],
)
def test_every_option_of_the_corrections_counts(change, option):
    flats = np.full((2, 12, 16), 1000.0)
    flats[:, 5, 6] = 650.0
    scan = Scan(COUNTS.projections, COUNTS.angles, flats=flats)
    found = make_lines(scan, settings(**change), out=np.empty((9, 12, 16), np.float32), threads=1).projections
    np.testing.assert_array_equal(found, correct_scan(scan, **option).projections)
    assert not np.array_equal(found, correct_scan(scan).projections)


def test_line_integrals_are_copied_and_must_be_finite():
    values = RNG.normal(size=(9, 12, 16))
    lines = make_lines(Scan(values, np.arange(9.0)), settings(), out=np.empty((9, 12, 16), np.float32), threads=1)
    np.testing.assert_array_equal(lines.projections, values.astype(np.float32))
    values[4, 2, 2] = np.inf
    with pytest.raises(InputError, match="projection 4 holds"):
        make_lines(Scan(values, np.arange(9.0)), settings(), out=np.empty((9, 12, 16), np.float32), threads=1)


def test_threads_fit_into_memory():
    each = correction_bytes(COUNTS)
    assert each > 3 * 4 * COUNTS.projections.size
    assert correcting_threads(COUNTS, memory=10 * each, threads=4) == 4
    assert correcting_threads(COUNTS, memory=2 * each, threads=4) == 2
    with pytest.raises(InputError, match="the corrections take"):
        correcting_threads(COUNTS, memory=each - 1, threads=4)
