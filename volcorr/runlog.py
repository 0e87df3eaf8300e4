"""The log of a run: one JSON object a line, from the loggers of all packages of volcorr."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["PACKAGES", "attach", "log_to"]

#: The import packages of this distribution.
PACKAGES = ("volio", "acquisition", "recon", "segmentation", "porosity", "volcorr", "viewers")


class _JsonLines(logging.FileHandler):
    """Writes each record as one JSON object on a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = (self.formatter or logging.Formatter()).formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)

    def handleError(self, record: logging.LogRecord) -> None:
        """Let a failed write stop the run: a full disk is met here as well as anywhere else."""
        raise


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Write what the packages of volcorr log, from level INFO, to the file `path` as JSON lines.

    Parameters
    ----------
    path : Path
        File to write; its keys are ``time`` (UTC), ``level``, ``logger`` and ``message``.
    """
    handler = _JsonLines(path, mode="w", encoding="utf-8")
    try:
        with attach(handler):
            yield
    finally:
        handler.close()


@contextmanager
def attach(handler: logging.Handler) -> Iterator[None]:
    """Give the records of all packages of volcorr, from level INFO, to `handler`, for the time of a block."""
    loggers = [logging.getLogger(name) for name in PACKAGES]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        if logger.getEffectiveLevel() > logging.INFO:
            logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
