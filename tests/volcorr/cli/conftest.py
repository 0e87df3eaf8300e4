from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from volcorr.cli.group import cli

Volcorr = Callable[..., Result]


def draw_one(fields, reference, folder: Path) -> list[Path]:
    (folder / "one.png").write_bytes(b"figure")
    return [folder / "one.png"]


@pytest.fixture(autouse=True)
def quick_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures have their own tests and take seconds."""
    for module in ("dvc", "demo"):
        monkeypatch.setattr(f"volcorr.cli.{module}.draw_figures", draw_one)


@pytest.fixture
def volcorr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Volcorr:
    """Run a command in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(cli, [str(word) for word in words], prog_name="volcorr")


@pytest.fixture
def pair(scans: Path) -> list[str]:
    """The two volumes, and options for a quick run on them."""
    files = [str(scans / "reference.tif"), str(scans / "deformed.tif")]
    return [*files, "--subset", "15", "--spacing", "16", "--threads", "1"]
