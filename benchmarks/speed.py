"""Speed of the whole call, against the packages that a user would pick, on one pair in one run; and what else costs.

    python -m benchmarks.speed --peers ~/peers/bin/python
    python -m benchmarks.speed --parts calls --subsets 33 --peers ~/peers/bin/python --packages al-dvc spam

A 256^3 analytic texture, SNR 20, 8 bits, points every 16 voxels, two threads or processes. Parts:

`calls`: 2 % compression, whole calls from two arrays to the displacements. Each package finds its own start values:
volcorr and al-dvc with their pyramids, spam with a search of +-4 voxels, which is enough here. Al-dvc runs with
B-splines, as volcorr does, and without its global step. Compiling, starting Python and reading files are not counted.
The packages take turns, and each number is the median over the turns.
`motions`: volcorr when the volume is turned by 5 degrees about z, or compressed by 10 % along x, where subset rows run
askew through the volume.
`options`: quadratic subsets, quintic splines.
`iterations`: what a point of 33^3 costs before its first iteration, and with each, on one thread.
`starts`: the start values alone, where the motion is large; lost are points that the whole call does not find.
`first`: the first call ever (kernels are compiled) and the first of a later process, with a small volume.
`memory`: the peak of a process that holds two 8-bit volumes, less that of one that correlated two small ones.
"""

import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from acquisition import compress, rotate, translate
from acquisition.motion import Motion
from benchmarks.engines import Outcome, PointGrid, make_parser, run_peer, run_volcorr, save_report, tabulate
from benchmarks.fresh_process import run_fresh
from benchmarks.pairs import Pair, make_pair, middle
from benchmarks.pictures import draw_bars

SPACING = 16
PARTS = ("calls", "motions", "options", "iterations", "starts", "first", "memory")
SEARCH = {"spam": {"search": 4}, "al-dvc": {}}


def median_run(run: Callable[[], Outcome], repeats: int) -> Outcome:
    """Repeat and return the run whose wall time is the median."""
    return sorted((run() for _ in range(repeats)), key=lambda one: one.wall)[repeats // 2]


def describe(outcome: Outcome, truth: np.ndarray, judged: np.ndarray | None = None) -> dict[str, Any]:
    """Say how fast and how good; `judged` (n,) are the points that are held against the truth."""
    judged = np.ones(len(truth), bool) if judged is None else judged
    error = (outcome.u - truth)[outcome.valid & judged]
    mean = error.mean(0)
    refinement = outcome.stages.get("refinement")
    return {
        "engine": outcome.engine,
        "version": outcome.version,
        "points": len(truth),
        "kept": float(outcome.valid[judged].mean()),
        "lost": float(1 - np.mean((np.abs(outcome.u - truth) < 0.5).all(1)[judged])),
        "wall": outcome.wall,
        "cpu": outcome.cpu,
        "points_per_second": len(truth) / outcome.wall,
        "refined_per_second": len(truth) / refinement if outcome.engine == "volcorr" and refinement else None,
        "random": float(np.sqrt(np.mean((error - mean) ** 2))),
        "bias": float(np.abs(mean).max()),
        "stages": dict(outcome.stages),
    }


def measure_calls(options: Any) -> list[dict[str, Any]]:
    """Run every package with every subset size, in turns."""
    size = options.size
    motion = compress(0.02, centre=middle(size))
    pair = make_pair(size, motion)
    results = []
    for subset in options.subsets:
        grid = PointGrid.inside(pair[0].shape, margin=subset // 2 + 8, spacing=SPACING)
        common = {"subset_size": subset, "threads": options.threads}
        runs: dict[str, list[Outcome]] = {}
        for _ in range(options.repeats):
            runs.setdefault("volcorr", []).append(run_volcorr(*pair, grid, **common))
            for name in options.packages if options.peers else ():
                runs.setdefault(name, []).append(run_peer(name, options.peers, *pair, grid, **common, **SEARCH[name]))
        truth = motion.displacement(grid.points)
        ours = statistics.median(one.wall for one in runs["volcorr"])
        for repeated in runs.values():
            chosen = sorted(repeated, key=lambda one: one.wall)[len(repeated) // 2]
            ratio = {"subset_size": subset, "volcorr_is_faster_by": chosen.wall / ours}
            results.append(describe(chosen, truth) | ratio | {"walls": [one.wall for one in repeated]})
    return results


def measure_alone(options: Any, *, part: str) -> list[dict[str, Any]]:
    """Run volcorr on harder motions, or with dearer options."""
    size, subset = options.size, 33
    base = compress(0.02, centre=middle(size))
    if part == "motions":
        cases: dict[str, tuple[Motion, dict[str, Any]]] = {
            "compression 2 % along z": (base, {}),
            "rotation 5° about z": (rotate(5.0, centre=middle(size)), {}),
            "compression 10 % along x": (compress(0.10, centre=middle(size), axis=2), {}),
        }
    else:
        cases = {
            "affine, cubic": (base, {}),
            "quadratic, cubic": (base, {"shape": "quadratic"}),
            "affine, quintic": (base, {"spline": "quintic"}),
        }
    grid = PointGrid.inside((size,) * 3, margin=subset // 2 + (12 if options.quick else 30), spacing=SPACING)
    results = []
    for name, (motion, extra) in cases.items():
        pair = make_pair(size, motion)
        common = {"subset_size": subset, "threads": options.threads} | extra
        run_volcorr(*(volume[:96, :96, :96] for volume in pair), small_grid(), **common)  # compiles
        chosen = median_run(lambda pair=pair, common=common: run_volcorr(*pair, grid, **common), options.repeats)
        results.append({"case": name} | describe(chosen, motion.displacement(grid.points)))
    for one in results:
        one["rate_to_first"] = one["refined_per_second"] / results[0]["refined_per_second"]
    return results


def small_grid() -> PointGrid:
    """Return a grid for a call that only compiles."""
    return PointGrid.inside((96,) * 3, margin=25, spacing=SPACING)


def measure_starts(options: Any) -> list[dict[str, Any]]:
    """Time the start values of large motions, and count the points that the whole call loses."""
    size, half = options.size, 16
    cases = {
        "shift 20.3 along each axis": translate((20.3,) * 3),
        "compression 10 % about a face": compress(0.10, centre=(0.0, *middle(size)[1:])),
        "rotation 10° about z": rotate(10.0, centre=middle(size)),
    }
    results = []
    for spacing, (name, motion) in itertools.product((SPACING, SPACING // 2), cases.items()):
        pair = make_pair(size, motion)
        grid = PointGrid.inside(pair[0].shape, margin=half + 8, spacing=spacing)
        judged = grid.reached(motion, pair[0].shape, half)
        seconds, error = time_starts(pair, grid, motion, options)
        whole = run_volcorr(*pair, grid, subset_size=33, threads=options.threads)
        results.append(
            {
                "case": name,
                "spacing": spacing,
                "points": len(grid.points),
                "judged": int(judged.sum()),
                "points_per_second": len(grid.points) / seconds,
                "seconds": seconds,
                "median_error": float(np.nanmedian(error[judged])),
                "largest_error": float(np.nanmax(error[judged])),
                "without": float(np.isnan(error[judged]).mean()),
                "lost": describe(whole, motion.displacement(grid.points), judged)["lost"],
            }
        )
    return results


def time_starts(pair: Pair, grid: PointGrid, motion: Motion, options: Any) -> tuple[float, np.ndarray]:
    """Return the median seconds of the start values, pyramid included, and their errors (n,) in voxels."""
    from volcorr.pyramid import make_pyramid
    from volcorr.start_values import find_start_values

    walls = []
    for _ in range(options.repeats):
        begin = time.perf_counter()
        pyramid = make_pyramid(*pair, threads=options.threads)
        start = find_start_values(pyramid, grid.points, threads=options.threads).parameters
        walls.append(time.perf_counter() - begin)
    error = np.abs(start[:, :, 0] - motion.displacement(grid.points)).max(1)
    return statistics.median(walls), error


def measure_iterations(options: Any) -> list[dict[str, Any]]:
    """Time the refinement of some points, whose start values are good, with a fixed number of iterations."""
    from volcorr.icgn import Matching, refine
    from volcorr.pyramid import make_pyramid
    from volcorr.start_values import find_start_values

    size, count = options.size, 256
    pyramid = make_pyramid(*make_pair(size, compress(0.02, centre=middle(size)), snr=20), threads=options.threads)
    points = PointGrid.inside((size,) * 3, margin=24, spacing=SPACING).points
    points = points[(len(points) - count) // 2 :][:count]
    start = find_start_values(pyramid, points, threads=options.threads).parameters
    results = []
    for shape, spline in (("affine", "cubic"), ("quadratic", "cubic"), ("affine", "quintic")):
        padded = np.pad(start, ((0, 0), (0, 0), (0, 6 if shape == "quadratic" else 0)))

        def cost(iterations: int, shape: str = shape, spline: str = spline, padded: np.ndarray = padded) -> float:
            matching = Matching(half=(16,) * 3, shape=shape, spline=spline, max_iterations=iterations, tolerance=0.0)
            seconds = []
            for _ in range(options.repeats + 2):
                begin = time.process_time()
                refine(pyramid.reference, pyramid.deformed, points, padded, matching, threads=1)
                seconds.append(time.process_time() - begin)
            return min(seconds) / count

        first, second, last = cost(0), cost(1), cost(4)
        results.append(
            {"case": f"{shape}, {spline}", "before": 1e3 * first, "one": 1e3 * (second - first)}
            | {"each": 1e3 * (last - second) / 3}
        )
    return results


def measure_first(options: Any) -> list[dict[str, Any]]:
    """Time calls in new processes: with an empty folder of compiled kernels, and with a full one."""
    pair = make_pair(64, compress(0.02, centre=middle(64)))
    with tempfile.TemporaryDirectory() as folder:
        files = save_pair(pair, Path(folder))
        environment = {"NUMBA_CACHE_DIR": os.path.join(folder, "kernels")}
        results = [run_fresh("calls", files, environment=environment) for _ in range(2)]
    names = ("first process ever", "second process")
    return [
        {"case": name, "first": result["calls"][0], "second": result["calls"][1]} | result
        for name, result in zip(names, results, strict=True)
    ]


def save_pair(pair: Pair, folder: Path) -> list[Path]:
    """Save two volumes as .npy and return the files."""
    files = [folder / f"{name}.npy" for name in ("reference", "deformed")]
    for file, volume in zip(files, pair, strict=True):
        np.save(file, volume)
    return files


def measure_memory(options: Any) -> list[dict[str, Any]]:
    """Measure peaks of processes that correlate two 8-bit volumes, less that of a small pair."""
    from scipy import ndimage

    results: list[dict[str, Any]] = []
    rng = np.random.default_rng(0)
    for edge in (64, 128, 160) if options.quick else (64, 256, 384, 512):
        noise = ndimage.gaussian_filter(rng.standard_normal((edge,) * 3, dtype=np.float32), 1.5)
        reference = np.clip(128 + 20 * noise / noise.std(), 0, 255).astype(np.uint8)
        with tempfile.TemporaryDirectory() as folder:
            found = run_fresh("memory", save_pair((reference, np.roll(reference, (2, 1, 3), (0, 1, 2))), Path(folder)))
        found |= {"edge": edge, "megabytes": found["peak"] / 1e6}
        if results:
            found["bytes_per_voxel"] = (found["peak"] - results[0]["peak"]) / (edge**3 - results[0]["edge"] ** 3)
        results.append(found)
    return results


#: Part, headings of its table, and how the cells are made.
TABLES = {
    "calls": {
        "subset": "{subset_size}³",
        "package": "{engine} {version}",
        "points/s": "{points_per_second:.0f}",
        "wall s": "{wall:.2f}",
        "CPU s": "{cpu:.2f}",
        "kept": "{kept:.1%}",
        "bias": "{bias:.1e}",
        "random": "{random:.2e}",
        "volcorr is faster by": "{volcorr_is_faster_by:.1f}",
    },
    "motions": {
        "motion": "{case}",
        "points/s, whole call": "{points_per_second:.0f}",
        "points/s, refinement": "{refined_per_second:.0f}",
        "refinement to the first": "{rate_to_first:.2f}",
        "kept": "{kept:.1%}",
        "random": "{random:.2e}",
    },
    "iterations": {
        "CPU ms a point": "{case}",
        "before the first iteration, windows read": "{before:.2f}",
        "first iteration": "{one:.2f}",
        "each further one": "{each:.2f}",
    },
    "starts": {
        "start values": "{case}",
        "spacing": "{spacing}",
        "points/s": "{points_per_second:.0f}",
        "median error": "{median_error:.3f}",
        "largest": "{largest_error:.2f}",
        "without start value": "{without:.2%}",
        "points judged": "{judged} of {points}",
        "lost by the whole call": "{lost:.2%}",
    },
    "first": {
        "64³ voxels": "{case}",
        "import s": "{import:.2f}",
        "first call s": "{first:.2f}",
        "second call s": "{second:.2f}",
        "whole process s": "{wall:.1f}",
    },
    "memory": {
        "two 8-bit volumes of": "{edge}³",
        "peak MB": "{megabytes:.0f}",
        "bytes a voxel beyond the first row": "{bytes_per_voxel:.1f}",
    },
}
TABLES["options"] = {"options": "{case}"} | dict(list(TABLES["motions"].items())[1:])


def make_tables(report: dict[str, Any]) -> str:
    """Format what was measured, a table a part."""
    return "\n\n".join(tabulate(report[part], TABLES[part]) for part in PARTS if part in report)


def main() -> None:
    """Run from the command line."""
    parser = make_parser(__doc__, "speed", packages=("al-dvc",))
    parser.add_argument("--size", type=int, help="edge of the volumes in voxels; 256 without it")
    parser.add_argument("--subsets", type=int, nargs="+", default=[33, 21, 41])
    parser.add_argument("--repeats", type=int, default=3, help="turns; the median counts")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    options.size = options.size or (128 if options.quick else 256)
    options.repeats = 1 if options.quick else options.repeats
    if options.quick:
        options.subsets = options.subsets[:2]
    compiled = make_pair(96, compress(0.02, centre=middle(96)))
    run_volcorr(*compiled, small_grid(), subset_size=33, threads=options.threads)
    measures: dict[str, Callable[[Any], list[dict[str, Any]]]] = {
        "calls": measure_calls,
        "motions": lambda chosen: measure_alone(chosen, part="motions"),
        "options": lambda chosen: measure_alone(chosen, part="options"),
        "iterations": measure_iterations,
        "starts": measure_starts,
        "first": measure_first,
        "memory": measure_memory,
    }
    settings = {key: str(value) for key, value in vars(options).items() if key not in ("peers", "output")}
    report: dict[str, Any] = {"settings": settings}
    for part in options.parts:
        report[part] = measures[part](options)
    save_report(options.output, report, make_tables(report))
    if "calls" in report:
        groups: dict[str, dict[str, float]] = {}
        for one in report["calls"]:
            groups.setdefault(f"{one['subset_size']}³", {})[one["engine"]] = one["points_per_second"]
        lines = [f"{options.size}³ voxels, spacing {SPACING}, SNR 20, whole calls, {options.threads} threads"]
        picture = options.output.with_suffix(".png")
        draw_bars(groups, picture, title="Points per second", lines=lines, ylabel="points/s")


if __name__ == "__main__":
    main()
