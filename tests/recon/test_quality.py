import math
from dataclasses import replace

import numpy as np
import pytest

from acquisition.projections import SpherePhantom, expose
from recon.quality import compare_halves, measure_quality
from recon.scan import Scan
from volio.errors import InputError

COLUMNS, ROWS = 72, 24
HALF_TURN = np.linspace(-np.pi / 2, np.pi / 2, 120, endpoint=False)
WEDGE = np.radians(np.linspace(-60, 60, 120))
SPECIMEN = SpherePhantom.electrode(70, height=40, seed=0, particles=300, value=0.03)


def scan(angles=HALF_TURN, photons=2000.0, **changes):
    lines = SPECIMEN.project(angles, rows=ROWS, columns=COLUMNS)
    seen = expose(lines, photons=photons, rng=1)
    return Scan(seen.projections, angles, flats=seen.flats, darks=seen.darks, center=0.5 * (COLUMNS - 1), **changes)


@pytest.fixture(scope="module")
def good():
    return measure_quality(scan(), threads=1)


def test_more_photons_are_better(good):
    bad = measure_quality(scan(photons=200.0), threads=1)
    assert bad.volume.noise == pytest.approx(math.sqrt(10) * good.volume.noise, rel=0.2)
    assert bad.volume.contrast == pytest.approx(good.volume.contrast, rel=0.1)
    assert bad.volume.resolution > good.volume.resolution
    assert bad.volume.resolution_across > 1.2 * good.volume.resolution_across
    assert bad.projection_noise == pytest.approx(math.sqrt(10) * good.projection_noise, rel=0.2)
    assert bad.volume.contrast_to_noise < good.volume.contrast_to_noise


def test_noise_is_that_of_the_volume_of_all_projections(good):
    from recon.reconstruction import reconstruct

    options = {"threads": 1, "progress": False}
    lines = SPECIMEN.project(HALF_TURN, rows=ROWS, columns=COLUMNS)
    counts = [expose(lines, photons=2000.0, rng=seed).projections for seed in (5, 6)]
    one, other = (np.asarray(reconstruct(replace(scan(), projections=c), **options).data) for c in counts)
    y, x = np.mgrid[:COLUMNS, :COLUMNS] - 0.5 * (COLUMNS - 1)
    inside = np.hypot(y, x) < 0.45 * COLUMNS
    assert good.volume.noise == pytest.approx(np.std((one - other)[:, inside]) / math.sqrt(2), rel=0.15)


def test_noise_of_line_integrals_is_that_of_photons(good):
    lines = SPECIMEN.project(HALF_TURN, rows=ROWS, columns=COLUMNS)
    assert good.projection_noise == pytest.approx(np.median(np.exp(0.5 * lines)) / math.sqrt(2000), rel=0.3)
    assert good.transmission == pytest.approx(np.exp(-np.median(lines)), rel=0.05)


def test_a_missing_wedge_stretches(good):
    wedge = measure_quality(scan(WEDGE), threads=1)
    assert wedge.wedge.elongation == pytest.approx(1.55, abs=0.02)
    # so many projections over a smaller range lie closer
    assert wedge.sampling == pytest.approx(good.sampling * 180 / 120, rel=0.02)
    assert wedge.volume.axis_ratio == pytest.approx(wedge.wedge.elongation, rel=0.15)
    assert good.volume.axis_ratio == pytest.approx(1, abs=0.1)
    assert good.wedge.width == 0


def test_blur_is_less_sharp(good):
    dull = measure_quality(scan(), threads=1, filter="parzen", cutoff=0.5)
    assert dull.volume.sharpness < 0.95 * good.volume.sharpness


def test_rings_are_seen(good):
    counts = scan()
    gain = 1 + 0.05 * np.random.default_rng(0).normal(size=(ROWS, COLUMNS)).astype(np.float32)
    spoilt = measure_quality(replace(counts, projections=counts.projections * gain), threads=1)
    assert spoilt.volume.ring_strength > 3 * good.volume.ring_strength
    assert spoilt.volume.ring_strength > good.volume.noise


def test_lengths_have_a_unit(good):
    sized = measure_quality(scan(pixel_size=0.065), threads=1)
    assert good.volume.unit == "voxel"
    assert sized.volume.unit == "um"
    assert sized.volume.resolution == pytest.approx(0.065 * good.volume.resolution, rel=1e-3)
    assert good.sampling == pytest.approx(120 / (0.5 * np.pi * COLUMNS), rel=1e-6)


def test_threads_and_the_order_of_projections_change_nothing(good):
    again = measure_quality(scan(), threads=2)
    np.testing.assert_array_equal(again.volume.shells.correlation, good.volume.shells.correlation)
    # each half holds every second direction, in whatever order they were taken
    shuffled = scan().crop(angles=np.random.default_rng(0).permutation(120))
    mixed = measure_quality(shuffled, threads=1)
    assert mixed.volume.contrast == pytest.approx(good.volume.contrast, rel=1e-5)
    assert mixed.volume.noise == pytest.approx(good.volume.noise, rel=1e-5)


def test_the_axis_is_given_or_found():
    whole = scan(photons=1e5)
    given = measure_quality(replace(whole, center=None), center=0.5 * (COLUMNS - 1), threads=1)
    found = measure_quality(replace(whole, center=None), threads=1)
    assert found.volume.contrast == pytest.approx(given.volume.contrast, rel=0.05)
    assert measure_quality(whole, center=20.0, threads=1).volume.sharpness != given.volume.sharpness


def test_nothing_in_common_is_not_hidden():
    rng = np.random.default_rng(0)
    one = rng.normal(size=(16, 40, 40))
    quality = compare_halves(one, -one, angles=HALF_TURN)
    assert math.isnan(quality.resolution)
    assert math.isnan(quality.sharpness)
    assert quality.contrast == 0
    assert compare_halves(one, one, angles=HALF_TURN).contrast_to_noise == math.inf


def test_bad_scans_are_named():
    with pytest.raises(InputError, match="16 slices and 16 projections or more, got 8 and 120"):
        measure_quality(scan(), slices=8)


def test_only_rows_in_the_middle_are_corrected():
    tall = scan()
    padded = [np.pad(a, ((0, 0), (40, 40), (0, 0)), mode="edge") for a in (tall.projections, tall.flats, tall.darks)]
    asked = []

    class Watched:
        shape, dtype, ndim = padded[0].shape, padded[0].dtype, 3

        def __getitem__(self, key):
            asked.append(key[1])
            return padded[0][key]

    whole = replace(tall, projections=Watched(), flats=padded[1], darks=padded[2])
    measure_quality(whole, slices=16, threads=1)
    assert min(k.start for k in asked) > 30
    assert max(k.stop for k in asked) < 74


def test_coarse_voxels_are_those_of_the_middle():
    tall = replace(scan(pixel_size=0.5), projections=scan().projections)
    coarse = measure_quality(replace(tall, **_doubled(tall)), slices=64, threads=1, voxel_size=1.0)
    assert coarse.volume.voxel_size == 1.0
    assert coarse.volume.image.shape == (COLUMNS // 2, COLUMNS // 2)
    with pytest.raises(InputError, match="16 slices and 16 projections or more, got 12 and 120"):
        measure_quality(tall, voxel_size=1.0)


def _doubled(one):
    """Twice as many rows."""
    return {name: np.concatenate([getattr(one, name)] * 2, axis=1) for name in ("projections", "flats", "darks")}


def test_pictures_are_of_the_volume_and_of_its_noise(good):
    volume = good.volume
    y, x = np.mgrid[:COLUMNS, :COLUMNS] - 0.5 * (COLUMNS - 1)
    inside = np.hypot(y, x) < 0.45 * COLUMNS
    assert np.std(volume.noise_image[inside]) == pytest.approx(volume.noise, rel=0.1)
    assert np.std(volume.image[inside]) == pytest.approx(math.hypot(volume.contrast, volume.noise), rel=0.15)
    assert volume.common_power.shape == (COLUMNS, COLUMNS)
    assert np.all(volume.slices.power >= volume.slices.common - 1e-3 * volume.slices.power.max())
    assert volume.value_unit == "1/voxel"
