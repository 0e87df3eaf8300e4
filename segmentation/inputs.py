"""What functions of this package accept: grey volumes, labels, masks."""

from typing import Any, Final

import numpy as np

from volio import InputError, Volume

__all__ = ["UNLABELLED", "as_labels", "as_volume", "check_shape", "extend_metadata"]

#: Label of voxels that are outside of a mask and belong to no phase.
UNLABELLED: Final = 255


def as_volume(volume: Any, what: str = "volume") -> Volume:
    """Return `volume` as a `Volume`; a plain array (z, y, x) has no voxel size.

    Raises
    ------
    InputError
        If it is neither.
    """
    if isinstance(volume, Volume):
        return volume
    if not (hasattr(volume, "shape") and hasattr(volume, "dtype")):
        raise InputError(f"{what} must be a Volume or an array (z, y, x), got {type(volume).__name__}")
    return Volume(volume)


def as_labels(labels: Any, what: str = "labels") -> Volume:
    """Return `labels` as a `Volume` of whole numbers.

    Raises
    ------
    InputError
        If it is not an array of whole numbers.
    """
    found = as_volume(labels, what)
    if found.dtype.kind not in "biu":
        raise InputError(f"{what} must hold whole numbers, got {found.dtype}: segment the volume first, or convert it")
    return found


def check_shape(found: Volume, expected: Volume, what: str) -> None:
    """Refuse a volume that does not lie on the voxels of another.

    Raises
    ------
    InputError
        If the shapes differ.
    """
    if found.shape != expected.shape:
        raise InputError(f"{what} has shape {found.shape}, the volume {expected.shape}: both must have the same voxels")


def extend_metadata(volume: Volume, **entries: Any) -> dict[str, Any]:
    """Return the metadata of a result: those of its source, without what holds for the file only, and `entries`."""
    kept = {key: value for key, value in volume.metadata.items() if key not in ("path", "format", "notes")}
    return {**kept, **entries}


def is_whole(value: Any) -> bool:
    """Tell whether a value is a whole number, and not a truth value."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
