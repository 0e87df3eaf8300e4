"""Grey values as the correlation needs them: normalised, finite, with the bad voxels known."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from volio.blocks import run_blocks
from volio.errors import InputError
from volio.volume import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Grey", "normalise"]

logger = logging.getLogger(__name__)

#: Slices that are read at once.
SLAB = 16


@dataclass(frozen=True, eq=False)
class Grey:
    """Grey values of a volume.

    Attributes
    ----------
    values : (z, y, x) float32 array
        Zero mean and unit variance, zero where bad.
    bad : (z, y, x) bool array or None
        Voxels that are NaN or infinite; None when there are none.
    """

    values: "NDArray[np.float32]"
    bad: "NDArray[np.bool_] | None"


def normalise(volume: Volume, *, name: str, threads: int | None = None) -> Grey:
    """Read a volume slab by slab and normalise its grey values.

    Sums are taken in float64 and by slab, so that neither the number of threads nor a large grey offset matters.

    Parameters
    ----------
    volume : Volume
        Of any numeric type; may be lazy.
    name : str
        How messages call the volume.
    threads : int, optional
        Number of threads.

    Raises
    ------
    InputError
        If no voxel is finite or all are equal.
    """
    slabs = [slice(k, min(k + SLAB, volume.shape[0])) for k in range(0, volume.shape[0], SLAB)]

    def read(slab: slice) -> "NDArray[np.float64]":
        return np.asarray(volume.data[slab], np.float64)

    def count(slab: slice) -> tuple[int, float, float]:
        values = read(slab)
        values = values[np.isfinite(values)]
        if not values.size:
            return 0, 0.0, 0.0
        mean = float(values.mean())
        return values.size, mean, float(np.sum((values - mean) ** 2))

    n, mean, squares = _pool(run_blocks(count, slabs, threads=threads))
    if n == 0:
        raise InputError(f"the {name} volume holds no finite voxel: check the file and its dtype")
    std = float(np.sqrt(squares / n))
    if not std > 1e-12 * abs(mean):
        raise InputError(
            f"the {name} volume is constant (grey {mean:g}): without texture nothing can be correlated; check the file"
        )
    out = np.empty(volume.shape, np.float32)

    def fill(slab: slice) -> "NDArray[np.bool_] | None":
        values = read(slab)
        bad = ~np.isfinite(values)
        found = bool(bad.any())
        if found:
            values[bad] = mean
        out[slab] = (values - mean) / std
        return bad if found else None

    parts = run_blocks(fill, slabs, threads=threads)
    if all(part is None for part in parts):
        return Grey(out, None)
    bad = np.zeros(volume.shape, np.bool_)
    for slab, part in zip(slabs, parts, strict=True):
        if part is not None:
            bad[slab] = part
    logger.warning(
        "voxels that are not finite in the %s volume: %d; subsets that hold one are invalid", name, bad.sum()
    )
    return Grey(out, bad)


def _pool(parts: list[tuple[int, float, float]]) -> tuple[int, float, float]:
    """Join counts, means and sums of squared deviations of the slabs."""
    total, mean, squares = 0, 0.0, 0.0
    for n, part_mean, part_squares in parts:
        if n:
            shift = part_mean - mean
            squares += part_squares + shift**2 * total * n / (total + n)
            mean += shift * n / (total + n)
            total += n
    return total, mean, squares
