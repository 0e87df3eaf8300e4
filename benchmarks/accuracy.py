"""Errors of the measured displacement on analytic textures, where the truth is exact.

    python -m benchmarks.accuracy --quick
    python -m benchmarks.accuracy
    python -m benchmarks.accuracy --peers ~/peers/bin/python --packages al-dvc spam

Textures: Gaussian blobs (sigma 1.5 to 2.5 voxels, one per 150 voxels) evaluated at the deformed positions, 128 + 15
times the texture over its standard deviation. Grey values are exact ("none"), or carry independent noise of a given
signal-to-noise ratio in both volumes and are rounded to 8 bits.

Columns, all in voxels: `bias`, the largest absolute mean error of a component (and, over a series of shifts, of a
shift); `random`, standard deviation about that mean, all components together; `bound`, the Cramer-Rao bound of a pure
translation, sqrt(2 (s^2 + 1/12) / (N <g^2>)), with noise s, N voxels in the subset and the mean squared grey gradient
<g^2>; `scatter/sigma`, the random error over the uncertainty that the package reports (1 is honest). With noise, the
mean over overlapping subsets is itself uncertain: the bias of the method is what the rows without noise show.

Quintic splines and quadratic subsets are measured beside the defaults at one subset size. Two more tables follow
(`benchmarks.realisations`): the scatter over 30 realisations of the noise at each point over the uncertainty that is
stated there, and the error of the strain at 5 % compression without noise.
"""

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acquisition import BlobTexture, Motion, compress, rotate, translate
from benchmarks.engines import Outcome, PointGrid, add_keep, make_parser, run_peer, run_volcorr, save_report, tabulate
from benchmarks.pairs import STD, record
from benchmarks.pictures import draw_curves
from benchmarks.realisations import make_tables, measure_strain, repeat_noise

DERIVATIVE = np.array([1 / 280, -4 / 105, 1 / 5, -4 / 5, 0, 4 / 5, -1 / 5, 4 / 105, -1 / 280])  # of order 8
PEER_SUBSET = 33  # the peers are slow: they are run at one subset size
#: What else volcorr is asked for, at that subset size: name, options, and the noise it is measured with.
VARIANTS: tuple[tuple[str, dict[str, Any], tuple[float | None, ...]], ...] = (
    ("volcorr quintic", {"spline": "quintic"}, (None, 20.0)),
    ("volcorr quadratic", {"shape": "quadratic"}, (None, 20.0)),
)

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
    snrs: tuple[float | None, ...] = (None, 20.0, 10.0, 5.0, 2.5)
    reach: int = 24  # voxels between the outermost subsets and the faces
    realisations: int = 30
    noise_size: int = 96


QUICK = Plan((64, 64, 64), (0.0, 0.3, 0.5), (96, 96, 96), (0.02,), (2.0,), (21, 33), (None, 20.0), 12, 5, 64)


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


def measure(
    plan: Plan, *, threads: int, peers: Path | None, packages: list[str], keep: Path | None = None
) -> list[Row]:
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
                common = {"subset_size": subset, "threads": threads}
                outcomes = [run_volcorr(*pair, grid, **common)]
                if subset == PEER_SUBSET:
                    for name, extra, measured in VARIANTS:
                        if snr in measured:
                            outcomes.append(run_volcorr(*pair, grid, engine=name, **common, **extra))
                    for name in packages if peers is not None else ():
                        # spam is spared the search for whole voxels, which would take minutes a case
                        start = np.rint(truth) if name == "spam" else None
                        outcomes.append(run_peer(name, peers, *pair, grid, start=start, keep=keep, **common))
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
    records = [
        asdict(row)
        | {"noise": "none" if row.snr is None else f"{row.snr:g}"}
        | {"ratio": None if row.bound is None else row.random / row.bound}
        for row in rows
    ]
    columns = {
        "case": "{case}",
        "SNR": "{noise}",
        "subset": "{subset_size}",
        "package": "{engine}",
        "points": "{points}",
        "lost": "{lost:.2%}",
        "bias": "{bias:.1e}",
        "random": "{random:.2e}",
        "bound": "{bound:.2e}",
        "random/bound": "{ratio:.2f}",
        "scatter/sigma": "{scatter_over_sigma:.2f}",
    }
    return tabulate(records, columns)


def draw(rows: list[Row], path: Path) -> None:
    """Draw the bias by the shift without noise, and the random error of a compression by the noise, with the bound."""
    bias: dict[str, tuple[list[float], list[float]]] = {}
    random: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        if row.subset_size != PEER_SUBSET:
            continue
        if row.snr is None and row.case.startswith("shift"):
            x, y = bias.setdefault(row.engine, ([], []))
            x.append(float(row.case.split()[1]))
            y.append(row.bias)
        elif row.snr is not None and row.case == "compression 2%" and row.bound is not None:
            for name, value in ((row.engine, row.random), ("bound", row.bound)):
                x, y = random.setdefault(name, ([], []))
                if row.snr not in x:
                    x.append(row.snr)
                    y.append(value)
    panels = [
        {"curves": bias, "xlabel": "shift (voxel)", "ylabel": "bias (voxel)", "title": "exact grey values"},
        {"curves": random, "xlabel": "signal-to-noise ratio", "ylabel": "random error (voxel)"}
        | {"xscale": "log", "yscale": "log", "reverse": True, "title": "compression by 2 %, 8 bits"},
    ]
    lines = ["largest mean error of a component, and standard deviation, for subsets of 33³; the bound is Cramér-Rao's"]
    draw_curves(panels, path, title="Errors on motions that are known exactly", lines=lines, legend_in=1)


def main() -> None:
    """Run from the command line."""
    parser = make_parser(__doc__, "accuracy", packages=("al-dvc", "spam"))
    add_keep(parser)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("volcorr").setLevel(logging.WARNING)
    plan = QUICK if options.quick else Plan()
    snrs = tuple(snr for snr in plan.snrs if snr is not None)
    noise = repeat_noise(
        size=plan.noise_size, snrs=snrs, count=plan.realisations, subset=PEER_SUBSET, threads=options.threads
    )
    strain = measure_strain(size=plan.shape[0], subsets=plan.subsets, threads=options.threads)
    rows = measure(plan, threads=options.threads, peers=options.peers, packages=options.packages, keep=options.keep)
    report = {"rows": [asdict(row) for row in rows], "noise": noise, "strain": strain}
    joined = join_shifts(rows)
    report["table"] = [asdict(row) for row in joined]
    save_report(options.output, report, f"{make_table(joined)}\n\n{make_tables(noise, strain)}")
    draw(rows, options.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
