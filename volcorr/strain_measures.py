"""Strain measures: what a displacement gradient means as strain, and what its errors mean.

With the displacement gradient H, ``H[a, b] = du_a / dX_b``, the deformation gradient is F = 1 + H, C = F^T F, and the
stretches are the square roots of the eigenvalues of C. Sources: R. W. Ogden, "Non-Linear Elastic Deformations" (1984),
chapter 2; for the derivative of the logarithm: N. J. Higham, "Functions of Matrices" (2008), theorem 3.11.
"""

from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from volcorr._kernels_rotation import rotation_vectors
from volcorr.strain_variables import COMPONENTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["MEASURES", "Measure", "rotation_vector", "strain_sensitivity", "strain_tensor", "volume_change"]

Measure = Literal["green-lagrange", "infinitesimal", "almansi", "hencky"]
MEASURES: Final = ("green-lagrange", "infinitesimal", "almansi", "hencky")


def strain_tensor(gradient: "Array", *, measure: Measure = "green-lagrange") -> "Array":
    """Turn displacement gradients into strain tensors.

    Parameters
    ----------
    gradient : (3, 3, ...) array
        ``gradient[a, b] = du_a / dX_b``.
    measure : {"green-lagrange", "infinitesimal", "almansi", "hencky"}
        ``(F^T F - 1) / 2``, ``(H + H^T) / 2``, ``(1 - F^-T F^-1) / 2``, or ``log(F^T F) / 2``.

    Returns
    -------
    (3, 3, ...) array
        Symmetric strain tensors; NaN for Almansi and Hencky where F turns the material inside out.
    """
    small = 0.5 * (gradient + gradient.swapaxes(0, 1))
    if measure == "infinitesimal":
        return small
    if measure == "green-lagrange":
        return np.asarray(small + 0.5 * np.einsum("ca...,cb...->ab...", gradient, gradient))
    if measure == "almansi":
        back = _inverse(_deformation(gradient))
        return np.asarray(0.5 * (_identity_like(gradient) - np.einsum("ca...,cb...->ab...", back, back)))
    squares, axes = _right_cauchy_green(_deformation(gradient))
    return np.asarray(np.einsum("ip...,p...,jp...->ij...", axes, 0.5 * np.log(squares), axes))


def strain_sensitivity(gradient: "Array", *, measure: Measure = "green-lagrange") -> "Array":
    """Differentiate the strain with respect to the displacement gradient.

    Parameters
    ----------
    gradient : (3, 3, ...) array
        ``gradient[a, b] = du_a / dX_b``.
    measure : str
        See `strain_tensor`.

    Returns
    -------
    (6, 3, 3, ...) array
        ``d e / d gradient[a, b]`` of the components zz, yy, xx, zy, zx, yx.
    """
    if measure == "infinitesimal":
        left, right = _identity_like(gradient), _identity_like(gradient)
    elif measure == "green-lagrange":  # 2 dE = dF^T F + F^T dF
        left, right = _deformation(gradient).swapaxes(0, 1), _identity_like(gradient)
    elif measure == "almansi":  # 2 de = c dF F^-1 + transposed, c = F^-T F^-1
        back = _inverse(_deformation(gradient))
        left, right = np.einsum("ca...,cb...->ab...", back, back), back
    else:
        return _log_sensitivity(_deformation(gradient))
    # 2 de_ij = left_ia dF_ab right_bj + the same with i and j exchanged
    return np.stack(
        [
            0.5 * (left[i][:, None] * right[:, j][None, :] + left[j][:, None] * right[:, i][None, :])
            for i, j in COMPONENTS.values()
        ]
    )


def volume_change(tensor: "Array", *, measure: Measure) -> "Array":
    """Return the relative change of volume, det F - 1, of tensors (3, 3, ...); infinitesimal strain: the trace."""
    if measure == "infinitesimal":
        return np.asarray(np.trace(tensor))
    if measure == "hencky":
        return np.asarray(np.expm1(np.trace(tensor)))
    unit = _identity_like(tensor)
    square = _determinant(unit + 2 * tensor if measure == "green-lagrange" else unit - 2 * tensor)
    root = np.sqrt(np.where(square > 0, square, np.nan))
    return np.asarray(root - 1 if measure == "green-lagrange" else 1 / root - 1)


def rotation_vector(gradient: "Array") -> "Array":
    """Rotation of the polar decomposition F = R U as a vector along its axis, as long as its angle.

    Parameters
    ----------
    gradient : (3, 3, ...) array
        ``gradient[a, b] = du_a / dX_b``.

    Returns
    -------
    (3, ...) array
        Components z, y, x in degrees; a positive z turns x towards y, a positive y turns z towards x, a positive x
        turns y towards z. NaN where F turns the material inside out.
    """
    shape = gradient.shape[2:]
    matrices = np.ascontiguousarray(np.moveaxis(_deformation(gradient).reshape(3, 3, -1), -1, 0))
    good = np.asarray(np.isfinite(matrices).all(axis=(1, 2)))
    flags, vectors = good.astype(np.uint8), np.full((len(matrices), 3), np.nan)
    rotation_vectors(np.where(good[:, None, None], matrices, 0.0), flags, vectors)
    return vectors.T.reshape(3, *shape).copy()


def _identity_like(tensor: "Array") -> "Array":
    unit = np.eye(3).reshape(3, 3, *(1,) * (tensor.ndim - 2))
    return np.asarray(np.broadcast_to(unit, tensor.shape))


def _deformation(gradient: "Array") -> "Array":
    return gradient + _identity_like(gradient)


def _cofactor(tensor: "Array") -> "Array":
    turned = [tensor[np.ix_([(i + 1) % 3, (i + 2) % 3])] for i in range(3)]
    rows = [
        [rows[0, (j + 1) % 3] * rows[1, (j + 2) % 3] - rows[0, (j + 2) % 3] * rows[1, (j + 1) % 3] for j in range(3)]
        for rows in turned
    ]
    return np.array(rows)


def _determinant(tensor: "Array") -> "Array":
    return np.asarray((tensor[0] * _cofactor(tensor)[0]).sum(axis=0))


def _inverse(tensor: "Array") -> "Array":
    """Invert (3, 3, ...) matrices of positive determinant; NaN for others."""
    cofactor = _cofactor(tensor)
    determinant = (tensor[0] * cofactor[0]).sum(axis=0)
    return cofactor.swapaxes(0, 1) / np.where(determinant > 0, determinant, np.nan)


def _right_cauchy_green(deformation: "Array") -> "tuple[Array, Array]":
    """Eigenvalues (3, ...) and eigenvectors (3, 3, ...), in columns, of F^T F; NaN where det F is not positive."""
    good = np.isfinite(deformation).all(axis=(0, 1)) & (_determinant(deformation) > 0)
    safe = np.where(good, deformation, _identity_like(deformation))
    squares, axes = np.linalg.eigh(np.moveaxis(np.einsum("ca...,cb...->ab...", safe, safe), (0, 1), (-2, -1)))
    return np.where(good, np.moveaxis(squares, -1, 0), np.nan), np.moveaxis(axes, (-2, -1), (0, 1))


def _log_sensitivity(deformation: "Array") -> "Array":
    """Differentiate log(F^T F) / 2 with respect to F, in the eigenbasis of F^T F."""
    squares, axes = _right_cauchy_green(deformation)
    first, second = squares[:, None], squares[None, :]
    apart = np.abs(first - second) > 1e-6 * (first + second)
    mean = 0.5 * (first + second)  # divided difference of log; its limit is 1 / mean, to second order in the distance
    steep = np.where(apart, (np.log(first) - np.log(second)) / np.where(apart, first - second, 1.0), 1 / mean)
    turned = np.einsum("ac...,cp...->ap...", deformation, axes)
    # dC = dF^T F + F^T dF has the component turned[a, p] axes[b, q] + turned[a, q] axes[b, p] for dF[a, b]
    change = np.einsum("ap...,bq...->abpq...", turned, axes)
    change = 0.5 * steep * (change + change.swapaxes(2, 3))
    change = np.einsum("abpq...,jq...->abpj...", change, axes)
    return np.stack([np.einsum("p...,abp...->ab...", axes[i], change[:, :, :, j]) for i, j in COMPONENTS.values()])
