"""DigitalMicrograph (DM3 and DM4): images and stacks of Gatan's cameras, read only.

A file is a tree of named tags behind a header in big-endian order; what the tags hold is in the order that the header
says. The layout is not published by its maker; it is described by C. Boothroyd and B. Schaffer, "Digital Micrograph 3
file format", https://personal.ntu.edu.sg/cbb/info/dmformat/.
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from volio.errors import FormatError
from volio.formats.checks import check_axes, check_bytes
from volio.formats.registry import ReadOptions
from volio.formats.sizes import Size, stated_size
from volio.lazy import LazyArray
from volio.units import length_unit
from volio.volume import Volume

__all__ = ["read"]

#: Codes of simple values in tags, and of what is made of them.
_SIMPLE: Final = {2: "i2", 3: "i4", 4: "u2", 5: "u4", 6: "f4", 7: "f8", 8: "u1", 9: "i1", 10: "u1", 11: "i8", 12: "u8"}
_STRUCT, _STRING, _ARRAY = 15, 18, 20
_DATA, _GROUP = 21, 20
#: Grey values by the code of an image.
_GREY: Final = {1: "i2", 2: "f4", 6: "u1", 7: "i4", 9: "i1", 10: "u2", 11: "u4", 12: "f8", 14: "u1"}
#: Tags within tags; more is no file of this kind.
_DEEPEST = 64
#: Values of an array that are read at once; longer ones stay on disk.
_SHORT = 256


@dataclass(frozen=True)
class _Stored:
    """An array that stays in the file: where it begins, its type, its length."""

    offset: int
    kind: str
    length: int


def read(path: Path, options: ReadOptions) -> Volume:
    """Open the stack of images of a file as a memory map."""
    tags, order = _read_tags(path)
    found = [image for image in _values(tags.get("ImageList")) if isinstance(image, dict)]
    stacks = [image for image in found if len(_dimensions(image)) == 3]
    if not stacks:
        shapes = ", ".join(" x ".join(map(str, _dimensions(image)[::-1])) for image in found) or "none"
        raise FormatError(f"{path} holds no stack of images (images: {shapes}): a volume needs three axes")
    image = stacks[-1]["ImageData"]  # small copies for the eye come first
    code, stored = image.get("DataType"), image.get("Data")
    if code not in _GREY or not isinstance(stored, _Stored):
        known = ", ".join(map(str, _GREY))
        raise FormatError(f"{path} has images of the type {code}, which is no grey value: readable are {known}")
    nx, ny, nz = _dimensions(stacks[-1])
    shape, dtype = (nz, ny, nx), np.dtype(order + _GREY[code])
    if stored.length * np.dtype(stored.kind).itemsize != math.prod(shape) * dtype.itemsize:
        raise FormatError(f"{path} says {shape} voxels of {dtype}, and holds {stored.length} values: export it again")
    check_axes(path, shape, dtype)
    check_bytes(path, shape, dtype, stored.offset)
    notes: list[str] = []
    data: Any = np.memmap(path, dtype, "r", stored.offset, shape)
    if not dtype.isnative:
        data = LazyArray.wrap(data, name=str(path))
    size = _voxel_size(image, notes)
    name = stacks[-1].get("Name")
    return Volume(data, size, metadata={"title": name if isinstance(name, str) else "", "notes": notes})


def _dimensions(image: dict[str, Any]) -> list[int]:
    """Return the numbers of pixels along x, y and the stack."""
    data = image.get("ImageData")
    sizes = _values(data.get("Dimensions")) if isinstance(data, dict) else []
    return [int(n) for n in sizes if isinstance(n, int)]


def _voxel_size(image: dict[str, Any], notes: list[str]) -> Size | None:
    """Return the voxel size; along the stack that of the pixels where no length is stated."""
    calibrations = image.get("Calibrations")
    axes = _values(calibrations.get("Dimension") if isinstance(calibrations, dict) else None)
    scales = [axis.get("Scale") for axis in axes[:3]]
    units = [axis.get("Units") if isinstance(axis.get("Units"), str) else "" for axis in axes[:3]]
    if len(scales) < 3 or length_unit(units[0]) is None:
        return None
    if length_unit(units[2]) is None:
        notes.append("the file states no distance between its images: that of the pixels is taken")
        scales[2], units[2] = scales[1], units[1]
    return stated_size(scales[::-1], units[::-1], notes, source="the DigitalMicrograph file")


def _values(group: Any) -> list[Any]:
    """Return what is in a group of tags, in its order."""
    return list(group.values()) if isinstance(group, dict) else []


def _read_tags(path: Path) -> tuple[dict[str, Any], str]:
    """Return the tags of a file, and the order of bytes of its values."""
    with path.open("rb") as file:
        try:
            (version,) = struct.unpack(">i", file.read(4))
            if version not in (3, 4):
                raise FormatError(f"{path} is not DigitalMicrograph 3 or 4 (version {version}): export it again")
            reader = _TagReader(file, wide=version == 4)
            reader.number()
            (flag,) = struct.unpack(">i", file.read(4))
            reader.order = "<" if flag == 1 else ">"
            return reader.group(0), reader.order
        except (struct.error, ValueError, OverflowError) as error:
            raise FormatError(f"{path} is damaged or truncated ({error}): copy or export it again") from error


class _TagReader:
    """Reads tags from a file; `wide` numbers of DM4 have eight bytes."""

    def __init__(self, file: BinaryIO, *, wide: bool) -> None:
        self.file, self.wide, self.order = file, wide, "<"
        self.end = Path(file.name).stat().st_size

    def number(self) -> int:
        """Read a count or a length."""
        size, code = (8, ">q") if self.wide else (4, ">i")
        value = int(struct.unpack(code, self.file.read(size))[0])
        if not 0 <= value <= self.end:
            raise ValueError(f"a length of {value} bytes in a file of {self.end}")
        return value

    def group(self, depth: int) -> dict[str, Any]:
        """Read the tags of a group; those without a name are numbered."""
        if depth > _DEEPEST:
            raise ValueError("tags within tags without an end")
        self.file.read(2)
        found: dict[str, Any] = {}
        for number in range(self.number()):
            kind, length = struct.unpack(">BH", self.file.read(3))
            name = self.file.read(length).decode("latin-1") or str(number)
            if self.wide:
                self.number()  # bytes of the tag
            if kind == _GROUP:
                found[name] = self.group(depth + 1)
            elif kind == _DATA:
                found[name] = self.data()
            else:
                raise ValueError(f"a tag of the kind {kind}")
        return found

    def data(self) -> Any:
        """Read what a tag holds."""
        if self.file.read(4) != b"%%%%":
            raise ValueError("a tag without its mark")
        layout = [self._layout_number() for _ in range(self.number())]
        if len(layout) == 1:
            return self._simple(layout[0])
        if layout and layout[0] == _STRUCT:
            return [self._simple(code) for code in layout[4::2]]
        if len(layout) == 2 and layout[0] == _STRING:
            return self._text(layout[1])
        if len(layout) == 3 and layout[0] == _ARRAY:
            return self._array(layout[1], layout[2])
        if len(layout) > 3 and layout[:2] == [_ARRAY, _STRUCT]:
            width = sum(np.dtype(self._kind(code)).itemsize for code in layout[5:-1:2])
            return self._skip(width * layout[-1])
        raise ValueError(f"a tag of the layout {layout[:4]}")

    def _layout_number(self) -> int:
        size, code = (8, ">q") if self.wide else (4, ">i")
        return int(struct.unpack(code, self.file.read(size))[0])

    def _kind(self, code: int) -> str:
        if code not in _SIMPLE:
            raise ValueError(f"a value of the type {code}")
        return self.order + _SIMPLE[code]

    def _simple(self, code: int) -> int | float:
        dtype = np.dtype(self._kind(code))
        value: int | float = np.frombuffer(self.file.read(dtype.itemsize), dtype, 1)[0].item()
        return value

    def _text(self, length: int) -> str:
        return self.file.read(2 * length).decode("utf-16-le" if self.order == "<" else "utf-16-be", "replace")

    def _array(self, code: int, length: int) -> Any:
        """Return a short array of 16 bits as text, as which names and units are kept; where any other one is."""
        kind = self._kind(code)
        if code == 4 and length <= _SHORT:
            return self._text(length)
        stored = _Stored(self.file.tell(), kind, length)
        self._skip(length * np.dtype(kind).itemsize)
        return stored

    def _skip(self, count: int) -> None:
        if not 0 <= count <= self.end - self.file.tell():
            raise ValueError(f"{count} bytes of values are not there")
        self.file.seek(count, 1)
