"""From file to file: the same voxels as stage by stage, however the work is cut, stopped and taken up again."""

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import volio
from acquisition.projections import SpherePhantom, expose
from recon.decisions import decide
from recon.reconstruction import reconstruct
from recon.run import run_recon
from recon.scan import Scan
from recon.scan_correction import correct_scan
from recon.settings import ReconSettings
from recon.slabs import PROGRAM_BYTES
from recon.writing import write_scan
from volio import InputError, OutputError
from volio.kept_folder import kept_folder

COUNT, ROWS, COLUMNS = 60, 40, 64
ANGLES = np.linspace(0, np.pi, COUNT, endpoint=False)
FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(scope="module")
def scan() -> Scan:
    phantom = SpherePhantom.electrode(COLUMNS, height=ROWS, particles=30, value=0.02)
    lines = phantom.project(ANGLES, rows=ROWS, columns=COLUMNS, center=32.4)
    shot = expose(lines, photons=1e5, rng=0, dark=50)
    beam = {"energy_kev": 8.0, "geometry": {"beam": "parallel", "detector_distance": 20.0}}
    return Scan(shot.projections, ANGLES, pixel_size=0.5, flats=shot.flats, darks=shot.darks, metadata=beam)


@pytest.fixture
def settings(scan: Scan, tmp_path: Path) -> ReconSettings:
    write_scan(scan, tmp_path / "scan.h5")
    path, output = tmp_path / "scan.h5", tmp_path / "out.ome.zarr"
    return ReconSettings(scan=path, output=output, center=32.4, align="off", rings="none", threads=1)


def voxels(settings: ReconSettings) -> np.ndarray:
    return np.asarray(volio.read(settings.output).data)


def left(settings: ReconSettings) -> list[str]:
    return sorted(path.name for path in settings.output.parent.iterdir() if path.name != "scan.h5")


def test_the_volume_is_that_of_the_stages(settings: ReconSettings, scan: Scan) -> None:
    summary = run_recon(settings)
    lines = correct_scan(scan)
    expected = reconstruct(lines, center=32.4, progress=False)
    volume = volio.read(settings.output)
    np.testing.assert_array_equal(np.asarray(volume.data), expected.data)
    assert volume.voxel_size == (0.5, 0.5, 0.5)
    made = volume.metadata["reconstruction"]
    wanted = {"center": 32.4, "center_from": "given", "tilt": 0.0, "shifts": None, "filter": "ramp", "rings": "none"}
    assert made | wanted | {"weighting": "mass", "angles_used": COUNT, "value_unit": "1/um"} == made
    np.testing.assert_allclose(np.deg2rad(made["angles_degrees"]), ANGLES, atol=1e-7)
    assert made["corrections"]["zingers"] == 8
    assert "positions of the flats were not given: one constant beam is assumed" in made["notes"]
    assert "volcorr" in made["software"]
    assert summary.shape == (ROWS, COLUMNS, COLUMNS)
    assert (summary.earlier, summary.rings, summary.value_unit, summary.quality) == (0, "none", "1/um", None)
    assert set(summary.seconds) >= {"opening", "corrections", "reconstruction", "writing", "total"}
    json.dumps(summary.as_dict(), allow_nan=False)
    assert left(settings) == ["out.ome.zarr"]


@pytest.mark.parametrize(
    "change",
    [
        {"executor": "serial"},
        {"threads": 3},
        {"memory": PROGRAM_BYTES + 2_700_000},
        {"executor": "processes", "workers": 2},
    ],
)
def test_no_bit_depends_on_how_it_is_made(settings: ReconSettings, change: dict) -> None:
    base = replace(settings, rings="regularization", slices=(3, 36), region=((4, 44), (0, 40)))
    run_recon(base)
    other = replace(base, output=settings.output.with_name("other.h5"), **change)
    run_recon(other)
    np.testing.assert_array_equal(voxels(other), voxels(base))
    assert volio.read(other.output).shape == (33, 40, 40)


@pytest.mark.parametrize("name", ["v.tif", "v.npy", "v.nrrd"])
def test_other_formats(settings: ReconSettings, name: str) -> None:
    other = replace(settings, output=settings.output.with_name(name), slices=(0, 9))
    run_recon(other)
    assert voxels(other).shape == (9, COLUMNS, COLUMNS)
    assert left(settings) == [name]


def test_what_is_found_is_decided_once_and_said(settings: ReconSettings, scan: Scan) -> None:
    summary = run_recon(replace(settings, center=None, align="auto", rings="auto"))
    made = volio.read(settings.output).metadata["reconstruction"]
    decisions = decide(correct_scan(scan), progress=False)
    assert made["center"] == summary.center == decisions.center == pytest.approx(32.4, abs=0.3)
    assert made["rings"] == decisions.rings
    assert summary.confidence == decisions.confidence
    assert set(decisions.notes) <= set(made["notes"])


def test_binning_phase_and_larger_voxels(settings: ReconSettings, scan: Scan) -> None:
    run_recon(replace(settings, binning=2, delta_beta=50.0, voxel_size="2um"))
    volume = volio.read(settings.output)
    assert volume.metadata["reconstruction"]["center"] == pytest.approx(15.95)
    assert volume.shape == (10, 16, 16)
    assert volume.voxel_size == (2.0, 2.0, 2.0)
    assert volume.metadata["reconstruction"]["corrections"]["delta_beta"] == 50
    said = "phase was retrieved with delta/beta 50, 8 keV and 20 mm"
    assert said in volume.metadata["reconstruction"]["notes"]
    plain = replace(settings, output=settings.output.with_name("plain.tif"), binning=2, voxel_size=2)
    run_recon(plain)
    # what phase retrieval leaves is smoother
    assert np.std(np.diff(volume.data, axis=2)) < np.std(np.diff(voxels(plain), axis=2))


def test_line_integrals_without_a_pixel_size(settings: ReconSettings, scan: Scan) -> None:
    lines = correct_scan(scan)
    write_scan(replace(lines, pixel_size=None), settings.scan, overwrite=True)
    summary = run_recon(settings)
    assert summary.value_unit == "1/pixel"
    assert summary.voxel_size is None
    assert "attenuation is in 1/pixel" in summary.notes[-1]
    assert any("taken for line integrals" in note for note in summary.notes)
    np.testing.assert_allclose(voxels(settings), 0.5 * reconstruct(lines, center=32.4, progress=False).data, rtol=1e-5)


def test_counts_without_flats_are_told_from_line_integrals(settings: ReconSettings, scan: Scan) -> None:
    counts = np.rint(scan.projections).astype(np.uint32)
    write_scan(replace(scan, projections=counts, flats=None, darks=None), settings.scan, overwrite=True)
    summary = run_recon(settings)
    assert any("an even beam of" in note for note in summary.notes)
    assert not any("count as line integrals" in note for note in summary.notes)
    expected = reconstruct(correct_scan(scan), center=32.4, progress=False).data
    assert np.corrcoef(voxels(settings).ravel(), expected.ravel())[0, 1] > 0.95
    write_scan(scan, settings.scan, overwrite=True)
    said = run_recon(replace(settings, values="attenuation", overwrite=True))
    assert any("flats and darks are not used" in note for note in said.notes)


def test_a_quality_report(settings: ReconSettings) -> None:
    drawn = []

    def draw(quality: object, folder: Path) -> list[Path]:
        drawn.append(quality)
        (folder / "quality.png").write_bytes(b"picture")
        return [folder / "quality.png"]

    summary = run_recon(replace(settings, quality=True), draw=draw)
    folder = settings.output.with_name("out.quality")
    report = json.loads((folder / "quality.json").read_text())
    assert report["volume"]["resolution"] == pytest.approx(summary.resolution)
    assert len(report["volume"]["shells"]["correlation"]) == len(report["volume"]["shells"]["frequencies"])
    assert report["wedge"]["width"] == pytest.approx(0, abs=1e-6)
    assert len(drawn) == 1
    assert left(settings) == ["out.ome.zarr", "out.quality"]
    with pytest.raises(OutputError, match="exists"):
        run_recon(replace(settings, quality=True, output=settings.output.with_name("out.tif")))


def test_a_volume_without_its_report_is_kept(settings: ReconSettings, caplog: pytest.LogCaptureFixture) -> None:
    def draw(quality: object, folder: Path) -> list[Path]:
        raise InputError("no colours")

    summary = run_recon(replace(settings, quality=True), draw=draw)
    assert summary.quality is None
    assert "there is no quality report: no colours" in caplog.text
    assert left(settings) == ["out.ome.zarr"]


KILLED = """
import os, signal, sys
from pathlib import Path
from recon.kept_slabs import KeptSlabs
from recon.run import run_recon
from recon.settings import ReconSettings
scan, output, threads = sys.argv[1:]
def save(self, *slab, save=KeptSlabs.save_slab):
    save(self, *slab)
    os.kill(os.getpid(), signal.SIGKILL)
KeptSlabs.save_slab = save
run_recon(ReconSettings(scan=Path(scan), output=Path(output), center=32.4, align="off", rings="none",
                        threads=int(threads), resume=True))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_a_killed_run_goes_on_and_gives_the_same_volume(settings: ReconSettings) -> None:
    undisturbed = replace(settings, output=settings.output.with_name("undisturbed.ome.zarr"))
    run_recon(undisturbed)
    # other slabs each time: of eight slices, of sixteen, of twenty-four; which is done first is up to the threads
    for threads in (3, 2):
        words = [settings.scan, settings.output, threads]
        done = subprocess.run([sys.executable, "-c", KILLED, *map(str, words)], capture_output=True, text=True)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert not settings.output.exists()
        assert kept_folder(settings.output).is_dir()
    (settings.output.parent / ".partial-0123abcd-out.ome.zarr").mkdir()
    with pytest.raises(InputError, match='cannot resume: filter was "ramp", is now "hann"'):
        run_recon(replace(settings, resume=True, filter="hann"))
    summary = run_recon(replace(settings, resume=True))
    assert summary.earlier in (16, 24)
    # the rate is that of the slices that were made now
    assert summary.slices_per_second == pytest.approx((ROWS - summary.earlier) / summary.seconds["reconstruction"])
    np.testing.assert_array_equal(voxels(settings), voxels(undisturbed))
    assert left(settings) == ["out.ome.zarr", "undisturbed.ome.zarr"]


def stop_before_writing(settings: ReconSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """End a run when all slices are made and none is written."""

    def stop(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("recon.run.write", stop)
        with pytest.raises(KeyboardInterrupt):
            run_recon(settings)


def test_a_scan_that_was_changed_is_not_gone_on_with(
    settings: ReconSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop_before_writing(settings, monkeypatch)
    assert "the same command with --resume goes on after them" in caplog.text
    assert left(settings) == [".out.ome.zarr.blocks"]
    os.utime(settings.scan)
    with pytest.raises(InputError, match="cannot resume: file of the scan was"):
        run_recon(replace(settings, resume=True))
    summary = run_recon(settings)
    assert "what an earlier run of" in caplog.text
    assert summary.earlier == 0
    assert left(settings) == ["out.ome.zarr"]


def test_what_was_decided_is_not_decided_again(settings: ReconSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_before_writing(settings, monkeypatch)
    monkeypatch.setattr("recon.run.decide", lambda *_, **__: pytest.fail("it was decided before"))
    summary = run_recon(replace(settings, resume=True))
    assert (summary.earlier, summary.center) == (ROWS, 32.4)


def test_the_largest_shift_may_be_to_either_side(settings: ReconSettings, scan: Scan) -> None:
    shifts = np.zeros((COUNT, 2))
    shifts[7] = -2.5, 1.0
    write_scan(replace(scan, shifts=shifts), settings.scan, overwrite=True)
    assert run_recon(replace(settings, slices=(16, 24))).largest_shift == 2.5


@pytest.mark.parametrize("stays", [True, False])
def test_line_integrals_in_memory_leave_less_for_slabs(
    settings: ReconSettings, monkeypatch: pytest.MonkeyPatch, stays: bool
) -> None:
    room = 20_000_000
    place = {} if stays else {"executor": "processes", "workers": 2}
    given = []

    def lay(*args: object, memory: int, **options: object) -> None:
        given.append(memory)
        raise KeyboardInterrupt

    monkeypatch.setattr("recon.run.lay_out", lay)
    with pytest.raises(KeyboardInterrupt):
        run_recon(replace(settings, memory=PROGRAM_BYTES + room, **place))
    assert given == [room - 4 * COUNT * ROWS * COLUMNS * stays]


@pytest.mark.parametrize(
    ("place", "stop", "kept"),
    [
        ("recon.disk_array.os.posix_fallocate", FULL, False),
        ("recon.run.write", FULL, True),
        ("volio.formats.ome_zarr.write_shards", FULL, True),
        ("recon.run.decide", KeyboardInterrupt(), False),
        ("recon.run.run_slabs", MemoryError(), False),
    ],
)
def test_whatever_stops_a_run_leaves_no_volume(
    settings: ReconSettings, monkeypatch: pytest.MonkeyPatch, place: str, stop: BaseException, kept: bool
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise stop

    monkeypatch.setattr(place, fail)
    expected = OutputError if isinstance(stop, OSError) else type(stop)
    with pytest.raises(expected) as caught:
        run_recon(settings)
    if expected is OutputError:
        assert "disk full while writing" in str(caught.value)
        assert ".partial" not in str(caught.value)
    assert left(settings) == [".out.ome.zarr.blocks"] * kept
    monkeypatch.undo()
    assert run_recon(replace(settings, resume=True)).earlier == (ROWS if kept else 0)


def test_two_runs_of_one_volume(settings: ReconSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    def again(*args: object, **options: object) -> None:
        with pytest.raises(OutputError, match="another run is making"):
            run_recon(settings)
        raise KeyboardInterrupt

    monkeypatch.setattr("recon.run.decide", again)
    with pytest.raises(KeyboardInterrupt):
        run_recon(settings)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"output": Path("no/folder/out.tif")}, "does not exist: make it first"),
        ({"output": Path("scan.h5"), "overwrite": True}, "is an input of the run"),
        ({"output": Path("out.raw")}, "volcorr convert makes it raw"),
        ({"output": Path("out.xyz")}, "xyz"),
        ({"memory": PROGRAM_BYTES + 1_000_000}, "memory has room for 0.00 GB"),
        ({"center": 80.0}, "inside the detector"),
        ({"slices": (10, 50)}, "slices need a pair"),
        ({"region": ((0, 10), (20, 70))}, "not inside the slice"),
        ({"binning": 41}, "binning must be at most 40"),
        ({"voxel_size": "1mm"}, "voxel_size must be positive and less than the detector"),
        ({"method": "gridrec"}, "not offered"),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_nothing(settings: ReconSettings, change: dict, words: str) -> None:
    if "output" in change:
        change = change | {"output": settings.output.parent / change["output"]}
    with pytest.raises(volio.VolcorrError, match=words):
        run_recon(replace(settings, **change))
    assert left(settings) == []


def test_phase_retrieval_says_what_is_missing(settings: ReconSettings, scan: Scan) -> None:
    write_scan(replace(scan, metadata={}), settings.scan, overwrite=True)
    with pytest.raises(InputError, match="needs the energy"):
        run_recon(replace(settings, delta_beta=50.0))
    write_scan(correct_scan(scan), settings.scan, overwrite=True)
    for change in ({"delta_beta": 50.0}, {"binning": 2}):
        with pytest.raises(InputError, match="needs counts and flats"):
            run_recon(replace(settings, **change))
    write_scan(replace(scan, pixel_size=None), settings.scan, overwrite=True)
    with pytest.raises(InputError, match="needs the pixel size"):
        run_recon(replace(settings, voxel_size="1um"))
