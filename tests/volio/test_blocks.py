import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volio import InputError, SerialExecutor, ThreadExecutor, run_blocks
from volio.blocks import in_flight


class Counter:
    def __init__(self) -> None:
        self.steps: list[int] = []

    def update(self, n: int = 1) -> None:
        self.steps.append(n)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(), max_size=20), st.integers(1, 4), st.sampled_from(["serial", "threads", None]))
def test_results_are_in_the_order_of_the_blocks(blocks: list[int], threads: int, executor: Any) -> None:
    def task(block: int) -> int:
        time.sleep(0.001 * (block % 3 == 0))
        return block * 2

    assert run_blocks(task, blocks, threads=threads, executor=executor) == [2 * b for b in blocks]


@pytest.mark.parametrize("executor", ["serial", "threads"])
def test_progress_counts_weights(executor: Any) -> None:
    counter = Counter()
    run_blocks(str, [1, 2, 3], threads=2, executor=executor, progress=counter, weight=lambda b: 10 * b)
    assert sorted(counter.steps) == [10, 20, 30]
    counter = Counter()
    run_blocks(str, [1, 2, 3], threads=2, executor=executor, progress=counter)
    assert counter.steps == [1, 1, 1]


def test_threads_run_at_once() -> None:
    barrier = threading.Barrier(2, timeout=10)
    run_blocks(lambda _: barrier.wait(), [0, 1], threads=2)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_first_exception_cancels_the_rest(error: type[BaseException]) -> None:
    started: list[int] = []

    def task(block: int) -> None:
        started.append(block)
        if block == 0:
            raise error("stop")
        time.sleep(0.02)

    before = threading.active_count()
    with pytest.raises(error, match="stop"):
        run_blocks(task, range(200), threads=2)
    assert len(started) < 50
    assert threading.active_count() <= before


def test_interrupt_while_waiting_cancels() -> None:
    started: list[int] = []

    class Interrupted:
        def update(self, n: int = 1) -> None:
            raise KeyboardInterrupt

    def task(block: int) -> None:
        started.append(block)
        time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        run_blocks(task, range(200), threads=2, progress=Interrupted())
    before = len(started)
    time.sleep(0.05)
    assert len(started) == before < 50


@pytest.mark.parametrize("threads", [2, 3])
def test_few_results_wait_to_be_taken(threads: int) -> None:
    started: list[int] = []
    finished: Any = ThreadExecutor(threads).run(started.append, range(100))
    for count in range(1, 20):
        next(finished)
        time.sleep(0.002)
        assert len(started) <= count + 2 * threads
    finished.close()


def test_dropped_blocks_are_handed_out_again() -> None:
    def submit(block: int) -> "Future[int]":
        future: Future[int] = Future()
        if drops and block == 2:
            drops.pop()
            future.cancel()
            future.set_running_or_notify_cancel()
        else:
            future.set_result(block)
        return future

    drops, renewed = [1, 1], []
    assert sorted(in_flight(submit, range(5), lambda: 2, renew=lambda: renewed.append(1))) == [(i, i) for i in range(5)]
    assert renewed == [1, 1]
    drops.append(1)
    with pytest.raises(CancelledError):
        list(in_flight(submit, range(5), lambda: 2))


def test_own_executor() -> None:
    class Backwards:
        def run(self, task: Callable[[Any], Any], blocks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
            return iter([(i, task(blocks[i])) for i in reversed(range(len(blocks)))])

    assert run_blocks(lambda b: b + 1, [1, 2, 3], executor=Backwards()) == [2, 3, 4]
    assert run_blocks(abs, [-1], executor=SerialExecutor()) == [1]
    assert run_blocks(abs, [-1], executor=ThreadExecutor(2)) == [1]


def test_bad_options() -> None:
    with pytest.raises(InputError, match="executor must be"):
        run_blocks(abs, [1], executor="cluster")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="threads must be at least 1, got 0"):
        run_blocks(abs, [1], threads=0)
