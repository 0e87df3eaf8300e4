"""A run that is killed goes on where it was and gives the same bytes; other runs are never mixed into it."""

import errno
import hashlib
import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from volcorr.dvc import DvcSettings, run_dvc
from volcorr.kept_blocks import KeptBlocks, kept_blocks, left_over
from volio import Checkpoint, InputError, OutputError
from volio.kept_folder import kept_folder

#: So little memory that the points are cut into many blocks.
LITTLE = "6MB"

KILLED = """
import os, signal, sys, threading
from pathlib import Path
from volcorr.dvc import DvcSettings, run_dvc
from volio.checkpoint import Checkpoint
import volio.checkpoint
after, where, reference, deformed, output = sys.argv[1:]
saved = 0
def kill():
    os.kill(os.getpid(), signal.SIGKILL)
def replacing(target):
    # in the middle of the file of a block
    if saved >= int(after) and where == "inside":
        target.parent.joinpath(".partial-cut").write_bytes(b"half a block")
        kill()
    return plain(target)
plain, volio.checkpoint._replacing = volio.checkpoint._replacing, replacing
def save(self, name, arrays, save=Checkpoint.save):
    global saved
    save(self, name, arrays)
    saved += 1
    if saved >= int(after) and where == "between":
        kill()
Checkpoint.save = save
def draw(*args):
    kill()
run_dvc(DvcSettings(reference=Path(reference), deformed=Path(deformed), output=Path(output), subset=15, spacing="4um",
                    threads=1, memory="MEMORY", resume=True), draw=draw)
""".replace("MEMORY", LITTLE)


def kill(settings: DvcSettings, after: int, where: str) -> None:
    """Start or resume a run in another process that is killed after so many blocks, or at the latest when it draws."""
    words = [str(after), where, settings.reference, settings.deformed, settings.output]
    done = subprocess.run([sys.executable, "-c", KILLED, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr


def contents(result: Path) -> dict[str, str]:
    """Digests of the fields and of the table of points."""
    files = [result / "points.csv", *result.glob("fields.*"), *(result / "fields.zarr").rglob("*")]
    return {
        file.relative_to(result).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.is_file()
    }


@pytest.fixture
def small(settings: DvcSettings, tmp_path: Path) -> DvcSettings:
    """A run of many blocks."""
    return replace(settings, output=tmp_path / "out", memory=LITTLE, resume=True)


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_a_run_killed_again_and_again_gives_the_same_bytes(small: DvcSettings, tmp_path: Path) -> None:
    undisturbed = run_dvc(replace(small, output=tmp_path / "undisturbed"))
    assert undisturbed.blocks >= 8
    finished = []
    for after, where in ((1, "inside"), (3, "between"), (2, "inside"), (99, "drawing")):
        kill(small, after, where)
        finished.append(left_over(small.output))
        assert not small.output.exists()
    assert finished == sorted(finished)
    assert finished[1] > finished[0]
    assert finished[-1] > undisturbed.blocks  # with the start values
    summary = run_dvc(small)
    assert f"{summary.blocks} of {summary.blocks} blocks were finished by an earlier run" in summary.notes[-1]
    assert contents(small.output) == contents(tmp_path / "undisturbed")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "undisturbed"]


def stop_when_drawing(*args: object) -> list[Path]:
    raise KeyboardInterrupt


@pytest.fixture
def stopped(small: DvcSettings) -> DvcSettings:
    """Settings of a run that was stopped after it had measured everything."""
    with pytest.raises(KeyboardInterrupt):
        run_dvc(small, draw=stop_when_drawing)
    return small


def test_changed_settings_and_inputs_are_named(stopped: DvcSettings, tmp_path: Path) -> None:
    kept = sorted(kept_folder(stopped.output).rglob("*"))
    for change, words in (
        ({"subset": 17}, "subset was 15, is now 17"),
        ({"shape": "rigid"}, "shape was"),
        ({"deformed": stopped.reference}, "checksum of the deformed was"),
        ({"voxel_size": "1um"}, "voxel_size was null"),
    ):
        with pytest.raises(InputError, match="cannot resume: ") as caught:
            run_dvc(replace(stopped, **change))
        assert words in str(caught.value)
    assert sorted(kept_folder(stopped.output).rglob("*")) == kept
    assert not stopped.output.exists()


def test_what_changes_no_block_may_change(stopped: DvcSettings, caplog: pytest.LogCaptureFixture) -> None:
    summary = run_dvc(replace(stopped, measure="hencky", threads=2, memory=None))
    assert "finished by an earlier run" in summary.notes[-1]
    assert summary.strain_measure == "hencky"
    assert "cannot be used" not in caplog.text


def test_blocks_that_were_cut_in_another_way_are_not_used(
    stopped: DvcSettings, result: Path, caplog: pytest.LogCaptureFixture
) -> None:
    summary = run_dvc(replace(stopped, memory="200MB"))
    assert summary.blocks == 1
    assert summary.notes == ()
    assert "blocks cannot be used" in caplog.text
    assert summary.valid == 64


def test_blocks_are_cut_as_before_while_there_is_half_the_memory_for_it(tmp_path: Path) -> None:
    kept = KeptBlocks(tmp_path / "out")
    kept.open({}, resume=True, working=tmp_path / "working")
    assert kept.limit(None, free=1000, workers=2) == 1000
    for free in (500, 4000):
        assert kept.limit(None, free=free, workers=2) == 1000
    assert kept.limit(None, free=499, workers=2) == 499
    assert kept.limit(700, free=100, workers=2) == 700
    assert kept.limit(None, free=9000, workers=2) == 700
    kept.close(complete=True)


def test_without_resume_the_blocks_are_dropped_and_that_is_said(
    stopped: DvcSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    summary = run_dvc(replace(stopped, resume=False, subset=17))
    dropped = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(dropped) == 1
    assert "finished blocks of an earlier run of" in dropped[0]
    assert summary.notes == ()
    assert not kept_folder(stopped.output).exists()


def test_a_stopped_run_says_how_to_go_on(small: DvcSettings, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_dvc(small, draw=stop_when_drawing)
    assert "the same command with --resume goes on after them" in caplog.records[-1].getMessage()


def test_two_runs_do_not_make_the_same_output(small: DvcSettings, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with kept_blocks(small.output) as kept:
        kept.open({}, resume=False, working=tmp_path / "working")
        with pytest.raises(OutputError, match="another run is making"):
            run_dvc(small)
        assert kept.folder.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_other_things_is_left_alone(small: DvcSettings) -> None:
    folder = kept_folder(small.output)
    folder.mkdir()
    (folder / "thesis.docx").write_text("years of work")
    for resume in (True, False):
        with pytest.raises(OutputError, match="holds other things"):
            run_dvc(replace(small, resume=resume))
    assert (folder / "thesis.docx").is_file()


def test_parts_of_a_run_have_their_own_folders(tmp_path: Path) -> None:
    kept = KeptBlocks(tmp_path / "out")
    kept.open({"subset": 15}, resume=True, working=tmp_path / "working")
    kept.of("0-to-1").save("points-000000", {"cc": [1.0]})
    kept.of("0-to-2").save("points-000000", {"cc": [2.0]})
    assert kept.points == 2
    kept.close(complete=False)
    with kept_blocks(tmp_path / "out") as kept:
        kept.open({"subset": 15}, resume=True, working=tmp_path / "working")
        again = kept.of("0-to-2").load("points-000000")
        assert again is not None
        assert again["cc"] == [2.0]
    assert list(tmp_path.iterdir()) == []


def test_the_identity_is_what_a_person_can_read(stopped: DvcSettings) -> None:
    identity = json.loads((kept_folder(stopped.output) / "identity.json").read_text())["identity"]
    assert {"subset", "spacing", "voxel_size", "checksum of the reference", "version of volcorr"} <= set(identity)
    assert not {"threads", "memory", "executor", "workers", "resume", "overwrite", "measure"} & set(identity)


def test_where_there_are_no_locks_a_run_goes_on(
    small: DvcSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(handle: int, kind: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    (tmp_path / ".partial-0123abcd-out").mkdir()
    monkeypatch.setattr(fcntl, "flock", refuse)
    assert run_dvc(replace(small, roi=((16, 17), (16, 17), (16, 17)))).valid == 1
    monkeypatch.setitem(sys.modules, "fcntl", None)
    assert run_dvc(replace(small, overwrite=True, roi=((16, 17), (16, 17), (16, 17)))).valid == 1
    # it may be that of a run at this moment
    assert (tmp_path / ".partial-0123abcd-out").is_dir()


def test_unfinished_folders_of_killed_runs_are_removed(small: DvcSettings, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    for name in ("out", "outer", "other-out"):
        (tmp_path / f".partial-0123abcd-{name}").mkdir()
    run_dvc(replace(small, roi=((16, 17), (16, 17), (16, 17))))
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"out", ".partial-0123abcd-outer", ".partial-0123abcd-other-out"}


def test_a_new_run_drops_the_parts_of_an_earlier_one(tmp_path: Path) -> None:
    for number, resume in enumerate((True, False)):
        kept = KeptBlocks(tmp_path / "out")
        kept.open({"number": number}, resume=resume, working=tmp_path / "working")
        assert kept.points == 0
        kept.of("0-to-1").save("points-000000", {"cc": [1.0]})
        kept.close(complete=False)
    assert left_over(tmp_path / "out") == 1


@pytest.mark.parametrize("against", ["first", "previous"])
def test_a_series_goes_on_in_the_step_where_it_was_stopped(
    small: DvcSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, against: str
) -> None:
    assert isinstance(small.deformed, Path)
    series = replace(small, deformed=(small.deformed, small.reference), series_reference=against)
    undisturbed = run_dvc(replace(series, output=tmp_path / "undisturbed"))
    save, saved = Checkpoint.save, []

    def save_some(self: Checkpoint, name: str, arrays: dict[str, object]) -> None:
        save(self, name, arrays)
        saved.append(name)
        if len(saved) > undisturbed.blocks // 2 + 5:  # in the second step
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", save_some)
        with pytest.raises(KeyboardInterrupt):
            run_dvc(series)
    parts = {path.parent.name for path in kept_folder(series.output).rglob("points-*.npz")}
    assert parts == {"0-to-1", "0-to-2" if against == "first" else "1-to-2"}
    summary = run_dvc(series)
    assert summary.blocks == undisturbed.blocks
    assert "blocks were finished by an earlier run" in summary.notes[-1]
    assert contents(series.output) == contents(tmp_path / "undisturbed")
