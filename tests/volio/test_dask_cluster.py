import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from volio import InputError, VolcorrError, dask_cluster, run_blocks
from volio.dask_cluster import DaskExecutor, connect
from volio.executors import make_executor


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with connect(workers=2) as client:
        yield client


@pytest.fixture
def both(client: Any) -> Any:
    client.wait_for_workers(2, timeout=30)
    return client


def test_blocks_of_a_killed_worker_run_elsewhere(both: Any, tmp_path: Path) -> None:
    from volio_worker_tasks import die_once

    marker = tmp_path / "died"
    blocks = [(number, str(marker)) for number in range(30)]
    assert run_blocks(die_once, blocks, executor=DaskExecutor(both)) == list(range(30))
    assert marker.exists()


def test_the_task_is_sent_anew_when_all_workers_are_lost(both: Any, caplog: pytest.LogCaptureFixture) -> None:
    values = np.arange(100_000.0)

    class Killer:
        """Progress that kills all workers once."""

        done = 0

        def update(self, n: int = 1) -> None:
            self.done += n
            if self.done == 3:
                for pid in both.run(os.getpid).values():
                    os.kill(pid, signal.SIGKILL)

    def task(block: int) -> float:
        time.sleep(0.02)
        return float(values[block])

    assert run_blocks(task, range(40), executor=DaskExecutor(both), progress=Killer()) == list(range(40))
    assert any("it is sent anew" in record.getMessage() for record in caplog.records)


def test_a_block_that_kills_every_worker_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from volio_worker_tasks import die

    monkeypatch.setattr(dask_cluster, "PATIENCE", 10)
    with (
        connect(workers=2) as client,
        pytest.raises(VolcorrError, match=r"^(all|a block ended).* dask .*lack of memory: use smaller blocks.*$"),
    ):
        run_blocks(die, [0, 1, 2], executor=DaskExecutor(client))


def test_running_scheduler_by_address_and_file(both: Any, tmp_path: Path) -> None:
    address = both.scheduler.address
    file = tmp_path / "scheduler.json"
    file.write_text(json.dumps({"address": address, "workers": {}, "id": "x", "type": "Scheduler"}))
    for scheduler in (address, address.removeprefix("tcp://"), file):
        with make_executor(scheduler=scheduler) as executor:
            assert run_blocks(abs, [-1, -2], executor=executor) == [1, 2]
            assert run_blocks(abs, [], executor=executor) == []
    assert both.status == "running"


def test_blocks_are_not_taken_for_dask_keys(both: Any) -> None:
    blocks = [["a"], "a", ("a", 0), {"a": ["a"]}]
    assert run_blocks(lambda block: block, blocks, executor=DaskExecutor(both)) == blocks


def test_few_blocks_are_out_and_the_rest_is_cancelled(both: Any, tmp_path: Path) -> None:
    def task(block: int) -> int:
        (tmp_path / str(block)).touch()
        time.sleep(0.01)
        return block

    finished = DaskExecutor(both).run(task, range(500))
    next(finished)
    time.sleep(0.5)
    assert len(list(tmp_path.iterdir())) <= 6
    finished.close()  # type: ignore[attr-defined]


def test_a_scheduler_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dask_cluster, "PATIENCE", 0.2)
    with pytest.raises(InputError, match=r"^no dask scheduler answers at tcp://127\.0\.0\.1:1 within"):
        connect("tcp://127.0.0.1:1").__enter__()
    with pytest.raises(InputError, match=r"neither an address such as tcp://node17:8786 nor an existing"):
        connect(tmp_path / "none.json").__enter__()


def test_without_dask_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(dask_cluster, "import_module", missing)
    with pytest.raises(InputError, match=r'pip install "volcorr\[dask\]"$'):
        connect().__enter__()


class Stub:
    """A client whose scheduler goes away, or has no workers yet."""

    status = "running"
    cluster: Any = None

    def __init__(self) -> None:
        self.waits: list[Any] = [TimeoutError, None]
        self.sent = 0

    def wait_for_workers(self, n: int, timeout: float) -> None:
        outcome = self.waits.pop(0) if self.waits else None
        if outcome is not None:
            raise outcome

    def scatter(self, data: dict[str, Any], broadcast: bool) -> dict[str, Any]:
        self.sent += 1
        if self.status != "running":
            raise OSError("closed")
        return dict.fromkeys(data, type("Future", (), {"status": "cancelled"}))

    def nthreads(self) -> dict[str, int]:
        raise OSError("connection\nclosed")


def test_waits_for_workers_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    dask_cluster._Shipped(Stub(), abs)
    assert next(record.getMessage() for record in caplog.records).startswith("waiting for dask workers")


def test_a_cluster_of_this_machine_without_workers_ends_the_run() -> None:
    client = Stub()
    client.cluster = type("LocalCluster", (), {})()
    with pytest.raises(VolcorrError, match="on this machine are gone, most likely killed"):
        dask_cluster._Shipped(client, abs)


def test_a_lost_scheduler_is_one_line() -> None:
    client: Any = Stub()
    shipped = dask_cluster._Shipped(client, abs)
    shipped.renew()
    assert client.sent == 2
    with pytest.raises(VolcorrError, match=r"^the dask scheduler was lost \(connection closed\)"):
        dask_cluster._Ahead(client)()
    client.waits = [OSError("gone")]
    with pytest.raises(VolcorrError, match="lost"):
        shipped.renew()
    client.status = "closed"
    with pytest.raises(VolcorrError, match="lost"):
        shipped.renew()
    with pytest.raises(VolcorrError, match="lost"):
        shipped.send()
    shipped.cancel()


def test_what_runs_in_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    from volio.parcels import Parcel

    for name in dask_cluster.ONE_THREAD:
        monkeypatch.setenv(name, "4")
    assert dask_cluster._run(Parcel(abs), pickle.dumps(-3)) == 3
    assert os.environ["VOLCORR_NUM_THREADS"] == "4"  # set by whoever started the worker
    monkeypatch.delenv("VOLCORR_NUM_THREADS")  # dask itself sets OMP_NUM_THREADS
    assert dask_cluster._run(Parcel(abs), pickle.dumps(-3)) == 3
    assert os.environ["VOLCORR_NUM_THREADS"] == "1"
