"""Analytic texture: the start of the virtual specimen.

A sum of Gaussian blobs is known at every real position, so a deformed volume is made by asking, for each of
its voxels, which material position is found there, and evaluating the texture at that position. Nothing is
ever interpolated, and the true displacement of every voxel is known exactly.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from acquisition.motion import Motion
from volio.errors import InputError

__all__ = ["BlobTexture", "Cylinder"]

Array = npt.NDArray[np.float64]

CUTOFF = 5.2  # sigmas at which a blob ends: exp(-5.2^2 / 2) = 1.3e-6 of its height
_CELL = 8.0  # voxels: edge of the cells that the blobs are sorted into
_STEP = 4  # slices of a block
_BLOCK = 1 << 15  # voxels of a block, which one thread evaluates at a time
_TRACE = 1e-3  # part of the specimen below which a voxel counts as air
_SLACK = 1e-6  # voxels: rounding at the faces of the box


@dataclass(frozen=True)
class Cylinder:
    """A pillar along z with air around it.

    Parameters
    ----------
    centre : 2 floats
        Position of its axis in the reference volume (y, x), voxels.
    radius : float
        Voxels.
    air : float
        Grey value around it.
    edge : float
        Width of the surface in voxels: it follows a logistic curve of this scale.
    """

    centre: tuple[float, float]
    radius: float
    air: float = 30.0
    edge: float = 0.5

    def presence(self, positions: npt.ArrayLike) -> Array:
        """Part of the specimen (1 inside, 0 in air) at reference `positions` (..., 3) in voxels."""
        points = np.asarray(positions, np.float64)
        distance = np.hypot(points[..., 1] - self.centre[0], points[..., 2] - self.centre[1])
        part: Array = 0.5 + 0.5 * np.tanh((self.radius - distance) / (2.0 * self.edge))
        return part


class _Cells(NamedTuple):
    """Blobs sorted by the cubic cell that they lie in, as the kernel takes them."""

    blobs: Array
    starts: npt.NDArray[np.int64]
    lower: Array
    size: float
    shape: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BlobTexture:
    """A sum of Gaussian blobs: f(X) = sum of a_i exp(-|X - c_i|^2 / (2 sigma_i^2)).

    Make one with `random`.

    Attributes
    ----------
    centres : (n, 3) float64 array
        Voxels of the reference volume, zyx.
    sigmas : (n,) float64 array
        Voxels.
    amplitudes : (n,) float64 array
    lower, upper : 3 floats
        The box (voxels, zyx) within which the texture is complete.
    """

    centres: Array
    sigmas: Array
    amplitudes: Array
    lower: tuple[float, float, float]
    upper: tuple[float, float, float]

    @classmethod
    def random(
        cls,
        shape: Sequence[int],
        *,
        rng: np.random.Generator | int,
        blob_density: float = 1 / 150,
        sigma: tuple[float, float] = (1.5, 2.5),
        margin: float = 24.0,
    ) -> "BlobTexture":
        """Scatter blobs of amplitude +1 or -1 evenly over a volume and its surroundings.

        Parameters
        ----------
        shape : 3 ints
            Shape (z, y, x) of the reference volume in voxels.
        rng : numpy.random.Generator or int
            Source of random numbers, or its seed.
        blob_density : float
            Blobs per voxel.
        sigma : 2 floats
            Smallest and largest size of a blob in voxels; sizes between them are equally likely.
        margin : float
            How far outside the volume (voxels) the texture is still complete: as far as a motion brings
            material in from outside.

        Returns
        -------
        BlobTexture

        Raises
        ------
        InputError
            If a size or the density is not positive.
        """
        size = np.asarray(shape, np.float64)
        if size.shape != (3,) or not (size > 0).all():
            raise InputError(f"shape must be 3 positive whole numbers (z, y, x), got {tuple(shape)}")
        if not (0 < sigma[0] <= sigma[1] and blob_density > 0 and margin >= 0):
            raise InputError(
                "sigma must be two ascending positive numbers, blob_density positive and margin at least 0, "
                f"got {sigma}, {blob_density}, {margin}"
            )
        generator = np.random.default_rng(rng)
        reach = margin + CUTOFF * sigma[1]
        count = max(1, round(blob_density * float(np.prod(size - 1 + 2 * reach))))
        centres = generator.uniform(-reach, size - 1 + reach, (count, 3))
        sigmas = generator.uniform(*sigma, count)
        amplitudes = generator.choice([-1.0, 1.0], count)
        z, y, x = (float(n) - 1 + margin for n in size)
        return cls(centres, sigmas, amplitudes, (-margin, -margin, -margin), (z, y, x))

    @property
    def std(self) -> float:
        """Standard deviation in units of the amplitude, from the blobs (Campbell's theorem)."""
        reach = CUTOFF * self.sigmas.max()
        box = np.prod(np.subtract(self.upper, self.lower) + 2 * reach)
        return float(np.sqrt(np.pi**1.5 * np.sum(self.amplitudes**2 * self.sigmas**3) / box))

    def evaluate(self, positions: npt.ArrayLike) -> Array:
        """Texture at any real positions.

        Parameters
        ----------
        positions : (..., 3) array
            Positions in the reference volume in voxels, zyx.

        Returns
        -------
        (...) float64 array
            In units of the amplitude, mean 0. Each blob ends at 5.2 sigma, where 1.3e-6 of it is left.
        """
        points = np.asarray(positions, np.float64)
        columns = np.ascontiguousarray(points.reshape(1, 1, -1, 3).transpose(3, 0, 1, 2))
        return self._evaluate(columns).reshape(points.shape[:-1])

    def _evaluate(self, positions: Array) -> Array:
        """Texture at contiguous positions (3, z, y, x): an array (z, y, x)."""
        from acquisition._kernels_texture import sum_blobs

        out = np.empty(positions.shape[1:])
        reach = CUTOFF * float(self.sigmas.max())
        sum_blobs(positions, *self._cells, reach, CUTOFF**2 / 2, out)
        return out

    def render(
        self,
        shape: Sequence[int],
        *,
        motion: Motion | None = None,
        specimen: Cylinder | None = None,
        mean: float = 128.0,
        std: float = 15.0,
        threads: int | None = None,
    ) -> npt.NDArray[np.float32]:
        """Make the volume that a perfect scanner would record.

        Parameters
        ----------
        shape : 3 ints
            Shape (z, y, x) of the volume.
        motion : Motion, optional
            How the material has moved; without it, the reference volume is made.
        specimen : Cylinder, optional
            What is filled with texture; without it, everything is.
        mean, std : float
            Mean and standard deviation of the grey values of the texture.
        threads : int, optional
            Number of threads; the result does not depend on it.

        Returns
        -------
        (z, y, x) float32 array

        Raises
        ------
        InputError
            If the motion brings in material from outside the texture's margin.
        """
        from volio import run_blocks

        size = tuple(int(n) for n in shape)
        if len(size) != 3 or min(size) < 1:
            raise InputError(f"shape must be 3 positive whole numbers (z, y, x), got {tuple(shape)}")
        volume = np.empty(size, np.float32)
        scale = std / self.std
        _ = self._cells  # made once, before the threads start

        def fill(block: tuple[slice, slice]) -> None:
            points = np.mgrid[*block, : size[2]].transpose(1, 2, 3, 0)
            material = points.astype(np.float64) if motion is None else motion.inverse(points)
            columns = np.ascontiguousarray(material.transpose(3, 0, 1, 2))
            present = None if specimen is None else specimen.presence(material)
            self._check_inside(columns.reshape(3, -1) if present is None else columns[:, present > _TRACE])
            grey = mean + scale * self._evaluate(columns)
            if specimen is not None and present is not None:
                grey = specimen.air + present * (grey - specimen.air)
            volume[block] = grey

        rows = max(_STEP, _BLOCK // (_STEP * size[2]))
        blocks = list(itertools.product(_slices(size[0], _STEP), _slices(size[1], rows)))
        run_blocks(fill, blocks, threads=threads)
        return volume

    def _check_inside(self, material: Array) -> None:
        """Refuse positions (3, n) around which blobs are missing."""
        if material.size == 0:
            return
        beyond = np.maximum(self.lower - material.min(1), material.max(1) - self.upper).max()
        if beyond > _SLACK:
            raise InputError(
                f"the motion brings in material from {beyond:.1f} voxels beyond the texture: "
                f"make the texture with a margin larger by at least {np.ceil(beyond):.0f} voxels"
            )

    @cached_property
    def _cells(self) -> _Cells:
        """Sort the blobs into cubic cells."""
        lower = self.centres.min(0)
        places = np.floor((self.centres - lower) / _CELL).astype(np.int64)
        shape = places.max(0) + 1
        cells = np.ravel_multi_index(tuple(places.T), tuple(shape))
        order = np.argsort(cells, kind="stable")
        starts = np.searchsorted(cells[order], np.arange(np.prod(shape) + 1))
        columns = (*self.centres.T, 0.5 / self.sigmas**2, self.amplitudes)
        return _Cells(np.stack(columns, 1)[order], starts, lower, _CELL, shape)


def _slices(end: int, step: int) -> list[slice]:
    """Cut range(end) into slices of at most `step`."""
    return [slice(first, min(first + step, end)) for first in range(0, end, step)]
