"""Iterative reconstruction: speed beside ASTRA, and error on limited angles, on the same rows in one run.

    python -m benchmarks.iterative --peers ~/peers/bin/python
    python -m benchmarks.iterative --parts specimens --pictures docs/images

Parts:

`speed`: CPU seconds of a projection, a back projection and an iteration of SIRT, per slice. The peer runs a slice with
the fastest of its CPU projectors; ours runs many slices. Compiling is not counted.
`specimens`: filtered back projection, SIRT and total variation (TV) against the truth, over seeds. The number of
iterations and the weight are chosen by held-out projections, without the truth, once for the slices of all seeds, as
for a volume. "graded" particles fall off from their middle to their rim: not the even regions that TV assumes.
`weights`: TV with other weights than the chosen one: what the truth would have chosen.

RMSE is in 1/pixel (particles are 0.008, the matrix 0.002) inside 92 % of the width.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from acquisition.projections import EllipsePhantom
from benchmarks.back_projection import add_noise, judge, run_ours
from benchmarks.engines import make_parser, save_report, tabulate
from benchmarks.pictures import draw_curves, draw_maps
from recon.projectors import Projector, make_projector
from recon.sirt import run_sirt
from recon.slice_grid import make_slice_grid
from recon.total_variation import TotalVariationResult, minimize_total_variation

PARTS = ("speed", "specimens", "weights")
STEPS = 20  # rings of a graded particle
#: Case, half the range of angles in degrees, part of the angles, photons, graded.
CASES = (
    ("±70°, 10⁴ photons", 70, 1.0, 1e4, False),
    ("±70°, 10³ photons", 70, 1.0, 1e3, False),
    ("±60°, a quarter of the angles, 10⁴ photons", 60, 0.25, 1e4, False),
    ("graded, ±70°, 10⁴ photons", 70, 1.0, 1e4, True),
)


def grade(phantom: EllipsePhantom) -> EllipsePhantom:
    """Return the specimen with particles that fall off towards their rim, in many small steps."""
    outer, *particles = phantom.ellipses
    table = [outer]
    for y, x, first, second, turn, value in particles:
        for k in range(1, STEPS + 1):
            table.append((y, x, first * k / STEPS, second * k / STEPS, turn, 1.5 * value / STEPS))
    return EllipsePhantom(np.array(table))


def make_case(size: int, count: int, seeds: int, case: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return angles, truths (seeds, y, x) and noisy line integrals (angles, seeds, columns)."""
    _, half, part, photons, graded = case
    angles = np.deg2rad(np.linspace(-half, half, round(count * part)))
    truths, rows = [], []
    for seed in range(seeds):
        phantom = EllipsePhantom.electrode(size, seed=seed, particles=80 if graded else 160)
        phantom = grade(phantom) if graded else phantom
        lines = phantom.project(angles, columns=size)
        rows.append(add_noise(lines, photons=photons, seed=seed))
        truths.append(phantom.render(size))
    return angles, np.stack(truths), np.stack(rows, axis=1)


def geometry(size: int, angles: np.ndarray) -> Projector:
    """Return the projector with the axis in the middle."""
    middle = 0.5 * (size - 1)
    return make_projector(make_slice_grid(size, center=middle), size, angles=angles, axes=middle)


def seconds(call: Callable[[], Any], repeats: int) -> float:
    """Return the least CPU seconds of a call."""
    found = []
    for _ in range(repeats):
        begun = time.process_time()
        call()
        found.append(time.process_time() - begun)
    return min(found)


def run_peer(python: Path, rows: np.ndarray, angles: np.ndarray, options: Any) -> dict[str, Any]:
    """Time ASTRA on a slice, in the environment of the interpreter `python`."""
    program = Path(__file__).parent / "peers" / "run_astra_sirt.py"
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "projections.npy"), rows[:, :1])
        np.save(Path(folder, "angles.npy"), angles)
        settings = {"iterations": options.iterations, "repeats": options.repeats}
        Path(folder, "settings.json").write_text(json.dumps(settings))
        done = subprocess.run([python, program, folder], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"astra failed: {done.stderr.strip()[-2000:]}")
        with np.load(Path(folder, "result.npz")) as found:
            times = {key: float(found[key]) for key in ("forth", "back", "iteration")}
            name = f"astra {found['version']}, {found['kind']} projector"
            return times | {"package": name, "slice": found["slice"]}


def measure_speed(options: Any) -> list[dict[str, Any]]:
    """Time the steps of SIRT, ours on many slices and the peer's."""
    size, slices = options.size, options.slices
    angles, truths, rows = make_case(size, options.angles, 1, CASES[0])
    projector = geometry(size, angles)
    many = np.repeat(rows, slices, axis=1)
    images = np.repeat(truths, slices, axis=0)
    run_sirt(many[:, :1], projector, iterations=2)

    def iterate(count: int) -> float:
        return seconds(lambda: run_sirt(many, projector, iterations=count, threads=options.threads), options.repeats)

    short, long = iterate(1), iterate(1 + options.iterations)
    minimize_total_variation(many[:, :1], projector, weight=0.1, iterations=2)

    def vary(count: int) -> float:
        run = {"weight": 0.1, "iterations": count, "tolerance": 0.0, "threads": options.threads}
        return seconds(lambda: minimize_total_variation(many, projector, **run), options.repeats)

    ours = {
        "package": f"volcorr, {slices} slices",
        "forth": seconds(lambda: projector.project(images), options.repeats) / slices,
        "back": seconds(lambda: projector.back_project(many), options.repeats) / slices,
        "iteration": (long - short) / options.iterations / slices,
        "tv": (vary(1 + options.iterations) - vary(1)) / options.iterations / slices,
    }
    results = [ours]
    if options.peers:
        peer = run_peer(options.peers, rows, angles, options)
        found = run_sirt(rows, projector, iterations=1 + options.iterations * options.repeats).slices[0]
        apart = (peer.pop("slice") - found)[projector.mask]
        peer["difference"] = float(np.sqrt(np.mean(apart**2)) / truths.std())
        results.append(peer)
    for one in results:
        for key in ("forth", "back", "iteration"):
            one[f"{key}_ms"], one[f"{key}_ratio"] = 1e3 * one[key], one[key] / ours[key]
        one["pair_ratio"] = (one["forth"] + one["back"]) / (ours["forth"] + ours["back"])
        one["tv_ms"] = 1e3 * one["tv"] if "tv" in one else None
        one["case"] = f"{size}² × {angles.size}"
    return results


def measure_specimens(options: Any) -> list[dict[str, Any]]:
    """Reconstruct specimens with each method, and hold them against the truth."""
    results = []
    for case in CASES[: options.cases]:
        angles, truths, rows = make_case(options.size, options.angles, options.seeds, case)
        projector = geometry(options.size, angles)
        found: dict[str, tuple[list[np.ndarray], str]] = {}
        for window in ("ramp", "hann"):
            slices = [
                run_ours(rows[:, k : k + 1], angles, threads=options.threads, filter=window)["slices"][0]
                for k in range(options.seeds)
            ]
            found[f"FBP, {window}"] = (slices, "-")
        sirt = run_sirt(rows, projector, threads=options.threads)
        found["SIRT"] = (list(sirt.slices), f"{sirt.iterations.max()} iterations")
        varied = options.found[case[0]] = minimize_total_variation(rows, projector, threads=options.threads)
        found["TV"] = (list(varied.slices), f"weight {varied.weight:.3g}, {varied.iterations.max()} iterations")
        if case == CASES[0] and options.pictures:
            draw_slices(truths[0], found, options)
        base = np.array([judge(a, b)["rmse"] for a, b in zip(found["FBP, ramp"][0], truths, strict=True)])
        for name, (slices, setting) in found.items():
            each = [judge(a, b) for a, b in zip(slices, truths, strict=True)]
            errors = np.array([one["rmse"] for one in each])
            results.append(
                {
                    "case": case[0],
                    "method": name,
                    "setting": setting,
                    "rmse": errors.mean(),
                    "rmses": ", ".join(f"{error:.2f}" for error in errors),
                    "slope": np.mean([one["slope"] for one in each]),
                    "mean": np.mean([one["mean"] for one in each]),
                    "gain": 1 - (errors / base).max(),
                }
            )
    return results


def measure_weights(options: Any) -> list[dict[str, Any]]:
    """Try other weights than the chosen one."""
    results = []
    for case in CASES[: options.cases]:
        angles, truths, rows = make_case(options.size, options.angles, options.seeds, case)
        projector = geometry(options.size, angles)
        chosen = options.found.get(case[0]) or minimize_total_variation(rows, projector, threads=options.threads)
        factors = (0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 10.0)
        errors = []
        for factor in factors:
            weight = chosen.weight * factor
            slices = (
                chosen.slices
                if factor == 1.0
                else minimize_total_variation(rows, projector, weight=weight, threads=options.threads).slices
            )
            errors.append(float(np.mean([judge(a, b)["rmse"] for a, b in zip(slices, truths, strict=True)])))
        if case == CASES[0] and options.pictures:
            draw_choice(chosen, factors, errors, options)
        best = int(np.argmin(errors))
        results.append(
            {
                "case": case[0],
                "weight": chosen.weight,
                "rmse": errors[3],
                "best_weight": chosen.weight * factors[best],
                "best_rmse": errors[best],
                "lost": errors[3] / errors[best] - 1,
                "errors": ", ".join(f"{error:.2f}" for error in errors),
            }
        )
    return results


def draw_slices(truth: np.ndarray, found: dict[str, tuple[list[np.ndarray], str]], options: Any) -> None:
    """Draw the truth and what the methods make of its projections."""
    panels = [("truth", truth), ("FBP, ramp", found["FBP, ramp"][0][0])]
    panels += [(f"{name}, {found[name][1]}", found[name][0][0]) for name in ("SIRT", "TV")]
    maps = [
        {"values": values, "title": title, "limits": (0, 0.011), "cmap": "gray", "label": "1/pixel"}
        for title, values in panels
    ]
    size = options.size
    draw_maps(
        [maps[:2], maps[2:]],
        options.pictures / "limited_angle.png",
        title="Limited angles",
        lines=[f"{size}² pixels, {options.angles} angles over ±70°, 10⁴ photons"],
        extent=(0, size, 0, size),
    )


def draw_choice(chosen: TotalVariationResult, factors: tuple[float, ...], errors: list[float], options: Any) -> None:
    """Draw the misfit of held-out projections and the error over the weight."""
    choice = chosen.choice
    assert choice is not None
    known = np.log10(chosen.weight * np.array(factors))
    near = np.log10(choice.values) <= known[-1] + 0.5
    tried = np.log10(choice.values[near])
    limits = (min(tried.min(), known.min()) - 0.1, max(tried.max(), known.max()) + 0.1)
    shared = {"xlabel": "log₁₀ of the weight", "xlim": limits}
    panels = [
        {"curves": {"held-out projections": (tried, 1e4 * choice.misfits[near])}, "ylabel": "misfit (10⁻⁴)"} | shared,
        {"curves": {"error against the truth": (known, errors)}, "ylabel": "RMSE (10⁻⁴/pixel)"} | shared,
    ]
    lines = [f"chosen without the truth: {chosen.weight:.3g}, log₁₀ {np.log10(chosen.weight):.2f}"]
    draw_curves(
        panels, options.pictures / "limited_angle_weight.png", title="The weight of total variation", lines=lines
    )


TABLES = {
    "speed": {
        "slices": "{case}",
        "package": "{package}",
        "projection, CPU ms a slice": "{forth_ms:.2f}",
        "back projection": "{back_ms:.2f}",
        "iteration of SIRT": "{iteration_ms:.2f}",
        "of TV": "{tv_ms:.2f}",
        "volcorr is faster by: pair": "{pair_ratio:.1f}",
        "iteration": "{iteration_ratio:.1f}",
        "slices differ by": "{difference:.1%}",
    },
    "specimens": {
        "scan": "{case}",
        "method": "{method}",
        "chosen by itself": "{setting}",
        "RMSE 10⁻⁴": "{rmse:.2f}",
        "of each seed": "{rmses}",
        "slope": "{slope:.3f}",
        "mean": "{mean:.3f}",
        "less error than FBP, at least": "{gain:.0%}",
    },
    "weights": {
        "scan": "{case}",
        "chosen weight": "{weight:.3g}",
        "its RMSE 10⁻⁴": "{rmse:.2f}",
        "best of those tried": "{best_weight:.3g}",
        "its RMSE": "{best_rmse:.2f}",
        "lost": "{lost:.1%}",
        "RMSE at 0.1, 0.3, 0.5, 1, 2, 3, 10 times the chosen": "{errors}",
    },
}


def main() -> None:
    """Run from the command line."""
    parser = make_parser(__doc__, "iterative")
    parser.add_argument("--peers", type=Path, help="Python of an environment with astra-toolbox")
    parser.add_argument("--size", type=int, default=256, help="pixels along an edge of a slice")
    parser.add_argument("--angles", type=int, default=401)
    parser.add_argument("--slices", type=int, default=32, help="slices that are timed")
    parser.add_argument("--iterations", type=int, default=5, help="iterations that are timed")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cases", type=int, default=len(CASES), help="how many kinds of scans")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--pictures", type=Path, help="folder for pictures")
    options = parser.parse_args()
    if options.quick:
        options.size, options.angles, options.slices, options.repeats, options.cases = 64, 101, 8, 1, 1
    measures = {"speed": measure_speed, "specimens": measure_specimens, "weights": measure_weights}
    settings = {key: str(value) for key, value in vars(options).items() if key not in ("peers", "output", "pictures")}
    report: dict[str, Any] = {"settings": settings}
    options.found = {}  # results of total variation, by case: those of one part serve the next
    for part in options.parts:
        report[part] = measures[part](options)
    text = "\n\n".join(tabulate(report[part], TABLES[part]) for part in options.parts)
    save_report(options.output, report, text)


if __name__ == "__main__":
    main()
