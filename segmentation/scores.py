"""How good a segmentation is: overlap with the truth, fractions, and how far its surfaces are off."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from segmentation.blockwise import block_boxes
from segmentation.components import EDGE
from segmentation.inputs import as_labels, check_shape
from volio import InputError, Volume, run_blocks

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from volio.lazy import Box

__all__ = ["BoundaryDistance", "Scores", "compare_boundaries", "compare_labels"]


@dataclass(frozen=True, eq=False)
class Scores:
    """Labels against the truth; a figure without any voxel to judge by is NaN.

    Attributes
    ----------
    labels : tuple of int
        The phases, ascending.
    confusion : (n, n) int64 array
        Voxels by true phase (row) and phase given (column).
    """

    labels: tuple[int, ...]
    confusion: "NDArray[np.int64]"

    @property
    def accuracy(self) -> float:
        """Part of the voxels that are right."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def dice(self) -> "NDArray[np.float64]":
        """Twice the overlap over the sum of both, for each phase (also called F1)."""
        return _ratio(2 * self._hits, self._true + self._given)

    @property
    def iou(self) -> "NDArray[np.float64]":
        """Overlap over union of each phase (Jaccard index)."""
        return _ratio(self._hits, self._true + self._given - self._hits)

    @property
    def precision(self) -> "NDArray[np.float64]":
        """Part of the voxels given to a phase that belong to it."""
        return _ratio(self._hits, self._given)

    @property
    def recall(self) -> "NDArray[np.float64]":
        """Part of the voxels of a phase that were given to it."""
        return _ratio(self._hits, self._true)

    @property
    def fraction(self) -> "NDArray[np.float64]":
        """Fraction of each phase as it was given."""
        return _ratio(self._given, self.confusion.sum())

    @property
    def fraction_error(self) -> "NDArray[np.float64]":
        """Fraction of each phase less its true fraction."""
        return self.fraction - _ratio(self._true, self.confusion.sum())

    @property
    def _hits(self) -> "NDArray[np.int64]":
        return np.diag(self.confusion)

    @property
    def _true(self) -> "NDArray[np.int64]":
        return np.asarray(self.confusion.sum(axis=1))

    @property
    def _given(self) -> "NDArray[np.int64]":
        return np.asarray(self.confusion.sum(axis=0))

    def table(self) -> "pd.DataFrame":
        """Return a row for each phase."""
        import pandas as pd

        names = ("dice", "iou", "precision", "recall", "fraction", "fraction_error")
        return pd.DataFrame({name: getattr(self, name) for name in names}, index=pd.Index(self.labels, name="label"))


@dataclass(frozen=True)
class BoundaryDistance:
    """How far the surface of a phase lies from the true one.

    Attributes
    ----------
    label : int
        The phase.
    unit : str
        Unit of the lengths: that of the voxel size, or "voxel" where it is not stated.
    mean : float
        Mean distance, both ways.
    percentile_95 : float
        Distance that 95 % of the surface voxels stay below, both ways.
    largest : float
        Largest distance (Hausdorff).
    """

    label: int
    unit: str
    mean: float
    percentile_95: float
    largest: float


def compare_labels(
    labels: Volume, truth: Volume, *, unlabelled: int | None = None, threads: int | None = None
) -> Scores:
    """Hold a segmentation against the truth.

    Parameters
    ----------
    labels : Volume or array, shape (z, y, x)
        What was found.
    truth : Volume or array of the same shape
        What is right.
    unlabelled : int, optional
        Voxels with this label in `truth` are not judged, so that sparse labels will do. Those with it in `labels` only
        count as wrong.
    threads : int, optional
        How many blocks at once.

    Returns
    -------
    Scores

    Raises
    ------
    InputError
        If shapes differ, labels are no whole numbers, or nothing is labelled.
    """
    found, right = as_labels(labels), as_labels(truth, "truth")
    check_shape(right, found, "the truth")

    def task(box: "Box") -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
        given, true = (np.asarray(item.data[box]).astype(np.int64).reshape(-1) for item in (found, right))
        judged = np.ones(true.size, np.bool_) if unlabelled is None else true != unlabelled
        pairs, counts = np.unique(np.stack([true[judged], given[judged]], axis=1), axis=0, return_counts=True)
        return pairs, counts

    parts = run_blocks(task, block_boxes(found.shape, EDGE), threads=threads)
    pairs = np.concatenate([part[0] for part in parts])
    if not len(pairs):
        raise InputError(f"all of the truth is unlabelled ({unlabelled}): there is nothing to judge by")
    names = np.unique(pairs)
    confusion = np.zeros((names.size, names.size), np.int64)
    np.add.at(confusion, tuple(np.searchsorted(names, pairs.T)), np.concatenate([part[1] for part in parts]))
    return Scores(tuple(int(name) for name in names), confusion)


def compare_boundaries(labels: Volume, truth: Volume, *, label: int, unlabelled: int | None = None) -> BoundaryDistance:
    """Measure how far the surface of a phase lies from the true one.

    A surface voxel belongs to the phase and has a neighbour through a face that does not. Distances are measured from
    each surface voxel to the nearest one of the other surface, both ways together.

    Parameters
    ----------
    labels, truth : Volume or array, shape (z, y, x)
        Whole numbers. Both are loaded.
    label : int
        The phase.
    unlabelled : int, optional
        Voxels with this label in `truth` belong to no surface.

    Returns
    -------
    BoundaryDistance

    Raises
    ------
    InputError
        If shapes differ, or one of the two has no surface of that phase.
    """
    from scipy import ndimage

    found, right = as_labels(labels), as_labels(truth, "truth")
    check_shape(right, found, "the truth")
    given, true = np.asarray(found.data[:]), np.asarray(right.data[:])
    judged = np.ones(true.shape, np.bool_) if unlabelled is None else true != unlabelled
    surfaces = []
    for name, values in (("labels", given), ("truth", true)):
        inside = values == label
        surface = inside & ~ndimage.binary_erosion(inside | ~judged, border_value=1) & judged
        if not surface.any():
            raise InputError(f"label {label} has no surface in the {name}: choose a phase that is there and not all")
        surfaces.append(surface)
    size = found.voxel_size or right.voxel_size
    first, second = surfaces
    distances = np.concatenate([_distances(first, second, size), _distances(second, first, size)])
    unit = "voxel" if size is None else (found.unit if found.voxel_size else right.unit)
    mean, most = float(distances.mean()), float(distances.max())
    return BoundaryDistance(label, unit, mean, float(np.percentile(distances, 95)), most)


def _distances(start: "NDArray[np.bool_]", end: "NDArray[np.bool_]", size: Any) -> "NDArray[np.float64]":
    """Return the distance from each voxel of one surface to the nearest of the other."""
    from scipy import ndimage

    return np.asarray(ndimage.distance_transform_edt(~end, sampling=size)[start])


def _ratio(part: Any, whole: Any) -> "NDArray[np.float64]":
    """Divide; NaN where there is nothing to divide by."""
    part, whole = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0))
