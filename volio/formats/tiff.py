"""TIFF: stacks of pages, ImageJ hyperstacks, OME-TIFF, BigTIFF."""

import logging
import math
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tifffile import PHOTOMETRIC, TiffFile, TiffFileError, TiffWriter

from volio.errors import FormatError
from volio.formats.checks import check_axes, check_bytes
from volio.formats.registry import ReadOptions, WriteOptions
from volio.formats.sizes import micrometres
from volio.formats.tiff_metadata import read_metadata
from volio.lazy import Box, LazyArray, one_line, slabs
from volio.quiet import captured_log
from volio.volume import Volume

__all__ = ["read", "write"]

#: Classic TIFF ends at 4 GiB; some room is left for the tags.
CLASSIC_BYTES = 4 * 2**30 - 2**26

#: A first axis of more entries than this is no axis of colours.
MOST_CHANNELS = 4

_DAMAGE = ("offset", "corrupt", "truncat", "failed")


def read(path: Path, options: ReadOptions) -> Volume:
    """Open a TIFF stack; pages are decoded when asked for."""
    with captured_log("tifffile") as records:
        try:
            tif = TiffFile(path)
        except (TiffFileError, ValueError, IndexError, struct.error) as error:
            raise FormatError(f"{path} is a damaged TIFF ({one_line(error)}): copy or export it again") from error
        try:
            return _open(tif, path, records)
        except BaseException:
            tif.close()
            raise


def _open(tif: TiffFile, path: Path, records: list[logging.LogRecord]) -> Volume:
    series = _series(tif, path)
    metadata = read_metadata(tif, path)
    _check_log(records, path)
    shape, axes = _volume_shape(tif, series, path)
    check_axes(path, shape, series.dtype)
    notes = metadata["notes"]
    if len(tif.series) > 1:
        others = ", ".join(str(item.shape) for item in tif.series[1:])
        notes.append(f"the file holds further images of shape {others}: only the first, {shape}, is read")
    if axes[0] in "TC":
        stored = {"T": "time points", "C": "channels"}[axes[0]]
        notes.append(f"the slices are stored as {stored}: they are read as z")
    data: Any
    if series.dataoffset is not None and series.dtype != bool:
        dtype = np.dtype(tif.byteorder + series.dtype.str[1:])
        check_bytes(path, shape, dtype, series.dataoffset)
        data = np.memmap(path, dtype, "r", series.dataoffset, shape)
        tif.close()
        if not dtype.isnative:
            data = LazyArray.wrap(data, name=str(path))
    else:
        data = _paged(tif, series, shape, path)
        _check_log(records, path)
    size, origin = metadata.pop("voxel_size"), metadata.pop("origin")
    return Volume(data, size, origin=origin, metadata=metadata)


def _series(tif: TiffFile, path: Path) -> Any:
    """Return the first image of the file, if it is grey."""
    try:
        series = tif.series[0]
    except (IndexError, KeyError, ValueError, TypeError, struct.error) as error:
        raise FormatError(f"{path} is a damaged TIFF (no image found): copy or export it again") from error
    photometric = series.keyframe.photometric
    if "S" in series.axes or photometric in (PHOTOMETRIC.RGB, PHOTOMETRIC.YCBCR):
        raise FormatError(f"{path} is a colour image (shape {series.shape}): convert to grey first")
    if "C" in series.axes and not _channels_are_slices(series):
        channels = series.shape[series.axes.index("C")]
        raise FormatError(f"{path} has {channels} channels (axes {series.axes}): split them and give one channel")
    return series


def _channels_are_slices(series: Any) -> bool:
    """Tell whether slices are stored as channels, as in a stack saved without naming its axes."""
    return len(series.shape) == 3 and series.axes[0] == "C" and series.shape[0] > MOST_CHANNELS


def _volume_shape(tif: TiffFile, series: Any, path: Path) -> tuple[tuple[int, ...], str]:
    """Return shape and axes; a stack of one slice counts as a volume only where the file says it is one."""
    shape, axes = tuple(series.shape), series.axes
    if len(shape) == 2 and tif.shaped_metadata:
        declared = tuple(tif.shaped_metadata[0].get("shape", ()))
        if declared == (1, *shape):
            return declared, "Z" + axes
    return shape, axes


def _check_log(records: list[logging.LogRecord], path: Path) -> None:
    """Take tifffile's log for what it is: a file whose pages or tags lie beyond its end is truncated."""
    for record in records:
        text = record.getMessage()
        if record.levelno >= logging.ERROR and any(word in text.lower() for word in _DAMAGE):
            raise FormatError(f"{path} is truncated or damaged ({one_line(text, length=90)}): copy or export it again")


def _paged(tif: TiffFile, series: Any, shape: tuple[int, ...], path: Path) -> LazyArray:
    """Return an array that decodes whole pages; all must lie inside the file."""
    depth, plane = shape[0], shape[1:]
    pages = series.pages
    single = len(pages) == 1 and plane[-1] == 1  # how tifffile stores a volume of one column
    if len(pages) != depth and not single:
        raise FormatError(f"{path} holds {len(pages)} pages for {depth} slices: export one slice a page")
    end = tif.filehandle.size
    for number, page in enumerate(pages):
        counts = None if page is None else page.databytecounts
        if not counts or min(counts) == 0 or max(map(sum, zip(page.dataoffsets, counts, strict=False))) > end:
            raise FormatError(f"{path} is truncated: slice {number} of {depth} is missing: copy or export it again")
    lock = threading.Lock()

    def read_pages(box: Box) -> NDArray[Any]:
        with lock, captured_log("tifffile") as records:
            if single:
                part = _decoded(pages[0], shape)[box]
            else:
                part = np.stack([_decoded(pages[z], plane)[box[1:]] for z in range(box[0].start, box[0].stop)])
            _check_log(records, path)
        return part

    return LazyArray(read_pages, shape, series.dtype, chunks=(1, *plane), name=str(path), close=tif.close)


def _decoded(page: Any, plane: tuple[int, ...]) -> NDArray[Any]:
    image: NDArray[Any] = page.asarray()
    return image.reshape(plane)


def write(volume: Volume, path: Path, options: WriteOptions, done: Callable[[int], None]) -> None:
    """Stream pages: as an ImageJ stack where ImageJ can read it, else as OME-TIFF in BigTIFF.

    What neither can hold (64-bit integers, half floats, a single slice) becomes a BigTIFF that states shape
    and voxel size as JSON.
    """
    kind = _kind(volume)
    # tifffile cannot compress pages of a single column one by one
    deflate = options.compression == "deflate" and volume.shape[2] > 1

    # volumes of a single column are one page for tifffile, which takes masks only by whole pages
    column = volume.shape[2] == 1 and volume.dtype == bool

    def pages() -> Iterator[NDArray[Any]]:
        for _, slab in slabs(volume.data, depth=volume.shape[0] if column else None):
            for page in [slab] if column else slab:
                yield page
                done(page.size)

    with TiffWriter(path, bigtiff=kind != "imagej", imagej=kind == "imagej", ome=kind == "ome", byteorder="<") as tif:
        tif.write(
            pages(),
            shape=volume.shape,
            dtype=volume.dtype,
            photometric="minisblack",
            compression="zlib" if deflate else None,
            # neighbours differ little: this makes deflate half as large again smaller
            predictor=deflate and volume.dtype.name in ("uint8", "uint16"),
            software="volcorr",
            **_description(volume, kind),
        )


Kind = Literal["imagej", "ome", "json"]


def _kind(volume: Volume) -> Kind:
    name = volume.dtype.name
    if 1 in (volume.shape[0], volume.shape[2]):
        # ImageJ and OME readers drop an axis of one
        return "json"
    if name in ("uint8", "uint16", "float32") and volume.nbytes < CLASSIC_BYTES:
        return "imagej"
    return "ome" if name in ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64") else "json"


def _description(volume: Volume, kind: Kind) -> dict[str, Any]:
    """Return what tifffile is told of voxel size and origin."""
    metadata: dict[str, Any] = {"axes": "ZYX"}
    size, origin = micrometres(volume)
    if size is None:
        return {"metadata": metadata}
    z, y, x = size
    if kind == "ome":
        for axis, edge in (("X", x), ("Y", y), ("Z", z)):
            metadata |= {f"PhysicalSize{axis}": edge, f"PhysicalSize{axis}Unit": "µm"}
        if any(origin):
            entries = zip(("origin_z_um", "origin_y_um", "origin_x_um"), map(repr, origin), strict=True)
            metadata["MapAnnotation"] = {"Namespace": "volcorr", **dict(entries)}
        return {"metadata": metadata}
    if kind == "json":
        return {"metadata": metadata | {"voxel_size": [z, y, x], "unit": "um", "origin": list(origin)}}
    metadata |= {"unit": "um", "spacing": z}
    if any(origin):
        # ImageJ counts the pixel that lies at zero
        places = zip(("zorigin", "yorigin", "xorigin"), origin, size, strict=True)
        metadata |= {key: -position / edge for key, position, edge in places}
    return {"metadata": metadata, "resolution": (1 / x, 1 / y)}


def plane_shape(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype of a TIFF that holds a single grey image.

    Raises
    ------
    FormatError
        If the file is damaged, in colour, or holds several images.
    """
    with captured_log("tifffile") as records:
        try:
            with TiffFile(path) as tif:
                series = _series(tif, path)
                pages = len(tif.pages)
        except (TiffFileError, ValueError, IndexError, struct.error) as error:
            raise FormatError(f"{path} is a damaged TIFF ({one_line(error)}): copy or export it again") from error
        _check_log(records, path)
    if pages != 1 or math.prod(series.shape) != math.prod(series.shape[-2:]):
        raise FormatError(f"{path} holds {pages} images of shape {series.shape}: a slice must be a single image")
    return tuple(series.shape), np.dtype(series.dtype).newbyteorder("=")


def read_plane(path: Path) -> NDArray[Any]:
    """Return the image of a TIFF that holds a single one, native byte order.

    Raises
    ------
    FormatError
        If the file is damaged.
    """
    with captured_log("tifffile") as records, TiffFile(path) as tif:
        page: Any = tif.pages[0]
        last = max(map(sum, zip(page.dataoffsets, page.databytecounts, strict=False)), default=0)
        if last > tif.filehandle.size or not last:
            raise FormatError(f"{path} is truncated: copy or export it again")
        image: NDArray[Any] = page.asarray()
        _check_log(records, path)
    return image
