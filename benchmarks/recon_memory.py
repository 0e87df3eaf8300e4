"""A scan larger than the memory that its reconstruction may take, by the command line: 1024 x 1024 x 801 with 1 GB.

    python -m benchmarks.recon_memory
    python -m benchmarks.recon_memory --columns 512 --rows 256 --projections 401 --memory 600MB

A packing of spheres is projected analytically, exposed with Poisson noise and written as Data Exchange (16 bits; the
rows repeat those of the packing) to a temporary folder. ``volcorr recon --memory`` makes the whole volume as OME-Zarr,
axis and shifts found by itself. The resident memory of the process and of all that it starts is watched from outside.
"""

import json
import math
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engines import make_parser, save_report, tabulate
from benchmarks.fresh_process import Watched, watch

COMMAND = [sys.executable, "-c", "from volcorr.cli import main; main()"]
TILE = 64  # rows of the packing
PHOTONS, DARK = 2e4, 100.0
VALUE = 2e-3  # attenuation of a sphere per pixel


@dataclass(frozen=True)
class Tiled:
    """Repeats the rows of some images when it is read."""

    images: np.ndarray

    def __call__(self, box: tuple[slice, ...]) -> np.ndarray:
        """Return a part of the scan."""
        angles, rows, columns = box
        return self.images[angles][:, np.arange(rows.start, rows.stop) % self.images.shape[1], columns]


def write_scan_of(path: Path, options: Any) -> None:
    """Write the scan."""
    from acquisition.projections import SpherePhantom, expose
    from recon import Scan, write_scan
    from volio.lazy import LazyArray

    size = options.columns
    angles = np.linspace(0, math.pi, options.projections, endpoint=False)
    phantom = SpherePhantom.electrode(size, height=TILE, particles=size // 2, value=VALUE)
    center = 0.5 * (size - 1) + 3.3
    lines = phantom.project(angles, rows=TILE, columns=size, center=center)
    shot = expose(lines, photons=PHOTONS, rng=0, dark=DARK)
    shape = (options.projections, options.rows, size)
    images = LazyArray(Tiled(np.rint(shot.projections).astype(np.uint16)), shape, np.uint16, chunks=(1, *shape[1:]))
    repeats = -(-options.rows // TILE)
    flats, darks = (
        np.rint(np.tile(stack, (1, repeats, 1))[:, : options.rows]).astype(np.uint16)
        for stack in (shot.flats, shot.darks)
    )
    write_scan(Scan(images, angles, pixel_size=0.5, flats=flats, darks=darks), path)


def describe(path: Path) -> dict[str, Any]:
    """Say what was made, and the axis that was found."""
    from volio import read

    volume = read(path)
    made = volume.metadata["reconstruction"]
    return {"shape": " x ".join(map(str, volume.shape)), "center": made["center"], "rings": made["rings"]}


def stages(done: Watched) -> dict[str, Any]:
    """Read the rate and the time of the stages from what the command says."""
    text = " ".join(done.out.split())
    rate = re.search(r"speed ([\d.]+) slices/s", text)
    times = re.search(r"time (.*?reconstruction .*?)(?: note| volume in|$)", text)
    return {"rate": float(rate[1]) if rate else None, "stages": times[1] if times else ""}


def main() -> None:
    """Run from the command line."""
    parser = make_parser(__doc__, "recon_memory")
    parser.add_argument("--columns", type=int, default=1024)
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--projections", type=int, default=801)
    parser.add_argument("--memory", default="1GB")
    parser.add_argument("--slices", help="A:B; all without it")
    options = parser.parse_args()
    if options.quick:
        options.columns, options.rows, options.projections = 192, 128, 151
    with tempfile.TemporaryDirectory(prefix="volcorr-recon-") as name:
        scan, volume = Path(name, "scan.h5"), Path(name, "volume.ome.zarr")
        write_scan_of(scan, options)
        words = ["recon", scan, "-o", volume, "--memory", options.memory, "--threads", options.threads]
        words += ["--slices", options.slices] if options.slices else []
        planned = watch([str(word) for word in [*COMMAND, "plan", scan, "--json", *words[4:]]])
        done = watch([str(word) for word in [*COMMAND, *words]])
        if done.code != 0:
            raise SystemExit(f"volcorr recon ended with {done.code}: {done.err.strip()[-2000:]}")
        record = {
            "scan": f"{options.projections} x {options.rows} x {options.columns}",
            "memory": options.memory,
            "gigabytes": scan.stat().st_size / 1e9,
            "peak": done.peak / 1e9,
            "wall": done.seconds,
        }
        plan = json.loads(planned.out)
        record |= {"planned": plan["total_seconds"], "planned_rate": plan["slices_per_second"]}
        record |= describe(volume) | stages(done)
    columns = {
        "scan": "{scan}",
        "file GB": "{gigabytes:.2f}",
        "volume": "{shape}",
        "--memory": "{memory}",
        "peak GB": "{peak:.3f}",
        "wall s": "{wall:.0f}",
        "planned s": "{planned:.0f}",
        "slices/s": "{rate:.1f}",
        "planned slices/s": "{planned_rate:.1f}",
        "axis": "{center:.2f}",
        "rings": "{rings}",
        "stages": "{stages}",
    }
    history = [[round(at, 1), used] for at, used in done.history]
    save_report(options.output, {"runs": [record], "history": history}, tabulate([record], columns))


if __name__ == "__main__":
    main()
