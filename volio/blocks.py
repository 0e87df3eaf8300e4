"""Run one task on many blocks, by any executor, with the results in the order of the blocks."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, cast

from volio.progress import SupportsUpdate

__all__ = [
    "Executor",
    "ExecutorName",
    "SerialExecutor",
    "ThreadExecutor",
    "completed_blocks",
    "in_flight",
    "run_blocks",
]

Block = TypeVar("Block")
Result = TypeVar("Result")
ExecutorName = Literal["serial", "threads", "processes", "dask"]

#: Blocks handed out for each one that can run at once: nobody waits for work, and results do not pile up.
AHEAD = 2


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
        number = min(self.threads, len(blocks))
        if number <= 1:
            yield from SerialExecutor().run(task, blocks)
            return
        pool = ThreadPoolExecutor(number, thread_name_prefix="volcorr")
        try:
            yield from in_flight(lambda block: pool.submit(task, block), blocks, lambda: AHEAD * number)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def run_blocks(
    task: Callable[[Block], Result],
    blocks: Sequence[Block],
    *,
    threads: int | None = None,
    executor: ExecutorName | Executor | None = None,
    progress: SupportsUpdate | None = None,
    weight: Callable[[Block], int] | None = None,
) -> list[Result]:
    """Run `task` on every block and return the results in the order of the blocks.

    Parameters
    ----------
    task : callable
        Called with one block. Blocks must not depend on each other: the answer must not depend on their
        order. For processes and dask the task must be picklable (an object with ``__call__`` rather than a
        function inside a function), gets a copy of what it holds, and only what it returns comes back.
    blocks : sequence
        What the task is called with.
    threads : int, optional
        How many blocks run at once on this machine; `volio.default_threads` when not given.
    executor : {"serial", "threads", "processes", "dask"} or Executor, optional
        Where the blocks run; threads when not given. Processes and dask named by a string are started for
        this call alone, which takes seconds: `volio.make_executor` keeps them for many calls.
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
    VolcorrError
        If worker processes die.
    Exception
        The first exception of a task; the blocks that have not started are cancelled. The same holds for
        KeyboardInterrupt.
    """
    results: list[Result | None] = [None] * len(blocks)
    with ExitStack() as stack:
        for index, result in completed_blocks(stack, task, blocks, threads=threads, executor=executor):
            results[index] = result
            if progress is not None:
                progress.update(1 if weight is None else weight(blocks[index]))
    return cast("list[Result]", results)


def completed_blocks(
    stack: ExitStack,
    task: Callable[[Block], Result],
    blocks: Sequence[Block],
    *,
    threads: int | None = None,
    executor: ExecutorName | Executor | None = None,
) -> Iterator[tuple[int, Result]]:
    """Return an iterator of (index of the block, result) in the order in which the blocks get done.

    Parameters
    ----------
    stack : ExitStack
        When it is left, the blocks that wait are cancelled, and what was started for this call is closed.
    task, blocks, threads, executor
        See `run_blocks`.
    """
    from volio.executors import make_executor

    chosen = stack.enter_context(make_executor(executor, threads=threads))
    finished = cast("Any", chosen.run(task, blocks))
    # closing the generator is what cancels the blocks that wait, also when the progress bar raises
    stack.callback(getattr(finished, "close", lambda: None))
    return cast("Iterator[tuple[int, Result]]", finished)


def in_flight(
    submit: Callable[[Any], "Future[Any]"],
    blocks: Sequence[Any],
    ahead: Callable[[], int],
    *,
    renew: Callable[[], None] | None = None,
) -> Iterator[tuple[int, Any]]:
    """Yield (index, result) as completed, with at most `ahead()` blocks handed out at a time.

    What is handed out and not done when this ends is for the caller to cancel.

    Parameters
    ----------
    submit : callable
        Hands out a block and returns its future.
    blocks : sequence
        What `submit` is called with.
    ahead : callable
        Asked before each block how many may be out.
    renew : callable, optional
        Called when an executor dropped a block on its own account, before that block is handed out again; may
        raise. Without it the CancelledError goes to the caller.
    """
    waiting: dict[Future[Any], int] = {}
    numbers = iter(range(len(blocks)))
    while True:
        for index in itertools.islice(numbers, max(ahead() - len(waiting), 0)):
            waiting[submit(blocks[index])] = index
        if not waiting:
            return
        future = wait(waiting, return_when=FIRST_COMPLETED)[0].pop()
        index = waiting.pop(future)
        try:
            result = future.result()
        except CancelledError:
            if renew is None:
                raise
            renew()
            waiting[submit(blocks[index])] = index
            continue
        yield index, result
        del future, result  # not kept while the next is waited for
