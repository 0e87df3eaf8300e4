import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from volcorr.cli import group
from volcorr.cli.subsets import subsets

QUICK = ["--sizes", "15,11", "--points", "27", "--threads", "1"]


@pytest.fixture
def volcorr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(group.cli.commands, "subsets", subsets)
    return lambda *words: CliRunner().invoke(group.cli, [str(word) for word in words], prog_name="volcorr")


@pytest.fixture
def files(scans: Path) -> list[str]:
    return [str(scans / "reference.tif"), str(scans / "deformed.tif")]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures have their own tests and take seconds."""
    monkeypatch.setattr("volcorr.cli.subsets.draw_study", lambda study, path: path.write_bytes(b"figure"))


@pytest.mark.usefixtures("drawn")
def test_a_study_from_the_command_line(volcorr, files: list[str], scans: Path, tmp_path: Path) -> None:
    options = ["--repeat", files[0], "--mask", scans / "mask.tif", "--search", "3", "--voxel-size", "500nm"]
    options += ["--spacing", "3um", "--detail", "20um", "--shape", "affine", "--roi", "8:40,8:40,8:40"]
    shown = volcorr("subsets", *files, "-o", "sizes", *QUICK, *options)
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.startswith("subset ")
    assert "recommended: " in shown.stdout
    assert shown.stdout.endswith("result in sizes\n")
    assert "subset 11: " in shown.stderr
    content = json.loads((tmp_path / "sizes" / "subsets.json").read_text())
    assert content["settings"] == {
        "detail": "20um", "points": 27, "roi": [[8, 40]] * 3, "search": "3", "shape": "affine", "sizes": "15,11",
        "spacing": "3um", "threads": 1, "voxel_size": "500nm",
    }  # fmt: skip
    assert [row["spacing"] for row in content["sizes"]] == [[6, 6, 6]] * 2


def test_the_figure_is_drawn(volcorr, files: list[str], tmp_path: Path) -> None:
    shown = volcorr("-q", "subsets", *files, "-o", "sizes", *QUICK)
    assert shown.exit_code == 0, shown.stderr
    assert shown.stderr == ""
    assert (tmp_path / "sizes" / "subsets.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("drawn")
def test_no_valid_point_is_done_in_part(volcorr, files: list[str], tmp_path: Path) -> None:
    import numpy as np

    from volio import Volume, write

    write(Volume(np.random.default_rng(1).integers(0, 255, (48, 48, 48)).astype(np.uint8)), tmp_path / "noise.tif")
    shown = volcorr("subsets", files[0], "noise.tif", "-o", "sizes", "--sizes", "21", "--points", "64")
    assert shown.exit_code == 1
    assert shown.stderr.splitlines()[-1].startswith("warning: no point is valid at any size")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sizes", "big"], "length 'big' is not a number"),
        (["--sizes", "7"], ">= 9 voxels"),
        (["--sizes", "8parsec"], "parsec"),
        (["--sizes", "99"], "smaller subset"),
        (["--points", "0"], "points must be at least 1"),
        (["--repeat", "no.tif"], "no.tif does not exist"),
        (["--roi", "here"], "three ranges of voxels"),
        (["--detail", "wide"], "wide"),
    ],
)
@pytest.mark.usefixtures("drawn")
def test_bad_input_is_one_line(volcorr, files: list[str], tmp_path: Path, words: list[str], message: str) -> None:
    shown = volcorr("subsets", *files, "-o", "sizes", *words)
    assert shown.exit_code == 2, shown.output
    lines = shown.stderr.splitlines()
    assert lines[-1].startswith("error: ")
    assert message in lines[-1]
    assert list(tmp_path.iterdir()) == []


def test_every_option_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/commands.md").read_text(encoding="utf-8")
    text = page[page.index("## volcorr subsets") :].split("\n## ")[0]
    for option in subsets.params:
        if isinstance(option, click.Option):
            assert all(f"`{name}" in text for name in option.opts), option.name
