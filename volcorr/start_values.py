"""Start values of the refinement: where every point went, from coarse to fine.

Both volumes are averaged over more and more voxels. On the coarsest, a registration gives the motion of the whole; from
there each level refines its own points by the same IC-GN as the full volumes, from the field that the level above
found. Points that fail are looked for by correlation in a window around their place; those that disagree with their
neighbours are replaced.
"""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from volcorr.fields import Status
from volcorr.grid import Grid, make_grid
from volcorr.icgn import Matching, Refined, refine
from volcorr.neighbours import fill_missing, median_outliers
from volcorr.pyramid import Level, Pyramid
from volcorr.registration import Registration, register_averages
from volcorr.search import highest_echo, search_zncc
from volcorr.texture import fine_detail, level_noise
from volcorr.windows import Grey
from volio.blocks import run_blocks
from volio.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LevelField", "StartValues", "find_start_values"]

logger = logging.getLogger(__name__)

Triple = tuple[int, int, int]

#: Half edge of the subsets and distance of the points of a level, in its voxels.
HALF, SPACING = 8, 8
#: The registration works on the coarsest level that has at least this many voxels along its longest axis.
REGISTER_FROM = 40
#: Range in which a failed point is looked for, in voxels of its level.
NEAR = 3
#: A point of a level counts when its correlation is at least this.
MIN_CC = 0.4
#: Share of a level's subset that must lie in the specimen.
MIN_SHARE = 0.4
#: Where no motion of the whole was found, texture that correlates better than this with itself at a shift of up to
#: `ECHO` voxels of the finest level is not used.
REPEATS, ECHO = 0.85, 12
#: Distinctness of the motion of the whole from which it settles which of several matches is meant. The part of a
#: lattice that two volumes share gives up to 2, at any period.
SETTLED = 2.5
#: Voxels of the windows that are searched at once.
BATCH_VOXELS = 200_000


@dataclass(frozen=True, eq=False)
class LevelField:
    """Displacement and its gradient (12, nz, ny, nx), in voxels of the full volume, on the grid of a level.

    `noise` is that of the full volume, normalised, as far as the level can tell (see `texture`); NaN if not asked for.
    """

    values: "NDArray[np.float64]"
    grid: Grid
    factor: "NDArray[np.int64]"
    noise: float

    def evaluate(self, positions: "NDArray[np.float64]") -> "NDArray[np.float64]":
        """Return displacement and gradient (n, 3, 4) at full-volume positions (n, 3)."""
        spacing = np.asarray(self.grid.spacing) * self.factor
        index = (positions - _centres(np.asarray(self.grid.first), self.factor)) / spacing
        inside = np.clip(index, 0, np.asarray(self.grid.shape) - 1)
        out = np.empty((len(positions), 12))
        for column in range(12):
            out[:, column] = ndimage.map_coordinates(self.values[column], inside.T, order=1, mode="nearest")
        parameters = out.reshape(-1, 3, 4)
        # beyond the grid the displacement goes on with the gradient of the rim
        beyond = (index - inside) * spacing
        for a in range(3):
            parameters[:, a, 0] += (parameters[:, a, 1:] * beyond).sum(axis=1)
        return parameters


@dataclass(frozen=True, eq=False)
class StartValues:
    """Where the refinement starts.

    Attributes
    ----------
    parameters : (n, 3, 4) float64 array
        Per point and axis: displacement in voxels, and its derivatives along z, y, x. NaN where the texture repeats
        itself and nothing tells which of its matches is the point.
    noise : float
        Noise of one volume, normalised; at most this.
    """

    parameters: "NDArray[np.float64]"
    noise: float


def find_start_values(
    pyramid: Pyramid,
    points: "NDArray[np.int64]",
    *,
    search: tuple[float, float, float] | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> StartValues:
    """Estimate the displacement and its gradient at every point.

    Parameters
    ----------
    pyramid : Pyramid
        The two volumes.
    points : (n, 3) int array
        Positions z, y, x, in voxels of the reference.
    search : three floats, optional
        Largest motion expected along z, y, x in voxels. When not given, a registration finds the motion as a whole.
    threads : int, optional
        Number of threads; the result does not depend on it.
    progress : bool, default: False
        Show a progress bar or log lines for each level.

    Returns
    -------
    StartValues
    """
    if not len(points):
        return StartValues(np.empty((0, 3, 4)), 0.0)
    # side by side: a registration that is found at once has little to share out
    jobs: list[Callable[[], Any]] = [
        lambda: None if search is not None else _register(pyramid, threads),
        lambda: ([level.grey() for level in pyramid.levels], float(fine_detail(pyramid.reference))),
    ]
    registration, (greys, detail) = run_blocks(lambda job: job(), jobs, threads=threads)
    wide = search if search is not None else tuple(n / 4 for n in pyramid.reference.shape)
    region = points.min(axis=0), points.max(axis=0)
    found = registration is not None and registration.found
    field: LevelField | None = None
    for level, pair in zip(pyramid.levels, greys, strict=True):
        positions = _level_grid(level, region)
        guess = _guess(level, positions, field, registration)
        reach = np.full(3, NEAR)
        if field is None and not found:
            reach = np.ceil(np.asarray(wide) / level.factor).astype(int) + 1
        full = pyramid.reference if level is pyramid.levels[-1] else None
        field = _measure_level(level, pair, full, positions, guess, reach, threads=threads, progress=progress)
    assert field is not None  # there is always one level
    start = field.evaluate(points.astype(np.float64))
    if not found or (registration is not None and registration.distinctness < SETTLED):
        start[_repeat(greys[-1][0], field, points, threads)] = np.nan
    return StartValues(start, float(np.fmin(field.noise, detail)))


def _repeat(finest: Grey, field: LevelField, points: "NDArray[np.int64]", threads: int | None) -> "NDArray[np.bool_]":
    """Tell where the texture of the reference repeats itself within a few voxels."""
    volume = np.nan_to_num(np.asarray(finest.voxels[:]), nan=0.0)
    half = np.minimum(HALF, (np.asarray(volume.shape) - 3) // 4)
    reach = np.minimum(ECHO, (np.asarray(volume.shape) - 2 * half - 1) // 2)
    nodes = field.grid.points()
    echo = np.empty(len(nodes))

    def task(rows: slice) -> None:
        echo[rows] = highest_echo(volume, nodes[rows], half, reach)

    count = max(1, BATCH_VOXELS // int(np.prod(2 * (half + reach) + 1)))
    run_blocks(task, [slice(i, i + count) for i in range(0, len(nodes), count)], threads=threads)
    spacing = np.asarray(field.grid.spacing) * field.factor
    index = np.round((points - _centres(np.asarray(field.grid.first), field.factor)) / spacing).astype(int)
    index = np.clip(index, 0, np.asarray(field.grid.shape) - 1)
    return np.asarray(echo.reshape(field.grid.shape)[tuple(index.T)] > REPEATS)


def _register(pyramid: Pyramid, threads: int | None) -> Registration:
    """Register the volumes on a coarse level."""
    for level in pyramid.levels:
        if max(level.reference.values.shape) >= REGISTER_FROM:
            break
    return register_averages(level.reference, level.deformed, mask=level.mask, threads=threads)


def _guess(
    level: Level, grid: Grid, coarser: LevelField | None, registration: Registration | None
) -> "NDArray[np.float64]":
    """Return displacement and gradient (n, 3, 4), in full voxels, that the points of a level start from."""
    positions = _centres(grid.points(), np.asarray(level.factor))
    if coarser is not None:
        return coarser.evaluate(positions)
    if registration is not None and registration.found:
        return registration.parameters(positions, model="affine")
    return np.zeros((len(positions), 3, 4))


def _level_grid(level: Level, region: "tuple[NDArray[np.int64], NDArray[np.int64]]") -> Grid:
    """Lay points over the part of a level around the region."""
    factor, shape = np.asarray(level.factor), level.reference.values.shape
    margin, roi = [], []
    for axis in range(3):
        edge = min(HALF, (shape[axis] - 1) // 2)
        margin.append(min(edge, max(1, shape[axis] // 4)))
        low = region[0][axis] / factor[axis] - 1.5 * SPACING
        high = region[1][axis] / factor[axis] + 1.5 * SPACING
        first = min(max(int(low), margin[axis]), shape[axis] - 1 - margin[axis])
        roi.append((first, max(min(int(high) + 1, shape[axis]), first + 1)))
    z, y, x = margin
    (nz, ny, nx) = shape
    return make_grid((nz, ny, nx), margin=(z, y, x), spacing=(SPACING,) * 3, roi=(roi[0], roi[1], roi[2]))


def _measure_level(
    level: Level,
    pair: tuple[Grey, Grey],
    full: Grey | None,
    grid: Grid,
    guess: "NDArray[np.float64]",
    reach: "NDArray[np.int64]",
    *,
    threads: int | None,
    progress: bool,
) -> LevelField:
    """Refine the points of a level, look for those that fail, and replace what remains by its neighbours.

    `pair` holds its volumes. The noise is measured where the `full` volume is given.
    """
    factor, points = np.asarray(level.factor, np.float64), grid.points()
    reference, deformed = pair
    smallest = np.minimum(reference.shape, deformed.shape)
    half = np.minimum(HALF, (smallest - 3) // 4)
    matching = Matching(
        half=(int(half[0]), int(half[1]), int(half[2])),
        min_cc=MIN_CC,
        min_share=MIN_SHARE,
        max_iterations=15,
        tolerance=5e-3,
        max_sigma=np.inf,  # a rough start value is better than none
    )
    scale = np.concatenate([[1.0], factor]) / factor[:, None]  # displacement, and gradient, in voxels of the level
    start = guess * scale
    label = f"start values, 1/{int(max(factor))} resolution"
    with Progress(len(points), label=label) if progress else nullcontext() as bar:
        found = refine(reference, deformed, points, start, matching, threads=threads, progress=bar)
    failed = np.flatnonzero(
        np.isin(found.status, (Status.NOT_CONVERGED, Status.LOW_CORRELATION, Status.OUTSIDE_VOLUME))
    )
    if len(failed):
        shifted = start[failed].copy()
        shifted[:, :, 0] = _search(reference, deformed, points[failed], start[failed], half, reach, threads)
        again = refine(reference, deformed, points[failed], shifted, matching, threads=threads)
        better = again.status == Status.VALID
        found.put(failed[better], again.take(better))
    cc = np.where(found.status == Status.VALID, found.cc, np.nan)
    noise = np.nan if full is None else level_noise(reference, full, factor, points, half, cc)
    return LevelField(_clean(found, guess, scale, grid), grid, np.asarray(level.factor), noise)


def _search(
    reference: Grey,
    deformed: Grey,
    points: "NDArray[np.int64]",
    start: "NDArray[np.float64]",
    half: "NDArray[np.int64]",
    reach: "NDArray[np.int64]",
    threads: int | None,
) -> "NDArray[np.float64]":
    """Look for points in a window around where they are expected; return displacements in voxels of the level."""
    one, two = (np.nan_to_num(np.asarray(grey.voxels[:]), nan=grey.mean) for grey in (reference, deformed))
    shift = start[:, :, 0].copy()

    def task(rows: slice) -> None:
        shift[rows] = search_zncc(one, two, points[rows], shift[rows], half, reach)[0]

    count = max(1, BATCH_VOXELS // int(np.prod(2 * (half + reach) + 1)))
    run_blocks(task, [slice(i, i + count) for i in range(0, len(points), count)], threads=threads)
    return shift


def _clean(
    found: Refined, guess: "NDArray[np.float64]", scale: "NDArray[np.float64]", grid: Grid
) -> "NDArray[np.float64]":
    """Replace what failed or disagrees with its neighbours; keep the guess if nothing is left."""
    fallback = guess.reshape(-1, 12).T.reshape(12, *grid.shape)
    values = (found.parameters[:, :, :4] / scale).reshape(-1, 12).T.reshape(12, *grid.shape)
    values = np.where((found.status == Status.VALID).reshape(grid.shape), values, np.nan)
    displacement = values[::4] * scale[:, 0].reshape(3, 1, 1, 1)
    values = np.where(median_outliers(displacement), np.nan, values)
    return fill_missing(values) if np.isfinite(values).any() else fallback


def _centres(points: "NDArray[np.int64]", factor: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """Position of averaged voxels in voxels of the full volume."""
    return points * factor + (factor - 1) / 2
