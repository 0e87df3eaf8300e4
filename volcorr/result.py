"""The result folder of a run: what it holds, how it is written, and what can be made from it later."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from volio import FormatError, InputError, OutputError, VolcorrError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Table", "build_result", "check_target", "export_fields", "write_fields", "write_json", "write_study"]

FIELDS: Final = "fields.zarr"
POINTS: Final = "points.csv"
IMAGE: Final = "fields.vti"
IMAGES: Final = "fields.pvd"
FIGURES: Final = "figures"
CONFIG: Final = "config.toml"
SUMMARY: Final = "summary.json"
LOG: Final = "log.jsonl"

#: What fields can be exported to.
Table = Literal["csv", "parquet", "vtk"]
_SUFFIX: Final = {"csv": ".csv", "parquet": ".parquet", "vtk": ".vti"}


def check_target(
    folder: Path,
    *,
    overwrite: bool,
    inputs: Iterable[Path] = (),
    marker: str = FIELDS,
    kind: str = "a result of volcorr",
) -> None:
    """Refuse a result folder that must not be replaced, before any work is done.

    Parameters
    ----------
    folder : Path
        Result folder to make.
    overwrite : bool
        Whether an earlier result may be replaced. Nothing else is: a folder without `marker` is not ours.
    inputs : iterable of Path
        Files that must not lie inside `folder`.
    marker : str
        What every result of this kind holds.
    kind : str
        What such a result is called.

    Raises
    ------
    OutputError
        `folder` exists and may not be replaced.
    """
    if not folder.exists():
        return
    if not overwrite:
        raise OutputError(f"{folder} exists: choose another output, or replace it with --overwrite")
    if not (folder / marker).exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise OutputError(f"{folder} is not {kind} and is not replaced: choose another output")
    for path in inputs:
        if folder.resolve() in path.resolve().parents:
            raise OutputError(f"{path} lies inside {folder}, which would be replaced: choose another output")


@contextmanager
def build_result(
    folder: Path,
    *,
    overwrite: bool,
    inputs: Iterable[Path] = (),
    marker: str = FIELDS,
    kind: str = "a result of volcorr",
) -> Iterator[Path]:
    """Yield a temporary folder that becomes the result `folder` when the block ends well, and is removed if not.

    Parameters
    ----------
    folder, overwrite, inputs, marker, kind
        See `check_target`.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    OutputError
        `folder` may not be replaced, or cannot be written.
    """
    from volio import staged

    check_target(folder, overwrite=overwrite, inputs=inputs, marker=marker, kind=kind)
    with staged(folder, overwrite=overwrite) as temporary:
        temporary.mkdir()
        try:
            yield temporary
        except VolcorrError as error:
            # a user knows the folder by its own name only
            raise type(error)(str(error).replace(str(temporary), str(folder))) from error


def write_fields(fields: "xr.Dataset", folder: Path) -> None:
    """Write fields into `folder` as Zarr, as a table of points and as a VTK image; of a series, an image a step."""
    from volcorr.export import write_csv, write_vtk, write_vtk_series
    from volcorr.fields import is_series, save_fields

    save_fields(fields, folder / FIELDS)
    write_csv(fields, folder / POINTS)
    if is_series(fields):
        write_vtk_series(fields, folder / IMAGES)
    else:
        write_vtk(fields, folder / IMAGE)


def write_study(
    study: Any, record: Mapping[str, Any], folder: Path, *, marker: str, draw: Callable[[Any, Path], Any] | None
) -> None:
    """Write the figures of a study where it is drawn, and its numbers with what it was made of (`record_run`)."""
    if draw is not None:
        (folder / FIGURES).mkdir()
        draw(study, folder / FIGURES)
    write_json(study.as_dict() | record, folder / marker)


def write_json(content: Mapping[str, Any], path: Path) -> Path:
    """Write `content` as JSON that a person can read."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return path


def export_fields(source: Path, target: Path | None = None, *, to: Table, overwrite: bool = False) -> Path:
    """Write the fields of a result as a table of points or a VTK image; a series as one table, or a VTK collection.

    Parameters
    ----------
    source : Path
        A ``fields.zarr``, or the result folder that holds one.
    target : Path, optional
        File to write; by default the name of the result in the current directory.
    to : {"csv", "parquet", "vtk"}
        Kind of file.
    overwrite : bool
        Replace `target` where it exists.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    FormatError
        `source` holds no fields.
    InputError
        `to` is not known.
    OutputError
        `target` exists, or cannot be written.
    """
    from volcorr import export
    from volcorr.fields import is_series, open_fields

    if to not in get_args(Table):
        raise InputError(f"to must be one of {', '.join(get_args(Table))}, got {to!r}")
    name = None if target is not None else _name_of(source)
    fields = open_fields(source)
    series = is_series(fields)
    writers: dict[str, Callable[..., Any]] = {
        "csv": export.write_csv,
        "parquet": export.write_parquet,
        "vtk": export.write_vtk_series if series else export.write_vtk,
    }
    if target is None:
        target = Path(f"{name}.pvd" if series and to == "vtk" else f"{name}{_SUFFIX[to]}")
    writers[to](fields, target, overwrite=overwrite)
    return target


def _name_of(source: Path) -> str:
    """Name for what is made of a result: that of its folder."""
    path = source.resolve()
    name = path.parent.name if path.name == FIELDS else path.name.removesuffix(".zarr")
    if not name:
        raise FormatError(f"{source} is not a result of volcorr: give a result folder or a fields.zarr")
    return name
