"""Rings and rotation axis: how much of the rings is left, what it costs the specimen, and how far the axis is off.

    python -m benchmarks.corrections                                   # tables
    python -m benchmarks.corrections --data FOLDER --pictures docs/images   # the pictures of the docs, with a real scan

The truth of the rings is the same noisy scan seen by a detector without faults; that of the axis is known.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.projections import EllipsePhantom
from benchmarks.pictures import draw_maps
from recon.axis import find_axis
from recon.axis_sharpness import reconstruct_candidates
from recon.corrections import correct
from recon.regularized_stripes import remove_stripes_by_regularization
from recon.sorted_stripes import remove_all_stripes, remove_stripes_by_filtering, remove_stripes_by_sorting
from recon.wavelet_stripes import remove_stripes_by_wavelets

Images = NDArray[np.float32]
SIZE, ANGLES, PHOTONS = 512, 801, 1e4
METHODS: dict[str, Callable[[Images], Images]] = {
    "none": lambda sinograms: sinograms,
    "all": remove_all_stripes,
    "sorting": remove_stripes_by_sorting,
    "filtering": remove_stripes_by_filtering,
    "wavelets": remove_stripes_by_wavelets,
    "regularization": remove_stripes_by_regularization,
}


def scan_row(
    span: float, *, size: int, columns: int, center: float, seed: int, angles: int = ANGLES
) -> tuple[Any, Any]:
    """Return line integrals of one row with the noise of photons, and the angles over `span` degrees."""
    places = np.radians(np.linspace(-span / 2, span / 2, angles))
    lines = EllipsePhantom.electrode(size, seed=seed).project(places, columns=columns, center=center)
    lines *= 1.5 / lines.max()
    photons = np.random.default_rng(seed).poisson(PHOTONS * np.exp(-lines))
    return -np.log(np.maximum(photons, 1) / PHOTONS).astype(np.float32), places


def spoil(sinogram: Images) -> Images:
    """Return a sinogram as a detector with narrow, wide and dead faults sees it."""
    rng = np.random.default_rng(0)
    offsets = np.where(rng.random(SIZE) < 0.06, rng.normal(0, 0.04, SIZE), 0)
    offsets[190:202] += 0.08
    spoilt = sinogram + offsets.astype(np.float32)
    spoilt[:, 330:332] = 0.7
    return spoilt


def measure_rings() -> tuple[list[dict[str, Any]], dict[str, Images]]:
    """Return a table of what is left of the rings, and the slices."""
    middle = 0.5 * (SIZE - 1)
    clean, angles = scan_row(180, size=SIZE, columns=SIZE, center=middle, seed=7)
    spoilt = spoil(clean)

    def section(sinogram: Images) -> Images:
        return reconstruct_candidates(sinogram, angles, np.array([middle])).slices[0]

    truth = section(clean)
    contrast = float(truth.std())
    table, pictures = [], {"truth": truth}
    for name, remove in METHODS.items():
        remove(spoilt[None])  # compiled
        start = time.process_time()
        done = remove(spoilt[None])[0]
        seconds = time.process_time() - start
        pictures[name] = section(done)
        left = float(np.sqrt(np.mean((pictures[name] - truth) ** 2))) / contrast
        harm = float(np.sqrt(np.mean((section(remove(clean[None])[0]) - truth) ** 2))) / contrast
        table.append({"method": name, "left": left, "harm": harm, "ms": 1e3 * seconds})
    return table, pictures


def measure_axis(scans: int = 5) -> list[dict[str, Any]]:
    """Return a table of how far the axis is off, over scans of 8 rows."""
    table = []
    for span, size in ((180, 230), (180, 400), (140, 230), (140, 400), (120, 400)):
        errors, sigmas, methods = [], [], ""
        for seed in range(scans):
            center = 127.5 + 3.37
            made = [
                scan_row(span, size=size, columns=256, center=center, seed=8 * seed + row, angles=401)
                for row in range(8)
            ]
            found = find_axis(np.stack([lines for lines, _ in made], axis=1), made[0][1])
            errors.append(found.center - center)
            sigmas.append(found.sigma)
            methods = ", ".join(found.agreeing)
        worst = float(np.abs(errors).max())
        table.append({"span": span, "whole": size < 256, "rms": float(np.sqrt(np.mean(np.square(errors)))),
                      "worst": worst, "sigma": float(np.mean(sigmas)), "methods": methods})  # fmt: skip
    return table


def read_tooth(folder: Path) -> tuple[Images, Any]:
    """Return line integrals and angles of the real scan `projections/tooth.h5`."""
    import h5py

    with h5py.File(folder / "projections/tooth.h5") as file:
        scan = file["exchange"]
        done = correct(scan["data"][:], flats=scan["data_white"][:], darks=scan["data_dark"][:])
        return done.projections, np.radians(scan["theta"][:])


def draw_panels(panels: list[tuple[str, Images]], path: Path, *, title: str, columns: int) -> None:
    """Draw slices beside one another, each with the grey scale of the first."""
    from viewers.style import head_height, new_figure, save_figure, styled, write_head

    @styled
    def draw() -> None:
        rows = -(-len(panels) // columns)
        width, height = 2.35 * columns + 0.2, 2.6 * rows + head_height([]) + 0.15
        figure = new_figure(width, height)
        write_head(figure, title, [], left=0.15)
        low, high = np.percentile(panels[0][1], [1, 99.5])
        for k, (name, image) in enumerate(panels):
            left, top = 0.15 + 2.35 * (k % columns), head_height([]) + 0.3 + 2.6 * (k // columns)
            axes = figure.add_axes((left / width, 1 - (top + 2.2) / height, 2.2 / width, 2.2 / height))
            axes.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="antialiased")
            axes.set_title(name, loc="left", fontsize=8)
            axes.set_axis_off()
        save_figure(figure, path)

    draw()


def draw_pictures(pictures: dict[str, Images], data: Path | None, folder: Path) -> None:
    """Draw the pictures of the docs."""
    part = slice(130, 370)
    names = {"truth": "no faults", "none": "faults of the detector", "all": "all (default)", "filtering": "filtering",
             "wavelets": "wavelets", "regularization": "regularization"}  # fmt: skip
    panels = [(label, pictures[name][part, part]) for name, label in names.items()]
    draw_panels(panels, folder / "corrections_rings.png", title="Rings removed by four methods", columns=3)
    if data is None:
        return
    lines, angles = read_tooth(data)
    found = find_axis(lines, angles)
    row = lines[:, 0]
    places = found.center + np.array([-4.0, -1.0, 0.0, 1.0, 4.0])
    even = remove_all_stripes(row[None])[0]
    tried = reconstruct_candidates(even, angles, places, size=440)
    names = [f"column {place:.1f}" for place in places]
    panels = [(name, image[60:260, 60:260]) for name, image in zip(names, tried.slices, strict=True)]
    draw_panels(panels, folder / "corrections_axis.png", title="A slice with five rotation axes", columns=5)
    pair = [reconstruct_candidates(s, angles, places[2:3], size=440).slices[0] for s in (row, even)]
    draw_tooth(pair[0], pair[1], folder / "corrections_tooth.png")


def draw_tooth(before: Images, after: Images, path: Path) -> None:
    """Draw a slice before and after its rings were removed, the middle of both closer, and what was taken."""
    middle, close = 0.5 * (len(before) - 1), slice(len(before) // 2 - 60, len(before) // 2 + 60)
    low, high = (float(v) for v in np.percentile(before, [1, 99.8]))
    grey = {"cmap": "gray", "limits": (low, high), "label": "attenuation (1/pixel)", "extend": "both"}
    reach = 0.12 * (high - low)
    taken = {"cmap": "RdBu_r", "limits": (-reach, reach), "label": "difference (1/pixel)", "extend": "both"}
    rows = []
    for part, edge in ((slice(None), middle + 0.5), (close, 60.0)):
        images = (("before", before, grey), ("after", after, grey), ("before less after", before - after, taken))
        extent = {"extent": (-edge, edge, -edge, edge)}
        rows.append([style | extent | {"values": image[part, part], "title": name} for name, image, style in images])
    text = ["tooth.h5, 181 projections, method all, slightly smoothed", "distances from the axis; below the middle"]
    draw_maps(rows, path, title="Rings of a real scan", lines=text, extent=(0, 1, 0, 1))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of real scans")
    parser.add_argument("--pictures", type=Path, help="draw the pictures of the docs into this folder")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/corrections.json"))
    options = parser.parse_args()
    rings, pictures = measure_rings()
    if options.pictures:
        draw_pictures(pictures, options.data, options.pictures)
        return
    axis = measure_axis()
    print("rings, rms of the error over the contrast of the slice\nmethod            left    harm    CPU ms a sinogram")
    for r in rings:
        print(f"{r['method']:15s} {r['left']:7.3f} {r['harm']:7.3f} {r['ms']:8.1f}")
    print("\naxis, columns\nspan  whole    rms   worst   sigma  methods")
    for a in axis:
        print(f"{a['span']:4d}  {a['whole']!s:5s} {a['rms']:7.3f} {a['worst']:7.3f} {a['sigma']:7.3f}  {a['methods']}")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({"rings": rings, "axis": axis}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
