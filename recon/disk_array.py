"""An array in a plain file: what is larger than memory between two stages, read and written by parts of its axes."""

import io
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["DiskArray"]

Singles = npt.NDArray[np.float32]


@dataclass(frozen=True)
class DiskArray:
    """A float32 array of three axes in a file, in the order of C and nothing else in it.

    Parts are read and written by system calls and never mapped, so that what was seen once does not count as memory of
    the process. It is pickled as the place of its file.

    Attributes
    ----------
    path : Path
        The file.
    shape : three ints
        Of the array.
    """

    path: Path
    shape: tuple[int, int, int]

    #: What `volio.lazy.LazyArray` asks of an array; any part is cheap to read.
    dtype = np.dtype(np.float32)
    chunks = (1, 1, 1)

    @property
    def nbytes(self) -> int:
        """Size of the file."""
        return math.prod(self.shape) * self.dtype.itemsize

    def create(self) -> "DiskArray":
        """Take the room on the disk, filled with zeros, and return the array.

        Raises
        ------
        OSError
            If the disk has not enough room.
        """
        with self.path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, self.nbytes)
            file.truncate(self.nbytes)
        return self

    def __getitem__(self, key: slice | tuple[slice, ...]) -> Singles:
        """Return the part of up to three slices with a step of 1."""
        (z0, z1), (y0, y1), (x0, x1) = self._bounds(key)
        _, height, width = self.shape
        out = np.empty((z1 - z0, y1 - y0, x1 - x0), np.float32)
        if not out.size:
            return out
        # whole rows are one piece on the disk
        rows = np.empty((y1 - y0, width), np.float32)
        with self.path.open("rb", buffering=0) as file:
            for k in range(z0, z1):
                file.seek((k * height + y0) * width * self.dtype.itemsize)
                _fill(file, rows)
                out[k - z0] = rows[:, x0:x1]
        return out

    def __setitem__(self, key: slice | tuple[slice, ...], values: npt.ArrayLike) -> None:
        """Write the part of up to two slices; the last axis is written whole."""
        (z0, z1), (y0, y1), (x0, x1) = self._bounds(key)
        _, height, width = self.shape
        if (x0, x1) != (0, width):
            raise ValueError(f"whole rows of {width} are written, got {x0}:{x1}")
        part = np.ascontiguousarray(np.broadcast_to(np.asarray(values, np.float32), (z1 - z0, y1 - y0, width)))
        if not part.size:
            return
        with self.path.open("rb+", buffering=0) as file:
            for k in range(z0, z1):
                file.seek((k * height + y0) * width * self.dtype.itemsize)
                _spill(file, part[k - z0])

    def _bounds(self, key: slice | tuple[slice, ...]) -> list[tuple[int, int]]:
        keys = key if isinstance(key, tuple) else (key,)
        whole = [*keys, *[slice(None)] * (len(self.shape) - len(keys))]
        bounds = [part.indices(n) for part, n in zip(whole, self.shape, strict=True)]
        if any(step != 1 for _, _, step in bounds):
            raise ValueError(f"parts of a step of 1 are read and written, got {key}")
        return [(start, max(stop, start)) for start, stop, _ in bounds]


def _fill(file: io.RawIOBase, row: Singles) -> None:
    """Read all of `row`, however many calls that takes."""
    view = row.data.cast("B")
    while view:
        count = file.readinto(view)
        if not count:
            raise OSError(f"the file ends {len(view)} bytes too early")
        view = view[count:]


def _spill(file: io.RawIOBase, row: Singles) -> None:
    """Write all of `row`, however many calls that takes."""
    view = row.data.cast("B")
    while view:
        view = view[file.write(view) or 0 :]
