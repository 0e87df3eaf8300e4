"""The Boolean model of spheres: a random medium of which fraction, surface, chords and more are known exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volio import InputError

__all__ = ["BooleanModel"]


@dataclass(frozen=True)
class BooleanModel:
    """Solid spheres of one radius in random places, which may overlap; the pores are what they leave.

    Attributes
    ----------
    radius : float
        Radius of the spheres, in voxels.
    density : float
        Mean number of spheres per voxel.

    Raises
    ------
    InputError
        If radius or density are not positive.

    References
    ----------
    .. [1] S. N. Chiu, D. Stoyan, W. S. Kendall, J. Mecke, Stochastic Geometry and its Applications, Wiley 2013, chapter
           3.
    """

    radius: float
    density: float

    def __post_init__(self) -> None:
        if not (0 < self.radius < np.inf and 0 < self.density < np.inf):
            raise InputError(
                f"radius and density of spheres must be positive and finite, got {self.radius!r} and {self.density!r}"
            )

    @classmethod
    def with_porosity(cls, porosity: float, *, radius: float) -> "BooleanModel":
        """Return the model of spheres of `radius` whose pores fill the fraction `porosity`.

        Raises
        ------
        InputError
            If the porosity is not between 0 and 1.
        """
        if not 0 < porosity < 1:
            raise InputError(f"porosity must be between 0 and 1, got {porosity!r}")
        return cls(radius, -np.log(porosity) / (4 / 3 * np.pi * radius**3))

    @property
    def ball(self) -> float:
        """Volume of a sphere."""
        return 4 / 3 * np.pi * self.radius**3

    @property
    def porosity(self) -> float:
        """Volume fraction of the pores."""
        return float(np.exp(-self.density * self.ball))

    @property
    def surface_per_volume(self) -> float:
        """Surface between pores and solid per volume."""
        return self.density * 4 * np.pi * self.radius**2 * self.porosity

    @property
    def mean_chord(self) -> float:
        """Mean length of the chords in the pores, which is distributed exponentially."""
        return 1 / (self.density * np.pi * self.radius**2)

    @property
    def euler_density(self) -> float:
        """Euler number of the solid per volume."""
        v = self.density * self.ball
        return self.density * (1 - 3 * v + 3 * np.pi**2 / 32 * v**2) * self.porosity

    @property
    def integral_range(self) -> float:
        """Integral of the normalised covariance over space."""
        distance = np.linspace(0, 2 * self.radius, 2001)
        covariance = self.two_point(distance) - self.porosity**2
        return float(np.trapezoid(4 * np.pi * distance**2 * covariance, distance) / covariance[0])

    def two_point(self, distance: Any) -> NDArray[np.float64]:
        """Return how likely two points at `distance` both lie in pores: no centre is within reach of either."""
        d = np.minimum(np.asarray(distance, float), 2 * self.radius)
        common = np.pi * (4 * self.radius + d) * (2 * self.radius - d) ** 2 / 12
        probability: NDArray[np.float64] = np.exp(-self.density * (2 * self.ball - common))
        return probability

    def draw(self, shape: Sequence[int], *, seed: int) -> NDArray[np.bool_]:
        """Return the pores of one realisation, which goes on periodically across its faces.

        Parameters
        ----------
        shape : 3 ints
            Shape (z, y, x) of the volume.
        seed : int
            Seed of the random places.

        Raises
        ------
        InputError
            If a sphere is too large for the volume.
        """
        if min(shape) < 2 * int(self.radius) + 4:
            raise InputError(
                f"spheres of radius {self.radius:g} are too large for a volume of {tuple(shape)}: "
                f"each edge must have {2 * int(self.radius) + 4} voxels at least"
            )
        rng = np.random.default_rng(seed)
        size = np.array(shape)
        pores = np.ones(tuple(shape), bool)
        step = np.arange(-int(self.radius) - 1, int(self.radius) + 3)
        for centre in rng.uniform(0, size, (rng.poisson(self.density * size.prod()), 3)):
            first = np.floor(centre).astype(int)
            z, y, x = (step + f - c for f, c in zip(first, centre, strict=True))
            inside = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 < self.radius**2
            pores[np.ix_(*((step + f) % n for f, n in zip(first, size, strict=True)))] &= ~inside
        return pores
