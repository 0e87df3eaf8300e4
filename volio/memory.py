"""How much memory there is, how much may be used, and how much was."""

import importlib
import os
import re
import sys
from pathlib import Path
from typing import Any

from volio.errors import InputError

__all__ = ["available_memory", "parse_memory", "peak_memory", "total_memory"]

_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")
_UNITS = {"": 1, **{f"{prefix}b": 1000**n for n, prefix in enumerate(["", "k", "m", "g", "t"])}}
_UNITS |= {f"{prefix}ib": 1024**n for n, prefix in enumerate(["", "k", "m", "g", "t"]) if n}
_UNITS |= {prefix: 1000**n for n, prefix in enumerate(["", "k", "m", "g", "t"]) if n}


def parse_memory(text: str | int) -> int:
    """Return an amount of memory in bytes.

    Parameters
    ----------
    text : str or int
        ``"4GB"`` (10^9 bytes), ``"4GiB"`` (2^30), ``"500 MB"``, ``"50%"`` of the memory that this process could
        have (see `total_memory`), or a number of bytes.

    Raises
    ------
    InputError
        If it is not an amount of memory of at least 1 MB.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*|%)\s*", str(text).lower())
    unit = found[2] if found else ""
    if found is None or (unit != "%" and unit not in _UNITS):
        raise InputError(f"memory {text!r} is not an amount of memory: write for example 4GB, 500MiB or 50%")
    number = float(found[1])
    if unit == "%" and number > 100:
        raise InputError(f"memory {text!r} is more than this machine has: write at most 100%")
    amount = int(number / 100 * total_memory() if unit == "%" else number * _UNITS[unit])
    if amount < 10**6:
        raise InputError(f"memory {text!r} is only {amount} bytes: give at least 1MB, or a unit such as 4GB")
    return amount


def total_memory() -> int:
    """Return the memory in bytes that this process could have: the machine's, or less where a job is limited.

    Limits of containers and batch systems (cgroup, v1 and v2) are honoured.

    Raises
    ------
    InputError
        If the system does not tell.
    """
    machine = _meminfo("MemTotal")
    if machine is None:
        machine = _psutil("total")
    if machine is None and "SC_PHYS_PAGES" in getattr(os, "sysconf_names", ()):
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if machine is None:
        raise InputError("the memory of this machine is not known: state it, as in 4GB, or pip install psutil")
    return min([machine, *(limit for limit, _ in _cgroups())])


def available_memory() -> int:
    """Return the memory in bytes that can be taken now without swapping or being killed.

    The smaller of what is free on the machine (caches count as free) and what is left of the limit of a container
    or batch job. Half the total where the system does not tell what is free.

    Raises
    ------
    InputError
        If the system does not tell how much memory it has.
    """
    free = _meminfo("MemAvailable")
    if free is None:
        free = _psutil("available")
    if free is None:
        free = total_memory() // 2
    return max(min([free, *(limit - used for limit, used in _cgroups())]), 0)


def peak_memory() -> int | None:
    """Return the largest resident memory of this process so far, in bytes; None where the system does not tell."""
    high = _entry(_PROC / "self/status", "VmHWM")
    if high is not None:
        return high
    try:
        import resource
    except ImportError:  # Windows
        psutil: Any = _import_psutil()
        return None if psutil is None else int(psutil.Process().memory_info().peak_wset)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) * (1 if sys.platform == "darwin" else 1024)


def _entry(file: Path, name: str) -> int | None:
    """Return an entry in kB of a file of /proc, in bytes."""
    try:
        found = re.search(rf"^{name}:\s*(\d+) kB", file.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def _meminfo(name: str) -> int | None:
    return _entry(_PROC / "meminfo", name)


def _psutil(name: str) -> int | None:
    psutil = _import_psutil()
    return None if psutil is None else int(getattr(psutil.virtual_memory(), name))


def _import_psutil() -> Any:
    try:
        return importlib.import_module("psutil")
    except ImportError:
        return None


def _cgroups() -> list[tuple[int, int]]:
    """Return (limit, used) in bytes of the groups that this process is in and that have a limit."""
    try:
        lines = (_PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            top, limit, used, cache = _CGROUP, "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            top, limit, used = _CGROUP / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            cache = "total_inactive_file"
        else:
            continue
        # a container sees its own group as the top, whatever the path says
        group = top / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(top):
                found.append((_number(folder / limit), _number(folder / used), _statistic(folder, cache)))
    return [(most, max(now - cached, 0)) for most, now, cached in found if most is not None and now is not None]


def _number(file: Path) -> int | None:
    """Return the number in a file; None where there is none, or it is "max"."""
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _statistic(folder: Path, name: str) -> int:
    """Return pages of files that the kernel gives back when memory is asked for; they count as used."""
    try:
        found = re.search(rf"^{name} (\d+)$", (folder / "memory.stat").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
