"""The error that interpolation makes on textures from coarse to fine, with and without the correction.

    python -m benchmarks.interpolation
    python -m benchmarks.interpolation --peers ~/peers/bin/python

Volumes of 96^3 voxels with an analytic texture of blobs, exact grey values, subsets of 33^3, shifted by parts of a
voxel along all axes. The largest error of a component's mean over the shifts is measured as volcorr answers, and with
its correction turned off.
"""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from acquisition import BlobTexture, translate
from benchmarks.engines import PointGrid, add_keep, make_parser, run_peer, run_volcorr, save_report, tabulate
from benchmarks.pictures import draw_curves

SIZE, SUBSET, SPACING = 96, 33, 12
SHIFTS = tuple(np.arange(0.0, 1.01, 0.125))
#: Smallest and largest sigma of the blobs in voxels, and voxels for each blob.
TEXTURES = {"sharp": (0.6, 0.8, 10), "fine": (0.8, 1.0, 15), "medium": (1.0, 1.2, 20), "coarse": (1.5, 2.5, 150)}
DRAWN = ("fine", "coarse")


def measure(options: Any) -> list[dict[str, Any]]:
    """Return the mean error of each shift, for each texture and package."""
    results = []
    shape = (SIZE,) * 3
    grid = PointGrid.inside(shape, margin=SUBSET // 2 + 4, spacing=SPACING)
    common = {"subset_size": SUBSET, "threads": options.threads}
    for name, (low, high, voxels) in list(TEXTURES.items())[: 1 if options.quick else None]:
        texture = BlobTexture.random(shape, rng=7, sigma=(low, high), blob_density=1 / voxels)
        still = texture.render(shape)
        for shift in SHIFTS[:: 2 if options.quick else 1]:
            moved = texture.render(shape, motion=translate((shift,) * 3))
            outcomes = {}
            for spline in ("cubic", "quintic"):
                asked = common | {"spline": spline, "tolerance": 1e-4}
                outcomes[spline] = run_volcorr(still, moved, grid, **asked)
                with patch("volcorr.correlation.measure_amplitudes", lambda *_: np.zeros(3)):
                    outcomes[f"{spline}, not corrected"] = run_volcorr(still, moved, grid, **asked)
            if options.peers and "al-dvc" in options.packages:
                outcomes["al-dvc"] = run_peer("al-dvc", options.peers, still, moved, grid, keep=options.keep, **common)
            for engine, outcome in outcomes.items():
                error = np.nanmean(outcome.u, axis=0) - shift
                results.append({"texture": name, "engine": engine, "shift": float(shift), "error": error.tolist()})
    return results


def largest(results: list[dict[str, Any]], texture: str, engine: str) -> float | None:
    """Return the largest error of a component over the shifts."""
    errors = [one["error"] for one in results if (one["texture"], one["engine"]) == (texture, engine)]
    return float(np.abs(errors).max()) if errors else None


def make_table(results: list[dict[str, Any]]) -> str:
    """Format the largest error of each texture."""
    records = [
        {"texture": name, "blobs": "{:g} to {:g}".format(*TEXTURES[name])}
        | {engine: largest(results, name, engine) for engine in dict.fromkeys(one["engine"] for one in results)}
        for name in dict.fromkeys(one["texture"] for one in results)
    ]
    columns = {"texture": "{texture}", "sigma of blobs (voxel)": "{blobs}"}
    for engine in ("cubic, not corrected", "cubic", "quintic, not corrected", "quintic", "al-dvc"):
        if any(engine in record for record in records):
            columns[engine] = f"{{{engine}:.1e}}"
    return tabulate(records, columns)


def draw(results: list[dict[str, Any]], path: Path) -> None:
    """Draw the error along z by the shift, for a fine and for a coarse texture."""
    panels = []
    for texture in DRAWN:
        curves: dict[str, tuple[list[float], list[float]]] = {}
        for one in results:
            if one["texture"] == texture:
                x, y = curves.setdefault(one["engine"], ([], []))
                x.append(one["shift"])
                y.append(1000 * one["error"][0])
        low, high, _ = TEXTURES[texture]
        top = max(max(np.abs(y)) for _, y in curves.values())
        labels: dict[str, Any] = {"ylim": (-1.2 * top, 2.1 * top)}
        labels |= {"xlabel": "shift (voxel)", "ylabel": "mean error along z (1/1000 voxel)"}
        panels.append({"curves": curves, "title": f"blobs of sigma {low:g} to {high:g} voxels", "level": 0.0} | labels)
    lines = [f"exact grey values, subsets of {SUBSET}³; as volcorr answers, and with its correction turned off"]
    draw_curves(panels, path, title="The error of interpolation", lines=lines)


def main() -> None:
    """Run from the command line."""
    parser = make_parser(__doc__, "interpolation", packages=("al-dvc",))
    add_keep(parser)
    options = parser.parse_args()
    results = measure(options)
    save_report(options.output, {"results": results}, make_table(results))
    draw(results, options.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
