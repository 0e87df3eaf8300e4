"""Real volumes, measured from end to end: a battery cathode, a limestone, snow and cement.

    python -m benchmarks.real_volumes --data FOLDER_OF_THE_VOLUMES
    python -m benchmarks.real_volumes --data FOLDER_OF_THE_VOLUMES --peers ~/peers/bin/python --pictures docs/images

`cathode`: fractions, pore sizes, particles and transport of three labelled phases. `limestone`: porosity, pore sizes
and tortuosity factor beside those of PoreSpy and taufactor (in the environment of `--peers`). `snow`, `cement`: grey
scans segmented by threshold and by a pixel classifier, held against labels drawn by hand on another section than those
that the classifier was trained with (`benchmarks.hand_labels`). Where a volume states no voxel size, radii are in
voxels.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import porosity
import segmentation as seg
from benchmarks import hand_labels
from benchmarks.engines import save_report, tabulate
from benchmarks.pictures import draw_curves, draw_maps
from volio import Volume, read

FILES = {
    "cathode": "nrel_nmc1cal_3label_z000-119.tif",
    "limestone": "ketton_256.tif",
    "snow": "spam_snow.tif",
    "cement": "qim3d_cement_128x128x128.tif",
}
PHASES = {0: "pore", 1: "active material", 2: "carbon, binder"}
PEER = Path(__file__).parent / "peers" / "run_real_volume.py"
#: Edge of the corner of the limestone whose tortuosity is measured.
CORNER = 128


def measure_cathode(volume: Volume, options: Any) -> list[dict[str, Any]]:
    """Measure the phases of the cathode, and its particles; draw the curves and a section."""
    found = porosity.phase_fractions(volume)
    rows, curves = [], {}
    for phase, name in PHASES.items():
        sizes = porosity.pore_size_distribution(volume, phase=phase)
        low, high = found.low[phase], found.high[phase]
        row = {"phase": name, "fraction": found.fraction[phase], "low": low, "high": high}
        row |= {"mean": sizes.mean_radius, "r10": sizes.r10, "r50": sizes.r50, "r90": sizes.r90}
        flow = porosity.measure_transport(volume, phase=phase) if phase == 0 else None
        row |= {} if flow is None else {axis: flow[axis].tortuosity_factor for axis in "zyx"}
        rows.append(row)
        curves[name] = (sizes.radius, sizes.cumulative)
    grains = seg.split_particles(volume, label=1, depth=1.0)
    particles = porosity.measure_particles(grains)
    sizes = porosity.distribute_sizes(particles)
    table = particles.table
    rows[1] |= {"particles": len(table), "d50": sizes.volume_percentiles[1]}
    rows[1] |= {"sphericity": float(table["sphericity"].median()), "contacts": float(table["contacts"].mean())}
    if options.pictures:
        panel = {"curves": curves, "xlabel": "radius (voxels)", "ylabel": "share of the phase ≥ radius"}
        lines = ["Continuous size distributions of the three phases"]
        panels = [panel | {"xlim": (0, 40), "ylim": (0, 1.02), "markers": False}]
        draw_curves(panels, options.pictures / "real_cathode_sizes.png", title="NMC cathode", lines=lines, columns=1)
        middle = volume.shape[0] // 2
        section = porosity.local_thickness(volume, phase=0).data[middle]
        grain = np.where(grains.data[middle] > 0, grains.data[middle] * 7 % 19 + 1, np.nan)
        maps: list[dict[str, Any]] = [
            {"values": volume.data[middle], "title": "pore, active material, binder", "cmap": "viridis"},
            {"values": np.where(section > 0, section, np.nan), "title": "pores: radius", "label": "voxels"},
            {"values": grain, "title": "particles", "cmap": "tab20"},
        ]
        draw_section(maps, options.pictures / "real_cathode.png", "NMC cathode", f"section z = {middle}")
    return rows


def measure_limestone(volume: Volume, options: Any) -> list[dict[str, Any]]:
    """Measure the pores of the limestone, beside PoreSpy and taufactor if there are any."""
    pores = np.ascontiguousarray(volume.data == 0)
    corner = pores[:CORNER, :CORNER, :CORNER]
    porosity.pore_size_distribution(pores[:48, :48, :48], voxel_size=1.0)  # compiles
    porosity.measure_transport(pores[:48, :48, :48], phase=1, axes="z")
    begin = time.process_time()
    sizes = porosity.pore_size_distribution(pores, voxel_size=1.0)
    seconds = time.process_time() - begin
    begin = time.process_time()
    factor = porosity.measure_transport(corner, phase=1, axes="z")["z"].tortuosity_factor
    solved = time.process_time() - begin
    entered = porosity.mip(pores, voxel_size=1.0)
    row = {"package": "volcorr", "porosity": sizes.porosity, "mean": sizes.mean_radius, "r50": sizes.r50}
    row |= {"cpu": seconds, "factor": factor if np.isfinite(factor) else None, "solved": solved}
    row |= {"intruded": entered.r50, "enclosed": entered.enclosed, "constrictivity": entered.constrictivity(sizes)}
    if not options.peers:
        return [row]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pores.npy")
        np.save(file, pores)
        command = [str(options.peers), str(PEER), str(file), str(CORNER)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command} failed: {done.stderr.strip()[-2000:]}")
    peer = json.loads(done.stdout.splitlines()[-1])
    name = f"PoreSpy {peer['porespy']}, taufactor {peer['taufactor']}"
    other = {"package": name, "porosity": peer["porosity"], "mean": peer["mean"], "r50": peer["r50"]}
    return [
        row,
        other | {"cpu": peer["porespy_cpu"], "factor": peer["tortuosity_factor"], "solved": peer["taufactor_cpu"]},
    ]


def segment_scan(
    volume: Volume, judged: hand_labels.Drawing, trained: hand_labels.Drawing, options: Any, name: str
) -> list[dict[str, Any]]:
    """Segment a grey scan in several ways; score each, and measure its dark phase."""
    truth, strokes = (Volume(drawing.draw(volume.shape)) for drawing in (judged, trained))
    features = seg.FeatureSet(sigmas=(1.0, 2.0))
    classifier = seg.PixelClassifier.fit(volume, strokes, features=features)
    ways = {
        "Otsu": seg.threshold(volume),
        "valley": seg.threshold(volume, method="valley"),
        "pixel classifier": Volume(classifier.predict(volume).data - 1, metadata={}),
    }
    rows = []
    for way, labels in ways.items():
        found = labels.metadata.get("segmentation", {})
        scores = seg.compare_labels(Volume(np.asarray(labels.load().data) + 1), truth, unlabelled=0)
        sizes = porosity.pore_size_distribution(labels, phase=0, voxel_size=1.0)
        row = {"way": way, "dice": scores.dice[0], "recall": scores.recall[0], "precision": scores.precision[0]}
        row |= {"fraction": sizes.porosity, "mean": sizes.mean_radius}
        if found:
            row |= {"low": found["fractions_low"][0], "high": found["fractions_high"][0]}
        rows.append(row)
    if options.pictures:
        z = judged.z
        maps: list[dict[str, Any]] = [{"values": volume.data[z], "title": "grey values", "cmap": "gray"}]
        drawn = np.array([0.6, 0.0, 1.0])[truth.data[z]]  # grey: nothing drawn
        maps.append({"values": drawn, "title": "drawn by hand", "cmap": "gray", "limits": (0, 1)})
        for way in ("Otsu", "pixel classifier"):
            maps.append({"values": ways[way].data[z], "title": way, "cmap": "gray"})
        draw_section(maps, options.pictures / f"real_{name}.png", name.capitalize(), f"section z = {z}")
    return rows


def draw_section(maps: list[dict[str, Any]], path: Path, title: str, line: str) -> None:
    """Draw maps of a section side by side."""
    height, width = maps[0]["values"].shape
    rows = [maps[:2], maps[2:]] if len(maps) == 4 else [maps]
    draw_maps(rows, path, title=title, lines=[line], extent=(-0.5, width - 0.5, -0.5, height - 0.5))


TABLES = {
    "cathode": {
        "phase": "{phase}",
        "fraction": "{fraction:.4f}",
        "95 % interval": "{low:.4f} to {high:.4f}",
        "mean radius": "{mean:.2f}",
        "r10, r50, r90": "{r10:.2f}, {r50:.2f}, {r90:.2f}",
        "tortuosity factor z, y, x": "{z:.2f}, {y:.2f}, {x:.2f}",
        "particles": "{particles}",
        "D50 by volume": "{d50:.1f}",
        "sphericity": "{sphericity:.2f}",
        "contacts": "{contacts:.1f}",
    },
    "limestone": {
        "package": "{package}",
        "porosity": "{porosity:.4f}",
        "mean radius": "{mean:.3f}",
        "r50": "{r50:.3f}",
        "CPU s": "{cpu:.2f}",
        "tortuosity factor": "{factor:.3f}",
        "its CPU s": "{solved:.2f}",
        "r50 of intrusion": "{intruded:.2f}",
        "constrictivity": "{constrictivity:.3f}",
        "enclosed": "{enclosed:.4f}",
    },
    "snow": {
        "way": "{way}",
        "Dice of the dark phase": "{dice:.3f}",
        "recall": "{recall:.3f}",
        "precision": "{precision:.3f}",
        "its fraction": "{fraction:.3f}",
        "band of the threshold": "{low:.3f} to {high:.3f}",
        "mean radius": "{mean:.2f}",
    },
}
TABLES["cement"] = TABLES["snow"]


def main() -> None:
    """Measure, print, save, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the volumes")
    parser.add_argument("--peers", type=Path, help="Python of an environment with porespy==3.2.0 and taufactor==1.2.1")
    parser.add_argument("--parts", nargs="+", choices=FILES, default=list(FILES))
    parser.add_argument("--pictures", type=Path, help="folder of the pictures; none without it")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/real_volumes.json"))
    options = parser.parse_args()
    drawings = {
        "snow": (hand_labels.SNOW_JUDGED, hand_labels.SNOW_TRAINED),
        "cement": (hand_labels.CEMENT_JUDGED, hand_labels.CEMENT_TRAINED),
    }
    report = {}
    for part in options.parts:
        volume = read(options.data / FILES[part]).load()
        if part in drawings:
            report[part] = segment_scan(volume, *drawings[part], options, part)
        else:
            report[part] = (measure_cathode if part == "cathode" else measure_limestone)(volume, options)
    table = "\n\n".join(tabulate(rows, TABLES[part]) for part, rows in report.items())
    save_report(options.output, report, table)


if __name__ == "__main__":
    main()
