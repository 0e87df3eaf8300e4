import json
import subprocess
import sys
import time
from pathlib import Path


def test_demo_from_nothing(tmp_path: Path) -> None:
    """The whole way in a fresh process, with the figures."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", "from volcorr.cli import main; main()", "demo"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - start
    assert done.returncode == 0, done.stderr
    assert "rms error" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("volumes and result in volcorr-demo")
    output = tmp_path / "volcorr-demo" / "result"
    summary = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    assert len(summary["figures"]) >= 5
    assert all((output / name).is_file() for name in summary["figures"])
    assert seconds < 120


def test_a_second_demo_is_refused(volcorr, tmp_path: Path) -> None:
    (tmp_path / "volcorr-demo").mkdir()
    shown = volcorr("demo")
    assert shown.exit_code == 2
    assert shown.stderr.startswith("error: volcorr-demo exists: ")
    assert "--overwrite" in shown.stderr
