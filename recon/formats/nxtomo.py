"""NXtomo: tomography in NeXus files (application definition NXtomo of the NeXus International Advisory Committee).

All images are in one stack; ``image_key`` says which are projections (0), flats (1), darks (2) and invalid (3).
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.angles import radians
from recon.formats.hdf5_images import (
    listed,
    number,
    nxtomo_entry,
    open_file,
    open_images,
    plain,
    read_length,
    unit_of,
)
from recon.formats.registry import Found
from recon.stacks import choose_images
from volio.errors import FormatError

__all__ = ["read"]

_PROJECTION, _FLAT, _DARK, _INVALID = 0, 1, 2, 3
_PIXELS = ("sample/x_pixel_size", "instrument/detector/x_pixel_size")
_ENERGY = ("instrument/beam/incident_energy", "beam/incident_energy", "instrument/monochromator/energy")


def read(path: Path, dataset: str | None) -> Found:
    """Open a NXtomo file; images are read when asked for."""
    with open_file(path) as file:
        entry = _entry(file, dataset, path)
        group = file[entry]
        name = next(
            (item for item in ("instrument/detector/data", "data/data") if item in group), "instrument/detector/data"
        )
        if name not in group:
            raise FormatError(f"{path} is NXtomo, but its entry /{entry} holds no images at {name}")
        images = open_images(path, f"{entry}/{name}")
        keys = _image_keys(group, images.shape[0], path)
        found = _sorted_images(path, f"{entry}/{name}", images, keys)
        _read_angles(group, keys, found, path)
        found.pixel_size = read_length(group, _PIXELS, "um", found.notes, what="pixel size")
        if found.pixel_size is not None and number(group, _PIXELS[0]) is None:
            found.notes.append("the pixel size is that of the detector: give pixel_size= if optics magnify")
        found.metadata |= _metadata(group, entry)
    return found


def _entry(file: Any, dataset: str | None, path: Path) -> str:
    if dataset is None:
        return str(nxtomo_entry(file))
    name = dataset.strip("/").partition("/")[0]
    if name not in file:
        raise FormatError(f"{path} holds no entry /{name}: there are {', '.join('/' + key for key in file)}")
    return name


def _image_keys(group: Any, images: int, path: Path) -> NDArray[np.int64]:
    keys = listed(group, "instrument/detector/image_key")
    if keys is None:
        return np.zeros(images, np.int64)
    if keys.size != images:
        raise FormatError(f"{path} holds {images} images but {keys.size} image keys: export it again")
    odd = np.setdiff1d(keys, [_PROJECTION, _FLAT, _DARK, _INVALID])
    if odd.size:
        raise FormatError(f"{path} has image key {odd[0]:g}: known are 0 (projection), 1 (flat), 2 (dark), 3 (invalid)")
    if not np.any(keys == _PROJECTION):
        raise FormatError(f"{path} holds no projections: none of its {images} image keys is 0")
    return keys.astype(np.int64)


def _sorted_images(path: Path, name: str, images: Any, keys: NDArray[np.int64]) -> Found:
    """Split the stack by its keys; each kind has its own handle of the file."""
    found = Found(choose_images(images, np.flatnonzero(keys == _PROJECTION)), name=path.stem)
    for kind, what in ((_FLAT, "flats"), (_DARK, "darks")):
        chosen = np.flatnonzero(keys == kind)
        if chosen.size:
            setattr(found, what, choose_images(open_images(path, name), chosen))
            positions = [int(np.count_nonzero(keys[:index] == _PROJECTION)) for index in chosen]
            found.metadata[f"{what[:-1]}_positions"] = positions
    invalid = int(np.count_nonzero(keys == _INVALID))
    if invalid:
        found.notes.append(f"{invalid} images are marked as invalid and left out")
    return found


def _read_angles(group: Any, keys: NDArray[np.int64], found: Found, path: Path) -> None:
    name = "sample/rotation_angle"
    values = listed(group, name)
    if values is None:
        return
    projections = keys == _PROJECTION
    if values.size == keys.size:
        values = values[projections]
    elif values.size != np.count_nonzero(projections):
        raise FormatError(f"{path} holds {keys.size} images but {values.size} rotation angles: export it again")
    found.angles = radians(values, unit_of(group[name]), found.notes, source=name)


def _metadata(group: Any, entry: str) -> dict[str, Any]:
    known: dict[str, Any] = {
        "entry": f"/{entry}",
        "exposure_s": number(group, "instrument/detector/count_time"),
        "energy_kev": next((value for value in (number(group, name) for name in _ENERGY) if value is not None), None),
    }
    for key, name in (("sample", "sample/name"), ("instrument", "instrument/name"), ("date", "start_time")):
        if name in group:
            known[key] = str(plain(group[name][()]))
    return {key: value for key, value in known.items() if value is not None}
