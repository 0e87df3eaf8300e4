"""Does a result depend on where it is computed, or on what happened meanwhile? It must not, to the last bit.

    python -m benchmarks.executors

One analytic pair is correlated by every executor; the fields are compared bit by bit. Then the command line is killed
(SIGKILL, at random moments) and started again with ``--resume`` until it has been killed ten times: the fields are
compared with those of a run that nothing disturbed. At last a worker of a dask cluster is killed while it works.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acquisition import compress
from benchmarks.engines import make_parser, save_report, tabulate
from benchmarks.fresh_process import ROOT, family
from benchmarks.pairs import Pair, make_pair, middle
from benchmarks.pictures import draw_bars

if TYPE_CHECKING:
    import xarray as xr

COMMAND = [sys.executable, "-c", "from volcorr.cli import main; main()"]
EXECUTORS = ("threads", "serial", "processes", "dask")
#: Little enough that the points are cut into many blocks.
MEMORY = 60_000_000


def same(one: "xr.Dataset", other: "xr.Dataset") -> bool:
    """Tell whether all variables are equal bit by bit (NaN equals NaN)."""
    return set(one.data_vars) == set(other.data_vars) and all(
        one[name].dtype == other[name].dtype and one[name].to_numpy().tobytes() == other[name].to_numpy().tobytes()
        for name in one.data_vars
    )


def compare_executors(pair: Pair, options: Any) -> list[dict[str, Any]]:
    """Correlate by every executor; of those that start processes, the second call of an open one counts."""
    import volcorr
    from volio import make_executor

    common = {"subset_size": 33, "spacing": options.spacing, "threads": options.threads, "progress": False}
    found: list[tuple[str, float, xr.Dataset]] = []
    for name in EXECUTORS:
        started = name in ("processes", "dask")
        extra = {"workers": options.threads} if started else {"threads": options.threads}
        with make_executor(name, **extra) as executor:
            for _ in range(2):
                begin = time.perf_counter()
                fields = volcorr.correlate(*pair, executor=executor if started else name, **common)
                seconds = time.perf_counter() - begin
        found.append((name, seconds, fields))
    for memory in (MEMORY, 4 * MEMORY):
        begin = time.perf_counter()
        fields = volcorr.correlate(*pair, memory=memory, **common)
        found.append((f"threads, memory {memory // 10**6} MB", time.perf_counter() - begin, fields))
    first = found[0][2]
    return [
        {"case": name, "seconds": seconds, "points": int(fields["cc"].size), "same": same(first, fields)}
        for name, seconds, fields in found
    ]


def start_command(files: list[Path], output: Path, options: Any) -> "subprocess.Popen[bytes]":
    """Start the command line with many small blocks."""
    settings = ["--spacing", options.spacing, "--memory", f"{MEMORY // 10**6}MB", "--threads", options.threads]
    arguments = [str(part) for part in ["dvc", *files, "-o", output, "--resume", *settings]]
    # in a session of its own, so that all that it starts is killed with it
    return subprocess.Popen(
        [*COMMAND, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def finish(process: "subprocess.Popen[bytes]") -> None:
    """Wait for the end, which must be a good one."""
    _, errors = process.communicate()
    if process.returncode not in (0, 1):
        raise SystemExit(f"volcorr dvc ended with {process.returncode}: {errors.decode().strip()[-2000:]}")


def kill_and_resume(pair: Pair, options: Any) -> dict[str, Any]:
    """Kill the command line again and again, resume it, and compare with a run that was left alone."""
    import volio
    from volcorr.fields import open_fields

    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [folder / "reference.tif", folder / "deformed.tif"]
        for volume, file in zip(pair, files, strict=True):
            volio.write(volio.Volume(volume), file)
        for output in ("warm", "undisturbed"):  # the first may compile
            begin = time.perf_counter()
            finish(start_command(files, folder / output, options))
            seconds = time.perf_counter() - begin
        truth = open_fields(folder / "undisturbed" / "fields.zarr").load()
        kills, runs, equal, moments, left = 0, 0, [], [], []
        while True:
            output = folder / f"killed{runs}"
            process = start_command(files, output, options)
            if kills < options.kills:
                moment = rng.uniform(0.1, 1.0) * seconds
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(moment)
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.communicate()
                    kills += 1
                    moments.append(moment)
                    left.append(len(list(folder.glob(f".{output.name}*/*.npz"))))
                    if not output.exists():  # else the result was complete
                        continue
            if process.poll() is None or not output.exists():
                finish(process)
            equal.append(same(truth, open_fields(output / "fields.zarr").load()))
            runs += 1
            if kills >= options.kills:
                break
    case = f"{kills} kills of the command line, resumed"
    return {"case": case, "seconds": seconds, "kills": kills, "runs": runs, "same": all(equal)} | {
        "moments": moments,
        "blocks_left": left,
        "points": int(truth["cc"].size),
    }


def kill_worker(pair: Pair, options: Any) -> dict[str, Any]:
    """Kill one of the workers of a dask cluster in the middle of the refinement."""
    import volcorr
    from volio import make_executor

    common = {"subset_size": 33, "spacing": options.spacing, "threads": options.threads, "progress": False}
    common |= {"memory": MEMORY}
    truth = volcorr.correlate(*pair, **common)
    killed: list[int] = []
    with make_executor("dask", workers=options.threads) as executor:
        client: Any = executor.client  # type: ignore[attr-defined]
        volcorr.correlate(*pair, executor=executor, **common)
        seconds: dict[str, float] = {}
        volcorr.correlate(*pair, executor=executor, timings=seconds, **common)
        before = seconds["read"] + seconds["start values"]
        victim = next(iter(client.run(os.getpid).values()))
        timer = threading.Timer(before + 0.4 * seconds["refinement"], lambda: kill(victim, killed))
        begin = time.perf_counter()
        timer.start()
        fields = volcorr.correlate(*pair, executor=executor, **common)
        wall = time.perf_counter() - begin
        timer.cancel()
    case = "dask, one worker killed at work" if killed else "dask, the worker was not killed in time"
    return {"case": case, "seconds": wall, "same": same(truth, fields), "points": int(fields["cc"].size)}


def kill(pid: int, killed: list[int]) -> None:
    """Kill a worker and note it."""
    if pid in family(os.getpid()):
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)


def main() -> None:
    """Run from the command line."""
    parser = make_parser(__doc__, "executors")
    parser.add_argument("--size", type=int, help="edge of the volumes in voxels; 224 without it")
    parser.add_argument("--spacing", type=int, default=8)
    parser.add_argument("--kills", type=int, help="how often the command line is killed; 10 without it")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    size = options.size or (112 if options.quick else 224)
    options.kills = options.kills or (2 if options.quick else 10)
    pair = make_pair(size, compress(0.03, centre=middle(size)))
    results = compare_executors(pair, options)
    results += [kill_and_resume(pair, options), kill_worker(pair, options)]
    columns = {
        "run": "{case}",
        "points": "{points}",
        "seconds": "{seconds:.1f}",
        "the same to the last bit": "{answer}",
    }
    records = [one | {"answer": "yes" if one["same"] else "NO"} for one in results]
    bars = {one["case"]: {"volcorr": one["seconds"]} for one in results if one["case"] in EXECUTORS}
    lines = [f"{size}³ voxels, {results[0]['points']} points, {options.threads} threads or workers"]
    picture = options.output.with_suffix(".png")
    draw_bars(bars, picture, title="Seconds by executor", lines=lines, ylabel="seconds")
    report = {"size": size, "spacing": options.spacing, "results": results}
    save_report(options.output, report, tabulate(records, columns))
    if not all(one["same"] for one in results):
        raise SystemExit("some results differ")


if __name__ == "__main__":
    main()
