"""Kernels of the Gauss-Newton alignment of two volumes (see `alignment`)."""

from volio.jit import inlined, jit


@inlined
def _look(values, weights, z, y, x):
    """Return grey value (trilinear) and weight at a real position; weight 0 beyond the volume or beside a bad voxel."""
    depth, height, width = values.shape
    if not (0 <= z <= depth - 1 and 0 <= y <= height - 1 and 0 <= x <= width - 1):
        return 0.0, 0.0
    k, j, i = min(int(z), depth - 2), min(int(y), height - 2), min(int(x), width - 2)
    a, b, c = z - k, y - j, x - i
    grey, good = 0.0, 1.0
    for dz in range(2):
        for dy in range(2):
            for dx in range(2):
                part = (a if dz else 1 - a) * (b if dy else 1 - b) * (c if dx else 1 - c)
                if part > 1e-6:
                    grey += part * values[k + dz, j + dy, i + dx]
                    good *= weights[k + dz, j + dy, i + dx]
    return grey, good


@jit
def sample_moved(values, weights, move, out_values, out_weights):
    """Sample a volume at the moved voxels of a grid.

    values, weights: float32 (z, y, x), at least 2 voxels an edge; move: float64 (3, 4), the place of voxel (z, y, x)
    is ``move @ (1, z, y, x)``; out_values, out_weights: float32 (z, y, x).
    """
    for z in range(out_values.shape[0]):
        for y in range(out_values.shape[1]):
            for x in range(out_values.shape[2]):
                grey, good = _look(
                    values,
                    weights,
                    move[0, 0] + move[0, 1] * z + move[0, 2] * y + move[0, 3] * x,
                    move[1, 0] + move[1, 1] * z + move[1, 2] * y + move[1, 3] * x,
                    move[2, 0] + move[2, 1] * z + move[2, 2] * y + move[2, 3] * x,
                )
                out_values[z, y, x] = grey
                out_weights[z, y, x] = good


@jit
def add_up(values, slopes, weights, deformed, deformed_weights, move, first, last, row, sums, linear, square):
    """Add up what a Gauss-Newton step needs, over the voxels that both volumes have, in the planes first to last - 1.

    values, weights: float32 (z, y, x) of the reference; slopes: float32 (3, z, y, x), its gradient; deformed,
    deformed_weights: float32 (z, y, x); move: as above; row: float64 (36,), scratch.
    Added to, with f the reference, g the moved deformed volume, J = gradient of f times (1, z, y, x), (axis, term):
    sums: float64 (9,), of 1, f, g, f f, g g, f g, z, y, x; linear: float64 (3, 12), of J, J f, J g;
    square: float64 (12, 12), of J J.
    """
    _, height, width = values.shape
    for z in range(first, last):
        for y in range(height):
            row[:] = 0.0
            for x in range(width):
                if weights[z, y, x] < 0.5:
                    continue
                g, good = _look(
                    deformed,
                    deformed_weights,
                    move[0, 0] + move[0, 1] * z + move[0, 2] * y + move[0, 3] * x,
                    move[1, 0] + move[1, 1] * z + move[1, 2] * y + move[1, 3] * x,
                    move[2, 0] + move[2, 1] * z + move[2, 2] * y + move[2, 3] * x,
                )
                if good < 0.5:
                    continue
                f = values[z, y, x]
                sums[0] += 1
                sums[1] += f
                sums[2] += g
                sums[3] += f * f
                sums[4] += g * g
                sums[5] += f * g
                sums[6] += z
                sums[7] += y
                sums[8] += x
                at = 0
                for i in range(3):
                    slope = slopes[i, z, y, x]
                    for j in range(i + 1):
                        product = slope * slopes[j, z, y, x]
                        row[at] += product
                        row[at + 1] += product * x
                        row[at + 2] += product * x * x
                        at += 3
                    row[18 + i] += slope
                    row[21 + i] += slope * x
                    row[24 + i] += slope * f
                    row[27 + i] += slope * f * x
                    row[30 + i] += slope * g
                    row[33 + i] += slope * g * x
            _expand(row, float(z), float(y), linear, square)


@inlined
def _expand(row, z, y, linear, square):
    """Multiply the sums of a row, which hold powers of x, by its z and y."""
    for i in range(3):
        for k in range(3):
            still, along = row[18 + 6 * k + i], row[21 + 6 * k + i]
            linear[k, 4 * i] += still
            linear[k, 4 * i + 1] += still * z
            linear[k, 4 * i + 2] += still * y
            linear[k, 4 * i + 3] += along
        for j in range(3):
            at = 3 * (i * (i + 1) // 2 + j if j <= i else j * (j + 1) // 2 + i)
            for m in range(4):
                left = z if m == 1 else y if m == 2 else 1.0
                for n in range(4):
                    right = z if n == 1 else y if n == 2 else 1.0
                    power = (1 if m == 3 else 0) + (1 if n == 3 else 0)
                    square[4 * i + m, 4 * j + n] += left * right * row[at + power]
