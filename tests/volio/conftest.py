"""Fixtures of the tests of executors."""

import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def worker_path() -> None:
    """Let worker processes import `volio_worker_tasks`."""
    folder = str(Path(__file__).parent)
    if folder not in sys.path:
        sys.path.append(folder)
