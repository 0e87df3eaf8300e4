"""Which format a path has."""

from pathlib import Path

import numpy as np
import pytest

from recon import read_scan
from volio import FormatError


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.txrm", None, "none.txrm does not exist"),
        ("empty.txrm", b"", "is empty"),
        ("scan.xrm", b"II*\0 a TIFF", "is not an Xradia file as its name says .no OLE2 header."),
        ("tilt.dm3", b"\0\0\0\3 anything", "tilt.dm3 is damaged or truncated"),
        ("scan.xyz", b"anything", "is of no known format"),
        ("scan.h5", b"anything", "is not HDF5 as its name says"),
    ],
)
def test_what_is_no_scan(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FormatError, match=message) as error:
        read_scan(path)
    assert "\n" not in str(error.value)


def test_xradia_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "copied.bin"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4))
    with pytest.raises(FormatError, match="ends within the OLE2 header"):
        read_scan(path)


def test_any_stack_that_volio_reads(tmp_path: Path, images: np.ndarray) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, images)
    assert read_scan(path, angle_range=(0, 1)).n_angles == 5
