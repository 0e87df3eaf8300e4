"""The ground floor: volumes and their files, blocks run in parallel, units, errors and progress.

Everything is loaded when first used, so that ``import volio`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from volio.blocks import Executor, SerialExecutor, ThreadExecutor, run_blocks
    from volio.conversion import convert
    from volio.description import VolumeInfo, describe
    from volio.errors import FormatError, InputError, OutputError, VolcorrError
    from volio.fingerprint import checksum, software_versions
    from volio.lazy import LazyArray
    from volio.progress import Progress
    from volio.reading import read
    from volio.staging import staged
    from volio.threads import default_threads
    from volio.units import Length, parse_length, parse_lengths
    from volio.volume import Volume
    from volio.writing import write

_MODULES = {
    "Executor": "blocks",
    "FormatError": "errors",
    "InputError": "errors",
    "LazyArray": "lazy",
    "Length": "units",
    "OutputError": "errors",
    "Progress": "progress",
    "SerialExecutor": "blocks",
    "ThreadExecutor": "blocks",
    "VolcorrError": "errors",
    "Volume": "volume",
    "VolumeInfo": "description",
    "checksum": "fingerprint",
    "convert": "conversion",
    "default_threads": "threads",
    "describe": "description",
    "parse_length": "units",
    "parse_lengths": "units",
    "read": "reading",
    "run_blocks": "blocks",
    "software_versions": "fingerprint",
    "staged": "staging",
    "write": "writing",
}

__all__ = [
    "Executor",
    "FormatError",
    "InputError",
    "LazyArray",
    "Length",
    "OutputError",
    "Progress",
    "SerialExecutor",
    "ThreadExecutor",
    "VolcorrError",
    "Volume",
    "VolumeInfo",
    "checksum",
    "convert",
    "default_threads",
    "describe",
    "parse_length",
    "parse_lengths",
    "read",
    "run_blocks",
    "software_versions",
    "staged",
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
