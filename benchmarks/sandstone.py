"""Agreement of volcorr, al-dvc and spam on a real pair: a notched sandstone core before and after loading.

    python -m benchmarks.sandstone --data FOLDER_OF_THE_PAIR --peers ~/peers/bin/python

The pair is the example of TomoWarp2 (E. Tudisco et al., SoftwareX 6 (2017) 267-270). No truth is known: what is
compared is how far the packages are from each other at the same points, with the same subsets of 33^3 inside the core.
The second scan is half as bright as the first. volcorr and al-dvc do not mind; spam compares grey values as they are,
so it gets the second scan with mean and standard deviation in the core matched to the first.

`Repeatability`: the intact scan is moved by a known part of a voxel in Fourier space and correlated again. The same
field must come out, less that shift (and less what a linear field changes over it); what is left is compared with the
uncertainty that is stated. The noise of the scans stays the same: what is left is what interpolation does to them.
"""

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engines import (
    AXES,
    STARTS,
    Outcome,
    PointGrid,
    add_keep,
    make_parser,
    run_peer,
    run_volcorr,
    save_report,
    tabulate,
)
from benchmarks.pictures import draw_maps

NAMES = ("sandstone_intact_z000-255.tif", "sandstone_deformed_z000-255.tif")
SHIFT = (0.3, -0.4, 0.2)


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


def fourier_shift(volume: np.ndarray, shift: tuple[float, float, float]) -> np.ndarray:
    """Move a volume by parts of voxels: its content at X is at X + shift. Mirrored at the faces, one axis at a time."""
    from scipy import fft

    moved = volume.astype(np.float32)
    for axis, step in enumerate(shift):
        mirrored = np.concatenate([moved, np.flip(moved, axis)], axis)
        n = mirrored.shape[axis]
        spectrum = fft.rfft(mirrored, axis=axis, overwrite_x=True, workers=-1)
        # what comes in at a face is the mirror image: points near the faces are not those of a moved specimen
        turn = np.exp(-2j * np.pi * step * fft.rfftfreq(n)).astype(np.complex64)
        spectrum *= turn.reshape([-1 if a == axis else 1 for a in range(3)])
        whole = fft.irfft(spectrum, n, axis=axis, overwrite_x=True, workers=-1)
        moved = np.take(whole, np.arange(volume.shape[axis]), axis=axis)
    return moved


def correlate_all(
    pair: list[np.ndarray], core: np.ndarray, grid: PointGrid, wanted: np.ndarray, options: Any
) -> list[Outcome]:
    """Run the packages, and volcorr with quintic splines too."""
    common = {"subset_size": options.subset_size, "threads": options.threads, "mask": core.astype(np.uint8)}
    outcomes = [run_volcorr(*pair, grid, **common)]
    outcomes.append(run_volcorr(*pair, grid, spline="quintic", engine="volcorr quintic", **common))
    packages = options.packages if options.peers is not None else []
    asked = common | {"wanted": wanted, "keep": options.keep}
    if "al-dvc" in packages:
        outcomes.append(run_peer("al-dvc", options.peers, *pair, grid, **asked))
    if "spam" in packages:
        matched = [pair[0].astype(np.float32), match_grey(pair[1], pair[0], core)]
        outcomes.append(run_peer("spam", options.peers, *matched, grid, **asked, **STARTS["spam"]))
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


def mean_gradient(points: np.ndarray, outcome: Outcome) -> np.ndarray:
    """Fit a displacement that is linear in the position; return its gradient (3, 3), rows the axes of position."""
    arm = points[outcome.valid] - points[outcome.valid].mean(0)
    return np.linalg.lstsq(np.column_stack([np.ones(len(arm)), arm]), outcome.u[outcome.valid], rcond=None)[0][1:]


def repeat_moved(
    pair: list[np.ndarray], core: np.ndarray, grid: PointGrid, ours: list[Outcome], options: Any
) -> list[dict[str, Any]]:
    """Correlate the moved reference and hold the fields (cubic, quintic) against those of the resting one."""
    moved = fourier_shift(pair[0], SHIFT)
    common = {"subset_size": options.subset_size, "threads": options.threads, "mask": core.astype(np.uint8)}
    share = coverage(core, grid, options.subset_size // 2)
    results = []
    for spline, first in zip(("cubic", "quintic"), ours, strict=True):
        again = run_volcorr(moved, pair[1], grid, spline=spline, **common)
        assert first.sigma is not None
        for name, points in {"all points": share >= 0.5, "points with a full subset": share > 0.999}.items():
            both = points & first.valid & again.valid
            # at X is now what was at X - shift
            expected = first.u - SHIFT - np.asarray(SHIFT) @ mean_gradient(grid.points, first)
            difference = (again.u - expected)[both]
            scaled = np.abs(difference) / first.sigma[both]
            results.append(
                {"spline": spline, "points": name, "n": int(both.sum()), "within": float((scaled < 3).mean())}
                | {"rms": float(np.sqrt(np.mean(difference**2))), "ratio": float(np.sqrt(np.mean(scaled**2)))}
                | {"largest_mean": float(np.abs(difference.mean(0)).max())}
                | {"median_sigma": float(np.median(first.sigma[both]))}
                | {"by_fraction": by_fraction(first.u[both], difference)}
            )
    return results


def by_fraction(u: np.ndarray, difference: np.ndarray, *, bins: int = 8) -> list[list[float]]:
    """Mean difference along z, y, x in classes of the displacement's part of a voxel: what interpolation does."""
    part = np.floor(u % 1 * bins)
    classes = [[part[:, axis] == number for number in range(bins)] for axis in range(3)]
    return [
        [float(difference[chosen, axis].mean()) if chosen.any() else np.nan for chosen in row]
        for axis, row in enumerate(classes)
    ]


def make_tables(kept: list[dict[str, Any]], pairs: list[dict[str, Any]], repeated: list[dict[str, Any]]) -> str:
    """Format what each package keeps, how far they are from each other, and the repeatability."""
    shares = {
        "package": "{engine} {version}",
        "kept of all points": "{all points:.1%}",
        "kept of points with a full subset": "{points with a full subset:.1%}",
        "wall s": "{wall:.1f}",
        "CPU s": "{cpu:.1f}",
    }
    distances = {
        "points": "{points}",
        "between": "{pair}",
        "n": "{n}",
        "median distance (voxel)": "{median:.4f}",
        "95th percentile": "{p95:.4f}",
    }
    again = {
        "intact scan moved by a part of a voxel": "{points}",
        "spline": "{spline}",
        "n": "{n}",
        "within 3 sigma": "{within:.2%}",
        "rms difference (voxel)": "{rms:.4f}",
        "rms of difference/sigma": "{ratio:.2f}",
        "largest mean difference": "{largest_mean:.4f}",
        "median sigma": "{median_sigma:.4f}",
    }
    tables = [tabulate(kept, shares), tabulate(pairs, distances) if pairs else "", tabulate(repeated, again)]
    return "\n\n".join(table for table in tables if table)


def draw(outcomes: list[Outcome], grid: PointGrid, volume: np.ndarray, path: Path) -> None:
    """Draw the middle section: displacement and uncertainty by volcorr, and what the others measure more or less."""
    section, (_, y, x) = grid.count[0] // 2, grid.ranges
    z, pad = grid.first[0] + grid.spacing[0] * section, grid.spacing[1] / 2
    extent = (x[0] - pad, x[1] + pad, y[0] - pad, y[1] + pad)
    whole = (-0.5, volume.shape[2] - 0.5, -0.5, volume.shape[1] - 0.5)

    def maps(values: np.ndarray, title: str, cmap: str, *, centred: bool) -> list[dict[str, Any]]:
        slices = values.reshape(*grid.count, 3)[section]
        low, high = np.nanpercentile(slices, [1, 99])
        if centred:
            high = float(np.nanpercentile(np.abs(slices), 98))
            low = -high
        return [
            {"values": slices[..., axis], "title": title.format(name), "label": "voxel", "cmap": cmap}
            | ({"limits": (low, high), "extend": "both"} if centred or cmap == "magma" else {})
            for axis, name in enumerate(AXES)
        ]

    ours, *others = outcomes
    assert ours.sigma is not None
    grey = {"values": volume[z], "title": f"intact core, z = {z}", "cmap": "gray", "extent": whole}
    where = {"title": "validity: 1 is valid", "cmap": "gray", "limits": (0, 1), "label": "volcorr"}
    kept = ours.valid.reshape(grid.count)[section].astype(float)
    rows = [
        [grey, *maps(ours.u, "volcorr, $u_{}$", "viridis", centred=False)],
        [where | {"values": kept}, *maps(ours.sigma, r"volcorr, $\sigma_{}$", "magma", centred=False)],
    ]
    for one in others:
        also = where | {"values": one.valid.reshape(grid.count)[section].astype(float), "label": one.engine}
        rows.append([also, *maps(one.u - ours.u, f"{one.engine} minus volcorr, $u_{{}}$", "RdBu_r", centred=True)])
    lines = [f"middle section of the points, spacing {grid.spacing[0]} voxels; differences on one scale a row"]
    draw_maps(rows, path, title="A sandstone core, measured by several packages", lines=lines, extent=extent)


def main() -> None:
    """Run from the command line."""
    import tifffile

    parser = make_parser(__doc__, "sandstone", packages=("al-dvc", "spam"))
    parser.add_argument("--data", type=Path, required=True, help="folder of the two TIFF files")
    parser.add_argument("--slices", type=int, help="use only the first slices; 256 without it")
    parser.add_argument("--subset-size", type=int, default=33)
    parser.add_argument("--spacing", type=int, help="distance between points; 8 without it")
    add_keep(parser)
    options = parser.parse_args()
    spacing = options.spacing or (32 if options.quick else 8)
    slices = options.slices or (112 if options.quick else 256)
    pair = [tifffile.imread(options.data / name)[:slices] for name in NAMES]
    core, half = find_core(pair[0]), options.subset_size // 2
    grid = PointGrid.inside(pair[0].shape, margin=half + 8, spacing=spacing)
    share = coverage(core, grid, half)
    inside = core[tuple(grid.points.T)] & (share >= 0.5)
    chosen = {"all points": inside, "points with a full subset": inside & (share > 0.999)}
    outcomes = correlate_all(pair, core, grid, inside, options)
    pairs = compare(outcomes, chosen)
    kept = [
        {"engine": one.engine, "version": one.version, "wall": one.wall, "cpu": one.cpu, "stages": dict(one.stages)}
        | {name: float(one.valid[points].mean()) for name, points in chosen.items()}
        for one in outcomes
    ]
    repeated = repeat_moved(pair, core, grid, outcomes[:2], options)
    counts = {name: int(points.sum()) for name, points in chosen.items()}
    report = {"spacing": spacing, "points": counts, "kept": kept, "pairs": pairs}
    report |= {"repeatability": repeated, "shift": SHIFT}
    save_report(options.output, report, make_tables(kept, pairs, repeated))
    draw(outcomes, grid, pair[0], options.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
