"""Run one task on many blocks, by any executor, with the results in the order of the blocks."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, cast

from volio.errors import InputError
from volio.progress import SupportsUpdate
from volio.threads import default_threads

__all__ = ["Executor", "SerialExecutor", "ThreadExecutor", "run_blocks"]

Block = TypeVar("Block")
Result = TypeVar("Result")


class Executor(Protocol):
    """What `run_blocks` needs of an executor."""

    def run(self, task: Callable[[Any], Any], blocks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Yield (index of the block, result) as each is done; the first exception cancels what waits."""
        ...


@dataclass(frozen=True)
class SerialExecutor:
    """One block after the other in the calling thread."""

    def run(self, task: Callable[[Any], Any], blocks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Yield (index, result) in order."""
        for index, block in enumerate(blocks):
            yield index, task(block)


@dataclass(frozen=True)
class ThreadExecutor:
    """Blocks in a pool of `threads` threads; pays where the task releases the GIL, as all our kernels do."""

    threads: int

    def run(self, task: Callable[[Any], Any], blocks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Yield (index, result) as completed; on any exception wait only for what is already running."""
        pool = ThreadPoolExecutor(self.threads, thread_name_prefix="volcorr")
        try:
            futures = {pool.submit(task, block): index for index, block in enumerate(blocks)}
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def run_blocks(
    task: Callable[[Block], Result],
    blocks: Sequence[Block],
    *,
    threads: int | None = None,
    executor: Literal["serial", "threads"] | Executor | None = None,
    progress: SupportsUpdate | None = None,
    weight: Callable[[Block], int] | None = None,
) -> list[Result]:
    """Run `task` on every block and return the results in the order of the blocks.

    Parameters
    ----------
    task : callable
        Called with one block. Blocks must not depend on each other: the answer must not depend on their
        order.
    blocks : sequence
        What the task is called with.
    threads : int, optional
        How many threads; `volio.default_threads` when not given. One thread runs serially.
    executor : {"serial", "threads"} or Executor, optional
        Where the blocks run; threads when not given.
    progress : Progress, optional
        Is told of each finished block, in the calling thread.
    weight : callable, optional
        How many units of progress a block counts; 1 when not given.

    Returns
    -------
    list
        One result a block.

    Raises
    ------
    InputError
        If `threads` is below 1 or the executor is unknown.
    Exception
        The first exception of a task; the blocks that have not started are cancelled. The same holds for
        KeyboardInterrupt.
    """
    results: list[Result | None] = [None] * len(blocks)
    # closing the generator is what cancels the blocks that wait, also when the progress bar raises
    finished = cast("Any", _choose(executor, threads, len(blocks)).run(task, blocks))
    try:
        for index, result in finished:
            results[index] = result
            if progress is not None:
                progress.update(1 if weight is None else weight(blocks[index]))
    finally:
        if hasattr(finished, "close"):
            finished.close()
    return cast("list[Result]", results)


def _choose(executor: str | Executor | None, threads: int | None, count: int) -> Executor:
    if executor is not None and not isinstance(executor, str):
        return executor
    if executor not in (None, "serial", "threads"):
        raise InputError(f"executor must be 'serial', 'threads' or an Executor, got {executor!r}")
    if threads is not None and threads < 1:
        raise InputError(f"threads must be at least 1, got {threads}")
    number = min(threads or default_threads(), max(count, 1))
    return SerialExecutor() if executor == "serial" or number == 1 else ThreadExecutor(number)
