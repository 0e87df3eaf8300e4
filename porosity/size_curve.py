"""Size curves: which share of the pore volume belongs to spheres of which radius."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from porosity.pore_space import PoreSpace
from volio import InputError

__all__ = ["SizeCurve", "curve_of_levels"]


@dataclass(frozen=True, eq=False, kw_only=True)
class SizeCurve:
    """Share of the pore volume by radius.

    Attributes
    ----------
    radius : array, shape (n,)
        Radii that occur, in rising order, in `unit`. A radius of 0, if any, is volume that no sphere reaches.
    volumes : array, shape (n,)
        Pore volume of each radius, in `unit` cubed.
    edge : float
        The longest edge of a voxel, in `unit`.
    unit : str
        Unit of length.
    """

    radius: NDArray[np.float64]
    volumes: NDArray[np.float64]
    edge: float
    unit: str

    @property
    def volume(self) -> float:
        """Pore volume in `unit` cubed."""
        return float(self.volumes.sum())

    @property
    def cumulative(self) -> NDArray[np.float64]:
        """Share of the pore volume (n,) that spheres of at least `radius` fill, 1 ... 0."""
        return np.cumsum(self.volumes[::-1])[::-1] / self.volume

    @property
    def mean_radius(self) -> float:
        """Mean radius over the volume."""
        return float((self.radius * self.volumes).sum() / self.volume)

    @property
    def r10(self) -> float:
        """Radius that 10 % of the volume do not exceed."""
        return self.quantile(0.1)

    @property
    def r50(self) -> float:
        """Median radius: half of the volume has at least this radius, half at most."""
        return self.quantile(0.5)

    @property
    def r90(self) -> float:
        """Radius that 90 % of the volume do not exceed."""
        return self.quantile(0.9)

    @property
    def resolution(self) -> float:
        """Half a voxel (its longest edge): how far any radius may be off because space is cut into voxels."""
        return self.edge / 2

    @property
    def band(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`cumulative` if all radii were half a voxel smaller, and half a voxel larger: each of shape (n,)."""
        return self.share_above(self.radius + self.resolution), self.share_above(self.radius - self.resolution)

    def quantile(self, share: float) -> float:
        """Return the radius that `share` of the volume does not exceed.

        Raises
        ------
        InputError
            If it is not between 0 and 1.
        """
        if not 0 <= share <= 1:
            raise InputError(f"a share of the volume must be 0 to 1, got {share:g}")
        filled = np.cumsum(self.volumes)
        return float(self.radius[min(np.searchsorted(filled, share * filled[-1] * (1 - 1e-12)), len(filled) - 1)])

    def share_above(self, radius: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Return the share of the volume (as `radius`) that spheres of at least `radius` fill.

        Raises
        ------
        InputError
            If a radius is NaN.
        """
        if np.isnan(radius).any():
            raise InputError("a radius is NaN: give numbers")
        filled = np.append(self.cumulative, 0.0)
        return filled[np.searchsorted(self.radius, np.asarray(radius, float) * (1 - 1e-12))]

    def density(self, *, width: float | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the middles of bins of the radius (m,), and the share of the volume per length in each (m,).

        Parameters
        ----------
        width : float, optional
            Width of a bin in `unit`; the longest edge of a voxel when not given.

        Raises
        ------
        InputError
            If it is not positive.
        """
        step = self.edge if width is None else float(width)
        if not 0 < step < np.inf:
            raise InputError(f"the width of a bin must be above 0 {self.unit} and finite, got {width}")
        edges = np.arange(int(self.radius[-1] / step) + 2, dtype=np.float64) * step
        share = -np.diff(self.share_above(edges))
        return (edges[:-1] + edges[1:]) / 2, share / step


def curve_of_levels(counts: NDArray[np.int64], space: PoreSpace) -> dict[str, Any]:
    """Return the fields of a `SizeCurve` of the number of voxels with each squared radius 0, 1, 2, ..."""
    levels = np.flatnonzero(counts)
    return {
        "radius": np.sqrt(levels) * space.step,
        "volumes": counts[levels] * space.voxel_volume,
        "edge": max(space.voxel_size),
        "unit": space.unit,
    }
