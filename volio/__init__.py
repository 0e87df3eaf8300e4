"""The ground floor: volumes and their files, blocks run in parallel, units, errors and progress.

Everything is loaded when first used, so that ``import volio`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from volio.blocks import Executor, SerialExecutor, ThreadExecutor, run_blocks
    from volio.checkpoint import Checkpoint, open_checkpoint, run_resumable
    from volio.conversion import convert
    from volio.dask_cluster import DaskExecutor
    from volio.description import VolumeInfo, describe
    from volio.errors import FormatError, InputError, OutputError, VolcorrError
    from volio.executors import make_executor
    from volio.fingerprint import checksum, software_versions
    from volio.lazy import LazyArray
    from volio.memory import available_memory, parse_memory, peak_memory, total_memory
    from volio.processes import ProcessExecutor
    from volio.progress import Progress
    from volio.reading import read
    from volio.staging import staged
    from volio.threads import default_threads
    from volio.units import Length, parse_length, parse_lengths
    from volio.volume import Volume
    from volio.writing import write

_MODULES = {
    "Checkpoint": "checkpoint",
    "DaskExecutor": "dask_cluster",
    "Executor": "blocks",
    "FormatError": "errors",
    "InputError": "errors",
    "LazyArray": "lazy",
    "Length": "units",
    "OutputError": "errors",
    "ProcessExecutor": "processes",
    "Progress": "progress",
    "SerialExecutor": "blocks",
    "ThreadExecutor": "blocks",
    "VolcorrError": "errors",
    "Volume": "volume",
    "VolumeInfo": "description",
    "available_memory": "memory",
    "checksum": "fingerprint",
    "convert": "conversion",
    "default_threads": "threads",
    "describe": "description",
    "make_executor": "executors",
    "open_checkpoint": "checkpoint",
    "parse_length": "units",
    "parse_lengths": "units",
    "parse_memory": "memory",
    "peak_memory": "memory",
    "read": "reading",
    "run_blocks": "blocks",
    "run_resumable": "checkpoint",
    "software_versions": "fingerprint",
    "staged": "staging",
    "total_memory": "memory",
    "write": "writing",
}

__all__ = [
    "Checkpoint",
    "DaskExecutor",
    "Executor",
    "FormatError",
    "InputError",
    "LazyArray",
    "Length",
    "OutputError",
    "ProcessExecutor",
    "Progress",
    "SerialExecutor",
    "ThreadExecutor",
    "VolcorrError",
    "Volume",
    "VolumeInfo",
    "available_memory",
    "checksum",
    "convert",
    "default_threads",
    "describe",
    "make_executor",
    "open_checkpoint",
    "parse_length",
    "parse_lengths",
    "parse_memory",
    "peak_memory",
    "read",
    "run_blocks",
    "run_resumable",
    "software_versions",
    "staged",
    "total_memory",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'volio' has no attribute {name!r}")
    value = getattr(import_module(f"volio.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
