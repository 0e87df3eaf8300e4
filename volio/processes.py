"""Blocks in worker processes of this machine, for tasks that hold the GIL and to share memory on many cores."""

import multiprocessing
import os
import pickle
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from volio.blocks import AHEAD, in_flight
from volio.errors import OutputError, VolcorrError
from volio.parcels import Parcel, load_parcel, save_parcel
from volio.threads import limit_threads

__all__ = ["ProcessExecutor"]


class ProcessExecutor:
    """Blocks in `workers` processes, each computing with one thread.

    The processes start with the first run and are kept for the next ones. The task is pickled once and each worker
    reads it once, however many blocks there are; arrays of the task are mapped from one temporary file, so they are
    in memory once for all workers. The workers end with this process, however it ends.

    Parameters
    ----------
    workers : int
        How many processes.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def run(self, task: Callable[[Any], Any], blocks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Yield (index, result) as completed; on any exception, an interrupt included, the workers are ended.

        Raises
        ------
        InputError
            If the task cannot be pickled.
        OutputError
            If the temporary folder has no room for its arrays.
        VolcorrError
            If a worker dies.
        """
        parcel = Parcel(task)
        if self._pool is None:
            self._start()
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            _write(parcel, folder)
            del parcel
            yield from in_flight(partial(self._submit, str(folder)), blocks, lambda: AHEAD * self.workers)
        except BrokenProcessPool as error:
            self._kill()
            raise VolcorrError(self._reason()) from error
        except BaseException:
            self._kill()
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> None:
        # spawn: a fork would copy locks that threads of this process hold
        context = multiprocessing.get_context("spawn")
        self._folder = tempfile.mkdtemp(prefix="volcorr-")
        self._ready = context.Event()
        self._tail, self._lifeline = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            self.workers, context, initializer=_prepare, initargs=(self._ready, self._tail, self._folder)
        )

    def _submit(self, folder: str, block: Any) -> "Future[Any]":
        assert self._pool is not None
        with _interrupts_held():
            return self._pool.submit(_run, folder, block)

    def _kill(self) -> None:
        """End the workers now, whatever they are doing."""
        if self._pool is None:
            return
        self._lifeline.close()
        # nothing is cancelled: a pool whose workers are gone ends all blocks itself, and trips over cancelled ones
        self._pool.shutdown(wait=True)
        self._tail.close()
        self._pool = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _reason(self) -> str:
        if self._ready.is_set():
            return (
                "a worker process died, most likely killed by the system for lack of memory: "
                "use fewer workers or smaller blocks"
            )
        return (
            "the worker processes could not start: in a script, put what you run under "
            'if __name__ == "__main__":, or use the executor threads'
        )


def _write(parcel: Parcel, folder: Path) -> None:
    try:
        save_parcel(parcel, folder)
    except OSError as error:
        raise OutputError(
            f"the temporary folder {folder.parent} cannot take the {parcel.__sizeof__() / 1e9:.1f} GB that all workers "
            f"share ({error.strerror or error}): set TMPDIR to a folder with room, or use the executor threads"
        ) from error


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let processes start with SIGINT blocked: Ctrl-C reaches them too, but it is ours to deal with."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# What follows runs in the workers.

_loaded: tuple[str, Callable[[Any], Any]] | None = None


def _prepare(ready: Any, tail: Any, folder: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(tail, folder), daemon=True).start()
    limit_threads()
    ready.set()


def _watch(tail: Any, folder: str) -> None:
    """End this process when the parent lets go of the line, or is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    if parent.sentinel in wait([tail, parent.sentinel]):
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _run(folder: str, block: Any) -> Any:
    global _loaded
    if _loaded is None or _loaded[0] != folder:
        _loaded = None  # the earlier task makes room first
        _loaded = folder, load_parcel(Path(folder))
    try:
        return _loaded[1](block)
    except Exception as error:
        raise _sendable(error) from error


def _sendable(error: Exception) -> Exception:
    """Return an error that arrives: one that cannot be unpickled would take the whole pool with it."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever its own __init__ or __reduce__ raises
        return VolcorrError(f"{type(error).__name__}: {' '.join(str(error).split())}")
    return error
