"""B-spline interpolation of a volume: the coefficients that the correlation samples.

Source: M. Unser, "Splines: a perfect fit for signal and image processing", IEEE Signal Processing Magazine 16
(1999) 22-38, doi:10.1109/79.799930.
"""

from functools import cache
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np

from volcorr._kernels_bspline import filter_slab
from volcorr._kernels_sampling import BEFORE, BEHIND, CUBIC, QUINTIC
from volio.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SPLINES", "Spline", "SplineName", "find_spline", "prefilter"]

SplineName = Literal["cubic", "quintic"]
SPLINES: Final = get_args(SplineName)

#: Poles of the recursive prefilter (Unser 1999, table 1), and the length at which the finite one is cut off:
#: what is left out is below 1e-7 of a coefficient.
_POLES: Final = {CUBIC: (np.sqrt(3.0) - 2.0,), QUINTIC: (-0.430575347099973791851434783493520110, -0.0430962882032646)}
_REACH: Final = {CUBIC: 12, QUINTIC: 20}


class Spline:
    """A B-spline by its degree.

    Attributes
    ----------
    degree : int
        3 or 5.
    before, behind : int
        Coefficients before and behind the integer part of a position that interpolation uses.
    reach : int
        Voxels on each side that the prefilter needs.
    taps : (reach + 1,) float32 array
        The prefilter, from its centre outwards.
    """

    def __init__(self, degree: int) -> None:
        self.degree = degree
        self.before, self.behind = BEFORE[degree], BEHIND[degree]
        self.reach = _REACH[degree]
        self.taps = _prefilter_taps(degree)


@cache
def find_spline(name: str) -> Spline:
    """Return the spline called `name`.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in SPLINES:
        raise InputError(f"spline must be one of {', '.join(SPLINES)}, got {name!r}")
    return Spline(CUBIC if name == "cubic" else QUINTIC)


def _prefilter_taps(degree: int) -> "NDArray[np.float32]":
    """Return the impulse response of the prefilter by partial fractions, cut off and scaled to keep a constant."""
    k = np.arange(_REACH[degree] + 1)
    taps = np.zeros(len(k))
    poles = _POLES[degree]
    for pole in poles:
        others = [(pole + 1 / pole - other - 1 / other) for other in poles if other != pole]
        taps += pole**k * pole / (pole**2 - 1) / np.prod(others)
    taps /= taps[0] + 2 * taps[1:].sum()
    return taps.astype(np.float32)


def prefilter(slab: "NDArray[np.float32]", spline: Spline, out: "NDArray[np.float32]") -> None:
    """Compute B-spline coefficients.

    Parameters
    ----------
    slab : (nz + 2 reach, ny + 2 reach, nx + 2 reach) float32 array
        Grey values with a margin, finite.
    spline : Spline
        Which spline; its `reach` is the margin.
    out : (nz, ny, nx) float32 array
        Receives the coefficients c with ``grey[k] = sum_j c[j] b(k - j)`` along each axis; nx is at least 8. They do
        not depend on where the slab begins and ends.
    """
    nz, ny, nx = out.shape
    rows = np.empty((ny + 2 * spline.reach, nx), np.float32)
    planes = np.empty((nz + 2 * spline.reach, ny, nx), np.float32)
    filter_slab(np.ascontiguousarray(slab, np.float32), spline.taps, rows, planes, out)
