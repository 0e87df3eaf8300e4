import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from volcorr.cli.group import cli
from volio import InputError

COMMANDS = ("convert", "demo", "doctor", "dvc", "export", "fractions", "info", "particles", "plan", "psd", "recon")
COMMANDS += ("segment", "strain", "subsets")


def test_commands() -> None:
    assert tuple(sorted(cli.commands)) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_an_example(volcorr, command: str) -> None:
    shown = volcorr(command, "--help")
    assert shown.exit_code == 0
    assert "Example" in shown.stdout
    assert f"volcorr {command} " in shown.stdout or command in ("demo", "doctor")
    for option in cli.commands[command].params:
        if isinstance(option, click.Option):
            assert option.help, option.name


def test_help_names_the_exit_codes(volcorr) -> None:
    shown = volcorr("--help")
    assert "Exit codes: 0 done, 1 done in part, 2 the input or the options are wrong." in shown.stdout
    assert "..." not in shown.stdout.split("Commands:")[1]


def test_version(volcorr) -> None:
    from importlib.metadata import version

    assert volcorr("--version").stdout == f"volcorr {version('volcorr')}\n"


def test_start_is_fast_and_loads_nothing_heavy() -> None:
    code = "import sys, volcorr.cli; print([m for m in sys.modules if '.' not in m])"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    assert not {"numpy", "numba", "xarray", "pandas", "matplotlib", "zarr", "scipy"} & set(eval(done.stdout))
    assert seconds < 5  # 0.1 s where nothing else runs


def test_a_wrong_command_or_option_is_one_line(volcorr) -> None:
    for words in (["dvcc"], ["dvc", "--subsets", "3"], ["dvc"], ["export", "x", "--to", "xlsx"], ["--verbose"]):
        shown = volcorr(*words)
        assert shown.exit_code == 2
        assert shown.stderr.startswith("error: ")
        assert shown.stderr.count("\n") == 1
        assert "--help" in shown.stderr


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("one\n  line"), 2, "error: one line\n"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a.tif"), 2, "error: No space left on device: a.tif\n"),
        (OSError("odd"), 2, "error: odd\n"),
        (MemoryError(), 2, "error: the memory is not large enough: "),
        (KeyboardInterrupt(), 130, "\ninterrupted: no result was written\n"),
        (click.ClickException("plain"), 2, "error: plain\n"),
        (click.Abort(), 130, "interrupted\n"),
    ],
)
def test_errors_and_exit_codes(volcorr, monkeypatch: pytest.MonkeyPatch, error, code: int, words: str) -> None:
    def fail(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("volio.describe", fail)
    shown = volcorr("info", "a.tif")
    assert shown.exit_code == code
    assert shown.stderr.startswith(words)
    assert "Traceback" not in shown.stderr


def test_a_closed_pipe_is_no_error(volcorr, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("volio.describe", fail)
    assert volcorr("info", "a.tif").exit_code == 1


def test_a_defect_is_called_one(volcorr, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("volio.describe", fail)
    shown = volcorr("info", "a.tif")
    assert isinstance(shown.exception, ZeroDivisionError)
    assert "please report it" in shown.exception.__notes__[0]


def test_commands_can_be_called_from_python(volcorr) -> None:
    with pytest.raises(click.UsageError):
        cli(["dvc"], standalone_mode=False)


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
@pytest.mark.parametrize("reason", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "scheduler"])
def test_a_stopped_run_leaves_no_result_and_says_so(tmp_path: Path, scans: Path, reason: signal.Signals) -> None:
    """A real signal, while the figures are drawn: after all the rest was written."""
    program = (
        "import signal, sys, time, pathlib, volcorr.cli.dvc as dvc\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # in the background a shell turns it off
        "from volcorr.cli import main\n"
        "def wait(*args):\n"
        "    print('drawing', flush=True)\n"
        "    time.sleep(60)\n"
        "dvc.draw_figures = wait\n"
        "sys.argv[0] = 'volcorr'\n"
        "main()\n"
    )
    words = ["dvc", scans / "reference.tif", scans / "deformed.tif", "-o", "out", "--subset", "15"]
    running = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, words)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "drawing\n"
    running.send_signal(reason)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert errors.endswith("interrupted: no result was written\n")
    assert "Traceback" not in errors
    assert "finished blocks are kept" in errors
    assert [path.name for path in tmp_path.iterdir()] == [".out.blocks"]
