import json
from importlib.machinery import ModuleSpec
from pathlib import Path

from volcorr.config import read_config
from volcorr.fields import open_fields


def test_a_run_from_the_command_line(volcorr, pair: list[str], tmp_path: Path) -> None:
    shown = volcorr("dvc", *pair, "-o", "out", "--measure", "infinitesimal", "--roi", "8:40,8:40,8:40")
    assert shown.exit_code == 0, shown.stderr
    assert "valid 8 (100.0 % of those tried)" in shown.stdout
    assert "median ZNCC" in shown.stdout
    assert "%, infinitesimal" in shown.stdout
    assert shown.stdout.endswith("result in out\n")
    assert "48 x 48 x 48 uint8" in shown.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "config.toml", "fields.vti", "fields.zarr", "figures", "log.jsonl", "points.csv", "summary.json",
    ]  # fmt: skip


def test_every_option_reaches_the_run(volcorr, pair: list[str], scans: Path, tmp_path: Path) -> None:
    options = ["--search", "3", "--strain-window", "3", "--voxel-size", "250nm", "--mask", scans / "mask.tif"]
    options += ["--deformed-mask", scans / "mask.tif", "--min-share", "0.6", "--noise", "2", "--shape", "rigid"]
    options += ["--spline", "quintic", "--measure", "almansi", "--strain-method", "hexahedra", "--strain-order", "1"]
    options += ["--executor", "serial", "--memory", "1GB", "--resume"]
    shown = volcorr("-q", "dvc", *pair, "-o", "out", "--overwrite", *options)
    assert shown.exit_code == 0, shown.stderr
    settings = read_config(tmp_path / "out" / "config.toml", output="x")
    assert settings.search == "3"
    assert settings.strain_window == (3, 3, 3)
    assert settings.voxel_size == (0.25, 0.25, 0.25)
    assert settings.threads == 1
    assert (settings.executor, settings.memory, settings.min_share) == ("serial", "1GB", 0.6)
    fields = open_fields(tmp_path / "out")
    wanted = {"shape_function": "rigid", "spline": "quintic", "noise": 2.0, "strain_measure": "almansi", "unit": "um"}
    assert {name: fields.attrs[name] for name in wanted} == wanted
    assert fields.attrs["strain_method"] == "hexahedra"
    assert int((fields["status"] == 1).sum()) == 4
    # quiet: only that the files state another voxel size
    assert all(line.startswith("warning: ") for line in shown.stderr.splitlines())


def test_a_run_is_repeated_and_refused(volcorr, pair: list[str], tmp_path: Path) -> None:
    assert volcorr("dvc", *pair, "-o", "out").exit_code == 0
    refused = volcorr("dvc", *pair, "-o", "out")
    assert refused.exit_code == 2
    assert refused.stderr == ("error: out exists: choose another output, or replace it with --overwrite\n")
    again = volcorr("dvc", "--config", "out/config.toml", "-o", "out", "--overwrite")
    assert again.exit_code == 0
    other = volcorr("dvc", "--config", "out/config.toml", "-o", "again", "--spacing", "8")
    assert other.exit_code == 0
    assert open_fields(tmp_path / "again").attrs["spacing"] == [8, 8, 8]
    assert open_fields(tmp_path / "out").attrs["spacing"] == [16, 16, 16]


def test_no_valid_point_is_done_in_part(volcorr, pair: list[str], tmp_path: Path) -> None:
    import numpy as np

    from volio import Volume, write

    noise = np.random.default_rng(1).integers(0, 255, (48, 48, 48)).astype(np.uint8)
    write(Volume(noise), tmp_path / "noise.tif")
    shown = volcorr("dvc", pair[0], "noise.tif", "-o", "out", "--subset", "21", "--spacing", "16")
    assert shown.exit_code == 1
    warning = shown.stderr.splitlines()[-1]
    assert warning.startswith("warning: no point is valid, ")
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["valid"] == 0


def test_viewers_of_another_distribution(volcorr, pair: list[str], tmp_path: Path, monkeypatch) -> None:
    foreign = ModuleSpec("viewers", None, origin="/usr/lib/viewers/__init__.py")
    for found, words in ((foreign, ["dvc", *pair, "-o", "out"]), (None, ["demo"])):
        monkeypatch.setattr("volcorr.cli.dvc.find_spec", lambda name, found=found: found)
        shown = volcorr(*words)
        assert shown.exit_code == 2
        assert "volcorr doctor says what to do" in shown.stderr
    assert list(tmp_path.iterdir()) == []


def test_two_volumes_are_needed(volcorr, pair: list[str]) -> None:
    for words in (["dvc", "-o", "out"], ["dvc", pair[0], "-o", "out"]):
        shown = volcorr(*words)
        assert shown.exit_code == 2
        assert "REFERENCE and DEFORMED" in shown.stderr


def test_a_stopped_run_goes_on(volcorr, pair: list[str], tmp_path: Path, monkeypatch) -> None:
    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("volcorr.cli.dvc.draw_figures", stop)
        stopped = volcorr("dvc", *pair, "-o", "out")
    assert stopped.exit_code == 130
    assert "the same command with --resume goes on after them" in stopped.stderr
    assert stopped.stderr.endswith("interrupted: no result was written\n")
    refused = volcorr("dvc", *pair, "-o", "out", "--resume", "--subset", "17")
    assert refused.exit_code == 2
    assert refused.stderr.splitlines()[-1].startswith('error: cannot resume: subset was "15", is now "17"')
    resumed = volcorr("dvc", *pair, "-o", "out", "--resume")
    assert resumed.exit_code == 0, resumed.stderr
    assert "finished by an earlier run" in resumed.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_series_from_the_command_line(volcorr, pair: list[str], tmp_path: Path) -> None:
    shown = volcorr("dvc", *pair[:2], pair[0], *pair[2:], "-o", "out", "--reference", "previous")
    assert shown.exit_code == 0, shown.stderr
    rows = [line.split() for line in shown.stdout.splitlines() if line.endswith(("   deformed", "   reference"))]
    assert [row[:2] for row in rows] == [["1", "0"], ["2", "1"]]
    assert open_fields(tmp_path / "out").attrs["series_reference"] == "previous"
    again = volcorr("dvc", "--config", "out/config.toml", "-o", "again")
    assert again.exit_code == 0, again.stderr
    assert open_fields(tmp_path / "again").identical(open_fields(tmp_path / "out"))
