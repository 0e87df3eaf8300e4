"""Analytic projections: specimens of ellipses and spheres whose line integrals and voxels are known exactly.

A detector bin measures the mean of the line integral over its width, and a voxel holds the mean over its volume: both
are integrated here, never sampled from a grid, so that a reconstruction is held against something it was not made of.
Lengths are in pixels, attenuation is per pixel. A point (y, x) is seen at the angle t in the column
``center + x cos(t) + y sin(t)``.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from volio.errors import InputError

__all__ = ["EllipsePhantom", "Exposures", "SpherePhantom", "expose"]

Floats = npt.NDArray[np.float64]
Images = npt.NDArray[np.float32]

_LINES = 16  # over which a pixel is averaged in the direction in which there is no closed formula


@dataclass(frozen=True, eq=False)
class EllipsePhantom:
    """One slice of a specimen, a sum of ellipses.

    Attributes
    ----------
    ellipses : array, shape (n, 6), float64
        y and x of the centre from the rotation axis, both half axes, the angle from x to the first half axis (radians,
        towards y), and the attenuation that is added inside.

    Raises
    ------
    InputError
        If the shape is another one, or a half axis is not positive.
    """

    ellipses: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "ellipses", _table(self.ellipses, 6, slice(2, 4), "ellipses", "half axis"))

    @classmethod
    def disc(cls, radius: float, value: float, *, y: float = 0.0, x: float = 0.0) -> "EllipsePhantom":
        """Return a single disc: the test of the absolute scale."""
        return cls(np.array([[y, x, radius, radius, 0.0, value]]))

    @classmethod
    def electrode(cls, size: int, *, seed: int = 0, particles: int = 160) -> "EllipsePhantom":
        """Return a disc full of bright elongated particles, pores and cracked particles.

        Parameters
        ----------
        size : int
            Width of the slice in pixels; the disc fills 91 % of it.
        seed : int
            Other seeds place other particles.
        particles : int
            How many are tried for; fewer where there is no room.
        """
        rng = np.random.default_rng(seed)
        outer = 0.47 * size
        ellipses = [(0.0, 0.0, 0.97 * outer, 0.97 * outer, 0.0, 0.002)]
        placed: list[tuple[float, float, float]] = []
        for _ in range(20000):
            if len(placed) >= particles:
                break
            first = size * float(np.exp(rng.uniform(np.log(0.008), np.log(0.05))))
            second = first * rng.uniform(0.5, 1.0)
            distance, direction = (0.93 * outer - first) * np.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
            y, x = distance * np.sin(direction), distance * np.cos(direction)
            if any((y - v) ** 2 + (x - u) ** 2 < (first + r) ** 2 for v, u, r in placed):
                continue
            placed.append((y, x, first))
            value = rng.choice([0.008, 0.008, 0.008, -0.0015])
            ellipses.append((y, x, first, second, rng.uniform(0, np.pi), value))
            if value > 0 and first > 0.02 * size and rng.uniform() < 0.4:
                ellipses.append((y, x, 0.5 * first, 0.06 * first, rng.uniform(0, np.pi), -0.006))
        return cls(np.array(ellipses))

    def project(
        self,
        angles: npt.ArrayLike,
        *,
        columns: int,
        center: float | None = None,
        shifts: npt.ArrayLike = 0.0,
    ) -> Images:
        """Return the line integrals seen by a detector row.

        Parameters
        ----------
        angles : array, shape (angles,)
            In radians.
        columns : int
            Number of detector pixels.
        center : float, optional
            Column of the rotation axis; the middle when not given.
        shifts : float or array, shape (angles,)
            How far each projection lies off, in columns.

        Returns
        -------
        (angles, columns) float32 array
            The mean over each pixel.
        """
        from acquisition._kernels_projections import project_ellipses

        directions = np.atleast_1d(np.asarray(angles, np.float64))
        centers = np.broadcast_to(_middle(columns, center) + np.asarray(shifts, np.float64), directions.shape)
        out = np.zeros((directions.size, columns))
        project_ellipses(self.ellipses, directions, np.ascontiguousarray(centers), out)
        return out.astype(np.float32)

    def render(self, size: int, *, voxel_size: float = 1.0) -> Images:
        """Return the slice as an image with the rotation axis in its middle.

        Parameters
        ----------
        size : int
            Width and height of the image.
        voxel_size : float
            Edge of a pixel of the image, in detector pixels.

        Returns
        -------
        (size, size) float32 array
            The mean over each pixel.
        """
        from acquisition._kernels_projections import render_ellipses

        out = np.zeros((size, size))
        render_ellipses(self.ellipses, float(voxel_size), _LINES, out)
        return out.astype(np.float32)


@dataclass(frozen=True, eq=False)
class SpherePhantom:
    """A specimen of spheres.

    Attributes
    ----------
    spheres : array, shape (n, 5), float64
        z, y, x of the centre from the middle of the specimen (z along the rotation axis), radius, and the attenuation
        that is added inside.

    Raises
    ------
    InputError
        If the shape is another one, or a radius is not positive.
    """

    spheres: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "spheres", _table(self.spheres, 5, slice(3, 4), "spheres", "radius"))

    @classmethod
    def electrode(
        cls, size: int, *, height: int, seed: int = 0, particles: int = 400, value: float = 0.008
    ) -> "SpherePhantom":
        """Return a packing of particles that do not overlap, inside a pillar, as in a battery electrode.

        Parameters
        ----------
        size : int
            Width of the slices in pixels; the pillar fills 90 % of it.
        height : int
            Number of slices.
        seed : int
            Other seeds place other particles.
        particles : int
            How many are tried for; fewer where there is no room.
        value : float
            Attenuation of a particle.
        """
        rng = np.random.default_rng(seed)
        outer = 0.45 * size
        spheres = np.zeros((0, 5))
        for _ in range(20 * particles):
            if len(spheres) >= particles:
                break
            radius = size * float(np.exp(rng.uniform(np.log(0.012), np.log(0.06))))
            distance, direction = (outer - radius) * np.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
            centre = np.array(
                [
                    rng.uniform(-0.5, 0.5) * height,
                    distance * np.sin(direction),
                    distance * np.cos(direction),
                ]
            )
            if np.all(np.linalg.norm(spheres[:, :3] - centre, axis=1) > spheres[:, 3] + radius):
                spheres = np.vstack([spheres, [*centre, radius, value]])
        return cls(spheres)

    def slice(self, z: float) -> EllipsePhantom:
        """Return the discs in which the plane at height `z` cuts the spheres."""
        squares = self.spheres[:, 3] ** 2 - (self.spheres[:, 0] - z) ** 2
        cut = self.spheres[squares > 0]
        radii = np.sqrt(squares[squares > 0])
        return EllipsePhantom(np.column_stack([cut[:, 1], cut[:, 2], radii, radii, np.zeros(len(cut)), cut[:, 4]]))

    def project(
        self,
        angles: npt.ArrayLike,
        *,
        rows: int,
        columns: int,
        center: float | None = None,
        tilt: float = 0.0,
        shifts: npt.ArrayLike = 0.0,
    ) -> Images:
        """Return the line integrals seen by a detector.

        Parameters
        ----------
        angles : array, shape (angles,)
            In radians.
        rows, columns : int
            Detector pixels; the middle of the specimen is seen in the middle row.
        center : float, optional
            Column of the rotation axis in the middle row; the middle when not given.
        tilt : float
            By how much the axis leans in the plane of the detector, in radians, towards higher columns in higher rows:
            the specimen point at the height z and the distance s from the axis is seen in the row
            ``middle + z cos(tilt) - s sin(tilt)`` and the column ``center + s cos(tilt) + z sin(tilt)``.
        shifts : array, shape (angles, 2), or float
            How far each projection lies off, in rows and columns.

        Returns
        -------
        (angles, rows, columns) float32 array
            The mean over each pixel.
        """
        from acquisition._kernels_projections import project_spheres

        directions = np.atleast_1d(np.asarray(angles, np.float64))
        moved = np.ascontiguousarray(np.broadcast_to(np.asarray(shifts, np.float64), (directions.size, 2)))
        out = np.zeros((directions.size, rows, columns), np.float32)
        project_spheres(self.spheres, directions, moved, _middle(columns, center), float(tilt), _LINES // 2, out)
        return out

    def render(self, shape: tuple[int, int, int]) -> Images:
        """Return the specimen as a volume of `shape` (z, y, x): the mean over each voxel, its middle in the middle."""
        from acquisition._kernels_projections import render_ellipses

        out = np.zeros(shape, np.float32)
        lines = _LINES // 2
        for k in range(shape[0]):
            image = np.zeros(shape[1:])
            for line in range(lines):
                plane = self.slice(k - 0.5 * (shape[0] - 1) + (line + 0.5) / lines - 0.5)
                render_ellipses(plane.ellipses, 1.0, lines, image)
            out[k] = image / lines
        return out


@dataclass(frozen=True, eq=False)
class Exposures:
    """What a camera recorded.

    Attributes
    ----------
    projections : array, shape (angles, rows, columns), float32
        Counts.
    flats, darks : array, shape (n, rows, columns), float32
        Images without specimen, and without beam.
    """

    projections: Images
    flats: Images
    darks: Images


def expose(
    line_integrals: npt.NDArray[Any],
    *,
    photons: float,
    rng: np.random.Generator | int,
    dark: float = 0.0,
    n_flats: int = 10,
    gain: npt.ArrayLike = 1.0,
    brightness: npt.ArrayLike = 1.0,
    zingers: float = 0.0,
) -> Exposures:
    """Count photons behind a specimen: Poisson noise, and what else a camera does.

    Parameters
    ----------
    line_integrals : array, shape (angles, rows, columns)
        Of the attenuation.
    photons : float
        Mean count of a pixel without specimen.
    rng : numpy.random.Generator or int
        Source of random numbers, or its seed.
    dark : float
        Offset of the camera.
    n_flats : int
        How many flats and darks are taken.
    gain : float or array, shape (rows, columns)
        What each pixel makes of a photon; what is wrong with it in the projections alone makes rings.
    brightness : float or array, shape (angles,)
        Of the beam during each projection.
    zingers : float
        Part of the pixels of the projections that are hit by a stray photon, with ten times the counts.

    Returns
    -------
    Exposures

    Raises
    ------
    InputError
        If `photons` is not positive or `zingers` not between 0 and 1.
    """
    if not photons > 0:
        raise InputError(f"photons must be positive, got {photons}: it is the mean count without specimen")
    if not 0 <= zingers <= 1:
        raise InputError(f"zingers must be between 0 and 1, got {zingers}: it is a part of all pixels")
    random = np.random.default_rng(rng)
    shape = line_integrals.shape
    light = np.reshape(np.broadcast_to(np.asarray(brightness, np.float64), shape[:1]), (-1, 1, 1))
    response = np.broadcast_to(np.asarray(gain, np.float64), shape[1:])
    counts = random.poisson(photons * light * np.exp(-np.asarray(line_integrals, np.float64))).astype(np.float64)
    counts[random.random(shape) < zingers] += 10 * photons
    flats = random.poisson(photons, (n_flats, *shape[1:])) * response + dark
    darks = np.full((n_flats, *shape[1:]), dark, np.float32)
    return Exposures((counts * response + dark).astype(np.float32), flats.astype(np.float32), darks)


def _middle(columns: int, center: float | None) -> float:
    return 0.5 * (columns - 1) if center is None else float(center)


def _table(values: npt.ArrayLike, width: int, sizes: Any, what: str, size: str) -> Floats:
    table = np.ascontiguousarray(values, np.float64)
    if table.ndim != 2 or table.shape[1] != width:
        raise InputError(f"{what} need shape (n, {width}), got {table.shape}")
    if not np.all(table[:, sizes] > 0):
        raise InputError(f"each {size} of {what} must be positive, got {table[:, sizes].min()}")
    return table
