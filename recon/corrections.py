"""Corrections: from counts to line integrals, by blocks of projections.

Each step also stands alone: `flat_field`, `dead_pixels`, `zingers`, and the functions of this module.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.dead_pixels import DeadPixels, find_dead_pixels
from recon.flat_field import FlatField, assume_flat_field, estimate_flat_field
from recon.outputs import check_output
from recon.zingers import WINDOW, remove_zingers
from volio.blocks import run_blocks
from volio.errors import InputError
from volio.lazy import slab_depth
from volio.progress import SupportsUpdate

__all__ = ["Corrected", "LineIntegrals", "bin_pixels", "correct", "measure_beam", "take_log"]

logger = logging.getLogger(__name__)

#: Bytes of projections that one block reads.
BLOCK_BYTES = 32 * 2**20

Image = NDArray[np.float32]
Ranges = Sequence[tuple[int, int]]
Transform = Callable[[Image], Image]


@dataclass(frozen=True, eq=False)
class Corrected:
    """Line integrals, and what was done on the way to them.

    Attributes
    ----------
    projections : (angle, row, column) float32 array
        Line integrals of the attenuation; `out` if that was given.
    floored : int
        Pixels whose transmission was below the floor and was set to it: too dark to be measured.
    zingers : int
        Values replaced as zingers.
    dead_pixels : (row, column) bool array
        Detector pixels that were replaced in every projection (before binning).
    beam : (angle,) float64 array
        Beam of each projection against its flats, in the regions of air; ones when there are none.
    assumptions : tuple of str
        What was assumed for want of flats, darks or positions; one sentence each.
    """

    projections: Any
    floored: int
    zingers: int
    dead_pixels: NDArray[np.bool_]
    beam: NDArray[np.float64]
    assumptions: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class LineIntegrals:
    """Minus logarithm of transmissions.

    Attributes
    ----------
    values : float32 array
        Line integrals.
    floored : int
        How many transmissions were below the floor.
    """

    values: NDArray[np.float32]
    floored: int


@dataclass(frozen=True, eq=False)
class _Plan:
    """What every block is corrected with."""

    projections: Any
    field: FlatField
    dead: DeadPixels
    air: Ranges
    zinger_threshold: float | None
    binning: int
    phase: Transform | None
    floor: float
    out: Any


def correct(
    projections: Any,
    *,
    flats: Any | None = None,
    darks: Any | None = None,
    flat_positions: Sequence[int] | NDArray[Any] | None = None,
    air: Ranges = (),
    dead_tolerance: float | None = 0.5,
    zinger_threshold: float | None = 8.0,
    binning: int = 1,
    phase: Transform | None = None,
    floor: float = 1e-4,
    out: Any | None = None,
    threads: int | None = None,
    progress: SupportsUpdate | None = None,
) -> Corrected:
    """Turn counts into line integrals, in this order.

    Darks, zingers, flats, dead pixels, beam, binning, phase, minus log.

    Parameters
    ----------
    projections : (angle, row, column) array
        Counts, in memory or on disk: read by blocks of projections.
    flats, darks : (n, row, column) arrays, optional
        Images with beam and without specimen, and without beam. What is assumed without them is in the result.
    flat_positions : sequence of int, optional
        How many projections were taken before each flat: the flats are then interpolated in time.
    air : sequence of (start, stop), optional
        Ranges of columns that see nothing but air at every angle: the beam of each projection is normalised to them,
        linearly from one range to the next.
    dead_tolerance : float, optional
        See `find_dead_pixels`; None replaces only the pixels that do not respond at all.
    zinger_threshold : float, optional
        See `remove_zingers`; None looks for none.
    binning : int, default: 1
        Edge of the squares of pixels that are averaged (as transmissions).
    phase : callable, optional
        Turns transmissions (angle, row, column) into those without edge contrast: `retrieve_phase` with its options.
    floor : float, default: 1e-4
        Transmissions below are set to it, and counted: their logarithm would be noise or infinite.
    out : array, optional
        Where the line integrals are written, for scans larger than memory: float32, of the binned shape, taking
        ``out[start:stop] = block`` (a memory map, HDF5 or Zarr array with chunks of one projection).
    threads : int, optional
        Blocks at a time. The answer depends neither on it nor on the blocks.
    progress : Progress, optional
        Is told of finished projections.

    Returns
    -------
    Corrected

    Raises
    ------
    InputError
        If shapes do not fit, flats are no brighter than darks, or a projection holds NaN.
    """
    n, rows, columns = _check_options(projections, flats, air, binning, floor)
    if flats is None:
        field = assume_flat_field(projections, darks)
    else:
        field = estimate_flat_field(flats, darks, positions=flat_positions)
    for note in field.assumptions:
        logger.warning("corrections: %s", note)
    dead = _dead_map(field, dead_tolerance)
    shape = (n, rows // binning, columns // binning)
    if out is None:
        out = np.empty(shape, np.float32)
    else:
        check_output(out, shape, what="the corrected projections")
    # a dead pixel is replaced after the division, by which it must not become infinite
    field = replace(field, responses=np.where(dead, np.float32(1), field.responses))
    # a single projection has no neighbours that a zinger would stick out of
    threshold = None if n == 1 else zinger_threshold
    plan = _Plan(projections, field, DeadPixels.from_map(dead), air, threshold, binning, phase, floor, out)
    depth = slab_depth(projections, nbytes=BLOCK_BYTES)
    blocks = [slice(start, min(start + depth, n)) for start in range(0, n, depth)]
    done = run_blocks(
        lambda block: _correct_block(plan, block),
        blocks,
        threads=threads,
        progress=progress,
        weight=lambda block: block.stop - block.start,
    )
    floored, zingers = sum(f for f, _, _ in done), sum(z for _, z, _ in done)
    if floored:
        share = 100 * floored / math.prod(shape)
        logger.warning("corrections: %d pixels (%.2g %%) let less than %g of the beam through", floored, share, floor)
    beam = np.concatenate([b for _, _, b in done])
    return Corrected(out, floored, zingers, dead, beam, field.assumptions)


def measure_beam(transmission: NDArray[Any], *, air: Ranges) -> NDArray[np.float64]:
    """Measure the beam in columns that see nothing but air.

    Parameters
    ----------
    transmission : (row, column) array
        One projection over its flat.
    air : sequence of (start, stop)
        Ranges of columns.

    Returns
    -------
    (column,) float64 array
        What to divide by: the mean of each range at its middle, linear between them, constant beyond.

    Raises
    ------
    InputError
        If a range holds no light.
    """
    ranges = sorted(air)
    levels = [float(np.mean(transmission[:, start:stop], dtype=np.float64)) for start, stop in ranges]
    if not all(level > 0 for level in levels):
        raise InputError(f"air in columns {ranges} lets {min(levels):g} of the beam through: give columns beside the "
                         "specimen")  # fmt: skip
    return np.interp(np.arange(transmission.shape[1]), [(start + stop - 1) / 2 for start, stop in ranges], levels)


def bin_pixels(images: NDArray[Any], *, factor: int) -> NDArray[np.float32]:
    """Average squares of ``factor x factor`` pixels; rows and columns that fill no square are left out.

    A column c of the images, such as the rotation axis, is then at ``(c + 0.5) / factor - 0.5``, and the pixel size
    `factor` times as large.

    Parameters
    ----------
    images : (..., row, column) array
        Counts or transmissions: binned line integrals are not those of the binned detector.
    factor : int
        Edge of a square.

    Returns
    -------
    (..., row // factor, column // factor) float32 array

    Raises
    ------
    InputError
        If `factor` is below 1 or larger than the images.
    """
    rows, columns = (n // factor if factor >= 1 else 0 for n in images.shape[-2:])
    if not min(rows, columns):
        raise InputError(f"factor must be 1 to {min(images.shape[-2:])}, the smaller edge of the images, got {factor}")
    whole = np.asarray(images[..., : rows * factor, : columns * factor])
    squares = whole.reshape(*images.shape[:-2], rows, factor, columns, factor)
    means: Image = squares.mean(axis=(-3, -1), dtype=np.float64).astype(np.float32)
    return means


def take_log(transmission: NDArray[Any], *, floor: float = 1e-4) -> LineIntegrals:
    """Take minus the logarithm of transmissions, none below `floor`.

    Parameters
    ----------
    transmission : array
        Intensity over that of the bare beam.
    floor : float, default: 1e-4
        Smaller values are set to it, and counted.

    Returns
    -------
    LineIntegrals
        float32, of the same shape.

    Raises
    ------
    InputError
        If values are NaN or infinite, or `floor` is not in (0, 1).
    """
    _check_floor(floor)
    values = np.array(transmission, np.float32)
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise InputError(f"{bad} transmissions are NaN or infinite: replace them or leave them out")
    floored = int(np.count_nonzero(values < floor))
    np.maximum(values, np.float32(floor), out=values)
    np.log(values, out=values)
    return LineIntegrals(np.negative(values, out=values), floored)


def _correct_block(plan: _Plan, block: slice) -> tuple[int, int, NDArray[np.float64]]:
    """Correct a block of projections into `out`; return what was floored, the zingers and the beam."""
    total = plan.projections.shape[0]
    halo = 0 if plan.zinger_threshold is None else WINDOW
    start, stop = max(block.start - halo, 0), min(block.stop + halo, total)
    counts = np.asarray(plan.projections[start:stop]).astype(np.float32)
    _check_finite(counts, start)
    counts -= plan.field.dark
    zingers = 0
    if plan.zinger_threshold is not None:
        cleaned = remove_zingers(
            counts, threshold=plan.zinger_threshold, first=block.start - start, stop=block.stop - start
        )
        counts, zingers = cleaned.projections, cleaned.replaced
    result = np.empty((len(counts), *plan.out.shape[1:]), np.float32)
    beam = np.ones(len(counts))
    floored = 0
    for i, image in enumerate(counts):
        image /= plan.field.at(block.start + i)
        plan.dead.fill(image)
        if plan.air:
            levels = measure_beam(image, air=plan.air)
            beam[i] = levels.mean()
            image /= levels.astype(np.float32)
        seen = bin_pixels(image, factor=plan.binning) if plan.binning > 1 else image
        if plan.phase is not None:
            seen = plan.phase(seen[np.newaxis])[0]
        lines = take_log(seen, floor=plan.floor)
        result[i] = lines.values
        floored += lines.floored
    plan.out[block.start : block.stop] = result
    return floored, zingers, beam


def _dead_map(field: FlatField, tolerance: float | None) -> NDArray[np.bool_]:
    unlit: NDArray[np.bool_] = np.any(field.responses <= 0, axis=0)
    if tolerance is None:
        return unlit
    mean = field.responses.mean(axis=0, dtype=np.float64).astype(np.float32)
    return unlit | find_dead_pixels(mean, dark=field.dark, tolerance=tolerance)


def _check_options(
    projections: Any, flats: Any | None, air: Ranges, binning: int, floor: float
) -> tuple[int, int, int]:
    shape = tuple(int(n) for n in projections.shape)
    if len(shape) != 3 or 0 in shape:
        raise InputError(f"projections need 3 axes (angle, row, column) and no empty one, got shape {shape}")
    if flats is not None and tuple(flats.shape[1:]) != shape[1:]:
        raise InputError(f"flats have shape {tuple(flats.shape)}, projections {shape}: rows and columns must agree")
    if not 1 <= binning <= min(shape[1:]):
        raise InputError(f"binning must be 1 to {min(shape[1:])}, the smaller edge of the detector, got {binning}")
    for start, stop in air:
        if not 0 <= start < stop <= shape[2]:
            raise InputError(f"air {start}:{stop} is not a range of columns: give 0 <= start < stop <= {shape[2]}")
    _check_floor(floor)
    return shape[0], shape[1], shape[2]


def _check_floor(floor: float) -> None:
    if not 0 < floor < 1:
        raise InputError(f"floor must be between 0 and 1, a transmission that is still measured, got {floor}")


def _check_finite(counts: NDArray[np.float32], start: int) -> None:
    bad = np.count_nonzero(~np.isfinite(counts), axis=(1, 2))
    if bad.any():
        first = int(np.argmax(bad > 0))
        raise InputError(
            f"projection {start + first} holds {bad[first]} values that are NaN or infinite: leave it out (Scan.crop) "
            "or repair the file"
        )
