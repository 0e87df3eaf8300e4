"""Alignment of projections with known truth: a truncated scan over 140 degrees with drift, jitter and a wrong axis.

    python -m benchmarks.alignment                 # small: a minute
    python -m benchmarks.alignment --columns 256 --projections 801

Each specimen is wider than the detector and is scanned three times with the same photons: without faults; with drift,
jitter, zingers, unsteady beam, wrong gains and a rotation axis that is off, reconstructed as it is (with the axis that
`find_axis` finds); and the same, aligned. Errors of shifts are those that are left when the motion of the specimen is
taken out, which no scan can tell: it is also taken out before volumes are compared with the truth.
"""

import argparse
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from acquisition.projections import SpherePhantom, expose
from benchmarks.engines import markdown_table, save_report
from recon.alignment import ProjectionAlignment, align_projections
from recon.axis import find_axis
from recon.reconstruction import reconstruct
from recon.scan import Scan
from recon.scan_correction import correct_scan
from volio.errors import InputError

#: (name, width of the specimen over that of the detector, attenuation between particles over theirs, photons)
CASES = [("particles in air", 1.3, 0.0, 2e4), ("particles in a binder", 1.3, 0.2, 2e4), ("faint", 1.3, 0.0, 2e3)]
OFF, DRIFT, JITTER, RANGE = 7.3, 5.0, 1.0, 140.0


def make_scans(columns: int, projections: int, case: tuple[Any, ...], seed: int) -> tuple[Scan, Scan, Any, Any]:
    """Return the scan without faults, that with them, the true shifts, and the specimen."""
    _, width, binder, photons = case
    rows, size = max(columns // 3, 32), int(width * columns)
    rng = np.random.default_rng(seed)
    found = SpherePhantom.electrode(size, height=2 * rows, seed=seed, particles=600, value=3.2 / columns)
    spheres = found.spheres
    if binder:
        spheres = np.vstack([spheres, [0, 0, 0, 0.8 * size, binder * 3.2 / columns]])
    specimen = SpherePhantom(spheres)
    angles = np.radians(np.linspace(-0.5 * RANGE, 0.5 * RANGE, projections))
    time_ = np.linspace(0, 1, projections)
    drift = DRIFT * np.stack([time_**1.5, 0.8 * (1 - np.cos(2.2 * time_))], axis=1)
    shifts = drift + 0.5 * np.sin(np.outer(time_, [9, 14])) + JITTER * rng.normal(size=(projections, 2))
    center = 0.5 * (columns - 1) + OFF
    geometry: dict[str, Any] = {"rows": rows, "columns": columns, "center": center}
    clean = expose(specimen.project(angles, **geometry), photons=photons, rng=seed)
    faulty = expose(
        specimen.project(angles, shifts=shifts, **geometry),
        photons=photons,
        rng=seed,
        brightness=1 + 0.01 * rng.normal(size=projections),
        zingers=1e-4,
    )
    # gains that the flats do not know of
    wrong = faulty.projections * (1 + 0.01 * rng.normal(size=(rows, columns))).astype(np.float32)
    scans = [
        correct_scan(Scan(counts, angles, flats=one.flats, darks=one.darks), threads=2)
        for counts, one in ((clean.projections, clean), (wrong, faulty))
    ]
    return replace(scans[0], center=center), scans[1], shifts, specimen


def settle(alignment: ProjectionAlignment, shifts: Any, angles: Any, center: float) -> tuple[Any, dict[str, float]]:
    """Return the shifts found with the specimen where it truly is, and their errors in pixels."""
    rows = alignment.shifts[:, 0] - shifts[:, 0]
    columns = alignment.shifts[:, 1] + alignment.center - shifts[:, 1] - center
    waves = np.stack([np.ones_like(angles), np.cos(angles), np.sin(angles)], axis=1)
    fit = np.linalg.lstsq(waves, columns, rcond=None)[0]
    moved = np.stack([rows.mean() + 0 * columns, waves[:, 1:] @ fit[1:]], axis=1)
    errors = {"rows": float(rows.std()), "columns": float(np.std(columns - waves @ fit)), "axis": float(fit[0])}
    return alignment.shifts - moved, errors


def measure(columns: int, projections: int, case: tuple[Any, ...], seed: int, threads: int) -> dict[str, Any]:
    """Scan, align and reconstruct one specimen."""
    clean, faulty, shifts, specimen = make_scans(columns, projections, case, seed)
    begin = time.perf_counter()
    alignment = align_projections(faulty, threads=threads, progress=False)
    seconds = time.perf_counter() - begin
    found, errors = settle(alignment, shifts, faulty.angles, clean.center or 0.0)
    try:
        axis = find_axis(faulty.projections, faulty.angles, threads=threads).center
    except InputError:
        axis = 0.5 * (columns - 1)
    rows = faulty.rows
    part = (rows // 4, rows - rows // 4)
    aligned = replace(faulty, shifts=found, center=alignment.center)
    volumes = {
        name: np.asarray(reconstruct(scan, slices=part, threads=threads, progress=False, filter="hann").data)
        for name, scan in (("clean", clean), ("before", replace(faulty, center=axis)), ("after", aligned))
    }
    truth = specimen.render((rows, columns, columns))[slice(*part)]
    y, x = np.mgrid[:columns, :columns] - 0.5 * (columns - 1)
    inside = np.hypot(y, x) < 0.5 * (columns - 1) - OFF - 8
    rmse = {name: float(np.sqrt(np.mean((v - truth)[:, inside] ** 2))) for name, v in volumes.items()}
    middle = {name: v[len(v) // 2] for name, v in {**volumes, "truth": truth}.items()}
    sigma = [float(s) for s in np.median(alignment.sigma, axis=0)]
    return {"case": case[0], "seed": seed, "seconds": seconds, "rounds": len(alignment.rounds), "errors": errors,
            "before": float(np.std(shifts[:, 1])), "rmse": rmse, "sigma": sigma, "images": middle,
            "shifts": shifts, "found": found + np.array([0, alignment.center - (clean.center or 0.0)])}  # fmt: skip


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw shifts and a slice before and after."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 5, figsize=(15, 3.2), width_ratios=[1.4, 1, 1, 1, 1], layout="constrained")
    for k, (name, colour) in enumerate((("rows", "C0"), ("columns", "C1"))):
        axes[0].plot(result["shifts"][:, k], color=colour, lw=2, alpha=0.4, label=f"true {name}")
        axes[0].plot(result["found"][:, k], color=colour, lw=0.7, label=f"found {name}")
    axes[0].set(xlabel="projection", ylabel="shift (pixels)")
    axes[0].legend(fontsize=7, frameon=False)
    top = float(np.percentile(result["images"]["truth"], 99.5))
    titles = {"truth": "truth", "clean": "without faults", "before": "with faults", "after": "with faults, aligned"}
    for axis, (name, title) in zip(axes[1:], titles.items(), strict=True):
        axis.imshow(result["images"][name], cmap="gray", vmin=-0.2 * top, vmax=1.1 * top)
        axis.set_title(title, fontsize=9)
        axis.set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", type=int, default=128)
    parser.add_argument("--projections", type=int, default=201)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pictures", type=Path, help="folder for the picture of the first specimen")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/alignment.json"))
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    results = [
        measure(options.columns, options.projections, case, seed, options.threads)
        for case in CASES
        for seed in range(options.seeds)
    ]
    if options.pictures is not None:
        draw(results[0], options.pictures / "alignment.png")
    table = [
        [
            r["case"],
            str(r["seed"]),
            f"{r['errors']['rows']:.3f}",
            f"{r['errors']['columns']:.3f}",
            f"{r['errors']['axis']:+.3f}",
            f"{r['sigma'][0]:.3f}, {r['sigma'][1]:.3f}",
            f"{r['rmse']['before'] / r['rmse']['clean']:.2f}",
            f"{r['rmse']['after'] / r['rmse']['clean']:.3f}",
            f"{r['seconds']:.1f}",
        ]
        for r in results
    ]
    head = ["specimen", "seed", "rows, px", "columns, px", "axis, px", "stated, px", "RMSE before", "after", "seconds"]
    kept = [{k: v for k, v in r.items() if k not in ("images", "shifts", "found")} for r in results]
    report = {"columns": options.columns, "projections": options.projections, "results": kept}
    save_report(options.output, report, markdown_table(head, table))


if __name__ == "__main__":
    main()
