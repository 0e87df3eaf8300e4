"""Kernels of the features of a voxel's surroundings (see `features`).

Each output is computed by the same operations in the same order wherever it lies in its block.
"""

import numpy as np

from volio.jit import jit


@jit
def convolve_rows(source, taps, out):
    """Symmetric filter across rows: out[a, i] = sum_k taps[k] source[a, i + k].

    source: (a, n + k - 1, m) float32, out: (a, n, m) float32, taps: (k,) float32, k odd.
    """
    middle = taps.size // 2
    for a in range(out.shape[0]):
        for i in range(out.shape[1]):
            row = out[a, i]
            centre = source[a, i + middle]
            for x in range(row.size):
                row[x] = taps[middle] * centre[x]
            for k in range(middle):
                low, high = source[a, i + k], source[a, i + 2 * middle - k]
                for x in range(row.size):
                    row[x] += taps[k] * (low[x] + high[x])


@jit
def convolve_along(source, taps, out):
    """Symmetric filter along rows: out[a, x] = sum_k taps[k] source[a, x + k].

    source: (a, m + k - 1) float32, out: (a, m) float32, taps: (k,) float32, k odd.
    """
    middle = taps.size // 2
    for a in range(out.shape[0]):
        row, line = out[a], source[a]
        for x in range(row.size):
            row[x] = taps[middle] * line[x + middle]
        for k in range(middle):
            for x in range(row.size):
                row[x] += taps[k] * (line[x + k] + line[x + 2 * middle - k])


@jit
def gradient(smooth, out):
    """Central differences: out (3, z, y, x) of smooth (z + 2, y + 2, x + 2), both float32."""
    half = np.float32(0.5)
    for z in range(out.shape[1]):
        for y in range(out.shape[2]):
            for x in range(out.shape[3]):
                out[0, z, y, x] = half * (smooth[z + 2, y + 1, x + 1] - smooth[z, y + 1, x + 1])
                out[1, z, y, x] = half * (smooth[z + 1, y + 2, x + 1] - smooth[z + 1, y, x + 1])
                out[2, z, y, x] = half * (smooth[z + 1, y + 1, x + 2] - smooth[z + 1, y + 1, x])


@jit
def hessian(smooth, out):
    """Second differences zz, yy, xx, zy, zx, yx: out (6, z, y, x) of smooth (z + 2, y + 2, x + 2), both float32."""
    two, quarter = np.float32(2.0), np.float32(0.25)
    for z in range(out.shape[1]):
        for y in range(out.shape[2]):
            for x in range(out.shape[3]):
                here = two * smooth[z + 1, y + 1, x + 1]
                out[0, z, y, x] = (smooth[z + 2, y + 1, x + 1] + smooth[z, y + 1, x + 1]) - here
                out[1, z, y, x] = (smooth[z + 1, y + 2, x + 1] + smooth[z + 1, y, x + 1]) - here
                out[2, z, y, x] = (smooth[z + 1, y + 1, x + 2] + smooth[z + 1, y + 1, x]) - here
                out[3, z, y, x] = quarter * (
                    (smooth[z + 2, y + 2, x + 1] - smooth[z, y + 2, x + 1])
                    - (smooth[z + 2, y, x + 1] - smooth[z, y, x + 1])
                )
                out[4, z, y, x] = quarter * (
                    (smooth[z + 2, y + 1, x + 2] - smooth[z, y + 1, x + 2])
                    - (smooth[z + 2, y + 1, x] - smooth[z, y + 1, x])
                )
                out[5, z, y, x] = quarter * (
                    (smooth[z + 1, y + 2, x + 2] - smooth[z + 1, y, x + 2])
                    - (smooth[z + 1, y + 2, x] - smooth[z + 1, y, x])
                )


@jit
def outer_products(slope, out):
    """Products zz, yy, xx, zy, zx, yx: out (6, n) of slope (3, n), both float32."""
    for i in range(slope.shape[1]):
        out[0, i] = slope[0, i] * slope[0, i]
        out[1, i] = slope[1, i] * slope[1, i]
        out[2, i] = slope[2, i] * slope[2, i]
        out[3, i] = slope[0, i] * slope[1, i]
        out[4, i] = slope[0, i] * slope[2, i]
        out[5, i] = slope[1, i] * slope[2, i]


@jit
def eigenvalues(tensor, out):
    """Eigenvalues of symmetric tensors, largest first: out (3, n) float32 of tensor (6, n) float32 zz yy xx zy zx yx.

    With the mean q of the diagonal and p the root mean square of the rest, they are q + 2 p c with the three roots of
    4 c^3 - 3 c = r, r = det((A - q) / p) / 2. The outermost root of the sign of r lies between 0.866 and 1, where three
    Newton steps from a straight line reach all digits; no angle is needed.
    """
    for i in range(tensor.shape[1]):
        zz, yy, xx = np.float64(tensor[0, i]), np.float64(tensor[1, i]), np.float64(tensor[2, i])
        zy, zx, yx = np.float64(tensor[3, i]), np.float64(tensor[4, i]), np.float64(tensor[5, i])
        q = (zz + yy + xx) / 3.0
        zz, yy, xx = zz - q, yy - q, xx - q
        square = (zz * zz + yy * yy + xx * xx + 2.0 * (zy * zy + zx * zx + yx * yx)) / 6.0
        p = np.sqrt(square)
        half = 0.5 * (zz * (yy * xx - yx * yx) - zy * (zy * xx - yx * zx) + zx * (zy * yx - yy * zx))
        r = half / max(square * p, 1e-300)
        size = min(abs(r), 1.0)
        c = 0.8660254037844386 + 0.1339745962155614 * size
        for _ in range(3):
            c -= ((4.0 * c * c - 3.0) * c - size) / (12.0 * c * c - 3.0)
        c = min(c, 1.0)
        s = np.sqrt(max(0.75 * (1.0 - c * c), 0.0))
        spread = 2.0 * p * s
        if r >= 0.0:
            middle = q - p * c
            out[0, i] = q + 2.0 * p * c
            out[1, i] = middle + spread
            out[2, i] = middle - spread
        else:
            middle = q + p * c
            out[0, i] = middle + spread
            out[1, i] = middle - spread
            out[2, i] = q - 2.0 * p * c


@jit
def magnitude(slope, out):
    """Length of vectors: out (n,) float32 of slope (3, n) float32."""
    for i in range(out.size):
        a, b, c = np.float64(slope[0, i]), np.float64(slope[1, i]), np.float64(slope[2, i])
        out[i] = np.sqrt(a * a + b * b + c * c)
