"""Zero-normalised cross-correlation of two volumes at all shifts, over what they have in common at each.

D. Padfield, "Masked object registration in the Fourier domain", IEEE Transactions on Image Processing 21 (2012)
2706-2718, doi:10.1109/TIP.2011.2181402. Instead of masks there are weights between 0 and 1.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MaskedVolume", "correlate_masked"]

Triple = tuple[int, int, int]

#: Overlaps whose variance is below this part of the whole volume's have no texture.
FLAT = 1e-3


@dataclass(frozen=True, eq=False)
class MaskedVolume:
    """Grey values and how much each of them counts.

    Attributes
    ----------
    values : (z, y, x) float32 array
        Of zero mean and unit variance, about: sums are made in float32.
    weights : (z, y, x) float32 array
        0 (does not count) to 1.
    """

    values: "NDArray[np.float32]"
    weights: "NDArray[np.float32]"

    @cached_property
    def variance(self) -> float:
        """Weighted variance of the values."""
        total = max(float(self.weights.sum(dtype=np.float64)), 1e-30)
        mean = float(np.sum(self.values * self.weights, dtype=np.float64)) / total
        return float(np.sum((self.values - np.float32(mean)) ** 2 * self.weights, dtype=np.float64)) / total

    def transform(self, padded: list[int]) -> "list[NDArray[np.complex64]]":
        """Fourier transforms of the weights and of the values and their squares, weighted."""
        first = self.values * self.weights
        return [fft.rfftn(part, padded) for part in (self.weights, first, first * self.values)]


def correlate_masked(
    reference: MaskedVolume, deformed: MaskedVolume, reach: Triple
) -> "tuple[NDArray[np.float32], NDArray[np.float32]]":
    """Correlate two volumes at every shift up to `reach`; nothing wraps around.

    Parameters
    ----------
    reference, deformed : MaskedVolume
        Voxel X of the reference is compared with voxel X + shift of the deformed volume.
    reach : 3 ints
        Largest shift along z, y, x in either direction.

    Returns
    -------
    cc : (2 reach_z + 1, 2 reach_y + 1, 2 reach_x + 1) float32 array
        Correlation, -1 to 1, at the shifts -reach to +reach; 0 where the overlap is empty or has no texture.
    overlap : float32 array of the same shape
        Sum of the products of the weights: the number of voxels in common.
    """
    sizes = zip(reference.values.shape, deformed.values.shape, reach, strict=True)
    padded = [fft.next_fast_len(max(n, m) + r, real=True) for n, m, r in sizes]
    one, two = [np.conj(part) for part in reference.transform(padded)], deformed.transform(padded)

    def at_shifts(a: int, b: int) -> "NDArray[np.float32]":
        sums: NDArray[np.float32] = fft.irfftn(one[a] * two[b], padded)
        for axis, r in enumerate(reach):
            sums = np.take(sums, np.arange(-r, r + 1), axis=axis, mode="wrap")
        return sums

    overlap = np.maximum(at_shifts(0, 0), 0)
    count = np.maximum(overlap, 1)
    sum_one, sum_two = at_shifts(1, 0), at_shifts(0, 1)
    spread_one = at_shifts(2, 0) - sum_one**2 / count
    spread_two = at_shifts(0, 2) - sum_two**2 / count
    usable = (overlap >= 1) & (reference.variance > 0) & (deformed.variance > 0)
    usable &= (spread_one > FLAT * reference.variance * count) & (spread_two > FLAT * deformed.variance * count)
    norm = np.sqrt(np.where(usable, spread_one, 1)) * np.sqrt(np.where(usable, spread_two, 1))
    cc = np.where(usable, (at_shifts(1, 1) - sum_one * sum_two / count) / norm, 0)
    return np.clip(cc, -1, 1).astype(np.float32), overlap
