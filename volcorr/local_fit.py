"""Local fits: what a window of neighbours says of the displacement and its gradient at a point.

Every estimate here is a weighted sum of the displacements in a window. A stencil says how the weights come about: a
least-squares polynomial, or the finite elements around the point. Where points are missing, the weights of that very
point are worked out anew, so that a displacement that the stencil can represent is found exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from volcorr._kernels_strain import (
    BRIDGE,
    ELEMENTS,
    STOP,
    coefficient_covariance,
    element_coefficients,
    fit_planes,
    polynomial_coefficients,
)
from volio.blocks import run_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Gaps", "LocalFit", "Stencil", "plane_blocks", "polynomial_stencil"]

#: Whether a window counts points beyond a gap, or only those connected to its centre.
Gaps = Literal["stop", "bridge"]

_MODES: Final = {"bridge": BRIDGE, "stop": STOP, "elements": ELEMENTS}
#: Points of one unit of parallel work: fixed, so that no result depends on the number of threads.
_BLOCK: Final = 32768


@dataclass(frozen=True, eq=False)
class Stencil:
    """How an estimate at a point is made of the points around it, m in number.

    Attributes
    ----------
    window : three odd ints
        Points along z, y, x.
    basis : (m, p) array
        Functions that are fitted, at the points of the window, x fastest; offsets count steps of the grid.
    weights : (m,) array
        Weight of each point in the fit.
    rows : (r,) int array
        Functions whose factors are estimated.
    min_points : int
        Points that a fit needs.
    missing : {"stop", "bridge", "elements"}
        Whether points beyond a gap count, or the elements around a point are averaged in place of a fit.
    """

    window: tuple[int, int, int]
    basis: "NDArray[np.float64]"
    weights: "NDArray[np.float64]"
    rows: "NDArray[np.int64]"
    min_points: int
    missing: Literal["stop", "bridge", "elements"]

    @cached_property
    def normal_matrix(self) -> "NDArray[np.float64]":
        """Normal matrix (p, p) of the fit where no point is missing."""
        return np.asarray((self.basis.T * self.weights) @ self.basis)

    @cached_property
    def complete(self) -> "NDArray[np.float64] | None":
        """Coefficients (r, m) where no point is missing; None where even those do not span the window."""
        (m, p), r = self.basis.shape, len(self.rows)
        present, c = np.ones(m, np.uint8), np.zeros((r, m))
        if self.missing == "elements":
            element_coefficients(present, np.array(self.window), c)
            return c
        scratch = np.empty((p, p)), np.empty(p)
        spans = polynomial_coefficients(
            present, m, self.basis, self.weights, self.rows, self.normal_matrix, *scratch, c
        )
        return c if spans else None


def polynomial_stencil(
    window: tuple[int, int, int],
    *,
    order: int,
    shape: tuple[int, ...],
    estimate: Literal["value", "gradient"] = "gradient",
    weights: "NDArray[np.float64] | None" = None,
    min_points: int | None = None,
    gaps: Gaps = "bridge",
) -> Stencil:
    """Fit a polynomial of total degree `order` by least squares.

    Parameters
    ----------
    window : three odd ints
        Points along z, y, x.
    order : int
        Total degree of the polynomial.
    shape : three ints
        Points of the grid: along an axis with n points the degree is n - 1 at most.
    estimate : {"value", "gradient"}
        What is estimated at the centre: the value, or the slopes along the axes that have more than one point.
    weights : array of the shape of the window, optional
        Weight of each point; 1 without it.
    min_points : int, optional
        Points that a fit needs; as many as the polynomial has factors without it.
    gaps : {"bridge", "stop"}
        Whether points beyond a gap count.
    """
    degrees = [min(order, n - 1) for n in shape]
    powers = [q for q in product(*(range(d + 1) for d in degrees)) if sum(q) <= order]
    powers.sort(key=lambda q: (sum(q), [-n for n in q]))
    offsets = np.indices(window).reshape(3, -1).T - np.array(window) // 2
    basis = np.prod(offsets[:, None, :].astype(np.float64) ** np.array(powers)[None], axis=-1)
    wanted = 0 if estimate == "value" else 1
    rows = [i for i, q in enumerate(powers) if sum(q) == wanted]
    factors = np.ones(len(offsets)) if weights is None else weights.ravel()
    needed = max(len(powers), min_points or 0)
    return Stencil(window, np.ascontiguousarray(basis), factors, np.array(rows, np.int64), needed, gaps)


def plane_blocks(shape: Sequence[int]) -> list[slice]:
    """Cut a grid into blocks of planes, which do not depend on the number of threads."""
    depth = max(1, _BLOCK // max(1, shape[1] * shape[2]))
    return [slice(z, min(z + depth, shape[0])) for z in range(0, shape[0], depth)]


class LocalFit:
    """Fits at the points of a field, some planes at a time.

    Parameters
    ----------
    field : (3, nz, ny, nx) array
        Displacement, NaN where missing.
    stencil : Stencil
        What is fitted.
    sigma : (3, nz, ny, nx) array, optional
        Standard uncertainty of the displacement. Without it there are no covariances.
    lags : (t, 3, n) array, optional
        Correlation of the errors of two points, see `error_correlation`; needed with `sigma`.
    """

    def __init__(
        self,
        field: "NDArray[np.float64]",
        stencil: Stencil,
        *,
        sigma: "NDArray[np.float64] | None" = None,
        lags: "NDArray[np.float64] | None" = None,
    ) -> None:
        there = np.asarray(np.isfinite(field).all(axis=0))
        reach = tuple(w // 2 for w in stencil.window)
        self.shape = there.shape
        self.stencil = stencil
        self._there = np.pad(there.astype(np.uint8), [(r, r) for r in reach])
        self._data = _padded(field, there, reach)
        self._lags = np.zeros((0, 3, 1)) if sigma is None or lags is None else lags
        self._unknown = np.zeros(self.shape, np.bool_)
        complete = stencil.complete
        m, r = len(stencil.basis), len(stencil.rows)
        self._possible = complete is not None and m >= stencil.min_points
        c = np.zeros((r, m)) if complete is None else complete
        self._complete, self._complete_k = np.stack([c, c**2]), np.zeros((r, r))
        if sigma is not None and lags is not None:
            finite = np.asarray(np.isfinite(sigma).all(axis=0))
            self._unknown = _near(there & ~finite, stencil.window)
            variance = _padded(np.where(finite, sigma, 0.0) ** 2, there, reach)
            self._data = np.concatenate([self._data, variance])
            coefficient_covariance(c, np.array(stencil.window), self._lags, np.empty((2, m)), self._complete_k)

    def planes(
        self, block: slice
    ) -> "tuple[NDArray[np.float64], NDArray[np.float64] | None, NDArray[np.bool_], NDArray[np.int16]]":
        """Fit at the points of some planes.

        Returns
        -------
        estimate : (r, 3, n, ny, nx) array
            The r estimates of each component, per step of the grid; NaN where there is none.
        covariance : (3, r, r, n, ny, nx) array or None
            Their covariance for each component.
        good : (n, ny, nx) bool array
            Where there are estimates.
        count : (n, ny, nx) int16 array
            Points used; zero where the centre is missing.
        """
        shape = (block.stop - block.start, *self.shape[1:])
        r = len(self.stencil.rows)
        estimate = np.full((r, 3, *shape), np.nan)
        covariance = np.full((3, r, r, *shape), np.nan) if len(self._lags) else np.zeros((0, 0, 0, 0, 0, 0))
        good, count = np.zeros(shape, np.uint8), np.zeros(shape, np.int16)
        if self._possible:
            fit_planes(
                self._data,
                self._there,
                block.start,
                np.array(self.stencil.window),
                self.stencil.basis,
                self.stencil.weights,
                self.stencil.rows,
                self.stencil.normal_matrix,
                self._complete,
                self._complete_k,
                self._lags,
                self.stencil.min_points,
                _MODES[self.stencil.missing],
                estimate,
                covariance,
                good,
                count,
            )
        if not len(self._lags):
            return estimate, None, good.astype(np.bool_), count
        if self._unknown.any():
            covariance[..., self._unknown[block]] = np.nan
        return estimate, covariance, good.astype(np.bool_), count

    def whole(
        self, *, threads: int | None = None
    ) -> "tuple[NDArray[np.float64], NDArray[np.float64] | None, NDArray[np.bool_], NDArray[np.int16]]":
        """Fit at all points; see `planes`."""
        parts = run_blocks(self.planes, plane_blocks(self.shape), threads=threads)
        estimate, covariance, good, count = zip(*parts, strict=True)
        joined = None if covariance[0] is None else np.concatenate(covariance, axis=3)
        return np.concatenate(estimate, axis=2), joined, np.concatenate(good), np.concatenate(count)


def _padded(field: "NDArray[np.float64]", there: "NDArray[np.bool_]", reach: tuple[int, ...]) -> "NDArray[np.float64]":
    """Return values (3, nz, ny, nx) padded by the reach of the window, zero where missing."""
    return np.pad(np.where(there, field, 0.0), [(0, 0), *((r, r) for r in reach)])


def _near(points: "NDArray[np.bool_]", window: tuple[int, int, int]) -> "NDArray[np.bool_]":
    """Return which windows hold one of the points."""
    from scipy import ndimage

    return np.asarray(ndimage.maximum_filter(points, size=window, mode="constant", cval=0)) if points.any() else points
