"""Memory maps that travel to other processes as a place in a file, not as gigabytes."""

import mmap
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volio.errors import FormatError

__all__ = ["MappedPart", "opened", "portable"]


@dataclass(frozen=True)
class MappedPart:
    """Where the voxels of a memory map are: what is sent to another process in place of them."""

    file: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]

    def open(self) -> NDArray[Any]:
        """Map the same part of the file for reading.

        Raises
        ------
        FormatError
            If the file is not there, or shorter than it was.
        """
        extent = sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True)) + self.dtype.itemsize
        try:
            bytes_ = np.memmap(self.file, np.uint8, "r", self.offset, (extent,))
        except (OSError, ValueError) as error:
            raise FormatError(
                f"{self.file} cannot be opened by another process ({getattr(error, 'strerror', None) or error}): "
                "it must stay in place while it is used, on a disk that all machines see"
            ) from error
        return np.ndarray(self.shape, self.dtype, buffer=bytes_, strides=self.strides)


def portable(data: Any) -> Any:
    """Return what is pickled in place of `data`: where a memory map lies in its file; all else as it is."""
    base = root = data if isinstance(data, np.ndarray) else None
    while isinstance(base, np.ndarray):
        root, base = base, base.base
    if not isinstance(base, mmap.mmap) or not isinstance(root, np.memmap) or root.filename is None or root.mode == "c":
        return data
    if min(data.strides, default=0) < 0 or data.size == 0:
        return data
    if root.mode != "r":
        root.flush()
    start = data.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    file = os.path.abspath(root.filename)
    return MappedPart(file, root.offset + start, data.shape, data.strides, data.dtype)


def opened(data: Any) -> Any:
    """Return the array that `portable` stood for."""
    return data.open() if isinstance(data, MappedPart) else data
