"""A task as it travels to other processes: pickled once, its large arrays beside the pickle without a copy."""

import mmap
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from volio.errors import InputError

__all__ = ["Parcel", "load_parcel", "save_parcel"]

#: Arrays of at least this many bytes travel beside the pickle.
LARGE = 2**16

_opening = threading.Lock()


class Parcel:
    """A pickled task that is opened at most once in a process, by whoever needs it first.

    Parameters
    ----------
    task : any
        What is to travel.
    dumps : callable
        ``pickle.dumps`` or a function with the same arguments.

    Raises
    ------
    InputError
        If the task cannot be pickled.
    """

    def __init__(self, task: Any, dumps: Callable[..., bytes] = pickle.dumps) -> None:
        buffers: list[pickle.PickleBuffer] = []

        def keep_inside(buffer: pickle.PickleBuffer) -> bool:
            small = buffer.raw().nbytes < LARGE
            if not small:
                buffers.append(buffer)
            return small

        try:
            self.payload = dumps(task, protocol=5, buffer_callback=keep_inside)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"the task cannot be sent to other processes ({reason}): use the executor threads"
            ) from error
        self.buffers: list[Any] = list(buffers)
        self._opened: list[Any] = []

    def open(self) -> Any:
        """Return the task."""
        with _opening:
            if not self._opened:
                self._opened.append(pickle.loads(self.payload, buffers=self.buffers))
            return self._opened[0]

    def __sizeof__(self) -> int:
        return len(self.payload) + sum(memoryview(buffer).nbytes for buffer in self.buffers)

    def __getstate__(self) -> dict[str, Any]:
        buffers = [
            buffer if isinstance(buffer, pickle.PickleBuffer) else pickle.PickleBuffer(buffer)
            for buffer in self.buffers
        ]
        return {"payload": self.payload, "buffers": buffers, "_opened": []}


def save_parcel(parcel: Parcel, folder: Path) -> None:
    """Write a parcel into an empty folder: one file for the pickle, one for each large array."""
    (folder / "task.pickle").write_bytes(parcel.payload)
    for number, buffer in enumerate(parcel.buffers):
        (folder / f"{number}.bin").write_bytes(buffer.raw())


def load_parcel(folder: Path) -> Any:
    """Return the task in `folder`; its large arrays are mapped, so that all processes share their memory."""
    buffers = []
    for number in range(len(list(folder.glob("*.bin")))):
        with (folder / f"{number}.bin").open("rb") as file:
            # private pages: arrays are writable, as kernels were compiled for, and nobody else sees a change
            buffers.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    return pickle.loads((folder / "task.pickle").read_bytes(), buffers=buffers)
