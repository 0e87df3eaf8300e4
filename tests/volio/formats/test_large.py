"""A 100 GB volume is opened, described and cropped in little time and memory."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import volio

SIDE = (2500, 6500, 6500)


def sparse(path: Path, head: bytes, nbytes: int) -> Path:
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + nbytes)
    return path


def make(folder: Path, kind: str) -> Path:
    """Make a file of 106 GB that takes no room on the disk."""
    nbytes = int(np.prod(SIDE))
    if kind == "raw":
        path = sparse(folder / "a.raw", b"", nbytes)
        (folder / "a.raw.json").write_text(json.dumps({"shape": SIDE, "dtype": "uint8"}))
        return path
    if kind == "npy":
        np.lib.format.open_memmap(folder / "a.npy", "w+", np.uint8, SIDE).flush()
        return folder / "a.npy"
    if kind == "tif":
        import tifffile

        with tifffile.TiffWriter(folder / "a.tif", bigtiff=True) as tif:
            tif.write(shape=SIDE, dtype=np.uint8, photometric="minisblack")
        return folder / "a.tif"
    if kind == "zarr":
        import zarr

        array = {"shape": SIDE, "dtype": "uint8", "chunks": (64, 64, 64), "shards": (256, 256, 256)}
        zarr.create_array(str(folder / "a.zarr"), **array)
        return folder / "a.zarr"
    import h5py

    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("a", SIDE, np.uint8, chunks=(64, 64, 64))
    return folder / "a.h5"


@pytest.mark.parametrize("kind", ["raw", "npy", "tif", "zarr", "h5"])
def test_opened_described_and_cropped(tmp_path: Path, kind: str) -> None:
    try:
        path = make(tmp_path, kind)
    except OSError as error:
        pytest.skip(f"this disk keeps no sparse files: {error}")
    start = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    volume = volio.read(path)
    assert volume.is_lazy
    assert volume.shape == SIDE
    part = volume.crop(((1000, 1064), (3000, 3064), (6000, 6064)))
    assert part.is_lazy
    assert part.load().data.shape == (64, 64, 64)
    assert volio.write(part, tmp_path / "part.nrrd").stat().st_size < 300_000
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 200, f"{grown:.0f} MB"
    assert time.monotonic() - start < 10


def test_description_of_a_large_file(tmp_path: Path) -> None:
    path = make(tmp_path, "zarr")
    info = volio.describe(path)
    assert info.sampled == "sampled: 32 pieces of 64 x 64 x 64 voxels"
    assert (info.lowest, info.highest) == (0, 0)
    assert "106 GB" in str(info)


def test_loading_it_says_that_memory_is_too_small(tmp_path: Path) -> None:
    code = (
        "import resource, sys, volio; resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))\n"
        "v = volio.Volume(volio.LazyArray(lambda box: __import__('numpy').zeros([s.stop - s.start for s in box]),"
        " (2500, 6500, 6500), 'f8'), name='scan')\n"
        "try: v.load()\nexcept volio.InputError as error: sys.exit(str(error))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "scan takes 845.0 GB, more than fits into memory: crop it" in result.stderr
