"""Volumes that stay on disk: slabs are read when asked for."""

import math
import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volio.errors import FormatError, InputError, VolcorrError
from volio.memory_maps import opened, portable

__all__ = ["LAZY_BYTES", "LazyArray", "crop_array", "file_bytes", "is_lazy", "load", "one_line", "slab_depth", "slabs"]

#: Volumes larger than this stay on disk unless asked otherwise (bytes).
LAZY_BYTES = 256 * 2**20

Box = tuple[slice, ...]


class LazyArray:
    """An array on disk that reads what is indexed, and nothing else.

    Parameters
    ----------
    read : callable
        Takes a tuple of slices, one an axis, each with start and stop inside the array and step 1, and
        returns that part as an array. May be called by several threads at once.
    shape : sequence of int
        Shape of the whole.
    dtype : dtype
        Type of the values given out; what `read` returns is converted (so big-endian files become native).
    chunks : sequence of int, optional
        The piece that is cheap to read: a slice of a stack, a chunk of a chunked file.
    name : str, optional
        What error messages call it, as a rule the path.
    close : callable, optional
        Closes the file. Called when the array is no longer used.

    Notes
    -----
    An array that `volio.read` gave can be pickled: what is sent is its place on disk, where the other process opens
    it again. So can its crops, transposes, and maps by a picklable function.
    """

    #: Opens the same array in another process; set by `volio.read`.
    reopen: "Callable[[], Any] | None" = None

    def __init__(
        self,
        read: Callable[[Box], Any],
        shape: Sequence[int],
        dtype: Any,
        *,
        chunks: Sequence[int] | None = None,
        name: str = "array",
        close: Callable[[], object] | None = None,
    ) -> None:
        self._read = read
        self.shape = tuple(int(n) for n in shape)
        self.dtype: np.dtype[Any] = np.dtype(dtype).newbyteorder("=")
        self.chunks = self.shape if chunks is None else tuple(int(n) for n in chunks)
        self.name = name
        self._finalizer = None if close is None else weakref.finalize(self, close)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of voxels."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the whole, if it were in memory."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __reduce__(self) -> tuple[Any, ...]:
        if self.reopen is not None:
            return _reopened, (self.reopen, self.shape, self.dtype)
        return _restored, (self._read, self.shape, self.dtype, self.chunks, self.name)

    def __repr__(self) -> str:
        return f"LazyArray({self.name!r}, shape={self.shape}, dtype={self.dtype})"

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read a part, indexed by integers, slices and Ellipsis, as a NumPy array (or scalar array)."""
        box, inner = _split_key(key, self.shape)
        step = abs(inner[0].step or 1) if isinstance(inner[0], slice) else 1
        if step > 1 and math.prod(s.stop - s.start for s in box) > 0:
            # each plane by itself: what lies between is not read
            planes = range(box[0].start, box[0].stop)[inner[0]]
            return np.stack([self._part((slice(z, z + 1), *box[1:]))[(0, *inner[1:])] for z in planes])
        part: NDArray[Any] = self._part(box)[inner]
        return part

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a LazyArray is read from disk: it cannot be given without a copy")
        whole = self._part(tuple(slice(0, n) for n in self.shape))
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def _part(self, box: Box) -> NDArray[Any]:
        expected = tuple(s.stop - s.start for s in box)
        if 0 in expected:
            return np.empty(expected, self.dtype)
        try:
            part = np.asarray(self._read(box))
        except (VolcorrError, MemoryError):
            raise
        except Exception as error:  # whatever a decoder raises on damaged data
            raise FormatError(
                f"{self.name} is damaged or was changed at z {box[0].start}:{box[0].stop}: {one_line(error)}"
            ) from error
        if part.shape != expected:
            raise FormatError(
                f"{self.name} is damaged or was changed: z {box[0].start}:{box[0].stop} has shape "
                f"{part.shape}, expected {expected}"
            )
        return part.astype(self.dtype, copy=False)

    def crop(self, box: Box) -> "LazyArray":
        """Return the part inside `box` (slices with start and stop), still on disk."""
        shape = [s.stop - s.start for s in box]
        chunks = [min(c, n) for c, n in zip(self.chunks, shape, strict=True)]
        read = _Crop(self, tuple(s.start for s in box))
        return LazyArray(read, shape, self.dtype, chunks=chunks, name=self.name)

    def transpose(self, order: Sequence[int]) -> "LazyArray":
        """Return the array with its axes in another order, still on disk."""
        shape, chunks = ([values[i] for i in order] for values in (self.shape, self.chunks))
        return LazyArray(_Transpose(self, tuple(order)), shape, self.dtype, chunks=chunks, name=self.name)

    def map(self, function: Callable[[NDArray[Any]], NDArray[Any]], dtype: Any) -> "LazyArray":
        """Return the array with `function` applied to each part when it is read."""
        return LazyArray(_Map(self, function), self.shape, dtype, chunks=self.chunks, name=self.name)

    def close(self) -> None:
        """Close the file; nothing can be read afterwards."""
        if self._finalizer is not None:
            self._finalizer()

    @classmethod
    def wrap(cls, data: Any, *, name: str = "array", dtype: Any = None) -> "LazyArray":
        """Return a LazyArray of anything with a shape, a dtype and indexing by slices."""
        if isinstance(data, LazyArray):
            return data
        chunks = getattr(data, "chunks", None)
        if not (isinstance(chunks, tuple) and all(isinstance(n, int) for n in chunks)):
            chunks = (1, *data.shape[1:])
        return cls(_Index(data), data.shape, dtype or data.dtype, chunks=chunks, name=name)


@dataclass(frozen=True)
class _Crop:
    """Reads a part of a part."""

    source: LazyArray
    starts: tuple[int, ...]

    def __call__(self, box: Box) -> NDArray[Any]:
        return self.source._part(tuple(slice(a + s.start, a + s.stop) for a, s in zip(self.starts, box, strict=True)))


@dataclass(frozen=True)
class _Transpose:
    """Reads with the axes in another order."""

    source: LazyArray
    order: tuple[int, ...]

    def __call__(self, box: Box) -> NDArray[Any]:
        stored = tuple(box[self.order.index(axis)] for axis in range(len(box)))
        return np.ascontiguousarray(self.source._part(stored).transpose(self.order))


@dataclass(frozen=True)
class _Map:
    """Reads and applies a function."""

    source: LazyArray
    function: Callable[[NDArray[Any]], NDArray[Any]]

    def __call__(self, box: Box) -> NDArray[Any]:
        return self.function(self.source._part(box))


@dataclass
class _Index:
    """Reads from anything that is indexed by slices."""

    source: Any

    def __call__(self, box: Box) -> Any:
        return self.source[box]

    def __getstate__(self) -> dict[str, Any]:
        return {"source": portable(self.source)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.source = opened(state["source"])


def _reopened(reopen: Callable[[], Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Open an array again, in the process that unpickles it."""
    data = reopen()
    if (data.shape, data.dtype) != (shape, dtype):
        name = getattr(data, "name", "the volume")
        raise FormatError(f"{name} was changed: it was {dtype} {shape} and is now {data.dtype} {data.shape}")
    return data


def _restored(
    read: Callable[[Box], Any], shape: tuple[int, ...], dtype: Any, chunks: tuple[int, ...], name: str
) -> LazyArray:
    return LazyArray(read, shape, dtype, chunks=chunks, name=name)


def _split_key(key: Any, shape: tuple[int, ...]) -> tuple[Box, tuple[Any, ...]]:
    """Return the box to read, and the key to be applied to it."""
    keys = list(key) if isinstance(key, tuple) else [key]
    if any(k is Ellipsis for k in keys):
        place = next(i for i, k in enumerate(keys) if k is Ellipsis)
        keys[place : place + 1] = [slice(None)] * (len(shape) - len(keys) + 1)
    keys += [slice(None)] * (len(shape) - len(keys))
    if len(keys) != len(shape):
        raise IndexError(f"too many indices: the volume has {len(shape)} axes, got {len(keys)}")
    box: list[slice] = []
    inner: list[Any] = []
    for k, n in zip(keys, shape, strict=True):
        if isinstance(k, slice):
            indices = range(*k.indices(n))
            low, high = (min(indices[0], indices[-1]), max(indices[0], indices[-1]) + 1) if indices else (0, 0)
            box.append(slice(low, high))
            inner.append(slice(None, None, indices.step))
        elif hasattr(k, "__index__"):
            i = k.__index__()
            if not -n <= i < n:
                raise IndexError(f"index {i} is outside an axis of {n}")
            box.append(slice(i % n, i % n + 1))
            inner.append(0)
        else:
            raise IndexError(f"a volume on disk is indexed by integers and slices, got {type(k).__name__}: load it")
    return tuple(box), tuple(inner)


def is_lazy(data: Any) -> bool:
    """Tell whether the voxels are on disk (a memory map counts) rather than in memory."""
    base = data
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return True
        base = base.base
    return not isinstance(data, np.ndarray)


def crop_array(data: Any, box: Box) -> Any:
    """Return the part of `data` inside `box` (slices with start and stop) without reading it."""
    if isinstance(data, np.ndarray) or type(data).__module__.startswith("dask"):
        return data[box]
    return LazyArray.wrap(data).crop(box)


def slab_depth(data: Any, *, nbytes: int = 64 * 2**20) -> int:
    """Return how many planes make a slab of about `nbytes`: whole chunks where they fit."""
    depth, *plane = data.shape
    planes = max(1, nbytes // max(math.prod(plane) * np.dtype(data.dtype).itemsize, 1))
    chunks = getattr(data, "chunks", None)
    chunk = chunks[0] if chunks and isinstance(chunks[0], int) else 1
    # a chunk deeper than a slab may be is read more than once: that costs time, not memory
    whole = planes - planes % chunk if 0 < chunk <= planes else planes
    return int(min(whole, depth))


def slabs(data: Any, *, depth: int | None = None) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Yield (range of z, NumPy array) for slabs of `depth` planes, or of about 64 MiB."""
    step = depth or slab_depth(data)
    for start in range(0, data.shape[0], step):
        z = slice(start, min(start + step, data.shape[0]))
        yield z, np.ascontiguousarray(data[z])


def one_line(error: BaseException | str, *, length: int = 200) -> str:
    """Return a message of third parties as one short line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= length else text[: length - 3] + "..."


def load(data: Any, *, name: str = "volume") -> NDArray[Any]:
    """Return all voxels as a NumPy array in memory, and close the file.

    Raises
    ------
    InputError
        If they do not fit into memory.
    """
    if isinstance(data, np.ndarray) and not is_lazy(data):
        return data
    try:
        loaded = np.array(data) if isinstance(data, np.ndarray) else np.asarray(data)
    except MemoryError as error:
        size = math.prod(data.shape) * np.dtype(data.dtype).itemsize
        raise InputError(
            f"{name} takes {size / 1e9:.1f} GB, more than fits into memory: crop it, or keep it on disk"
        ) from error
    if isinstance(data, LazyArray):
        data.close()
    return loaded


def file_bytes(path: str | os.PathLike[str]) -> int:
    """Return the size of a file in bytes."""
    return os.stat(path).st_size
