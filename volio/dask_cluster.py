"""Blocks on a dask cluster: one made for the run on this machine, or one that runs already."""

import logging
import os
import pickle
import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from volio.blocks import AHEAD, in_flight
from volio.errors import InputError, VolcorrError
from volio.memory import available_memory
from volio.parcels import Parcel
from volio.threads import ONE_THREAD, VARIABLE, limit_threads

__all__ = ["DaskExecutor", "connect"]

logger = logging.getLogger(__name__)

#: Seconds that a scheduler has to answer, and after which the wait for workers is said again.
PATIENCE = 30
#: How often in a row all workers may be lost without a block getting done.
MOST_LOSSES = 3
#: How many blocks in a row may be dropped before the run is given up.
MOST_DROPS = 1000
#: Seconds for which the number of workers is taken as known.
COUNT_EVERY = 2.0

_CURE = ", most likely killed for lack of memory: use smaller blocks, or give the workers more memory"


class DaskExecutor:
    """Blocks on the workers of a dask client.

    The task is sent to each worker once, not with each block. The blocks of a worker that dies run again elsewhere; a
    block that kills several workers ends the run. An exception of a task is raised at once and is not retried.

    Parameters
    ----------
    client : distributed.Client
        Stays open. With dask-jobqueue: ``DaskExecutor(SLURMCluster(...).get_client())``.
    """

    def __init__(self, client: Any) -> None:
        self.client = client

    @property
    def workers(self) -> int:
        """Threads that all workers have together, 1 at least."""
        return max(int(sum(self.client.nthreads().values())), 1)

    def run(self, task: Callable[[Any], Any], blocks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Yield (index, result) as completed; on any exception the blocks that have not started are cancelled.

        Raises
        ------
        InputError
            If the task cannot be pickled.
        VolcorrError
            If a block kills its workers again and again, or the scheduler is lost.
        """
        if not blocks:
            return
        killed = import_module("distributed").KilledWorker
        shipped = _Shipped(self.client, task)
        try:
            for finished in in_flight(shipped.submit, blocks, _Ahead(self.client), renew=shipped.renew):
                shipped.losses = shipped.drops = 0
                yield finished
        except killed as error:
            raise VolcorrError(f"a block ended every dask worker that it ran on{_CURE}") from error
        finally:
            shipped.cancel()


class _Shipped:
    """The task on its way: held by the workers, sent anew when all that held it are gone."""

    def __init__(self, client: Any, task: Any) -> None:
        self.client = client
        self.dumps = import_module("cloudpickle").dumps
        self.parcel = Parcel(task, self.dumps)
        self.losses = self.drops = 0
        self.out: set[Any] = set()
        self.send()

    def send(self) -> None:
        _await_worker(self.client)
        key = f"volcorr-task-{uuid.uuid4().hex}"
        try:
            self.future = self.client.scatter({key: self.parcel}, broadcast=True)[key]
        except (OSError, TimeoutError) as error:
            raise _lost(error) from error

    def submit(self, block: Any) -> "Future[Any]":
        """Hand out a block; its future is one that `in_flight` can wait for."""
        # pickled here, so that dask takes no list or string in a block for one of its own keys
        remote = self.client.submit(_run, self.future, self.dumps(block), pure=False)
        local: Future[Any] = Future()

        def settle(remote: Any) -> None:
            self.out.discard(remote)
            if not local.set_running_or_notify_cancel():
                return
            try:
                local.set_result(remote.result())
            except BaseException as error:  # also that it was cancelled: all is told to whoever waits
                local.set_exception(error)

        self.out.add(remote)
        remote.add_done_callback(settle)
        return local

    def cancel(self) -> None:
        """Drop what was handed out and is not done; what runs goes on to its end."""
        if self.out and self.client.status == "running":
            self.client.cancel(list(self.out))

    def renew(self) -> None:
        """Send the task again if that is why a block was dropped."""
        self.drops += 1
        if self.client.status != "running" or self.drops > MOST_DROPS:
            raise _lost("it dropped the blocks that were in work")
        if self.future.status != "finished":
            self.losses += 1
            if self.losses > MOST_LOSSES:
                raise VolcorrError(f"all dask workers were lost {self.losses} times and no block got done{_CURE}")
            logger.warning("all dask workers that held the task are gone: it is sent anew")
            self.send()


class _Ahead:
    """How many blocks may be out, for a cluster that grows and shrinks."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.counted = float("-inf")
        self.number = AHEAD

    def __call__(self) -> int:
        if time.monotonic() - self.counted > COUNT_EVERY:
            try:
                self.number = AHEAD * max(sum(self.client.nthreads().values()), 1)
            except OSError as error:
                raise _lost(error) from error
            self.counted = time.monotonic()
        return self.number


@contextmanager
def connect(scheduler: str | Path | None = None, *, workers: int = 1) -> Iterator[Any]:
    """Open a client of a running scheduler, or of a new cluster on this machine, and close what was opened.

    Parameters
    ----------
    scheduler : str or path, optional
        Address or scheduler file of a running scheduler, which goes on running.
    workers : int
        Processes of a new cluster, of one thread each.

    Yields
    ------
    distributed.Client

    Raises
    ------
    InputError
        If dask is not installed, or there is no such scheduler.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise InputError('the executor dask needs dask.distributed: pip install "volcorr[dask]"') from error
    with ExitStack() as stack:
        _quiet(stack, logging.getLogger("distributed.client"))
        if scheduler is None:
            cluster = distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=":0",
                memory_limit=available_memory() // workers,
                silence_logs=logging.CRITICAL,
                env=ONE_THREAD,
            )
            address: dict[str, Any] = {"address": stack.enter_context(cluster)}
        else:
            address = _address(scheduler)
        try:
            client = distributed.Client(**address, set_as_default=False, timeout=PATIENCE)
        except (OSError, TimeoutError, ValueError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"no dask scheduler answers at {scheduler} within {PATIENCE} s ({reason}): check that it runs"
            ) from error
        yield stack.enter_context(client)


def _quiet(stack: ExitStack, log: logging.Logger) -> None:
    """Keep the tracebacks of a lost scheduler from the terminal: it is told in one line."""
    stack.callback(log.setLevel, log.level)
    log.setLevel(logging.CRITICAL)


def _address(scheduler: str | Path) -> dict[str, Any]:
    if Path(scheduler).is_file():
        return {"scheduler_file": str(scheduler)}
    if not re.fullmatch(r"(\w+://)?[^/]+:\d+", str(scheduler)):
        raise InputError(
            f"scheduler {str(scheduler)!r} is neither an address such as tcp://node17:8786 nor an existing scheduler "
            "file: start one with dask scheduler --scheduler-file FILE"
        )
    return {"address": str(scheduler)}


def _await_worker(client: Any) -> None:
    """Wait until there is a worker: in the queue of a cluster that may take hours."""
    while True:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
            return
        except TimeoutError:
            if type(client.cluster).__name__ == "LocalCluster":  # it has no queue: nobody will come
                raise VolcorrError(f"all workers of the dask cluster on this machine are gone{_CURE}") from None
            logger.warning("waiting for dask workers: none has joined the scheduler yet")
        except OSError as error:
            raise _lost(error) from error


def _lost(reason: BaseException | str) -> VolcorrError:
    text = " ".join(str(reason).split()) or type(reason).__name__
    return VolcorrError(f"the dask scheduler was lost ({text}): see its log, and run again to go on")


def _run(parcel: Parcel, block: bytes) -> Any:
    """Run one block: this is what the workers are sent."""
    if VARIABLE not in os.environ:  # else whoever started the worker has decided
        limit_threads()
    return parcel.open()(pickle.loads(block))
