"""The steps of a compression series: fields stacked along a dimension, and taken apart again.

A series is an `xarray.Dataset` with the variables of a field (see `volcorr.fields`) and the dimensions
``(step, z, y, x)``. All steps stand at the same material points, those of the first volume. Along ``step`` lie the
coordinates ``step`` (1 for the second volume, as the first is the reference), ``step_name``, ``reference_step`` and
whatever was measured beside the scans: a force, the displacement of the press.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar, cast

import numpy as np

from volcorr.fields import AXES, check_fields, is_series, open_fields, save_fields
from volio.errors import FormatError, InputError

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "OWN",
    "each_step",
    "label_names",
    "map_steps",
    "open_steps",
    "save_step",
    "select_step",
    "stack_steps",
    "takes_series",
]

#: Coordinates along ``step`` that every series has; the others are labels of the user.
OWN: Final = ("step", "step_name", "reference_step")

P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])


def stack_steps(fields: "Iterable[xr.Dataset]") -> "xr.Dataset":
    """Stack the fields of single steps into a series.

    Parameters
    ----------
    fields : iterable of xarray.Dataset
        Fields on one grid, each with the scalar coordinate ``step``, in the order of the steps. Their other scalar
        coordinates are stacked too.

    Returns
    -------
    xarray.Dataset
        The series, with the attributes of the first field.

    Raises
    ------
    InputError
        If there is no field, one has no step number, or they stand on different grids.
    """
    import xarray as xr

    parts = list(fields)
    if not parts:
        raise InputError("a series needs at least one field, got none")
    first = parts[0]
    for part in parts:
        check_fields(part)
        if "step" not in part.coords:
            raise InputError("a field of a series needs its step number: field.assign_coords(step=1)")
        if not all(np.array_equal(part[axis], first[axis]) for axis in AXES):
            raise InputError(f"step {int(part['step'])} stands on another grid than step {int(first['step'])}")

    def stacked(name: Any) -> Any:
        values = [part[name].to_numpy() for part in parts]
        return ("step", *first[name].dims), np.stack(values), first[name].attrs

    along = {name: stacked(name) for name, coordinate in first.coords.items() if coordinate.dims == ()}
    variables = {name: stacked(name) for name in first.data_vars}
    attrs = {name: value for name, value in first.attrs.items() if name != "deformed"}
    return xr.Dataset(variables, {axis: first[axis] for axis in AXES} | along, attrs)


def select_step(series: "xr.Dataset", step: int | str) -> "xr.Dataset":
    """Return the field of one step.

    Parameters
    ----------
    series : xarray.Dataset
        With dimensions (step, z, y, x).
    step : int or str
        Its number (1 is the first load step) or its name.

    Returns
    -------
    xarray.Dataset
        The field with dimensions (z, y, x); what belongs to the step is a scalar coordinate.

    Raises
    ------
    InputError
        If `series` is not a series, or has no such step.
    """
    check_fields(series, steps=True)
    if not is_series(series):
        raise InputError("this field has no steps: select_step takes the result of volcorr.correlate_series")
    known = series["step_name" if isinstance(step, str) else "step"].to_numpy().tolist()
    if step not in known:
        shown = ", ".join(map(str, known))
        raise InputError(f"the series has no step {step!r}: its steps are {shown}")
    field = series.isel(step=known.index(step))
    return field.assign_attrs(deformed=str(field["step_name"].item())) if "step_name" in field.coords else field


def each_step(series: "xr.Dataset") -> "Iterator[xr.Dataset]":
    """Yield the field of each step, in order."""
    for step in series["step"].to_numpy().tolist():
        yield select_step(series, step)


def map_steps(
    function: "Callable[Concatenate[xr.Dataset, P], xr.Dataset]",
    series: "xr.Dataset",
    *args: P.args,
    **options: P.kwargs,
) -> "xr.Dataset":
    """Apply a function of one field to each step, one at a time.

    >>> series = map_steps(volcorr.strain, series, window=5)    # doctest: +SKIP

    Parameters
    ----------
    function : callable
        Takes a field and gives a field on the same grid.
    series : xarray.Dataset
        With dimensions (step, z, y, x).
    *args, **options
        Passed on to `function`.

    Returns
    -------
    xarray.Dataset
        The series of what `function` gave.
    """
    return stack_steps(function(field, *args, **options) for field in each_step(series))


def takes_series(function: F) -> F:
    """Let a function of one field take a series as well: it is applied to each step."""

    @wraps(function)
    def wrapped(field: "xr.Dataset", *args: Any, **options: Any) -> "xr.Dataset":
        return map_steps(function, field, *args, **options) if is_series(field) else function(field, *args, **options)

    return cast(F, wrapped)


def label_names(series: "xr.Dataset") -> list[str]:
    """Return the names of the user's labels along ``step``, such as a force."""
    return [str(name) for name, c in series.coords.items() if c.dims == ("step",) and name not in OWN]


def save_step(field: "xr.Dataset", folder: str | Path) -> Path:
    """Keep the field of one step in a folder while the series is still being measured.

    Pass it as ``on_step`` to `volcorr.correlate_series`: whatever happens later, the finished steps are on the disk,
    each written under a temporary name and moved into place.

    Parameters
    ----------
    field : xarray.Dataset
        A field with the scalar coordinate ``step``.
    folder : str or Path
        Made when missing; a step of the same number is replaced.

    Returns
    -------
    Path
        What was written: ``step_0001.zarr``.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return save_fields(field, folder / f"step_{int(field['step']):04d}.zarr", overwrite=True)


def open_steps(folder: str | Path) -> "xr.Dataset":
    """Read what `save_step` kept into a series.

    Raises
    ------
    FormatError
        If the folder holds no step, or one is damaged.
    """
    paths: Sequence[Path] = sorted(Path(folder).glob("step_*.zarr"))
    if not paths:
        raise FormatError(f"no steps in {folder}: give the folder that save_step wrote into")
    return stack_steps(open_fields(path) for path in paths)
