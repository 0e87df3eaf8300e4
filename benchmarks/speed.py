"""Speed of the whole call, against the packages that a user would pick, on one pair in one run.

    python -m benchmarks.speed --peers ~/peers/bin/python --output results/speed.json

A 256^3 analytic texture, 2 % compression along z, SNR 20 and 8 bits; subsets of 33^3 every 16 voxels; two threads or
processes. Each package finds its own start values: volcorr with its pyramid, al-dvc with its pyramid, spam with a
search of +-4 voxels, which is enough here. Compiling, starting Python and reading the files are not counted, and of
several repeats the fastest is taken.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from acquisition import BlobTexture, add_noise, compress, quantize
from benchmarks.engines import Outcome, PointGrid, machine, markdown_table, run_peer, run_volcorr, save_report


def make_pair(size: int) -> tuple[np.ndarray, np.ndarray, Any]:
    """Render the reference and the compressed volume, and return them with the motion."""
    shape, centre = (size,) * 3, ((size - 1) / 2,) * 3
    texture, motion = BlobTexture.random(shape, rng=7), compress(0.02, centre=centre)
    reference, deformed = (
        quantize(add_noise(texture.render(shape, motion=moved), snr=20, signal_std=15, rng=seed))
        for seed, moved in enumerate((None, motion))
    )
    return reference, deformed, motion


def measure(
    pair: tuple[np.ndarray, np.ndarray],
    grid: PointGrid,
    *,
    subset_size: int,
    threads: int,
    repeats: int,
    peers: Path | None,
) -> list[Outcome]:
    """Run every package and keep the fastest repeat of each."""
    common = {"subset_size": subset_size, "threads": threads}
    small = tuple(volume[:96, :96, :96] for volume in pair)
    run_volcorr(*small, PointGrid.inside(small[0].shape, margin=25, spacing=16), **common)  # compiles
    runs = [[run_volcorr(*pair, grid, **common) for _ in range(repeats)]]
    if peers is not None:
        runs.append([run_peer("al-dvc", peers, *pair, grid, **common) for _ in range(repeats)])
        runs.append([run_peer("spam", peers, *pair, grid, search=4, **common) for _ in range(repeats)])
    return [min(repeated, key=lambda one: one.wall) for repeated in runs]


def summarise(outcome: Outcome, truth: np.ndarray, ours: Outcome) -> dict[str, Any]:
    """Say how fast and how good."""
    error = (outcome.u - truth)[outcome.valid]
    return {
        "engine": outcome.engine,
        "version": outcome.version,
        "points": len(truth),
        "kept": float(outcome.valid.mean()),
        "wall": outcome.wall,
        "cpu": outcome.cpu,
        "points_per_second": len(truth) / outcome.wall,
        "random": float(np.sqrt(np.mean((error - error.mean(0)) ** 2))),
        "bias": float(np.abs(error.mean(0)).max()),
        "volcorr_is_faster_by": outcome.wall / ours.wall,
        "stages": dict(outcome.stages),
    }


def make_table(results: list[dict[str, Any]]) -> str:
    """Format the results."""
    header = ["package", "points/s", "wall s", "CPU s", "kept %", "bias", "random", "volcorr is faster by"]
    rows = [
        [
            f"{one['engine']} {one['version']}",
            f"{one['points_per_second']:.0f}",
            f"{one['wall']:.2f}",
            f"{one['cpu']:.2f}",
            f"{100 * one['kept']:.1f}",
            f"{one['bias']:.1e}",
            f"{one['random']:.2e}",
            f"{one['volcorr_is_faster_by']:.1f}",
        ]
        for one in results
    ]
    return markdown_table(header, rows)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="Python of an environment with spam and al-dvc")
    parser.add_argument("--size", type=int, default=256, help="edge of the volumes in voxels")
    parser.add_argument("--subset-size", type=int, default=33)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/speed.json"))
    options = parser.parse_args()
    *pair, motion = make_pair(options.size)
    grid = PointGrid.inside(pair[0].shape, margin=options.subset_size // 2 + 8, spacing=16)
    outcomes = measure(
        tuple(pair),
        grid,
        subset_size=options.subset_size,
        threads=options.threads,
        repeats=options.repeats,
        peers=options.peers,
    )
    truth = motion.displacement(grid.points)
    results = [summarise(outcome, truth, outcomes[0]) for outcome in outcomes]
    settings = {key: str(value) for key, value in vars(options).items() if key not in ("peers", "output")}
    report = {"machine": machine(), "settings": settings, "results": results}
    save_report(options.output, report, make_table(results))


if __name__ == "__main__":
    main()
