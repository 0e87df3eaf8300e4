"""Data Exchange: projections in HDF5 (De Carlo et al. 2014, doi:10.1107/S160057751401604X).

The group ``/exchange`` holds ``data``, ``data_white``, ``data_dark`` and ``theta``; ``/measurement`` the instrument.
HDF5 files of any other layout are read too when the dataset is named: the others are looked for beside it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from recon.angles import radians
from recon.formats.hdf5_images import find_images, listed, number, open_file, open_images, plain, read_length, unit_of
from recon.formats.registry import Found
from recon.scan import Scan
from volio.errors import FormatError
from volio.lazy import slabs

__all__ = ["read", "write"]

_IMAGES, _FLATS, _DARKS, _ANGLES = "exchange/data", "exchange/data_white", "exchange/data_dark", "exchange/theta"
_SHIFTS, _CENTER, _METADATA = "exchange/shifts", "exchange/center", "process/volcorr/metadata"
_PIXEL = "measurement/instrument/detector/actual_pixel_size_x"
_PIXELS = ("measurement/instrument/detection_system/objective/resolution", _PIXEL)
_NUMBERS = {
    "energy_kev": "measurement/instrument/monochromator/energy",
    "exposure_s": "measurement/instrument/detector/exposure_time",
}
_WORDS = {"sample": "measurement/sample/name", "instrument": "measurement/instrument/name", "title": "exchange/title"}


def read(path: Path, dataset: str | None) -> Found:
    """Open a Data Exchange file; images are read when asked for."""
    with open_file(path) as file:
        known = dataset is None and isinstance(file.get(_IMAGES), h5py.Dataset)
        name = _IMAGES if known else find_images(path, dataset)
        group = name.rpartition("/")[0]
        found = Found(open_images(path, name), name=path.stem)
        flats, darks, theta = (f"{group}/{item.rpartition('/')[2]}" for item in (_FLATS, _DARKS, _ANGLES))
        if isinstance(file.get(flats), h5py.Dataset):
            found.flats = open_images(path, flats)
        if isinstance(file.get(darks), h5py.Dataset):
            found.darks = open_images(path, darks)
        values = listed(file, theta)
        if values is not None:
            found.angles = radians(values, unit_of(file[theta]), found.notes, source=f"/{theta}")
        _read_kept(file, found, path)
    return found


def _read_kept(file: Any, found: Found, path: Path) -> None:
    """Read what is one number or text, and what `write` left."""
    own = number(file, _PIXEL)
    unit = unit_of(file[_PIXEL]) if own is not None else None
    # the unit that `write` was given comes back; everybody else's becomes um
    found.unit = unit if _METADATA in file and unit is not None else "um"
    found.pixel_size = read_length(file, _PIXELS, found.unit, found.notes, what="pixel size")
    if _SHIFTS in file:
        found.shifts = np.asarray(file[_SHIFTS][()], np.float64)
    found.center = number(file, _CENTER)
    for key, name in _NUMBERS.items():
        value = number(file, name)
        if value is not None:
            found.metadata[key] = value
    for key, name in _WORDS.items():
        if isinstance(file.get(name), h5py.Dataset) and file[name].size:
            found.metadata[key] = str(plain(file[name][()]))
    if _METADATA in file:
        try:
            kept = json.loads(str(plain(file[_METADATA][()])))
        except ValueError as error:
            raise FormatError(f"{path} is damaged: /{_METADATA} is not JSON: copy or export it again") from error
        found.metadata |= kept.pop("metadata")
        found.name = kept.pop("name") or found.name


def write(scan: Scan, path: Path, done: Callable[[int], None]) -> None:
    """Stream the images of a scan into a new file; `done` is told of each image."""
    with h5py.File(path, "w") as file:
        file["implements"] = "exchange:measurement:process"
        for name, images in ((_DARKS, scan.darks), (_FLATS, scan.flats), (_IMAGES, scan.projections)):
            if images is None:
                continue
            item = file.create_dataset(name, images.shape, np.dtype(images.dtype))
            item.attrs["units"] = "counts" if scan.flats is not None else "1"
            for part, slab in slabs(images):
                item[part] = slab
                done(len(slab))
        file[_IMAGES].attrs["axes"] = "theta:y:x"
        _put(file, _ANGLES, np.rad2deg(scan.angles), "degrees")
        if scan.shifts is not None:
            _put(file, _SHIFTS, scan.shifts, "pixel")
        if scan.center is not None:
            _put(file, _CENTER, scan.center, "pixel")
        if scan.pixel_size is not None:
            for name in (_PIXEL, _PIXEL.replace("size_x", "size_y")):
                _put(file, name, scan.pixel_size, scan.unit)
        for key, name in _NUMBERS.items():
            if isinstance(scan.metadata.get(key), int | float):
                _put(file, name, scan.metadata[key], key.rpartition("_")[2].replace("kev", "keV"))
        left_out = ("path", "format", "notes")
        metadata = {key: value for key, value in scan.metadata.items() if key not in left_out}
        kept = {"name": scan.name, "metadata": metadata}
        file[_METADATA] = json.dumps(kept, default=_as_json)


def _put(file: Any, name: str, value: Any, unit: str) -> None:
    file[name] = value
    file[name].attrs["units"] = unit


def _as_json(value: Any) -> Any:
    """Return what JSON can hold of a metadata value."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
