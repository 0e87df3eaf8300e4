"""Which format the projections in a path have."""

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from volio.errors import FormatError
from volio.formats.registry import find_reader

__all__ = ["TXRM", "Found", "ScanFormat", "find_format", "read_head"]


@dataclass
class Found:
    """What a file holds of a scan; `recon.read_scan` adds what the user gives, and checks the whole."""

    projections: Any
    #: in radians; None where the file states none
    angles: NDArray[np.float64] | None = None
    pixel_size: float | None = None
    unit: str = "um"
    flats: Any | None = None
    darks: Any | None = None
    shifts: NDArray[np.float64] | None = None
    center: float | None = None
    name: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class ScanModule(Protocol):
    """What a format module holds."""

    def read(self, path: Path, dataset: str | None) -> Found:
        """Open the scan in `path`."""
        ...


@dataclass(frozen=True)
class ScanFormat:
    """One format: its name, and where its module is."""

    title: str
    module: str
    magic: bytes | None = None

    def load(self) -> ScanModule:
        """Import and return the module."""
        return cast("ScanModule", import_module(f"recon.formats.{self.module}"))

    def recognises(self, head: bytes) -> bool:
        """Tell whether a file that begins with `head` is of this format."""
        return self.magic is not None and head.startswith(self.magic)


TXRM = ScanFormat("Xradia", "txrm", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
DATA_EXCHANGE = ScanFormat("Data Exchange", "data_exchange")
NXTOMO = ScanFormat("NXtomo", "nxtomo")
TIFF_SERIES = ScanFormat("TIFF series", "tiff_series")
TILT_SERIES = ScanFormat("tilt series", "tilt_series")

_OLE_EXTENSIONS = (".txrm", ".xrm", ".txm")
_HEAD_BYTES = 8


def read_head(path: Path) -> bytes:
    """Return the first bytes of a file; none where it is not a file."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def find_format(path: Path) -> ScanFormat:
    """Return the format of an existing file or folder of projections.

    Raises
    ------
    FormatError
        If `path` is missing, empty, of no known format, or not what its name says.
    """
    suffix = path.suffix.lower()
    if TXRM.recognises(read_head(path)):
        if suffix == ".txm":
            raise FormatError(f"{path} is a reconstructed volume, not projections: give the .txrm file of the scan")
        return TXRM
    if suffix in _OLE_EXTENSIONS and path.is_file() and path.stat().st_size:
        raise FormatError(f"{path} is not an Xradia file as its name says (no OLE2 header): copy or export it again")
    title = find_reader(path).title
    if title == "HDF5":
        from recon.formats.hdf5_images import is_nxtomo

        return NXTOMO if is_nxtomo(path) else DATA_EXCHANGE
    return TILT_SERIES if title in ("MRC", "DigitalMicrograph") else TIFF_SERIES
