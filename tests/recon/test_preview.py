"""What a preview shows is what a reconstruction would, and only the rows it needs are read."""

import math
from dataclasses import replace

import numpy as np
import pytest

from acquisition.projections import SpherePhantom, expose
from recon.preview import make_preview
from recon.reading import read_scan
from recon.reconstruction import reconstruct
from recon.rings import remove_rings
from recon.scan import Scan
from recon.scan_correction import correct_scan
from volio.errors import InputError
from volio.lazy import LazyArray

COLUMNS, ROWS, CENTER = 128, 24, 66.4
ANGLES = np.linspace(0, np.pi, 181, endpoint=False)
LIMITED = np.radians(np.linspace(-70, 70, 201))
SPECIMEN = SpherePhantom.electrode(110, height=40, seed=2, particles=160, value=0.02)
WIDE = SpherePhantom.electrode(220, height=60, seed=1, particles=300, value=0.01)


def make_scan(specimen=SPECIMEN, angles=ANGLES, *, shifts=None, photons=2e4, **changes):
    moved = 0.0 if shifts is None else shifts
    lines = specimen.project(angles, rows=ROWS, columns=COLUMNS, center=CENTER, shifts=moved)
    seen = expose(lines, photons=photons, rng=0, dark=20.0)
    return Scan(seen.projections, angles, flats=seen.flats, darks=seen.darks, pixel_size=0.5, shifts=shifts, **changes)


@pytest.fixture(scope="module")
def scan():
    return make_scan(center=CENTER, name="pillar")


@pytest.fixture(scope="module")
def preview(scan):
    return make_preview(scan, threads=1)


def test_slices_are_those_of_the_volume(scan, preview):
    lines = correct_scan(scan)
    lines = replace(lines, projections=remove_rings(lines.projections))
    volume = reconstruct(lines, threads=1, progress=False)
    assert preview.rows == (6, 12, 18)
    assert preview.slices.shape == (3, COLUMNS, COLUMNS)
    np.testing.assert_allclose(preview.slices, np.asarray(volume.data)[[6, 12, 18]], atol=2e-4)
    np.testing.assert_allclose(preview.sinogram, correct_scan(scan).projections[:, 12], atol=1e-6)
    assert preview.radius == pytest.approx(COLUMNS - 1 - CENTER + 0.5)
    assert (preview.center, preview.center_from, preview.value_unit) == (CENTER, "scan", "1/um")


def test_ring_methods_are_compared_on_one_slice(preview):
    assert list(preview.ring_slices) == ["none", "all", "sorting", "filtering", "wavelets", "regularization"]
    np.testing.assert_array_equal(preview.ring_slices["all"], preview.slices[preview.middle])
    assert all(image.shape == (COLUMNS, COLUMNS) for image in preview.ring_slices.values())
    treated = [image for name, image in preview.ring_slices.items() if name != "none"]
    assert not any(np.array_equal(image, preview.ring_slices["none"]) for image in treated)


def test_the_histogram_is_that_of_what_is_seen(preview):
    offsets = np.arange(COLUMNS) - 0.5 * (COLUMNS - 1)
    seen = preview.slices[:, np.hypot(offsets[:, None], offsets) <= preview.radius]
    inside = (seen >= preview.edges[0]) & (seen <= preview.edges[-1])
    assert preview.counts.sum() == np.count_nonzero(inside) > 0.98 * seen.size
    assert preview.edges.size == preview.counts.size + 1


@pytest.mark.parametrize(("specimen", "angles"), [(SPECIMEN, ANGLES), (WIDE, LIMITED)])
def test_the_axis_is_found_and_is_the_sharpest(specimen, angles):
    found = make_preview(make_scan(specimen, angles), threads=2)
    assert found.center_from == "search"
    assert found.center == pytest.approx(CENTER, abs=0.35)
    assert 0 < found.center_sigma < 0.5
    sharpest = found.candidates.centers[np.argmin(found.candidates.roughness)]
    assert sharpest == pytest.approx(CENTER, abs=1)
    assert found.candidates.centers[4] == pytest.approx(found.center)


def test_a_given_axis_stays_and_threads_change_nothing(scan, preview):
    given = make_preview(scan, center=60.0, threads=1)
    assert (given.center, given.center_from) == (60.0, "given")
    assert math.isnan(given.center_sigma)
    again = make_preview(scan, threads=3)
    np.testing.assert_array_equal(again.slices, preview.slices)
    np.testing.assert_array_equal(again.candidates.slices, preview.candidates.slices)


def test_only_the_rows_of_the_slices_are_read(scan):
    asked = []

    def read(box):
        asked.append((box[1].start, box[1].stop))
        return scan.projections[box]

    lazy = LazyArray(read, scan.shape, scan.dtype)
    make_preview(replace(scan, projections=lazy), threads=1)
    rows = {row for low, high in asked for row in range(low, high)}
    assert rows == {row + k for row in (6, 12, 18) for k in range(-2, 3)}


def test_shifts_are_undone():
    rng = np.random.default_rng(3)
    shifts = np.stack([rng.uniform(-1.5, 1.5, ANGLES.size), rng.uniform(-2, 2, ANGLES.size)], axis=1)
    moved = make_preview(make_scan(shifts=shifts, photons=1e6), rings=None, threads=1)
    still = make_preview(make_scan(photons=1e6), rings=None, center=CENTER, threads=1)
    assert moved.center == pytest.approx(CENTER, abs=0.3)
    error = moved.slices - still.slices
    assert np.std(error) < 0.25 * np.std(still.slices)
    assert moved.rings is None
    assert np.array_equal(moved.ring_slices["none"], moved.slices[moved.middle])


def test_few_projections_and_rows_are_shown_as_they_are():
    small = make_scan(angles=np.radians([40.0, -45.0, 0.0])).crop(rows=(11, 13))
    seen = make_preview(replace(small, pixel_size=None), threads=1)
    assert seen.rows == (0, 1)
    assert (seen.center, seen.center_from, seen.value_unit) == (0.5 * (COLUMNS - 1), "middle", "1/pixel")
    assert "wavelets" not in seen.ring_slices
    np.testing.assert_allclose(np.degrees(seen.angles), [-45, 0, 40])
    assert seen.rows[seen.middle] == 1
    one = make_preview(small.crop(rows=(0, 1)), threads=1)
    assert one.rows == (0,)


def test_an_even_scan_has_a_histogram():
    seen = make_preview(Scan(np.zeros((20, 4, 40), np.float32), np.linspace(0, 3, 20)), center=19.5, threads=1)
    assert seen.counts.sum() > 0
    assert not seen.slices.any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rings": "magic"}, "rings must be one of all, .* or None, got 'magic'"),
        ({"center": 500.0}, "rotation axis, column 500"),
        ({"filter": "ram"}, "filter must be one of ramp"),
    ],
)
def test_faults_are_one_line(scan, options, message):
    with pytest.raises(InputError, match=message) as caught:
        make_preview(scan, threads=1, **options)
    assert "\n" not in str(caught.value)


def test_nan_and_a_method_that_does_not_apply_are_errors(scan):
    lines = correct_scan(scan)
    spoilt = lines.projections.copy()
    spoilt[5, 12, 9] = np.nan
    with pytest.raises(InputError, match="NaN"):
        make_preview(replace(lines, projections=spoilt), threads=1)
    with pytest.raises(InputError, match="levels must be"):
        make_preview(make_scan(angles=np.radians([0.0, 20.0, 40.0])), rings="wavelets", threads=1)


@pytest.mark.realdata
def test_the_axis_of_a_real_scan_is_found(data_dir):
    seen = make_preview(read_scan(data_dir / "projections" / "tooth.h5"), threads=2)
    assert seen.center == pytest.approx(296, abs=0.5)
    assert seen.rows == (0, 1)
