"""How far a projection lies from where a reprojection predicts it, to a fraction of a pixel.

Whole pixels by cross-correlation, and the rest by a Gauss-Newton step on the difference of the two images, as in the
registration of Lucas and Kanade (1981): the difference is explained by the two gradients of the prediction and its
strength. Both images lose what is smooth, where truncation and drifts of the beam live, and what is finer than a
gradient tells; what a zinger or a foreign object adds is left out as an outlier.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from recon._kernels_projection_shift import add_normal_equations, write_detail, write_errors

__all__ = ["ProjectionShift", "measure_shift"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

#: Details finer and wider than this many pixels (standard deviations of Gaussians) do not count.
FINE, SMOOTH = 0.8, 3.0
#: Whole pixels that are searched in each direction.
REACH: Final = 4
#: Standard deviations beyond which a pixel is an outlier.
OUTLIER: Final = 4.0
#: Parts of the detector, side by side, whose answers are compared for the uncertainty.
PARTS: Final = 4


@dataclass(frozen=True, eq=False)
class ProjectionShift:
    """Where a projection lies.

    Attributes
    ----------
    shift : array, shape (2,)
        By how many rows and columns it lies further than predicted.
    parts : array, shape (PARTS, 2)
        The same, as parts of the detector say.
    sigma : array, shape (2,)
        Standard uncertainty if the errors of pixels were independent of each other.
    parts_sigma : array, shape (PARTS, 2)
        The same for the parts.
    strength : float
        Contrast of the projection over that of the prediction.
    residual : float
        What is not explained, over the contrast of the projection; both without outliers.
    """

    shift: Floats
    parts: Floats
    sigma: Floats
    parts_sigma: Floats
    strength: float
    residual: float


def measure_shift(
    observed: Singles, predicted: Singles, *, rows: Floats, columns: Floats, reach: int = REACH
) -> ProjectionShift:
    """Measure by how much an image lies further than another.

    Parameters
    ----------
    observed, predicted : array, shape (rows, columns)
        Line integrals. They should lie no more than `reach` pixels apart: the answer is a step towards the right one.
    rows, columns : array, shape (rows,) and (columns,)
        What each row and column counts; not negative.
    reach : int
        Whole pixels that are searched; 0 where the images lie less than half a pixel apart.
    """
    image, model = _detail(observed), _detail(predicted)
    whole = _whole_pixels(image, model, rows, columns, reach) if reach else (0, 0)
    model = np.roll(model, whole, axis=(0, 1))
    # rows that came in at the other end were not seen
    rows = rows * np.roll(np.pad(np.ones(rows.size - abs(whole[0])), (0, abs(whole[0]))), max(whole[0], 0))
    power = np.einsum("rc,rc,r,c->", model, model, rows, columns)
    strength = float(np.einsum("rc,rc,r,c->", image, model, rows, columns) / power) if power > 0 else 0.0
    model = model * np.float32(strength)
    difference = image - model
    answer, limit = np.zeros(3), np.inf
    errors = np.empty_like(image)
    for _ in range(2):
        matrix, right = np.zeros((PARTS, 3, 3)), np.zeros((PARTS, 3))
        add_normal_equations(difference, model, rows, columns, answer, limit, matrix, right)
        answer, covariance = _solve(matrix.sum(axis=0), right.sum(axis=0))
        write_errors(difference, model, answer, errors)
        # pixels that do not count, as rows beyond the detector, must not make the limit
        scatter = 1.4826 * float(np.median(np.abs(errors[rows > 0])))
        limit = OUTLIER * scatter
    pieces, piece_covariances = _solve(matrix, right)
    weights = np.where(np.abs(errors) <= limit, rows[:, None] * columns, 0.0)
    squares = float(np.sum(weights * image**2))
    residual = float(np.sqrt(np.sum(weights * errors**2) / squares)) if squares > 0 else np.nan
    factor = -1.0 / max(1.0 + answer[2], 0.1)
    spread = scatter * abs(factor)
    return ProjectionShift(
        shift=whole + factor * answer[:2],
        parts=whole - pieces[:, :2] / np.maximum(1.0 + pieces[:, 2:], 0.1),
        sigma=spread * np.sqrt(np.diag(covariance)[:2]),
        parts_sigma=spread * np.sqrt(np.diagonal(piece_covariances, axis1=1, axis2=2)[:, :2]),
        strength=strength * (1.0 + float(answer[2])),
        residual=residual,
    )


def _detail(image: Singles) -> Singles:
    """Return an image without what is smooth, and without the finest."""
    detail = np.empty(image.shape, np.float32)
    # less its mean, so that rounding makes no detail of an even image
    write_detail(np.ascontiguousarray(image - np.float32(image.mean()), np.float32), *_FILTERS, detail)
    return detail


def _gaussian(sigma: float) -> Singles:
    """Return half a Gaussian of sum 1, from its middle on, that ends at three standard deviations."""
    values = np.exp(-0.5 * (np.arange(int(3.0 * sigma + 0.5) + 1) / sigma) ** 2)
    half: Singles = (values / (2.0 * values.sum() - 1.0)).astype(np.float32)
    return half


_FILTERS: Final = (_gaussian(FINE), _gaussian(SMOOTH))


def _whole_pixels(image: Singles, model: Singles, rows: Floats, columns: Floats, most: int) -> tuple[int, int]:
    """Return by how many rows and columns, up to `most`, an image lies further than a model."""
    from scipy.fft import irfft2, rfft2

    weights = (rows[:, None] * columns).astype(np.float32)
    # a zinger must not outshine everything else
    scale = float(np.median(np.abs(image))) / max(float(np.median(np.abs(model))), 1e-30)
    bounded = np.clip(image, scale * model.min(), scale * model.max())
    spectrum = rfft2(bounded * weights) * np.conj(rfft2(model * weights))
    reach = tuple(min(most, (n - 1) // 2) for n in image.shape)
    around = np.roll(irfft2(spectrum, image.shape), reach, axis=(0, 1))[: 2 * reach[0] + 1, : 2 * reach[1] + 1]
    row, column = np.unravel_index(int(np.argmax(around)), around.shape)
    if around[row, column] <= around[reach]:
        return 0, 0
    return int(row) - reach[0], int(column) - reach[1]


def _solve(matrix: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Return the solutions of sets of three normal equations, 0 where there is nothing to see, and their inverses."""
    scale = np.maximum(np.trace(matrix, axis1=-2, axis2=-1), 1e-30)
    inverse = np.linalg.inv(matrix + 1e-9 * scale[..., None, None] * np.eye(3)).astype(np.float64)
    return np.einsum("...ij,...j->...i", inverse, right), inverse
