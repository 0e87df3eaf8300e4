"""A pixel classifier as a file: arrays of trees and a text that says what they mean, no pickle."""

import json
import zipfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from segmentation.classifier import PixelClassifier
from segmentation.features import FeatureSet, make_feature_set
from segmentation.forest import Forest
from segmentation.training import ClassReport
from volio import FormatError, InputError, software_versions, staged

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["load_classifier", "save_classifier"]

_FORMAT: Final = "volcorr pixel classifier"
_VERSION: Final = 1
_HEADER: Final = "header"


def save_classifier(classifier: PixelClassifier, path: Path, *, overwrite: bool = False) -> Path:
    """Write a classifier; see `PixelClassifier.save`.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    header = {
        "format": _FORMAT,
        "version": _VERSION,
        "kinds": classifier.features.kinds,
        "sigmas": classifier.features.sigmas,
        "feature_names": classifier.features.names,
        "labels": classifier.labels,
        "importance": classifier.importance,
        "report": [asdict(item) for item in classifier.report],
        "voxel_size": classifier.voxel_size,
        "software": software_versions(),
    }
    arrays: dict[str, Any] = {item.name: getattr(classifier.forest, item.name) for item in fields(Forest)}
    with staged(path, overwrite=overwrite) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **{_HEADER: np.array(json.dumps(header))}, **arrays)
    return path


def load_classifier(path: Path, features: FeatureSet | None = None) -> PixelClassifier:
    """Read a classifier; see `PixelClassifier.load`.

    Raises
    ------
    FormatError
        If the file is missing, damaged, or not a classifier.
    InputError
        If it was trained on other features.
    """
    header, arrays = _open(path)
    if header.get("format") != _FORMAT:
        raise FormatError(f"{path} is not a pixel classifier: give a file that PixelClassifier.save wrote")
    if header["version"] > _VERSION:
        raise FormatError(f"{path} was written by a newer volcorr (file version {header['version']}): update volcorr")
    try:
        trained = make_feature_set(header["kinds"], header["sigmas"])
    except InputError as error:
        raise InputError(f"{path} was trained on features that this volcorr does not know: {error}") from error
    if trained.names != header["feature_names"]:
        raise InputError(_difference(path, header["feature_names"], trained.names))
    if features is not None and features.names != trained.names:
        raise InputError(_difference(path, trained.names, features.names))
    forest = Forest(**{item.name: arrays[item.name] for item in fields(Forest)})
    _check(path, forest, len(trained.names), len(header["labels"]))
    size = header["voxel_size"]
    return PixelClassifier(
        trained,
        tuple(header["labels"]),
        forest,
        header["importance"],
        tuple(ClassReport(**item) for item in header["report"]),
        None if size is None else tuple(size),
    )


def _open(path: Path) -> "tuple[dict[str, Any], dict[str, NDArray[Any]]]":
    """Return header and arrays of a file."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return json.loads(str(arrays.pop(_HEADER))), arrays
    except FileNotFoundError as error:
        raise FormatError(f"there is no classifier at {path}: check the name") from error
    except (OSError, ValueError, KeyError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise FormatError(f"{path} is damaged or not a pixel classifier: train and save it again") from error


def _difference(path: Path, trained: list[str], wanted: list[str]) -> str:
    """Name the features that one has and the other has not."""
    words = [
        f"{word} {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}"
        for word, names in (
            ("with", [name for name in trained if name not in wanted]),
            ("without", [name for name in wanted if name not in trained]),
        )
        if names
    ] or ["in another order"]
    return f"{path} was trained on other features ({'; '.join(words)}): train anew, or use its own features"


def _check(path: Path, forest: Forest, features: int, classes: int) -> None:
    """Refuse trees that would lead the kernel out of its arrays."""
    nodes = forest.feature.size
    sizes = {len(forest.limit), len(forest.child), len(forest.leaf)}
    fits = sizes == {nodes} and forest.leaf.shape[1:] == (classes,) and forest.roots.size > 0
    inside = fits and all(
        array.min() >= 0 and array.max() < top
        for array, top in ((forest.feature, features), (forest.child, nodes), (forest.roots, nodes))
    )
    # children come after their node, and both are there: every walk ends
    step = forest.child - np.arange(nodes) if fits else np.zeros(0, np.int64)
    inner = step != 0
    walks = inside and (step >= 0).all() and (forest.child[inner] < nodes - 1).all()
    if not walks or not np.isposinf(forest.limit[~inner]).all():
        raise FormatError(f"{path} is damaged: its trees do not fit together: train and save it again")
