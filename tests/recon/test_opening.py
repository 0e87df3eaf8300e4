from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recon.opening import check_scan, open_scan_of, phase_of, voxel_size_of
from recon.phase import retrieve_phase
from recon.scan import Scan
from recon.settings import ReconSettings
from recon.writing import write_scan
from volio import InputError

COUNTS = np.random.default_rng(0).integers(500, 1000, (20, 18, 24)).astype(np.uint16)
ANGLES = np.linspace(0, 3, 20)
BEAM = {"energy_kev": 8.0, "geometry": {"beam": "parallel", "detector_distance": 20.0}}
SCAN = Scan(COUNTS, ANGLES, pixel_size=500.0, unit="nm", flats=np.full((2, 18, 24), 1000.0), metadata=BEAM)


@pytest.fixture
def settings(tmp_path: Path) -> ReconSettings:
    return ReconSettings(scan=tmp_path / "scan.h5", output=tmp_path / "out.tif")


def test_what_projections_without_flats_are(settings: ReconSettings, caplog: pytest.LogCaptureFixture) -> None:
    write_scan(replace(SCAN, flats=None), settings.scan)
    counts = open_scan_of(settings)
    assert float(np.asarray(counts.flats).min()) == pytest.approx(np.percentile(COUNTS, 99), rel=0.01)
    assert "an even beam of" in caplog.text
    assert "count as line integrals" not in caplog.text
    caplog.clear()
    lines = open_scan_of(replace(settings, values="attenuation"))
    assert lines.flats is None
    assert "taken for line integrals" in lines.metadata["notes"][-1]
    given = open_scan_of(replace(settings, flats=2000.0, darks=10.0))
    assert float(np.asarray(given.flats).max()) == 2000
    write_scan(replace(SCAN, projections=COUNTS.astype(np.float32), flats=None), settings.scan, overwrite=True)
    assert open_scan_of(settings).flats is None
    assert open_scan_of(replace(settings, values="counts")).flats is not None
    write_scan(SCAN, settings.scan, overwrite=True)
    assert open_scan_of(replace(settings, values="attenuation")).flats is None


def test_voxel_sizes(settings: ReconSettings) -> None:
    assert voxel_size_of(SCAN, settings) is None
    assert voxel_size_of(SCAN, replace(settings, voxel_size="1um")) == pytest.approx(1000)
    assert voxel_size_of(SCAN, replace(settings, voxel_size=2)) == 1000
    unknown = replace(SCAN, pixel_size=None)
    assert voxel_size_of(unknown, replace(settings, voxel_size="2 px")) == 2
    with pytest.raises(InputError, match="needs the pixel size"):
        voxel_size_of(unknown, replace(settings, voxel_size="1um"))


def test_slices_are_those_of_binned_pixels_and_larger_voxels(settings: ReconSettings) -> None:
    """Pixels of 0.5 um, binned by 2, with voxels of 2 um: 18 rows make 9, and these 4 or 5 slices."""
    asked = replace(settings, binning=2, voxel_size="2um")
    check_scan(SCAN, replace(asked, slices=(0, 4)))
    with pytest.raises(InputError, match="slices need a pair"):
        check_scan(SCAN, replace(asked, slices=(0, 6)))


def test_phase_retrieval_takes_what_the_scan_states(settings: ReconSettings) -> None:
    assert phase_of(SCAN, settings) is None
    images = np.random.default_rng(1).random((2, 18, 24))
    asked = replace(settings, delta_beta=100.0, binning=2)
    found = phase_of(SCAN, asked)
    expected = {"energy": 8.0, "distance": 20.0, "delta_beta": 100.0, "pixel_size": 1.0}
    np.testing.assert_array_equal(found(images), retrieve_phase(images, **expected))
    other = phase_of(SCAN, replace(asked, energy=10.0, distance=5.0))
    np.testing.assert_array_equal(
        other(images), retrieve_phase(images, **(expected | {"energy": 10.0, "distance": 5.0}))
    )
    with pytest.raises(InputError, match="needs the distance"):
        phase_of(replace(SCAN, metadata={"energy_kev": 8.0}), asked)


@pytest.mark.parametrize(
    ("scan", "change", "words"),
    [
        (SCAN.crop(angles=(0, 1)), {}, "a single projection"),
        (replace(SCAN, angles=np.ones(20)), {}, "angles of the scan are equal"),
        (replace(SCAN, projections=np.repeat(COUNTS[:1], 20, axis=0)), {}, "the specimen did not turn"),
        (replace(SCAN, flats=None), {"binning": 2}, "binning needs counts"),
        (SCAN, {"binning": 19}, "binning must be at most 18"),
        (SCAN, {"center": 23.5}, "inside the detector"),
        (SCAN, {"slices": (0, 19)}, "slices need"),
        (SCAN, {"slices": (0, 10), "voxel_size": 2}, "slices need"),
        (SCAN.crop(rows=(0, 12)), {"quality": True}, "quality needs 16 slices"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_work(
    settings: ReconSettings, scan: Scan, change: dict, words: str
) -> None:
    check_scan(SCAN, settings)
    with pytest.raises(InputError, match=words):
        check_scan(scan, replace(settings, **change))
