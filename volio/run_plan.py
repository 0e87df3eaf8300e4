"""What the plans of all runs hold: memory, disk and time, before anything is started."""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["RunPlan", "free_disk"]


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """What a run is expected to take.

    Attributes
    ----------
    executor : str
        Where blocks are computed.
    threads : int
        Threads that work.
    memory_limit, memory : int
        Bytes that the run keeps to, and that it is expected to take at most.
    disk : dict of str to int
        Bytes on disk by what they are for.
    disk_free : int
        Bytes that are free there.
    seconds : dict of str to float
        Wall time by stage.
    assumptions, warnings : tuple of str
        What the figures rest on, and what is likely to go wrong.
    """

    executor: str
    threads: int
    memory_limit: int
    memory: int
    disk: dict[str, int]
    disk_free: int
    seconds: dict[str, float]
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def total_seconds(self) -> float:
        """Expected wall time of the run."""
        return sum(self.seconds.values())

    @property
    def total_disk(self) -> int:
        """Bytes on disk at most."""
        return sum(self.disk.values())

    def as_dict(self) -> dict[str, Any]:
        """Return all entries, and the totals, in types that JSON knows."""
        return asdict(self) | {"total_seconds": self.total_seconds, "total_disk": self.total_disk}


def free_disk(output: Path) -> int:
    """Return the bytes that are free where `output` will be; its folder need not exist yet."""
    places = (output.absolute(), *output.absolute().parents)
    return shutil.disk_usage(next(place for place in places if place.is_dir())).free
