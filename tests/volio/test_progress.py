import io
import logging
import sys

import pytest

from volio import Progress


def test_log_line_at_each_tenth(caplog: pytest.LogCaptureFixture) -> None:
    with Progress(50, unit="slices", label="reading", delay=0.0) as progress:
        for _ in range(50):
            progress.update()
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert len(lines) == 10
    assert lines[2].startswith("reading: 30 % (15 of 50 slices)")


def test_silent_when_quick(caplog: pytest.LogCaptureFixture) -> None:
    with Progress(5) as progress:
        progress.update(5)
    assert not caplog.records
    assert progress.done == 5


def test_big_steps_and_no_total(caplog: pytest.LogCaptureFixture) -> None:
    with Progress(0, delay=0.0) as progress:
        progress.update(1)
    assert len(caplog.records) == 1


def test_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress(3, unit="blocks", label="writing", delay=0.0) as progress:
        progress.update(3)
    assert "writing" in terminal.getvalue()
    assert "100%" in terminal.getvalue()
    assert not caplog.records


def test_what_an_earlier_run_did_does_not_count_into_the_rate(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = [0.0]
    monkeypatch.setattr("volio.progress.time.monotonic", lambda: clock[0])
    with Progress(100, delay=0.0) as progress:
        progress.skip(50)
        clock[0] = 10.0
        progress.update(10)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "correlating: 50 of 100 points were done by an earlier run",
        "correlating: 60 % (60 of 100 points), about 40 s left",  # 10 points in 10 s, 40 to go
    ]


def test_the_bar_goes_on_from_an_earlier_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress(100, delay=0.0) as progress:
        progress.skip(50)
        progress.update(10)
        shown = progress._bar.format_dict
    assert (shown["n"], shown["initial"]) == (60, 50)
    assert progress.done == 60
