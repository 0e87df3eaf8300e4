"""Start values of the refinement: where every point went, to within a voxel.

Both volumes are halved again and again. On the smallest, each point is looked for in a window much larger than
its subset by zero-normalised cross-correlation; each larger volume corrects what the smaller one found, by a
search of a few voxels. Points that disagree with their neighbours are replaced on the way.

Source of the normalised correlation by Fourier transforms and running sums: J. P. Lewis, "Fast normalized
cross-correlation", Vision Interface (1995) 120-123.
"""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft, ndimage

from volcorr.grid import Grid, make_grid
from volcorr.neighbours import displacement_gradient, fill_missing, median_outliers
from volio.blocks import run_blocks
from volio.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Level", "find_start_values", "make_levels", "search_zncc"]

Triple = tuple[int, int, int]

#: An axis is halved while it has at least this many voxels.
HALVE_FROM = 48
#: Half edge of the subset that is searched for, in voxels of its level.
HALF = 8
#: Distance of the searched points, in voxels of their level.
SPACING = 8
#: Range by which a finer level corrects a coarser one, in its voxels.
CORRECTION = 3
#: A point of a level counts when its correlation is at least this.
MIN_CC = 0.3
#: Voxels of the windows that are searched at once.
BATCH_VOXELS = 200_000


@dataclass(frozen=True, eq=False)
class Level:
    """Both volumes, averaged over `factor` voxels along z, y, x."""

    reference: "NDArray[np.float32]"
    deformed: "NDArray[np.float32]"
    mask: "NDArray[np.bool_] | None"
    factor: Triple


@dataclass(frozen=True, eq=False)
class LevelField:
    """Displacement (3, nz, ny, nx), in voxels of the full volume, on the grid of a level."""

    displacement: "NDArray[np.float64]"
    grid: Grid
    factor: "NDArray[np.int64]"

    def evaluate(self, positions: "NDArray[np.float64]") -> "NDArray[np.float64]":
        """Return displacement and gradient (n, 3, 4) at full-volume positions (n, 3), beyond the grid its rim's."""
        spacing = np.asarray(self.grid.spacing) * self.factor
        index = ((positions - _centres(np.asarray(self.grid.first), self.factor)) / spacing).T
        gradient = displacement_gradient(self.displacement, spacing.astype(np.float64))
        values = np.concatenate([self.displacement[:, None], np.nan_to_num(gradient)], axis=1)
        out = np.empty((len(positions), 3, 4))
        for a in range(3):
            for b in range(4):
                out[:, a, b] = ndimage.map_coordinates(values[a, b], index, order=1, mode="nearest")
        return out


def make_levels(
    reference: "NDArray[np.float32]", deformed: "NDArray[np.float32]", mask: "NDArray[np.bool_] | None"
) -> list[Level]:
    """Return the levels to be searched, the coarsest first; the full volumes only where none can be halved."""
    levels = [Level(reference, deformed, mask, (1, 1, 1))]
    while True:
        last = levels[-1]
        steps = tuple(2 if n >= HALVE_FROM else 1 for n in np.minimum(last.reference.shape, last.deformed.shape))
        if steps == (1, 1, 1):
            break
        z, y, x = (f * s for f, s in zip(last.factor, steps, strict=True))
        coarse_mask = None if last.mask is None else _halve(last.mask.astype(np.float32), steps) >= 0.5
        levels.append(Level(_halve(last.reference, steps), _halve(last.deformed, steps), coarse_mask, (z, y, x)))
    return levels[:0:-1] or levels


def find_start_values(
    reference: "NDArray[np.float32]",
    deformed: "NDArray[np.float32]",
    points: "NDArray[np.int64]",
    *,
    mask: "NDArray[np.bool_] | None" = None,
    search: tuple[float, float, float] | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> "NDArray[np.float64]":
    """Estimate the displacement and its gradient at every point.

    Parameters
    ----------
    reference, deformed : (z, y, x) float32 arrays
        Finite grey values.
    points : (n, 3) array
        Positions z, y, x, in voxels of the reference.
    mask : (z, y, x) bool array, optional
        The specimen in the reference; only there points are looked for.
    search : three floats, optional
        Largest motion expected along z, y, x in voxels; a quarter of each edge when not given.
    threads : int, optional
        Number of threads; the result does not depend on it.
    progress : bool, default: False
        Show a progress bar or log lines for each level.

    Returns
    -------
    (n, 3, 4) float64 array
        Per point and axis: displacement in voxels, and its derivatives along z, y, x.
    """
    if not len(points):
        return np.empty((0, 3, 4))
    expected = np.asarray(search or [n / 4 for n in reference.shape])
    field: LevelField | None = None
    region = points.min(axis=0), points.max(axis=0)
    for level in make_levels(reference, deformed, mask):
        field = _search_level(level, field, expected, region, threads, progress)
    assert field is not None  # there is always one level
    return field.evaluate(points.astype(np.float64))


def _search_level(
    level: Level,
    coarser: LevelField | None,
    expected: "NDArray[np.float64]",
    region: "tuple[NDArray[np.int64], NDArray[np.int64]]",
    threads: int | None,
    progress: bool,
) -> LevelField:
    """Search the points of a level in and around the region, starting from what the coarser level found."""
    factor = np.asarray(level.factor)
    smallest = np.minimum(level.reference.shape, level.deformed.shape)
    half = np.minimum(HALF, (smallest - 3) // 4)
    margin = (int(half[0]), int(half[1]), int(half[2]))
    grid = make_grid(level.reference.shape, margin=margin, spacing=(SPACING,) * 3)
    points = grid.points()
    guess, reach = np.zeros((len(points), 3)), np.ceil(expected / factor).astype(int) + 1
    if coarser is not None:
        guess = coarser.evaluate(_centres(points, factor))[:, :, 0]
        reach = np.minimum(reach, CORRECTION)
    wanted = np.all((points >= region[0] / factor - 2 * SPACING) & (points <= region[1] / factor + 2 * SPACING), axis=1)
    if level.mask is not None:
        wanted &= level.mask[tuple(points.T)]
    shift, cc = _search_points(level, points, guess / factor, wanted, half, reach, threads, progress)
    valid = (cc >= MIN_CC).reshape(grid.shape)
    fallback = guess.T.reshape(3, *grid.shape)
    return LevelField(_clean((shift * factor).T.reshape(fallback.shape), valid, fallback=fallback), grid, factor)


def search_zncc(
    reference: "NDArray[np.float32]",
    deformed: "NDArray[np.float32]",
    points: "NDArray[np.int64]",
    guess: "NDArray[np.float64]",
    half: "NDArray[np.int64]",
    reach: "NDArray[np.int64]",
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Find subsets of the reference in the deformed volume, by zero-normalised cross-correlation.

    Every shift up to `reach` voxels from the rounded `guess` is tried whose subset lies wholly in the volume: the
    window is larger than the subset, and nothing wraps around.

    Parameters
    ----------
    reference, deformed : (z, y, x) float32 arrays
    points : (n, 3) int array
        Centres of the subsets in the reference, at least `half` from its faces.
    guess : (n, 3) float array
        Expected displacements in voxels.
    half, reach : (3,) int arrays
        Half edges of the subsets; largest distance from the guess.

    Returns
    -------
    (n, 3) float64 array
        Displacement of the best match, between voxels by a parabola through the peak; the guess where there is none.
    (n,) float64 array
        Its correlation; NaN where no shift is possible or the subset has no texture.
    """
    size, low = 2 * half + 1, points + np.round(guess).astype(int) - half - reach
    template = _cut(reference, points - half, size)
    window = _cut(deformed, low, size + 2 * reach)
    template -= template.mean(axis=(1, 2, 3), keepdims=True)
    window -= window.mean(axis=(1, 2, 3), keepdims=True)
    norm = np.sqrt(np.sum(template**2, axis=(1, 2, 3), dtype=np.float64))
    padded = [fft.next_fast_len(int(n), real=True) for n in window.shape[1:]]
    product = fft.rfftn(window, padded, axes=(1, 2, 3)) * np.conj(fft.rfftn(template, padded, axes=(1, 2, 3)))
    shifts = tuple(slice(2 * r + 1) for r in reach)
    cross = fft.irfftn(product, padded, axes=(1, 2, 3))[:, *shifts]
    total, squares = _window_sums(window, size), _window_sums(window**2, size)
    spread = squares - total**2 / np.prod(size)
    usable = (spread > 1e-6 * spread.max(axis=(1, 2, 3), keepdims=True)) & (spread > 0)
    for axis in range(3):  # subsets that would reach beyond the volume
        first = low[:, axis, None] + np.arange(2 * reach[axis] + 1)
        inside = (first >= 0) & (first + size[axis] <= deformed.shape[axis])
        usable &= np.expand_dims(inside, [1 + other for other in range(3) if other != axis])
    cc = np.where(usable, cross / np.sqrt(np.where(usable, spread, 1.0)), -np.inf)
    peak = np.stack(np.unravel_index(cc.reshape(len(cc), -1).argmax(axis=1), cc.shape[1:]), axis=1)
    best = cc[np.arange(len(cc)), *peak.T]
    found = (norm > 1e-3 * np.sqrt(np.prod(size))) & np.isfinite(best)
    shift = low + half + peak - points + _parabola(cc, peak)
    return np.where(found[:, None], shift, guess), np.where(found, best / np.where(found, norm, 1.0), np.nan)


def _cut(volume: "NDArray[np.float32]", low: "NDArray[np.int64]", size: "NDArray[np.int64]") -> "NDArray[np.float32]":
    """Cut boxes (n, *size) that begin at low (n, 3); beyond the volume its outermost voxels are repeated."""
    z, y, x = (np.clip(low[:, a, None] + np.arange(size[a]), 0, volume.shape[a] - 1) for a in range(3))
    return volume[z[:, :, None, None], y[:, None, :, None], x[:, None, None, :]]


def _window_sums(values: "NDArray[np.float32]", size: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """Sum over every box of `size` inside `values` (n, z, y, x), by running sums."""
    sums = values.astype(np.float64)
    for axis, n in enumerate(size, start=1):
        sums = np.moveaxis(np.cumsum(sums, axis=axis), axis, 0)
        sums[n:] -= sums[:-n].copy()
        sums = np.moveaxis(sums[n - 1 :], 0, axis)
    return sums


def _parabola(cc: "NDArray[np.float64]", peak: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """Return the offsets (n, 3) of the maxima from `peak` by a parabola along each axis; 0 at the window's edge."""
    offset, rows = np.zeros(peak.shape), np.arange(len(cc))
    for axis in range(3):
        at, last = peak.copy(), cc.shape[1 + axis] - 1
        values = []
        for step in (-1, 0, 1):
            at[:, axis] = np.clip(peak[:, axis] + step, 0, last)
            values.append(cc[rows, *at.T])
        before, here, after = values
        good = (peak[:, axis] > 0) & (peak[:, axis] < last) & np.isfinite(before) & np.isfinite(after)
        curvature = np.where(good, before, 0.0) - 2 * np.where(good, here, 0.0) + np.where(good, after, 0.0)
        good &= curvature < 0
        half_slope = 0.5 * (np.where(good, before, 0.0) - np.where(good, after, 0.0))
        offset[:, axis] = np.clip(half_slope / np.where(good, curvature, 1.0), -0.5, 0.5)
    return offset


def _search_points(
    level: Level,
    points: "NDArray[np.int64]",
    guess: "NDArray[np.float64]",
    wanted: "NDArray[np.bool_]",
    half: "NDArray[np.int64]",
    reach: "NDArray[np.int64]",
    threads: int | None,
    progress: bool,
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    shift, cc, rows = np.array(guess), np.full(len(points), np.nan), np.flatnonzero(wanted)

    def task(batch: "NDArray[np.intp]") -> None:
        found = search_zncc(level.reference, level.deformed, points[batch], guess[batch], half, reach)
        shift[batch], cc[batch] = found

    count = max(1, BATCH_VOXELS // int(np.prod(2 * (half + reach) + 1)))
    batches = [rows[i : i + count] for i in range(0, len(rows), count)]
    label = f"start values, 1/{max(level.factor)} resolution"
    with Progress(len(rows), label=label) if progress else nullcontext() as bar:
        run_blocks(task, batches, threads=threads, progress=bar, weight=len)
    return shift, cc


def _clean(
    field: "NDArray[np.float64]", valid: "NDArray[np.bool_]", *, fallback: "NDArray[np.float64]"
) -> "NDArray[np.float64]":
    """Replace what failed or disagrees with its neighbours; keep the coarser level's field if nothing is left."""
    if not valid.any():
        return fallback
    field = np.where(valid, field, np.nan)
    field = np.where(median_outliers(field), np.nan, field)
    return fill_missing(field) if np.isfinite(field).any() else fallback


def _centres(points: "NDArray[np.int64]", factor: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """Position of averaged voxels in voxels of the full volume."""
    return points * factor + (factor - 1) / 2


def _halve(volume: "NDArray[np.float32]", steps: tuple[int, ...]) -> "NDArray[np.float32]":
    """Average over blocks of `steps` voxels; what does not fill a block is cut off."""
    for axis, step in enumerate(steps):
        if step == 2:
            n = volume.shape[axis] // 2
            even = volume[(slice(None),) * axis + (slice(0, 2 * n, 2),)]
            odd = volume[(slice(None),) * axis + (slice(1, 2 * n, 2),)]
            volume = np.float32(0.5) * (even + odd)
    return volume
