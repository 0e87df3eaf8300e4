"""Fixtures of the tests of scans: OLE2 files in the layout of Xradia, written as small as they can be."""

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

MINI, CUTOFF = 64, 4096
FREE, END, FAT_SECTOR = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
STORAGE, STREAM, ROOT = 1, 2, 5


class _Entry:
    """One entry of the directory of an OLE2 file."""

    def __init__(self, name: str, kind: int) -> None:
        self.name, self.kind = name, kind
        self.left = self.right = self.child = FREE
        self.start, self.size = END, 0
        self.children: dict[str, _Entry] = {}

    def packed(self) -> bytes:
        name = self.name.encode("utf-16-le") + b"\0\0"
        head = name.ljust(64, b"\0") + struct.pack("<HBB", len(name), self.kind, 1)
        return (
            head
            + struct.pack("<III", self.left, self.right, self.child)
            + bytes(36)
            + struct.pack("<IQ", self.start, self.size)
        )


def _balanced(entries: list[tuple[int, _Entry]]) -> int:
    """Link siblings as a balanced tree; return the number of its root."""
    if not entries:
        return FREE
    middle = len(entries) // 2
    number, entry = entries[middle]
    entry.left, entry.right = _balanced(entries[:middle]), _balanced(entries[middle + 1 :])
    return number


def _chained(table: list[int], count: int) -> int:
    """Append a chain of `count` sectors to a sector table; return its first sector."""
    start = len(table)
    table += [*range(start + 1, start + count), END] if count else []
    return start if count else END


def pack_ole(streams: dict[str, bytes], sector: int = 4096) -> bytes:
    """Return an OLE2 file (MS-CFB, version 4 with sectors of 4096 bytes, 3 with 512) of streams "folder/name"."""
    root = _Entry("Root Entry", ROOT)
    entries = [root]
    holders: dict[int, bytes] = {}
    for path, data in streams.items():
        folder = root
        *parents, name = path.split("/")
        for part in parents:
            if part not in folder.children:
                folder.children[part] = _Entry(part, STORAGE)
                entries.append(folder.children[part])
            folder = folder.children[part]
        entry = folder.children[name] = _Entry(name, STREAM)
        entries.append(entry)
        entry.size = len(data)
        holders[id(entry)] = data
    numbers = {id(entry): number for number, entry in enumerate(entries)}
    for entry in entries:
        ordered = sorted(entry.children.values(), key=lambda item: (len(item.name), item.name.upper()))
        entry.child = _balanced([(numbers[id(item)], item) for item in ordered])

    fat: list[int] = []
    minifat: list[int] = []
    body, mini = bytearray(), bytearray()
    for entry in entries:
        data = holders.get(id(entry), b"")
        small = len(data) < CUTOFF
        table, store, size = (minifat, mini, MINI) if small else (fat, body, sector)
        entry.start = _chained(table, math.ceil(len(data) / size))
        store += data.ljust(math.ceil(len(data) / size) * size, b"\0")
    pieces = [bytes(mini), b"".join(struct.pack("<I", n) for n in minifat), b"".join(e.packed() for e in entries)]
    root.start, root.size = len(fat), len(mini)
    pieces[2] = b"".join(e.packed() for e in entries)
    starts = []
    for piece, filler in zip(pieces, (b"\0", b"\xff", b"\0"), strict=True):
        starts.append(_chained(fat, math.ceil(len(piece) / sector)))
        body += piece.ljust(math.ceil(len(piece) / sector) * sector, filler)
    sectors = 1
    while (len(fat) + sectors) * 4 > sectors * sector:
        sectors += 1
    places = list(range(len(fat), len(fat) + sectors))
    fat += [FAT_SECTOR] * sectors
    table = b"".join(struct.pack("<I", n) for n in fat).ljust(sectors * sector, b"\xff")
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + struct.pack("<HHHHH6x", 0x3E, *((4, 0xFFFE, 12) if sector == 4096 else (3, 0xFFFE, 9)), 6)
    )
    header += struct.pack("<IIIIIII", 0, sectors, starts[2], 0, CUTOFF, starts[1], math.ceil(len(minifat) * 4 / sector))
    header += struct.pack("<II", END, 0) + struct.pack("<109I", *(places + [FREE] * (109 - sectors)))
    return header.ljust(sector, b"\0") + bytes(body) + table


def xradia_streams(images: np.ndarray, **changes: Any) -> dict[str, bytes]:
    """Return the streams of an Xradia file; `changes` are further or other streams (None: left out)."""
    number, rows, columns = images.shape
    codes = {"uint8": 3, "uint16": 5, "float32": 10, "int16": 4}

    def whole(value: int) -> bytes:
        return struct.pack("<i", value)

    streams = {
        f"ImageData{k // 100 + 1}/Image{k + 1}": image.astype(image.dtype.newbyteorder("<")).tobytes()
        for k, image in enumerate(images)
    }
    streams |= {
        "ImageInfo/NoOfImages": whole(number),
        "ImageInfo/ImagesTaken": whole(number),
        "ImageInfo/ImageWidth": whole(columns),
        "ImageInfo/ImageHeight": whole(rows),
        "ImageInfo/DataType": whole(codes[images.dtype.name]),
        "ImageInfo/PixelSize": struct.pack("<f", 0.065),
        "ImageInfo/Angles": np.linspace(-90, 90, number).astype("<f4").tobytes(),
        "ImageInfo/ExpTimes": np.full(number, 5, "<f4").tobytes(),
        "ImageInfo/XrayGeometry": whole(2),
    }
    for name, value in changes.items():
        path = name.replace("__", "/").replace("_Shifts", "-Shifts")
        if value is None:
            streams.pop(path, None)
        elif isinstance(value, int):
            streams[path] = whole(value)
        elif isinstance(value, float):
            streams[path] = struct.pack("<f", value)
        else:
            streams[path] = value if isinstance(value, bytes) else np.asarray(value).tobytes()
    return streams


@pytest.fixture
def write_txrm(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes an Xradia file of some images, with streams changed."""

    def write(images: np.ndarray, name: str = "scan.txrm", sector: int = 4096, **changes: Any) -> Path:
        path = tmp_path / name
        path.write_bytes(pack_ole(xradia_streams(images, **changes), sector))
        return path

    return write


@pytest.fixture
def images() -> np.ndarray:
    """Return five uint16 images of 40 x 60 pixels, each pixel different."""
    return (np.arange(5 * 40 * 60) % 65521).astype(np.uint16).reshape(5, 40, 60)
