"""Agreement of volcorr, spam and al-dvc on a real pair: a notched sandstone core before and after loading.

    python -m benchmarks.sandstone --data FOLDER_OF_THE_PAIR --peers ~/peers/bin/python

The pair is the example of TomoWarp2 (E. Tudisco et al., SoftwareX 6 (2017) 267-270). No truth is known: what is
compared is how far the packages are from each other at the same points, with the same subsets of 33^3 every 16 voxels
inside the core. The second scan is half as bright as the first. volcorr and al-dvc do not mind; spam compares grey
values as they are, so it gets the second scan with mean and standard deviation in the core matched to the first.
"""

import argparse
import itertools
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engines import (
    AXES,
    Outcome,
    PointGrid,
    machine,
    markdown_table,
    run_peer,
    run_volcorr,
    save_report,
)

NAMES = ("sandstone_intact_z000-255.tif", "sandstone_deformed_z000-255.tif")


def find_core(volume: np.ndarray) -> np.ndarray:
    """Return the core: smoothed grey above half way between air and rock, without holes, largest part."""
    from scipy import ndimage

    smooth = ndimage.uniform_filter(volume.astype(np.float32), 5)
    air, rock = np.percentile(smooth, [5, 75])
    labels, _ = ndimage.label(smooth > (air + rock) / 2)
    core = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    return np.stack([ndimage.binary_fill_holes(section) for section in core])


def coverage(mask: np.ndarray, grid: PointGrid, half: int) -> np.ndarray:
    """Part of each subset that lies in the mask."""
    from scipy import ndimage

    share = ndimage.uniform_filter(mask.astype(np.float32), 2 * half + 1)
    return share[tuple(grid.points.T)]


def match_grey(volume: np.ndarray, target: np.ndarray, core: np.ndarray) -> np.ndarray:
    """Give `volume` the mean and standard deviation that `target` has in the core."""
    scale = target[core].std() / volume[core].std()
    matched: np.ndarray = (volume - volume[core].mean()) * scale + target[core].mean()
    return matched.astype(np.float32)


def correlate_all(
    pair: list[np.ndarray], core: np.ndarray, grid: PointGrid, wanted: np.ndarray, options: argparse.Namespace
) -> list[Outcome]:
    """Run the packages."""
    common = {"subset_size": options.subset_size, "threads": options.threads, "mask": core.astype(np.uint8)}
    outcomes = [run_volcorr(*pair, grid, **common)]
    if options.peers is not None:
        outcomes.append(run_peer("al-dvc", options.peers, *pair, grid, wanted=wanted, **common))
        matched = [pair[0].astype(np.float32), match_grey(pair[1], pair[0], core)]
        start = {"register": 4, "register_stop": 2, "search": 4}
        outcomes.append(run_peer("spam", options.peers, *matched, grid, wanted=wanted, **common, **start))
    return outcomes


def compare(outcomes: list[Outcome], chosen: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Compare each two packages, for each choice of points."""
    results = []
    for (where, points), (one, other) in itertools.product(chosen.items(), itertools.combinations(outcomes, 2)):
        both = points & one.valid & other.valid
        distance = np.linalg.norm(one.u[both] - other.u[both], axis=1)
        if len(distance):
            median, high = np.percentile(distance, [50, 95])
            pair = f"{one.engine} - {other.engine}"
            results.append({"points": where, "pair": pair, "n": len(distance), "median": median, "p95": high})
    return results


def make_table(outcomes: list[Outcome], chosen: dict[str, np.ndarray], pairs: list[dict[str, Any]]) -> str:
    """Format what each package keeps, and how far they are from each other."""
    shares = [
        [f"{one.engine} {one.version}"]
        + [f"{100 * one.valid[points].mean():.1f}" for points in chosen.values()]
        + [f"{one.wall:.1f}", f"{one.cpu:.1f}"]
        for one in outcomes
    ]
    kept = markdown_table(["package", *(f"kept % of {name}" for name in chosen), "wall s", "CPU s"], shares)
    rows = [[one["points"], one["pair"], str(one["n"]), f"{one['median']:.4f}", f"{one['p95']:.4f}"] for one in pairs]
    header = ["points", "between", "n", "median distance (voxel)", "95th percentile"]
    return kept + "\n\n" + markdown_table(header, rows)


def draw(outcomes: list[Outcome], grid: PointGrid, volume: np.ndarray, path: Path) -> None:
    """Draw the middle slice: volcorr's displacement, and what the others measure more or less than that."""
    from matplotlib.figure import Figure

    middle, (_, y, x) = grid.count[0] // 2, grid.ranges
    z, pad = grid.first[0] + grid.spacing[0] * middle, grid.spacing[1] / 2
    extent = (x[0] - pad, x[1] + pad, y[0] - pad, y[1] + pad)
    ours, *others = outcomes
    figure = Figure(figsize=(15, 3.9 * len(outcomes)), layout="constrained")
    axes = figure.subplots(len(outcomes), 4, squeeze=False)
    panels = [("volcorr, $u_{}$", ours.u)] + [
        (f"{one.engine} minus volcorr, $u_{{}}$", one.u - ours.u) for one in others
    ]
    for row, (title, u) in zip(axes, panels, strict=True):
        slices = u.reshape(*grid.count, 3)[middle]
        limit = np.nanpercentile(np.abs(slices), 98)
        for axis, frame in enumerate(row[1:]):
            style = {"cmap": "viridis"} if u is ours.u else {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
            image = frame.imshow(slices[..., axis], extent=extent, origin="lower", **style)
            frame.set(title=title.replace("{}", AXES[axis]), xlabel="x (voxel)", ylabel="y (voxel)")
            clipped = "neither" if u is ours.u else "both"
            figure.colorbar(image, ax=frame, label="voxel", extend=clipped, shrink=0.85)
    axes[0, 0].imshow(volume[z], cmap="gray", origin="lower")
    axes[0, 0].set(title=f"intact core, slice z = {z}", xlabel="x (voxel)", ylabel="y (voxel)")
    for frame, one in zip(axes[1:, 0], others, strict=True):
        distance = np.linalg.norm(one.u - ours.u, axis=1)
        distance = distance[np.isfinite(distance)]
        frame.hist(distance, bins=np.geomspace(1e-4, 1, 60), color="#56b4e9")
        frame.axvline(np.median(distance), color="black", linestyle="--")
        frame.set(xscale="log", xlabel=f"distance from volcorr to {one.engine} (voxel)", ylabel="points")
        frame.set_title(f"median {np.median(distance):.4f} voxel")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Run from the command line."""
    import tifffile

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the two TIFF files")
    parser.add_argument("--peers", type=Path, help="Python of an environment with spam and al-dvc")
    parser.add_argument("--slices", type=int, default=256, help="use only the first slices")
    parser.add_argument("--subset-size", type=int, default=33)
    parser.add_argument("--spacing", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/sandstone.json"))
    options = parser.parse_args()
    pair = [tifffile.imread(options.data / name)[: options.slices] for name in NAMES]
    core, half = find_core(pair[0]), options.subset_size // 2
    grid = PointGrid.inside(pair[0].shape, margin=half + 8, spacing=options.spacing)
    share = coverage(core, grid, half)
    inside = core[tuple(grid.points.T)] & (share >= 0.5)
    chosen = {"all points": inside, "points with a full subset": inside & (share > 0.999)}
    outcomes = correlate_all(pair, core, grid, inside, options)
    pairs = compare(outcomes, chosen)
    kept = [
        {"engine": one.engine, "version": one.version, "wall": one.wall, "cpu": one.cpu, "stages": one.stages}
        | {name: float(one.valid[points].mean()) for name, points in chosen.items()}
        for one in outcomes
    ]
    counts = {name: int(points.sum()) for name, points in chosen.items()}
    report = {"machine": machine(), "points": counts, "kept": kept, "pairs": pairs}
    save_report(options.output, report, make_table(outcomes, chosen, pairs))
    draw(outcomes, grid, pair[0], options.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
