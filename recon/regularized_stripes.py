"""Stripes of a sinogram removed by regularisation, after Titarenko et al., doi:10.1016/j.aml.2010.08.022."""

import math

import numpy as np
from numpy.typing import NDArray

from recon.sinograms import check_sinograms
from volio.errors import InputError

__all__ = ["remove_stripes_by_regularization"]

#: Beyond it nothing is left of the regularisation in double precision.
_WIDEST = 1e6


def remove_stripes_by_regularization(sinograms: NDArray[np.generic], *, width: float = 5.0) -> NDArray[np.float32]:
    """Take off each column the constant that makes neighbouring columns most alike, kept small by regularisation.

    The constants q minimise ``mean over angles of |D (p - q)|² + a |q|²``, where D takes differences of neighbouring
    columns of the sinogram p. Of the mean sinogram, what changes across columns with the period P is taken off by the
    share ``1 / (1 + a / (4 sin²(pi / P)))``.

    Parameters
    ----------
    sinograms : (row, angle, column) array
        Line integrals. A stripe must be constant along all angles.
    width : float, default: 5
        Widest stripe in columns: at the period of twice this width half is taken off, of narrower ones more. This sets
        the strength of the regularisation, ``a = 4 sin²(pi / (2 width))``.

    Returns
    -------
    (row, angle, column) float32 array

    Raises
    ------
    InputError
        If the sinograms are not three-dimensional or not finite, or `width` is not 1 to a million.
    """
    from scipy.linalg import solveh_banded

    blocks = check_sinograms(sinograms)
    if not 1 <= width <= _WIDEST:
        raise InputError(f"width must be 1 to {_WIDEST:g} columns, got {width}: it is that of the widest stripe")
    mean = blocks.mean(axis=1, dtype=np.float64)
    strength = 4 * math.sin(math.pi / (2 * width)) ** 2
    # the differences' normal matrix D'D: 2 on the diagonal (1 at the ends), -1 beside it
    edges = np.zeros((len(mean), 1))
    slope = np.concatenate([edges, np.diff(mean, axis=1), edges], axis=1)
    banded = np.full((2, mean.shape[1]), -1.0)
    banded[1] = 2 + strength
    banded[1, [0, -1]] = 1 + strength
    offsets = solveh_banded(banded, -np.diff(slope, axis=1).T).T
    return np.asarray(blocks - offsets[:, np.newaxis].astype(np.float32), np.float32)
