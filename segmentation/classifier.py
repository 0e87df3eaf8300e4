"""Pixel classifier: a random forest that learns phases from a few labelled voxels and their surroundings."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Unpack

import numpy as np

from segmentation.blockwise import BlockOptions, map_blocks
from segmentation.features import FeatureSet
from segmentation.forest import Forest, grow_forest
from segmentation.inputs import UNLABELLED, as_volume, extend_metadata, is_whole
from segmentation.training import ClassReport, collect_samples, pair_volumes, report_classes
from volio import InputError, Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PixelClassifier"]

logger = logging.getLogger(__name__)

_SAME_SIZE: Final = 0.01


@dataclass(frozen=True, eq=False)
class PixelClassifier:
    """A trained classifier of voxels; make one with `fit` or `load`.

    Attributes
    ----------
    features : FeatureSet
        What it looks at.
    labels : tuple of int
        The labels that it gives.
    forest : Forest
        Its trees.
    importance : dict of str to float
        How much each feature contributed; sums to 1.
    report : tuple of ClassReport
        How well each class was learnt.
    voxel_size : 3 floats or None
        Of the volume that it learnt from, um: scales of features are in voxels.
    """

    features: FeatureSet
    labels: tuple[int, ...]
    forest: Forest
    importance: dict[str, float]
    report: tuple[ClassReport, ...]
    voxel_size: tuple[float, float, float] | None = None

    @classmethod
    def fit(
        cls,
        volume: Volume | Sequence[Volume],
        labels: Volume | Sequence[Volume],
        *,
        features: FeatureSet | None = None,
        unlabelled: int = 0,
        trees: int = 100,
        depth: int | None = 16,
        samples: int = 20000,
        seed: int = 0,
        threads: int | None = None,
    ) -> "PixelClassifier":
        """Learn from labelled voxels; a few strokes in each phase are enough to start with.

        Parameters
        ----------
        volume : Volume or array, shape (z, y, x), or a sequence of them
            Grey values. For a series bring them to one scale first (`match_contrast`).
        labels : Volume or array of the same shape, or a sequence of them
            Whole numbers, `unlabelled` where nobody said anything.
        features : FeatureSet, optional
            What to look at.
        unlabelled : int
            The label that means nothing. Labels made by `threshold` begin with 0, a phase: take 255 for them.
        trees : int
            Trees of the forest.
        depth : int, optional
            Largest depth of a tree; None for no limit.
        samples : int
            Most voxels of a class that are learnt from; more are thinned out at random.
        seed : int
            Of all random choices: the same input gives the same classifier.
        threads : int, optional
            How many blocks and trees at once; the classifier does not depend on it.

        Returns
        -------
        PixelClassifier

        Raises
        ------
        InputError
            If shapes differ, fewer than two classes are labelled, options are not usable, voxels near labels are NaN,
            or scikit-learn is not installed.
        """
        chosen = features or FeatureSet()
        for name, number in (("trees", trees), ("samples", samples), ("depth", 1 if depth is None else depth)):
            if not is_whole(number) or number < 1:
                raise InputError(f"{name} must be a whole number of at least 1, got {number!r}")
        pairs = pair_volumes(volume, labels)
        found = [collect_samples(*pair, chosen, unlabelled, samples, seed + n, threads) for n, pair in enumerate(pairs)]
        values = np.concatenate([part[0] for part in found])
        marks = np.concatenate([part[1] for part in found])
        names, classes = np.unique(marks, return_inverse=True)
        if names.size < 2:
            raise InputError(
                f"training needs labelled voxels of at least two classes, got {names.tolist()} beside "
                f"unlabelled={unlabelled}: label each phase"
            )
        growth = grow_forest(values, classes, trees=trees, depth=depth, seed=seed, threads=threads)
        importance = dict(zip(chosen.names, map(float, growth.importance), strict=True))
        report = report_classes(names, classes, growth.unseen)
        size = pairs[0][0].voxel_size
        return cls(chosen, tuple(int(name) for name in names), growth.forest, importance, report, size)

    def predict(
        self,
        volume: Volume,
        *,
        mask: Volume | None = None,
        **options: Unpack[BlockOptions],
    ) -> Volume:
        """Label a volume of any size.

        Parameters
        ----------
        volume : Volume or array, shape (z, y, x)
            Grey values on the scale of those learnt from.
        mask : Volume or array, optional
            Where it is zero, voxels get the label 255.
        **options
            Target, threads, executor and more: see `segmentation.blockwise.BlockOptions`.

        Returns
        -------
        Volume
            The label with the most votes, the smaller one of two with as many.

        Raises
        ------
        InputError
            If voxels are NaN, or the mask has another shape.
        """
        kind = np.min_scalar_type(max(self.labels)) if min(self.labels) >= 0 else np.dtype(np.int32)
        return self._map(volume, partial(_name_best, self, np.array(self.labels, kind)), kind, mask, **options)

    def predict_probability(
        self,
        volume: Volume,
        *,
        label: int,
        **options: Unpack[BlockOptions],
    ) -> Volume:
        """Compute how many of the trees vote for one class, at each voxel of a volume of any size.

        Parameters
        ----------
        volume : Volume or array, shape (z, y, x)
            Grey values.
        label : int
            The class.
        **options
            See `predict`.

        Returns
        -------
        Volume
            float32, 0 to 1.

        Raises
        ------
        InputError
            If the class was not learnt, or voxels are NaN.
        """
        if label not in self.labels:
            raise InputError(f"label {label} was not learnt: this classifier knows {', '.join(map(str, self.labels))}")
        return self._map(volume, partial(_votes_for, self, self.labels.index(label)), np.dtype(np.float32), **options)

    def predict_uncertainty(
        self,
        volume: Volume,
        **options: Unpack[BlockOptions],
    ) -> Volume:
        """Compute how undecided the trees are: 1 minus the lead of the best class over the second best.

        Label more where this is large.

        Parameters
        ----------
        volume : Volume or array, shape (z, y, x)
            Grey values.
        **options
            See `predict`.

        Returns
        -------
        Volume
            float32, 0 (all agree) to 1 (a tie).

        Raises
        ------
        InputError
            If voxels are NaN.
        """
        return self._map(volume, partial(_doubt, self), np.dtype(np.float32), **options)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the classifier to a file of plain arrays (NumPy .npz), which needs no scikit-learn to be applied.

        Parameters
        ----------
        path : path
            As a rule ``NAME.npz``.
        overwrite : bool
            Replace an existing file.

        Returns
        -------
        Path

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        from segmentation.classifier_file import save_classifier

        return save_classifier(self, Path(path), overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path, *, features: FeatureSet | None = None) -> "PixelClassifier":
        """Read a classifier.

        Parameters
        ----------
        path : path
            File written by `save`.
        features : FeatureSet, optional
            Those that it must have been trained on.

        Returns
        -------
        PixelClassifier

        Raises
        ------
        FormatError
            If the file is missing, damaged, or not a classifier.
        InputError
            If it was trained on other features: they are named.
        """
        from segmentation.classifier_file import load_classifier

        return load_classifier(Path(path), features)

    def votes(self, block: "NDArray[Any]") -> "NDArray[np.float32]":
        """Compute the part of the trees that votes for each class.

        Parameters
        ----------
        block : array, shape (z, y, x)
            Grey values, with ``features.halo`` more voxels on each side.

        Returns
        -------
        (classes, z, y, x) float32 array
            Without the halo.
        """
        values = self.features.compute(block)
        return np.asarray(self.forest.probabilities(values.reshape(len(values), -1)).reshape(-1, *values.shape[1:]))

    def _map(
        self,
        volume: Volume,
        function: "Callable[[NDArray[Any]], NDArray[Any]]",
        dtype: "np.dtype[Any]",
        mask: Volume | None = None,
        **options: Unpack[BlockOptions],
    ) -> Volume:
        grey = as_volume(volume)
        self._check_size(grey)
        entry = {"method": "pixel classifier", "labels": list(self.labels), "features": self.features.names}
        entry["out_of_bag_recall"] = [item.recall for item in self.report]
        return map_blocks(
            grey,
            function,
            dtype=dtype,
            halo=self.features.halo,
            mask=None if mask is None else as_volume(mask, "mask"),
            outside=UNLABELLED,
            label="classifying",
            pyramid="nearest" if dtype.kind in "iu" else "mean",
            metadata=extend_metadata(grey, segmentation=entry),
            **options,
        )

    def _check_size(self, volume: Volume) -> None:
        if self.voxel_size is None or volume.voxel_size is None:
            return
        if not np.allclose(self.voxel_size, volume.voxel_size, rtol=_SAME_SIZE, atol=0):
            logger.warning(
                "the classifier learnt from voxels of %s and is applied to %s: its scales are in voxels",
                self.voxel_size,
                volume.voxel_size,
            )


def _name_best(classifier: PixelClassifier, names: "NDArray[Any]", block: "NDArray[Any]") -> "NDArray[Any]":
    return np.asarray(names[classifier.votes(block).argmax(axis=0)])


def _votes_for(classifier: PixelClassifier, number: int, block: "NDArray[Any]") -> "NDArray[Any]":
    return np.asarray(classifier.votes(block)[number])


def _doubt(classifier: PixelClassifier, block: "NDArray[Any]") -> "NDArray[Any]":
    best = np.sort(classifier.votes(block), axis=0)[-2:]
    return np.asarray(np.clip(1 - (best[1] - best[0]), 0, 1))
