"""Volumes of phases from files: opened, told apart by name, and refused with a reason where they hold no labels."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from volio import FormatError, InputError, LazyArray, Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from volcorr.settings import Lengths

__all__ = [
    "MOST_LABELS",
    "MOST_PHASES",
    "SEGMENTATION",
    "UNLABELLED",
    "LabelFile",
    "find_labels",
    "middle_slice",
    "name_volumes",
    "open_labels",
    "phases_of",
    "tell_unit",
]

logger = logging.getLogger(__name__)

#: The file of a segmentation that names its label volumes, under "labels".
SEGMENTATION: Final = "segmentation.json"
#: Label of voxels that belong to no phase, unless it is one of two.
UNLABELLED: Final = 255
#: More labels than this are particles, or grey values.
MOST_PHASES: Final = 64
#: The largest label.
MOST_LABELS: Final = 65535
#: Of labels at least this part of the neighbours inside of phases are alike.
_ALIKE: Final = 0.5


@dataclass(frozen=True, eq=False)
class LabelFile:
    """A label volume that was opened and counted.

    Attributes
    ----------
    path : Path
        The file.
    volume : Volume
        Labels, whole numbers from 0 to 65535, in memory or on disk.
    counts : dict of int to int
        Voxels of each label, in rising order.
    """

    path: Path
    volume: Volume
    counts: Mapping[int, int]

    @property
    def name(self) -> str:
        """Name of the volume, unique in its run."""
        return self.volume.name


def find_labels(paths: Sequence[Path]) -> list[Path]:
    """Put the label volumes of a segmentation in the place of its folder.

    Parameters
    ----------
    paths : sequence of Path
        Label volumes, and result folders of ``volcorr segment``.

    Raises
    ------
    FormatError
        If such a folder is damaged.
    """
    found = []
    for path in paths:
        record = path / SEGMENTATION
        if not record.is_file():
            found.append(path)
            continue
        try:
            found += [path / name for name in json.loads(record.read_text(encoding="utf-8"))["labels"]]
        except (ValueError, KeyError, TypeError) as error:
            raise FormatError(f"{record} is damaged or was edited: name the label volumes by themselves") from error
    return found


def name_volumes(paths: Sequence[Path]) -> list[str]:
    """Call volumes as their files; where that does not tell them apart, with the folder or a number before it."""
    from volio.formats.registry import split_dataset

    places = [split_dataset(str(path))[0].absolute() for path in paths]
    names = [place.name.split(".")[0] or place.name for place in places]
    if len(set(names)) < len(names):
        names = [f"{place.parent.name}_{name}" for place, name in zip(places, names, strict=True)]
    if len(set(names)) < len(names):
        names = [f"{number}_{name}" for number, name in enumerate(names, 1)]
    return names


def open_labels(
    paths: Sequence[Path],
    *,
    voxel_size: "Lengths | None" = None,
    dataset: str | None = None,
    lazy: bool | None = None,
    most: int = MOST_PHASES,
) -> list[LabelFile]:
    """Open label volumes and count their labels.

    Parameters
    ----------
    paths : sequence of Path
        See `find_labels`.
    voxel_size : float, str or three of them, optional
        Voxel size, in micrometres where it has no unit; replaces what the files state.
    dataset : str, optional
        Path of the array inside the files.
    lazy : bool, optional
        Leave the voxels on disk; when not given, large volumes stay there.
    most : int
        How many different labels there may be.

    Returns
    -------
    list of LabelFile

    Raises
    ------
    InputError
        If a volume holds grey values, NaN, negative labels, or too many or too large ones; or some volumes state a
        voxel size and others do not.
    FormatError
        If a file cannot be read.
    """
    from volio import read

    found = []
    files = find_labels(paths)
    for path, name in zip(files, name_volumes(files), strict=True):
        volume = replace(read(path, voxel_size=voxel_size, dataset=dataset, lazy=lazy), name=name)
        logger.info("%s: %s %s", path, " x ".join(map(str, volume.shape)), volume.dtype)
        counts = _count(volume, path, most)
        if volume.dtype.kind == "f":
            whole = LazyArray.wrap(volume.data).map(partial(np.asarray, dtype=np.uint16), np.uint16)
            volume = replace(volume, data=whole if volume.is_lazy else whole[:])
        found.append(LabelFile(path, volume, counts))
    unstated = [item.path for item in found if item.volume.voxel_size is None]
    if unstated and len(unstated) < len(found):
        raise InputError(f"{unstated[0]} states no voxel size, other volumes do: give one for all with --voxel-size")
    return found


def phases_of(file: LabelFile) -> tuple[int, ...]:
    """Return the labels that are phases: all but 255 beside labels other than 0, which is outside of a mask."""
    labels = [label for label in file.counts if label != UNLABELLED]
    return tuple(file.counts) if set(labels) <= {0} else tuple(labels)


def tell_unit(files: Sequence[LabelFile]) -> None:
    """Say so where lengths will be in voxels."""
    if files[0].volume.voxel_size is None:
        logger.warning("the voxel size is not stated: lengths are in voxels; give --voxel-size for others")


def middle_slice(volume: Volume) -> Volume:
    """Return the slice in the middle along z, in memory: a volume of shape (1, y, x)."""
    at = volume.shape[0] // 2
    z, y, x = slice(at, at + 1), slice(0, volume.shape[1]), slice(0, volume.shape[2])
    part = volume.crop((z, y, x))
    # a copy: a view would keep the whole volume
    return replace(part, data=np.array(part.data[:]))


def _count(volume: Volume, path: Path, most: int) -> dict[int, int]:
    """Count the labels slab by slab, or say why these are none."""
    from volio.lazy import slabs

    total = np.zeros(MOST_LABELS + 1, np.int64)
    alike = pairs = 0
    for _, slab in slabs(volume.data, depth=_depth(volume)):
        labels = _checked(slab, path)
        total += np.bincount(labels.reshape(-1), minlength=total.size)
        inside = labels[..., 1:] > 0
        pairs += int(np.count_nonzero(inside))
        alike += int(np.count_nonzero(inside & (labels[..., 1:] == labels[..., :-1])))
    present = np.flatnonzero(total)
    if present.size > MOST_PHASES and alike < _ALIKE * pairs:
        raise InputError(
            f"{path} is no label volume: its {present.size} different values change from voxel to voxel, as grey "
            "values do; run volcorr segment first"
        )
    if present.size > most:
        raise InputError(
            f"{path} holds {present.size} different labels, {most} are allowed: these are particles rather than phases"
        )
    return {int(label): int(total[label]) for label in present}


def _depth(volume: Volume) -> int:
    """Planes of some million voxels."""
    return max(1, (1 << 24) // max(volume.shape[1] * volume.shape[2], 1))


def _checked(slab: "NDArray[Any]", path: Path) -> "NDArray[Any]":
    """Return labels that can be counted."""
    if slab.dtype == bool:
        return slab.view(np.uint8)
    if slab.dtype in (np.uint8, np.uint16) or not slab.size:
        return slab
    low, high = slab.min(), slab.max()
    if np.isnan(low):
        raise InputError(
            f"{path} holds NaN, so it is no label volume: give voxels without a phase a label of their own"
        )
    if slab.dtype.kind == "f" and not np.array_equal(slab, np.rint(slab)):
        raise InputError(f"{path} is no label volume: it holds numbers with decimals; run volcorr segment first")
    if low < 0 or high > MOST_LABELS:
        word, value = ("lowest", low) if low < 0 else ("highest", high)
        raise InputError(f"labels must be 0 to {MOST_LABELS}, the {word} of {path} is {value:g}: renumber them")
    return slab.astype(np.uint16)
