"""Which format a path has: by its extension and by how the file begins."""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from volio.errors import FormatError, InputError
from volio.volume import Volume

__all__ = [
    "FORMATS",
    "Format",
    "ReadOptions",
    "WriteOptions",
    "find_reader",
    "find_writer",
    "split_dataset",
]

Pyramid = Literal["mean", "nearest", "none"]
Compression = Literal["none", "deflate"]


@dataclass(frozen=True)
class ReadOptions:
    """Options of `volio.read` that some formats need; None means not given."""

    dataset: str | None = None
    shape: tuple[int, int, int] | None = None
    dtype: str | None = None
    offset: int | None = None


@dataclass(frozen=True)
class WriteOptions:
    """Options of `volio.write` that some formats take; None means not given."""

    compression: Compression | None = None
    pyramid: Pyramid | None = None
    dataset: str | None = None
    threads: int | None = None


class FormatModule(Protocol):
    """What a format module holds."""

    def read(self, path: Path, options: ReadOptions) -> Volume:
        """Open the volume in `path`."""
        ...

    def write(self, volume: Volume, path: Path, options: WriteOptions, done: Callable[[int], None]) -> None:
        """Write the volume to `path`, which does not exist yet."""
        ...


@dataclass(frozen=True)
class Format:
    """One format: its name, where its module is, and how to know it."""

    title: str
    module: str
    extensions: tuple[str, ...]
    #: (offset, bytes) of which one must be met; none where the content cannot be told
    magic: tuple[tuple[int, bytes], ...] = ()
    writable: bool = True
    options: frozenset[str] = frozenset()

    def load(self) -> FormatModule:
        """Import and return the module."""
        return cast("FormatModule", import_module(f"volio.formats.{self.module}"))

    def recognises(self, head: bytes) -> bool:
        """Tell whether a file that begins with `head` is of this format."""
        return any(head[offset : offset + len(mark)] == mark for offset, mark in self.magic)

    def check_options(self, options: ReadOptions | WriteOptions) -> None:
        """Refuse an option that this format does not use, rather than ignore it."""
        for item in fields(options):
            if getattr(options, item.name) is not None and item.name not in {*self.options, "threads"}:
                raise InputError(f"{item.name} is not used by {self.title}: leave it out")


_TIFF_MAGIC = ((0, b"II*\0"), (0, b"MM\0*"), (0, b"II+\0"), (0, b"MM\0+"))
_NIFTI_MAGIC = ((344, b"n+1\0"), (4, b"n+2\0"))

TIFF = Format("TIFF", "tiff", (".tif", ".tiff", ".btf", ".tf8"), _TIFF_MAGIC, options=frozenset({"compression"}))
OME_ZARR = Format("OME-Zarr", "ome_zarr", (".zarr",), options=frozenset({"dataset", "pyramid"}))
SLICES = Format("folder of slices", "slices", (), writable=False, options=frozenset({"dataset"}))
RAW = Format("raw", "raw", (".raw", ".bin", ".vol"), options=frozenset({"shape", "dtype", "offset"}))

FORMATS = (
    TIFF,
    OME_ZARR,
    Format(
        "HDF5",
        "hdf5",
        (".h5", ".hdf5", ".hdf", ".he5", ".nxs"),
        ((0, b"\x89HDF\r\n\x1a\n"),),
        options=frozenset({"dataset", "compression"}),
    ),
    Format("NumPy", "npy", (".npy",), ((0, b"\x93NUMPY"),)),
    Format("NRRD", "nrrd", (".nrrd", ".nhdr"), ((0, b"NRRD0"),)),
    Format("MRC", "mrc", (".mrc", ".rec", ".map", ".st", ".ali"), ((208, b"MAP"),)),
    Format(
        "DigitalMicrograph",
        "digital_micrograph",
        (".dm3", ".dm4"),
        ((0, b"\0\0\0\3"), (0, b"\0\0\0\4")),
        writable=False,
    ),
    Format("NIfTI", "nifti", (".nii", ".nii.gz"), (*_NIFTI_MAGIC, (0, b"\x1f\x8b"))),
    RAW,
    SLICES,
)

_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
_HEAD_BYTES = 512
_ZARR_MARKS = ("zarr.json", ".zgroup", ".zarray")


def split_dataset(path: str | Path) -> tuple[Path, str | None]:
    """Split ``file.h5::/path/to/dataset`` into the file and the dataset (None when there is no ``::``)."""
    file, mark, dataset = str(path).partition("::")
    return Path(file).expanduser(), dataset if mark else None


def find_reader(path: Path) -> Format:
    """Return the format of an existing file or folder.

    Raises
    ------
    FormatError
        If `path` is missing, empty, of no known format, or not what its name says.
    """
    if not path.exists():
        raise FormatError(f"{path} does not exist{_suggestion(path)}")
    if path.is_dir():
        if any((path / mark).exists() for mark in _ZARR_MARKS):
            return OME_ZARR
        if path.suffix.lower() == ".zarr":
            raise FormatError(f"{path} is not a Zarr folder: it holds none of {', '.join(_ZARR_MARKS)}")
        return SLICES
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        raise FormatError(f"{path} is empty (0 bytes): copy or export it again")
    named = _by_extension(path.name)
    found = next((item for item in FORMATS if item.recognises(head)), None)
    if named is None:
        if found is not None:
            return found
        if path.suffix.lower() in _IMAGES:
            raise FormatError(f"{path} is a single image, a volume needs 3 axes: give the folder that holds the slices")
        raise FormatError(f"{path} is of no known format: readable are {_known(FORMATS)}, folders of slices")
    if named.magic and not named.recognises(head) and not _may_differ(named, head):
        actual = f"like {found.title}" if found is not None else repr(head[:12])[1:]
        raise FormatError(
            f"{path} is not {named.title} as its name says (it begins {actual}): rename or export it again"
        )
    return named


def find_writer(path: Path) -> Format:
    """Return the format that the extension of `path` asks for.

    Raises
    ------
    InputError
        If no writable format has that extension.
    """
    found = _by_extension(path.name)
    if found is None or not found.writable:
        writable = [item for item in FORMATS if item.writable]
        raise InputError(f"the extension of {path.name!r} names no writable format: use one of {_known(writable)}")
    return found


def _by_extension(name: str) -> Format | None:
    lower = name.lower()
    return next((item for item in FORMATS if lower.endswith(item.extensions or ("\0",))), None)


def _may_differ(named: Format, head: bytes) -> bool:
    """Old MRC files have no mark; NIfTI comes in pieces. Text is never either."""
    return named.title == "MRC" and b"\0" in head


def _known(formats: Iterable[Any]) -> str:
    return ", ".join(extension for item in formats for extension in item.extensions)


def _suggestion(path: Path) -> str:
    """Name files in the same folder that are spelt alike."""
    folder = path.parent
    if not folder.is_dir():
        return f": neither does its folder {folder}"
    names = [item.name for item in folder.iterdir() if not item.name.startswith(".")]
    close = difflib.get_close_matches(path.name, names, n=3, cutoff=0.6)
    return f": did you mean {' or '.join(close)}?" if close else f": check the name in {folder}"
