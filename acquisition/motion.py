"""Motions that are known exactly in both directions: where material goes, and where a voxel came from.

A motion takes the material point at reference position X to x = X + u(X). All positions are (..., 3) arrays
of voxels in z, y, x order, and compression is negative strain.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from volio.errors import InputError

__all__ = ["BandCompression", "Homogeneous", "Motion", "StarField", "compress", "rotate", "translate"]

Array = npt.NDArray[np.float64]
Point = tuple[float, float, float]

_TOLERANCE = 1e-13  # of a Newton step, relative to the size of the coordinates
_MAX_STEPS = 100


class Motion(ABC):
    """A smooth, invertible motion of the material."""

    @abstractmethod
    def displacement(self, positions: npt.ArrayLike) -> Array:
        """Return the displacement u of the material points at reference `positions`, both (..., 3) voxels."""

    @abstractmethod
    def inverse(self, positions: npt.ArrayLike) -> Array:
        """Return where the material at deformed `positions` came from, both (..., 3) voxels."""

    @abstractmethod
    def gradient(self, positions: npt.ArrayLike) -> Array:
        """Return the gradient du_i/dX_j (..., 3, 3) at reference `positions` (..., 3)."""

    def then(self, following: "Motion") -> "Motion":
        """Return the motion that moves by `self` first and by `following` after it."""
        return _Chain(self, following)


@dataclass(frozen=True)
class _Chain(Motion):
    first: Motion
    second: Motion

    def displacement(self, positions: npt.ArrayLike) -> Array:
        step = self.first.displacement(positions)
        total: Array = step + self.second.displacement(np.asarray(positions, np.float64) + step)
        return total

    def inverse(self, positions: npt.ArrayLike) -> Array:
        return self.first.inverse(self.second.inverse(positions))

    def gradient(self, positions: npt.ArrayLike) -> Array:
        between = np.asarray(positions, np.float64) + self.first.displacement(positions)
        unit = np.eye(3)
        chained: Array = (unit + self.second.gradient(between)) @ (unit + self.first.gradient(positions)) - unit
        return chained


@dataclass(frozen=True, eq=False)
class Homogeneous(Motion):
    """The same deformation gradient everywhere: x = centre + F (X - centre) + shift.

    Parameters
    ----------
    deformation : (3, 3) array
        Deformation gradient F, zyx.
    centre : 3 floats
        The point (voxels, zyx) that only the shift moves.
    shift : 3 floats
        Translation in voxels, zyx.

    Raises
    ------
    InputError
        If F turns the material inside out or flat (its determinant is not positive).
    """

    deformation: Array
    centre: Point = (0.0, 0.0, 0.0)
    shift: Point = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if np.shape(self.deformation) != (3, 3) or not np.linalg.det(self.deformation) > 0:
            raise InputError(
                f"deformation must be a 3 x 3 matrix of positive determinant, got {self.deformation!r}: "
                "give F = I + displacement gradient"
            )

    def displacement(self, positions: npt.ArrayLike) -> Array:
        """Return the displacement u of the material points at reference `positions`, both (..., 3) voxels."""
        arm = np.asarray(positions, np.float64) - self.centre
        moved: Array = arm @ (np.asarray(self.deformation) - np.eye(3)).T + self.shift
        return moved

    def inverse(self, positions: npt.ArrayLike) -> Array:
        """Return where the material at deformed `positions` came from, both (..., 3) voxels."""
        arm = np.asarray(positions, np.float64) - self.centre - self.shift
        origin: Array = arm @ np.linalg.inv(self.deformation).T + self.centre
        return origin

    def gradient(self, positions: npt.ArrayLike) -> Array:
        """Return the gradient du_i/dX_j (..., 3, 3) at reference `positions` (..., 3)."""
        constant = np.asarray(self.deformation, np.float64) - np.eye(3)
        return np.broadcast_to(constant, (*np.shape(positions)[:-1], 3, 3)).copy()


def translate(shift: Sequence[float]) -> Homogeneous:
    """Move everything by `shift` voxels (z, y, x)."""
    return Homogeneous(np.eye(3), shift=_point(shift))


def compress(fraction: float, *, centre: Sequence[float], axis: int = 0, poisson: float = 0.0) -> Homogeneous:
    """Shorten everything along one axis.

    Parameters
    ----------
    fraction : float
        Part of the length that is lost: 0.02 is a strain of -2 %.
    centre : 3 floats
        The point (voxels, zyx) that stays.
    axis : int
        0 for z, 1 for y, 2 for x.
    poisson : float
        Lateral expansion as a part of the compression.
    """
    stretches = np.full(3, 1.0 + poisson * fraction)
    stretches[axis] = 1.0 - fraction
    return Homogeneous(np.diag(stretches), centre=_point(centre))


def rotate(degrees: float, *, centre: Sequence[float], axis: int = 0) -> Homogeneous:
    """Turn everything about one axis through `centre`.

    Parameters
    ----------
    degrees : float
        Angle. Positive turns the second of the two other axes (in z, y, x order) towards the first: with
        ``axis=0``, x towards -y.
    centre : 3 floats
        A point (voxels, zyx) on the axis of rotation.
    axis : int
        0 for z, 1 for y, 2 for x.
    """
    angle = np.deg2rad(degrees)
    first, second = (other for other in range(3) if other != axis)
    turn = np.eye(3)
    turn[first, first] = turn[second, second] = np.cos(angle)
    turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
    return Homogeneous(turn, centre=_point(centre))


@dataclass(frozen=True)
class StarField(Motion):
    """A displacement along z whose period along y grows with x: it shows how fine a detail is resolved.

    u_z = amplitude cos(2 pi (Y - middle) / L(X)), with the period L growing linearly from ``periods[0]`` at
    X = 0 to ``periods[1]`` at X = width - 1. The inverse is exact because u_z does not depend on Z. The 2D
    form is the star displacement of the DIC Challenge 2.0 [1]_.

    Parameters
    ----------
    width : float
        Extent of the volume along x in voxels.
    middle : float
        Y position of the ridge at which all periods are in phase.
    amplitude : float
        Largest displacement in voxels.
    periods : 2 floats
        Shortest and longest period in voxels.

    References
    ----------
    .. [1] P. L. Reu et al., "DIC Challenge 2.0: developing images and guidelines for evaluating accuracy and
       resolution of 2D analyses", Experimental Mechanics 62 (2022) 639-654, doi:10.1007/s11340-021-00806-6
    """

    width: float
    middle: float
    amplitude: float = 1.0
    periods: tuple[float, float] = (20.0, 150.0)

    def __post_init__(self) -> None:
        if not (self.width > 1 and min(self.periods) > 0):
            raise InputError(f"width must be over 1 voxel and periods positive, got {self.width} and {self.periods}")

    def period(self, x: npt.ArrayLike) -> Array:
        """Period along y in voxels at the positions `x`. It does not shrink beyond the ends of the volume."""
        part = np.clip(np.asarray(x, np.float64) / (self.width - 1), 0.0, 1.0)
        length: Array = self.periods[0] + (self.periods[1] - self.periods[0]) * part
        return length

    def displacement(self, positions: npt.ArrayLike) -> Array:
        """Return the displacement u of the material points at reference `positions`, both (..., 3) voxels."""
        points = np.asarray(positions, np.float64)
        moved = np.zeros_like(points)
        phase = 2 * np.pi * (points[..., 1] - self.middle) / self.period(points[..., 2])
        moved[..., 0] = self.amplitude * np.cos(phase)
        return moved

    def inverse(self, positions: npt.ArrayLike) -> Array:
        """Return where the material at deformed `positions` came from, both (..., 3) voxels."""
        origin: Array = np.asarray(positions, np.float64) - self.displacement(positions)
        return origin

    def gradient(self, positions: npt.ArrayLike) -> Array:
        """Return the gradient du_i/dX_j (..., 3, 3) at reference `positions` (..., 3)."""
        points = np.asarray(positions, np.float64)
        period = self.period(points[..., 2])
        phase = 2 * np.pi * (points[..., 1] - self.middle) / period
        inside = (points[..., 2] >= 0) & (points[..., 2] <= self.width - 1)
        growth = np.where(inside, (self.periods[1] - self.periods[0]) / (self.width - 1), 0.0)
        slopes = np.zeros((*points.shape, 3))
        slopes[..., 0, 1] = -self.amplitude * np.sin(phase) * 2 * np.pi / period
        slopes[..., 0, 2] = self.amplitude * np.sin(phase) * phase / period * growth
        return slopes


@dataclass(frozen=True)
class BandCompression(Motion):
    """Compression along z that is concentrated in a band: the hotspot of a strain map.

    The strain du_z/dZ is ``-(base + peak / cosh((Z - centre_z) / half_width)**2)``. The specimen bulges where
    it is compressed: u_y is poisson times the compression at that Z times (Y - centre_y), and the same in x.

    Parameters
    ----------
    centre : 3 floats
        Point (voxels, zyx) that stays: its z is the middle of the band.
    base : float
        Compression far from the band (0.01 is a strain of -1 %).
    peak : float
        Additional compression in the middle of the band.
    half_width : float
        Distance in voxels over which the band falls off.
    poisson : float
        Lateral expansion as a part of the compression.

    Raises
    ------
    InputError
        If the material would be compressed to nothing (base + peak not below 1) or the sizes are negative.
    """

    centre: Point
    base: float = 0.01
    peak: float = 0.04
    half_width: float = 20.0
    poisson: float = 0.0

    def __post_init__(self) -> None:
        if not (self.base >= 0 and self.peak >= 0 and self.base + self.peak < 1 and self.half_width > 0):
            raise InputError(
                "base and peak must be at least 0 with a sum below 1, and half_width positive, got "
                f"{self.base}, {self.peak}, {self.half_width}"
            )

    def compression(self, height: npt.ArrayLike) -> Array:
        """Part of the length that is lost at reference z positions `height`."""
        slope = np.tanh((np.asarray(height, np.float64) - self.centre[0]) / self.half_width)
        lost: Array = self.base + self.peak * (1.0 - slope**2)
        return lost

    def displacement(self, positions: npt.ArrayLike) -> Array:
        """Return the displacement u of the material points at reference `positions`, both (..., 3) voxels."""
        arm = np.asarray(positions, np.float64) - self.centre
        moved = self.poisson * self.compression(arm[..., :1] + self.centre[0]) * arm
        moved[..., 0] = -self.base * arm[..., 0]
        moved[..., 0] -= self.peak * self.half_width * np.tanh(arm[..., 0] / self.half_width)
        return moved

    def inverse(self, positions: npt.ArrayLike) -> Array:
        """Return where the material at deformed `positions` came from, both (..., 3) voxels."""
        arm = np.asarray(positions, np.float64) - self.centre
        origin = np.empty_like(arm)
        origin[..., 0] = self._unsqueeze(arm[..., 0])
        bulge = 1.0 + self.poisson * self.compression(origin[..., :1] + self.centre[0])
        origin[..., 1:] = arm[..., 1:] / bulge
        return origin + self.centre

    def _unsqueeze(self, depth: Array) -> Array:
        """Solve Z + u_z(Z) = depth (both from the middle of the band) by Newton steps.

        They start beyond the root, where the function is convex, so that every step stays beyond it and the
        iteration cannot fail.
        """
        levels, where = np.unique(depth, return_inverse=True)
        distance = np.abs(levels)
        root = (distance + self.peak * self.half_width) / (1.0 - self.base)
        for _ in range(_MAX_STEPS):
            slope = np.tanh(root / self.half_width)
            miss = (1.0 - self.base) * root - self.peak * self.half_width * slope - distance
            step = miss / (1.0 - self.base - self.peak * (1.0 - slope**2))
            root = root - step
            if np.all(np.abs(step) <= _TOLERANCE * (1.0 + root)):
                break
        solved: Array = (np.sign(levels) * root)[where].reshape(depth.shape)
        return solved

    def gradient(self, positions: npt.ArrayLike) -> Array:
        """Return the gradient du_i/dX_j (..., 3, 3) at reference `positions` (..., 3)."""
        arm = np.asarray(positions, np.float64) - self.centre
        lost = self.compression(arm[..., 0] + self.centre[0])
        slope = np.tanh(arm[..., 0] / self.half_width)
        change = -2.0 * self.peak / self.half_width * slope * (1.0 - slope**2)
        slopes = np.zeros((*arm.shape, 3))
        slopes[..., 0, 0] = -lost
        for axis in (1, 2):
            slopes[..., axis, axis] = self.poisson * lost
            slopes[..., axis, 0] = self.poisson * change * arm[..., axis]
        return slopes


def _point(values: Sequence[float] | Any) -> Point:
    """Return 3 finite floats."""
    point = np.asarray(values, np.float64)
    if point.shape != (3,) or not np.isfinite(point).all():
        raise InputError(f"a point or shift must be 3 finite numbers (z, y, x), got {values!r}")
    return float(point[0]), float(point[1]), float(point[2])
