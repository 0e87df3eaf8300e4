"""A plan agrees with the run that it is for, and says what to look at."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from volcorr.dvc import DvcSettings, run_dvc
from volcorr.dvc_plan import DvcPlan, format_plan
from volcorr.planning import plan_dvc
from volcorr.trial import Rates
from volio import InputError, Volume, read, write
from volio.kept_folder import kept_folder

RATES = Rates(
    point=1e-3, level_point=1e-4, filtered=1e-8, averaged=1e-9, checked=1e-9, written=1e-4,
    bytes_fields=170.0, bytes_table=300.0, bytes_image=240.0,
)  # fmt: skip


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the trial, which takes seconds."""
    monkeypatch.setattr("volcorr.planning.measure_rates", lambda *args, **options: RATES)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a pair of 112^3 voxels, large enough for its time to be more than the overhead."""
    folder = tmp_path_factory.mktemp("large")
    rng = np.random.default_rng(3)
    wave = np.fft.rfftn(rng.standard_normal((112, 112, 112)))
    z, y, x = np.meshgrid(np.fft.fftfreq(112), np.fft.fftfreq(112), np.fft.rfftfreq(112), indexing="ij")
    wave *= np.exp(-2 * (np.pi * 1.5) ** 2 * (z * z + y * y + x * x))
    for name, shift in (("reference", 0.0), ("deformed", 0.4)):
        texture = np.fft.irfftn(wave * np.exp(-2j * np.pi * shift * z), (112,) * 3, axes=(0, 1, 2))
        grey = 128 + 30 * texture / texture.std() + rng.normal(0, 3, texture.shape)
        write(Volume(np.clip(grey, 0, 255).astype(np.uint8)), folder / f"{name}.ome.zarr")
    return folder


def test_a_plan_is_near_the_run(large: Path, tmp_path: Path) -> None:
    """Very loosely: tests run beside others. On a quiet machine the factor is 0.9 to 1.3."""
    settings = DvcSettings(
        reference=large / "reference.ome.zarr",
        deformed=large / "deformed.ome.zarr",
        output=tmp_path / "out",
        subset=25,
        spacing=5,
    )
    plan = plan_dvc(settings)
    summary = run_dvc(settings)
    assert (plan.points, plan.grid, plan.blocks) == (summary.points, summary.grid, summary.blocks)
    refined = summary.seconds["refinement"]
    assert 0.1 < plan.seconds["refinement"] / refined < 10
    for name in ("fields.zarr", "points.csv", "fields.vti"):
        stored = tmp_path / "out" / name
        files = stored.rglob("*") if stored.is_dir() else [stored]
        assert 0.5 < plan.disk[name] / sum(f.stat().st_size for f in files if f.is_file()) < 1.5


@pytest.mark.usefixtures("quick")
def test_a_plan_counts_as_the_run_does(settings: DvcSettings, scans: Path, tmp_path: Path) -> None:
    job = replace(settings, output=tmp_path / "out", memory="6MB", mask=scans / "mask.tif", spacing=6)
    plan = plan_dvc(job)
    summary = run_dvc(job)
    assert plan.points == summary.points
    assert plan.inside == summary.tried
    assert plan.blocks == summary.blocks
    assert plan.subset_size == summary.subset_size
    assert plan.points_per_second == pytest.approx(1000)
    assert "of them in the mask" in format_plan(plan)


@pytest.mark.usefixtures("quick")
def test_more_work_takes_more(settings: DvcSettings, scans: Path) -> None:
    plan = plan_dvc(settings)
    finer = plan_dvc(replace(settings, spacing="2um"))
    assert finer.total_seconds > plan.total_seconds
    assert finer.total_disk > 5 * (plan.total_disk - plan.disk["figures and log"])
    assert finer.memory > plan.memory
    series = plan_dvc(replace(settings, deformed=(scans / "deformed.tif",) * 3))
    assert series.steps == 3
    assert series.seconds["refinement"] == pytest.approx(3 * plan.seconds["refinement"], rel=0.5)
    assert ", 3 steps" in format_plan(series)
    assert "every step takes as long as the first" in format_plan(series)
    workers = plan_dvc(replace(settings, executor="processes", workers=2, threads=None))
    assert workers.blocks >= 4
    assert workers.memory > plan.memory


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"subset": 11}, "a subset holds 1331 voxels for the 12 parameters of the shape affine"),
        ({"subset": 15, "shape": "quadratic"}, "30 parameters of the shape quadratic"),
        ({"spacing": 16}, "points lie further apart than a subset is wide"),
        ({"spacing": 3}, "points lie closer than a quarter of a subset"),
        ({"strain_window": 9}, "smaller than the strain window of 9 x 9 x 9"),
        ({"executor": "processes", "workers": 500, "threads": None}, "more workers than cores are not faster"),
        ({"memory": "1MB"}, "raise --memory"),
        ({"memory": "6MB", "spacing": 4}, "only whole slices can be read"),
        ({"scheduler": "tcp://node:8786"}, "as if the cluster had the cores of this machine"),
    ],
)
def test_what_to_look_at(settings: DvcSettings, change: dict[str, object], words: str) -> None:
    text = " ".join(format_plan(plan_dvc(replace(settings, **change))).split())
    assert words in text


@pytest.mark.usefixtures("quick")
def test_volumes_are_looked_at(settings: DvcSettings, tmp_path: Path, scans: Path, monkeypatch) -> None:
    import gzip

    raw = read(scans / "reference.tif").load().data
    np.save(tmp_path / "ref.npy", raw)
    header = b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 48 48 48\nencoding: gzip\n\n"
    (tmp_path / "def.nrrd").write_bytes(header + gzip.compress(raw.tobytes()))
    np.save(tmp_path / "mask.npy", np.zeros_like(raw))
    files = {"reference": tmp_path / "ref.npy", "deformed": tmp_path / "def.nrrd", "mask": tmp_path / "mask.npy"}
    monkeypatch.setattr("volcorr.plan_warnings.available_memory", lambda: 1000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=10))
    plan = plan_dvc(replace(settings, spacing=8, memory="1MB", **files))
    text = " ".join(format_plan(plan).split())
    for words in (
        "the voxel size is not known",
        "no point lies in the mask",
        "the volumes take 0.0 GB, the memory has 0.0 GB free",
        "GB of memory are needed",
        "GB of disk are needed",
    ):
        assert words in text


@pytest.mark.usefixtures("quick")
def test_what_is_there_already_is_said(settings: DvcSettings, result: Path) -> None:
    assert f"{result} exists" in " ".join(plan_dvc(replace(settings, output=result)).warnings)
    assert plan_dvc(replace(settings, output=result, overwrite=True)).warnings == plan_dvc(settings).warnings


@pytest.mark.usefixtures("quick")
def test_left_over_blocks_are_said(settings: DvcSettings, tmp_path: Path) -> None:
    folder = kept_folder(tmp_path / "out")
    folder.mkdir()
    (folder / "points-000000.npz").write_bytes(b"")
    (folder / "cut.npz").write_bytes(b"")
    words = plan_dvc(replace(settings, output=tmp_path / "out")).warnings
    assert any(line.startswith("1 finished blocks of an earlier run") for line in words)


@pytest.mark.usefixtures("quick")
def test_a_wrong_setting_is_refused(settings: DvcSettings) -> None:
    with pytest.raises(InputError, match="smaller subset"):
        plan_dvc(replace(settings, subset=99))


def test_times_and_bytes_are_written_for_people(settings: DvcSettings) -> None:
    plan = DvcPlan(
        volume_shape=(2000, 2000, 2000), dtype="uint16", voxel_size=None, unit="voxel", steps=1, subset_size=(33,) * 3,
        spacing=(16,) * 3, grid=(123,) * 3, points=1860867, inside=1860867, blocks=8, block_shape=(62,) * 3,
        executor="dask", workers=None, threads=2, memory_limit=10**10, memory=9_876_000_000,
        memory_per_block=876_000_000, disk={"fields.zarr": 3 * 10**12, "log": 2000}, disk_free=5 * 10**12,
        seconds={"read": 75.0, "refinement": 7500.0},
        points_per_second=900.0, assumptions=(), warnings=(),
    )  # fmt: skip
    text = format_plan(plan)
    for words in (
        "9.88 GB; a block 876 MB",
        "3 TB of 5 TB free",
        "log 2 kB",
        "2 h 06 min: read 1 min 15 s",
        "all dask",
    ):
        assert words in text
