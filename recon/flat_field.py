"""Flats and darks: what each pixel of the detector answers to the beam, at the time of each projection."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volio.errors import InputError

__all__ = ["FlatField", "assume_flat_field", "estimate_flat_field"]

Image = NDArray[np.float32]

#: Pixels of which the median over flats is taken at once: the stack may be larger than memory.
PIXELS_AT_ONCE = 2**20


@dataclass(frozen=True, eq=False)
class FlatField:
    """Counts without beam and with it, and when the latter were taken.

    Attributes
    ----------
    dark : (row, column) float32 array
        Counts without beam.
    responses : (group, row, column) float32 array
        Counts with beam and without specimen, less the dark: one image for each group of flats.
    positions : (group,) float64 array
        How many projections were taken before each group, ascending.
    assumptions : tuple of str
        What had to be assumed because flats, darks or positions were not given; one sentence each.
    """

    dark: Image
    responses: Image
    positions: NDArray[np.float64]
    assumptions: tuple[str, ...] = ()

    def at(self, index: int) -> Image:
        """Return the response at the time of projection `index`: linear between groups, constant before and after."""
        # a group at position p was taken between the projections p - 1 and p
        place = float(np.interp(index, self.positions - 0.5, np.arange(self.positions.size)))
        group = min(int(place), max(self.positions.size - 2, 0))
        weight = np.float32(place - group)
        before: Image = self.responses[group]
        if weight == 0:
            return before
        between: Image = before + weight * (self.responses[group + 1] - before)
        return between


def estimate_flat_field(
    flats: Any, darks: Any | None = None, *, positions: Sequence[int] | NDArray[Any] | None = None
) -> FlatField:
    """Take the median of each group of flats, and of the darks.

    Parameters
    ----------
    flats : (n, row, column) array
        Images with beam and without specimen; in memory or on disk.
    darks : (n, row, column) array, optional
        Images without beam; all of them are one group.
    positions : sequence of int, optional
        How many projections were taken before each flat. Flats of the same position are one group; without it all are.

    Returns
    -------
    FlatField

    Raises
    ------
    InputError
        If shapes do not fit, values are not finite, or most pixels count no more with beam than without: flats that
        are zero, and flats and darks that were swapped.
    """
    assumptions: list[str] = []
    if darks is None:
        assumptions.append("no darks were given: zero counts without beam are assumed")
        dark = np.zeros(flats.shape[1:], np.float32)
    else:
        if tuple(darks.shape[1:]) != tuple(flats.shape[1:]):
            raise InputError(
                f"darks have {_size(darks)} pixels, flats {_size(flats)} (rows x columns): give those of one detector"
            )
        dark = _median(darks, np.arange(darks.shape[0]), "darks")
    if positions is None:
        assumptions.append("positions of the flats were not given: one constant beam is assumed")
        where = np.zeros(flats.shape[0])
    else:
        where = np.asarray(positions, np.float64)
        if where.shape != (flats.shape[0],) or not np.isfinite(where).all():
            raise InputError(f"positions must be {flats.shape[0]} numbers, one a flat, got {positions!r:.80}")
    groups = np.unique(where)
    responses = np.stack([_median(flats, np.flatnonzero(where == p), "flats") - dark for p in groups])
    unlit = float(np.mean(responses.mean(axis=0) <= 0))
    if unlit > 0.5:
        level = float(np.median(responses + dark))
        raise InputError(
            f"{100 * unlit:.0f} % of the pixels count no more with beam than without (median of flats {level:g}, of "
            f"darks {float(np.median(dark)):g}): were flats and darks swapped, or are the flats empty?"
        )
    return FlatField(dark, responses, groups, tuple(assumptions))


def assume_flat_field(projections: Any, darks: Any | None = None) -> FlatField:
    """Assume an even beam where no flats were taken: as bright as the brightest hundredth of the projections.

    Parameters
    ----------
    projections : (angle, row, column) array
        Counts; at most 32 evenly spaced ones are looked at.
    darks : (n, row, column) array, optional
        Images without beam.

    Returns
    -------
    FlatField
        With the assumption in words. The fixed pattern of the detector stays: expect rings. Where no pixel saw the
        bare beam, all line integrals are too small by the same number.
    """
    shape = projections.shape[1:]
    dark = np.zeros(shape, np.float32) if darks is None else _median(darks, np.arange(darks.shape[0]), "darks")
    chosen = np.unique(np.linspace(0, projections.shape[0] - 1, 32).astype(int))
    level = max(float(np.percentile(np.asarray(projections[int(i)], np.float32) - dark, 99)) for i in chosen)
    if not level > 0:
        raise InputError(
            f"the brightest hundredth of the projections is {level:g} counts above the darks: give flats, or "
            "projections that are counts"
        )
    note = f"no flats were given: an even beam of {level:g} counts is assumed, the brightest hundredth of the scan"
    return FlatField(dark, np.full((1, *shape), level, np.float32), np.zeros(1), (note,))


def _median(images: Any, chosen: NDArray[np.intp], what: str) -> Image:
    """Return the median of some images, read in bands of rows."""
    _, rows, columns = images.shape
    result = np.empty((rows, columns), np.float32)
    step = max(1, PIXELS_AT_ONCE // columns)
    for start in range(0, rows, step):
        band = slice(start, min(start + step, rows))
        # where the stack is on disk whole images are indexed by slices only
        stack = np.stack([np.asarray(images[slice(i, i + 1), band], np.float32)[0] for i in map(int, chosen)])
        bad = int(np.count_nonzero(~np.isfinite(stack)))
        if bad:
            raise InputError(f"{what} hold {bad} values that are NaN or infinite in rows {start} to {band.stop - 1}")
        result[band] = np.median(stack, axis=0)
    return result


def _size(images: Any) -> str:
    return " x ".join(str(n) for n in images.shape[-2:])
