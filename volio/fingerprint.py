"""What makes a run repeatable: checksums of the input and versions of the software."""

import hashlib
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from volio.errors import FormatError
from volio.formats.registry import split_dataset

__all__ = ["checksum", "software_versions"]

_PACKAGES = (
    "volcorr", "numpy", "scipy", "numba", "xarray", "zarr", "h5py", "tifffile", "imagecodecs", "mrcfile", "nibabel",
    "pynrrd", "pandas", "matplotlib",
)  # fmt: skip
_PIECE = 4 * 2**20


def checksum(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file; of a folder, that of the sorted names inside and the contents.

    Parameters
    ----------
    path : path
        A file, or a folder such as a Zarr folder or one of slices. ``file.h5::/dataset`` means the whole
        file.

    Returns
    -------
    str
        64 hexadecimal digits. Times, permissions and the place of the file make no difference.

    Raises
    ------
    FormatError
        If `path` is missing or cannot be read.
    """
    place, _ = split_dataset(path if isinstance(path, str) else os.fspath(path))
    if not place.exists():
        raise FormatError(f"{place} does not exist: check the name")
    digest = hashlib.sha256()
    try:
        if place.is_file():
            _add_file(digest, place)
        else:
            files = [item for item in place.rglob("*") if item.is_file()]
            for file in sorted(files, key=lambda item: item.relative_to(place).as_posix()):
                name = file.relative_to(place).as_posix().encode()
                inner = hashlib.sha256()
                _add_file(inner, file)
                digest.update(len(name).to_bytes(8, "little") + name + inner.digest())
    except OSError as error:
        raise FormatError(f"{place} cannot be read ({error.strerror or error}): check its permissions") from error
    return digest.hexdigest()


def _add_file(digest: "hashlib._Hash", path: Path) -> None:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)


def software_versions() -> dict[str, str]:
    """Return the versions of volcorr, of what it computes with, of Python and of the system."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
