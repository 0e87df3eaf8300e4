"""What a result was made of: the inputs with their checksums, the settings, and the versions of the software."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from volcorr.provenance import check_unchanged

__all__ = ["record_run"]


def record_run(inputs: Mapping[str, Path], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands in the JSON of a result, so that it can be made again.

    Parameters
    ----------
    inputs : mapping of str to Path
        Role and file or folder of each input.
    settings : mapping of str to Any
        By name; those that are None are left out.

    Returns
    -------
    dict
        ``inputs``, ``checksums``, ``settings``, ``software``.
    """
    from volio import software_versions

    return {
        "inputs": {role: str(path.absolute()) for role, path in inputs.items()},
        "checksums": check_unchanged(inputs, {}),
        "settings": {name: _plain(value) for name, value in settings.items() if value is not None},
        "software": software_versions(),
    }


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value
