"""What a strain method keeps of the detail, and what it costs in noise; and whether the stated uncertainty is true.

    python -m benchmarks.strain
    python -m benchmarks.strain --pictures docs/images

Three tables:

1. a homogeneous compression by 5 % with a rotation by 5 degrees, measured without error: the largest error of a
   component in microstrain;
2. a wave of displacement along z: the measured amplitude of the strain over the true one (the gain), by the period in
   points, beside the gauge and the noise of strain for a displacement noise of 0.001 voxel (subset 33, spacing 16). The
   displacement is that at the points: the loss in the subset comes on top (see `benchmarks.resolution`);
3. pairs of noisy volumes (SNR 10) correlated by volcorr: scatter of displacement and strain over the uncertainty that
   is stated. 1 is honest.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import volcorr
from acquisition import BlobTexture, add_noise, compress
from benchmarks.engines import markdown_table, save_report
from volcorr.fields import DISPLACEMENT, SIGMA, STRAIN, build_fields
from volcorr.smoothing import smooth_displacement

METHODS: dict[str, dict[str, Any]] = {
    "window 3": {"window": 3},
    "window 5": {"window": 5},
    "window 7": {"window": 7},
    "window 5, order 2": {"window": 5, "order": 2},
    "window 7, order 3": {"window": 7, "order": 3},
    "hexahedra": {"method": "hexahedra"},
    "smooth 1, window 3": {"window": 3, "smooth": 1.0},
}
PERIODS = (4, 6, 8, 12, 16, 24)  # of the table, in points
SUBSET, SPACING, NOISE = 33, 16, 1e-3


def make_field(displacement: np.ndarray) -> Any:
    """Make a field of a displacement in voxels on points every `SPACING` voxels."""
    shape = displacement.shape[1:]
    return build_fields(
        tuple(SPACING * np.arange(n, dtype=float) for n in shape),
        displacement=displacement,
        sigma=np.full(displacement.shape, NOISE),
        cc=np.ones(shape),
        iterations=np.ones(shape),
        status=np.zeros(shape, np.uint8),
        attrs={"unit": "voxel", "voxel_size": [1.0] * 3, "spacing": [SPACING] * 3, "subset_size": [SUBSET] * 3},
    )


def find_strain(field: Any, *, smooth: float | None = None, **options: Any) -> Any:
    """Smooth if asked to, and compute strain."""
    return volcorr.strain(field if smooth is None else smooth_displacement(field, sigma=smooth), **options)


def measure_exactness() -> list[dict[str, Any]]:
    """Find the largest error, in microstrain, where everything is homogeneous."""
    angle = np.deg2rad(5)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    stretch = np.diag([0.95, 1.01, 1.01])
    field = make_field(np.einsum("ab,b...->a...", turn @ stretch - np.eye(3), SPACING * np.indices((9, 9, 9))))
    truth = {
        "green-lagrange": (stretch**2 - np.eye(3)) / 2,
        "hencky": np.diag(np.log(np.diag(stretch))),
        "infinitesimal": (turn @ stretch + (turn @ stretch).T) / 2 - np.eye(3),
    }
    rows = []
    for name, options in METHODS.items():
        row: dict[str, Any] = {"method": name}
        for measure, tensor in truth.items():
            found = find_strain(field, measure=measure, **options)
            places = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
            errors = [float(abs(found[e] - tensor[p]).max()) for e, p in zip(STRAIN, places, strict=True)]
            row[measure] = 1e6 * max(errors)
        rows.append(row)
    return rows


def measure_gain(periods: tuple[float, ...]) -> list[dict[str, Any]]:
    """Measure the gain of a wave by its period in points, the gauge and the noise, in the middle of a long field."""
    rows = []
    for name, options in METHODS.items():
        gains = []
        for period in periods:
            z = np.arange(97) - 48.0
            u = np.zeros((3, 97, 13, 13))
            u[0] = (1e-3 * np.sin(2 * np.pi * z / period))[:, None, None]
            found = find_strain(make_field(u), measure="infinitesimal", **options)
            gains.append(float(found["e_zz"][48, 6, 6]) / (1e-3 * 2 * np.pi / period / SPACING))
        rows.append(
            {
                "method": name,
                "gauge": found.attrs["strain_gauge_size_voxels"][0],
                "noise": 1e6 * float(found["sigma_e_zz"][48, 6, 6]),
                "gains": gains,
            }
        )
    return rows


def measure_honesty(repeats: int, sizes: tuple[tuple[int, int], ...] = ((33, 16), (21, 8))) -> list[dict[str, Any]]:
    """Correlate noisy pairs and compare the scatter with the stated uncertainty."""
    shape, std = (96, 96, 96), 15.0
    texture = BlobTexture.random(shape, rng=7)
    motion = compress(0.01, centre=(47.5, 47.5, 47.5), poisson=0.3)
    pair = texture.render(shape, std=std), texture.render(shape, motion=motion, std=std)
    rows = []
    for subset, spacing in sizes:
        common = {"subset_size": subset, "spacing": spacing, "progress": False}
        clean = volcorr.correlate(*pair, **common)
        squares: dict[str, list[float]] = {}
        for repeat in range(repeats):
            scans = [add_noise(v, snr=10, rng=2 * repeat + n, signal_std=std) for n, v in enumerate(pair)]
            noisy = volcorr.correlate(*scans, **common)
            for name, sigma in zip(DISPLACEMENT, SIGMA, strict=True):
                squares.setdefault("displacement", []).append(_mean_square(noisy, clean, name, sigma))
            for method, options in METHODS.items():
                one, two = (find_strain(field, **options) for field in (noisy, clean))
                for name in STRAIN:
                    squares.setdefault(method, []).append(_mean_square(one, two, name, f"sigma_{name}"))
        ratios = {name: float(np.sqrt(np.mean(values))) for name, values in squares.items()}
        rows.append({"subset": subset, "spacing": spacing, "ratios": ratios})
    return rows


def _mean_square(noisy: Any, clean: Any, name: str, sigma: str) -> float:
    """Average the squared error over its stated uncertainty."""
    ratio = ((noisy[name] - clean[name]) / noisy[sigma]).to_numpy()
    return float(np.mean(ratio[np.isfinite(ratio)] ** 2))


def make_tables(exact: list[dict[str, Any]], gain: list[dict[str, Any]], honest: list[dict[str, Any]]) -> str:
    """Format the three tables."""
    measures = [name for name in exact[0] if name != "method"]
    first = markdown_table(
        ["largest error, microstrain", *measures], [[r["method"], *(f"{r[m]:.1e}" for m in measures)] for r in exact]
    )
    second = markdown_table(
        ["gain by period in points", "gauge, voxels", "noise, microstrain", *map(str, PERIODS)],
        [[r["method"], f"{r['gauge']:.0f}", f"{r['noise']:.0f}", *(f"{g:.2f}" for g in r["gains"])] for r in gain],
    )
    names = list(honest[0]["ratios"]) if honest else []
    third = markdown_table(
        ["scatter / sigma", *(f"subset {r['subset']}, spacing {r['spacing']}" for r in honest)],
        [[name, *(f"{r['ratios'][name]:.2f}" for r in honest)] for name in names],
    )
    return "\n\n".join([first, second, third])


def draw_gain(path: Path) -> None:
    """Draw the gain by period, and the noise beside the period that is 10 % low."""
    from matplotlib.figure import Figure

    periods = tuple(np.geomspace(3, 40, 60))
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for row in measure_gain(periods):
        if row["method"] == "window 5, order 2":  # inside the field it is window 5
            continue
        style = "--" if row["method"] == "hexahedra" else "-"
        (line,) = left.plot(periods, row["gains"], style, label=row["method"])
        half = np.interp(0.9, row["gains"], periods)
        right.plot(half, row["noise"], "o", color=line.get_color())
        below = -11 if row["method"] == "window 5" else 3
        right.annotate(row["method"], (half, row["noise"]), xytext=(6, below), textcoords="offset points", fontsize=8)
    left.axhline(1, color="0.7", lw=0.8, zorder=0)
    left.set(xscale="log", xlabel="period of the strain, points", ylabel="measured / true amplitude", ylim=(-0.2, 1.1))
    left.set_xticks([3, 5, 10, 20, 40], labels=["3", "5", "10", "20", "40"])
    left.minorticks_off()
    left.legend(fontsize=8, frameon=False, loc="lower right")
    right.set(xlabel="period that comes out 10 % low, points", ylabel="noise of strain, microstrain")
    right.set(xlim=(5, 25), ylim=(0, 32))
    _save(figure, path)


def draw_crack(path: Path) -> None:
    """Draw the strain beside a crack that opens by one voxel in a specimen compressed by 0.5 %."""
    from matplotlib.figure import Figure

    u = np.zeros((3, 17, 9, 9))
    u[0] = (-0.005 * SPACING * np.arange(17))[:, None, None]
    u[0, 9:] += 1.0
    u += np.random.default_rng(0).normal(scale=0.01, size=u.shape)
    u[:, 8] = np.nan
    field = make_field(u)
    for name in SIGMA:
        field[name][:] = 0.01
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    for gaps, colour in (("bridge", "#d55e00"), ("stop", "#0072b2")):
        line = volcorr.strain(field, window=5, gaps=gaps, measure="infinitesimal").isel(y=4, x=4)
        label = f'gaps="{gaps}"' + (" (default)" if gaps == "stop" else "")
        axes.errorbar(
            line["z"], 100 * line["e_zz"], 100 * line["sigma_e_zz"], fmt="o", ms=4, capsize=2, color=colour, label=label
        )
    axes.axhline(-0.5, color="0.7", lw=0.8, zorder=0)
    axes.axvspan(7.5 * SPACING, 8.5 * SPACING, color="0.9", zorder=0)
    axes.annotate("crack:\nno valid point", (8 * SPACING, 0.4), ha="center", fontsize=8)
    axes.set(xlabel="z, voxels", ylabel="strain along z, %")
    axes.legend(fontsize=8, frameon=False)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=6, help="noisy pairs to correlate")
    parser.add_argument("--pictures", type=Path, help="only draw the pictures of the docs, into this folder")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/strain.json"))
    options = parser.parse_args()
    if options.pictures:
        draw_gain(options.pictures / "strain_gain.png")
        draw_crack(options.pictures / "strain_crack.png")
        return
    exact, gain, honest = measure_exactness(), measure_gain(PERIODS), measure_honesty(options.repeats)
    report = {"exactness": exact, "gain": gain, "honesty": honest}
    save_report(options.output, report, make_tables(exact, gain, honest))


if __name__ == "__main__":
    main()
