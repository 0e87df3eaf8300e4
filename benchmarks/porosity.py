"""Pore sizes and mercury intrusion: speed and memory against peers, exactness, and what voxels do to a radius.

    python -m benchmarks.porosity --peers ~/peers/bin/python
    python -m benchmarks.porosity --parts speed --size 256

Volumes are thresholded Gaussian noise with a porosity of 0.5. Parts:

`speed`: every job in a process of its own, on the same file, the packages in turns; compiling is not counted. `cpsd`
is the pore size distribution (PoreSpy: integer radii only), `mip` the intrusion from all six faces (PoreSpy: integer
radii), `distance` the squared distance map (edt, in C++). `coarse` has pores with twice the radius.
`chunks`: a volume on disk, in chunks with little memory, against the same in one piece.
`exact`: many small random volumes against brute force, voxel by voxel.
`voxels`: spheres, cylinders and slits at random positions: how far measured radii are from the true ones.
"""

import json
import math
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engines import machine, make_parser, save_report, tabulate
from benchmarks.pictures import draw_curves

PARTS = ("speed", "chunks", "exact", "voxels")
PEER = Path(__file__).parent / "peers" / "run_porosity.py"
#: Job, and standard deviation of the Gaussian by the edge of the volume over 512.
JOBS = {"cpsd": 6.4, "cpsd coarse": 12.8, "mip": 6.4, "distance": 6.4}


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
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "pores.npy")
            np.save(file, make_blobs(edge, JOBS[name] * (1 if name == "mip" else options.size / 512)))
            ours = [sys.executable, "-m", "benchmarks.porosity", "--job", job, "--file", file]
            commands = {"volcorr": [*ours, "--threads", options.threads]}
            if options.peers and not (name == "cpsd coarse" and not options.slow):
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


def brute_levels(squared: np.ndarray, edges: tuple[float, ...], inlet: np.ndarray | None) -> np.ndarray:
    """Return squared radii level by level: erode, keep what hangs together with the inlet if there is one, dilate."""
    from scipy import ndimage

    out = np.zeros(squared.shape, np.int64)
    for level in np.unique(squared[squared > 0])[::-1]:
        kept = squared >= level
        if inlet is not None:
            numbers, _ = ndimage.label(kept)
            kept = np.isin(numbers, np.setdiff1d(numbers[inlet], 0))
        if kept.any():
            distance = np.rint(ndimage.distance_transform_edt(~kept, sampling=edges) ** 2)
            out[(out == 0) & (distance < level)] = level
    return out


def measure_exact(options: Any) -> list[dict[str, Any]]:
    """Count the voxels that differ from brute force, in random volumes with random voxels, up to 64 along an edge."""
    from scipy import ndimage

    from porosity import mip, pore_size_distribution

    rng = np.random.default_rng(1)
    results = {name: {"what": name, "volumes": 0, "voxels": 0, "different": 0} for name in ("pore sizes", "intrusion")}
    for _ in range(5 if options.quick else 40):
        shape = tuple(rng.integers(1, 65, 3))
        edges = tuple(int(e) for e in rng.integers(1, 4, 3))
        noise = ndimage.gaussian_filter(rng.normal(size=shape), rng.uniform(0, 3))
        pores = noise > np.quantile(noise, rng.uniform(0.1, 0.9))
        if not pores.any() or pores.all():
            continue
        squared = np.rint(ndimage.distance_transform_edt(pores, sampling=edges) ** 2).astype(np.int64)
        inlet = np.zeros(shape, bool)
        inlet[0] = True
        for name, call, faces in (
            ("pore sizes", pore_size_distribution, None),
            ("intrusion", partial(mip, inlet="z-"), inlet),
        ):
            truth = np.bincount(brute_levels(squared, edges, faces)[pores])
            curve = call(pores, voxel_size=edges, threads=options.threads)
            counts = np.zeros(max(len(truth), round(float(curve.radius[-1] ** 2)) + 1), np.int64)
            counts[: len(truth)] = -truth
            counts[np.rint(curve.radius**2).astype(int)] += np.rint(curve.volumes / np.prod(edges)).astype(int)
            results[name]["volumes"] += 1
            results[name]["voxels"] += pores.size
            results[name]["different"] += int(np.abs(counts).sum())
    return list(results.values())


def measure_voxels(options: Any) -> list[dict[str, Any]]:
    """Measure spheres, cylinders and slits of random radii at random positions, with and without grey values."""
    from porosity import pore_size_distribution

    rng = np.random.default_rng(2)
    results = []
    for shape in ("sphere", "cylinder", "slit"):
        for radius in (3.0, 5.0, 8.0, 12.0) if options.quick else (3.0, 4.0, 5.0, 6.5, 8.0, 10.0, 12.0, 16.0):
            errors, mended = [], []
            for _ in range(6 if options.quick else 16):
                true = radius + rng.uniform(-0.5, 0.5)
                distance = inside_distance(shape, true, rng)
                grey = np.clip(0.5 - distance, 0, 1)  # the share of solid of a voxel, nearly
                sizes = pore_size_distribution(distance > 0, voxel_size=1.0, grey=grey, threshold=0.5)
                errors.append(sizes.r50 - true)
                mended.append(sizes.sub_voxel.r50 - true)
            results.append(
                {
                    "shape": shape,
                    "radius": radius,
                    "error": float(np.mean(errors)),
                    "scatter": float(np.std(errors, ddof=1)),
                    "mended": float(np.mean(mended)),
                    "mended_scatter": float(np.std(mended, ddof=1)),
                }
            )
    return results


def inside_distance(shape: str, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Return how deep each voxel is inside a pore of known form (z, y, x), negative outside."""
    edge = int(2 * radius) + 9
    middle = (edge - 1) / 2 + rng.uniform(-0.5, 0.5, 3)
    away = np.stack(np.meshgrid(*[np.arange(edge)] * 3, indexing="ij"), -1) - middle
    if shape == "sphere":
        return radius - np.sqrt((away**2).sum(-1))
    if shape == "cylinder":
        return radius - np.sqrt((away[..., 1:] ** 2).sum(-1))
    return radius - np.abs(away[..., 0])


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
    "exact": {
        "what": "{what}",
        "random volumes": "{volumes}",
        "voxels": "{voxels}",
        "different from brute force": "{different}",
    },
    "voxels": {
        "pore": "{shape}",
        "radius": "{radius:g}",
        "r50 is off by": "{error:+.2f} ± {scatter:.2f}",
        "with grey values": "{mended:+.2f} ± {mended_scatter:.2f}",
    },
}


def draw(results: list[dict[str, Any]], path: Path) -> None:
    """Draw the error of the radius against the radius."""
    panels = []
    for key, title in (("error", "Segmented voxels"), ("mended", "With grey values")):
        curves = {}
        for shape in ("sphere", "cylinder", "slit"):
            chosen = [one for one in results if one["shape"] == shape]
            spread = [one["scatter" if key == "error" else "mended_scatter"] for one in chosen]
            curves[shape] = ([one["radius"] for one in chosen], [one[key] for one in chosen], spread)
        panels.append(
            {
                "curves": curves,
                "title": title,
                "xlabel": "true radius (voxel)",
                "ylabel": "r50 is off by (voxel)",
                "ylim": (-1.2, 1.2),
                "level": 0.0,
            }
        )
    lines = [
        "Spheres, cylinders and slits, radii within half a voxel, random positions; bands: scatter of one measurement"
    ]
    draw_curves(panels, path, title="What voxels do to a radius", lines=lines)


def main() -> None:
    """Run from the command line."""
    parser = make_parser(__doc__, "porosity")
    parser.add_argument("--peers", type=Path, help="Python of an environment with porespy==3.2.0 and edt")
    parser.add_argument("--size", type=int, help="edge of the volumes in voxels; 512 without it")
    parser.add_argument("--repeats", type=int, default=3, help="turns; the least CPU time counts")
    parser.add_argument("--slow", action="store_true", help="PoreSpy on coarse pores too: many minutes")
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--pictures", type=Path, help="folder of the picture; that of the output without it")
    parser.add_argument("--job", help="used by the benchmark itself: do one job")
    parser.add_argument("--file", type=Path, help="used by the benchmark itself: the volume")
    options = parser.parse_args()
    if options.job:
        print(json.dumps(run_job(options.job, options.file, options.threads)))
        return
    options.size = options.size or (128 if options.quick else 512)
    options.repeats = 1 if options.quick else options.repeats
    measures = {"speed": measure_speed, "chunks": measure_chunks, "exact": measure_exact, "voxels": measure_voxels}
    report: dict[str, Any] = {"machine": machine()}
    for part in options.parts:
        report[part] = measures[part](options)
    table = "\n\n".join(tabulate(report[part], TABLES[part]) for part in options.parts)
    save_report(options.output, report, table)
    if "voxels" in report:
        draw(report["voxels"], (options.pictures or options.output.parent) / "pore_size_voxels.png")


if __name__ == "__main__":
    main()
