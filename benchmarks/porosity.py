"""Pore sizes and mercury intrusion: speed and memory against peers, exactness, and what voxels do to a radius.

    python -m benchmarks.porosity --peers ~/peers/bin/python
    python -m benchmarks.porosity --parts speed --size 256
    python -m benchmarks.porosity --parts large --folder FOLDER_WITH_8_GB

Volumes are thresholded Gaussian noise with a porosity of 0.5. Parts:

`speed`: every job in a process of its own, on the same file, the packages in turns; compiling is not counted. `cpsd`
is the pore size distribution (PoreSpy: integer radii only), `mip` the intrusion from all six faces (PoreSpy: integer
radii), `distance` the squared distance map (edt, in C++). `coarse` has pores of up to 60 voxels radius; `mip large`
is the intrusion of the volume of `cpsd`.
`chunks`: a volume on disk, in chunks with little memory, against the same in one piece.
`large`: 1500 x 1500 x 1200 voxels on disk, watched from outside, against a cube of `--size`; not part of a plain run.
`exact`: many small random volumes against brute force, voxel by voxel.
`voxels`: pores of known form at random positions: how far measured radii are from the true ones.
"""

import json
import logging
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engines import make_parser, save_report, tabulate
from benchmarks.large_pores import measure_file, measure_large
from benchmarks.pore_brute_force import compare_random
from benchmarks.voxel_error import draw_voxel_error, measure_voxels

PARTS = ("speed", "chunks", "exact", "voxels")
#: What is measured only when it is asked for.
MORE_PARTS = ("large",)
PEER = Path(__file__).parent / "peers" / "run_porosity.py"
#: Job, and standard deviation of the Gaussian in a volume of 512 voxels along an edge.
JOBS = {"cpsd": 6.4, "cpsd coarse": 19.5, "mip": 6.4, "mip large": 6.4, "distance": 6.4}


def make_blobs(edge: int, width: float, seed: int = 0) -> np.ndarray:
    """Return Gaussian noise of the standard deviation `width` that is True in half of the volume."""
    from scipy import ndimage

    noise = np.random.default_rng(seed).random((edge,) * 3, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, width, truncate=3)
    return noise < np.median(noise[::2, ::2, ::2])


def run_job(job: str, file: Path, threads: int) -> dict[str, Any]:
    """Do a job in this process, once on a corner, which compiles, and once on the whole."""
    from porosity import map_distances, mip, pore_size_distribution
    from volio import peak_memory

    calls = {"cpsd": pore_size_distribution, "mip": mip, "distance": map_distances}

    def call(pores: np.ndarray) -> Any:
        return calls[job](pores, voxel_size=1.0, threads=threads)

    if job == "chunks":

        def call(pores: Any) -> Any:
            return pore_size_distribution(pores, voxel_size=1.0, threads=threads, memory="600MB")

    pores = np.load(file, mmap_mode="r" if job == "chunks" else None)
    call(np.array(pores[:48, :48, :48]))
    wall, cpu = time.perf_counter(), time.process_time()
    found = call(pores)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    result = {"package": "volcorr", "wall": wall, "cpu": cpu, "peak": peak_memory()}
    if job == "distance":
        return result | {"mean": float(found.squared[pores].mean(dtype=float)), "largest": found.largest}
    return result | {"mean": found.mean_radius, "r50": found.r50, "largest": float(found.radius[-1])}


def run_apart(command: list[Any]) -> dict[str, Any]:
    """Run a command and return the JSON of its last line."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command} failed: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure_speed(options: Any) -> list[dict[str, Any]]:
    """Run every job with both packages in turns; the run with the least CPU time counts."""
    results = []
    for name in options.jobs:
        job, edge = name.split()[0], options.size // (2 if name == "mip" else 1)
        alone = name in ("cpsd coarse", "mip large") and not options.slow
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "pores.npy")
            np.save(file, make_blobs(edge, JOBS[name] * (1 if name == "mip" else options.size / 512)))
            ours = [sys.executable, "-m", "benchmarks.porosity", "--job", job, "--file", file]
            commands = {"volcorr": [*ours, "--threads", options.threads]}
            if options.peers and not alone:
                commands["peer"] = [options.peers, PEER, job, file, options.threads]
            runs: dict[str, list[dict[str, Any]]] = {}
            for _ in range(options.repeats):
                for who, command in commands.items():
                    if not (who == "peer" and runs.get(who) and runs[who][0]["cpu"] > 30):
                        runs.setdefault(who, []).append(run_apart(command))
        best = {who: min(found, key=lambda one: one["cpu"]) for who, found in runs.items()}
        for who, one in best.items():
            ratio = one["cpu"] / best["volcorr"]["cpu"] if who == "peer" else None
            results.append({"job": name, "edge": edge, "megabytes": one["peak"] / 1e6, "ratio": ratio} | one)
    return results


def measure_chunks(options: Any) -> list[dict[str, Any]]:
    """Measure volumes of two lengths on disk in chunks; the smaller also in one piece."""
    from porosity import pore_size_distribution

    results = []
    edge = options.size // 2
    cube = make_blobs(edge, 6.4)
    for copies in (1, 2, 4):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "pores.npy")
            whole = np.concatenate([cube, cube[::-1]] * (copies // 2) or [cube])
            np.save(file, whole)
            command = [sys.executable, "-m", "benchmarks.porosity", "--job", "chunks", "--file", file]
            one = run_apart([*command, "--threads", options.threads])
            same = pore_size_distribution(whole, voxel_size=1.0, threads=options.threads)
            equal = math.isclose(same.mean_radius, one["mean"], rel_tol=1e-14) and same.r50 == one["r50"]
        cost = {"per_voxel": 1e9 * one["cpu"] / whole.size, "megabytes": one["peak"] / 1e6, "equal": equal}
        results.append({"shape": " x ".join(map(str, whole.shape))} | one | cost)
    return results


TABLES = {
    "speed": {
        "job": "{job}, {edge}³",
        "package": "{package}",
        "CPU s": "{cpu:.2f}",
        "wall s": "{wall:.2f}",
        "peak MB": "{megabytes:.0f}",
        "mean": "{mean:.3f}",
        "r50": "{r50:.3f}",
        "CPU to ours": "{ratio:.1f}",
    },
    "chunks": {
        "on disk, in chunks": "{shape}",
        "CPU s": "{cpu:.2f}",
        "wall s": "{wall:.2f}",
        "peak MB": "{megabytes:.0f}",
        "ns a voxel": "{per_voxel:.0f}",
        "equal to one piece": "{equal}",
    },
    "large": {
        "on disk": "{shape}",
        "CPU s": "{cpu:.0f}",
        "wall s": "{wall:.0f}",
        "peak MB, from outside": "{megabytes:.0f}",
        "CPU ns a voxel": "{per_voxel:.0f}",
        "to the first": "{ratio:.2f}",
        "mean": "{mean:.4f}",
        "r50": "{r50:.4f}",
    },
    "exact": {
        "what": "{what}",
        "random volumes": "{volumes}",
        "voxels": "{voxels}",
        "largest": "{largest}",
        "voxels that differ from brute force": "{different}",
        "kinds": "{kinds}",
    },
    "voxels": {
        "pore": "{form}",
        "what is measured": "{what}",
        "radius": "{radius:g}",
        "it is off by": "{error:+.2f} ± {scatter:.2f}",
        "with grey values": "{mended:+.2f} ± {mended_scatter:.2f}",
    },
}


def main() -> None:
    """Run from the command line."""
    options = read_options()
    if options.job == "large":
        print(json.dumps(measure_file(options.file, options.kept, memory=options.memory, threads=options.threads)))
        return
    if options.job:
        print(json.dumps(run_job(options.job, options.file, options.threads)))
        return
    logging.getLogger("porosity").setLevel(logging.ERROR)  # small volumes have no interior
    options.size = options.size or (128 if options.quick else 512)
    options.repeats = 1 if options.quick else options.repeats
    measures: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "speed": lambda: measure_speed(options),
        "chunks": lambda: measure_chunks(options),
        "large": lambda: measure_large(options),
        "exact": lambda: compare_random(24 if options.quick else options.volumes, threads=options.threads),
        "voxels": lambda: measure_voxels(quick=options.quick),
    }
    report: dict[str, Any] = {part: measures[part]() for part in options.parts}
    table = "\n\n".join(tabulate(report[part], TABLES[part]) for part in options.parts)
    save_report(options.output, report, table)
    if "voxels" in report:
        draw_voxel_error(report["voxels"], (options.pictures or options.output.parent) / "pore_size_voxels.png")


def read_options() -> Any:
    """Return the options of the command line."""
    parser = make_parser(__doc__, "porosity")
    parser.add_argument("--peers", type=Path, help="Python of an environment with porespy==3.2.0 and edt")
    parser.add_argument("--size", type=int, help="edge of the volumes in voxels; 512 without it")
    parser.add_argument("--repeats", type=int, default=3, help="turns; the least CPU time counts")
    parser.add_argument("--volumes", type=int, default=320, help="random volumes of the part `exact`")
    parser.add_argument("--slow", action="store_true", help="PoreSpy on coarse pores and 512³ intrusion: many minutes")
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--parts", nargs="+", choices=[*PARTS, *MORE_PARTS], default=list(PARTS))
    parser.add_argument("--pictures", type=Path, help="folder of the picture; that of the output without it")
    large = parser.add_argument_group("part `large`")
    large.add_argument("--shape", type=int, nargs=3, default=(1500, 1500, 1200), help="voxels along z, y, x")
    large.add_argument("--memory", default="2GB", help="what the chunks may take")
    large.add_argument("--folder", type=Path, help="where the volume is written for the time being")
    large.add_argument("--kill-after", type=float, help="kill the run after so many seconds, then go on from there")
    own = parser.add_argument_group("used by the benchmark itself")
    own.add_argument("--job", help="do one job")
    own.add_argument("--file", type=Path, help="the volume")
    own.add_argument("--kept", type=Path, help="where finished chunks are kept")
    return parser.parse_args()


if __name__ == "__main__":
    main()
