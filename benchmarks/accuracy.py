"""Errors of the measured displacement on analytic textures, where the truth is exact.

    python -m benchmarks.accuracy --quick
    python -m benchmarks.accuracy --peers ~/peers/bin/python --output results/accuracy.json

Textures: Gaussian blobs (sigma 1.5 to 2.5 voxels, one per 150 voxels) evaluated at the deformed positions, 128 + 15
times the texture over its standard deviation. Grey values are exact ("none"), or carry independent noise of a given
signal-to-noise ratio in both volumes and are rounded to 8 bits.

Columns, all in voxels: `bias`, the largest absolute mean error of a component (and, over a series of shifts, of a
shift); `random`, standard deviation about that mean, all components together; `bound`, the Cramer-Rao bound of a pure
translation, sqrt(2 (s^2 + 1/12) / (N <g^2>)), with noise s, N voxels in the subset and the mean squared grey gradient
<g^2>; `scatter/sigma`, the random error over the uncertainty that the package reports (1 is honest). With noise, the
mean over overlapping subsets is itself uncertain: the bias of the method is what the rows without noise show.
"""

import argparse
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acquisition import BlobTexture, Motion, add_noise, compress, quantize, rotate, translate
from benchmarks.engines import Outcome, PointGrid, machine, markdown_table, run_peer, run_volcorr, save_report

STD = 15.0
DERIVATIVE = np.array([1 / 280, -4 / 105, 1 / 5, -4 / 5, 0, 4 / 5, -1 / 5, 4 / 105, -1 / 280])  # of order 8
PEER_SUBSET = 33  # the peers are slow: they are run at one subset size

logger = logging.getLogger("accuracy")


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    shift_shape: tuple[int, int, int] = (128, 128, 128)
    shifts: tuple[float, ...] = tuple(round(0.1 * n, 1) for n in range(11))
    shape: tuple[int, int, int] = (256, 256, 256)
    compressions: tuple[float, ...] = (0.02, 0.05, 0.10)
    rotations: tuple[float, ...] = (2.0, 5.0)
    subsets: tuple[int, ...] = (21, 33, 41)
    snrs: tuple[float | None, ...] = (None, 20.0, 5.0)
    reach: int = 24  # voxels between the outermost subsets and the faces


QUICK = Plan((64, 64, 64), (0.0, 0.3, 0.5), (96, 96, 96), (0.02,), (2.0,), (21, 33), (None, 20.0), reach=12)


@dataclass(frozen=True)
class Case:
    """One pair of volumes and its truth."""

    name: str
    motion: Motion
    shape: tuple[int, int, int]
    margin: int
    spacing: int


@dataclass(frozen=True)
class Row:
    """The errors of one package in one case, subset size and noise."""

    case: str
    snr: float | None
    subset_size: int
    engine: str
    points: int
    lost: float
    bias: float
    random: float
    rms: float
    bound: float | None
    scatter_over_sigma: float | None
    points_per_second: float


def list_cases(plan: Plan) -> Iterator[Case]:
    """Shifts on a small volume, then compressions along z and rotations about z on the large one."""
    for shift in plan.shifts:
        yield Case(f"shift {shift:.1f}", translate((shift,) * 3), plan.shift_shape, 4, 8)
    centre = tuple((n - 1) / 2 for n in plan.shape)
    for fraction in plan.compressions:
        motion = compress(fraction, centre=centre)
        yield Case(f"compression {fraction:.0%}", motion, plan.shape, plan.reach, 16)
    for degrees in plan.rotations:
        motion = rotate(degrees, centre=centre)
        yield Case(f"rotation {degrees:g} deg", motion, plan.shape, plan.reach, 16)


def record(volume: np.ndarray, snr: float | None, seed: int) -> np.ndarray:
    """Add what a detector adds."""
    if snr is None:
        return volume
    return quantize(add_noise(volume, snr=snr, signal_std=STD, rng=seed))


def gradient_power(volume: np.ndarray) -> float:
    """Mean squared grey gradient along one axis, averaged over the axes."""
    from scipy.ndimage import correlate1d

    inner = (slice(4, -4),) * 3
    slopes = (correlate1d(volume.astype(np.float64), DERIVATIVE, axis)[inner] for axis in range(3))
    return float(np.mean([np.mean(slope**2) for slope in slopes]))


def find_bound(power: float, snr: float | None, subset_size: int) -> float | None:
    """Cramer-Rao bound of the displacement along one axis; None without noise."""
    if snr is None:
        return None
    return float(np.sqrt(2 * ((STD / snr) ** 2 + 1 / 12) / (subset_size**3 * power)))


def judge(outcome: Outcome, truth: np.ndarray, case: Case, *, snr: Any, subset: int, bound: Any) -> Row:
    """Compare with the truth."""
    kept = outcome.valid
    error = (outcome.u - truth)[kept]
    mean = error.mean(0) if len(error) else np.full(3, np.nan)
    ratio = None
    if outcome.sigma is not None and len(error) and snr is not None:
        ratio = float(np.sqrt(np.mean(((error - mean) / outcome.sigma[kept]) ** 2)))
    return Row(
        case=case.name,
        snr=snr,
        subset_size=subset,
        engine=outcome.engine,
        points=len(truth),
        lost=float(1 - kept.mean()),
        bias=float(np.abs(mean).max()),
        random=float(np.sqrt(np.mean((error - mean) ** 2))) if len(error) else np.nan,
        rms=float(np.sqrt(np.mean(error**2))) if len(error) else np.nan,
        bound=bound,
        scatter_over_sigma=ratio,
        points_per_second=len(truth) / outcome.wall,
    )


def measure(plan: Plan, *, threads: int, peers: Path | None) -> list[Row]:
    """Run every case."""
    rows: list[Row] = []
    textures = {s: BlobTexture.random(s, rng=7) for s in (plan.shift_shape, plan.shape)}
    references = {s: texture.render(s, std=STD) for s, texture in textures.items()}
    powers = {s: gradient_power(reference) for s, reference in references.items()}
    for number, case in enumerate(list_cases(plan)):
        moved = textures[case.shape].render(case.shape, motion=case.motion, std=STD)
        for snr in plan.snrs:
            pair = (record(references[case.shape], snr, 2 * number), record(moved, snr, 2 * number + 1))
            for subset in plan.subsets:
                grid = PointGrid.inside(case.shape, margin=subset // 2 + max(case.margin, 5), spacing=case.spacing)
                truth = case.motion.displacement(grid.points)
                outcomes = [run_volcorr(*pair, grid, subset_size=subset, threads=threads)]
                if peers is not None and subset == PEER_SUBSET:
                    common = {"subset_size": subset, "threads": threads}
                    outcomes.append(run_peer("al-dvc", peers, *pair, grid, **common))
                    # spam is spared the search for whole voxels, which would take minutes a case
                    outcomes.append(run_peer("spam", peers, *pair, grid, start=np.rint(truth), **common))
                bound = find_bound(powers[case.shape], snr, subset)
                for outcome in outcomes:
                    rows.append(judge(outcome, truth, case, snr=snr, subset=subset, bound=bound))
                    logger.info("%s", rows[-1])
    return rows


def join_shifts(rows: list[Row]) -> list[Row]:
    """Make one row of the shifts: the largest bias, the mean random error."""
    joined: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        name = "shifts 0 to 1" if row.case.startswith("shift") else row.case
        joined.setdefault((name, row.snr, row.subset_size, row.engine), []).append(row)
    result = []
    for (name, snr, subset, engine), group in joined.items():

        def root_mean_square(values: list[float | None]) -> float | None:
            numbers = [value for value in values if value is not None]
            return float(np.sqrt(np.mean(np.square(numbers)))) if numbers else None

        result.append(
            Row(
                case=name,
                snr=snr,
                subset_size=subset,
                engine=engine,
                points=sum(row.points for row in group),
                lost=float(np.mean([row.lost for row in group])),
                bias=max(row.bias for row in group),
                random=root_mean_square([row.random for row in group]) or 0.0,
                rms=root_mean_square([row.rms for row in group]) or 0.0,
                bound=group[0].bound,
                scatter_over_sigma=root_mean_square([row.scatter_over_sigma for row in group]),
                points_per_second=float(np.mean([row.points_per_second for row in group])),
            )
        )
    return result


def make_table(rows: list[Row]) -> str:
    """Format the rows."""
    header = [
        *("case", "SNR", "subset", "package", "points", "lost %", "bias", "random"),
        *("bound", "random/bound", "scatter/sigma"),
    ]

    def number(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    lines = [
        [
            row.case,
            "none" if row.snr is None else f"{row.snr:g}",
            str(row.subset_size),
            row.engine,
            str(row.points),
            f"{100 * row.lost:.2f}",
            f"{row.bias:.1e}",
            f"{row.random:.2e}",
            number(row.bound, ".2e"),
            number(None if row.bound is None else row.random / row.bound, ".2f"),
            number(row.scatter_over_sigma, ".2f"),
        ]
        for row in rows
    ]
    return markdown_table(header, lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small volumes and few cases: a minute")
    parser.add_argument("--peers", type=Path, help="Python of an environment with spam and al-dvc")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/accuracy.json"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("volcorr").setLevel(logging.WARNING)
    rows = measure(QUICK if options.quick else Plan(), threads=options.threads, peers=options.peers)
    report = {"machine": machine(), "rows": [asdict(row) for row in rows]}
    save_report(options.output, report, make_table(join_shifts(rows)))


if __name__ == "__main__":
    main()
