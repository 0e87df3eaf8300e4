"""Tilt series of electron tomography: an MRC or DigitalMicrograph stack, its angles in a file beside it or inside."""

import warnings
from pathlib import Path

import mrcfile
import numpy as np
from numpy.typing import NDArray

import volio
from recon.formats.registry import Found
from recon.formats.tiff_series import found_in_volume
from volio.quiet import captured_log

__all__ = ["read"]

_TILT = "Alpha tilt"
_TILT_HEADERS = (b"FEI1", b"FEI2")


def read(path: Path, dataset: str | None) -> Found:
    """Open a stack; the tilt axis is taken to be vertical, as IMOD aligns it."""
    found = found_in_volume(volio.read(path, dataset=dataset, lazy=True), path)
    if found.angles is None and path.suffix.lower() not in (".dm3", ".dm4"):
        degrees = _header_angles(path)
        if degrees is not None and degrees.size >= found.projections.shape[0]:
            found.angles = np.deg2rad(degrees[: found.projections.shape[0]])
            found.notes.append("angles are from the extended header of the file")
    found.notes.append("the tilt axis is taken to be vertical, along the columns of the images")
    return found


def _header_angles(path: Path) -> NDArray[np.float64] | None:
    """Return the tilt angles of an extended header of Thermo Fisher (types FEI1 and FEI2), or None."""
    with captured_log("mrcfile"), warnings.catch_warnings(), mrcfile.mmap(path, "r", permissive=True) as file:
        warnings.simplefilter("ignore")  # a header that is too short gives none
        if bytes(file.header.exttyp) not in _TILT_HEADERS:
            return None
        header = file.indexed_extended_header
        return None if header is None else np.array(header[_TILT], np.float64)
