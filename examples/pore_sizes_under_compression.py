"""Pore sizes and porosity at every step of a compression, from grey scans whose answer is known.

    python pore_sizes_under_compression.py

A virtual bed of rigid spheres is compressed: the law moves their centres, z -> (1 - e) z, and leaves them round. Each
step is recorded with blur and noise, segmented anew, and measured. The law says what must come out:

porosity      overlapping spheres in random places stay such under the law, only denser: p becomes p^(1 / (1 - e))
mean radius   that of the same spheres without blur and noise, drawn with voxels of half the edge

Copy this script and put your own scans in place of `record`.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy import ndimage

from porosity import PhaseFractions, PoreSizeDistribution, phase_fractions, pore_size_distribution
from segmentation import smooth_nonlocal, threshold
from volio import Volume

# ---------------------------------------------------------------------------------------------------------------------
STEPS = (0.0, 0.08, 0.16, 0.24)  # compression e of each step
POROSITY = 0.55  # before the load
RADIUS = 16  # of the spheres, in voxels
VOXEL = 0.128  # um
NOISE, BLUR = 12.0, 0.8  # grey levels (pore 60, solid 160) and voxels
# ---------------------------------------------------------------------------------------------------------------------
COLOURS = ("#0072b2", "#009e73", "#e69f00", "#d55e00", "#cc79a7", "#56b4e9")


@dataclass(frozen=True, eq=False)
class Step:
    """What is known and what was measured of one step; `low` and `high` belong to the ends of the threshold's band."""

    compression: float
    grey: Volume
    labels: Volume
    fractions: PhaseFractions
    sizes: PoreSizeDistribution
    low: PoreSizeDistribution
    high: PoreSizeDistribution
    law: float
    truth: PoreSizeDistribution


def place_spheres(edge: int) -> np.ndarray:
    """Return the centres (n, 3) of the spheres before the load, around as well as in a cube of `edge` voxels."""
    rng = np.random.default_rng(7)
    size = np.array([edge / (1 - max(STEPS)), edge, edge]) + 4 * RADIUS
    density = -np.log(POROSITY) / (4 / 3 * np.pi * RADIUS**3)
    return rng.uniform(-size / 2, size / 2, (rng.poisson(density * size.prod()), 3))


def draw_solid(centres: np.ndarray, edge: int, fine: int) -> np.ndarray:
    """Return True inside the spheres: a cube around the origin, cut into (fine edge)^3 voxels."""
    solid = np.zeros((edge * fine,) * 3, bool)
    reach = int(RADIUS * fine) + 2
    for centre in (centres + edge / 2) * fine - 0.5:
        first = [max(int(c) - reach, 0) for c in centre]
        last = [min(int(c) + reach + 1, edge * fine) for c in centre]
        if min(b - a for a, b in zip(first, last, strict=True)) <= 0:
            continue
        z, y, x = (np.arange(a, b) - c for a, b, c in zip(first, last, centre, strict=True))
        inside = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 < (RADIUS * fine) ** 2
        solid[tuple(slice(a, b) for a, b in zip(first, last, strict=True))] |= inside
    return solid


def record(fine: np.ndarray, seed: int) -> Volume:
    """Return the scan of a step: voxels of twice the edge, blurred and noisy."""
    n = len(fine) // 2
    share = fine.reshape(n, 2, n, 2, n, 2).mean((1, 3, 5), dtype=np.float32)
    grey = ndimage.gaussian_filter(60 + 100 * share, BLUR)
    grey += np.random.default_rng(seed).normal(0, NOISE, grey.shape)
    return Volume(np.clip(np.rint(grey), 0, 255).astype(np.uint8), voxel_size=(VOXEL,) * 3, name=f"step {seed}")


def measure(number: int, compression: float, centres: np.ndarray, edge: int) -> Step:
    """Record, segment and measure one step."""
    moved = centres * (1 - compression, 1, 1)
    fine = draw_solid(moved, edge, 2)
    grey = record(fine, number)
    smooth = smooth_nonlocal(grey, noise=NOISE)
    labels = threshold(smooth)
    found = labels.metadata["segmentation"]
    ends = [threshold(smooth, method="manual", values=[found[name][0]]) for name in ("threshold_low", "threshold_high")]
    low, high = (pore_size_distribution(one, phase=0) for one in ends)
    return Step(
        compression=compression,
        grey=grey,
        labels=labels,
        fractions=phase_fractions(labels, band=(ends[0], ends[1])),
        sizes=pore_size_distribution(labels, phase=0),
        low=low,
        high=high,
        law=POROSITY ** (1 / (1 - compression)),
        truth=pore_size_distribution(~fine, voxel_size=VOXEL / 2),
    )


def draw_curves(steps: list[Step], path: Path) -> None:
    """Draw the distributions, and mean radius and porosity against the law."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    curves, radii, shares = figure.subplots(1, 3, width_ratios=(1.3, 1, 1))
    for step, colour in zip(steps, COLOURS, strict=False):
        below, above = step.sizes.band
        curves.fill_between(step.sizes.radius, below, above, color=colour, alpha=0.15, linewidth=0)
        curves.plot(step.sizes.radius, step.sizes.cumulative, color=colour, label=f"{100 * step.compression:.0f} %")
        curves.plot(step.truth.radius, step.truth.cumulative, color=colour, linestyle=":", linewidth=1.3)
    curves.set(xlabel="radius r (µm)", ylabel="share of the pores ≥ r", xlim=(0, None), ylim=(0, 1.02))
    curves.set_title("measured, band ± half a voxel; dotted: known", fontsize=9)
    curves.legend(title="compression", frameon=False, fontsize=8)
    at = [100 * step.compression for step in steps]
    draw_band(radii, at, [step.low.mean_radius for step in steps], [step.high.mean_radius for step in steps])
    radii.plot(at, [step.truth.mean_radius for step in steps], "k:", label="known")
    radii.errorbar(
        at, [step.sizes.mean_radius for step in steps], steps[0].sizes.resolution, fmt="o", capsize=3, label="measured"
    )
    radii.set(xlabel="compression (%)", ylabel="mean pore radius (µm)")
    draw_band(shares, at, *([step.fractions.band[0, end] for step in steps] for end in (0, 1)))
    shares.plot(at, [step.law for step in steps], "k:", label="law")
    found = np.array([[step.fractions.fraction[0], step.fractions.low[0], step.fractions.high[0]] for step in steps]).T
    shares.errorbar(at, found[0], [found[0] - found[1], found[2] - found[0]], fmt="o", capsize=3, label="measured")
    shares.set(xlabel="compression (%)", ylabel="porosity")
    for axes in (curves, radii, shares):
        axes.spines[["top", "right"]].set_visible(False)
    for axes in (radii, shares):
        axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def draw_band(axes: Any, at: list[float], low: list[float], high: list[float]) -> None:
    """Shade what the threshold may move within the valley of the histogram."""
    axes.fill_between(at, low, high, color="#56b4e9", alpha=0.3, linewidth=0, label="band of the threshold")


def draw_slices(steps: list[Step], path: Path) -> None:
    """Draw the middle section of each step: grey values above, phases below."""
    figure = Figure(figsize=(2.8 * len(steps), 5.8), layout="constrained")
    for column, step in zip(figure.subplots(2, len(steps)).T, steps, strict=True):
        edge = step.grey.shape[2]
        for axes, data, most in zip(column, (step.grey.data, step.labels.data), (255, 1), strict=True):
            axes.imshow(data[:, edge // 2], cmap="gray", vmin=0, vmax=most, extent=(0, edge * VOXEL, edge * VOXEL, 0))
            axes.set_xticks([])
            axes.set_yticks([])
        column[0].set_title(f"{100 * step.compression:.0f} %", fontsize=10)
        column[1].set_xlabel(f"porosity {step.fractions.fraction[0]:.3f}, mean {step.sizes.mean_radius:.2f} µm")
    figure.savefig(path, dpi=90)


def main(output: Path, edge: int = 192) -> list[Step]:
    """Compress, measure, print a table and leave two pictures in `output`."""
    output.mkdir(parents=True, exist_ok=True)
    centres = place_spheres(edge)
    steps = [measure(number, compression, centres, edge) for number, compression in enumerate(STEPS)]
    print("| compression | porosity: law | this bed | measured | 95 % interval | mean radius, known (µm) | measured |")
    print("|---|---|---|---|---|---|---|")
    for step in steps:
        found = step.fractions
        print(
            f"| {100 * step.compression:.0f} % | {step.law:.3f} | {step.truth.porosity:.3f} | {found.fraction[0]:.3f}"
            f" | {found.low[0]:.3f} to {found.high[0]:.3f}"
            f" | {step.truth.mean_radius:.3f} | {step.sizes.mean_radius:.3f} ± {step.sizes.resolution:.2f} |"
        )
    draw_curves(steps, output / "pores_compression_curves.png")
    draw_slices(steps, output / "pores_compression_slices.png")
    return steps


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("pore-sizes"))
