import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from volio import InputError, memory
from volio.memory import available_memory, parse_memory, peak_memory, total_memory

GB = 10**9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4GB", 4 * GB),
        ("4 gb", 4 * GB),
        ("4G", 4 * GB),
        ("4GiB", 4 * 2**30),
        ("1.5GiB", 3 * 2**29),
        ("500MB", 5 * 10**8),
        ("0.5 TB", 5 * 10**11),
        ("2000 kB", 2 * 10**6),
        ("1024KiB", 2**20),
        (".5GB", GB // 2),
        ("123456789", 123456789),
        (123456789, 123456789),
    ],
)
def test_amounts(text: str | int, expected: int) -> None:
    assert parse_memory(text) == expected


@given(st.integers(1, 4000), st.sampled_from(["MB", "MiB", "GB", "GiB"]))
def test_units_are_powers(number: int, unit: str) -> None:
    base = 1024 if "i" in unit else 1000
    assert parse_memory(f"{number}{unit}") == number * base ** ("KMGT".index(unit[0]) + 1)


def test_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "total_memory", lambda: 8 * GB)
    assert parse_memory("50%") == 4 * GB
    assert parse_memory("12.5 %") == GB
    with pytest.raises(InputError, match="more than this machine has"):
        parse_memory("120%")


@pytest.mark.parametrize("text", ["", "GB", "4 PB", "-4GB", "4GB2", "much", "1e9", "nan"])
def test_nonsense(text: str) -> None:
    with pytest.raises(InputError, match="is not an amount of memory: write for example 4GB"):
        parse_memory(text)


@pytest.mark.parametrize("text", ["0GB", "4", "999kB", "0%"])
def test_too_little(text: str) -> None:
    with pytest.raises(InputError, match="give at least 1MB"):
        parse_memory(text)


class Machine:
    """A /proc and a /sys/fs/cgroup of our own."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.cgroup = folder / "proc", folder / "cgroup"

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def meminfo(self, total: int, available: int) -> None:
        self.write(self.proc / "meminfo", f"MemTotal: {total // 1024} kB\nMemAvailable:   {available // 1024} kB\n")

    def group(self, line: str) -> None:
        self.write(self.proc / "self/cgroup", line + "\n")

    def limit(self, group: str, limit: str, used: int, cache: int = 0) -> None:
        self.write(self.cgroup / group / "memory.max", f"{limit}\n")
        self.write(self.cgroup / group / "memory.current", f"{used}\n")
        self.write(self.cgroup / group / "memory.stat", f"anon 5\ninactive_file {cache}\n")

    def limit_v1(self, group: str, limit: int, used: int, cache: int = 0) -> None:
        self.write(self.cgroup / "memory" / group / "memory.limit_in_bytes", f"{limit}\n")
        self.write(self.cgroup / "memory" / group / "memory.usage_in_bytes", f"{used}\n")
        self.write(self.cgroup / "memory" / group / "memory.stat", f"cache 5\ntotal_inactive_file {cache}\n")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(memory, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path / "cgroup")
    return Machine(tmp_path)


def test_a_machine_without_limits(machine: Machine) -> None:
    machine.meminfo(64 * 2**30, 40 * 2**30)
    assert total_memory() == 64 * 2**30
    assert available_memory() == 40 * 2**30
    machine.group("0::/user.slice")
    machine.limit("user.slice", "max", 3 * GB)
    assert available_memory() == 40 * 2**30


def test_limits_of_cgroup_2_and_its_parents(machine: Machine) -> None:
    machine.meminfo(64 * 2**30, 40 * 2**30)
    machine.group("0::/job_1/step_0")
    machine.limit("job_1/step_0", "max", 2 * GB)
    machine.limit("job_1", str(8 * GB), 3 * GB, cache=GB)
    assert total_memory() == 8 * GB
    assert available_memory() == 6 * GB  # caches of files are given back
    machine.limit("job_1/step_0", str(4 * GB), 5 * GB)
    assert available_memory() == 0


def test_limits_of_cgroup_1(machine: Machine) -> None:
    machine.meminfo(64 * 2**30, 40 * 2**30)
    machine.group("5:cpu:/x\n4:memory,hugetlb:/slurm/job_7\n1:name=systemd:/x")
    machine.limit_v1("slurm/job_7", 10 * GB, 4 * GB, cache=GB)
    machine.limit_v1("", 2**63 - 4096, 9 * GB)
    assert total_memory() == 10 * GB
    assert available_memory() == 7 * GB


def test_a_container_sees_its_group_as_the_top(machine: Machine) -> None:
    machine.meminfo(64 * 2**30, 40 * 2**30)
    machine.group("0::/docker/abc")
    machine.limit("", str(2 * GB), GB // 2)
    assert available_memory() == 3 * GB // 2


@pytest.mark.usefixtures("machine")
def test_other_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    found = SimpleNamespace(total=16 * GB, available=9 * GB)
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(peak_wset=77))
    psutil: Any = SimpleNamespace(virtual_memory=lambda: found, Process=lambda: process)
    monkeypatch.setitem(sys.modules, "psutil", psutil)
    assert (total_memory(), available_memory()) == (16 * GB, 9 * GB)
    monkeypatch.setitem(sys.modules, "resource", None)
    assert peak_memory() == 77
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert peak_memory() is None
    monkeypatch.setattr(memory.os, "sysconf_names", {"SC_PHYS_PAGES": 1}, raising=False)
    monkeypatch.setattr(memory.os, "sysconf", lambda name: 4096 if name == "SC_PAGE_SIZE" else 10**6, raising=False)
    assert (total_memory(), available_memory()) == (4096 * 10**6, 2048 * 10**6)
    monkeypatch.setattr(memory.os, "sysconf_names", {})
    with pytest.raises(InputError, match="the memory of this machine is not known: state it"):
        available_memory()


def test_peak_grows_with_what_was_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = peak_memory()
    used = np.ones(60_000_000, np.uint8)
    after = peak_memory()
    assert before is not None
    assert after is not None
    assert after >= used.nbytes
    assert after >= before
    if sys.platform == "linux":
        monkeypatch.setattr(memory, "_PROC", tmp_path)  # the other source agrees
        other = peak_memory()
        assert other == pytest.approx(after, rel=0.5)


def test_this_machine() -> None:
    assert 0 < available_memory() <= total_memory()
