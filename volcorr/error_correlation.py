"""How the displacement errors of neighbouring points are correlated: their subsets share voxels.

A subset's displacement is the least-squares answer to the grey noise n of its voxels. With the grey gradient g and the
shape functions phi of the subset, the error at its centre is ::

    e = sum over voxels of  w(x) g(x) n(x) / (N <g^2>),     w(x) = N phi(0) (sum phi phi^T)^-1 phi(x)

if the texture is even over the subset: a weighted mean of a noise density g n / <g^2>, which is white. The errors of
two points at the distance d are therefore correlated as the weights are, ::

    rho(d) = sum of w(x) w(x + d) / sum of w(x)^2

For a subset that translates, turns or deforms linearly w is 1, as the linear terms vanish at the centre: rho is the
part of the subset's volume that the two share, a product over the axes of 1 - |d| / S, and zero from d = S on. A
quadratic subset has negative weights at its rim: its errors are larger, and correlated over a shorter distance.

The texture of the two scans enters only by its mean square; what is left out is its unevenness from voxel to voxel, and
the noise of grey gradients.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["gaussian", "overlap_correlation", "smooth_correlation"]


def overlap_correlation(
    subset: Sequence[int], spacing: Sequence[int], count: int, *, quadratic: bool = False
) -> "NDArray[np.float64]":
    """Correlation of the displacement errors of two points by their distance.

    Parameters
    ----------
    subset, spacing : three ints
        Edges of a subset and distance between points along z, y, x, in voxels.
    count : int
        Lags that are wanted, in points: 0, 1, ... count - 1.
    quadratic : bool
        Whether the subsets deform to second order.

    Returns
    -------
    (t, 3, count) array
        The correlation at the lag (i, j, k) is the sum over t of ``a[t, 0, i] * a[t, 1, j] * a[t, 2, k]``.
    """
    axes = [_axis_terms(size, step, count) for size, step in zip(subset, spacing, strict=True)]
    ones = [axis[0] for axis in axes]
    if not quadratic:
        return np.array([ones])
    # w = 1 + q(z) + q(y) + q(x): products of the three axes' correlations of 1 with 1, 1 with q, and q with q
    terms = [ones]
    for a in range(3):
        terms.append([2 * axes[i][1] + axes[i][2] if i == a else ones[i] for i in range(3)])
        mixed = [ones[i] if i == a else axes[i][1] for i in range(3)]
        mixed[0] = 2 * mixed[0]
        terms.append(mixed)
    return _normalised(np.array(terms))


def smooth_correlation(
    lags: "NDArray[np.float64]", sigma: Sequence[float], reach: Sequence[int]
) -> "NDArray[np.float64]":
    """Correlation after the displacement was smoothed by a Gaussian over the points.

    Parameters
    ----------
    lags : (t, 3, n) array
        From `overlap_correlation`, with n at least ``count + 2 * max(reach)`` for `count` lags of the result.
    sigma : three floats
        Standard deviation of the Gaussian along z, y, x, in points; 0 for an axis that was not smoothed.
    reach : three ints
        Points to either side at which it was cut off.

    Returns
    -------
    (t, 3, count) array
        Correlation of the smoothed errors.
    """
    count = lags.shape[2] - 2 * max(reach)
    out = np.zeros((len(lags), 3, count))
    for a, (width, cut) in enumerate(zip(sigma, reach, strict=True)):
        kernel = gaussian(width, cut)
        pair = np.convolve(kernel, kernel)  # at the lags -2 cut ... 2 cut
        for d in range(count):
            out[:, a, d] = lags[:, a, np.abs(d + np.arange(-2 * cut, 2 * cut + 1))] @ pair
    return _normalised(out)


def gaussian(sigma: float, reach: int) -> "NDArray[np.float64]":
    """Return a Gaussian of sum 1 at the points -reach ... reach; a single 1 where there is no width."""
    if sigma <= 0 or reach == 0:
        return np.asarray(np.eye(1, 2 * reach + 1, reach)[0])
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(kernel / kernel.sum())


def _axis_terms(size: int, step: int, count: int) -> "tuple[NDArray[np.float64], ...]":
    """Correlations along one axis, over the voxels: of 1 with 1, of 1 with q, and of q with q.

    q is what a quadratic term adds to the weight of a voxel in the value at the centre.
    """
    x = np.arange(size) - (size - 1) / 2
    bump = x**2 - np.mean(x**2)
    power = np.mean(bump**2)
    q = -np.mean(x**2) * bump / power if power > 0 else np.zeros(size)
    ones = np.ones(size)

    def correlate(first: "NDArray[np.float64]", second: "NDArray[np.float64]") -> "NDArray[np.float64]":
        lags = [d * step for d in range(count)]
        return np.array([first[d:] @ second[: size - d] / size if d < size else 0.0 for d in lags])

    return correlate(ones, ones), correlate(q, ones), correlate(q, q)


def _normalised(lags: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Scale the sum of products to 1 at the lag 0."""
    total = lags[:, :, 0].prod(axis=1).sum()
    lags = lags.copy()
    lags[:, 0] /= total
    return lags
