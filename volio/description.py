"""What a volume is: the answer of ``volcorr info``."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volio.errors import InputError
from volio.lazy import LAZY_BYTES, slabs
from volio.reading import read
from volio.volume import Volume

__all__ = ["VolumeInfo", "describe"]

#: Bytes that are read at most to sample the grey values of a large volume.
SAMPLE_BYTES = 256 * 2**20
_MOST_PIECES = 32


@dataclass(frozen=True)
class VolumeInfo:
    """Size, grey values and history of a volume; ``str(info)`` gives lines of text.

    Attributes
    ----------
    path, name, format : str
        Where it is, and as what.
    shape : 3 ints
        Voxels along z, y, x.
    dtype : str
        Type of the voxels.
    voxel_size, origin : 3 floats
        In `unit`, z, y, x; the voxel size is None when not stated.
    extent : 3 floats or None
        Physical size in `unit`.
    unit : str
        Unit of length.
    nbytes : int
        Bytes of all voxels, uncompressed.
    lowest, highest, mean : float
        Of the finite grey values; NaN when there are none.
    nan_share, inf_share : float
        Share of voxels that are NaN, or infinite.
    sampled : str
        Which part the grey values are from; empty when from all voxels.
    metadata : dict
        What the file knew.
    notes : tuple of str
        What a user should be told.
    """

    path: str
    name: str
    format: str
    shape: tuple[int, int, int]
    dtype: str
    voxel_size: tuple[float, float, float] | None
    unit: str
    origin: tuple[float, float, float]
    extent: tuple[float, float, float] | None
    nbytes: int
    lowest: float
    highest: float
    mean: float
    nan_share: float
    inf_share: float
    sampled: str
    metadata: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def rows(self) -> list[tuple[str, str]]:
        """Return (title, text) pairs, ready for a table."""
        grey = "no finite values"
        if math.isfinite(self.lowest):
            grey = f"{self.lowest:.6g} to {self.highest:.6g}, mean {self.mean:.6g}"
        size = "not stated" if self.voxel_size is None else f"{_times(self.voxel_size)} {self.unit}"
        rows = [
            ("file", self.path),
            ("format", self.format),
            ("shape (z, y, x)", f"{_times(self.shape)} voxels"),
            ("type", f"{self.dtype}, {_bytes(self.nbytes)}"),
            ("voxel size", size),
            ("physical size", "" if self.extent is None else f"{_times(self.extent)} {self.unit}"),
            ("origin", f"{_times(self.origin, ', ')} {self.unit if self.voxel_size else 'voxels'}"),
            ("grey values", grey + (f" ({self.sampled})" if self.sampled else "")),
            ("NaN, infinite", f"{self.nan_share:.3%}, {self.inf_share:.3%}"),
        ]
        if not any(self.origin):
            rows = [row for row in rows if row[0] != "origin"]
        if not (self.nan_share or self.inf_share):
            rows = [row for row in rows if row[0] != "NaN, infinite"]
        rows += [(key.replace("_", " "), _short(value)) for key, value in self.metadata.items()]
        rows += [("note", note) for note in self.notes]
        return [row for row in rows if row[1]]

    def __str__(self) -> str:
        rows = self.rows()
        width = max(len(title) for title, _ in rows)
        return "\n".join(f"{title:<{width}}  {text}" for title, text in rows)


def describe(volume: Volume | str | os.PathLike[str], **read_options: Any) -> VolumeInfo:
    """Describe a volume or a file; a large one is sampled, not read.

    Parameters
    ----------
    volume : Volume or path
        What to describe.
    **read_options
        Options of `volio.read`, when a path is given.

    Returns
    -------
    VolumeInfo
        Grey values from all voxels up to 256 MB, else from pieces spread over the volume.

    Raises
    ------
    FormatError, InputError
        As `volio.read`.
    """
    if not isinstance(volume, Volume):
        volume = read(volume, lazy=True, **read_options)
    elif read_options:
        raise InputError(f"{', '.join(read_options)} belong to reading a file, but a Volume was given")
    counts, sampled = _grey_values(volume)
    metadata = dict(volume.metadata)
    notes = tuple(metadata.pop("notes", ()))
    total = max(counts.total, 1)
    return VolumeInfo(
        path=str(metadata.pop("path", "")),
        name=volume.name,
        format=str(metadata.pop("format", "")),
        shape=volume.shape,
        dtype=volume.dtype.name,
        voxel_size=volume.voxel_size,
        unit=volume.unit,
        origin=volume.origin,
        extent=volume.extent,
        nbytes=volume.nbytes,
        lowest=counts.lowest if counts.finite else math.nan,
        highest=counts.highest if counts.finite else math.nan,
        mean=counts.sum / counts.finite if counts.finite else math.nan,
        nan_share=counts.nan / total,
        inf_share=(counts.total - counts.finite - counts.nan) / total,
        sampled=sampled,
        metadata=metadata,
        notes=notes,
    )


@dataclass
class _Counts:
    total: int = 0
    finite: int = 0
    nan: int = 0
    sum: float = 0.0
    lowest: float = math.inf
    highest: float = -math.inf

    def add(self, part: NDArray[Any]) -> None:
        self.total += part.size
        values = part
        if part.dtype.kind == "f":
            finite = np.isfinite(part)
            self.nan += int(np.count_nonzero(np.isnan(part)))
            values = part if finite.all() else part[finite]
        if values.size:
            self.finite += values.size
            self.sum += float(values.sum(dtype=np.float64))
            self.lowest = min(self.lowest, float(values.min()))
            self.highest = max(self.highest, float(values.max()))


def _grey_values(volume: Volume) -> tuple[_Counts, str]:
    counts = _Counts()
    if volume.nbytes <= LAZY_BYTES or not volume.is_lazy:
        for _, slab in slabs(volume.data):
            counts.add(slab)
        return counts, ""
    pieces = list(_pieces(volume))
    for piece in pieces:
        counts.add(np.asarray(volume.data[piece]))
    depth, height, width = (s.stop - s.start for s in pieces[0])
    if (height, width) == volume.shape[1:] and depth == 1:
        return counts, f"sampled: {len(pieces)} of {volume.shape[0]} slices"
    return counts, f"sampled: {len(pieces)} pieces of {depth} x {height} x {width} voxels"


def _pieces(volume: Volume) -> Iterator[tuple[slice, slice, slice]]:
    """Yield pieces that are cheap to read, evenly along z and spread over the planes."""
    chunks = getattr(volume.data, "chunks", None) or (1, *volume.shape[1:])
    sides = [min(int(c), n) for c, n in zip(chunks, volume.shape, strict=True)]
    nbytes = math.prod(sides) * volume.dtype.itemsize
    grid = [math.ceil(n / side) for n, side in zip(volume.shape, sides, strict=True)]
    number = int(min(_MOST_PIECES, max(SAMPLE_BYTES // nbytes, 1), math.prod(grid)))
    for index in range(number):
        # steps by the plastic number fill a plane evenly (M. Roberts' R2 sequence)
        shares = ((index + 0.5) / number, (0.5 + 0.7548776662 * index) % 1, (0.5 + 0.5698402910 * index) % 1)
        z, y, x = (int(share * n) * side for share, n, side in zip(shares, grid, sides, strict=True))
        depth, height, width = sides
        yield slice(z, z + depth), slice(y, y + height), slice(x, x + width)


def _times(values: tuple[Any, ...], sign: str = " x ") -> str:
    return sign.join(f"{value:.6g}" if isinstance(value, float) else str(value) for value in values)


def _bytes(number: int) -> str:
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= factor:
            return f"{number / factor:.3g} {unit}"
    return f"{number} bytes"


def _short(value: Any) -> str:
    if isinstance(value, dict):
        value = ", ".join(f"{key} {item}" for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        value = ", ".join(f"{item:.6g}" if isinstance(item, float) else str(item) for item in value)
    text = " ".join(str(value).split())
    return text if len(text) <= 200 else text[:197] + "..."
