"""Kernel of the blob texture: the sum of all blobs at given positions.

Positions come as an array (3, z, y, x): the material position (z, y, x, in voxels) of each voxel of a block.
They are taken in small tiles of voxels, which lie close together in the material too, so that one search
finds the blobs of a whole tile and the sum runs over several voxels at a time.
"""

import numpy as np
import numpy.typing as npt

from volio.jit import jit

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

TILE_Z, TILE_Y, TILE_X = 4, 4, 16  # voxels

# exp(-t) for 0 <= t <= 15 as q**32, q the Taylor series of exp(-t/32) about the middle: relative error < 2e-8
LARGEST_EXPONENT = 15.0
_MIDDLE = LARGEST_EXPONENT / 64
_C0 = float(np.exp(-_MIDDLE))
_C1, _C2, _C3 = _C0, _C0 / 2, _C0 / 6
_C4, _C5, _C6, _C7 = _C0 / 24, _C0 / 120, _C0 / 720, _C0 / 5040


@jit
def _exp_negative(t: float) -> float:
    """exp(-t) for 0 <= t <= LARGEST_EXPONENT."""
    s = _MIDDLE - t * 0.03125
    q = _C0 + s * (_C1 + s * (_C2 + s * (_C3 + s * (_C4 + s * (_C5 + s * (_C6 + s * _C7))))))
    q *= q
    q *= q
    q *= q
    q *= q
    return q * q


@jit
def _gap(value: float, lowest: float, highest: float) -> float:
    """Distance along one axis from `value` to an interval (0 inside)."""
    return max(lowest - value, value - highest, 0.0)


@jit
def _cell(position: float, lower: float, size: float, count: int) -> int:
    """Return the number of the cell of a position along one axis, kept within 0 ... count."""
    return min(max(int(np.floor((position - lower) / size)), 0), count)


@jit
def _ends(row: Floats, count: int) -> tuple[float, float]:
    """Smallest and largest of the first `count` values."""
    lowest = highest = row[0]
    for i in range(count):
        lowest, highest = min(lowest, row[i]), max(highest, row[i])
    return lowest, highest


@jit
def _add_blob(
    z_row: Floats,
    y_row: Floats,
    x_row: Floats,
    row: Floats,
    count: int,
    z: float,
    y: float,
    x: float,
    rate: float,
    limit: float,
    amplitude: float,
) -> None:
    for i in range(count):
        dz, dy, dx = z_row[i] - z, y_row[i] - y, x_row[i] - x
        t = (dz * dz + dy * dy + dx * dx) * rate
        row[i] += (amplitude if t < limit else 0.0) * _exp_negative(min(t, limit))


@jit
def _sum_tile(
    tile: Floats,
    total: Floats,
    count: int,
    blobs: Floats,
    starts: Integers,
    lower: Floats,
    size: float,
    shape: Integers,
    reach: float,
    limit: float,
) -> None:
    """Sum the blobs at the first `count` positions of `tile` (3, n) into `total` (n,)."""
    z_row, y_row, x_row = tile[0], tile[1], tile[2]
    z0, z1 = _ends(z_row, count)
    y0, y1 = _ends(y_row, count)
    x0, x1 = _ends(x_row, count)
    for i in range(count):
        total[i] = 0.0
    c0 = _cell(z0 - reach, lower[0], size, shape[0])
    c1 = _cell(z1 + reach + size, lower[0], size, shape[0])
    b0 = _cell(y0 - reach, lower[1], size, shape[1])
    b1 = _cell(y1 + reach + size, lower[1], size, shape[1])
    a0 = _cell(x0 - reach, lower[2], size, shape[2])
    a1 = _cell(x1 + reach + size, lower[2], size, shape[2])
    for c in range(c0, c1):
        for b in range(b0, b1):
            first = (c * shape[1] + b) * shape[2]
            for n in range(starts[first + a0], starts[first + a1]):
                z, y, x, rate = blobs[n, 0], blobs[n, 1], blobs[n, 2], blobs[n, 3]
                gz, gy, gx = _gap(z, z0, z1), _gap(y, y0, y1), _gap(x, x0, x1)
                if (gz * gz + gy * gy + gx * gx) * rate < limit:
                    _add_blob(z_row, y_row, x_row, total, count, z, y, x, rate, limit, blobs[n, 4])


@jit
def sum_blobs(
    positions: Floats,
    blobs: Floats,
    starts: Integers,
    lower: Floats,
    size: float,
    shape: Integers,
    reach: float,
    limit: float,
    out: Floats,
) -> None:
    """Write the sum of all blobs at each position.

    positions (3, z, y, x) float64; out (z, y, x) float64; blobs (n, 5) float64, sorted by cell: z, y, x,
    1/(2 sigma^2), amplitude; starts (cells + 1,) int64: the blobs of each cell; the cells are cubes of edge
    `size` from the corner `lower` (3,) float64, as many as `shape` (3,) int64 says, in z, y, x order. No blob
    reaches farther than `reach`, and each ends where the exponent is -`limit`.
    """
    nz, ny, nx = out.shape
    tile = np.empty((3, TILE_Z * TILE_Y * TILE_X))
    total = np.empty(TILE_Z * TILE_Y * TILE_X)
    for k0 in range(0, nz, TILE_Z):
        k1 = min(k0 + TILE_Z, nz)
        for j0 in range(0, ny, TILE_Y):
            j1 = min(j0 + TILE_Y, ny)
            for i0 in range(0, nx, TILE_X):
                i1 = min(i0 + TILE_X, nx)
                n = 0
                for k in range(k0, k1):
                    for j in range(j0, j1):
                        for i in range(i0, i1):
                            for axis in range(3):
                                tile[axis, n] = positions[axis, k, j, i]
                            n += 1
                count = (k1 - k0) * (j1 - j0) * (i1 - i0)
                _sum_tile(tile, total, count, blobs, starts, lower, size, shape, reach, limit)
                n = 0
                for k in range(k0, k1):
                    for j in range(j0, j1):
                        for i in range(i0, i1):
                            out[k, j, i] = total[n]
                            n += 1
