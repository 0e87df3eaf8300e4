"""Windows: the part of a volume that a block of points needs, as the kernels read it.

A window may reach beyond the volume. What is missing there, bad voxels (not finite) and voxels outside a mask are
marked by NaN; a subset uses the voxels that remain.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy import ndimage

from volcorr.interpolation import Spline, prefilter
from volio.blocks import run_blocks
from volio.simd import LANES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Box", "Grey", "ReferenceWindow", "Voxels", "read_coefficients", "read_reference"]

#: Distance at which a bad voxel, replaced by the mean, no longer changes the coefficients (0.27^4 = 0.005).
BAD_REACH = 4
#: Slices that are filtered at once.
SLAB = 48


class Voxels(Protocol):
    """An array, or what gives one by slicing."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Edges along z, y, x."""
        ...

    def __getitem__(self, key: Any) -> Any:
        """Read a part."""
        ...


@dataclass(frozen=True, eq=False)
class Grey:
    """Grey values of a volume and how to normalise them.

    Attributes
    ----------
    voxels : array-like
        (z, y, x), of any numeric type.
    mean, std : float
        Of the finite values; normalised values have zero mean and unit variance.
    complete : bool
        Whether all values are finite.
    mask : array-like or None
        (z, y, x), true (above zero) where voxels may be used.
    """

    voxels: Voxels
    mean: float
    std: float
    complete: bool
    mask: Voxels | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Edges along z, y, x."""
        z, y, x = self.voxels.shape
        return z, y, x


@dataclass(frozen=True)
class Box:
    """Voxels from `low` up to but not including `high`, along z, y, x; may reach beyond the volume."""

    low: tuple[int, int, int]
    high: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Edges."""
        z, y, x = (h - low for low, h in zip(self.low, self.high, strict=True))
        return z, y, x

    def grow(self, margin: int) -> "Box":
        """Return the box with a margin on all sides."""
        return self.pad((margin,) * 3, (margin,) * 3)

    def pad(self, before: tuple[int, ...], behind: tuple[int, ...]) -> "Box":
        """Return the box with other margins at its two ends."""
        z0, y0, x0 = (v - m for v, m in zip(self.low, before, strict=True))
        z1, y1, x1 = (v + m for v, m in zip(self.high, behind, strict=True))
        return Box((z0, y0, x0), (z1, y1, x1))

    def clip(self, shape: tuple[int, ...]) -> "Box":
        """Return the part inside a volume of that shape; at least one voxel along each axis."""
        low = [min(max(v, 0), n - 1) for v, n in zip(self.low, shape, strict=True)]
        high = [max(min(v, n), first + 1) for v, n, first in zip(self.high, shape, low, strict=True)]
        return Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))

    def slices(self, origin: tuple[int, int, int] = (0, 0, 0)) -> tuple[slice, slice, slice]:
        """Return the slices of the box in an array whose first voxel is at `origin`."""
        z, y, x = (slice(a - o, b - o) for a, b, o in zip(self.low, self.high, origin, strict=True))
        return z, y, x


@dataclass(frozen=True, eq=False)
class ReferenceWindow:
    """Grey values of the reference in a box that begins at `low`.

    Values are zero where missing; `absent` is NaN there, or None if none is missing; `inside` is the mask, if any.
    """

    values: "NDArray[np.float32]"
    absent: "NDArray[np.float32] | None"
    inside: "NDArray[np.bool_] | None"
    low: tuple[int, int, int]


def allocate(shape: tuple[int, int, int]) -> "NDArray[np.float32]":
    """Return an array in a buffer that goes on behind its end, as reading whole vectors needs."""
    size = int(np.prod(shape))
    buffer = np.empty(size + 2 * LANES, np.float32)
    buffer[size:] = 0.0
    return buffer[:size].reshape(shape)


def read_reference(grey: Grey, box: Box, *, threads: int | None = None) -> ReferenceWindow:
    """Read a window of the reference.

    A voxel cannot be used where itself or a neighbour that its gradient needs is missing.
    """
    values = allocate(box.shape)
    partial = not grey.complete or grey.mask is not None or box.clip(grey.shape) != box
    absent = allocate(box.shape) if partial else None
    inside = None if grey.mask is None else np.empty(box.shape, np.bool_)
    cross, core = ndimage.generate_binary_structure(3, 1), (slice(1, -1),) * 3

    def fill(planes: slice) -> bool:
        low, high = box.low[0] + planes.start, box.low[0] + planes.stop
        part = Box((low, *box.low[1:]), (high, *box.high[1:]))
        if absent is None:
            values[planes] = _read_normal(grey, part)[0]
            return False
        normal, missing = _read_normal(grey, part.grow(1))
        values[planes] = normal[core]
        gone = ndimage.binary_dilation(missing, cross)[core] if missing.any() else missing[core]
        if inside is not None:
            inside[planes] = ~_outside_mask(grey, part)
            gone = gone | ~inside[planes]
        absent[planes] = np.where(gone, np.float32(np.nan), np.float32(0.0))
        return bool(gone.any())

    gaps = any(run_blocks(fill, _slabs(box.shape[0]), threads=threads))
    return ReferenceWindow(values, absent if gaps else None, inside, box.low)


def read_coefficients(grey: Grey, box: Box, spline: Spline, *, threads: int | None = None) -> "NDArray[np.float32]":
    """Read a window of the deformed volume as B-spline coefficients, NaN where they are missing.

    The volume is mirrored at its faces; bad voxels are replaced by its mean and take their neighbours with them.
    """
    out = allocate(box.shape)
    inner = box.clip(grey.shape)
    if any(a >= b for a, b in zip(np.maximum(box.low, 0), np.minimum(box.high, grey.shape), strict=True)):
        out[:] = np.nan
        return out
    for axis in range(3):
        run = _run(inner, box, axis)
        beyond = np.moveaxis(out, axis, 0)
        beyond[: run.start], beyond[run.stop :] = np.nan, np.nan
    nz, _, nx = inner.shape
    top = inner.low[0] - box.low[0]

    def fill(planes: slice) -> None:
        low, high = inner.low[0] + planes.start, inner.low[0] + planes.stop
        part = Box((low, *inner.low[1:]), (high, *inner.high[1:]))
        # the filter works on vectors of eight
        wide = Box(part.low, (*part.high[:2], max(part.high[2], part.low[2] + LANES)))
        slab, missing = _read_mirrored(grey, wide.grow(spline.reach))
        values = np.empty(wide.shape, np.float32)
        prefilter(slab, spline, values)
        values = values[:, :, :nx]
        if missing is not None:
            near = ndimage.binary_dilation(missing, np.ones((3, 3, 3), bool), iterations=BAD_REACH)
            r = spline.reach
            values[near[r:-r, r:-r, r : r + nx]] = np.nan
        if grey.mask is not None:
            values[_outside_mask(grey, part)] = np.nan
        out[top + planes.start : top + planes.stop, _run(inner, box, 1), _run(inner, box, 2)] = values

    run_blocks(fill, _slabs(nz), threads=threads)
    return out


def _slabs(length: int) -> list[slice]:
    return [slice(start, min(start + SLAB, length)) for start in range(0, length, SLAB)]


def _run(inner: Box, box: Box, axis: int) -> slice:
    return slice(inner.low[axis] - box.low[axis], inner.high[axis] - box.low[axis])


def _normalise(grey: Grey, box: Box) -> "NDArray[np.float32]":
    raw = np.asarray(grey.voxels[box.slices()])
    if raw.dtype.itemsize <= 2 or raw.dtype == np.float32:
        values = raw.astype(np.float32)
        values -= np.float32(grey.mean)
        values *= np.float32(1.0 / grey.std)
        return values
    return np.asarray((raw.astype(np.float64) - grey.mean) / grey.std, np.float32)


def _read_normal(grey: Grey, box: Box) -> "tuple[NDArray[np.float32], NDArray[np.bool_]]":
    """Return normalised values, zero where missing, and where they are missing."""
    inner = box.clip(grey.shape)
    found = _normalise(grey, inner)
    if inner == box:
        values, missing = found, np.zeros(box.shape, np.bool_)
    else:
        values, missing = np.zeros(box.shape, np.float32), np.ones(box.shape, np.bool_)
        if all(a < b for a, b in zip(np.maximum(box.low, 0), np.minimum(box.high, grey.shape), strict=True)):
            values[inner.slices(box.low)] = found
            missing[inner.slices(box.low)] = False
    if not grey.complete:
        bad = ~np.isfinite(values)
        values[bad] = 0.0
        missing |= bad
    return values, missing


def _read_mirrored(grey: Grey, box: Box) -> "tuple[NDArray[np.float32], NDArray[np.bool_] | None]":
    """Return normalised values, mirrored at the faces of the volume, and where they are bad (None: nowhere)."""
    inner = box.clip(grey.shape)
    # a margin may be longer than the part that is mirrored into it
    low = tuple(min(a, max(0, 2 * (n - 1) - b + 1)) for a, b, n in zip(inner.low, box.high, grey.shape, strict=True))
    high = tuple(max(b, min(n, 1 - a)) for b, a, n in zip(inner.high, box.low, grey.shape, strict=True))
    inner = Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
    values = _normalise(grey, inner)
    for axis, (a, b, n) in enumerate(zip(box.low, box.high, grey.shape, strict=True)):
        index = np.arange(a, b)
        if a < 0 or b > n:
            period = 2 * max(n - 1, 1)
            index = np.abs((index + n - 1) % period - (n - 1)) if n > 1 else np.zeros_like(index)
        index = index - inner.low[axis]
        if len(index) != values.shape[axis] or index[0] != 0 or a < 0 or b > n:
            values = np.take(values, index, axis=axis)
    if grey.complete:
        return np.ascontiguousarray(values), None
    bad = ~np.isfinite(values)
    if not bad.any():
        return np.ascontiguousarray(values), None
    return np.where(bad, np.float32(0.0), values), bad


def _outside_mask(grey: Grey, box: Box) -> "NDArray[np.bool_]":
    """Tell which voxels of a box the mask forbids; those outside the volume count as allowed."""
    gone = np.zeros(box.shape, np.bool_)
    if grey.mask is not None:
        inner = box.clip(grey.shape)
        gone[inner.slices(box.low)] = ~(np.asarray(grey.mask[inner.slices()]) > 0)
    return gone
