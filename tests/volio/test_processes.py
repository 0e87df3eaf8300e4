import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from volio import InputError, OutputError, VolcorrError, processes, read, run_blocks, write
from volio.parcels import Parcel, load_parcel, save_parcel
from volio.processes import ProcessExecutor
from volio.threads import ONE_THREAD

HERE = str(Path(__file__).parent)
SCRIPT = """
import sys
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background a shell turns it off
sys.path.append({here!r})
from volio_worker_tasks import leave_pid
from volio import run_blocks
from volio.executors import make_executor
if __name__ == "__main__":
    with make_executor("processes", workers=2) as executor:
        run_blocks(leave_pid, [sys.argv[1]] * 10, executor=executor)
"""


def runs(pid: int) -> bool:
    """Tell whether a process is there; one that waits to be collected is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def eventually(check: Any, seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_no_worker_outlives_the_run(tmp_path: Path, name: str) -> None:
    script, temporary, pids = tmp_path / "run.py", tmp_path / "tmp", tmp_path / "pids"
    script.write_text(SCRIPT.format(here=HERE))
    temporary.mkdir()
    pids.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    parent = subprocess.Popen(
        [sys.executable, str(script), str(pids)],
        env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert eventually(lambda: len(list(pids.iterdir())) == 2)
        workers = [int(item.name) for item in pids.iterdir()]
        assert all(runs(pid) for pid in workers)
        if name == "SIGINT":
            os.killpg(parent.pid, signal.SIGINT)  # as Ctrl-C does: parent and workers
        else:
            parent.send_signal(getattr(signal, name))
        _, said = parent.communicate(timeout=20)
        assert parent.returncode != 0
        assert said.count("Traceback") <= 1, said  # none from workers
        assert eventually(lambda: not any(runs(pid) for pid in workers))
        assert eventually(lambda: not list(temporary.glob("volcorr-*")))
    finally:
        parent.kill()
        parent.wait()


def test_a_dead_worker_is_one_line_and_the_executor_goes_on() -> None:
    from volio_worker_tasks import die, fail_oddly

    with ProcessExecutor(2) as executor:
        with pytest.raises(VolcorrError, match=r"^a worker process died, .* lack of memory: use fewer") as caught:
            run_blocks(die, range(5), executor=executor)
        assert "\n" not in str(caught.value)
        assert run_blocks(abs, [-1, -2, -3], executor=executor) == [1, 2, 3]
        with pytest.raises(VolcorrError, match=r"^TwoArguments: nothing at all$"):
            run_blocks(fail_oddly, [1], executor=executor)


def test_a_script_without_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from volio import run_blocks, VolcorrError\n"
        "try:\n    run_blocks(abs, [-1], executor='processes', threads=1)\n"
        "except VolcorrError as error:\n    print(error)\n"
    )
    found = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert 'put what you run under if __name__ == "__main__":' in found.stdout


def test_what_cannot_be_sent_is_refused() -> None:
    with ProcessExecutor(1) as executor, pytest.raises(InputError, match="cannot be sent to other processes"):
        run_blocks(lambda block: block, [1], executor=executor)


def test_blocks_are_not_handed_out_far_ahead() -> None:
    taken: list[int] = []

    class Blocks(list[int]):
        def __getitem__(self, index: Any) -> Any:
            taken.append(index)
            return super().__getitem__(index)

    with ProcessExecutor(2) as executor:
        finished = executor.run(abs, Blocks(range(50)))
        for count in range(1, 10):
            next(finished)
            assert len(taken) <= count + 4
        finished.close()  # type: ignore[attr-defined]
        assert run_blocks(abs, [-4], executor=executor) == [4]


def test_volumes_on_disk_are_opened_by_the_workers(tmp_path: Path) -> None:
    from volio_worker_tasks import VolumeSum

    voxels = np.random.default_rng(0).integers(0, 1000, (6, 40, 50)).astype(np.uint16)
    from volio import Volume

    write(Volume(voxels), tmp_path / "scan.h5")
    volume = read(tmp_path / "scan.h5", lazy=True)
    expected = voxels.sum(axis=(1, 2)).tolist()
    assert run_blocks(VolumeSum(volume), range(6), executor="processes", threads=2) == expected


def test_temporary_folder_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from volio_worker_tasks import Scaled

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with ProcessExecutor(1) as executor:
        run_blocks(Scaled(), [slice(0, 9)], executor=executor)
        assert [list(folder.iterdir()) for folder in tmp_path.iterdir()] == [[]]
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(processes, "save_parcel", full)
    with ProcessExecutor(1) as executor, pytest.raises(OutputError, match=r"No space left.*: set TMPDIR"):
        run_blocks(abs, [1], executor=executor)


def test_what_runs_in_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from volio_worker_tasks import Scaled

    task = Scaled()
    save_parcel(Parcel(task), tmp_path)
    monkeypatch.setattr(processes, "_loaded", None)
    np.testing.assert_array_equal(load_parcel(tmp_path).values, task.values)
    found = processes._run(str(tmp_path), slice(0, 5))
    assert found["sum"] == task(slice(0, 5))["sum"]
    with pytest.raises(IndexError):
        processes._run(str(tmp_path), "x")

    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    gone = threading.Event()  # stands for the parent process

    class Parent:
        sentinel = "parent"

    monkeypatch.setattr(processes.multiprocessing, "parent_process", Parent)
    monkeypatch.setattr(processes, "wait", lambda things: things[1:] if gone.is_set() else things[:1])
    processes._watch("line", str(tmp_path))
    assert tmp_path.exists()
    gone.set()
    processes._watch("line", str(tmp_path))
    assert ended == [1, 1]
    assert not tmp_path.exists()


def test_how_a_worker_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "8")
    said: list[Any] = []
    monkeypatch.setattr(signal, "signal", lambda number, action: said.append((number, action)))
    monkeypatch.setattr(processes, "_watch", lambda *_: said.append("watches"))
    ready = threading.Event()
    processes._prepare(ready, None, "")
    assert ready.is_set()
    assert eventually(lambda: len(said) == 2)
    assert {(signal.SIGINT, signal.SIG_IGN), "watches"} == set(said)
    assert os.environ["VOLCORR_NUM_THREADS"] == "1"


def test_errors_that_arrive_and_those_that_would_not() -> None:
    from volio_worker_tasks import TwoArguments

    error = InputError("mine")
    assert processes._sendable(error) is error
    assert str(processes._sendable(TwoArguments("a", "b"))) == "TwoArguments: a at b"


def test_systems_without_signal_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(signal, "pthread_sigmask", raising=False)
    with ProcessExecutor(1) as executor:
        assert run_blocks(abs, [-1], executor=executor) == [1]
    executor._kill()  # nothing to end
