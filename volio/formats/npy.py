"""NumPy's own format (.npy): one array, memory-mapped."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from volio.errors import FormatError
from volio.formats.checks import check_axes
from volio.formats.registry import ReadOptions, WriteOptions
from volio.lazy import LazyArray, file_bytes, one_line, slabs
from volio.volume import Volume

__all__ = ["read", "write"]

logger = logging.getLogger(__name__)


def read(path: Path, options: ReadOptions) -> Volume:
    """Open a .npy file; it holds no voxel size."""
    try:
        data = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise FormatError(
            f"{path} is damaged, truncated or no plain array ({one_line(error)}; {file_bytes(path)} bytes): "
            "save it again with numpy.save"
        ) from error
    check_axes(path, data.shape, data.dtype)
    if not data.dtype.isnative:
        return Volume(LazyArray.wrap(data, name=str(path)), name=path.stem)
    return Volume(data, name=path.stem)


def write(volume: Volume, path: Path, options: WriteOptions, done: Callable[[int], None]) -> None:
    """Stream slabs behind a NumPy header; the voxel size is lost, which is logged."""
    if volume.voxel_size is not None:
        logger.warning(
            "%s: .npy cannot hold the voxel size %s %s: give it when reading",
            volume.name or "volume",
            volume.voxel_size,
            volume.unit,
        )
    with path.open("wb") as file:
        header = {"descr": volume.dtype.str, "fortran_order": False, "shape": volume.shape}
        np.lib.format.write_array_header_2_0(file, header)
        for _, slab in slabs(volume.data):
            file.write(slab.data)
            done(slab.size)
