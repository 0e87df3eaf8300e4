from pathlib import Path

import pytest

from volcorr.run_record import record_run
from volio import FormatError, checksum


def test_a_record_holds_inputs_settings_and_versions(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"content")
    record = record_run({"volume 1": tmp_path / "a.tif"}, {"size": (1, Path("x")), "none": None, "off": False})
    assert record["checksums"] == {"volume 1": checksum(tmp_path / "a.tif")}
    assert record["inputs"] == {"volume 1": str(tmp_path / "a.tif")}
    assert record["settings"] == {"size": [1, "x"], "off": False}
    assert "volcorr" in record["software"]


def test_a_missing_input_is_told(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"no\.tif"):
        record_run({"volume 1": tmp_path / "no.tif"}, {})
