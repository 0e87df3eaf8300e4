"""Kernels of the back projection (see `back_projection`): eight slices at a time, one in each lane of a vector.

Eight slices share the place where a ray meets a pixel, so that a place is computed once and everything else is loads
and sums of whole vectors. The image is made tile by tile, in two steps, for a few groups of neighbouring angles at a
time:

1. The part of each filtered row that the tile sees is shifted to the middle of the tile and added to the sum of its
   group, at twice the sampling of the detector. The rows are coefficients of a cubic B-spline, so the shift is four
   taps; they are the same all along the row.
2. The sums are back-projected along the mean direction of the group, with linear interpolation.

Away from the middle of the tile, an angle that differs from the mean direction of its group is seen displaced by the
distance times the difference: groups are made so narrow that this does not matter.
"""

import numpy as np
import numpy.typing as npt

from volio.jit import jit
from volio.simd import LANES, load, pointer, splat, store

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

TILE = 32  # pixels: edge of a tile
GROUPS = 4  # that are back-projected at a time: their sums stay in the first cache


@jit
def _add_shifted(
    source: Singles, start: int, fraction: float, weight: float, sums: Singles, first: int, pairs: int
) -> None:
    """Add to `sums`, from the sample `first` on, a spline at 2 * `pairs` places half a pixel apart.

    The coefficient `start` of source belongs to the pixel left of the first place, which lies `fraction` < 1/2 right
    of it. Both arrays are flat, with LANES values a sample.
    """
    t = fraction
    u = 1.0 - t
    a0, a1 = splat(weight * u * u * u / 6.0), splat(weight * (2.0 / 3.0 - t * t * (1.0 - 0.5 * t)))
    a2, a3 = splat(weight * (2.0 / 3.0 - u * u * (1.0 - 0.5 * u))), splat(weight * t * t * t / 6.0)
    t = fraction + 0.5
    u = 1.0 - t
    b0, b1 = splat(weight * u * u * u / 6.0), splat(weight * (2.0 / 3.0 - t * t * (1.0 - 0.5 * t)))
    b2, b3 = splat(weight * (2.0 / 3.0 - u * u * (1.0 - 0.5 * u))), splat(weight * t * t * t / 6.0)
    rows, out = pointer(source), pointer(sums)
    at = (start - 1) * LANES
    to = first * LANES
    v0, v1, v2 = load(rows, at), load(rows, at + LANES), load(rows, at + 2 * LANES)
    at += 3 * LANES
    for _ in range(pairs):
        v3 = load(rows, at)
        store(out, to, load(out, to) + a0 * v0 + a1 * v1 + a2 * v2 + a3 * v3)
        store(out, to + LANES, load(out, to + LANES) + b0 * v0 + b1 * v1 + b2 * v2 + b3 * v3)
        v0, v1, v2 = v1, v2, v3
        at += LANES
        to += 2 * LANES


@jit
def _add_groups(
    sums: Singles, places: npt.NDArray[np.int32], parts: Singles, count: int, image: Singles, first: int
) -> None:
    """Add to `count` pixels of `image`, from pixel `first` on, the value of each group at its place there."""
    values, pixels = pointer(sums), pointer(image)
    for x in range(count):
        to = (first + x) * LANES
        total = load(pixels, to)
        for g in range(GROUPS):
            at = places[g * TILE + x]
            left = load(values, at)
            total = total + (left + splat(parts[g * TILE + x]) * (load(values, at + LANES) - left))
        store(pixels, to, total)


@jit
def back_project_tiles(
    rows: Singles,
    angles: Floats,
    groups: Floats,
    starts: Integers,
    tiles: Integers,
    grid: Floats,
    region: Integers,
    pairs: int,
    out: Singles,
) -> None:
    """Write tiles of at most LANES slices, out (slices, y, x).

    rows (angles, width, LANES) float32: coefficients of the filtered rows. angles (angles, 4) float64: cosine, sine,
    column of the axis in the row, weight. groups (groups, 2): mean cosine and sine; starts (groups + 1,): first angle
    of each. tiles (n, 2): first pixel y, x of each tile. grid (3,): y and x of pixel 0 from the axis, step of the
    pixels, and radius outside of which pixels stay as they are, in columns. region (4,): y0, y1, x0, x1 of the pixels
    in out. pairs: half the samples that a tile sees.
    """
    first, step, radius = grid
    low_y, high_y, low_x, high_x = region
    samples = 2 * pairs + 1
    sums = np.empty(GROUPS * samples * LANES, np.float32)
    places = np.empty(GROUPS * TILE, np.int32)
    parts = np.empty(GROUPS * TILE, np.float32)
    image = np.empty(TILE * TILE * LANES, np.float32)
    middle = 0.5 * (TILE - 1)
    for n in range(tiles.shape[0]):
        y0, x0 = tiles[n]
        y_middle, x_middle = first + (y0 + middle) * step, first + (x0 + middle) * step
        image[:] = 0.0
        for block in range(0, groups.shape[0], GROUPS):
            sums[:] = 0.0
            for g in range(min(GROUPS, groups.shape[0] - block)):
                mine = sums[g * samples * LANES : (g + 1) * samples * LANES]
                for a in range(starts[block + g], starts[block + g + 1]):
                    s = angles[a, 2] + x_middle * angles[a, 0] + y_middle * angles[a, 1] - 0.5 * (pairs - 0.5)
                    i = int(s)
                    t = s - i
                    if t < 0.5:
                        _add_shifted(rows[a].reshape(-1), i, t, angles[a, 3], mine, 1, pairs)
                    else:
                        _add_shifted(rows[a].reshape(-1), i, t - 0.5, angles[a, 3], mine, 0, pairs)
            for y in range(TILE):
                for g in range(GROUPS):
                    cosine = sine = 0.0
                    if block + g < groups.shape[0]:
                        cosine, sine = groups[block + g]
                    start = np.float32(pairs + 0.5 + 2.0 * step * ((y - middle) * sine - middle * cosine))
                    stride = np.float32(2.0 * step * cosine)
                    offset = np.int32(g * samples)
                    for x in range(TILE):
                        s32 = start + np.float32(x) * stride
                        i32 = np.int32(s32)
                        places[g * TILE + x] = (offset + i32) * np.int32(LANES)
                        parts[g * TILE + x] = s32 - np.float32(i32)
                _add_groups(sums, places, parts, TILE, image, y * TILE)
        for y in range(max(y0, low_y), min(y0 + TILE, high_y)):
            dy = first + y * step
            for k in range(out.shape[0]):
                for x in range(max(x0, low_x), min(x0 + TILE, high_x)):
                    dx = first + x * step
                    if dx * dx + dy * dy <= radius * radius:
                        out[k, y - low_y, x - low_x] = image[((y - y0) * TILE + x - x0) * LANES + k]
