"""Projections as images: a folder of TIFF or PNG files, one a projection, or any stack that `volio.read` knows."""

from pathlib import Path

import volio
from recon.angles import angles_beside, radians, read_angles
from recon.formats.registry import Found
from volio.volume import Volume

__all__ = ["found_in_volume", "read"]


def read(path: Path, dataset: str | None) -> Found:
    """Open the images; angles are taken from a file beside them, if there is one."""
    volume = volio.read(path, dataset=dataset, lazy=True)
    return found_in_volume(volume, path)


def found_in_volume(volume: Volume, path: Path) -> Found:
    """Return a stack of images as projections, with the angles of a file beside it."""
    metadata = {key: value for key, value in volume.metadata.items() if key not in ("path", "format")}
    notes = list(metadata.pop("notes", ()))
    found = Found(volume.data, name=volume.name, metadata=metadata, notes=notes)
    if volume.voxel_size is not None:
        _, height, width = volume.voxel_size
        if abs(height - width) <= 1e-3 * width:
            found.pixel_size, found.unit = width, volume.unit
        else:
            notes.append(f"pixels of {height:g} x {width:g} {volume.unit} are not square: give pixel_size")
    beside = angles_beside(path)
    if beside is not None:
        values, unit = read_angles(beside)
        found.angles = radians(values, unit, notes, source=str(beside))
        notes.append(f"angles are from {beside.name}")
    return found
