"""Pictures of the preview and of the quality report for the docs.

    python -m benchmarks.recon_pictures --data FOLDER_OF_REAL_SCANS --pictures docs/images

The preview is of a real tooth (`projections/tooth.h5`; without `--data` it is left out) and of a simulated pillar that
is wider than the detector, over ±70 degrees; the quality report is that of the pillar. Seconds are printed.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from acquisition.projections import SpherePhantom, expose
from recon.preview import make_preview
from recon.quality import measure_quality
from recon.reading import read_scan
from recon.scan import Scan
from viewers.quality_figures import draw_quality
from viewers.recon_figures import draw_preview

COLUMNS, ROWS, ANGLES = 512, 32, 801
#: Width in pixels to which a picture is reduced for a page, and colours that are enough for greys and some words.
WIDTH, COLOURS = 1500, 200


def make_pillar() -> Scan:
    """Return counts of a packing of spheres wider than the view, with photons, faults of pixels and zingers."""
    angles = np.radians(np.linspace(-70, 70, ANGLES))
    specimen = SpherePhantom.electrode(700, height=60, seed=3, particles=420, value=0.01)
    lines = specimen.project(angles, rows=ROWS, columns=COLUMNS, center=0.5 * (COLUMNS - 1) + 7.3)
    rng = np.random.default_rng(0)
    faults = 1 + rng.normal(0, 0.012, (ROWS, COLUMNS)) * (rng.random((ROWS, COLUMNS)) < 0.1)
    seen = expose(lines, photons=1e4, rng=1, dark=100, zingers=1e-5)
    notes = {"flat_positions": [0] * len(seen.flats)}
    return Scan(
        (seen.projections * faults).astype(np.float32), angles, pixel_size=0.128, flats=seen.flats, darks=seen.darks,
        name="pillar, simulated", metadata=notes,
    )  # fmt: skip


def shrink(path: Path) -> None:
    """Reduce a picture of greys to the width of a page."""
    from PIL import Image

    with Image.open(path) as whole:
        image = whole.convert("RGB")
    if image.width > WIDTH:
        image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of real scans")
    parser.add_argument("--pictures", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    scans = {"pillar": make_pillar()}
    if options.data:
        scans["tooth"] = read_scan(options.data / "projections/tooth.h5")
    for name, scan in scans.items():
        start = time.perf_counter()
        path = draw_preview(make_preview(scan, threads=2), options.pictures / f"preview_{name}.png")
        print(f"{path}: {time.perf_counter() - start:.1f} s")
        shrink(path)
    quality = measure_quality(scans["pillar"], center=0.5 * (COLUMNS - 1) + 7.3, threads=2)
    for path in draw_quality(quality, options.pictures):
        print(path)


if __name__ == "__main__":
    main()
