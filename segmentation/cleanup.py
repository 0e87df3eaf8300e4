"""Labels tidied up: specks removed, holes filled, the largest part kept."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Unpack

import numpy as np

from segmentation.blockwise import BlockOptions, map_blocks
from segmentation.components import EDGE, Components, Connectivity, find_components
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
    **options: Unpack[BlockOptions],
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
    **options
        Target, threads, executor and more: see `segmentation.blockwise.BlockOptions`.

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
    parts = _find(found, np.equal, label, connectivity, options.get("threads"))
    step = {"step": "remove_specks", "smaller_than": smaller_than, "label": label}
    return _relabelled(found, parts, parts.sizes < smaller_than, replace, step, **options)


def fill_holes(
    labels: Volume,
    *,
    label: int = 1,
    smaller_than: int | None = None,
    connectivity: Connectivity = 6,
    **options: Unpack[BlockOptions],
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
    **options
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
    parts = _find(found, np.not_equal, label, connectivity, options.get("threads"))
    chosen = ~parts.border & (parts.sizes < (smaller_than or _MOST))
    step = {"step": "fill_holes", "smaller_than": smaller_than, "label": label}
    return _relabelled(found, parts, chosen, label, step, **options)


def keep_largest(
    labels: Volume,
    *,
    label: int = 1,
    replace: int = 0,
    connectivity: Connectivity = 6,
    **options: Unpack[BlockOptions],
) -> Volume:
    """Keep the largest connected part of a phase and give the others to another phase.

    Parameters
    ----------
    labels : Volume or array, shape (z, y, x)
        Whole numbers.
    label, replace, connectivity, **options
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
    parts = _find(found, np.equal, label, connectivity, options.get("threads"))
    return _relabelled(found, parts, ~parts.largest(), replace, {"step": "keep_largest", "label": label}, **options)


def _find(labels: Volume, compare: np.ufunc, label: int, connectivity: Connectivity, threads: int | None) -> Components:
    """Find the connected parts of the voxels that are, or are not, of a phase; refuse a phase that is not there."""
    selected = LazyArray.wrap(labels.data).map(partial(compare, label), np.bool_)
    parts = find_components(selected, connectivity=connectivity, threads=threads)
    if int(parts.sizes.sum()) == (0 if compare is np.equal else labels.size):
        raise InputError(f"label {label} is nowhere in {labels.name or 'the labels'}: choose a phase that is there")
    return parts


def _relabelled(
    labels: Volume,
    parts: Components,
    chosen: "NDArray[np.bool_]",
    value: int,
    step: dict[str, Any],
    **options: Unpack[BlockOptions],
) -> Volume:
    """Write a label where the chosen parts are, and how many voxels these have into the metadata."""
    kind = np.dtype(np.uint8) if labels.dtype == bool else labels.dtype
    limits = np.iinfo(kind)
    if not is_whole(value) or not limits.min <= value <= limits.max:
        raise InputError(f"label {value!r} is not a whole number that {kind} can hold: choose another, or convert")
    read = _Relabelled(labels.data, parts.where(chosen), value, kind)
    source = LazyArray(read, labels.shape, kind, chunks=[min(64, n) for n in labels.shape])
    step |= {"parts": int(chosen.sum()), "voxels": int(parts.sizes[chosen].sum())}
    steps = [*labels.metadata.get("cleanup", ()), step]
    return map_blocks(
        Volume(source, labels.voxel_size, labels.unit, labels.origin, labels.name),
        np.asarray,
        dtype=kind,
        edge=EDGE,
        label="tidying up",
        pyramid="nearest",
        metadata=extend_metadata(labels, cleanup=steps),
        **options,
    )


@dataclass(frozen=True)
class _Relabelled:
    """Reads labels with a value where voxels were chosen."""

    data: Any
    chosen: LazyArray
    value: int
    kind: "np.dtype[Any]"

    def __call__(self, box: "Box") -> "NDArray[Any]":
        block = np.asarray(self.data[box]).astype(self.kind)
        block[self.chosen[box]] = self.value
        return block


def _check_size(smaller_than: Any) -> None:
    if not is_whole(smaller_than) or smaller_than < 1:
        raise InputError(f"smaller_than must be a whole number of voxels of at least 1, got {smaller_than!r}")
