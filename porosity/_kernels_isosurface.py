"""Kernels of the smoothed surface of a phase (see `surface`): Gaussian smoothing, and the area of its level one half.

Each cell of 2 x 2 x 2 voxel centres is cut into the six tetrahedra about its diagonal, in which the field is linear.
"""

import numpy as np

from volio.jit import inner, jit


@jit
def smooth(mask, first, last, wz, wy, wx, out):
    """Fill out (z, y, x) float32 with planes first ... last - 1 of the smoothed mask (z, y, x), uint8 0 or 1.

    The weights (half + 1,) float32 stand for distances 0 ... half. Outside the volume its border is continued.
    """
    nz, ny, nx = mask.shape
    reach = len(wx) - 1
    planes = np.empty((ny, nx), np.float32)
    row = np.empty(nx + 2 * reach, np.float32)
    for z in range(first, last):
        for y in range(ny):
            line = planes[y]
            centre = mask[z, y]
            for x in range(nx):
                line[x] = wz[0] * centre[x]
            for k in range(1, len(wz)):
                below, above = mask[max(z - k, 0), y], mask[min(z + k, nz - 1), y]
                for x in range(nx):
                    line[x] += wz[k] * np.float32(below[x] + above[x])
        for y in range(ny):
            middle = row[reach : reach + nx]
            centre = planes[y]
            for x in range(nx):
                middle[x] = wy[0] * centre[x]
            for k in range(1, len(wy)):
                left, right = planes[max(y - k, 0)], planes[min(y + k, ny - 1)]
                for x in range(nx):
                    middle[x] += wy[k] * (left[x] + right[x])
            row[:reach] = middle[0]
            row[reach + nx :] = middle[nx - 1]
            target = out[z - first, y]
            for x in range(nx):
                target[x] = wx[0] * middle[x]
            for k in range(1, reach + 1):
                below, above = row[reach - k : reach - k + nx], row[reach + k : reach + k + nx]
                for x in range(nx):
                    target[x] += wx[k] * (below[x] + above[x])


@inner
def _cut(corners, values, i, j, point):
    """Set `point` to where the field is 0 between corners i and j."""
    t = values[i] / (values[i] - values[j])
    for axis in range(3):
        point[axis] = corners[i, axis] + t * (corners[j, axis] - corners[i, axis])


@inner
def _triangle(a, b, c):
    """Return the area of a triangle."""
    u0, u1, u2 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    v0, v1, v2 = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    n0, n1, n2 = u1 * v2 - u2 * v1, u2 * v0 - u0 * v2, u0 * v1 - u1 * v0
    return 0.5 * np.sqrt(n0 * n0 + n1 * n1 + n2 * n2)


@inner
def _tetrahedron(corners, values, order, points):
    """Return the area of the level 0 in the tetrahedron of corners `order` (4,)."""
    inside = 0
    for i in range(4):
        if values[order[i]] > 0.0:
            inside += 1
    if inside == 0 or inside == 4:
        return 0.0
    n = 0
    if inside == 2:
        # the two inside, then the two outside: the four cuts go round the quadrilateral
        a = b = c = d = -1
        for i in range(4):
            if values[order[i]] > 0.0:
                a, b = b, order[i]
            else:
                c, d = d, order[i]
        _cut(corners, values, a, c, points[0])
        _cut(corners, values, a, d, points[1])
        _cut(corners, values, b, d, points[2])
        _cut(corners, values, b, c, points[3])
        return _triangle(points[0], points[1], points[2]) + _triangle(points[0], points[2], points[3])
    for i in range(4):
        if (values[order[i]] > 0.0) == (inside == 1):
            for j in range(4):
                if j != i:
                    _cut(corners, values, order[i], order[j], points[n])
                    n += 1
    return _triangle(points[0], points[1], points[2])


@jit
def area_of_level(field, corners, tetrahedra):
    """Return the area of the level one half of `field` (z, y, x) float32.

    `corners` (8, 3) float64 are the corners of a cell, that of (dz, dy, dx) at 4 dz + 2 dy + dx; `tetrahedra` (6, 4)
    int64 are the corners of its tetrahedra.
    """
    values = np.empty(8)
    points = np.empty((4, 3))
    width = field.shape[2]
    sides = np.empty(width, np.uint8)
    total = 0.0
    for z in range(field.shape[0] - 1):
        for y in range(field.shape[1] - 1):
            rows = field[z, y], field[z, y + 1], field[z + 1, y], field[z + 1, y + 1]
            half = np.float32(0.5)
            for x in range(width):
                sides[x] = (
                    np.uint8(rows[0][x] > half) + np.uint8(rows[1][x] > half)
                    + np.uint8(rows[2][x] > half) + np.uint8(rows[3][x] > half)
                )  # fmt: skip
            for x in range(width - 1):
                both = sides[x] + sides[x + 1]
                if both == 0 or both == 8:
                    continue
                for i in range(4):
                    values[2 * i] = rows[i][x] - 0.5
                    values[2 * i + 1] = rows[i][x + 1] - 0.5
                for k in range(6):
                    total += _tetrahedron(corners, values, tetrahedra[k], points)
    return total
