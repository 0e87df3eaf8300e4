"""Streams of numbers and words in an OLE2 compound file, the container of Xradia's formats."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import olefile
from numpy.typing import NDArray

from volio.errors import FormatError
from volio.lazy import one_line

__all__ = ["OleStreams"]

#: Larger numbers in a sector table mark ends and free sectors (MS-CFB, section 2.1).
_LARGEST_SECTOR = 0xFFFFFFFA
_LITTLE_ENDIAN = b"\xfe\xff"


class OleStreams:
    """An open OLE2 file; its streams may be read by several threads.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FormatError
        If it is damaged or truncated.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        with path.open("rb") as file:
            head = file.read(512)
        if len(head) < 512:
            raise FormatError(f"{path} is truncated: it ends within the OLE2 header: copy it again")
        if head[28:30] != _LITTLE_ENDIAN:
            raise FormatError(f"{path} is damaged: its OLE2 header is not little-endian: copy or export it again")
        try:
            self._ole = olefile.OleFileIO(path)
        except Exception as error:  # olefile raises what it meets in a damaged table
            raise FormatError(
                f"{path} is truncated or damaged ({one_line(error, length=80)}): copy or export it again"
            ) from error
        self._next = np.asarray(self._ole.fat, np.uint32)
        if np.any((self._next < _LARGEST_SECTOR) & (self._next >= self._ole.nb_sect)):
            self.close()
            raise FormatError(f"{path} is truncated: images lie beyond its end: copy or export it again")

    def close(self) -> None:
        """Close the file."""
        self._ole.close()

    def exists(self, name: str) -> bool:
        """Tell whether there is a stream or folder of this name."""
        return bool(self._ole.exists(name))

    def size(self, name: str) -> int:
        """Return how many bytes a stream has."""
        return int(self._ole.get_size(name))

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return the bytes of a stream, or those from `start` to `stop`.

        Of a stream whose sectors follow each other, as those of images do, only that part is read.

        Raises
        ------
        FormatError
            If it cannot be read.
        """
        try:
            offset = self._offset(name)
            with self._lock:
                if offset is None:
                    return bytes(self._ole.openstream(name).getvalue())[start:stop]
                self._ole.fp.seek(offset + start)
                return bytes(self._ole.fp.read((self.size(name) if stop is None else stop) - start))
        except Exception as error:  # olefile raises what it meets in a damaged table
            raise FormatError(
                f"{self.path} is damaged: stream {name} cannot be read ({one_line(error, length=80)}): copy it again"
            ) from error

    def _offset(self, name: str) -> int | None:
        """Return where a stream begins in the file if its sectors follow each other, else None."""
        entry = self._ole.root
        for part in name.split("/"):
            entry = entry.kids_dict[part.lower()]
        if entry.size < self._ole.minisectorcutoff:
            return None
        first, sectors = int(entry.isectStart), -(-entry.size // self._ole.sectorsize)
        following = np.arange(first + 1, first + sectors)
        if not np.array_equal(self._next[first : first + sectors - 1], following):
            return None
        return (first + 1) * int(self._ole.sectorsize)

    def numbers(self, name: str, dtype: str) -> NDArray[Any]:
        """Return the numbers of a stream; none where there is no such stream."""
        if not self.exists(name):
            return np.empty(0, dtype)
        data = self.read(name)
        kind = np.dtype(dtype)
        return np.frombuffer(data[: len(data) - len(data) % kind.itemsize], kind)

    def floats(self, name: str) -> NDArray[np.float64]:
        """Return the real numbers (float32) of a stream."""
        return self.numbers(name, "<f4").astype(np.float64)

    def integer(self, name: str) -> int | None:
        """Return the first whole number (int32) of a stream, or None."""
        values = self.numbers(name, "<i4")
        return int(values[0]) if values.size else None

    def real(self, name: str) -> float | None:
        """Return the first real number (float32) of a stream if it is finite, or None."""
        values = self.floats(name)
        return float(values[0]) if values.size and np.isfinite(values[0]) else None

    def words(self, name: str, number: int = 1) -> list[str]:
        """Return texts that are stored in `number` fields of equal length, each ended by a zero byte."""
        data = self.read(name) if self.exists(name) else b""
        length = len(data) // max(number, 1)
        fields = [data[i * length : (i + 1) * length] for i in range(number if length else 0)]
        return [field.split(b"\0", 1)[0].decode("latin-1").strip() for field in fields]
