"""Filtered back projection: speed and error, beside algotom and ASTRA, on the same rows in one run.

    python -m benchmarks.back_projection --peers ~/peers/bin/python
    python -m benchmarks.back_projection --sizes 512 --parts speed

The specimen is analytic: a disc full of particles, its line integrals averaged over the detector bins, and its truth
averaged over the pixels; other seeds place other particles. Parts:

`speed`: slices a second of the whole call, from rows in memory to slices, with the error against the truth. The peers
get fewer slices, and CPU seconds a slice are what is compared. Compiling is not counted.
With three sizes, such as ``--sizes 512 1024 2048``, the last is compared with what the first two predict.
`latency`: a single slice, as for a preview.

Filters, ranges and noise are those of `benchmarks.reconstruction_accuracy`.

RMSE is in 1/pixel (particles are 0.008, the matrix 0.002) inside 92 % of the width; slope is how much of a difference
between two places comes back, mean the ratio of the means.
"""

import json
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from acquisition.projections import EllipsePhantom, expose
from benchmarks.engines import machine, make_parser, save_report, tabulate
from benchmarks.pictures import draw_bars, draw_maps
from recon.reconstruction import reconstruct
from recon.scan import Scan

ANGLES = {128: 201, 256: 401, 512: 801, 1024: 1501, 2048: 2001}
PEER_SLICES = 2
PARTS = ("speed", "latency")


def directions(size: int, *, limited: bool = False) -> np.ndarray:
    """Return the angles of a scan, in radians."""
    count = ANGLES[size]
    degrees = np.linspace(-70, 70, count) if limited else np.linspace(0, 180, count, endpoint=False)
    return np.deg2rad(degrees)


def add_noise(lines: np.ndarray, *, photons: float, seed: int) -> np.ndarray:
    """Return line integrals as measured with a number of photons."""
    counts = expose(lines[:, None], photons=photons, rng=seed).projections[:, 0]
    return -np.log(np.maximum(counts, 1) / photons).astype(np.float32)


def judge(image: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Hold a slice against the truth."""
    size = len(truth)
    y, x = np.mgrid[:size, :size] - 0.5 * (size - 1)
    inside = np.hypot(y, x) < 0.46 * size
    a, b = image[inside].astype(float), truth[inside].astype(float)
    return {
        "rmse": float(np.sqrt(np.mean((a - b) ** 2))) * 1e4,
        "slope": float(np.cov(a, b)[0, 1] / np.var(b)),
        "mean": float(a.mean() / b.mean()),
    }


def run_peer(
    package: str, python: Path, rows: np.ndarray, angles: np.ndarray, threads: int, *, filter: str = "ramp"
) -> dict[str, Any]:
    """Reconstruct rows (angle, slice, column) with a peer, in the environment of the interpreter `python`."""
    program = Path(__file__).parent / "peers" / "run_fbp.py"
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "projections.npy"), rows)
        np.save(Path(folder, "angles.npy"), angles)
        settings = {"center": 0.5 * (rows.shape[2] - 1), "threads": threads, "filter": filter}
        Path(folder, "settings.json").write_text(json.dumps(settings))
        done = subprocess.run([python, program, package, folder], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{package} failed: {done.stderr.strip()[-2000:]}")
        with np.load(Path(folder, "result.npz")) as found:
            return {
                "package": package,
                "version": str(found["version"]),
                "wall": float(found["wall"]) / rows.shape[1],
                "cpu": float(found["cpu"]) / rows.shape[1],
                "slices": found["slices"],
            }


def run_ours(rows: np.ndarray, angles: np.ndarray, *, threads: int, **options: Any) -> dict[str, Any]:
    """Reconstruct rows (angle, slice, column)."""
    scan = Scan(rows, angles, center=0.5 * (rows.shape[2] - 1))
    wall, cpu = time.perf_counter(), time.process_time()
    volume = reconstruct(scan, threads=threads, progress=False, **options)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    count = rows.shape[1]
    found = {"package": "volcorr", "version": version("volcorr"), "wall": wall / count, "cpu": cpu / count}
    return found | {"slices": volume.data}


def copies(lines: np.ndarray, number: int) -> np.ndarray:
    """Return rows (angle, slice, column) of equal slices."""
    return np.repeat(lines[:, None], number, axis=1)


def measure_speed(options: Any) -> list[dict[str, Any]]:
    """Run all packages in turns, on specimens of several sizes; the least of the repeats counts."""
    results = []
    for size in options.sizes:
        phantom, angles = EllipsePhantom.electrode(size), directions(size)
        lines, truth = phantom.project(angles, columns=size), phantom.render(size)
        slices = {2048: 16, 1024: 32}.get(size, 64)
        run_ours(copies(lines, 1), angles, threads=options.threads)
        best: dict[str, dict[str, Any]] = {}
        for turn in range(options.repeats):
            runs = [run_ours(copies(lines, slices), angles, threads=options.threads)]
            if options.peers and turn < 2:
                few = copies(lines, PEER_SLICES)
                runs += [run_peer(name, options.peers, few, angles, options.threads) for name in options.packages]
            for one in runs:
                known = best.setdefault(one["package"], one)
                best[one["package"]] = known | {key: min(known[key], one[key]) for key in ("wall", "cpu")}
        ours = best["volcorr"]
        for one in best.values():
            found = {key: value for key, value in one.items() if key != "slices"} | judge(one["slices"][0], truth)
            found |= {"case": f"{size}² × {angles.size}", "rate": 1 / one["wall"], "cpu_ms": 1e3 * one["cpu"]}
            found |= {"terms": [size**2 * angles.size, size * angles.size], "to_prediction": None}
            results.append(found | {"faster": one["cpu"] / ours["cpu"], "faster_wall": one["wall"] / ours["wall"]})
    predict([one for one in results if one["package"] == "volcorr"])
    return results


def predict(results: list[dict[str, Any]]) -> None:
    """Set how much dearer later sizes are than the first two say, by pixels and by bins, times angles."""
    if len(results) > 2:
        costs = np.linalg.solve([one["terms"] for one in results[:2]], [one["cpu_ms"] for one in results[:2]])
        for one in results[2:]:
            one["to_prediction"] = one["cpu_ms"] / float(np.dot(one["terms"], costs))


def measure_latency(options: Any) -> list[dict[str, Any]]:
    """Time a single slice."""
    results = []
    for size in options.sizes:
        phantom, angles = EllipsePhantom.electrode(size), directions(size)
        lines = phantom.project(angles, columns=size)
        runs = [run_ours(copies(lines, 1), angles, threads=options.threads) for _ in range(5)]
        wall = min(one["wall"] for one in runs)
        results.append({"case": f"{size}² × {angles.size}", "wall_ms": 1e3 * wall})
    return results


TABLES = {
    "speed": {
        "slices": "{case}",
        "package": "{package} {version}",
        "slices/s": "{rate:.3g}",
        "CPU ms a slice": "{cpu_ms:.3g}",
        "RMSE 10⁻⁴": "{rmse:.3f}",
        "slope": "{slope:.4f}",
        "mean": "{mean:.4f}",
        "volcorr is faster by (CPU)": "{faster:.1f}",
        "(wall)": "{faster_wall:.1f}",
        "CPU to the prediction from the first two": "{to_prediction:.2f}",
    },
    "latency": {"one slice of": "{case}", "ms": "{wall_ms:.0f}"},
}


def draw_slices(options: Any, path: Path) -> None:
    """Draw the truth, the slice, and what is wrong with it."""
    size = 256
    phantom = EllipsePhantom.electrode(size, seed=1, particles=80)
    truth = phantom.render(size)
    rows = [[{"values": truth, "title": "truth", "limits": (0, 0.011), "cmap": "gray"}], []]
    for row, title, limited in ((0, "180°", False), (1, "±70°", True)):
        angles = directions(size, limited=limited)
        lines = phantom.project(angles, columns=size)
        both = np.stack([lines, add_noise(lines, photons=1e4, seed=0)], axis=1)
        image, noisy = run_ours(both, angles, threads=options.threads)["slices"]
        for values, name in ((image, title), (noisy, f"{title}, 10⁴ photons")):
            rows[row].append({"values": values, "title": name, "limits": (0, 0.011), "cmap": "gray"})
        if row == 0:
            wrong = {"values": image - truth, "title": f"{title}, less the truth", "limits": (-0.001, 0.001)}
            rows[1].append(wrong | {"cmap": "gray"})
    lines_text = [
        f"{size}² pixels, {ANGLES[size]} angles, filter ramp",
        "grey from 0 to 0.011 a pixel; the difference from -0.001 to 0.001",
    ]
    draw_maps(rows, path, title="Filtered back projection", lines=lines_text, extent=(0, size, 0, size))


def main() -> None:
    """Run from the command line."""
    parser = make_parser(__doc__, "back_projection")
    parser.add_argument("--peers", type=Path, help="Python of an environment with algotom and astra-toolbox")
    parser.add_argument("--packages", nargs="*", choices=["algotom", "astra"], default=["algotom", "astra"])
    parser.add_argument("--sizes", type=int, nargs="+", choices=ANGLES, default=[512, 1024])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    if options.quick:
        options.sizes, options.repeats = [128], 1
    measures = {"speed": measure_speed, "latency": measure_latency}
    report: dict[str, Any] = {"machine": machine()}
    for part in options.parts:
        report[part] = measures[part](options)
    text = "\n\n".join(tabulate(report[part], TABLES[part]) for part in options.parts)
    save_report(options.output, report, text)
    draw_slices(options, options.output.with_name("back_projection_slices.png"))
    if "speed" in report:
        groups: dict[str, dict[str, float]] = {}
        for one in report["speed"]:
            groups.setdefault(one["case"], {})[one["package"]] = one["rate"]
        picture = options.output.with_suffix(".png")
        lines = [f"whole calls, rows in memory, {options.threads} threads"]
        draw_bars(groups, picture, title="Slices per second", lines=lines, ylabel="slices/s")


if __name__ == "__main__":
    main()
