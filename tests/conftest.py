"""Fixtures that all tests share."""

from pathlib import Path

import pytest

REAL_SCANS = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real scans; they stand beside the checkout and are not part of it."""
    if not REAL_SCANS.is_dir():
        pytest.skip(f"no real scans at {REAL_SCANS}")
    return REAL_SCANS
