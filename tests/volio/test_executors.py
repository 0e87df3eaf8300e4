import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from volio import InputError, SerialExecutor, ThreadExecutor, run_blocks
from volio.executors import make_executor

BLOCKS = [slice(i, i + 7001) for i in range(0, 100_000, 7001)]


@pytest.fixture(scope="module")
def executors() -> Iterator[dict[str, Any]]:
    with (
        make_executor("serial") as serial,
        make_executor("threads", threads=3) as threads,
        make_executor("processes", workers=2) as processes,
        make_executor("dask", workers=2) as dask,
    ):
        yield {"serial": serial, "threads": threads, "processes": processes, "dask": dask}


@pytest.mark.parametrize("name", ["threads", "processes", "dask"])
def test_results_are_the_same_to_the_last_bit(executors: dict[str, Any], name: str) -> None:
    from volio_worker_tasks import Scaled

    expected, found = (run_blocks(Scaled(), BLOCKS, executor=executors[chosen]) for chosen in ("serial", name))
    for a, b in zip(expected, found, strict=True):
        assert list(a) == list(b)
        for key in a:
            assert np.asarray(a[key]).dtype == np.asarray(b[key]).dtype
            assert np.asarray(a[key]).tobytes() == np.asarray(b[key]).tobytes()


@pytest.mark.parametrize("name", ["serial", "threads", "processes", "dask"])
def test_an_exception_comes_as_itself(executors: dict[str, Any], name: str) -> None:
    from volio_worker_tasks import fail

    with pytest.raises(InputError, match=r"^block 3 is not usable$"):
        run_blocks(fail, range(100), executor=executors[name])
    assert run_blocks(fail, [1, 2], executor=executors[name]) == [1, 2]


@pytest.mark.parametrize("name", ["processes", "dask"])
def test_workers_are_others_with_one_thread_each(executors: dict[str, Any], name: str) -> None:
    import os

    from volio_worker_tasks import where

    found = run_blocks(where, range(6), executor=executors[name])
    assert os.getpid() not in {pid for pid, *_ in found}
    assert {(own, numba) for _, own, numba, _ in found} == {("1", "1")}


@pytest.mark.parametrize("name", ["processes", "dask"])
def test_the_task_is_opened_once_a_worker(executors: dict[str, Any], name: str, tmp_path: Path) -> None:
    from volio_worker_tasks import Counting

    assert run_blocks(Counting(str(tmp_path)), range(40), executor=executors[name]) == [True] * 40
    # two workers; dask may drop a copy that nobody needs for a moment, and send it again
    assert 1 <= len(list(tmp_path.iterdir())) <= (2 if name == "processes" else 6)


def test_what_is_chosen_when_not_told() -> None:
    with make_executor(threads=2) as executor:
        assert executor == ThreadExecutor(2)
    with make_executor(workers=2) as executor:
        assert type(executor).__name__ == "ProcessExecutor"
    own = SerialExecutor()
    with make_executor(own) as executor:
        assert executor is own


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"spec": "cluster"},
            "executor must be one of serial, threads, processes, dask, or an Executor, got 'cluster'",
        ),
        ({"spec": "threads", "workers": 2}, "workers=2 is for the executors processes and dask"),
        ({"spec": "processes", "scheduler": "tcp://a:1"}, "is for the executor dask, not for processes"),
        ({"scheduler": "tcp://a:1", "workers": 2}, "no effect on a running scheduler"),
        ({"spec": SerialExecutor(), "workers": 2}, "leave workers and scheduler out"),
        ({"workers": 0}, "workers must be at least 1, got 0"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
    ],
)
def test_contradictions_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message), make_executor(**options):
        pass


def test_dask_is_imported_only_when_used() -> None:
    code = (
        "import sys; from volio.executors import make_executor\n"
        "with make_executor('threads', threads=2): pass\n"
        "print([name for name in ('dask', 'distributed', 'numpy', 'psutil') if name in sys.modules])"
    )
    start = time.monotonic()
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
    assert time.monotonic() - start < 10


def test_parcels_keep_arrays_beside_the_pickle() -> None:
    from volio.parcels import Parcel

    array = np.arange(50_000.0)
    parcel = Parcel({"big": array, "small": np.arange(3), "frozen": array[:0]})
    assert len(parcel.payload) < 2000
    assert parcel.__sizeof__() > array.nbytes
    opened = pickle.loads(pickle.dumps(parcel, protocol=5)).open()
    np.testing.assert_array_equal(opened["big"], array)
    assert opened["big"].flags.writeable
    assert parcel.open() is parcel.open()
