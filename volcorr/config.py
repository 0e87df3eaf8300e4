"""Settings of a run to a TOML file and back, so that any result can be repeated from its folder."""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from volcorr.settings import DvcSettings
from volio import FormatError, InputError

__all__ = ["read_config", "write_config"]

#: Which settings stand in which table of the file, in this order, under the name of the field.
SECTIONS: dict[str, tuple[str, ...]] = {
    "input": ("reference", "deformed", "mask", "deformed_mask", "dataset", "voxel_size"),
    "correlation": (
        "subset",
        "spacing",
        "shape",
        "spline",
        "search",
        "roi",
        "min_cc",
        "min_share",
        "noise",
        "max_iterations",
        "tolerance",
        "series_reference",
    ),
    "strain": ("measure", "strain_method", "strain_order", "strain_window"),
    "execution": ("executor", "workers", "threads", "memory"),
}
#: Tables that record what a run was made of.
RECORDED = ("checksums", "software")
_PATHS = ("reference", "deformed", "mask", "deformed_mask")
#: What the checksum of an input that is replaced was recorded under.
_ROLES = {"deformed_mask": "deformed mask"}
_HEADER = """\
# Settings of a "volcorr dvc" run as resolved, and what the run was made of. Repeat the run with:
#   volcorr dvc --config config.toml -o ANOTHER_FOLDER
# Lengths are z, y, x. Numbers are voxels, those of voxel_size micrometres. What is missing has its default.
# [execution] changes how a run is carried out, not what it measures.
"""


def write_config(settings: DvcSettings, path: Path, *, software: Mapping[str, str]) -> Path:
    """Write `settings` to a TOML file from which `read_config` makes the same settings.

    Parameters
    ----------
    settings : DvcSettings
        What to write. Paths are written in full; `output`, `scheduler`, `resume` and `overwrite` belong to one run and
        are left out.
    path : Path
        File to write.
    software : mapping of str to str
        Versions to record beside the settings.

    Returns
    -------
    Path
        The file written.
    """
    tables: dict[str, Mapping[str, Any]] = {
        section: {name: getattr(settings, name) for name in names} for section, names in SECTIONS.items()
    }
    tables |= {"checksums": settings.checksums, "software": software}
    blocks = [_HEADER]
    for section, values in tables.items():
        given = {name: value for name, value in values.items() if value is not None}
        lines = [f"{_to_key(name)} = {_to_toml(value)}\n" for name, value in given.items()]
        blocks.append(f"[{section}]\n{''.join(lines)}")
    path.write_text("\n".join(blocks), encoding="utf-8")
    return path


def read_config(path: str | Path, *, output: str | Path, **replacements: Any) -> DvcSettings:
    """Read settings from a TOML file, such as the ``config.toml`` of a result folder.

    Parameters
    ----------
    path : str or Path
        The file. Relative paths in it count from its own folder.
    output : str or Path
        Result folder of the run to come.
    **replacements
        Settings that replace those of the file. An input that is replaced loses its recorded checksum.

    Returns
    -------
    DvcSettings
        The settings, with the recorded checksums of the inputs.

    Raises
    ------
    FormatError
        The file is missing or is not TOML.
    InputError
        A table, a setting or a value is not allowed.
    """
    path = Path(path)
    tables = _load(path)
    values: dict[str, Any] = {}
    for section, names in SECTIONS.items():
        for name, value in tables.get(section, {}).items():
            if name not in names:
                raise InputError(f"{path}: unknown setting {name!r} in [{section}]: allowed are {', '.join(names)}")
            values[name] = _placed(value, path.resolve().parent) if name in _PATHS else value
    recorded = tables.get("checksums", {})
    replaced = tuple(_ROLES.get(name, name) for name in _PATHS if name in replacements)
    checksums = {role: str(text) for role, text in recorded.items() if not _belongs(role, replaced)}
    values |= replacements
    for role in ("reference", "deformed"):
        if role not in values:
            raise InputError(f"{path}: [input] has no {role!r}: add it, or name REFERENCE and DEFORMED")
    return DvcSettings(output=Path(output), checksums=checksums, **values)


def _load(path: Path) -> dict[str, dict[str, Any]]:
    """Tables of the TOML file at `path`, with known names only."""
    try:
        with path.open("rb") as stream:
            tables = tomllib.load(stream)
    except FileNotFoundError as error:
        raise FormatError(f"{path} does not exist: give the config.toml of a result folder") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"{path} is not a TOML file ({error})") from error
    allowed = (*SECTIONS, *RECORDED)
    for name, table in tables.items():
        if name not in allowed:
            raise InputError(f"{path}: unknown table [{name}]: allowed are {', '.join(allowed)}")
        if not isinstance(table, dict):
            raise InputError(f"{path}: {name!r} must be a table [{name}], got {table!r}")
    return tables


def _placed(value: Any, folder: Path) -> Any:
    """Path, or paths, of a file in `folder`, from which relative ones count."""
    return [_placed(part, folder) for part in value] if isinstance(value, list) else folder / str(value)


def _belongs(role: str, names: tuple[str, ...]) -> bool:
    """Whether `role` is one of `names`, or a step of a series ("deformed 2") where that is among them."""
    return role in names or ("deformed" in names and role.removeprefix("deformed ").isdecimal())


def _to_key(name: str) -> str:
    """Write a name as TOML."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def _to_toml(value: Any) -> str:
    """Write `value` as TOML, whose text, numbers and arrays are written as in JSON; paths in full."""
    return json.dumps(_in_full(value), ensure_ascii=False)


def _in_full(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_in_full(part) for part in value]
    return str(value.resolve()) if isinstance(value, Path) else value
