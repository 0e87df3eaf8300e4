"""``volcorr recon``: a volume, or exit code 2 and one line that says what to do, with nothing left behind."""

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

import volio
from acquisition.projections import SpherePhantom, expose
from recon import Scan, write_scan

COUNT, ROWS, COLUMNS = 60, 24, 64
ANGLES = np.linspace(0, np.pi, COUNT, endpoint=False)
QUICK = ["--center", "32.4", "--align", "off", "--rings", "none", "--threads", "1"]


def make_scan() -> Scan:
    phantom = SpherePhantom.electrode(COLUMNS, height=ROWS, particles=30, value=0.02)
    shot = expose(phantom.project(ANGLES, rows=ROWS, columns=COLUMNS, center=32.4), photons=1e5, rng=0, dark=50)
    return Scan(shot.projections, ANGLES, pixel_size=0.5, flats=shot.flats, darks=shot.darks)


SCAN = make_scan()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scan(SCAN, tmp_path_factory.mktemp("scan") / "scan.h5")


def test_a_volume_from_the_command_line(volcorr, file: Path, tmp_path: Path) -> None:
    shown = volcorr("recon", file, "-o", "out.ome.zarr", "--threads", "1")
    assert shown.exit_code == 0, shown.stderr
    rows = {line[:13].strip(): line[13:] for line in shown.stdout.splitlines()}
    assert rows["volume"] == "24 x 64 x 64 voxels of 0.5 um, attenuation in 1/um"
    assert rows["projections"] == "60 over 177 degrees"
    assert rows["axis"].startswith("column 32.4")
    assert "slices/s" in rows["speed"]
    assert "reconstruction" in shown.stdout
    assert "note" in rows
    assert shown.stdout.endswith("volume in out.ome.zarr\n")
    assert [path.name for path in tmp_path.iterdir()] == ["out.ome.zarr"]
    assert "warning: corrections: positions of the flats were not given" in shown.stderr


def test_every_option_reaches_the_run(volcorr, file: Path, tmp_path: Path) -> None:
    flats = tmp_path / "flats.tif"
    tifffile.imwrite(flats, SCAN.flats)
    words = ["--filter", "hann", "--cutoff", "0.8", "--weighting", "angular", "--padding", "zero", "--slices", "1:9"]
    words += ["--region", "4:40,8:60", "--voxel-size", "1um", "--pixel-size", "500nm", "--flats", flats]
    words += ["--darks", "50", "--zingers", "0", "--dead-pixels", "0.9", "--floor", "0.001", "--air", "0:2"]
    words += ["--angle-range", "0", "177", "--angle-unit", "degrees", "--memory", "1GB", "--executor", "serial"]
    words += ["--resume", "--rings", "regularization", "--region", "0:20,4:30", "--values", "counts"]
    shown = volcorr("-q", "recon", file, "-o", "out.tif", *QUICK[:4], *words)
    assert shown.exit_code == 0, shown.stderr
    flats.unlink()
    volume = volio.read(tmp_path / "out.tif")
    assert volume.shape == (8, 20, 26)
    assert volume.voxel_size == pytest.approx((1.0, 1.0, 1.0))
    again = volcorr("-q", "recon", file, "-o", "out.ome.zarr", *QUICK[:4], *[w for w in words if w != flats][:-2],
                    "--overwrite")  # fmt: skip
    assert again.exit_code == 2
    whole = volcorr("-q", "recon", file, "-o", "out.ome.zarr", *QUICK[:4], *words[:12], *words[18:])
    assert whole.exit_code == 0, whole.stderr
    made = volio.read(tmp_path / "out.ome.zarr").metadata["reconstruction"]
    wanted = {"filter": "hann", "cutoff": 0.8, "weighting": "angular", "padding": "zero", "rings": "regularization"}
    assert made | wanted == made
    assert (
        made["corrections"] | {"zingers": 0, "dead_pixels": 0.9, "floor": 0.001, "air": [[0, 2]]}
        == (made["corrections"])
    )


def test_iterative_and_backends(volcorr, file: Path, tmp_path: Path) -> None:
    words = ["--slices", "0:2", "--method", "sirt", "--iterations", "2", "--allow-negative"]
    shown = volcorr("-q", "recon", file, "-o", "out.ome.zarr", *QUICK, *words)
    assert shown.exit_code == 0, shown.stderr
    made = volio.read(tmp_path / "out.ome.zarr").metadata["reconstruction"]
    assert (made["method"], made["iterations"], made["nonnegative"]) == ("sirt", 2, False)
    tv = volcorr("-q", "recon", file, "-o", "tv.tif", *QUICK, "--slices", "0:2", "--method", "tv", "--weight", "0.1")
    assert tv.exit_code == 0, tv.stderr
    shown = volcorr("-q", "recon", file, "-o", "no.tif", *QUICK, "--backend", "tomopy")
    assert shown.exit_code == 2
    assert "gridrec" in shown.stderr


def test_a_preview_makes_no_volume(volcorr, file: Path, tmp_path: Path) -> None:
    shown = volcorr("-q", "recon", file, "--preview", "look.png", "--threads", "1")
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout == "written: look.png\n"
    assert [path.name for path in tmp_path.iterdir()] == ["look.png"]
    refused = volcorr("recon", file, "--preview", "look.png")
    assert refused.exit_code == 2
    assert "look.png exists" in refused.stderr
    for words in ([], ["-o", "out.tif", "--preview", "other.png"]):
        shown = volcorr("recon", file, *words)
        assert shown.exit_code == 2
        assert "give -o VOLUME, or --preview PICTURE" in shown.stderr


def test_a_quality_report_with_pictures(volcorr, file: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("volcorr.cli.recon.draw_quality", lambda _, folder: [folder.joinpath("q.png").write_bytes(b"")])
    shown = volcorr("-q", "recon", file, "-o", "out.ome.zarr", *QUICK, "--quality")
    assert shown.exit_code == 0, shown.stderr
    assert "half-bit resolution" in shown.stdout
    assert sorted(path.name for path in (tmp_path / "out.quality").iterdir()) == ["q.png", "quality.json"]
    (tmp_path / "out.quality" / "q.png").unlink()
    monkeypatch.setattr("recon.run.write_quality", failing)
    shown = volcorr("-q", "recon", file, "-o", "out.ome.zarr", *QUICK, "--quality", "--overwrite")
    assert shown.exit_code == 1
    assert "there is no quality report: no room" in shown.stderr


def failing(*args: object, **options: object) -> None:
    raise volio.OutputError("no room")


def stack(images: np.ndarray, name: str = "scan.tif") -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        tifffile.imwrite(folder / name, images, photometric="minisblack")
        return [str(folder / name)]

    return make


def written(**changes: object) -> Callable[[Path], list[str]]:
    return lambda folder: [str(write_scan(replace(SCAN, **changes), folder / "scan.h5"))]


def not_ole(folder: Path) -> list[str]:
    (folder / "scan.txrm").write_text("no projections at all")
    return [str(folder / "scan.txrm")]


def angles_of_others(folder: Path) -> list[str]:
    np.savetxt(folder / "angles.txt", np.arange(50.0))
    return [*written()(folder), "--angles", str(folder / "angles.txt")]


def without_angles(folder: Path) -> list[str]:
    path = written()(folder)[0]
    with h5py.File(path, "r+") as opened:
        del opened["exchange/theta"]
    return [path]


def nan(folder: Path) -> list[str]:
    images = SCAN.projections.copy()
    images[7, 3, 3] = np.nan
    return written(projections=images)(folder)


def options(*words: str) -> Callable[[Path], list[str]]:
    return lambda folder: [*written()(folder), *words]


CASES: dict[str, tuple[Callable[[Path], list[str]], str]] = {
    "no file": (lambda folder: [str(folder / "none.h5")], "none.h5"),
    "not an OLE file": (not_ole, "scan.txrm"),
    "angles missing": (without_angles, "angles"),
    "angles missing of a stack": (stack(np.zeros((9, 8, 8), np.uint16)), "states no angles"),
    "angles of another number": (angles_of_others, "60 projections, but 50 angles"),
    "flats that are zero": (written(flats=np.zeros_like(SCAN.flats)), "count no more with beam than without"),
    "darks brighter than flats": (written(flats=SCAN.darks, darks=SCAN.flats), "were flats and darks swapped"),
    "a single projection": (
        lambda folder: [str(write_scan(SCAN.crop(angles=(0, 1)), folder / "scan.h5"))],
        "holds a single projection",
    ),
    "all projections equal": (
        written(projections=np.repeat(SCAN.projections[:1], COUNT, axis=0)),
        "all 60 projections of scan are equal",
    ),
    "equal angles": (written(angles=np.zeros(COUNT)), "angles of scan are equal"),
    "NaN": (nan, "projection 7 holds"),
    "NaN of line integrals": (
        lambda folder: [
            str(
                write_scan(
                    Scan(np.where(np.arange(COUNT)[:, None, None] == 3, np.nan, SCAN.projections), ANGLES),
                    folder / "lines.h5",
                )
            )
        ],
        "projection 3 holds",
    ),
    "the axis outside": (options("--center", "70"), "must be inside the detector"),
    "a range that is none": (options("--slices", "5"), "is not a range"),
    "a part that is none": (options("--region", "1:5"), "is not a part of a slice"),
    "too little memory": (options("--memory", "100MB"), "memory has room for"),
    "flats that are no file": (options("--flats", "flats.xrm"), "flats.xrm"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input(volcorr, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, case: str) -> None:
    make, words = CASES[case]
    shown = volcorr("-q", "recon", *make(tmp_path_factory.mktemp("input")), "-o", "out.ome.zarr")
    assert shown.exit_code == 2, shown.stdout
    last = shown.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert words in last
    assert shown.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_an_existing_output_is_kept(volcorr, file: Path, tmp_path: Path) -> None:
    (tmp_path / "out.tif").write_bytes(b"mine")
    shown = volcorr("recon", file, "-o", "out.tif", *QUICK)
    assert (shown.exit_code, shown.stderr) == (
        2,
        "error: out.tif exists: choose another output, or replace it with --overwrite\n",
    )
    assert (tmp_path / "out.tif").read_bytes() == b"mine"
    assert volcorr("-q", "recon", file, "-o", "out.tif", *QUICK, "--overwrite").exit_code == 0


@pytest.mark.parametrize("place", ["recon.disk_array.os.posix_fallocate", "recon.disk_array.DiskArray.__setitem__"])
def test_disk_full(volcorr, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def fail(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(place, fail)
    shown = volcorr("-q", "recon", file, "-o", "out.ome.zarr", *QUICK)
    assert shown.exit_code == 2
    assert shown.stderr.splitlines()[-1].startswith("error: disk full while writing out.ome.zarr")
    assert list(tmp_path.iterdir()) == []


def test_a_plan_of_a_scan(volcorr, pair: list[str], file: Path, tmp_path: Path) -> None:
    shown = volcorr("-q", "plan", file, "--slices", "0:16", "--threads", "1", "--memory", "1GB")
    assert shown.exit_code == 0, shown.stderr
    rows = {line[:13].strip(): line[13:] for line in shown.stdout.splitlines()}
    assert rows["scan"] == "60 projections of 24 x 64 float32 over 177 degrees"
    assert rows["volume"] == "16 x 64 x 64 voxels of 0.5 um"
    assert rows["slabs"] == "2 of at most 8 slices, 1 at a time, on 1 thread"
    assert {"memory", "disk", "speed", "time", "assumed"} <= set(rows)
    plan = json.loads(volcorr("-q", "plan", file, "--json").stdout)
    assert plan["volume_shape"] == [24, 64, 64]
    assert list(tmp_path.iterdir()) == []
    for words, message in (
        ([file, "--subset", "9"], "--subset is for two volumes"),
        ([*pair[:2], "--filter", "hann"], "--filter is for one SCAN"),
    ):
        refused = volcorr("plan", *words)
        assert refused.exit_code == 2
        assert message in refused.stderr


@pytest.mark.realdata
def test_the_chip_goes_through_the_whole_command(volcorr, data_dir: Path, tmp_path: Path) -> None:
    path = data_dir / "projections" / "txrm_test_chip_tomo.txrm"
    shown = volcorr("recon", path, "-o", "chip.ome.zarr", "--threads", "2")
    assert shown.exit_code == 0, shown.stderr
    assert "256 x 256 x 256 voxels of 0.155789 um" in shown.stdout
    assert "an even beam of 244 counts is assumed" in shown.stderr
    volume = volio.read(tmp_path / "chip.ome.zarr")
    made = volume.metadata["reconstruction"]
    assert made["angles_used"] == 7
    assert made["shifts_undone"]
    assert np.isfinite(np.asarray(volume.data[120:124])).all()
    refused = volcorr("recon", path, "-o", "again.ome.zarr", "--quality")
    assert refused.exit_code == 2
    assert "16 projections or more" in refused.stderr
    cut = tmp_path / "cut.txrm"
    cut.write_bytes(path.read_bytes()[:300_000])
    truncated = volcorr("-q", "recon", cut, "-o", "cut.ome.zarr")
    assert truncated.exit_code == 2
    assert "truncated" in truncated.stderr or "damaged" in truncated.stderr or "cut.txrm" in truncated.stderr
    assert sorted(item.name for item in tmp_path.iterdir()) == ["chip.ome.zarr", "cut.txrm"]


@pytest.mark.realdata
def test_the_tooth_has_its_axis(volcorr, data_dir: Path, tmp_path: Path) -> None:
    shown = volcorr("recon", data_dir / "projections" / "tooth.h5", "-o", "tooth.tif", "--rings", "none")
    assert shown.exit_code == 0, shown.stderr
    assert "attenuation in 1/pixel" in shown.stdout
    center = float(shown.stdout.split("column ")[1].split(":")[0].split(",")[0])
    assert center == pytest.approx(296, abs=0.5)
