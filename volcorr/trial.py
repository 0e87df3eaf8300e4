"""A trial of a few seconds: how fast this machine does each part of a run, on a small made-up pair."""

import hashlib
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from volcorr.averaging import shrink
from volcorr.fields import build_fields
from volcorr.grid import GRADIENT_REACH
from volcorr.icgn import Matching, refine
from volcorr.result import FIELDS, IMAGE, POINTS, write_fields
from volcorr.start_values import HALF
from volcorr.windows import Box, Grey, read_coefficients, read_reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Rates", "measure_rates"]

#: Seconds that the correlation of points is timed for.
SECONDS = 0.7
#: Smallest edge of the made-up volumes, and room around a subset in it.
EDGE, ROOM = 96, 40
#: Texture of the made-up volumes: width of its blobs (voxels), grey deviation, and noise (grey values).
BLOB, DEVIATION, NOISE = 1.5, 30.0, 3.0
#: Motion between them, and how far start values are from it (voxels).
SHIFT, AWAY = (0.4, 0.3, 0.2), 0.05
#: Edge of the grid that is written.
WRITTEN = 16


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What the parts of a run cost on this machine, with the threads that the run has.

    Attributes
    ----------
    point, level_point : float
        Seconds to refine a point of the full volume, and one of a coarse level.
    filtered, averaged : float
        Seconds to prepare a voxel of a block, and to average a voxel.
    checked : float
        Seconds to take the checksum of a byte.
    written : float
        Seconds for the strain of a point and to write it.
    bytes_fields, bytes_table, bytes_image : float
        Bytes of a point in ``fields.zarr``, ``points.csv`` and ``fields.vti``.
    """

    point: float
    level_point: float
    filtered: float
    averaged: float
    checked: float
    written: float
    bytes_fields: float
    bytes_table: float
    bytes_image: float


def measure_rates(matching: Matching, *, threads: int | None, strain: dict[str, Any]) -> Rates:
    """Time the parts of a run; each is called once before, so that compiling and loading do not count.

    Parameters
    ----------
    matching : Matching
        How subsets are matched.
    threads : int, optional
        Number of threads.
    strain : dict
        Options of `volcorr.strain`.

    Returns
    -------
    Rates
    """
    edge = max(EDGE, 2 * max(matching.half) + 1 + ROOM)
    one, two = _make_pair(edge)
    box = Box((0, 0, 0), (edge, edge, edge))
    voxels = edge**3

    def prepare() -> None:
        read_reference(one, box, threads=threads)
        read_coefficients(two, box, matching.interpolation, threads=threads)

    filtered = _time(prepare) / voxels
    averaged = _time(lambda: shrink(one.voxels, (2, 2, 2), threads=threads)) / voxels
    coarse = Matching(half=(HALF, HALF, HALF), tolerance=5e-3)
    piece = bytes(2**22)
    return Rates(
        point=_time_point(one, two, matching, threads, filtered),
        level_point=_time_point(one, two, coarse, threads, filtered),
        filtered=filtered,
        averaged=averaged,
        checked=_time(lambda: hashlib.sha256(piece).digest()) / len(piece),
        **_time_writing(strain),
    )


def _make_pair(edge: int) -> tuple[Grey, Grey]:
    """Two volumes of one random texture, a part of a voxel apart, with noise; each of 8 bits."""
    rng = np.random.default_rng(0)
    shape = (edge, edge, edge)
    wave = np.fft.rfftn(rng.standard_normal(shape))
    z, y, x = np.meshgrid(np.fft.fftfreq(edge), np.fft.fftfreq(edge), np.fft.rfftfreq(edge), indexing="ij")
    wave *= np.exp(-2 * (np.pi * BLOB) ** 2 * (z * z + y * y + x * x))
    texture = np.fft.irfftn(wave, shape, axes=(0, 1, 2))
    moved = np.fft.irfftn(
        wave * np.exp(-2j * np.pi * (SHIFT[0] * z + SHIFT[1] * y + SHIFT[2] * x)), shape, axes=(0, 1, 2)
    )
    greys = []
    for values in (texture, moved):
        grey = 128 + DEVIATION / texture.std() * values + NOISE * rng.standard_normal(shape)
        voxels = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
        greys.append(Grey(voxels, float(voxels.mean()), float(voxels.std()), complete=True))
    return greys[0], greys[1]


def _time_point(one: Grey, two: Grey, matching: Matching, threads: int | None, filtered: float) -> float:
    """Return the seconds that a point takes, without those to prepare its block."""
    # the stated noise is in grey values of the real scans
    matching = replace(matching, noise=0.0)
    margin = np.asarray(matching.half) + GRADIENT_REACH + 1
    low, high = margin, np.maximum(np.asarray(one.shape) - margin, margin + 1)
    rng = np.random.default_rng(1)

    def run(count: int) -> float:
        # in the order of a grid, as neighbours share what is in the cache
        points = np.sort(rng.integers(low, high, (count, 3)).view("i8,i8,i8"), axis=0).view("i8").reshape(-1, 3)
        start = np.zeros((count, 3, 4))
        start[:, :, 0] = np.array(SHIFT) + AWAY
        begin = time.perf_counter()
        refine(one, two, points, start, matching, threads=threads)
        prepared = filtered * np.prod(matching.reference_box(points).shape)
        return max(time.perf_counter() - begin - float(prepared), 1e-9) / count

    run(2)
    first = run(64)
    return run(int(np.clip(SECONDS / first, 64, 20_000)))


def _time_writing(strain: dict[str, Any]) -> dict[str, float]:
    """Return seconds and bytes of a point for its strain and its files."""
    from volcorr.strains import strain as compute_strain

    rng = np.random.default_rng(2)
    shape = (WRITTEN, WRITTEN, WRITTEN)

    def numbers(*more: int) -> "NDArray[np.float64]":
        return rng.normal(0.0, 0.1, (*more, *shape))

    axis = np.arange(WRITTEN) * 8.0
    attrs = {"unit": "um", "voxel_size": [0.5] * 3, "spacing": [16] * 3, "subset_size": [33] * 3}
    field = build_fields(
        (axis, axis, axis),
        displacement=numbers(3),
        sigma=np.abs(numbers(3)),
        cc=np.clip(1 - np.abs(numbers()), 0, 1),
        iterations=np.full(shape, 3),
        status=np.zeros(shape),
        attrs=attrs,
    )

    def write(folder: Path) -> None:
        folder.mkdir()
        write_fields(compute_strain(field, **strain), folder)

    with tempfile.TemporaryDirectory(prefix="volcorr-plan-") as name:
        write(Path(name) / "first")
        begin = time.perf_counter()
        write(Path(name) / "second")
        seconds = time.perf_counter() - begin
        sizes = {kind: _size(Path(name) / "second" / kind) / field["cc"].size for kind in (FIELDS, POINTS, IMAGE)}
    return {
        "written": seconds / field["cc"].size,
        "bytes_fields": sizes[FIELDS],
        "bytes_table": sizes[POINTS],
        "bytes_image": sizes[IMAGE],
    }


def _time(task: Callable[[], object]) -> float:
    """Return the seconds of the second call."""
    task()
    begin = time.perf_counter()
    task()
    return time.perf_counter() - begin


def _size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    return sum(item.stat().st_size for item in (path.rglob("*") if path.is_dir() else [path]) if item.is_file())
