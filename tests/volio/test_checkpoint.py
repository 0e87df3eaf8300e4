import json
import logging
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from volio import InputError, OutputError, Progress
from volio.checkpoint import Checkpoint, open_checkpoint, run_resumable

IDENTITY = {"settings": {"subset_size": [33, 33, 33], "noise": None}, "reference": "a" * 64}
ARRAYS = {
    "u": np.array([1.5, np.nan, -0.0]),
    "status": np.uint8([[1, 2], [3, 4]]),
    "count": np.array(7),
    "big_endian": np.arange(4, dtype=">i4"),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "part": np.arange(20)[::3],
    "none": np.empty((0, 3), np.float32),
    "day": np.array(["2026-11-21"], "datetime64[D]"),
    "name": np.array("e_zz"),
}

same_or_not = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def same(a: Any, b: Any) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return open_checkpoint(tmp_path / "blocks", IDENTITY, resume=False)


def test_arrays_come_back_bit_by_bit(checkpoint: Checkpoint) -> None:
    checkpoint.save("block_0-1", ARRAYS)
    found = checkpoint.load("block_0-1")
    assert found is not None
    assert list(found) == list(ARRAYS)
    assert all(same(found[key], ARRAYS[key]) for key in ARRAYS)
    assert checkpoint.load("block_0-1") is not None
    assert checkpoint.load("block_2") is None
    assert checkpoint.names() == ["block_0-1"]
    with np.load(checkpoint.folder / "block_0-1.npz") as plain:  # and NumPy alone can read it
        np.testing.assert_array_equal(plain["status"], ARRAYS["status"])


@same_or_not
@given(
    st.dictionaries(
        st.text("abcxyz_ 0123µ", min_size=1, max_size=8),
        hnp.arrays(hnp.scalar_dtypes() | st.just("S3"), hnp.array_shapes(min_dims=0, min_side=0, max_side=4)),
        max_size=3,
    )
)
def test_any_arrays_come_back(checkpoint: Checkpoint, arrays: dict[str, Any]) -> None:
    checkpoint.save("any", arrays)
    found = checkpoint.load("any")
    assert found is not None
    assert sorted(found) == sorted(arrays)
    assert all(same(found[key], arrays[key]) for key in arrays)


@same_or_not
@given(st.data())
def test_damage_is_recognised(checkpoint: Checkpoint, data: st.DataObject) -> None:
    checkpoint.save("whole", {"u": np.arange(50.0), "status": np.zeros(3, np.uint8)})
    file = checkpoint.folder / "whole.npz"
    content = bytearray(file.read_bytes())
    if data.draw(st.booleans(), "cut off"):
        content = content[: data.draw(st.integers(0, len(content) - 1), "at")]
    else:
        content[data.draw(st.integers(0, len(content) - 1), "at")] ^= data.draw(st.integers(1, 255), "by")
    file.write_bytes(content)
    found = checkpoint.load("whole")  # a change of what the archive says beside the arrays may do no harm
    assert found is None or (np.array_equal(found["u"], np.arange(50.0)) and found["status"].tolist() == [0, 0, 0])


def test_a_damaged_block_is_computed_again(checkpoint: Checkpoint, caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []

    def task(block: int) -> dict[str, Any]:
        done.append(block)
        return {"square": np.array(block**2)}

    options: dict[str, Any] = {"names": str, "checkpoint": checkpoint, "executor": "serial"}
    expected = run_resumable(task, range(5), **options)
    file = checkpoint.folder / "3.npz"
    file.write_bytes(file.read_bytes()[:-10])
    done.clear()
    assert run_resumable(task, range(5), **options) == expected
    assert done == [3]
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == [f"{file} is damaged: its block is computed again"]
    done.clear()
    assert run_resumable(task, [4, 2], **options) == [expected[4], expected[2]]
    assert done == []


def test_finished_blocks_count_as_done_but_not_into_the_rate(checkpoint: Checkpoint) -> None:
    def task(block: int) -> dict[str, Any]:
        if block == 4:
            raise InputError("stop")
        return {"b": np.array(block)}

    options: dict[str, Any] = {"names": str, "checkpoint": checkpoint, "executor": "serial", "weight": lambda b: 10}
    with pytest.raises(InputError, match="stop"), Progress(100) as progress:
        run_resumable(task, range(10), progress=progress, **options)
    assert progress.done == 40
    with Progress(100) as progress:
        run_resumable(lambda b: {"b": np.array(b)}, range(10), progress=progress, **options)
    assert progress.done == 100
    assert progress._skipped == 40


def test_without_a_checkpoint_nothing_is_kept() -> None:
    found = run_resumable(lambda b: {"b": b}, [1, 2], names=str, checkpoint=None)
    assert [int(item["b"]) for item in found] == [1, 2]
    assert all(isinstance(item["b"], np.ndarray) for item in found)


def test_names_must_differ_and_be_file_names(checkpoint: Checkpoint) -> None:
    with pytest.raises(InputError, match="3 blocks have only 1 names"):
        run_resumable(lambda b: {}, [1, 2, 3], names=lambda b: "same", checkpoint=checkpoint)
    for name in ("", "../x", "a/b", ".hidden", "a b"):
        with pytest.raises(InputError, match="cannot be a file name"):
            checkpoint.save(name, {})
    with pytest.raises(InputError, match="cannot be kept"):
        checkpoint.save("a", {"o": np.array([None])})
    with pytest.raises(InputError, match="cannot be kept"):
        checkpoint.save("a", {"record": np.zeros(2, [("a", "u1"), ("b", "f8")])})
    with pytest.raises(InputError, match="cannot be kept"):
        checkpoint.save("a", {"sha256": np.zeros(1)})


def test_resume_needs_the_same_identity(checkpoint: Checkpoint) -> None:
    checkpoint.save("a", {"x": np.zeros(1)})
    again = open_checkpoint(checkpoint.folder, json.loads(json.dumps(IDENTITY)), resume=True)
    assert again.names() == ["a"]
    other = {"settings": {"subset_size": (21, 21, 21), "noise": None, "shape": "affine"}, "reference": "b" * 64}
    with pytest.raises(InputError) as caught:
        open_checkpoint(checkpoint.folder, other, resume=True)
    text = str(caught.value)
    assert text.startswith("cannot resume: reference was ")
    assert (
        'settings.shape was not set, is now "affine"; settings.subset_size was [33, 33, 33], is now [21, 21, 21]'
        in text
    )
    assert "\n" not in text
    with pytest.raises(InputError, match=r"; and 17 more: set them as before"):
        open_checkpoint(checkpoint.folder, IDENTITY | {f"k{i}": "x" * 200 for i in range(20)}, resume=True)
    assert checkpoint.names() == ["a"]


def test_finished_blocks_are_never_dropped_silently(checkpoint: Checkpoint) -> None:
    open_checkpoint(checkpoint.folder, {"other": 1}, resume=False)  # nothing was finished
    checkpoint.save("a", {"x": np.zeros(1)})
    with pytest.raises(OutputError, match="holds 1 finished blocks of an earlier run: resume to go on"):
        open_checkpoint(checkpoint.folder, IDENTITY, resume=False)
    open_checkpoint(checkpoint.folder, IDENTITY, resume=False, overwrite=True)
    assert checkpoint.names() == []
    open_checkpoint(checkpoint.folder, IDENTITY, resume=True)
    checkpoint.clear()
    assert not checkpoint.folder.exists()
    open_checkpoint(checkpoint.folder, IDENTITY, resume=True)  # nothing to go on from: afresh


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    for options in ({"resume": True}, {"resume": False}, {"resume": False, "overwrite": True}):
        with pytest.raises(OutputError, match="holds other things"):
            open_checkpoint(tmp_path, IDENTITY, **options)
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    with pytest.raises(OutputError, match="cannot be written"):
        open_checkpoint(tmp_path / "thesis.txt", IDENTITY, resume=True)


@pytest.mark.parametrize("content", ["", "{", "{}", '{"identity": {"a": 1}, "sha256": "0"}', "[]"])
def test_damaged_identity(checkpoint: Checkpoint, content: str) -> None:
    (checkpoint.folder / "identity.json").write_text(content)
    with pytest.raises(InputError, match="is damaged or was edited: start afresh"):
        open_checkpoint(checkpoint.folder, IDENTITY, resume=True)


def test_what_a_killed_run_left_is_removed_when_old(checkpoint: Checkpoint) -> None:
    old, new = checkpoint.folder / ".partial-old", checkpoint.folder / ".partial-new"
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    assert open_checkpoint(checkpoint.folder, IDENTITY, resume=True).names() == []
    assert not old.exists()
    assert new.exists()  # another run may be writing it


def test_a_failed_save_leaves_the_earlier_block(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save("a", {"x": np.zeros(1)})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"a\.npz cannot be written \(No space left on device\)"):
        checkpoint.save("a", {"x": np.ones(1)})
    found = checkpoint.load("a")
    assert found is not None
    assert found["x"] == 0
    assert sorted(item.name for item in checkpoint.folder.iterdir()) == ["a.npz", "identity.json"]

    def exhausted(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(np.lib.format, "read_array", exhausted)
    with pytest.raises(MemoryError):
        checkpoint.load("a")


SCRIPT = """
import sys, time
import numpy as np
from volio.checkpoint import open_checkpoint, run_resumable

def task(block):
    time.sleep(0.004)
    return {"u": np.random.default_rng(block).standard_normal(3000), "status": np.full(50, block, np.uint8)}

checkpoint = open_checkpoint(sys.argv[1], {"seed": 1}, resume=True)
print("started", flush=True)
options = {"checkpoint": checkpoint, "executor": sys.argv[2], "threads": 2}
found = run_resumable(task, range(60), names="block_{:03}".format, **options)
print(len(found), flush=True)
"""


@pytest.mark.parametrize("executor", ["serial", "threads"])
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(tmp_path: Path, executor: str) -> None:
    def start(folder: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / folder), executor]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    chance = random.Random(7)
    counts = []
    for _ in range(4):
        with start("killed") as run:
            assert run.stdout is not None
            assert run.stdout.readline() == "started\n"
            time.sleep(chance.uniform(0, 0.12))
            run.kill()
        counts.append(len(Checkpoint(tmp_path / "killed").names()))
    assert counts == sorted(counts)  # what was finished stays
    for folder in ("killed", "whole"):
        with start(folder) as run:
            assert run.communicate(timeout=60)[0].split() == ["started", "60"]
    whole, killed = (Checkpoint(tmp_path / folder) for folder in ("whole", "killed"))
    assert whole.names() == killed.names()
    assert len(whole.names()) == 60
    for name in whole.names():
        assert (whole.folder / f"{name}.npz").read_bytes() == (killed.folder / f"{name}.npz").read_bytes()
