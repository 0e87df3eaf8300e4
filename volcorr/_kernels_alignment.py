"""Kernels of the Gauss-Newton alignment of two volumes (see `alignment`)."""

import numpy as np

from volio.jit import inlined, jit

#: Places that are nearer than this to a voxel, along an axis, lie on it: what is beside it does not count.
NEAR = 1e-6


@inlined
def _sample_row(values, weights, shape, move, z, y, grey, good):
    """Set grey and good (x,) to value (trilinear) and weight where the voxels of row z, y were moved.

    The weight is 0 beyond the volume or beside a bad voxel. values, weights: flat, of a volume of `shape`; move: as
    below.
    """
    depth, height, width = shape
    from_z = move[0, 0] + move[0, 1] * z + move[0, 2] * y
    from_y = move[1, 0] + move[1, 1] * z + move[1, 2] * y
    from_x = move[2, 0] + move[2, 1] * z + move[2, 2] * y
    for x in range(grey.shape[0]):
        at_z, at_y, at_x = from_z + move[0, 3] * x, from_y + move[1, 3] * x, from_x + move[2, 3] * x
        grey[x] = good[x] = 0.0
        if not (0 <= at_z <= depth - 1 and 0 <= at_y <= height - 1 and 0 <= at_x <= width - 1):
            continue
        k, j, i = int(at_z + NEAR), int(at_y + NEAR), int(at_x + NEAR)
        a, b, c = at_z - k, at_y - j, at_x - i
        # unsigned: no place is counted from the end
        behind = np.uint64(1 if c > NEAR else 0)
        one = np.uint64((k * height + j) * width + i)
        two = one + np.uint64(width if b > NEAR else 0)
        three = one + np.uint64(height * width if a > NEAR else 0)
        four = two + (three - one)
        first = values[one] + c * (values[one + behind] - values[one])
        second = values[two] + c * (values[two + behind] - values[two])
        third = values[three] + c * (values[three + behind] - values[three])
        fourth = values[four] + c * (values[four + behind] - values[four])
        first += b * (second - first)
        third += b * (fourth - third)
        grey[x] = first + a * (third - first)
        good[x] = (weights[one] * weights[one + behind] * weights[two] * weights[two + behind]) * (
            weights[three] * weights[three + behind] * weights[four] * weights[four + behind]
        )


@jit
def sample_moved(values, weights, move, out_values, out_weights):
    """Sample a volume at the moved voxels of a grid.

    values, weights: float32 (z, y, x); move: float64 (3, 4), the place of voxel (z, y, x) is
    ``move @ (1, z, y, x)``; out_values, out_weights: float32 (z, y, x).
    """
    flat, flat_weights = values.reshape(-1), weights.reshape(-1)
    for z in range(out_values.shape[0]):
        for y in range(out_values.shape[1]):
            _sample_row(flat, flat_weights, values.shape, move, z, y, out_values[z, y], out_weights[z, y])


@jit
def add_up(values, slopes, weights, deformed, deformed_weights, move, first, last, moved, sums, linear, square):
    """Add up what a Gauss-Newton step needs, over the voxels that both volumes have, in the planes first to last - 1.

    values, weights: float32 (z, y, x) of the reference; slopes: float32 (3, z, y, x), its gradient; deformed,
    deformed_weights: float32 (z, y, x); move: as above; moved: float32 (2, x), scratch.
    Added to, with f the reference, g the moved deformed volume, J = gradient of f times (1, z, y, x), (axis, term):
    sums: float64 (9,), of 1, f, g, f f, g g, f g, z, y, x; linear: float64 (3, 12), of J, J f, J g;
    square: float64 (12, 12), of J J.
    """
    flat, flat_weights, row = deformed.reshape(-1), deformed_weights.reshape(-1), np.zeros(36)
    grey, use = moved[0], moved[1]
    for z in range(first, last):
        for y in range(values.shape[1]):
            _sample_row(flat, flat_weights, deformed.shape, move, z, y, grey, use)
            for x in range(use.shape[0]):
                use[x] = 1.0 if use[x] >= 0.5 and weights[z, y, x] >= 0.5 else 0.0
                grey[x] *= use[x]
            if _add_grey(values[z, y], grey, use, float(z), float(y), sums) > 0:
                _add_slopes(values[z, y], slopes[0, z, y], slopes[1, z, y], slopes[2, z, y], grey, use, row)
                _expand(row, float(z), float(y), linear, square)


@inlined
def _add_grey(values, grey, use, z, y, sums):
    """Add the sums of a row that hold no slope; return how many voxels of it count."""
    n, f_1, g_1, f_f, g_g, f_g, along = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for x in range(values.shape[0]):
        f, g, one = np.float64(values[x]), np.float64(grey[x]), np.float64(use[x])
        n += one
        f_1 += one * f
        g_1 += g
        f_f += one * f * f
        g_g += g * g
        f_g += f * g
        along += one * x
    sums[0] += n
    sums[1] += f_1
    sums[2] += g_1
    sums[3] += f_f
    sums[4] += g_g
    sums[5] += f_g
    sums[6] += z * n
    sums[7] += y * n
    sums[8] += along
    return n


@inlined
def _add_slopes(values, along_z, along_y, along_x, grey, use, row):
    """Set row (36,) to the sums over x of a row: of products of slopes with 1, x, x x, of slopes and their products."""
    slopes = along_z, along_y, along_x
    at = 0
    for i in range(3):
        one = slopes[i]
        for j in range(i + 1):
            other = slopes[j]
            still, along, twice = 0.0, 0.0, 0.0
            for x in range(values.shape[0]):
                product = np.float64(use[x] * one[x]) * other[x]
                still += product
                along += product * x
                twice += product * x * x
            row[at], row[at + 1], row[at + 2] = still, along, twice
            at += 3
        still, along, f_still, f_along, g_still, g_along = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for x in range(values.shape[0]):
            slope = np.float64(use[x] * one[x])
            f_slope, g_slope = slope * values[x], slope * grey[x]
            still += slope
            along += slope * x
            f_still += f_slope
            f_along += f_slope * x
            g_still += g_slope
            g_along += g_slope * x
        row[18 + i], row[21 + i] = still, along
        row[24 + i], row[27 + i] = f_still, f_along
        row[30 + i], row[33 + i] = g_still, g_along


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
