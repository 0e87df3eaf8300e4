"""Images and numbers in HDF5 files of scans."""

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from volio.errors import FormatError
from volio.formats.checks import check_axes, choose_dataset
from volio.lazy import LazyArray, one_line
from volio.units import PICOMETRES, conversion_factor, length_unit

__all__ = [
    "find_images",
    "is_nxtomo",
    "listed",
    "number",
    "nxtomo_entry",
    "open_file",
    "open_images",
    "plain",
    "read_length",
    "unit_of",
]


def open_file(path: Path) -> Any:
    """Open an HDF5 file for reading.

    Raises
    ------
    FormatError
        If it is damaged or in use.
    """
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise FormatError(f"{path} is damaged or in use ({one_line(error)}): copy it again or close it") from error


def is_nxtomo(path: Path) -> bool:
    """Tell whether an HDF5 file has an entry that is NXtomo."""
    with open_file(path) as file:
        return nxtomo_entry(file) is not None


def nxtomo_entry(file: Any) -> str | None:
    """Return the name of the first entry that is NXtomo: by its definition, or by its image keys."""
    for name, group in file.items():
        if not isinstance(group, h5py.Group):
            continue
        definition = group.get("definition")
        if isinstance(definition, h5py.Dataset) and plain(definition[()]) == "NXtomo":
            return str(name)
        if "instrument/detector/image_key" in group:
            return str(name)
    return None


def find_images(path: Path, wanted: str | None) -> str:
    """Return the name of the dataset of projections: the one asked for, or the only one with three axes.

    Raises
    ------
    FormatError
        If it is not there, or there are several; the message lists them.
    """
    found: list[tuple[str, tuple[int, ...]]] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == 3 and item.dtype.kind in "biuf":
            found.append((name, item.shape))

    with open_file(path) as file:
        file.visititems(visit)
    return choose_dataset(path, found, wanted)


def open_images(path: Path, name: str) -> LazyArray:
    """Open a dataset of images; it has a file handle of its own, which is closed when the images are not used.

    Raises
    ------
    FormatError
        If it does not have three axes of numbers.
    """
    file = open_file(path)
    dataset = file[name]
    label = f"{path}::/{name.strip('/')}"
    try:
        check_axes(label, dataset.shape, dataset.dtype)
    except BaseException:
        file.close()
        raise
    chunks = dataset.chunks or (1, *dataset.shape[1:])
    return LazyArray(
        lambda box: dataset[box], dataset.shape, dataset.dtype, chunks=chunks, name=label, close=file.close
    )


def plain(value: Any) -> Any:
    """Return an HDF5 value as Python has it: text as str, an array of one as a number."""
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size == 1 else value
    if isinstance(value, np.generic):
        value = value.item()
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def unit_of(item: Any) -> str | None:
    """Return the unit that a dataset states, or None."""
    unit = plain(item.attrs.get("units", item.attrs.get("unit", "")))
    return str(unit).strip() or None


def number(file: Any, name: str) -> float | None:
    """Return a finite number (of an array its first), or None where there is none."""
    item = file.get(name)
    if not isinstance(item, h5py.Dataset) or not item.size:
        return None
    try:
        value = float(np.ravel(plain(item[()]))[0])
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def read_length(file: Any, names: tuple[str, ...], target: str, notes: list[str], *, what: str) -> float | None:
    """Return the first length that is stated with a unit, in `target`; a note says why one is not used."""
    for name in names:
        value = number(file, name)
        if value is None:
            continue
        unit = unit_of(file[name])
        if unit is None or length_unit(unit) not in PICOMETRES or value <= 0:
            notes.append(f"/{name} states a {what} of {value:g} {unit or 'without a unit'}: it is not used")
            continue
        return value * conversion_factor(unit, target)
    return None


def listed(file: Any, name: str) -> NDArray[np.float64] | None:
    """Return the numbers of a dataset as a list, or None where there is no such dataset."""
    item = file.get(name)
    if not isinstance(item, h5py.Dataset) or not item.size or item.dtype.kind not in "iuf":
        return None
    return np.asarray(item[()], np.float64).reshape(-1)
