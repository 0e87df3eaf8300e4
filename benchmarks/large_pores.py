"""Pore sizes of a volume on disk that is larger than memory may be: peak, time a voxel, and the truth beside it.

The volume is one tile of blobs, which goes on across its faces, laid side by side: it has no seams, and is written slab
by slab. The process that measures it is watched from outside, and killed once on the way if asked for.
"""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fresh_process import ROOT, watch

TILE = 300
WIDTH = 6.4


@dataclass(frozen=True, eq=False)
class Tiles:
    """A (z, y, x) uint8 volume made of copies of a tile, when it is read."""

    tile: np.ndarray
    shape: tuple[int, int, int]

    ndim = 3
    dtype = np.dtype(np.uint8)

    def __getitem__(self, key: Any) -> np.ndarray:
        places = [np.arange(*part.indices(n)) % m for part, n, m in zip(key, self.shape, self.tile.shape, strict=True)]
        return self.tile[np.ix_(*places)]


def make_tile() -> np.ndarray:
    """Return blobs of porosity 0.5 that go on across the faces: TILE^3 voxels, uint8."""
    from scipy import ndimage

    noise = np.random.default_rng(3).random((TILE,) * 3, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, WIDTH, truncate=3, mode="wrap")
    return (noise < np.median(noise)).astype(np.uint8)


def write_tiles(shape: tuple[int, int, int], folder: Path) -> Path:
    """Write the volume as OME-Zarr, unless the disk is too full."""
    import volio

    needed = 1.3 * np.prod(shape, dtype=float) + 2e9
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SystemExit(f"{folder} has {free / 1e9:.1f} GB free, {needed / 1e9:.1f} are needed: take another one")
    return volio.write(volio.Volume(Tiles(make_tile(), shape), voxel_size=(1.0, 1.0, 1.0)), folder / "pores.ome.zarr")


def measure_file(file: Path, kept: Path | None, *, memory: str, threads: int) -> dict[str, Any]:
    """Measure a volume on disk in this process; with a folder `kept`, go on from what is in it."""
    import volio
    from porosity import pore_size_distribution

    pore_size_distribution(np.eye(40, dtype=bool)[None], voxel_size=1.0, memory=memory, threads=1)  # compiles
    checkpoint = None if kept is None else volio.open_checkpoint(kept, {"pores": str(file)}, resume=True)
    pores = volio.read(file)
    wall, cpu = time.perf_counter(), time.process_time()
    sizes = pore_size_distribution(pores, memory=memory, threads=threads, checkpoint=checkpoint)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    levels = [[float(r), float(v)] for r, v in zip(sizes.radius, sizes.volumes, strict=True)]
    return {"wall": wall, "cpu": cpu, "mean": sizes.mean_radius, "r50": sizes.r50, "levels": levels}


def measure_large(options: Any) -> list[dict[str, Any]]:
    """Measure a cube of `--size` voxels, then the volume of `--shape`, killed on the way if asked for and gone on."""
    results = []
    for shape in ((options.size,) * 3, tuple(options.shape)):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            file = write_tiles(shape, Path(folder))
            command = [sys.executable, "-m", "benchmarks.porosity", "--job", "large", "--file", str(file)]
            command += ["--memory", options.memory, "--threads", str(options.threads)]
            if options.kill_after:
                command += ["--kept", str(Path(folder, "kept"))]
                kill_after(command, options.kill_after)
            done = watch(command)
            if done.code != 0:
                raise SystemExit(f"{command} failed: {done.err.strip()[-2000:]}")
        one = json.loads(done.out.splitlines()[-1])
        del one["levels"]
        voxels = float(np.prod(shape, dtype=float))
        one |= {"shape": " x ".join(map(str, shape)), "per_voxel": 1e9 * one["cpu"] / voxels}
        results.append(one | {"megabytes": done.peak / 1e6, "ratio": 1.0})
    results[-1]["ratio"] = results[-1]["per_voxel"] / results[0]["per_voxel"]
    return results


def kill_after(command: list[str], seconds: float) -> None:
    """Start a command and kill it, without warning, after some seconds."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
