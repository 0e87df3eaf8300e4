import os
import sys
from types import SimpleNamespace

import pytest

from volio import InputError, default_threads
from volio.threads import ONE_THREAD, limit_threads


def test_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOLCORR_NUM_THREADS", "3")
    assert default_threads() == 3


def test_cores_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOLCORR_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 5}, raising=False)
    assert default_threads() == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert default_threads() == 7


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_nonsense_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("VOLCORR_NUM_THREADS", text)
    with pytest.raises(InputError, match="VOLCORR_NUM_THREADS must be a whole number"):
        default_threads()


def test_a_worker_computes_with_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "8")
    told: list[int] = []
    monkeypatch.setitem(sys.modules, "numba", SimpleNamespace(set_num_threads=told.append))  # type: ignore[arg-type]
    limit_threads()
    assert default_threads() == 1
    assert os.environ["NUMBA_NUM_THREADS"] == os.environ["OMP_NUM_THREADS"] == "1"
    assert told == [1]
