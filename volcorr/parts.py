"""Parts of a subset: whether all of it matches, or some of it went another way.

Where a crack opens, a pore closes, or two grains part inside a subset, a single motion cannot match all of it: what is
left after matching is then far larger in one part than in another. Noise leaves the same everywhere.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PARTS", "parts_disagree"]

#: Parts of a subset along z, y, x.
PARTS = (3, 3, 2)
#: Share of the voxels of a part that must be there.
LEAST = 0.25
#: What must be left in the worst part, as a share of what unrelated texture leaves.
MISFIT = 0.05
#: By how much that must exceed what is left in the part at the lower quartile.
UNEVEN = 4.0
#: Ratio of the latter to the best part that is put down to chance at most.
LARGEST_CHANCE = 1.6


def parts_disagree(sums: "NDArray[np.float64]", cc: "NDArray[np.float64]", voxels: int) -> "NDArray[np.bool_]":
    """Tell which points have a part that does not match although others do.

    Parameters
    ----------
    sums : (n, 3, 3, 2, 2) array
        Of the squared difference, and number of voxels, in each part of each subset.
    cc : (n,) array
        Zero-normalised cross-correlation of the whole.
    voxels : int
        Voxels that a part has on average when none is missing.

    Returns
    -------
    (n,) bool array
    """
    squares, numbers = sums.reshape(len(sums), -1, 2).transpose(2, 0, 1)
    there = numbers >= LEAST * voxels
    # rows without a part that is there stay NaN and are told False
    left = np.sort(np.divide(squares, numbers, out=np.full(squares.shape, np.nan), where=there), axis=1)  # NaN last
    count = there.sum(axis=1)
    mean = squares.sum(axis=1) / np.maximum(numbers.sum(axis=1), 1)  # (1 - cc) of what unrelated texture leaves
    worst, usual = (
        np.take_along_axis(left, place[:, None], axis=1)[:, 0] for place in (np.maximum(count - 1, 0), count // 4)
    )
    # material that changed everywhere leaves a texture: that varies by chance, between the best parts too
    chance = np.minimum(usual / np.maximum(left[:, 0], 1e-30), LARGEST_CHANCE)
    return np.asarray((worst * (1 - cc) > MISFIT * mean) & (worst > UNEVEN * chance**2 * usual))
