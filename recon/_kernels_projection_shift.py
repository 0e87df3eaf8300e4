"""Kernels of the registration of a projection with its prediction (see `projection_shift`).

A pixel's difference is explained by three numbers: how it changes with the row, with the column and with the strength
of the prediction. Gradients are central differences, so the outermost pixels do not count.
"""

import numpy as np
import numpy.typing as npt

from volio.jit import inner, jit

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]


@inner
def _slopes(model: Singles, row: int, column: int) -> tuple[float, float, float]:
    down = 0.5 * (model[row + 1, column] - model[row - 1, column])
    right = 0.5 * (model[row, column + 1] - model[row, column - 1])
    return down, right, model[row, column]


@jit
def add_normal_equations(
    difference: Singles,
    model: Singles,
    row_weights: Floats,
    column_weights: Floats,
    answer: Floats,
    limit: float,
    matrix: Floats,
    right: Floats,
) -> None:
    """Add up normal equations, matrix (parts, 3, 3) and right (parts, 3), for parts of the columns side by side.

    difference, model (rows, columns) float32. Pixels that `answer` (3,) leaves further than `limit` from 0 are left
    out.
    """
    rows, columns = difference.shape
    parts = matrix.shape[0]
    for row in range(1, rows - 1):
        if row_weights[row] > 0.0:
            for column in range(1, columns - 1):
                a, b, c = _slopes(model, row, column)
                value = difference[row, column]
                error = value - answer[0] * a - answer[1] * b - answer[2] * c
                if abs(error) <= limit:
                    weight = row_weights[row] * column_weights[column]
                    part = column * parts // columns
                    m = matrix[part]
                    m[0, 0] += weight * a * a
                    m[0, 1] += weight * a * b
                    m[0, 2] += weight * a * c
                    m[1, 1] += weight * b * b
                    m[1, 2] += weight * b * c
                    m[2, 2] += weight * c * c
                    right[part, 0] += weight * a * value
                    right[part, 1] += weight * b * value
                    right[part, 2] += weight * c * value
    for part in range(parts):
        for i in range(3):
            for j in range(i):
                matrix[part, i, j] = matrix[part, j, i]


@inner
def _blur_rows(image: Singles, weights: Singles, padded: Singles, out: Singles) -> None:
    """Blur each row by an even filter, weights (reach + 1,) from its middle on; the ends go on as they are.

    padded: scratch, a row and twice the reach.
    """
    rows, columns = image.shape
    reach = weights.size - 1
    for row in range(rows):
        line, target = image[row], out[row]
        for column in range(columns + 2 * reach):
            padded[column] = line[min(max(column - reach, 0), columns - 1)]
        for column in range(columns):
            target[column] = weights[0] * padded[column + reach]
        for k in range(1, reach + 1):
            left, right, weight = padded[reach - k :], padded[reach + k :], weights[k]
            for column in range(columns):
                target[column] += weight * (left[column] + right[column])


@inner
def _add_blurred_columns(image: Singles, weights: Singles, sign: float, out: Singles) -> None:
    """Add sign times the image blurred along its columns to out (rows, columns)."""
    rows, columns = image.shape
    for row in range(rows):
        target = out[row]
        for k in range(weights.size):
            up, down = image[max(row - k, 0)], image[min(row + k, rows - 1)]
            weight = np.float32(sign) * weights[k] * np.float32(0.5 if k == 0 else 1.0)
            for column in range(columns):
                target[column] += weight * (up[column] + down[column])


@jit
def write_detail(image: Singles, fine: Singles, smooth: Singles, out: Singles) -> None:
    """Write an image blurred by one even filter less the image blurred by another, all (rows, columns) float32.

    fine, smooth: the filters from their middle on; beyond its edges the image goes on as it is there.
    """
    blurred = np.empty_like(image)
    padded = np.empty(image.shape[1] + 2 * max(fine.size, smooth.size), np.float32)
    out[:] = 0.0
    _blur_rows(image, fine, padded, blurred)
    _add_blurred_columns(blurred, fine, 1.0, out)
    _blur_rows(image, smooth, padded, blurred)
    _add_blurred_columns(blurred, smooth, -1.0, out)


@jit
def write_errors(difference: Singles, model: Singles, answer: Floats, out: Singles) -> None:
    """Write what three numbers leave of a difference, out (rows, columns); the outermost pixels stay as they are."""
    rows, columns = difference.shape
    out[:] = difference
    for row in range(1, rows - 1):
        for column in range(1, columns - 1):
            a, b, c = _slopes(model, row, column)
            out[row, column] -= answer[0] * a + answer[1] * b + answer[2] * c
