import logging
import threading

import pytest

from volio.quiet import captured_log


def test_only_this_thread_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("some.library")
    with captured_log("some.library") as records:
        log.error("mine")
        other = threading.Thread(target=log.error, args=("theirs",))
        other.start()
        other.join()
    log.error("after")
    assert [record.getMessage() for record in records] == ["mine"]
    assert [record.getMessage() for record in caplog.records] == ["theirs", "after"]
