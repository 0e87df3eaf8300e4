from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from recon.line_integrals import correction_bytes
from recon.planning import plan_recon
from recon.reading import read_scan
from recon.scan import Scan
from recon.settings import ReconSettings
from recon.slabs import PROGRAM_BYTES
from recon.writing import write_scan
from volio import InputError

COUNT, ROWS, COLUMNS = 50, 24, 80


@pytest.fixture
def settings(tmp_path: Path) -> ReconSettings:
    rng = np.random.default_rng(0)
    angles = np.linspace(0, np.pi, COUNT, endpoint=False)
    counts = rng.integers(800, 1000, (COUNT, ROWS, COLUMNS)).astype(np.uint16)
    flats = np.full((3, ROWS, COLUMNS), 1000, np.uint16)
    write_scan(Scan(counts, angles, pixel_size=0.5, flats=flats), tmp_path / "scan.h5")
    return ReconSettings(scan=tmp_path / "scan.h5", output=tmp_path / "deep/out.ome.zarr", threads=1)


def test_a_plan_says_what_is_made_and_writes_nothing(settings: ReconSettings, tmp_path: Path) -> None:
    plan = plan_recon(replace(settings, slices=(2, 20), region=((0, 40), (0, 60))))
    assert plan.scan_shape == (COUNT, ROWS, COLUMNS)
    assert plan.volume_shape == (18, 40, 60)
    assert (plan.voxel_size, plan.unit, plan.dtype) == (0.5, "um", "uint16")
    assert plan.disk["slices"] == 4 * 18 * 40 * 60
    assert plan.disk["line integrals"] == 0
    assert plan.slices_per_second > 10
    lines = 4 * COUNT * ROWS * COLUMNS
    most = max(plan.at_once * plan.memory_per_slab, correction_bytes(read_scan(settings.scan)))
    assert plan.memory_limit >= plan.memory == PROGRAM_BYTES + lines + most
    assert set(plan.seconds) == {"start", "corrections", "reconstruction", "writing"}
    assert plan.as_dict()["total_seconds"] == plan.total_seconds == sum(plan.seconds.values())
    assert plan.total_disk == sum(plan.disk.values())
    assert any("come on top" in line for line in plan.assumptions)
    assert not plan.warnings
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scan.h5"]


def test_the_axis_of_binned_pixels(settings: ReconSettings) -> None:
    """Column 60 of 80 is column 29.75 of 40: where it were not binned, it would lie outside."""
    scan = read_scan(settings.scan)
    write_scan(replace(scan, center=60.0), settings.scan, overwrite=True)
    plan = plan_recon(replace(settings, binning=2))
    assert plan.volume_shape == (12, 40, 40)
    assert plan.voxel_size == 1.0


def test_little_memory_and_other_places(settings: ReconSettings) -> None:
    tight = plan_recon(replace(settings, memory=PROGRAM_BYTES + 1_900_000, rings="regularization"))
    assert tight.memory_limit == PROGRAM_BYTES + 1_900_000
    assert tight.depth == 8
    apart = plan_recon(replace(settings, workers=2))
    assert (apart.executor, apart.at_once) == ("processes", 2)
    assert apart.disk["line integrals"] == 4 * COUNT * ROWS * COLUMNS
    assert apart.seconds["start"] > tight.seconds["start"]
    assert plan_recon(replace(settings, binning=2, executor="serial")).volume_shape == (12, 40, 40)
    with pytest.raises(InputError, match="memory has room"):
        plan_recon(replace(settings, memory=PROGRAM_BYTES + 100_000))


@pytest.mark.parametrize(("method", "words"), [("sirt", "100 iterations"), ("tv", "300 iterations")])
def test_iterative_methods_take_longer(settings: ReconSettings, method: str, words: str) -> None:
    slow = plan_recon(replace(settings, method=method))
    assert slow.slices_per_second < plan_recon(settings).slices_per_second
    assert any(words in line for line in slow.assumptions)


def test_what_to_look_at(settings: ReconSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    angles = np.deg2rad(np.linspace(-50, 50, 7))
    write_scan(Scan(np.random.default_rng(0).random((7, 4, 300), np.float32), angles), settings.scan, overwrite=True)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    plan = plan_recon(settings)
    text = " ".join(plan.warnings)
    for words in ("the disk has 0.0 GB free", "7 projections are few", "do not cover half a turn", "1/pixel"):
        assert words in text
    assert plan.unit == "pixel"
