import json
import logging
from pathlib import Path

import pytest

from volcorr.runlog import PACKAGES, log_to


def test_each_record_is_one_json_object(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with log_to(path):
        logging.getLogger("volio.reading").info("two lines:\n%s µm", 8)
        logging.getLogger("volcorr.dvc").warning("careful")
        logging.getLogger("volcorr").debug("too fine")
        logging.getLogger("numba").info("not ours")
        try:
            raise ValueError("inner")
        except ValueError:
            logging.getLogger("viewers").exception("failed")
    logging.getLogger("volcorr").info("after the end")
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [entry["message"] for entry in entries] == ["two lines:\n8 µm", "careful", "failed"]
    assert [entry["level"] for entry in entries] == ["info", "warning", "error"]
    assert entries[0]["logger"] == "volio.reading"
    assert "ValueError: inner" in entries[2]["traceback"]


def test_loggers_are_left_as_they_were(tmp_path: Path) -> None:
    loggers = [logging.getLogger(name) for name in PACKAGES]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    with pytest.raises(RuntimeError), log_to(tmp_path / "log.jsonl"):
        raise RuntimeError
    assert [(logger.level, list(logger.handlers)) for logger in loggers] == before


def test_a_full_disk_is_not_swallowed() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")

    def write_much() -> None:
        with log_to(full):
            for _ in range(10_000):
                logging.getLogger("volcorr").info("a line that fills the buffer")

    with pytest.raises(OSError, match="No space left"):
        write_much()
