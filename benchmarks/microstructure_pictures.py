"""Pictures of the measurements of the microstructure: against known truth, and of a battery cathode.

    python -m benchmarks.microstructure_pictures --data FOLDER_OF_THE_CATHODE

The truth is that of a Boolean model of spheres. The cathode is `nrel_nmc1cal_3label_z000-119.tif` (NREL MATBOX):
0 pore, 1 active material, 2 carbon and binder; without `--data` only the first picture is made.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pictures import draw_curves
from porosity.boolean_model import BooleanModel
from porosity.chords import ChordLengths, measure_chords
from porosity.fractions import phase_fractions
from porosity.representative_volume import study_representative_volume
from porosity.surface import measure_surface
from porosity.topology import count_euler
from porosity.two_point import correlate_phase
from volio import read

SIZE = 256


def chord_density(chords: ChordLengths, width: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return middle and density of bins of chord lengths, all axes together."""
    density = np.mean([one.density[: SIZE // 2] for one in (chords.z, chords.y, chords.x)], axis=0)
    return np.arange(0, SIZE // 2, width) + (width + 1) / 2, density.reshape(-1, width).mean(axis=1)


def draw_truth(path: Path) -> None:
    """Draw what is measured of a Boolean model beside what is known, and print the numbers."""
    model = BooleanModel.with_porosity(0.4, radius=8)
    pores = model.draw((SIZE,) * 3, seed=1)
    two_point, chords = correlate_phase(pores, phase=1), measure_chords(pores, phase=1)
    lengths, density = chord_density(chords)
    short = lengths < 60
    distance = np.linspace(0, 40, 200)
    panels: list[dict[str, Any]] = [
        {
            "curves": {
                "known": (distance, model.two_point(distance)),
                "measured": (two_point.distance[:41], two_point.radial[:41]),
            },
            "xlabel": "distance (voxels)",
            "ylabel": "two-point probability",
            "markers": False,
        },
        {
            "curves": {
                "known": (lengths[short], np.exp(-lengths[short] / model.mean_chord) / model.mean_chord),
                "measured": (lengths[short], density[short]),
            },
            "xlabel": "chord length (voxels)",
            "ylabel": "density of chords (1/voxel)",
            "yscale": "log",
            "markers": False,
        },
    ]
    lines = [f"{SIZE}³ voxels, spheres of radius 8 in random places, porosity 0.4"]
    draw_curves(panels, path, title="Boolean model of spheres: measured and known", lines=lines)
    print_truth(model, pores)


def print_truth(model: BooleanModel, pores: np.ndarray) -> None:
    """Print a table of measured and known values."""
    fractions = phase_fractions(pores)
    rows = [
        (
            "porosity",
            model.porosity,
            fractions.fraction[1],
            f"interval {fractions.low[1]:.4f} to {fractions.high[1]:.4f}",
        ),
        ("integral range", model.integral_range, correlate_phase(pores, phase=1).integral_range, "voxels"),
        (
            "surface / volume",
            model.surface_per_volume,
            measure_surface(pores, phase=1, method="isosurface").per_volume,
            "isosurface",
        ),
        (
            "surface / volume",
            model.surface_per_volume,
            measure_surface(pores, phase=1).per_volume,
            "crofton",
        ),
        ("mean chord", model.mean_chord, np.mean(measure_chords(pores, phase=1).mean), "voxels"),
        ("Euler / volume", model.euler_density, count_euler(pores, phase=0, connectivity=26).density, "solid"),
    ]
    for name, known, found, note in rows:
        print(f"| {name} | {known:.5g} | {found:.5g} | {found / known - 1:+.1%} | {note} |")


def draw_cathode(data: Path, folder: Path) -> None:
    """Draw profiles and the scatter between sub-volumes of a cathode, and print its fractions."""
    labels = read(data / "nrel_nmc1cal_3label_z000-119.tif").load()
    fractions = phase_fractions(labels)
    print(fractions.table.to_string(float_format="{:.4f}".format))
    draw_profile(fractions.profiles["z"], folder / "microstructure_cathode.png")
    study = study_representative_volume(labels, phase=0, metrics=("fraction", "surface", "chord"))
    draw_scatter(study.table, folder / "microstructure_representative.png")


def draw_profile(profile: Any, path: Path) -> None:
    """Draw the fractions along z."""
    names = {"0": "pore", "1": "active material", "2": "carbon, binder"}
    panel: dict[str, Any] = {
        "curves": {name: (profile["position"], profile[key]) for key, name in names.items()},
        "xlabel": "depth z (voxels)",
        "ylabel": "fraction in the slice",
        "ylim": (0, 0.8),
        "markers": False,
    }
    draw_curves([panel], path, title="Calendered NMC cathode", lines=["120 × 301 × 301 voxels"], columns=1)


def draw_scatter(study: Any, path: Path) -> None:
    """Draw the scatter between sub-volumes."""
    words = {"fraction": "pore fraction", "surface": "surface / volume", "chord": "mean chord"}
    panel: dict[str, Any] = {
        "curves": {
            word: (rows["edge"], 100 * rows["relative"])
            for key, word in words.items()
            for rows in [study[(study["metric"] == key) & (study["count"] > 1)]]
        },
        "xlabel": "edge of the sub-volumes (voxels)",
        "ylabel": "spread / mean (%)",
        "ylim": (0, 50),
    }
    lines = ["Pores of the cathode, cut into 8³ to 2³ parts"]
    draw_curves([panel], path, title="How large is large enough", lines=lines, columns=1)


def main() -> None:
    """Draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the cathode")
    parser.add_argument("--output", type=Path, default=Path("docs/images"), help="folder of the pictures")
    options = parser.parse_args()
    draw_truth(options.output / "microstructure_truth.png")
    if options.data:
        draw_cathode(options.data, options.output)


if __name__ == "__main__":
    main()
