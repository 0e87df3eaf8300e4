"""Volumes larger than the memory that the run may take: 2000^3 voxels with 4 GB, by the command line.

    python -m benchmarks.larger_than_memory
    python -m benchmarks.larger_than_memory --size 1000 --memory 1GB

Two volumes of 8-bit OME-Zarr (8 GB each at 2000^3) are written once, kept in the folder `--folder`, and correlated by
``volcorr dvc --memory``: the whole of both is read for the coarse levels, and points are measured in a part of them
(`--roi`; without it a quarter: all of z, the middle half of y and x). The resident memory of the process and of all
that it starts is watched from outside. Beside it the same is done for a cube of 400 voxels in memory: its points per
second are what the large run is held against. See `benchmarks.large_volume` for the specimen and its truth.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engines import PointGrid, make_parser, run_volcorr, save_report, tabulate
from benchmarks.fresh_process import Watched, watch
from benchmarks.large_volume import SHIFT, inside_tiles, make_tiled_pair, write_pair
from benchmarks.pictures import draw_curves

COMMAND = [sys.executable, "-c", "from volcorr.cli import main; main()"]
SUBSET = 33


def run_large(files: list[Path], output: Path, options: Any, roi: str) -> Watched:
    """Correlate by the command line."""
    arguments = ["--subset", SUBSET, "--spacing", options.spacing, "--roi", roi, "--memory", options.memory]
    arguments += ["--threads", options.threads, "-o", output]
    done = watch([str(part) for part in [*COMMAND, "dvc", *files, *arguments]])
    if done.code not in (0, 1):
        raise SystemExit(f"volcorr dvc ended with {done.code}: {done.err.strip()[-2000:]}")
    return done


def judge(output: Path) -> dict[str, Any]:
    """Compare the result with the truth, where the truth is known."""
    from volcorr.fields import DISPLACEMENT, open_fields

    fields = open_fields(output / "fields.zarr")
    known = inside_tiles([fields[axis].to_numpy() for axis in "zyx"], SUBSET // 2)
    u = np.stack([fields[name].to_numpy() for name in DISPLACEMENT], -1)
    valid = np.isfinite(u).all(-1)
    error = (u - SHIFT)[known & valid]
    summary = json.loads((output / "summary.json").read_text())
    return {
        "points": int(valid.size),
        "valid": float(valid.mean()),
        "known": int(known.sum()),
        "found": float((np.abs(u - SHIFT) < 0.3).all(-1)[known].mean()),
        "rms": float(np.sqrt(np.mean(error**2))),
        "seconds": summary["seconds"],
        "software": fields.attrs["software"],
    }


def run_small(options: Any, edge: int) -> dict[str, Any]:
    """Correlate a cube in memory."""
    pair = [volume[(slice(0, edge),) * 3] for volume in make_tiled_pair(edge)]
    grid = PointGrid.inside(pair[0].shape, margin=SUBSET // 2 + 8, spacing=options.spacing)
    small = [volume[:96, :96, :96] for volume in pair]
    common = {"subset_size": SUBSET, "threads": options.threads}
    run_volcorr(*small, PointGrid.inside((96,) * 3, margin=25, spacing=16), **common)  # compiles
    outcome = run_volcorr(*pair, grid, **common)
    return {"points": len(grid.points), "wall": outcome.wall, "seconds": dict(outcome.stages)}


def rates(seconds: dict[str, float], points: int) -> dict[str, float]:
    """Points per second of the refinement alone, and with reading and start values."""
    whole = sum(seconds[stage] for stage in ("read", "start values", "refinement"))
    return {"refined_per_second": points / seconds["refinement"], "points_per_second": points / whole}


def main() -> None:
    """Run from the command line."""
    parser = make_parser(__doc__, "larger_than_memory")
    parser.add_argument("--size", type=int, help="edge of the volumes in voxels; 2000 without it")
    parser.add_argument("--memory", help="what the run may take; 4GB without it")
    parser.add_argument("--spacing", type=int, default=16)
    parser.add_argument("--roi", help="where points lie, z0:z1,y0:y1,x0:x1; a quarter without it")
    parser.add_argument("--folder", type=Path, help="where the volumes are kept; a temporary folder without it")
    options = parser.parse_args()
    size = options.size or (400 if options.quick else 2000)
    options.memory = options.memory or ("300MB" if options.quick else "4GB")
    middle = f"{size // 4}:{3 * size // 4}"
    roi = options.roi or f"0:{size},{middle},{middle}"
    folder = options.folder or Path(tempfile.mkdtemp(prefix="volcorr-large-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = write_pair(size, folder)
        with tempfile.TemporaryDirectory(dir=folder) as results:
            output = Path(results, "result")
            done = run_large(files, output, options, roi)
            large = judge(output)
    finally:
        if options.folder is None:
            shutil.rmtree(folder)
    small = run_small(options, 200 if options.quick else 400)
    volumes = 2 * size**3
    records = [
        {
            "case": f"2 x {size}³ voxels on disk, --memory {options.memory}",
            "peak": done.peak / 1e9,
            "wall": done.seconds,
        }
        | {"gigabytes": volumes / 1e9}
        | large
        | rates(large["seconds"], large["points"]),
        {"case": "the cube in memory", "wall": small["wall"], "points": small["points"]}
        | rates(small["seconds"], small["points"]),
    ]
    columns = {
        "run": "{case}",
        "volumes GB": "{gigabytes:.1f}",
        "peak GB": "{peak:.2f}",
        "points": "{points}",
        "wall s": "{wall:.0f}",
        "points/s": "{points_per_second:.0f}",
        "points/s, refinement": "{refined_per_second:.0f}",
        "found where the truth is known": "{found:.3%}",
        "rms error": "{rms:.2e}",
    }
    report = {"roi": roi, "memory": options.memory, "runs": records}
    save_report(options.output, report, tabulate(records, columns))
    draw(done, options)


def draw(done: Watched, options: Any) -> None:
    """Draw the resident memory by time, with the limit."""
    from volio.memory import parse_memory

    seconds, used = zip(*done.history, strict=True)
    panel = {"curves": {"resident memory": (seconds, np.array(used) / 1e9)}, "xlabel": "seconds", "ylabel": "GB"}
    panel |= {"level": parse_memory(options.memory) / 1e9, "markers": False}
    lines = ["of the process and all that it starts, from outside;", f"dashed: --memory {options.memory}"]
    draw_curves([panel], options.output.with_suffix(".png"), title="Memory of a large run", lines=lines, columns=1)


if __name__ == "__main__":
    main()
