"""Labels tidied up: specks removed, holes filled, the largest part kept."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from segmentation.blockwise import map_blocks
from segmentation.components import EDGE, Connectivity, find_components
from segmentation.inputs import as_labels, extend_metadata, is_whole
from volio import InputError, LazyArray, Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from volio.lazy import Box

__all__ = ["fill_holes", "keep_largest", "remove_specks"]

_MOST: Final = np.iinfo(np.int64).max


def remove_specks(
    labels: Volume,
    *,
    smaller_than: int,
    label: int = 1,
    replace: int = 0,
    connectivity: Connectivity = 6,
    target: str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
) -> Volume:
    """Give small connected parts of a phase to another phase.

    Parameters
    ----------
    labels : Volume or array, shape (z, y, x)
        Whole numbers.
    smaller_than : int
        Parts of fewer voxels than this are removed.
    label : int
        The phase.
    replace : int
        What it becomes there.
    connectivity : {6, 18, 26}
        Neighbours of a voxel: through faces, edges too, or corners too.
    target : path, optional
        Where to write the result; without it, it is in memory.
    overwrite : bool
        Replace an existing target.
    threads : int, optional
        How many blocks at once; the result does not depend on it.

    Returns
    -------
    Volume
        Labels of the same type. ``metadata["cleanup"]`` lists what was done, with the number of voxels changed.

    Raises
    ------
    InputError
        If the phase is not there, or a size or label is not usable.
    """
    _check_size(smaller_than)
    found = as_labels(labels)
    parts = find_components(_is(found, label), connectivity=connectivity, threads=threads)
    if parts.sizes.size == 0:
        raise InputError(_absent(found, label))
    chosen = parts.sizes < smaller_than
    step = {"step": "remove_specks", "smaller_than": smaller_than, "label": label, "parts": int(chosen.sum())}
    step["voxels"] = int(parts.sizes[chosen].sum())
    return _relabelled(found, parts.where(chosen), replace, step, target, overwrite, threads)


def fill_holes(
    labels: Volume,
    *,
    label: int = 1,
    smaller_than: int | None = None,
    connectivity: Connectivity = 6,
    target: str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
) -> Volume:
    """Fill the holes of a phase: connected parts of everything else that touch no face of the volume.

    Parameters
    ----------
    labels : Volume or array, shape (z, y, x)
        Whole numbers.
    label : int
        The phase.
    smaller_than : int, optional
        Only holes of fewer voxels; all when not given.
    connectivity : {6, 18, 26}
        Of the holes.
    target, overwrite, threads
        See `remove_specks`.

    Returns
    -------
    Volume
        Labels of the same type.

    Raises
    ------
    InputError
        If the phase is not there, or a size or label is not usable.
    """
    if smaller_than is not None:
        _check_size(smaller_than)
    found = as_labels(labels)
    parts = find_components(_is_not(found, label), connectivity=connectivity, threads=threads)
    if int(parts.sizes.sum()) == found.size:
        raise InputError(_absent(found, label))
    chosen = ~parts.border & (parts.sizes < (smaller_than or _MOST))
    step = {"step": "fill_holes", "smaller_than": smaller_than, "label": label, "parts": int(chosen.sum())}
    step["voxels"] = int(parts.sizes[chosen].sum())
    return _relabelled(found, parts.where(chosen), label, step, target, overwrite, threads)


def keep_largest(
    labels: Volume,
    *,
    label: int = 1,
    replace: int = 0,
    connectivity: Connectivity = 6,
    target: str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
) -> Volume:
    """Keep the largest connected part of a phase and give the others to another phase.

    Parameters
    ----------
    labels : Volume or array, shape (z, y, x)
        Whole numbers.
    label, replace, connectivity, target, overwrite, threads
        See `remove_specks`.

    Returns
    -------
    Volume
        Labels of the same type.

    Raises
    ------
    InputError
        If the phase is not there, or a label is not usable.
    """
    found = as_labels(labels)
    parts = find_components(_is(found, label), connectivity=connectivity, threads=threads)
    if parts.sizes.size == 0:
        raise InputError(_absent(found, label))
    chosen = ~parts.largest()
    step = {"step": "keep_largest", "label": label, "parts": int(chosen.sum())}
    step["voxels"] = int(parts.sizes[chosen].sum())
    return _relabelled(found, parts.where(chosen), replace, step, target, overwrite, threads)


def _is(labels: Volume, label: int) -> LazyArray:
    return LazyArray.wrap(labels.data).map(lambda block: block == label, np.bool_)


def _is_not(labels: Volume, label: int) -> LazyArray:
    return LazyArray.wrap(labels.data).map(lambda block: block != label, np.bool_)


def _relabelled(
    labels: Volume,
    chosen: LazyArray,
    value: int,
    step: dict[str, Any],
    target: str | Path | None,
    overwrite: bool,
    threads: int | None,
) -> Volume:
    """Write a label where voxels were chosen."""
    kind = np.dtype(np.uint8) if labels.dtype == bool else labels.dtype
    limits = np.iinfo(kind)
    if not is_whole(value) or not limits.min <= value <= limits.max:
        raise InputError(f"label {value!r} is not a whole number that {kind} can hold: choose another, or convert")

    def read(box: "Box") -> "NDArray[Any]":
        block = np.asarray(labels.data[box]).astype(kind)
        block[chosen[box]] = value
        return block

    source = LazyArray(read, labels.shape, kind, chunks=[min(64, n) for n in labels.shape])
    steps = [*labels.metadata.get("cleanup", ()), step]
    return map_blocks(
        Volume(source, labels.voxel_size, labels.unit, labels.origin, labels.name),
        lambda block: block,
        dtype=kind,
        edge=EDGE,
        target=target,
        overwrite=overwrite,
        threads=threads,
        pyramid="nearest",
        metadata=extend_metadata(labels, cleanup=steps),
    )


def _check_size(smaller_than: Any) -> None:
    if not is_whole(smaller_than) or smaller_than < 1:
        raise InputError(f"smaller_than must be a whole number of voxels of at least 1, got {smaller_than!r}")


def _absent(labels: Volume, label: int) -> str:
    return f"label {label} is nowhere in {labels.name or 'the labels'}: choose a phase that is there"
