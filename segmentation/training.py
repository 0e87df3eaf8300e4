"""What a pixel classifier is trained on: the features of labelled voxels, and how well each class was learnt."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np

from segmentation.blockwise import block_boxes, read_padded
from segmentation.features import FeatureSet
from segmentation.inputs import as_labels, as_volume, check_shape
from volio import InputError, Volume, run_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from volio.lazy import Box

__all__ = ["ClassReport", "collect_samples", "pair_volumes", "report_classes"]


@dataclass(frozen=True)
class ClassReport:
    """How well one class was learnt, by the votes of the trees that did not see a sample (out of bag).

    Neighbouring voxels are alike, so this is too good rather than too bad: labels of another part of the volume, held
    against a prediction by `compare_labels`, tell more.

    Attributes
    ----------
    label : int
        The class.
    samples : int
        Labelled voxels that were learnt from.
    recall : float
        Part of them that is found again.
    precision : float
        Part of the voxels given to this class that belong to it.
    uncertainty : float
        Mean of 1 minus the votes for the true class.
    """

    label: int
    samples: int
    recall: float
    precision: float
    uncertainty: float


def pair_volumes(volumes: Volume | Sequence[Volume], labels: Volume | Sequence[Volume]) -> list[tuple[Volume, Volume]]:
    """Return volumes with their labels, checked.

    Parameters
    ----------
    volumes, labels : Volume or array, or a list of each
        See `PixelClassifier.fit`.

    Raises
    ------
    InputError
        If numbers or shapes differ, or labels are no whole numbers.
    """
    several = isinstance(volumes, list | tuple)
    if several != isinstance(labels, list | tuple):
        raise InputError("give one volume and its labels, or a list of each")
    left = cast("Sequence[Volume]", volumes if several else [volumes])
    right = cast("Sequence[Volume]", labels if several else [labels])
    if len(left) != len(right) or not left:
        raise InputError(f"there are {len(left)} volumes and {len(right)} label images: each needs its own")
    pairs = [(as_volume(v), as_labels(m)) for v, m in zip(left, right, strict=True)]
    for grey, marks in pairs:
        check_shape(marks, grey, "the label image")
    return pairs


def collect_samples(
    grey: Volume,
    labels: Volume,
    features: FeatureSet,
    unlabelled: int,
    samples: int,
    seed: int,
    threads: int | None,
) -> "tuple[NDArray[np.float32], NDArray[np.int64]]":
    """Return features (n, features) and labels (n,) of labelled voxels, in the order of blocks.

    Parameters
    ----------
    grey, labels : Volume
        Of one shape.
    features : FeatureSet
        What is computed, only where something is labelled.
    unlabelled, samples, seed, threads
        See `PixelClassifier.fit`.

    Raises
    ------
    InputError
        If voxels near labels are NaN.
    """
    boxes = block_boxes(grey.shape)
    marks = [_marked(labels, box, unlabelled) for box in boxes]
    found = np.concatenate([item[1] for item in marks])
    keep = np.zeros(found.size, np.bool_)
    rng = np.random.default_rng(seed)
    for name in np.unique(found):
        places = np.flatnonzero(found == name)
        keep[places if places.size <= samples else rng.choice(places, samples, replace=False)] = True
    ends = np.cumsum([item[1].size for item in marks])[:-1]
    kept = np.split(keep, ends)
    work = [(places[k], values[k]) for (places, values), k in zip(marks, kept, strict=True) if k.any()]
    parts = run_blocks(partial(_features_at, grey, features), [places for places, _ in work], threads=threads)
    if not parts:
        return np.empty((0, len(features.names)), np.float32), np.empty(0, np.int64)
    return np.concatenate(parts), np.concatenate([values for _, values in work])


def _marked(labels: Volume, box: "Box", unlabelled: int) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """Return places (n, 3) and labels (n,) of the labelled voxels of a block."""
    block = np.asarray(labels.data[box]).astype(np.int64)
    places = np.argwhere(block != unlabelled)
    return places + [s.start for s in box], block[tuple(places.T)]


def _features_at(grey: Volume, features: FeatureSet, places: "NDArray[np.int64]") -> "NDArray[np.float32]":
    """Return features (n, features) at places (n, 3) of one block, computed in the box around them."""
    low, high = places.min(axis=0), places.max(axis=0) + 1
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    values = features.compute(read_padded(grey.data, box, features.halo))
    return np.ascontiguousarray(values[(slice(None), *(places - low).T)].T)


def report_classes(
    names: "NDArray[np.int64]", classes: "NDArray[np.int64]", unseen: "NDArray[np.float64]"
) -> tuple[ClassReport, ...]:
    """Judge each class by out-of-bag votes; NaN where a figure has no samples.

    Parameters
    ----------
    names : (classes,) array
        Labels.
    classes : (n,) array
        True class of each sample, 0, 1, ...
    unseen : (n, classes) array
        Votes of the trees that did not see it, NaN where there are none.
    """
    seen = np.isfinite(unseen).all(axis=1)
    votes, truth = unseen[seen], classes[seen]
    given = votes.argmax(axis=1) if len(votes) else truth
    reports = []
    for number, name in enumerate(names):
        own, called = truth == number, given == number
        hits = float((own & called).sum())
        reports.append(
            ClassReport(
                int(name),
                int((classes == number).sum()),
                hits / int(own.sum()) if own.any() else float("nan"),
                hits / int(called.sum()) if called.any() else float("nan"),
                float(1 - votes[own, number].mean()) if own.any() else float("nan"),
            )
        )
    return tuple(reports)
