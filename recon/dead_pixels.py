"""Dead pixels: those that do not answer to the beam as their neighbours do, and what stands in for them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volio.errors import InputError

__all__ = ["DeadPixels", "find_dead_pixels", "replace_dead_pixels"]

#: Good neighbours that a replacement is made of, at least.
NEIGHBOURS = 3
#: How far away a neighbour may be, in pixels.
REACH = 16


def find_dead_pixels(
    response: NDArray[Any], *, dark: NDArray[Any] | None = None, tolerance: float = 0.5
) -> NDArray[np.bool_]:
    """Find pixels whose response, or whose dark count, is not like that of their neighbours.

    Parameters
    ----------
    response : (row, column) array
        Counts with beam and without specimen, less the dark.
    dark : (row, column) array, optional
        Counts without beam.
    tolerance : float, default: 0.5
        A pixel is dead when its response is off the median of its 5 x 5 neighbours by more than this fraction of it,
        or its dark count by more than this fraction of that response; or when it does not respond at all.

    Returns
    -------
    (row, column) bool array

    Raises
    ------
    InputError
        If `tolerance` is not positive.
    """
    from scipy.ndimage import median_filter

    if not tolerance > 0:
        raise InputError(f"tolerance must be positive, got {tolerance}: 0.5 is a response that is off by half")
    usual = median_filter(response, size=5, mode="nearest")
    dead: NDArray[np.bool_] = (response <= 0) | (np.abs(response - usual) > tolerance * np.abs(usual))
    if dark is not None:
        dead |= np.abs(dark - median_filter(dark, size=5, mode="nearest")) > tolerance * np.abs(usual)
    return dead


@dataclass(frozen=True, eq=False)
class DeadPixels:
    """Where pixels are dead, and of which neighbours with which weights each is made.

    Attributes
    ----------
    rows, columns : (dead,) arrays of int
        Places of the dead pixels.
    sources : list of (rows, columns, weights)
        Places of the good neighbours of each and their weights, which sum to 1.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    sources: list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]]

    @classmethod
    def from_map(cls, dead: NDArray[np.bool_]) -> "DeadPixels":
        """Choose the neighbours: the smallest square with enough good ones, weighted by 1 / distance².

        Raises
        ------
        InputError
            If a dead pixel has too few good pixels within reach.
        """
        rows, columns = np.nonzero(dead)
        sources = [_neighbours(dead, int(r), int(c)) for r, c in zip(rows, columns, strict=True)]
        return cls(rows, columns, sources)

    def fill(self, image: NDArray[Any]) -> None:
        """Replace the dead pixels of a (row, column) image in place."""
        for r, c, (near_rows, near_columns, weights) in zip(self.rows, self.columns, self.sources, strict=True):
            image[r, c] = np.dot(image[near_rows, near_columns], weights)


def replace_dead_pixels(images: NDArray[Any], dead: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Replace dead pixels by the mean of the good ones around them, weighted by 1 / distance².

    Parameters
    ----------
    images : (angle, row, column) array
        Transmissions, better than counts: the pattern of the detector is gone.
    dead : (row, column) bool array
        From `find_dead_pixels`.

    Returns
    -------
    (angle, row, column) float32 array

    Raises
    ------
    InputError
        If shapes do not fit, or a dead pixel has too few good pixels within 16 pixels.
    """
    if dead.shape != images.shape[1:]:
        raise InputError(f"the map of dead pixels is {dead.shape}, the images {images.shape[1:]}: give one of the same")
    pixels = DeadPixels.from_map(dead)
    filled = np.array(images, np.float32)
    for image in filled:
        pixels.fill(image)
    return filled


def _neighbours(
    dead: NDArray[np.bool_], row: int, column: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    for reach in range(1, REACH + 1):
        top, left = max(row - reach, 0), max(column - reach, 0)
        rows, columns = np.nonzero(~dead[top : row + reach + 1, left : column + reach + 1])
        if rows.size >= NEIGHBOURS:
            rows, columns = rows + top, columns + left
            weights = 1.0 / ((rows - row) ** 2 + (columns - column) ** 2)
            return rows, columns, (weights / weights.sum()).astype(np.float32)
    raise InputError(
        f"pixel (row {row}, column {column}) has fewer than {NEIGHBOURS} good pixels within {REACH}: crop the detector "
        "to where it works"
    )
