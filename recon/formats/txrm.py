"""Zeiss Xradia: `.txrm` (a scan) and `.xrm` (a single image).

Zeiss does not publish the format. What is read here was found in files, and agrees with what txrm2tiff reads. An
OLE2 file holds the images as streams ``ImageData1/Image1`` to ``Image100``, ``ImageData2/Image101`` and so on, and
arrays with one entry an image beside them. Angles are in degrees, pixel sizes in um, energies in eV, times in s,
distances in mm, shifts in pixels.
"""

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.formats.ole import OleStreams
from recon.formats.registry import Found
from recon.formats.txrm_metadata import read_metadata
from volio.errors import FormatError
from volio.lazy import Box, LazyArray

__all__ = ["read"]

logger = logging.getLogger(__name__)

_TYPES = {2: "<i1", 3: "<u1", 4: "<i2", 5: "<u2", 6: "<i4", 7: "<u4", 10: "<f4", 11: "<f8"}
_IMAGES_A_FOLDER = 100
#: Exposures that differ by less are equal.
_SAME_EXPOSURE = 1e-3


def read(path: Path, dataset: str | None) -> Found:
    """Open an Xradia file; an image is read when asked for."""
    if dataset is not None:
        raise FormatError(f"{path} is an Xradia file, which holds no datasets to choose from: leave dataset out")
    ole = OleStreams(path)
    try:
        return _open(ole)
    except BaseException:
        ole.close()
        raise


def _open(ole: OleStreams) -> Found:
    notes: list[str] = []
    _check_mosaic(ole)
    shape = _shape(ole, notes)
    found = Found(_images(ole, shape), name=ole.path.stem, notes=notes)
    degrees = ole.floats("ImageInfo/Angles")
    if degrees.size >= shape[0]:
        found.angles = np.deg2rad(degrees[: shape[0]])
    elif degrees.size:
        raise FormatError(f"{ole.path} holds {shape[0]} images but {degrees.size} angles: give angles or angle_range")
    pixel = ole.real("ImageInfo/PixelSize")
    if pixel is not None and pixel > 0:
        found.pixel_size = pixel
    found.shifts = _shifts(ole, shape[0], notes)
    found.metadata = read_metadata(ole, shape[0], notes)
    found.flats = _flats(ole, shape, found.metadata, notes)
    _note_center(found, shape[2])
    return found


def _check_mosaic(ole: OleStreams) -> None:
    columns, rows = (ole.integer(f"ImageInfo/Mosiac{part}") or 0 for part in ("Columns", "Rows"))
    if ole.integer("ImageInfo/MosiacMode") == 1 or columns * rows > 1:
        raise FormatError(
            f"{ole.path} is a mosaic of {columns} x {rows} images, not a scan: stitch it in Zeiss' software first"
        )


def _shape(ole: OleStreams, notes: list[str]) -> tuple[int, int, int]:
    """Return number, rows and columns of the images that were taken."""
    sizes = [ole.integer(f"ImageInfo/{part}") for part in ("NoOfImages", "ImageHeight", "ImageWidth")]
    planned, rows, columns = (size or 0 for size in sizes)
    if planned < 1 or rows < 1 or columns < 1:
        raise FormatError(
            f"{ole.path} states no images ({planned} of {rows} x {columns} pixels): it is no Xradia scan, or damaged"
        )
    taken = ole.integer("ImageInfo/ImagesTaken")
    number = planned if taken is None else min(taken, planned)
    if number < 1:
        raise FormatError(f"{ole.path} holds none of its {planned} images: the scan was ended before the first")
    if number < planned:
        notes.append(f"the scan was ended early: {number} of {planned} projections were taken")
        logger.warning("%s: %s", ole.path, notes[-1])
    return number, rows, columns


def _image_name(index: int) -> str:
    return f"ImageData{index // _IMAGES_A_FOLDER + 1}/Image{index + 1}"


def _images(ole: OleStreams, shape: tuple[int, int, int]) -> LazyArray:
    """Return an array that reads one image at a time; all must be there, and of the stated size."""
    dtype = _dtype(ole, ole.integer("ImageInfo/DataType"), _image_name(0), shape)
    need = math.prod(shape[1:]) * dtype.itemsize
    for index in range(shape[0]):
        name = _image_name(index)
        if not ole.exists(name):
            raise FormatError(f"{ole.path} is damaged: image {index + 1} of {shape[0]} is missing: copy it again")
        if ole.size(name) != need:
            raise FormatError(
                f"{ole.path} is damaged: image {index + 1} has {ole.size(name)} bytes, {shape[1]} x {shape[2]} pixels "
                f"of {dtype.name} need {need}: copy or export it again"
            )

    row_bytes = shape[2] * dtype.itemsize

    def read_images(box: Box) -> NDArray[Any]:
        rows = box[1].stop - box[1].start
        part = np.empty((box[0].stop - box[0].start, rows, box[2].stop - box[2].start), dtype)
        for place, index in enumerate(range(box[0].start, box[0].stop)):
            data = ole.read(_image_name(index), box[1].start * row_bytes, box[1].stop * row_bytes)
            part[place] = np.frombuffer(data, dtype).reshape(rows, shape[2])[:, box[2]]
        return part

    return LazyArray(read_images, shape, dtype, chunks=(1, *shape[1:]), name=str(ole.path), close=ole.close)


def _dtype(ole: OleStreams, code: int | None, name: str, shape: tuple[int, ...]) -> np.dtype[Any]:
    """Return the type of the pixels; where no type is stated, what the size of the stream tells."""
    if code is not None:
        if code not in _TYPES:
            known = ", ".join(f"{number} ({np.dtype(kind).name})" for number, kind in _TYPES.items())
            raise FormatError(f"{ole.path} has pixels of type {code}: readable are {known}")
        return np.dtype(_TYPES[code])
    each = ole.size(name) / math.prod(shape[-2:]) if ole.exists(name) else 0
    guesses = {1: "<u1", 2: "<u2", 4: "<f4"}
    if each not in guesses:
        raise FormatError(f"{ole.path} states no type of pixels, and {name} has {each:g} bytes each: export it again")
    return np.dtype(guesses[int(each)])


def _shifts(ole: OleStreams, number: int, notes: list[str]) -> NDArray[np.float64] | None:
    """Return where each projection lies (row, column); the file says by how much it is to be moved."""
    x, y = (ole.floats(f"Alignment/{axis}-Shifts")[:number] for axis in "XY")
    if x.size < number or y.size < number or not (np.any(x) or np.any(y)):
        return None
    if not np.all(np.isfinite([x, y])):
        notes.append("the alignment shifts of the file are not finite: they are left out")
        return None
    return -np.column_stack([y, x])


def _flats(ole: OleStreams, shape: tuple[int, ...], metadata: dict[str, Any], notes: list[str]) -> Any:
    """Return the reference images, scaled to the exposure of the projections; None where there are none."""
    folder = "MultiReferenceData" if ole.exists("MultiReferenceData/Image1") else "ReferenceData"
    names = [f"{folder}/Image"]
    if folder == "MultiReferenceData":
        names = [f"{folder}/Image{k}" for k in range(1, shape[0] + 2) if ole.exists(f"{folder}/Image{k}")]
    if not ole.exists(names[0]):
        return None
    if ole.integer("ImageInfo/OriginalDataRefCorrected") == 1:
        notes.append("the projections were divided by the reference already: give flats= the value of the open beam")
        return None
    rows, columns = (
        ole.integer(f"{folder}/ImageInfo/Image{edge}") or size
        for edge, size in zip(("Height", "Width"), shape[1:], strict=True)
    )
    if (rows, columns) != shape[1:]:
        notes.append(f"the reference has {rows} x {columns} pixels, not those of the projections: it is left out")
        return None
    dtype = _dtype(ole, ole.integer(f"{folder}/DataType"), names[0], shape)
    if any(ole.size(name) != rows * columns * dtype.itemsize for name in names):
        raise FormatError(f"{ole.path} is damaged: a reference image is not {rows} x {columns} pixels: copy it again")
    flats = np.stack([np.frombuffer(ole.read(name), dtype).reshape(rows, columns) for name in names])
    taken = ole.real(f"{folder}/ExpTime") or ole.real(f"{folder}/ImageInfo/ExpTimes")
    taken = taken or ole.real(f"{folder}/ImageInfo/ExpTime")
    exposure = metadata.get("exposure_s")
    if not taken or not exposure or math.isclose(taken, exposure, rel_tol=_SAME_EXPOSURE):
        return flats.astype(dtype.newbyteorder("="))
    notes.append(f"the reference was exposed for {taken:g} s, the projections for {exposure:g} s: it is scaled")
    return (flats * (exposure / taken)).astype(np.float32)


def _note_center(found: Found, columns: int) -> None:
    """Say where the file's center shift puts the rotation axis: its sign could not be verified."""
    shift = found.metadata.get("center_shift")
    if shift:
        middle = (columns - 1) / 2
        found.notes.append(
            f"the file states a center shift of {shift:g} pixels: the axis is near column {middle - shift:.2f} "
            f"(or {middle + shift:.2f}, counted the other way); it is not taken over"
        )
