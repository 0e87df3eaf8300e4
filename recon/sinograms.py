"""Sinograms as the removal of stripes takes them."""

import numpy as np
from numpy.typing import NDArray

from volio.errors import InputError

__all__ = ["check_sinograms"]


def check_sinograms(sinograms: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return sinograms (row, angle, column) as float32.

    Parameters
    ----------
    sinograms : array
        Line integrals.

    Raises
    ------
    InputError
        If they have another number of axes, an empty one or a single column, or values that are not finite.
    """
    blocks = np.asarray(sinograms, np.float32)
    if blocks.ndim != 3 or 0 in blocks.shape or blocks.shape[2] < 2:
        raise InputError(f"sinograms need 3 axes (row, angle, 2 or more columns), got shape {blocks.shape}")
    if not np.isfinite(blocks.sum(dtype=np.float64)):
        raise InputError("sinograms hold NaN or infinite values: correct the projections first (recon.correct)")
    return blocks
