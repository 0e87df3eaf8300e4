"""Gradients by finite elements: hexahedra of eight nodes between neighbouring points.

The displacement in an element is trilinear in the positions of its nodes. Its gradient at the centre of the element is,
on the regular grid of points, the mean difference over the four edges along each axis. A point takes the mean over the
complete elements around it, up to eight; an element with a missing node does not count. Inside the field this is a
central difference smoothed by 1-2-1 across, over 3 x 3 x 3 points; at a face or a crack it is one-sided.

T. J. R. Hughes, "The Finite Element Method" (2000), section 3.5, the trilinear hexahedral element.
"""

import numpy as np

from volcorr.local_fit import Stencil

__all__ = ["hexahedra_stencil"]


def hexahedra_stencil(shape: tuple[int, ...]) -> Stencil:
    """Average the gradient over the complete elements around a point.

    Parameters
    ----------
    shape : three ints
        Points of the grid along z, y, x. Along an axis with a single point there are no elements: they are
        quadrilaterals or line elements across it.
    """
    z, y, x = (3 if n > 1 else 1 for n in shape)
    axes = sum(n > 1 for n in shape)
    points = z * y * x
    return Stencil((z, y, x), np.zeros((points, 1)), np.ones(points), np.arange(axes), 2**axes, "elements")
