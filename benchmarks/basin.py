"""How far the truth may be away, and how noisy the scans, until points are no longer found.

    python -m benchmarks.basin
    python -m benchmarks.basin --peers ~/peers/bin/python --packages al-dvc spam

Four sweeps on volumes of 160^3 voxels with an analytic texture, subsets of 33^3, 8 bits: a shift along all three axes;
a rotation about z; a compression along z about a face, as against a platen; and noise, with a compression of 2 %. The
first three have a signal-to-noise ratio of 20. No package is told anything: volcorr and al-dvc run with their own start
values, spam with its registration of the whole and a search of +-4 voxels around what that gives. Found are points with
a valid answer within 0.3 voxel of the truth on all axes; points whose subset leaves the field of view do not count.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acquisition import compress, rotate, translate
from acquisition.motion import Motion
from benchmarks.engines import (
    STARTS,
    Outcome,
    PointGrid,
    add_keep,
    make_parser,
    markdown_table,
    run_peer,
    run_volcorr,
    save_report,
)
from benchmarks.pairs import Pair, make_pair, middle
from benchmarks.pictures import draw_curves

SUBSET = 33
CLOSE = 0.3
SWEEPS = {
    "shift": (0.3, 10.3, 20.3, 30.3, 40.3, 50.3, 60.3),
    "rotation": (0.0, 5.0, 10.0, 12.5, 15.0, 17.5, 20.0),
    "compression": (0.0, 5.0, 10.0, 12.5, 15.0, 17.5, 20.0),
    "noise": (20.0, 10.0, 5.0, 2.0, 1.0, 0.7, 0.5),
}
LABELS = {
    "shift": "shift along z, y and x (voxel)",
    "rotation": "rotation about z (degrees)",
    "compression": "compression about a face (%)",
    "noise": "signal-to-noise ratio",
}

logger = logging.getLogger("basin")


@dataclass(frozen=True)
class Case:
    """One pair: its sweep, the value in it, the motion, and the signal-to-noise ratio."""

    sweep: str
    value: float
    motion: Motion
    snr: float


def list_cases(size: int, *, quick: bool) -> Iterator[Case]:
    """Return the cases of all sweeps."""
    centre = middle(size)
    for sweep, values in SWEEPS.items():
        for value in values[:5:2] if quick else values:
            motions = {
                "shift": translate((value,) * 3),
                "rotation": rotate(value, centre=centre),
                "compression": compress(value / 100, centre=(0.0, *centre[1:])),
                "noise": compress(0.02, centre=centre),
            }
            yield Case(sweep, value, motions[sweep], value if sweep == "noise" else 20.0)


def run(name: str, pair: Pair, grid: PointGrid, options: Any) -> Outcome:
    """Run one package."""
    common = {"subset_size": SUBSET, "threads": options.threads}
    if name == "volcorr":
        return run_volcorr(*pair, grid, **common)
    volumes = tuple(volume.astype(np.float32) for volume in pair)
    return run_peer(name, options.peers, *volumes, grid, may_fail=True, keep=options.keep, **common, **STARTS[name])


def measure(options: Any, size: int) -> list[dict[str, Any]]:
    """Run every case with every package."""
    results = []
    names = ["volcorr", *(options.packages if options.peers else ())]
    for case in list_cases(size, quick=options.quick):
        pair = make_pair(size, case.motion, snr=case.snr)
        grid = PointGrid.inside(pair[0].shape, margin=SUBSET // 2 + 6, spacing=options.spacing)
        judged = grid.reached(case.motion, pair[0].shape, SUBSET // 2)
        truth = case.motion.displacement(grid.points)
        for name in names:
            outcome = run(name, pair, grid, options)
            error = np.abs(outcome.u - truth).max(1)
            right = judged & (error < CLOSE)
            wrong = judged & outcome.valid & ~right
            results.append(
                {"sweep": case.sweep, "value": case.value, "engine": name, "points": int(judged.sum())}
                | {"found": float(right.sum() / judged.sum()), "wrong": float(wrong.sum() / judged.sum())}
                | {"wall": outcome.wall}
            )
            logger.info("%s", results[-1])
    return results


def make_table(results: list[dict[str, Any]]) -> str:
    """Format a table a sweep: what share is found, and in brackets what share is claimed and wrong."""
    tables = []
    names = list(dict.fromkeys(one["engine"] for one in results))
    for sweep, label in LABELS.items():
        rows = []
        for value in dict.fromkeys(one["value"] for one in results if one["sweep"] == sweep):
            group = {one["engine"]: one for one in results if (one["sweep"], one["value"]) == (sweep, value)}
            cells = [f"{group[name]['found']:.1%} ({group[name]['wrong']:.1%})" for name in names]
            rows.append([f"{value:g}", str(group["volcorr"]["points"]), *cells])
        tables.append(markdown_table([label, "points", *(f"{name}: found (wrong)" for name in names)], rows))
    return "\n\n".join(tables)


def draw(results: list[dict[str, Any]], path: Path, size: int) -> None:
    """Draw the four sweeps."""
    panels = []
    for sweep, label in LABELS.items():
        curves: dict[str, tuple[list[float], list[float]]] = {}
        for one in results:
            if one["sweep"] == sweep:
                x, y = curves.setdefault(one["engine"], ([], []))
                x.append(one["value"])
                y.append(100 * one["found"])
        panel = {"curves": curves, "xlabel": label, "ylabel": "points found (%)", "ylim": (-4, 104)}
        panels.append(panel | ({"xscale": "log", "reverse": True} if sweep == "noise" else {}))
    lines = [
        f"{size}³ voxels, subset {SUBSET}³, start values by each package on its own; found: valid, and within",
        f"{CLOSE} voxel of the truth. Signal-to-noise ratio 20 in the first three; compression 2 % in the last",
    ]
    draw_curves(panels, path, title="Points that are found", lines=lines)


def main() -> None:
    """Run from the command line."""
    parser = make_parser(__doc__, "basin", packages=("al-dvc",))
    parser.add_argument("--size", type=int, help="edge of the volumes in voxels; 160 without it")
    parser.add_argument("--spacing", type=int, default=12)
    add_keep(parser)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("volcorr").setLevel(logging.WARNING)
    size = options.size or (112 if options.quick else 160)
    results = measure(options, size)
    settings = {"size": size, "spacing": options.spacing, "subset_size": SUBSET, "close": CLOSE}
    save_report(options.output, {"settings": settings, "results": results}, make_table(results))
    draw(results, options.output.with_suffix(".png"), size)


if __name__ == "__main__":
    main()
