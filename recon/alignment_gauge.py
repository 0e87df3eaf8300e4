"""What no scan can tell of the shifts of its projections, and how it is settled.

Shifts of columns by ``a cos(t) + b sin(t)`` are a motion of the specimen by (b, a) in the slice, a constant is another
column of the rotation axis, and a constant shift of rows is a motion along the axis: none of them leaves a trace in the
projections. Rows get the mean 0, the constant of the columns goes to the axis, and the motion is taken out.

Over less than half a turn a cosine is nearly a constant, and taking it out would trade large motions for a far axis.
So a motion costs a little: where the angles do not tell both apart, it stays small.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["axis_leverage", "settle_gauge"]

Floats = npt.NDArray[np.float64]

#: Squared pixels of shifts that a squared pixel of motion costs.
PRICE: Final = 0.01


def settle_gauge(shifts: Floats, angles: Floats, center: float, *, price: float = PRICE) -> tuple[Floats, float]:
    """Return shifts and a column of the axis with the same meaning, free of what cannot be known.

    Parameters
    ----------
    shifts : (angles, 2) array
        Row and column.
    angles : (angles,) array
        In radians.
    center : float
        Column of the axis.
    price : float
        Squared pixels of shifts that a squared pixel of motion costs.

    Returns
    -------
    shifts : (angles, 2) float64 array
    center : float
    """
    waves = np.stack([np.ones_like(angles), np.cos(angles), np.sin(angles)], axis=1)
    cost = price * np.diag([0.0, 1.0, 1.0])
    constant, *motion = np.linalg.solve(waves.T @ waves / len(angles) + cost, waves.T @ shifts[:, 1] / len(angles))
    settled = np.stack([shifts[:, 0] - shifts[:, 0].mean(), shifts[:, 1] - constant - waves[:, 1:] @ motion], axis=1)
    return settled, float(center + constant)


def axis_leverage(angles: Floats) -> float:
    """Return by how much the column of the axis is less certain than shifts are, as a factor.

    It is told from the motion of the specimen by the form of a cosine over the angles: 2.3 for half a turn, 4 for 140
    degrees, 24 for 60.

    Parameters
    ----------
    angles : (angles,) array
        In radians.
    """
    # the middle of the angles as 0: a motion along the beam and across it, whatever they are called
    turned = angles - 0.5 * (angles.min() + angles.max())
    waves = np.stack([np.ones_like(turned), np.cos(turned), np.sin(turned)], axis=1)
    return float(np.sqrt(np.linalg.pinv(waves.T @ waves / len(angles))[0, 0]))
