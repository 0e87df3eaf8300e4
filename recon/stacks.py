"""Stacks of images: some of them chosen without reading the others, and flats or darks from any file."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volio.errors import FormatError, InputError
from volio.formats.registry import split_dataset
from volio.lazy import Box, LazyArray, crop_array

__all__ = ["choose_images", "read_images"]


@dataclass(frozen=True)
class _Chosen:
    """Reads some of the images of a stack on disk."""

    source: LazyArray
    indices: NDArray[np.intp]

    def __call__(self, box: Box) -> NDArray[Any]:
        return np.stack([self.source[(int(index), *box[1:])] for index in self.indices[box[0]]])


def choose_images(images: Any, indices: NDArray[np.intp]) -> Any:
    """Return the images at `indices` of a stack; those on disk stay there.

    Parameters
    ----------
    images : array, shape (n, row, column)
        NumPy array, or lazy as in `recon.Scan`.
    indices : array of int
        At least one, each from 0 to n - 1, in any order.
    """
    start, stop = int(indices[0]), int(indices[-1]) + 1
    if np.array_equal(indices, np.arange(start, stop)):
        return crop_array(images, (slice(start, stop), *(slice(0, n) for n in images.shape[1:])))
    if isinstance(images, np.ndarray):
        return images[indices]
    source = LazyArray.wrap(images)
    shape = (len(indices), *source.shape[1:])
    return LazyArray(_Chosen(source, indices), shape, source.dtype, chunks=(1, *shape[1:]), name=source.name)


def read_images(images: Any, shape: tuple[int, ...], what: str) -> Any:
    """Return flats or darks as a stack of images.

    Parameters
    ----------
    images : path, array or number
        A file: `.xrm` or `.txrm`, a TIFF of one or several pages, a folder of images (``"folder::flat_*.tif"`` for
        some of them) or anything that `volio.read` knows. Or an array; or one number that holds for every pixel.
    shape : 3 ints
        Shape of the projections, whose rows and columns a number is spread over.
    what : str
        "flats" or "darks", for messages.

    Raises
    ------
    FormatError
        If the file cannot be read.
    InputError
        If a number is not positive for flats, or not finite.
    """
    if isinstance(images, str | os.PathLike):
        return _from_file(Path(images))
    array = np.asarray(images) if not hasattr(images, "shape") else images
    if len(array.shape):
        return array
    if array.dtype.kind not in "iuf" or not np.isfinite(array) or (array <= 0 if what == "flats" else array < 0):
        raise InputError(f"{what} must be a file, images, or one positive number, got {images!r}")
    return np.broadcast_to(np.asarray(array, np.float32), (1, *shape[1:]))


def _from_file(path: Path) -> Any:
    from recon.formats.registry import TXRM, read_head

    file, _ = split_dataset(path)
    if TXRM.recognises(read_head(file)):
        return TXRM.load().read(file, None).projections
    import volio

    try:
        return volio.read(path).data
    except FormatError as error:
        if "2-D image" not in str(error):
            raise
        from volio.formats.tiff import read_plane

        return read_plane(file)[np.newaxis]
