"""The grey noise of one scan, from two scans of the same thing."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from volcorr.grid import LengthLike, Roi, resolve_subset
from volcorr.sparse_points import spread_points
from volio.errors import InputError
from volio.volume import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["interpolation_gain", "measure_noise"]

Box = tuple[slice, slice, slice]

#: Voxels around a block within which a cubic spline depends on what lies there (0.27^8 = 3e-5).
_REACH = 8


class _Block(NamedTuple):
    """Variances of a block of the scan, of the repeat as scanned and as interpolated, and what they share."""

    scan: float
    repeat: float
    moved: float
    shared: float
    gain: float


def measure_noise(
    scan: "Volume | NDArray[Any]",
    repeat: "Volume | NDArray[Any]",
    *,
    subset_size: LengthLike = 33,
    points: int = 60,
    mask: "Volume | NDArray[Any] | None" = None,
    roi: Roi | None = None,
    threads: int | None = None,
) -> float:
    """Measure the standard deviation of the grey noise of a scan from a second scan without a load between them.

    The repeat is correlated with the scan on a coarse grid and moved onto it, block by block, to a fraction of a
    voxel, its contrast matched. What remains is the noise of both. Interpolation averages the noise of the repeat;
    the part that it takes away is known for white noise and put back. The median over the blocks is the answer, so
    that a block in which something changed does not count.

    Parameters
    ----------
    scan, repeat : Volume or (z, y, x) array
        Two scans of one specimen with the same settings; it may have moved and turned a little in between.
    subset_size : int or str, default: 33
        Edge of the blocks.
    points : int, default: 60
        Most blocks to look at.
    mask : Volume or (z, y, x) array, optional
        Where the material is (above zero).
    roi : three pairs of ints, optional
        Voxel ranges in which the centres of the blocks lie.
    threads : int, optional
        Number of threads; the result does not depend on it.

    Returns
    -------
    float
        Standard deviation of the noise of `scan`, in its grey values.

    Raises
    ------
    InputError
        If the scans do not match each other, or fewer than three blocks could be correlated.

    Notes
    -----
    Noise is taken to be white and the same in both scans. Noise with a grain of its own, as a smooth reconstruction
    filter gives, loses less by interpolation and is understated by up to a quarter; texture finer than two voxels
    is interpolated badly and counts as noise.
    """
    from volcorr.correlation import correlate
    from volcorr.fields import displacement_array, valid_points

    first, second = _in_voxels(scan, "scan"), _in_voxels(repeat, "repeat")
    size = scan.voxel_size if isinstance(scan, Volume) else None
    subset = resolve_subset(subset_size, voxel_size=size, unit=scan.unit if isinstance(scan, Volume) else "um")
    inside = None if mask is None else np.asarray(_in_voxels(mask, "mask").data[:]) > 0
    box, spacing = spread_points(first.shape, subset=subset, points=points, roi=roi, mask=inside)
    fields = correlate(
        first, second, subset_size=subset, spacing=spacing, mask=inside, roi=box, threads=threads, progress=False
    )
    u = np.where(valid_points(fields), displacement_array(fields), np.nan)
    gradient = _median_gradient(u, spacing)
    grid = np.stack(np.meshgrid(*(fields[axis].to_numpy() for axis in "zyx"), indexing="ij"))
    points_and_shifts = zip(grid.reshape(3, -1).T, u.reshape(3, -1).T, strict=True)
    found = [
        _compare(first, second, centre, shift, gradient, subset)
        for centre, shift in points_and_shifts
        if np.isfinite(shift).all()
    ]
    blocks = [block for block in found if block is not None]
    if len(blocks) < 3:
        raise InputError(
            f"only {len(blocks)} of {u[0].size} blocks of the scan were found in the repeat, at least 3 are needed: "
            "check that both show the same specimen, or use another subset_size"
        )
    return _pool(blocks)


def interpolation_gain(fraction: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Return the variance that white noise of variance 1 has between voxels, after cubic spline interpolation.

    Parameters
    ----------
    fraction : array
        Distance from a voxel along one axis, in voxels.

    Returns
    -------
    array
        1 on a voxel, least half way. Gains of several axes are multiplied.
    """
    t = np.linspace(0, 1, 65)
    taps = np.stack([(1 - t) ** 3, 4 - 6 * t**2 + 3 * t**3, 1 + 3 * t + 3 * t**2 - 3 * t**3, t**3]) / 6
    omega = 2 * np.pi * np.arange(256) / 256
    response = np.exp(-1j * omega[:, None] * np.arange(4)) @ taps / ((4 + 2 * np.cos(omega)) / 6)[:, None]
    return np.asarray(np.interp(fraction % 1.0, t, (np.abs(response) ** 2).mean(axis=0)))


def _in_voxels(value: "Volume | NDArray[Any]", name: str) -> Volume:
    """Return the volume without its voxel size: all lengths are voxels."""
    volume = value if isinstance(value, Volume) else Volume(np.asarray(value), name=name)
    return replace(volume, voxel_size=None, origin=(0.0, 0.0, 0.0))


def _median_gradient(u: "NDArray[np.float64]", spacing: int) -> "NDArray[np.float64]":
    """Return the displacement gradient (3, 3) of most neighbouring points; zero along an axis that has one point."""
    gradient = np.zeros((3, 3))
    for axis in range(3):
        slopes = np.diff(u, axis=axis + 1).reshape(3, -1) / spacing
        slopes = slopes[:, np.isfinite(slopes).all(axis=0)]
        if slopes.size:
            gradient[:, axis] = np.median(slopes, axis=1)
    return gradient


def _compare(
    scan: Volume,
    repeat: Volume,
    centre: "NDArray[np.float64]",
    shift: "NDArray[np.float64]",
    gradient: "NDArray[np.float64]",
    subset: tuple[int, int, int],
) -> _Block | None:
    """Compare one block with its match, or return None where the match does not lie in the repeat."""
    from scipy.ndimage import map_coordinates

    half = np.asarray(subset) // 2
    offsets = np.stack(np.meshgrid(*(np.arange(-h, h + 1) for h in half), indexing="ij"))
    target = (centre + shift)[:, None, None, None] + offsets + np.tensordot(gradient, offsets, axes=1)
    low = np.floor(target.min(axis=(1, 2, 3))).astype(int) - _REACH
    high = np.ceil(target.max(axis=(1, 2, 3))).astype(int) + _REACH + 1
    start, stop = np.maximum(low, 0), np.minimum(high, repeat.shape)
    around = np.asarray(repeat.data[_box(start, stop)], np.float64)
    here = np.asarray(scan.data[_box(np.rint(centre) - half, np.rint(centre) + half + 1)], np.float64)
    kept = bool((start - low < _REACH - 1).all() and (high - stop < _REACH - 1).all())
    if not (kept and np.isfinite(around).all() and np.isfinite(here).all()):
        return None
    moved = map_coordinates(around, target - start[:, None, None, None], order=3, mode="mirror")
    raw = around[_box(low + _REACH - start, high - _REACH - start)]
    gain = float(interpolation_gain(target).prod(axis=0).mean())
    shared = float(np.mean((here - here.mean()) * (moved - moved.mean())))
    return _Block(float(here.var()), float(raw.var()), float(moved.var()), shared, gain)


def _pool(blocks: list[_Block]) -> float:
    """Return the noise of the scan from all blocks."""
    scan, repeat, moved, shared, gain = np.array(blocks).T
    contrast = np.sqrt(scan.sum() / repeat.sum())
    rest = scan + contrast**2 * moved - 2 * contrast * shared
    return float(np.sqrt(np.median(np.maximum(rest, 0.0) / (1 + gain))))


def _box(start: "NDArray[Any]", stop: "NDArray[Any]") -> Box:
    z, y, x = (slice(int(low), int(high)) for low, high in zip(start, stop, strict=True))
    return z, y, x
