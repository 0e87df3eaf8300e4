"""The default decisions on a scan with every fault at once, whose truth is known.

    python -m benchmarks.faulted_scan                          # 192 columns: two minutes
    python -m benchmarks.faulted_scan --columns 512 --rows 256 --pictures docs/images

A specimen wider than the detector is scanned over 140 degrees with 10 000 photons and 801 projections: drift of 5
pixels, jitter of 1 pixel, gains of the pixels wrong by 1 %, zingers, a rotation axis 7.3 pixels off. `recon.decide`
is given that, and the same scan without the faults, and nothing else. Volumes are compared with the truth and, a
sharper test, with the reconstruction of the scan without faults and without noise. Errors of shifts and axis are those
that are left when what no scan can tell is taken out: the same rows for all projections, and a motion of the whole
specimen, a cos(t) + b sin(t) of columns; the volume is moved accordingly before it is compared.
"""

import argparse
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from acquisition.projections import SpherePhantom, expose
from benchmarks.engines import markdown_table, save_report
from recon.axis import find_axis
from recon.decisions import Decisions, decide
from recon.reconstruction import reconstruct
from recon.rings import remove_rings
from recon.scan import Scan
from recon.scan_correction import correct_scan
from volio.errors import InputError

OFF, DRIFT, JITTER, GAIN, ZINGERS, RANGE, PHOTONS = 7.3, 5.0, 1.0, 0.01, 1e-4, 140.0, 1e4
WIDTH, BINDER, SLICES, AT_ONCE = 1.3, 0.2, 16, 50


@dataclass(frozen=True, eq=False)
class Experiment:
    """A specimen, and how it is scanned."""

    specimen: SpherePhantom
    angles: Any
    rows: int
    columns: int
    center: float
    shifts: Any
    seed: int

    @classmethod
    def make(cls, columns: int, rows: int, projections: int, seed: int) -> "Experiment":
        """Return particles in a binder, wider and higher than the detector, with drift and jitter."""
        size, value = int(WIDTH * columns), 3.2 / columns
        packing = SpherePhantom.electrode(size, height=int(1.5 * rows) + 40, seed=seed, particles=600, value=value)
        specimen = SpherePhantom(np.vstack([packing.spheres, [0, 0, 0, 0.8 * size, BINDER * value]]))
        angles = np.radians(np.linspace(-0.5 * RANGE, 0.5 * RANGE, projections))
        t = np.linspace(0, 1, projections)
        drift = DRIFT * np.stack([t**1.5, 0.8 * (1 - np.cos(2.2 * t))], axis=1)
        wobble = 0.1 * DRIFT * np.sin(np.outer(t, [9, 14]))
        jitter = JITTER * np.random.default_rng(seed).normal(size=(projections, 2))
        center = 0.5 * (columns - 1) + OFF
        return cls(specimen, angles, rows, columns, center, drift + wobble + jitter, seed)

    def lines(self, shifts: Any = 0.0, chosen: slice = slice(None)) -> Any:
        """Return exact line integrals."""
        moved = np.broadcast_to(np.asarray(shifts, float), (len(self.angles), 2))[chosen]
        size = {"rows": self.rows, "columns": self.columns}
        return self.specimen.project(self.angles[chosen], center=self.center, shifts=moved, **size)

    def scan(self, *, faults: bool) -> Scan:
        """Return what the camera recorded, as uint16."""
        rng = np.random.default_rng(self.seed + 1)
        counts = np.empty((len(self.angles), self.rows, self.columns), np.uint16)
        gain = 1 + (GAIN if faults else 0) * rng.normal(size=counts.shape[1:])
        for start in range(0, len(counts), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            lines = self.lines(self.shifts if faults else 0.0, part)
            seen = expose(lines, photons=PHOTONS, rng=rng, zingers=ZINGERS if faults else 0.0)
            # gains that the flats do not know of
            counts[part] = np.clip(np.rint(seen.projections * gain), 0, 65535)
        return Scan(counts, self.angles, flats=seen.flats, darks=seen.darks, name="faults" if faults else "no faults")

    def settle(self, decisions: Decisions) -> tuple[Any, dict[str, float]]:
        """Return the shifts with the specimen where it truly is, and what is wrong with shifts and axis, in pixels."""
        found = np.zeros_like(self.shifts) if decisions.shifts is None else decisions.shifts
        true = self.shifts if decisions.shifts is not None else np.zeros_like(self.shifts)
        rows = found[:, 0] - true[:, 0]
        columns = found[:, 1] + decisions.center - true[:, 1] - self.center
        waves = np.stack([np.ones_like(self.angles), np.cos(self.angles), np.sin(self.angles)], axis=1)
        fit = np.linalg.lstsq(waves, columns, rcond=None)[0]
        moved = np.stack([np.full_like(columns, rows.mean()), waves[:, 1:] @ fit[1:]], axis=1)
        if decisions.shifts is None:
            # nothing was undone: the constant alone is the error of the axis
            return None, {"rows": 0.0, "columns": 0.0, "axis": decisions.center - self.center}
        errors = {"rows": float(rows.std()), "columns": float(np.std(columns - waves @ fit)), "axis": float(fit[0])}
        return found - moved, errors


def measure(experiment: Experiment, threads: int) -> dict[str, Any]:
    """Decide on both scans, reconstruct, and compare."""
    faulty, clean = experiment.scan(faults=True), experiment.scan(faults=False)
    seconds, decided = {}, {}
    for name, scan in (("faults", faulty), ("clean", clean)):
        begin = time.perf_counter(), time.process_time()
        decided[name] = decide(scan, threads=threads, progress=False)
        seconds[name] = [time.perf_counter() - begin[0], time.process_time() - begin[1]]
    shifts, errors = experiment.settle(decided["faults"])
    _, clean_errors = experiment.settle(decided["clean"])
    low = (experiment.rows - SLICES) // 2
    lines = {name: correct_scan(scan, threads=threads) for name, scan in (("faults", faulty), ("clean", clean))}
    try:
        axis = find_axis(lines["faults"].projections, faulty.angles, threads=threads).center
    except InputError:
        axis = 0.5 * (experiment.columns - 1)
    unringed = remove_rings(lines["faults"].projections, threads=threads) if decided["faults"].rings == "all" else None
    after = replace(lines["faults"], shifts=shifts, center=decided["faults"].center)
    scans = {
        "clean": replace(lines["clean"], center=experiment.center),
        "before": replace(lines["faults"], center=axis),
        "after": after if unringed is None else replace(after, projections=unringed),
        "ideal": Scan(experiment.lines(), experiment.angles, center=experiment.center),
    }
    part = (low, low + SLICES)
    volumes = {
        name: np.asarray(reconstruct(scan, slices=part, threads=threads, progress=False).data)
        for name, scan in scans.items()
    }
    size = experiment.columns
    volumes["truth"] = render(experiment, part)
    y, x = np.mgrid[:size, :size] - 0.5 * (size - 1)
    inside = np.hypot(y, x) < 0.5 * (size - 1) - OFF - DRIFT - 3 * JITTER

    def rmse(name: str, reference: str) -> float:
        return float(np.sqrt(np.mean((volumes[name] - volumes[reference])[:, inside] ** 2)))

    return {
        "seed": experiment.seed,
        "seconds": seconds,
        "errors": errors,
        "clean_errors": clean_errors,
        "clean_shifts": 0.0 if decided["clean"].shifts is None else float(decided["clean"].shifts.std()),
        "axis_sigma": decided["faults"].center_sigma,
        "notes": {name: list(d.notes) for name, d in decided.items()},
        "rmse": {name: [rmse(name, "truth"), rmse(name, "ideal")] for name in ("clean", "before", "after")},
        "images": {name: volume[SLICES // 2] for name, volume in volumes.items()},
        "shifts": experiment.shifts,
        # the same axis for both, so that they lie over each other
        "found": None if shifts is None else shifts + np.array([0.0, decided["faults"].center - experiment.center]),
    }


def render(experiment: Experiment, part: tuple[int, int]) -> Any:
    """Return the true slices."""
    middle = 0.5 * (experiment.rows - 1)
    size = experiment.columns
    lifted = experiment.specimen.spheres - np.array([0.5 * (part[0] + part[1] - 1) - middle, 0, 0, 0, 0])
    return SpherePhantom(lifted).render((part[1] - part[0], size, size))


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw shifts, what is left of them, and a slice before and after."""
    from viewers.scales import sequential_scale
    from viewers.style import add_colour_bar, add_scale_bar, new_figure, save_figure, styled

    @styled
    def make() -> Any:
        figure = new_figure(12.6, 8.0)
        grid = figure.add_gridspec(
            2,
            4,
            width_ratios=[1.25, 1, 1, 0.04],
            left=0.06,
            right=0.94,
            top=0.92,
            bottom=0.07,
            wspace=0.13,
            hspace=0.16,
        )
        top, low = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
        apart = result["found"] - result["shifts"]
        for k, (name, colour) in enumerate((("rows", "#0072b2"), ("columns", "#e69f00"))):
            top.plot(result["shifts"][:, k], color=colour, lw=2.4, alpha=0.4, label=f"true {name}")
            top.plot(result["found"][:, k], color=colour, lw=0.6, label=f"found {name}")
            error = apart[:, k] - apart[:, k].mean()
            low.plot(error, color=colour, lw=0.6, label=f"{name}: {error.std():.3f} px rms")
        top.set(ylabel="shift (pixels)", title="Shifts of the projections")
        low.set(xlabel="projection", ylabel="found - true (pixels)", ylim=(-0.25, 0.25), title="What is left of them")
        for axes in (top, low):
            axes.legend(fontsize=8, ncols=2)
            axes.margins(x=0.01)
        images = {name: 1e3 * image for name, image in result["images"].items()}
        scale = sequential_scale(images["clean"], unit="1/1000 per pixel", cmap="gray", percentile=99.7)
        titles = {
            "truth": "Truth",
            "clean": "Scan without faults",
            "before": "With faults, as it is (axis by find_axis)",
            "after": "With faults, default decisions",
        }
        for n, (name, title) in enumerate(titles.items()):
            axes = figure.add_subplot(grid[n // 2, 1 + n % 2])
            size = images[name].shape[0]
            edge = int(0.22 * size)
            shown = images[name][edge : size - edge, edge : size - edge]
            axes.imshow(shown, cmap=scale.cmap, norm=scale.norm, extent=(0, len(shown), len(shown), 0))
            axes.set(xticks=[], yticks=[])
            off = "" if name == "truth" else f", RMSE {1e3 * result['rmse'][name][0]:.2f}"
            axes.set_title(title + off, fontsize=9)
            add_scale_bar(axes, "px")
        add_colour_bar(figure.add_subplot(grid[:, 3]), scale, "attenuation")
        count, size = len(result["shifts"]), result["images"]["truth"].shape[0]
        head = f"{count} projections over {RANGE:.0f} degrees, {size} columns, specimen wider than the view"
        figure.suptitle(head, x=0.06, ha="left", fontsize=11)
        return figure

    path.parent.mkdir(parents=True, exist_ok=True)
    save_figure(make(), path)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", type=int, default=192)
    parser.add_argument("--rows", type=int, help="half the columns when not given")
    parser.add_argument("--projections", type=int, default=801)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="96 columns, 201 projections: only to see that it works")
    parser.add_argument("--pictures", type=Path, help="folder for the picture of the first specimen")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/faulted_scan.json"))
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    columns, count = (96, 201) if options.quick else (options.columns, options.projections)
    rows = options.rows or columns // 2
    results = [measure(Experiment.make(columns, rows, count, s), options.threads) for s in range(options.seeds)]
    if options.pictures is not None:
        draw(results[0], options.pictures / "faulted_scan.png")
    table = [
        [
            f"{columns} x {rows} x {count}, seed {r['seed']}",
            f"{r['errors']['axis']:+.3f}",
            f"{r['errors']['rows']:.3f}, {r['errors']['columns']:.3f}",
            *(f"{r['rmse']['before'][k] / r['rmse']['clean'][k]:.2f}" for k in (0, 1)),
            *(f"{r['rmse']['after'][k] / r['rmse']['clean'][k]:.3f}" for k in (0, 1)),
            f"{r['clean_errors']['axis']:+.3f}, {r['clean_shifts']:.3f}",
            "{:.0f}, {:.0f}".format(*r["seconds"]["faults"]),
        ]
        for r in results
    ]
    head = ["scan", "axis, px", "rows, columns, px", "RMSE before", "from ideal", "RMSE after", "from ideal",
            "without faults: axis, shifts", "seconds, CPU seconds"]  # fmt: skip
    kept = [{k: v for k, v in r.items() if k not in ("images", "shifts", "found")} for r in results]
    report = {"columns": columns, "rows": rows, "projections": count, "results": kept}
    save_report(options.output, report, markdown_table(head, table))


if __name__ == "__main__":
    main()
