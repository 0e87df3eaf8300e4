import json

import numpy as np
import pytest

from acquisition.projections import SpherePhantom
from recon.quality import measure_quality
from recon.quality_report import check_measurable, measure_plan, quality_folder, write_quality
from recon.scan import Scan
from recon.slice_plan import plan_slices
from volio import InputError, OutputError

COUNT, ROWS, COLUMNS = 40, 40, 64
ANGLES = np.linspace(0, np.pi, COUNT, endpoint=False)


@pytest.fixture(scope="module")
def scan() -> Scan:
    lines = SpherePhantom.electrode(COLUMNS, height=ROWS, particles=30, value=0.02).project(
        ANGLES, rows=ROWS, columns=COLUMNS
    )
    noisy = lines + np.random.default_rng(0).normal(0, 0.01, lines.shape)
    return Scan(noisy.astype(np.float32), ANGLES, pixel_size=0.5, center=31.5)


def test_the_report_is_that_of_the_middle(scan: Scan) -> None:
    plan = plan_slices(scan, filter="hann", padding="taper", slices=(0, 3))
    found = measure_plan(plan, memory=10**9, threads=1)
    expected = measure_quality(scan, filter="hann", padding="taper", threads=1)
    assert found.volume.resolution == expected.volume.resolution
    assert found.volume.noise == expected.volume.noise
    assert found.volume.unit == "um"


def test_shifts_tilt_and_little_memory(scan: Scan) -> None:
    shifts = np.random.default_rng(1).uniform(-1, 1, (COUNT, 2))
    moved = Scan(scan.projections, ANGLES, center=31.5, shifts=shifts)
    plan = plan_slices(moved, tilt=0.02, rings="regularization")
    found = measure_plan(plan, memory=64 * 16 * 50**2, threads=1)
    # in voxels, of 16 slices and a part of them
    assert found.volume.unit == "voxel"
    assert found.volume.rings.distances.size <= 64


def test_numbers_and_pictures_stand_beside_the_volume(scan: Scan, tmp_path) -> None:
    folder = quality_folder(tmp_path / "tooth.ome.zarr")
    assert folder == tmp_path / "tooth.quality"
    quality = measure_plan(plan_slices(scan, padding="taper"), memory=10**9, threads=1)
    write_quality(quality, folder, overwrite=False, draw=lambda _, place: [place.joinpath("a.png").write_bytes(b"")])
    report = json.loads((folder / "quality.json").read_text())
    assert report["volume"]["noise"] == quality.volume.noise
    assert report["volume"]["shells"]["correlation"] == quality.volume.shells.correlation.tolist()
    assert (folder / "a.png").is_file()
    with pytest.raises(OutputError, match="exists already"):
        write_quality(quality, folder, overwrite=False)
    write_quality(quality, folder, overwrite=True)
    assert not (folder / "a.png").exists()


def test_too_small_a_scan_is_refused() -> None:
    check_measurable(16, 16)
    with pytest.raises(InputError, match="got 15 and 100"):
        check_measurable(15, 100)
