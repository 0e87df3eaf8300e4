"""What third-party readers say through logging is kept for our own messages."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["captured_log"]


class _Keep(logging.Filter):
    """Hold back the records of one thread."""

    def __init__(self) -> None:
        super().__init__()
        self.thread = threading.get_ident()
        self.records: list[logging.LogRecord] = []

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self.thread:
            return True
        self.records.append(record)
        return False


@contextmanager
def captured_log(name: str) -> Iterator[list[logging.LogRecord]]:
    """Yield the list of records that logger `name` makes in this thread, instead of letting them out."""
    log = logging.getLogger(name)
    keep = _Keep()
    log.addFilter(keep)
    try:
        yield keep.records
    finally:
        log.removeFilter(keep)
