import hashlib
import os
from pathlib import Path

import pytest

from volio import FormatError, checksum, software_versions


def test_file_is_plain_sha256(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"hello")
    assert checksum(tmp_path / "a.h5") == hashlib.sha256(b"hello").hexdigest()
    assert checksum(f"{tmp_path / 'a.h5'}::/inner") == checksum(tmp_path / "a.h5")


def test_folder_depends_on_names_and_contents_only(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "c").mkdir(parents=True)
        (tmp_path / name / "c" / "0").write_bytes(b"0")
        (tmp_path / name / "zarr.json").write_bytes(b"{}")
    os.utime(tmp_path / "a" / "zarr.json", (0, 0))
    first = checksum(tmp_path / "a")
    assert first == checksum(tmp_path / "b")
    (tmp_path / "b" / "c" / "0").write_bytes(b"1")
    assert checksum(tmp_path / "b") != first
    (tmp_path / "a" / "c" / "0").rename(tmp_path / "a" / "c" / "1")
    assert checksum(tmp_path / "a") != first


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="does not exist"):
        checksum(tmp_path / "none")


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").touch()

    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FormatError, match=r"cannot be read \(Permission denied\)"):
        checksum(tmp_path / "a")


def test_versions() -> None:
    versions = software_versions()
    assert {"python", "system", "numpy", "zarr"} <= set(versions)
    assert "nonsense" not in versions
