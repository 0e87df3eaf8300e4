"""A folder of slices: one TIFF or PNG a slice, in natural order (9 before 10)."""

import logging
import re
import struct
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volio.errors import FormatError, VolcorrError
from volio.formats import tiff
from volio.formats.registry import ReadOptions
from volio.lazy import Box, LazyArray, one_line
from volio.volume import Volume

__all__ = ["natural_key", "read"]

logger = logging.getLogger(__name__)

_TIFF = (".tif", ".tiff")
_PNG = (".png",)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return a sorting key that compares the numbers in a name as numbers."""
    parts = re.split(r"(\d+)", name.lower())
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]


def read(path: Path, options: ReadOptions) -> Volume:
    """Open a folder of slices; each is decoded when asked for."""
    files, notes = _files(path, options.dataset)
    found = [_header(file) for file in files]
    kinds = Counter(found)
    if len(kinds) > 1:
        common = kinds.most_common(1)[0][0]
        odd = [file.name for file, header in zip(files, found, strict=True) if header != common]
        first = next(header for header in found if header != common)
        listed = ", ".join(odd[:3]) + (f" and {len(odd) - 3} more" if len(odd) > 3 else "")
        raise FormatError(
            f"the slices in {path} differ: most are {_show(common)}, but {listed} {_show(first)}: remove or redo them"
        )
    (plane, dtype), depth = found[0], len(files)

    def read_files(box: Box) -> NDArray[Any]:
        return np.stack([_decoded(files[z])[box[1:]] for z in range(box[0].start, box[0].stop)])

    data = LazyArray(read_files, (depth, *plane), dtype, chunks=(1, *plane), name=str(path))
    metadata = {"slices": f"{files[0].name} to {files[-1].name}", "notes": notes}
    return Volume(data, name=path.name, metadata=metadata)


def _files(folder: Path, pattern: str | None) -> tuple[list[Path], list[str]]:
    """Return the slices in natural order, and what is to be said of them."""
    entries = [item for item in folder.iterdir() if item.is_file() and not item.name.startswith(".")]
    images = [item for item in entries if item.suffix.lower() in (*_TIFF, *_PNG)]
    if pattern is not None:
        images = [item for item in images if fnmatch(item.name, pattern)]
        if not images:
            raise FormatError(f"no TIFF or PNG in {folder} matches {pattern!r}: check the pattern")
    if not images:
        held = f"{len(entries)} other files" if entries else "no files"
        raise FormatError(f"{folder} holds no slices (TIFF or PNG), but {held}: give a folder of slices or a file")
    suffixes = Counter("PNG" if item.suffix.lower() in _PNG else "TIFF" for item in images)
    if len(suffixes) > 1:
        counts = " and ".join(f"{number} {kind}" for kind, number in suffixes.items())
        raise FormatError(f"{folder} holds {counts} files: say which are the slices, as dataset='*.tif'")
    files = sorted(images, key=lambda item: natural_key(item.name))
    notes = []
    gap = _gap([item.name for item in files])
    if gap:
        notes.append(gap)
        logger.warning("%s: %s", folder, gap)
    others = len(entries) - len(files)
    if others:
        notes.append(f"{others} other files in the folder were left out")
    return files, notes


def _gap(names: list[str]) -> str | None:
    """Say where the numbers in the names do not go on evenly."""
    parts = [re.split(r"(\d+)", name) for name in names]
    if len({len(part) for part in parts}) != 1:
        return None
    columns = [i for i in range(len(parts[0])) if len({part[i] for part in parts}) > 1]
    if len(columns) != 1 or columns[0] % 2 == 0:
        return None
    numbers = np.array([int(part[columns[0]]) for part in parts])
    steps = np.diff(numbers)
    odd = np.flatnonzero(steps != np.bincount(steps).argmax())
    if not odd.size:
        return None
    return f"slice numbers jump from {numbers[odd[0]]} to {numbers[odd[0] + 1]}: slices may be missing"


def _header(file: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype of one slice without decoding it."""
    if file.stat().st_size == 0:
        raise FormatError(f"{file} is empty (0 bytes): copy or export it again")
    if file.suffix.lower() in _PNG:
        return _png_header(file)
    try:
        plane, dtype = tiff.plane_shape(file)
    except VolcorrError:
        raise
    except Exception as error:  # whatever tifffile raises on damaged data
        raise FormatError(f"{file} is a damaged TIFF ({one_line(error)}): copy or export it again") from error
    return plane, dtype


def _png_header(file: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read the header chunk (PNG specification, section 11.2.1)."""
    with file.open("rb") as stream:
        head = stream.read(26)
    if len(head) < 26 or head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        raise FormatError(f"{file} is not a PNG as its name says: export it again")
    width, height, bits, colour = struct.unpack(">IIBB", head[16:26])
    if colour != 0:
        kind = {4: "a grey image with transparency"}.get(colour, "a colour image")
        raise FormatError(f"{file} is {kind}: convert to grey first")
    return (height, width), np.dtype(np.uint16 if bits == 16 else np.uint8)


def _decoded(file: Path) -> NDArray[Any]:
    if file.suffix.lower() in _TIFF:
        return tiff.read_plane(file)
    from imagecodecs import png_decode

    image: NDArray[Any] = png_decode(file.read_bytes())
    return image


def _show(header: tuple[tuple[int, ...], np.dtype[Any]]) -> str:
    return " x ".join(map(str, header[0])) + f" {header[1]}"
