"""Cubic B-spline interpolation of a volume: the coefficients that the correlation samples.

Source: M. Unser, "Splines: a perfect fit for signal and image processing", IEEE Signal Processing Magazine 16
(1999) 22-38, doi:10.1109/79.799930.
"""

from typing import TYPE_CHECKING

import numpy as np

from volcorr._kernels_bspline import filter_first_axis, filter_last_axis
from volio.blocks import run_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["bspline_coefficients"]


def bspline_coefficients(volume: "NDArray[np.float32]", *, threads: int | None = None) -> "NDArray[np.float32]":
    """Compute cubic B-spline coefficients, the volume being mirrored at its faces.

    Parameters
    ----------
    volume : (z, y, x) float32 array, finite
        Each axis has at least two voxels.
    threads : int, optional
        Number of threads; the result does not depend on it.

    Returns
    -------
    (z, y, x) float32 array
        Coefficients c with ``volume[k] = sum_j c[j] b3(k - j)`` along each axis.
    """
    coefficients = np.array(volume, np.float32, order="C")
    nz, ny, _ = coefficients.shape

    def along_z(rows: slice) -> None:
        # a C-contiguous copy of a few rows keeps the recursion in cache
        part = np.ascontiguousarray(coefficients[:, rows])
        filter_first_axis(part.reshape(nz, -1))
        coefficients[:, rows] = part

    def along_y_and_x(slab: slice) -> None:
        for k in range(slab.start, slab.stop):
            filter_first_axis(coefficients[k])
            filter_last_axis(coefficients[k])

    run_blocks(along_z, _slices(ny, 4), threads=threads)
    run_blocks(along_y_and_x, _slices(nz, 8), threads=threads)
    return coefficients


def _slices(length: int, step: int) -> list[slice]:
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]
