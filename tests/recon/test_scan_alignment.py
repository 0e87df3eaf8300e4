import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquisition.projections import SpherePhantom
from recon.overview import make_overview
from recon.scan import Scan
from recon.scan_alignment import ScanAlignment, align_overview, alignment_rows, why_not_aligned
from volio import Progress

FOUND = ScanAlignment(np.zeros((3, 2)), 10.0, 10.2, 0.06, (1.0, 0.5), (0.03, 0.02), (0.5, 0.3), 0.01, 9)


def test_shifts_that_are_certain_and_explain_more_are_used():
    assert FOUND.doubt is None
    assert not FOUND.at_rest


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({"moved": (0.08, 0.05)}, "the projections lie where they should, within 0.09 rows and 0.05 columns"),
        ({"moved": (0.3, 0.3), "sigma": (0.4, 0.4)}, "the projections lie where they should"),
        ({"change": 0.5}, "the alignment did not settle: shifts still change by 0.50 pixels"),
        ({"residuals": (0.3, 0.3)}, "shifts of 1.00 rows and 0.50 columns would explain nothing better"),
        ({"residuals": (math.nan, math.nan)}, "the projections show too little to be aligned by"),
        ({"residuals": (0.99, 0.97)}, "the projections show too little to be aligned by"),
    ],
)
def test_doubtful_shifts_are_not(change, doubt):
    assert replace(FOUND, **change).doubt is not None
    assert doubt in replace(FOUND, **change).doubt


def test_one_direction_is_enough():
    assert replace(FOUND, moved=(0.0, 0.2)).doubt is None
    assert replace(FOUND, moved=(0.2, 0.0)).doubt is None


@given(st.integers(1, 16), st.integers(1, 4096), st.integers(1, 4096))
def test_no_more_rows_than_there_are_and_work_needs(binning, rows, columns):
    number = alignment_rows(binning, rows=rows, columns=columns)
    assert number <= min(64, rows // binning)
    assert number * (columns // binning) <= max(64 * 256, 16 * (columns // binning))


@pytest.mark.parametrize(
    ("count", "degrees", "rows", "reason"),
    [
        (7, 90, 64, "7 projections are too few to predict each other, 40 are needed"),
        (100, 20, 64, "angles over 20 degrees are too few, 30 are needed"),
        (100, 90, 2, "2 x 64 pixels are too few, 8 rows and 16 columns are needed"),
        (100, 90, 64, None),
    ],
)
def test_what_cannot_be_aligned_says_why(count, degrees, rows, reason):
    angles = np.radians(np.linspace(0, degrees, count))
    assert why_not_aligned(angles, rows=rows, columns=64) == reason


def test_the_better_start_wins():
    count, rows, columns = 45, 24, 48
    angles = np.radians(np.linspace(-80, 80, count))
    specimen = SpherePhantom.electrode(44, height=40, seed=2, particles=150, value=0.03)
    shifts = np.random.default_rng(0).normal(0, 0.7, (count, 2))
    lines = specimen.project(angles, rows=rows, columns=columns, center=24.0, shifts=shifts)
    view = make_overview(Scan(lines, angles), rows={1: rows}, threads=1)
    with Progress(1) as shown:
        found = align_overview(
            view, angles, detector=(rows, columns), shifts=3 - shifts, axes=(18.0, 24.0), threads=1, progress=shown
        )
        assert shown.done == 1
    assert found.doubt is None
    assert found.moved[0] > 1.0
    assert (found.shifts - shifts)[:, 0].std() < 0.15
    assert found.residuals[1] < 0.8 * found.residuals[0]
    assert found.center == pytest.approx(24.0, abs=0.3)


def test_the_axis_of_a_scan_at_rest_belongs_to_no_shifts():
    count, rows, columns = 45, 24, 48
    angles = np.radians(np.linspace(-70, 70, count))
    specimen = SpherePhantom.electrode(44, height=40, seed=2, particles=150, value=0.03)
    view = make_overview(
        Scan(specimen.project(angles, rows=rows, columns=columns, center=26.0), angles), rows={1: rows}, threads=1
    )
    # a motion of the specimen, which no scan can tell: it must not become a part of the axis
    moved = np.stack([0 * angles, 3.0 * np.cos(angles)], axis=1)
    found = align_overview(view, angles, detector=(rows, columns), shifts=moved, axes=(25.0,), threads=1)
    assert found.at_rest
    assert found.center_at_rest == pytest.approx(26.0, abs=5 * found.center_sigma)
