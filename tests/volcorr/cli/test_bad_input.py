"""Bad input ends with exit code 2 and one line that says what to do, and leaves nothing behind."""

import errno
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

RNG = np.random.default_rng(0)
Maker = Callable[[Path], list[str]]
SMALL = ["--subset", "9", "--spacing", "9"]


def grey(*shape: int) -> np.ndarray:
    return RNG.integers(0, 255, shape).astype(np.uint8)


def both(name: str, content: np.ndarray) -> Maker:
    """Make a pair of TIFF files of the same content."""

    def make(folder: Path) -> list[str]:
        tifffile.imwrite(folder / name, content, photometric="rgb" if content.shape[-1] == 3 else "minisblack")
        return [str(folder / name)] * 2

    return make


def options(*words: str) -> Maker:
    """Take a good pair with these options."""
    return lambda folder: [*both("good.tif", grey(24, 24, 24))(folder), *words]


def different_shapes(folder: Path) -> list[str]:
    return [both("a.tif", grey(24, 24, 24))(folder)[0], both("b.tif", grey(24, 24, 20))(folder)[0]]


def truncated(folder: Path) -> list[str]:
    files = both("a.tif", grey(24, 64, 64))(folder)
    content = Path(files[0]).read_bytes()
    Path(files[0]).write_bytes(content[: len(content) // 2])
    return files


def text_file(name: str) -> Maker:
    def make(folder: Path) -> list[str]:
        (folder / name).write_text("this is a note, not an image\n" * 20)
        return [str(folder / name)] * 2

    return make


def empty_folder(folder: Path) -> list[str]:
    (folder / "slices").mkdir()
    return [str(folder / "slices")] * 2


def uneven_slices(folder: Path) -> list[str]:
    (folder / "slices").mkdir()
    for number in range(24):
        tifffile.imwrite(folder / "slices" / f"s{number:03}.tif", grey(24, 24 + (number == 7)))
    return [str(folder / "slices")] * 2


def no_such_dataset(folder: Path) -> list[str]:
    with h5py.File(folder / "a.h5", "w") as file:
        file["entry/data"] = grey(24, 24, 24)
    return [str(folder / "a.h5")] * 2 + ["--dataset", "/entry/dta"]


def mask_of(content: np.ndarray) -> Maker:
    def make(folder: Path) -> list[str]:
        tifffile.imwrite(folder / "mask.tif", content)
        return options("--mask", str(folder / "mask.tif"))(folder)

    return make


CASES: dict[str, tuple[Maker, str]] = {
    "missing file": (lambda folder: [str(folder / "no.tif")] * 2, "no.tif does not exist"),
    "different shapes": (different_shapes, "(24, 24, 20)"),
    "smaller than a subset": (options("--subset", "33"), "smaller subset"),
    "constant": (both("c.tif", np.full((24, 24, 24), 7, np.uint8)), "constant"),
    "all NaN": (both("n.tif", np.full((24, 24, 24), np.nan, np.float32)), "finite"),
    "colour": (both("rgb.tif", grey(24, 24, 24, 3)), "colour"),
    "truncated": (truncated, "a.tif"),
    "text named .tif": (text_file("note.tif"), "note.tif"),
    "unknown format": (text_file("note.xyz"), "note.xyz"),
    "empty folder": (empty_folder, "slices"),
    "uneven slices": (uneven_slices, "s007.tif"),
    "subset 0": (options("--subset", "0"), "subset must be more than zero"),
    "subset negative": (options("--subset", "-7"), "-7"),
    "subset of text": (options("--subset", "big"), "big"),
    "subset tiny": (options("--subset", "3"), ">= 9 voxels"),
    "subset too large": (options("--subset", "9,9,99"), "smaller subset"),
    "two lengths": (options("--subset", "9,9"), "2 lengths"),
    "spacing 0": (options("--spacing", "0"), "spacing must be more than zero"),
    "spacing negative": (options("--spacing", "-3um"), "-3um"),
    "unknown unit": (options("--subset", "8parsec"), "parsec"),
    "physical without voxel size": (options("--subset", "8um"), "voxel size is not known"),
    "voxel size 0": (options("--voxel-size", "0"), "voxel_size must be more than zero"),
    "voxel size of text": (options("--voxel-size", "small"), "small"),
    "search 0": (options("--search", "0"), "search must be more than zero"),
    "mask of another shape": (mask_of(np.ones((24, 24, 20), np.uint8)), "mask"),
    "mask empty": (mask_of(np.zeros((24, 24, 24), np.uint8)), "mask is empty"),
    "no such dataset": (no_such_dataset, "/entry/data"),
    "roi of text": (options("--roi", "here"), "three ranges of voxels"),
    "roi of two": (options("--roi", "0:10,0:10"), "three ranges of voxels"),
    "roi backwards": (options("--roi", "0:10,9:3,0:10"), "9:3"),
    "roi outside": (options("--roi", "0:10,0:10,0:99"), "0:99"),
    "roi without a point": (options("--roi", "0:2,0:2,0:2"), "roi"),
    "threads 0": (options("--threads", "0"), "threads"),
    "strain window even": (options("--strain-window", "4"), "odd"),
    "strain window of text": (options("--strain-window", "x"), "odd number of points"),
    "measure unknown": (options("--measure", "biot"), "biot"),
    "strain order of text": (options("--strain-order", "x"), "--strain-order"),
    "strain order without its window": (options("--strain-order", "2"), "at least 5 points"),
    "strain method unknown": (options("--strain-method", "fem"), "fem"),
    "shape unknown": (options("--shape", "cubic"), "cubic"),
    "spline unknown": (options("--spline", "linear"), "linear"),
    "deformed mask missing": (options("--deformed-mask", "no.tif"), "no.tif does not exist"),
    "min share 0": (options("--min-share", "0"), "from 0.05 to 1"),
    "noise 0": (options("--noise", "0"), "above zero"),
    "noise of text": (options("--noise", "much"), "much"),
    "executor unknown": (options("--executor", "mpi"), "mpi"),
    "workers 0": (options("--executor", "processes", "--workers", "0"), "workers"),
    "workers for threads": (options("--executor", "threads", "--workers", "2"), "give threads"),
    "scheduler of text": (options("--scheduler", "here"), "neither an address"),
    "scheduler for processes": (
        options("--executor", "processes", "--scheduler", "tcp://a:1"),
        "is for the executor dask",
    ),
    "memory of text": (options("--memory", "much"), "is not an amount of memory"),
    "memory tiny": (options("--memory", "12"), "at least 1MB"),
    "reference unknown": (options("--reference", "last"), "last"),
    "series of another shape": (lambda f: [*options()(f), both("b.tif", grey(24, 24, 20))(f)[0]], "deformed 2"),
    "series with a deformed mask": (
        lambda f: [*mask_of(np.ones((24, 24, 24), np.uint8))(f), "--deformed-mask", "m.tif", str(f / "good.tif")],
        "belongs to a pair",
    ),
    "config missing": (lambda folder: ["--config", str(folder / "no.toml")], "no.toml does not exist"),
    "config no TOML": (lambda folder: ["--config", text_file("c.toml")(folder)[0]], "is not a TOML file"),
}


def check_refused(shown, words: str, folder: Path) -> None:
    assert shown.exit_code == 2, shown.output
    lines = shown.stderr.splitlines()
    assert lines[-1].startswith("error: ")
    assert words in lines[-1]
    assert [line for line in lines if line.startswith("error")] == lines[-1:]
    assert "Traceback" not in shown.stderr
    assert ".partial" not in shown.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("case", CASES)
def test_bad_input(volcorr, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, case: str) -> None:
    make, words = CASES[case]
    files = make(tmp_path_factory.mktemp("input"))
    shown = volcorr("dvc", "-o", "out", *SMALL, *files)
    check_refused(shown, words, tmp_path)


def test_a_hole_in_a_volume_is_no_error(volcorr, tmp_path_factory: pytest.TempPathFactory, scans: Path) -> None:
    hole = tifffile.imread(scans / "reference.tif").astype(np.float32)
    hole[:20, :20, :20] = np.nan
    hole[40, 40, 40] = np.inf
    path = tmp_path_factory.mktemp("input") / "hole.tif"
    tifffile.imwrite(path, hole)
    shown = volcorr("dvc", path, scans / "deformed.tif", "-o", "out", "--subset", "11", "--spacing", "12")
    assert shown.exit_code == 0, shown.stderr
    assert "bad_voxels" in shown.stdout


@pytest.mark.parametrize("place", ["/proc/out", "/dev/null/out", "no/such/folder/out"])
def test_output_that_cannot_be_written(volcorr, pair: list[str], tmp_path: Path, place: str) -> None:
    check_refused(volcorr("dvc", *pair, "-o", place), place.rsplit("/", 1)[0], tmp_path)


@pytest.mark.parametrize("place", ["xarray.Dataset.to_zarr", "volcorr.cli.dvc.draw_figures"])
def test_disk_full(volcorr, pair: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def fail(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(place, fail)
    shown = volcorr("dvc", *pair, "-o", "out")
    assert "finished blocks are kept" in shown.stderr
    assert [path.name for path in tmp_path.iterdir()] == [".out.blocks"]
    shutil.rmtree(tmp_path / ".out.blocks")
    check_refused(shown, "disk full while writing out", tmp_path)


@pytest.mark.parametrize("limit", [0, 3000])
def test_a_real_refusal_of_the_system(pair: list[str], tmp_path: Path, limit: int) -> None:
    """Files may not grow beyond a few bytes: the write fails wherever it comes to that."""
    resource = pytest.importorskip("resource")
    done = subprocess.run(
        [sys.executable, "-c", "from volcorr.cli import main; main()", "dvc", *pair, "-o", "out"],
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {".out.blocks"}
