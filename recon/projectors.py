"""Line integrals of slices, and the exact adjoint: what iterative reconstruction goes forth and back with.

The model is distance-driven (De Man and Basu, doi:10.1088/0031-9155/49/11/024): along whichever of the two axes a ray
crosses more directly, every line of pixels is laid onto the detector, and a bin sees of each pixel what it overlaps of
it. Every pixel is seen in full by each projection, and every bin sees the full length of its path, so neither direction
makes patterns of its own.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from recon._kernels_projectors import GROUP, back_project_lines, project_lines
from recon.slice_grid import SliceGrid
from recon.slice_lanes import CELLS, from_lanes, lane_chunks, make_lines, to_lanes
from volio.blocks import run_blocks
from volio.errors import InputError

__all__ = ["Projector", "make_projector"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]

#: Edges of a pixel, in detector columns, at which a pixel and a bin overlap at most three of each other.
_FINEST, _COARSEST = 0.75, 2.0
#: Bytes of the lines of an image that are projected together: they stay in the second cache.
_BLOCK_BYTES = 2**18


@dataclass(frozen=True, eq=False)
class Projector:
    """Projects slices of one geometry, and back; made by `make_projector`.

    Pixels are those within `grid.radius` of the axis; all others are 0. The methods that end with `_lanes` take
    some slices at a time as `recon.slice_lanes` lays them out: images of lines y and cells x, sinograms of lines
    angles and cells columns.

    Attributes
    ----------
    grid : SliceGrid
        The pixels; all of the slice, whatever its region.
    columns : int
        Detector columns.
    angles : array, shape (angles,)
        In radians.
    spans : array, shape (size, 2)
        First and last + 1 column of the pixels of each row; the same along the other axis.
    upright, lying : arrays of int64
        Angles whose rays run more along y, and more along x.
    forward, backward : arrays, shape (angles, 4)
        Where cells meet, see the kernels; lengths in pixels.
    """

    grid: SliceGrid
    columns: int
    angles: Floats
    spans: Integers
    upright: Integers
    lying: Integers
    forward: Floats
    backward: Floats

    @property
    def n_angles(self) -> int:
        """Number of projections."""
        return len(self.angles)

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Which pixels are reconstructed, shape (size, size)."""
        x = np.arange(self.grid.size)
        return (x >= self.spans[:, :1]) & (x < self.spans[:, 1:])

    def subset(self, angles: Integers) -> "Projector":
        """Return the projector of some of the angles, given by their numbers."""
        upright = np.nonzero(np.isin(angles, self.upright))[0]
        lying = np.nonzero(np.isin(angles, self.lying))[0]
        return replace(
            self,
            angles=self.angles[angles],
            upright=upright,
            lying=lying,
            forward=self.forward[angles],
            backward=self.backward[angles],
        )

    def project(self, slices: npt.ArrayLike, *, threads: int = 1) -> Singles:
        """Return line integrals of slices.

        Parameters
        ----------
        slices : array, shape (slices, y, x)
            Attenuation per pixel of the detector; pixels outside the field of view do not count.
        threads : int
            How many compute; the answer does not depend on it.

        Returns
        -------
        (angles, slices, columns) float32 array

        Raises
        ------
        InputError
            If the slices have another size than the grid.
        """
        images = np.asarray(slices, np.float32)
        size = self.grid.size
        if images.ndim != 3 or images.shape[1:] != (size, size):
            raise InputError(f"slices need the shape (n, {size}, {size}) of the grid, got {images.shape}")
        inside = np.where(self.mask, images, np.float32(0.0))
        out = np.empty((self.n_angles, len(images), self.columns), np.float32)
        for chunk in lane_chunks(len(images)):
            lanes = self.project_lanes(to_lanes(inside[chunk]), threads=threads)
            out[:, chunk] = from_lanes(lanes, chunk.stop - chunk.start).transpose(1, 0, 2)
        return out

    def back_project(self, rows: npt.ArrayLike, *, threads: int = 1) -> Singles:
        """Return the adjoint of `project`: every pixel adds up what the rays through it say, times their length in it.

        Parameters
        ----------
        rows : array, shape (angles, slices, columns)
            Values of rays.
        threads : int
            How many compute; the answer does not depend on it.

        Returns
        -------
        (slices, y, x) float32 array

        Raises
        ------
        InputError
            If the rows do not belong to these angles and columns.
        """
        lines = self.check_rows(rows)
        out = np.empty((lines.shape[1], self.grid.size, self.grid.size), np.float32)
        for chunk in lane_chunks(len(out)):
            lanes = self.back_project_lanes(to_lanes(lines[:, chunk].transpose(1, 0, 2)), threads=threads)
            out[chunk] = from_lanes(lanes, chunk.stop - chunk.start)
        return out

    def check_rows(self, rows: npt.ArrayLike) -> Singles:
        """Return rows as float32.

        Raises
        ------
        InputError
            If they do not belong to these angles and columns, or are not finite.
        """
        lines = np.asarray(rows, np.float32)
        if lines.ndim != 3 or lines.shape[0] != self.n_angles or lines.shape[2] != self.columns or not lines.size:
            raise InputError(
                f"rows need the shape ({self.n_angles}, slices, {self.columns}) of angles, slices and columns, got "
                f"{lines.shape}"
            )
        if not np.isfinite(np.sum(lines, dtype=np.float64)):
            raise InputError("rows hold values that are NaN or infinite: correct the projections first")
        return lines

    def project_lanes(self, image: Singles, *, threads: int = 1) -> Singles:
        """Return the sinogram of an image; pixels outside the field of view must be 0."""
        out = make_lines(self.n_angles, self.columns)
        block = max(_BLOCK_BYTES // image[0].nbytes // GROUP, 1) * GROUP
        turned = make_lines(self.grid.size, self.grid.size)
        turned[:, CELLS] = image[:, CELLS].transpose(1, 0, 2)
        for source, angles in ((image, self.upright), (turned, self.lying)):

            def task(some: Integers, source: Singles = source) -> None:
                project_lines(source, self.spans, self.forward, some, block, out)

            run_blocks(task, _parts(angles, threads), threads=threads)
        return out

    def back_project_lanes(self, sinogram: Singles, *, threads: int = 1) -> Singles:
        """Return the adjoint of `project_lanes`."""
        images = [make_lines(self.grid.size, self.grid.size) for _ in range(2)]
        for out, angles in zip(images, (self.upright, self.lying), strict=True):

            def task(some: Integers, out: Singles = out, angles: Integers = angles) -> None:
                back_project_lines(sinogram, self.spans, self.backward, angles, some, out)

            run_blocks(task, _parts(np.arange(self.grid.size), threads), threads=threads)
        image, turned = (out[:, CELLS] for out in images)
        image += turned.transpose(1, 0, 2)
        return images[0]


def make_projector(
    grid: SliceGrid, columns: int, *, angles: npt.ArrayLike, axes: npt.ArrayLike, scale: float = 1.0
) -> Projector:
    """Plan the projection of slices.

    Parameters
    ----------
    grid : SliceGrid
        The pixels, 0.75 to 2 detector columns wide.
    columns : int
        Detector columns.
    angles : array, shape (angles,)
        In radians.
    axes : float or array, shape (angles,)
        Column of the rotation axis in each projection.
    scale : float
        Detector columns for a distance of one column in the slice: the cosine of the tilt of the axis.

    Raises
    ------
    InputError
        If the pixels are too fine or too coarse, or the numbers are not finite.
    """
    if not _FINEST <= grid.step * scale <= _COARSEST:
        raise InputError(
            f"pixels of {grid.step:g} detector columns are too fine or too coarse to be projected: choose a voxel_size "
            f"of {_FINEST} to {_COARSEST:g} detector pixels"
        )
    turns = np.atleast_1d(np.asarray(angles, np.float64))
    middles = np.broadcast_to(np.asarray(axes, np.float64), turns.shape)
    if turns.ndim != 1 or turns.size == 0 or not np.all(np.isfinite(turns)) or not np.all(np.isfinite(middles)):
        raise InputError(f"angles and axes must be finite numbers, one or more, got {turns.size} angles")
    cosine, sine = scale * np.cos(turns), scale * np.sin(turns)
    lying = np.abs(cosine) < np.abs(sine)
    # pixels along the lines that are laid onto the detector, and from one such line to the next
    along, across = (grid.step * np.where(lying, a, b) for a, b in ((sine, cosine), (cosine, sine)))
    # left edge of the first pixel on the first line, counted from the left edge of the first bin
    corner = middles + 0.5 - 0.5 * grid.size * along - 0.5 * (grid.size - 1) * across
    length = grid.step * scale / np.abs(along)  # of a path through a line, in detector columns over pixels
    forward = np.stack([-corner / along, -across / along, 1.0 / along, grid.step * np.abs(along) * length], axis=1)
    backward = np.stack([corner, across, along, grid.step * length], axis=1)
    places = grid.first + grid.step * np.arange(grid.size)
    half = np.sqrt(np.maximum(grid.radius**2 - places**2, 0.0)) / grid.step
    edge = np.where(np.abs(places) <= grid.radius, half, -1.0)
    middle = 0.5 * (grid.size - 1)
    low = np.clip(np.ceil(middle - edge), 0, grid.size)
    high = np.clip(np.floor(middle + edge) + 1, low, grid.size)
    spans = np.stack([low, high], axis=1).astype(np.int64)
    return Projector(grid, columns, turns, spans, np.nonzero(~lying)[0], np.nonzero(lying)[0], forward, backward)


def _parts(lines: Integers, threads: int) -> list[Integers]:
    """Deal lines out to threads."""
    return [part for part in np.array_split(lines, threads) if part.size]
