"""How good and how fast segmentation is, beside scikit-image and scikit-learn on the same arrays.

    python -m benchmarks.segmentation
    python -m benchmarks.segmentation --pictures docs/images --data FOLDER

Two tables:

1. a virtual specimen (overlapping balls, blurred, noisy, with cupping) whose phases are known: Dice of the bright phase
   and error of its fraction, by method;
2. CPU seconds per million voxels of one thread, least of three repeats, volcorr and peer in turn.

The pictures need the snow scan of the spam package, as `volumes/spam_snow.tif` in FOLDER.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

import segmentation as seg
from benchmarks.engines import markdown_table, save_report
from benchmarks.pictures import draw_maps
from segmentation.forest import flatten_trees
from volio import Volume, read

FEATURES = seg.FeatureSet(sigmas=(1.0, 2.0))


def make_specimen(edge: int = 96) -> tuple[Volume, Volume]:
    """Make a grey volume and its true phases: balls of 60 above a matrix, blur 0.8, noise 15, cupping of 20 %."""
    rng = np.random.default_rng(4)
    z, y, x = np.indices((edge,) * 3, sparse=True)
    truth = np.zeros((edge,) * 3, bool)
    for _ in range(edge**3 // 7000):
        (a, b, c), r = rng.uniform(0, edge, 3), rng.uniform(4, 9)
        truth |= (z - a) ** 2 + (y - b) ** 2 + (x - c) ** 2 < r * r
    grey = ndimage.gaussian_filter(80 + 60.0 * truth, 0.8)
    grey *= 0.85 + 0.2 * ((y - edge / 2) ** 2 + (x - edge / 2) ** 2) / (edge / 2) ** 2
    grey += rng.normal(0, 15, grey.shape)
    return Volume(np.clip(np.rint(grey), 0, 255).astype(np.uint8)), Volume(truth.astype(np.uint8))


def draw_strokes(truth: Volume) -> np.ndarray:
    """Label short lines in both phases, as a person would: 1 dark, 2 bright, 0 elsewhere (about 1 in 1000)."""
    strokes = np.zeros(truth.shape, np.uint8)
    strokes[10::20, 12::16, ::3] = truth.data[10::20, 12::16, ::3] + 1
    return strokes


def measure_quality() -> list[dict[str, Any]]:
    """Score each way to segment the specimen."""
    grey, truth = make_specimen()
    flat = seg.flatten_beam_hardening(grey)
    smooth = seg.smooth_nonlocal(flat, noise=15.0)
    classifier = seg.PixelClassifier.fit(grey, draw_strokes(truth), features=FEATURES, threads=1)
    labels = {
        "Otsu": seg.threshold(grey),
        "Sauvola, window 31": seg.threshold(grey, method="sauvola", window=31),
        "flattened, Otsu": seg.threshold(flat),
        "flattened, non-local means, Otsu": seg.threshold(smooth),
        "flattened, non-local means, valley": seg.threshold(smooth, method="valley"),
        "pixel classifier": Volume(classifier.predict(grey, threads=1).data - 1),
    }
    rows = []
    for name, found in labels.items():
        scores = seg.compare_labels(found, truth)
        rows.append({"method": name, "dice": float(scores.dice[1]), "fraction": float(scores.fraction_error[1])})
    return rows


def cpu_seconds(*calls: Callable[[], Any], repeats: int = 3) -> list[float]:
    """Return the least CPU seconds of each call, taken in turn after one call that does not count."""
    for call in calls:
        call()
    least = [np.inf] * len(calls)
    for _ in range(repeats):
        for number, call in enumerate(calls):
            start = time.process_time()
            call()
            least[number] = min(least[number], time.process_time() - start)
    return least


def measure_speed(edge: int) -> list[dict[str, Any]]:
    """Time the kernels beside their peers."""
    from skimage.feature import multiscale_basic_features
    from skimage.filters import threshold_multiotsu, threshold_otsu
    from skimage.restoration import denoise_nl_means
    from sklearn.ensemble import RandomForestClassifier

    grey, truth = make_specimen(edge)
    block = np.pad(grey.data, FEATURES.halo, mode="symmetric")
    values = FEATURES.compute(block).reshape(len(FEATURES.names), -1)
    samples = np.ascontiguousarray(values.T)
    known = np.random.default_rng(0).choice(grey.size, 10000, replace=False)
    model = RandomForestClassifier(100, max_depth=16, random_state=0)
    model.fit(samples[known], truth.data.reshape(-1)[known])
    forest = flatten_trees(model.estimators_)  # the same trees for both
    real = grey.data.astype(np.float32)
    options = {"patch_size": 3, "patch_distance": 3, "h": 12.0, "sigma": 15.0, "preserve_range": True}
    pairs = {
        "forest of 100 trees (scikit-learn predict_proba)": (
            lambda: forest.probabilities(values),
            lambda: model.predict_proba(samples),
        ),
        "19 features (scikit-image multiscale_basic_features, 10)": (
            lambda: FEATURES.compute(block),
            lambda: multiscale_basic_features(real, sigma_min=1, sigma_max=2, workers=1),
        ),
        "non-local means (scikit-image, fast mode)": (
            lambda: seg.smooth_nonlocal(grey, noise=15.0, threads=1),
            lambda: denoise_nl_means(real, **options),
        ),
        "Otsu, 2 classes (scikit-image)": (
            lambda: seg.threshold(grey, threads=1),
            lambda: grey.data > threshold_otsu(grey.data),
        ),
        "Otsu, 4 classes (scikit-image)": (
            lambda: seg.threshold(grey, classes=4, threads=1),
            lambda: np.digitize(grey.data, threshold_multiotsu(grey.data, classes=4)),
        ),
    }
    rows = []
    for name, calls in pairs.items():
        ours, theirs = cpu_seconds(*calls)
        rows.append({"job": name, "volcorr": ours * 1e6 / grey.size, "peer": theirs * 1e6 / grey.size})
    return rows


def make_tables(quality: list[dict[str, Any]], speed: list[dict[str, Any]]) -> str:
    """Format the two tables."""
    first = [[row["method"], f"{row['dice']:.3f}", f"{100 * row['fraction']:+.2f} %"] for row in quality]
    second = [[r["job"], f"{r['volcorr']:.2f}", f"{r['peer']:.2f}", f"{r['peer'] / r['volcorr']:.1f}"] for r in speed]
    return "\n\n".join(
        [
            markdown_table(["method", "Dice", "fraction error"], first),
            markdown_table(["CPU s per million voxels (peer)", "volcorr", "peer", "ratio"], second),
        ]
    )


def draw_valley(volume: Volume, path: Path) -> None:
    """Draw a histogram with the band of its threshold, and the fraction over the threshold."""
    from matplotlib.figure import Figure

    histogram = seg.compute_histogram(volume)
    sweep = seg.threshold_sweep(volume, steps=15)
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    bins = np.array_split(histogram.counts, 160)
    centres = [part.mean() for part in np.array_split(histogram.centres, 160)]
    left.plot(centres, [part.mean() for part in bins], color="#222222", lw=1)
    band = sweep.thresholds[[0, -1]]
    limit = sweep.thresholds[sweep.best]
    for axes in (left, right):
        axes.axvspan(*band, color="#56b4e9", alpha=0.3, lw=0, label="band of the valley")
        axes.axvline(limit, color="#d55e00", lw=1.2, label="Otsu")
        axes.spines[["top", "right"]].set_visible(False)
    left.set(xlabel="grey value", ylabel="voxels per level", ylim=(0, None))
    right.legend(fontsize=8, frameon=False, loc="lower right")
    right.plot(sweep.thresholds, 100 * sweep.fractions[:, 0], "o-", ms=3, color="#0072b2")
    found = sweep.band(0)
    right.set(xlabel="threshold", ylabel="dark phase, %")
    right.set_title(f"{100 * found.value:.1f} %, from {100 * found.low:.1f} to {100 * found.high:.1f} %", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def draw_methods(path: Path) -> None:
    """Draw a section of the specimen and what becomes of it."""
    grey, truth = make_specimen()
    flat = seg.flatten_beam_hardening(grey)
    classifier = seg.PixelClassifier.fit(grey, draw_strokes(truth), features=FEATURES, threads=1)
    part = grey.crop(((40, 56), None, None))
    z = 48
    maps: list[list[dict[str, Any]]] = [
        [
            {"values": grey.data[z], "title": "grey values, cupped", "cmap": "gray"},
            {"values": flat.data[z], "title": "flattened", "cmap": "gray"},
            {"values": truth.data[z], "title": "truth", "cmap": "gray"},
        ],
        [
            {"values": seg.threshold(grey).data[z], "title": "Otsu", "cmap": "gray"},
            {"values": classifier.predict(part).data[z - 40], "title": "pixel classifier", "cmap": "gray"},
            {
                "values": classifier.predict_uncertainty(part).data[z - 40],
                "title": "its uncertainty",
                "limits": (0, 1),
                "label": "1 - lead of the best class",
            },
        ],
    ]
    lines = ["virtual specimen of 96³ voxels: blur 0.8 voxel, noise a quarter of the contrast, 20 % cupping"]
    extent = (-0.5, grey.shape[2] - 0.5, -0.5, grey.shape[1] - 0.5)
    draw_maps(maps, path, title="Two phases", lines=lines, extent=extent)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", type=int, default=96, help="edge in voxels of the volume that is timed")
    parser.add_argument("--pictures", type=Path, help="only draw the pictures of the docs, into this folder")
    parser.add_argument("--data", type=Path, help="folder of real scans, for the pictures")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/segmentation.json"))
    options = parser.parse_args()
    if options.pictures:
        draw_methods(options.pictures / "segmentation_methods.png")
        if options.data:
            draw_valley(read(options.data / "volumes" / "spam_snow.tif"), options.pictures / "segmentation_valley.png")
        return
    quality, speed = measure_quality(), measure_speed(options.edge)
    save_report(options.output, {"quality": quality, "speed": speed}, make_tables(quality, speed))


if __name__ == "__main__":
    main()
