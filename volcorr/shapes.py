"""Shape functions: the motions that a subset may make.

Y. Gao, T. Cheng, Y. Su, X. Xu, Y. Zhang, Q. Zhang, "High-efficiency and high-accuracy digital image correlation for
three-dimensional measurement", Optics and Lasers in Engineering 65 (2015) 73-80, describes second order in two
dimensions; here it has three.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np

from volio.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SHAPES", "ShapeFunction", "ShapeName", "monomials", "shape_function"]

ShapeName = Literal["translation", "rigid", "affine", "quadratic"]
SHAPES: Final = get_args(ShapeName)

#: Parameters along one axis: the factors of 1, z, y, x, zz, zy, zx, yy, yx, xx.
TERMS: Final = 10


@dataclass(frozen=True, eq=False)
class ShapeFunction:
    """What a subset may do.

    Attributes
    ----------
    name : str
    basis : (n, 3 * terms) float64 array
        The n independent motions; terms is 4, or 10 for second order. Column ``a * terms + u`` is the factor of
        monomial u in the displacement along axis a, in units of the motion of the subset's face.
    """

    name: str
    basis: "NDArray[np.float64]"

    @property
    def rigid(self) -> bool:
        """Whether slopes are those of a rotation."""
        return self.name == "rigid"

    @property
    def terms(self) -> int:
        """Monomials along one axis that can be other than zero."""
        return {"translation": 1, "rigid": 4, "affine": 4, "quadratic": 10}[self.name]

    def restrict(self, parameters: "NDArray[np.float64]") -> "NDArray[np.float64]":
        """Return the nearest parameters (n, 3, 10) to (n, 3, 4 or 10) that the shape function allows."""
        out = np.zeros((len(parameters), 3, TERMS))
        given = min(self.terms, parameters.shape[2])
        out[:, :, :given] = parameters[:, :, :given]
        if self.rigid:
            u, _, vt = np.linalg.svd(np.eye(3) + out[:, :, 1:4])
            u[:, :, 2] *= np.linalg.det(u @ vt)[:, None]
            out[:, :, 1:4] = u @ vt - np.eye(3)
        return out


def shape_function(name: str, half: tuple[int, int, int]) -> ShapeFunction:
    """Return a shape function for subsets with the half edges `half`.

    ``translation`` has 3 parameters, ``rigid`` 6, ``affine`` 12 and ``quadratic`` 30.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in SHAPES:
        raise InputError(f"shape must be one of {', '.join(SHAPES)}, got {name!r}")
    if name == "quadratic":
        return ShapeFunction(name, np.eye(3 * TERMS))
    if name == "affine":
        return ShapeFunction(name, np.eye(12))
    basis = np.zeros((3 if name == "translation" else 6, 12))
    for a in range(3):
        basis[a, 4 * a] = 1.0
    if name == "rigid":
        for row, (a, b) in enumerate([(1, 2), (2, 0), (0, 1)], start=3):
            length = np.hypot(half[a], half[b])
            basis[row, 4 * b + 1 + a] = half[a] / length
            basis[row, 4 * a + 1 + b] = -half[b] / length
    return ShapeFunction(name, basis)


def monomials(offset: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Return 1, z, y, x, zz, zy, zx, yy, yx, xx (..., 10) of distances (..., 3) from a subset's centre."""
    z, y, x = np.moveaxis(np.asarray(offset, np.float64), -1, 0)
    return np.stack([np.ones_like(z), z, y, x, z * z, z * y, z * x, y * y, y * x, x * x], axis=-1)
