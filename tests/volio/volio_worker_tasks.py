"""Tasks that worker processes can import; `tests/volio/conftest.py` puts this folder on the path."""

import os
import signal
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from volio import InputError, Volume


class Scaled:
    """Holds a large array and does floating-point work on a part of it."""

    def __init__(self, size: int = 100_000) -> None:
        self.values = np.random.default_rng(1).standard_normal(size)

    def __call__(self, block: slice) -> Any:
        part = self.values[block]
        return {"sum": np.float64(np.sin(part).sum()), "part": part[:3] * np.float32(0.1)}


class VolumeSum:
    """Holds a volume on disk."""

    def __init__(self, volume: Volume) -> None:
        self.volume = volume

    def __call__(self, z: int) -> int:
        assert self.volume.is_lazy
        return int(self.volume.data[z].sum())


class Counting:
    """Leaves a file each time that it is unpickled."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.big = np.zeros(50_000)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        (Path(self.folder) / uuid.uuid4().hex).touch()

    def __call__(self, block: int) -> bool:
        return bool(self.big.flags.writeable and not self.big.any())


class TwoArguments(Exception):
    """Cannot be unpickled, as many exceptions of third parties."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} at {where}")


def where(_: Any) -> tuple[int, str, str, bool]:
    """Tell which process this is, and how it is set up."""
    first = threading.main_thread() is threading.current_thread()
    return os.getpid(), os.environ["VOLCORR_NUM_THREADS"], os.environ["NUMBA_NUM_THREADS"], first


def fail(block: int) -> int:
    if block == 3:
        raise InputError("block 3 is not usable")
    return block


def fail_oddly(_: Any) -> None:
    raise TwoArguments("nothing", "all")


def die(_: Any) -> None:
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def die_once(block: tuple[int, str]) -> int:
    """Kill the own process in block 5, the first time."""
    number, marker = block
    time.sleep(0.02)
    if number == 5 and not Path(marker).exists():
        Path(marker).touch()
        die(None)
    return number


def leave_pid(folder: str) -> None:
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(60)
