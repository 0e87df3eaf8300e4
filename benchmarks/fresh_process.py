"""What a process of its own costs: the first call that compiles, the second, and the memory; watched from outside.

Called as ``python -m benchmarks.fresh_process calls REFERENCE DEFORMED`` (or ``memory``) by `benchmarks.speed`: prints
one line of JSON.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
POLL = 0.05  # seconds between two looks at a process
RECORD = 0.4  # and between two that are kept


@dataclass(frozen=True)
class Watched:
    """A command that was watched: exit code, wall seconds, output, and the largest resident memory in bytes.

    `peak` is the sum over the process and its children at the worst moment; pages that they share count for each.
    `history` is that sum over time: (seconds, bytes), a few a second.
    """

    code: int
    seconds: float
    peak: int
    out: str
    err: str
    history: list[tuple[float, int]]


def watch(command: Sequence[str | Path], *, environment: dict[str, str] | None = None) -> Watched:
    """Run a command to its end and look at its memory all along."""
    peak = highest = 0
    history: list[tuple[float, int]] = []
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        begin = time.perf_counter()
        with subprocess.Popen(
            [str(part) for part in command], stdout=out, stderr=err, cwd=ROOT, env=os.environ | (environment or {})
        ) as process:
            while process.poll() is None:
                now, at = sum(status_bytes(pid, "VmRSS") for pid in family(process.pid)), time.perf_counter() - begin
                peak = max(peak, now)
                if not history or at - history[-1][0] > RECORD:
                    history.append((at, now))
                else:  # the highest of the interval is kept
                    history[-1] = (history[-1][0], max(now, history[-1][1]))
                highest = max(highest, status_bytes(process.pid, "VmHWM"))
                time.sleep(POLL)
        seconds = time.perf_counter() - begin
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read())
    return Watched(process.returncode, seconds, max(peak, highest), *texts, history)


def status_bytes(pid: int, name: str) -> int:
    """Return an entry of /proc/PID/status in bytes; 0 where the process is gone or has no such entry."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(found[0]) * 1024 if found else 0


def family(pid: int) -> list[int]:
    """Return a process and all that it started, as far as they live."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += family(child)
    return found


def run_fresh(task: str, pair: Sequence[Path], *, environment: dict[str, str] | None = None) -> dict[str, float]:
    """Run a task of this module in a new process and return what it measured, with its wall seconds and peak."""
    done = watch([sys.executable, "-m", "benchmarks.fresh_process", task, *pair], environment=environment)
    if done.code != 0:
        raise SystemExit(f"the fresh process failed: {done.err.strip()[-2000:]}")
    return json.loads(done.out.splitlines()[-1]) | {"wall": done.seconds, "peak_outside": done.peak}


def main() -> None:
    """Correlate twice (calls), or once (memory), and tell seconds and peak."""
    task, *files = sys.argv[1:]
    begin = time.perf_counter()
    import numpy as np

    import volcorr
    from volio.memory import peak_memory

    imported = time.perf_counter()
    pair = [np.load(file) for file in files]
    seconds = []
    for _ in range(2 if task == "calls" else 1):
        start = time.perf_counter()
        volcorr.correlate(*pair, subset_size=33, spacing=16, threads=2, progress=False)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"import": imported - begin, "calls": seconds, "peak": peak_memory()}))


if __name__ == "__main__":
    main()
