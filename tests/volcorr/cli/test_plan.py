import json
from pathlib import Path

import pytest


def test_a_plan_from_the_command_line(volcorr, pair: list[str], tmp_path: Path) -> None:
    shown = volcorr("-q", "plan", *pair, "-o", "out", "--roi", "8:40,8:40,8:40", "--strain-window", "3")
    assert shown.exit_code == 0, shown.stderr
    rows = {line[:13].strip(): line[13:] for line in shown.stdout.splitlines()}
    assert rows["volumes"] == "48 x 48 x 48 voxels uint8 of 0.5 x 0.5 x 0.5 um"
    assert rows["points"] == "8 (2 x 2 x 2), every 16 x 16 x 16 voxels"
    assert rows["blocks"] == "1 of at most 2 x 2 x 2 points, on 1 thread"
    assert {"memory", "disk", "speed", "time", "assumed", "warning"} <= set(rows)
    assert list(tmp_path.iterdir()) == []


def test_a_plan_as_json(volcorr, pair: list[str]) -> None:
    shown = volcorr("-q", "plan", *pair, "--json", "--memory", "500MB", "--executor", "processes", "--workers", "2")
    assert shown.exit_code == 0, shown.stderr
    plan = json.loads(shown.stdout)
    assert plan["points"] == 8
    assert plan["blocks"] >= 4
    assert plan["memory_limit"] == 500_000_000
    assert plan["total_seconds"] == pytest.approx(sum(plan["seconds"].values()))


def test_what_a_run_would_refuse_a_plan_refuses(volcorr, pair: list[str]) -> None:
    for words, message in (
        (["--subset", "99"], "smaller subset"),
        (["--memory", "much"], "is not an amount of memory"),
        (["--mask", "no.tif"], "no.tif does not exist"),
    ):
        shown = volcorr("-q", "plan", *pair, *words)
        assert shown.exit_code == 2
        assert message in shown.stderr
        assert shown.stderr.count("\n") == 1
    assert volcorr("plan", pair[0]).exit_code == 2
