"""Size distribution of particles: D10, D50 and D90 by number and by volume."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from porosity.particles import Particles
from volio import InputError

__all__ = ["SizeDistribution", "distribute_sizes"]

BorderRule = Literal["weighted", "excluded", "included"]


@dataclass(frozen=True, eq=False)
class SizeDistribution:
    """Distribution of the equivalent diameters of particles.

    Attributes
    ----------
    diameter : array, shape (n,)
        Equivalent diameters in rising order, in `unit`.
    by_number, by_volume : array, shape (n,)
        Share of all particles, and of their volume, that is not larger.
    count : int
        How many particles count.
    unit : str
        Unit of length.
    """

    diameter: NDArray[np.float64]
    by_number: NDArray[np.float64]
    by_volume: NDArray[np.float64]
    count: int
    unit: str

    @property
    def number_percentiles(self) -> tuple[float, float, float]:
        """D10, D50, D90 by number: diameters not exceeded by that share of the particles."""
        d10, d50, d90 = (self._percentile(self.by_number, share) for share in (0.1, 0.5, 0.9))
        return d10, d50, d90

    @property
    def volume_percentiles(self) -> tuple[float, float, float]:
        """D10, D50, D90 by volume, as a laser diffractometer states them."""
        d10, d50, d90 = (self._percentile(self.by_volume, share) for share in (0.1, 0.5, 0.9))
        return d10, d50, d90

    @property
    def span(self) -> float:
        """Width of the distribution by volume: (D90 - D10) / D50."""
        d10, d50, d90 = self.volume_percentiles
        return (d90 - d10) / d50

    def _percentile(self, cumulative: NDArray[np.float64], share: float) -> float:
        return float(self.diameter[np.searchsorted(cumulative, share - 1e-12)])


def distribute_sizes(
    particles: Particles, *, border: BorderRule = "weighted", smallest: float = 0.0
) -> SizeDistribution:
    """Return the size distribution of particles.

    Parameters
    ----------
    particles : Particles
        What `measure_particles` gave.
    border : {"weighted", "excluded", "included"}
        Particles that touch the border are cut, and large ones more often. "weighted" leaves them out and counts each
        other one by the inverse of its chance to lie wholly inside (Miles and Lantuéjoul), which is right for particles
        in random places. "excluded" only leaves them out; "included" takes all as they are.
    smallest : float, default: 0
        Particles with a smaller equivalent diameter do not count, for instance noise.

    Returns
    -------
    SizeDistribution

    Raises
    ------
    InputError
        If no particle is left, or `border` is none of these.

    References
    ----------
    .. [1] J. Serra, Image Analysis and Mathematical Morphology, Academic Press 1982 (Miles-Lantuéjoul correction).
    """
    if border not in ("weighted", "excluded", "included"):
        raise InputError(f'border must be "weighted", "excluded" or "included", got {border!r}')
    table = particles.table[particles.table["equivalent_diameter"] >= smallest]
    if border != "included":
        table = table[~table["touches_border"]]
    if table.empty:
        raise InputError(
            f"no particle is left of {len(particles.table)}: all touch the border or are below "
            f"{smallest:g} {particles.unit}; "
            'use border="included" or a lower smallest'
        )
    table = table.sort_values("equivalent_diameter")
    weight = np.ones(len(table))
    if border == "weighted":
        # of all places along an axis those where the bounding box does not touch the border
        for axis, edge, voxel in zip("zyx", particles.extent, particles.voxel_size, strict=True):
            weight *= edge / (edge - table[f"size_{axis}"].to_numpy() - voxel)
    volume = weight * table["volume"].to_numpy()
    diameter = table["equivalent_diameter"].to_numpy(float)
    return SizeDistribution(
        diameter, np.cumsum(weight) / weight.sum(), np.cumsum(volume) / volume.sum(), len(table), particles.unit
    )
