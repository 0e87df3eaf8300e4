"""Where blocks run: in this thread, in threads, in processes, or on a dask cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from volio.blocks import Executor, ExecutorName, SerialExecutor, ThreadExecutor
from volio.errors import InputError
from volio.threads import default_threads

__all__ = ["make_executor"]

_NAMES = ("serial", "threads", "processes", "dask")


@contextmanager
def make_executor(
    spec: ExecutorName | Executor | None = None,
    *,
    threads: int | None = None,
    workers: int | None = None,
    scheduler: str | Path | None = None,
) -> Iterator[Executor]:
    """Open an executor for `run_blocks`, and close at the end what was opened for it.

    Whatever executor is chosen, the results are the same to the last bit.

    Parameters
    ----------
    spec : {"serial", "threads", "processes", "dask"} or Executor, optional
        When not given: dask if there is a `scheduler`, processes if there are `workers`, else threads. An
        executor that is open already is handed through and stays open.
    threads : int, optional
        How many blocks run at once on this machine; `volio.default_threads` when not given.
    workers : int, optional
        How many processes, or workers of a dask cluster on this machine; `threads` when not given.
    scheduler : str or path, optional
        A running dask scheduler: its address (``"tcp://node17:8786"``) or its scheduler file. Without it dask
        starts a cluster of its own on this machine.

    Yields
    ------
    Executor
        May be used for any number of calls of `run_blocks`, one at a time.

    Raises
    ------
    InputError
        If the options contradict each other, dask is not installed, or the scheduler does not answer.

    Examples
    --------
    >>> from volio import make_executor, run_blocks
    >>> with make_executor("threads", threads=2) as executor:
    ...     run_blocks(abs, [-1, 2, -3], executor=executor)
    [1, 2, 3]
    """
    for name, number in (("threads", threads), ("workers", workers)):
        if number is not None and number < 1:
            raise InputError(f"{name} must be at least 1, got {number}")
    if spec is not None and not isinstance(spec, str):
        if workers is not None or scheduler is not None:
            raise InputError("an executor that is open already has its workers: leave workers and scheduler out")
        yield spec
        return
    name = spec or ("dask" if scheduler is not None else "processes" if workers is not None else "threads")
    if name not in _NAMES:
        raise InputError(f"executor must be one of {', '.join(_NAMES)}, or an Executor, got {name!r}")
    if workers is not None and name in ("serial", "threads"):
        raise InputError(f"workers={workers} is for the executors processes and dask, not for {name}: give threads")
    if scheduler is not None and name != "dask":
        raise InputError(
            f"scheduler {str(scheduler)!r} is for the executor dask, not for {name}: leave one of them out"
        )
    if scheduler is not None and workers is not None:
        raise InputError(f"workers={workers} has no effect on a running scheduler, which has its own: leave it out")
    if name == "serial":
        yield SerialExecutor()
    elif name == "threads":
        yield ThreadExecutor(threads or default_threads())
    elif name == "processes":
        from volio.processes import ProcessExecutor

        with ProcessExecutor(workers or threads or default_threads()) as pool:
            yield pool
    else:
        from volio.dask_cluster import DaskExecutor, connect

        with connect(scheduler, workers=workers or threads or default_threads()) as client:
            yield DaskExecutor(client)
