"""A pair of any size whose motion is known: tiles of an analytic texture, written slab by slab.

Each tile of 200^3 voxels shows one of eight textures before and after the same shift, in random order, so that nothing
repeats. At the seams between tiles the material does not fit together: truth is known for points whose subset stays
inside one tile.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acquisition import BlobTexture, translate
from benchmarks.pairs import STD, record

TILE = 200
KINDS = 8
SHIFT = (3.3, -2.4, 1.6)


@dataclass(frozen=True, eq=False)
class Tiled:
    """A (z, y, x) uint8 volume of tiles, made when it is read."""

    tiles: np.ndarray  # (kinds, TILE, TILE, TILE)
    layout: np.ndarray  # (nz, ny, nx) numbers of tiles
    shape: tuple[int, int, int]

    ndim = 3
    dtype = np.dtype(np.uint8)

    def __getitem__(self, key: Any) -> np.ndarray:
        ranges = [part.indices(n) for part, n in zip(key, self.shape, strict=True)]
        out = np.empty([stop - start for start, stop, _ in ranges], np.uint8)
        first = [start // TILE for start, _, _ in ranges]
        last = [-(-stop // TILE) for _, stop, _ in ranges]
        for place in np.ndindex(*(b - a for a, b in zip(first, last, strict=True))):
            tile = [a + p for a, p in zip(first, place, strict=True)]
            begin = [max(start, t * TILE) for t, (start, _, _) in zip(tile, ranges, strict=True)]
            end = [min(stop, (t + 1) * TILE) for t, (_, stop, _) in zip(tile, ranges, strict=True)]
            target = tuple(slice(a - r[0], b - r[0]) for a, b, r in zip(begin, end, ranges, strict=True))
            source = tuple(slice(a - t * TILE, b - t * TILE) for a, b, t in zip(begin, end, tile, strict=True))
            out[target] = self.tiles[self.layout[tuple(tile)]][source]
        return out


def make_tiled_pair(size: int, *, kinds: int = KINDS) -> tuple[Tiled, Tiled]:
    """Return the reference and the moved volume, cubes of `size` voxels."""
    tiles: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for kind in range(kinds):
        texture = BlobTexture.random((TILE,) * 3, rng=100 + kind)
        for part, (found, motion) in enumerate(zip(tiles, (None, translate(SHIFT)), strict=True)):
            rendered = texture.render((TILE,) * 3, motion=motion, std=STD)
            found.append(record(rendered, 20.0, 2 * kind + part))
    count = -(-size // TILE)
    layout = np.random.default_rng(5).integers(0, kinds, (count,) * 3)
    reference, deformed = (Tiled(np.stack(found), layout, (size,) * 3) for found in tiles)
    return reference, deformed


def inside_tiles(positions: list[np.ndarray], half: int) -> np.ndarray:
    """Tell of which points, given by their z, y and x, the subset stays inside one tile before and after the motion."""
    margin = half + int(np.ceil(max(map(abs, SHIFT)))) + 4
    axes = [(at % TILE >= margin) & (at % TILE <= TILE - 1 - margin) for at in positions]
    return axes[0][:, None, None] & axes[1][None, :, None] & axes[2][None, None, :]


def write_pair(size: int, folder: Path) -> list[Path]:
    """Write both volumes as OME-Zarr, unless they are there; refuse if the disk is too full."""
    import volio

    files = [folder / f"{name}_{size}.ome.zarr" for name in ("reference", "deformed")]
    needed = 1.3 * size**3 * sum(not file.exists() for file in files)  # with the coarser copies
    free = shutil.disk_usage(folder).free
    print(f"disk: {free / 1e9:.1f} GB free in {folder}, {needed / 1e9:.1f} GB needed", flush=True)
    if free < needed + 5e9:
        raise SystemExit(f"{folder} has {free / 1e9:.1f} GB free, {needed / 1e9 + 5:.1f} are needed: take another one")
    if needed:
        for volume, file in zip(make_tiled_pair(size), files, strict=True):
            if not file.exists():
                volio.write(volio.Volume(volume, voxel_size=(1.0, 1.0, 1.0)), file, progress=True)
    return files
