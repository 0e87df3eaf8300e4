from pathlib import Path

import pytest

from volcorr.provenance import check_unchanged
from volio import InputError, checksum


def test_present_checksums_are_returned_and_compared(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    file.write_bytes(b"one")
    recorded = check_unchanged({"reference": file}, {})
    assert check_unchanged({"reference": file}, recorded) == recorded
    file.write_bytes(b"two")
    with pytest.raises(InputError, match=r"a\.tif is not the reference of the recorded run"):
        check_unchanged({"reference": file}, recorded)


def test_every_input_keeps_its_role(tmp_path: Path) -> None:
    files = {f"deformed {number}": tmp_path / f"{number}.tif" for number in range(5)}
    for number, path in enumerate(files.values()):
        path.write_bytes(bytes([number]) * (10 ** (5 - number)))
    assert check_unchanged(files, {}) == {role: checksum(path) for role, path in files.items()}
