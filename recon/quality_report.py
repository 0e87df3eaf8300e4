"""The quality report of a run: a folder beside the volume, with its numbers and curves as JSON, and pictures."""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from recon.quality import ScanQuality, measure_quality
from recon.slice_plan import SlicePlan
from volio.errors import InputError
from volio.staging import staged

__all__ = ["Draw", "check_measurable", "measure_plan", "quality_folder", "write_quality"]

#: Draws pictures of the quality of a scan into a folder and returns the files.
Draw = Callable[[ScanQuality, Path], list[Path]]

#: Slices that are looked at, at most and at least.
_MOST, _LEAST = 64, 16
#: Bytes of a voxel while two halves are compared: both, and the transforms of one.
_VOXEL_BYTES: Final = 64


def check_measurable(slices: int, projections: int) -> None:
    """Refuse scans that are too small for their quality to be measured.

    Raises
    ------
    InputError
        If there are fewer than 16 slices or projections.
    """
    if min(slices, projections) < _LEAST:
        raise InputError(
            f"quality needs {_LEAST} slices and {_LEAST} projections or more, got {slices} and {projections}: leave "
            "quality out"
        )


def quality_folder(output: Path) -> Path:
    """Return the folder of the report beside a volume: ``tooth.quality`` for ``tooth.ome.zarr``."""
    return output.with_name(f"{output.name.split('.')[0] or output.name}.quality")


def measure_plan(plan: SlicePlan, *, memory: int, threads: int) -> ScanQuality:
    """Measure the quality of slices in the middle of the scan, made as those of a plan.

    Parameters
    ----------
    plan : SlicePlan
        What the volume is made with.
    memory : int
        Bytes that may be taken: with little of it fewer slices, and of those the middle, are compared.
    threads : int
        How many compute.
    """
    scan, made = plan.scan, plan.settings
    size = plan.grid.size
    slices = int(np.clip(memory // (_VOXEL_BYTES * size**2), _LEAST, _MOST))
    slices = min(slices, plan.rows.slices)
    edge = min(size, max(int(math.sqrt(memory / (_VOXEL_BYTES * slices))), 64))
    first = (size - edge) // 2
    # a symmetric part of the detector has the same middle row
    middle = (plan.rows.slices - slices) // 2
    low, high = plan.rows.span(middle, middle + slices)
    margin = max(min(low, scan.rows - high), 0)
    part = (margin, scan.rows - margin)
    cleaned = dataclasses.replace(
        scan.crop(rows=part), projections=plan.rows.detector_rows(*part), flats=None, darks=None
    )
    given = {name: made[name] for name in _OPTIONS if name in made}
    region = ((first, first + edge), (first, first + edge))
    voxel = plan.grid.step * (scan.pixel_size or 1.0)
    return measure_quality(
        cleaned,
        center=made["center"],
        slices=slices,
        threads=threads,
        tilt=made["tilt"],
        region=region,
        voxel_size=voxel,
        **given,
    )


#: Settings of a plan that are options of `recon.reconstruct` too.
_OPTIONS = ("method", "filter", "cutoff", "weighting", "padding", "iterations", "weight", "nonnegative", "backend")


def write_quality(quality: ScanQuality, folder: Path, *, overwrite: bool, draw: Draw | None = None) -> Path:
    """Write ``quality.json`` and pictures into a folder of their own.

    Parameters
    ----------
    quality : ScanQuality
        What was measured.
    folder : Path
        To be made.
    overwrite : bool
        Replace it where it exists.
    draw : callable, optional
        Draws the pictures; without it there are none.

    Raises
    ------
    OutputError
        If the folder exists or cannot be written.
    """
    with staged(folder, overwrite=overwrite) as temporary:
        temporary.mkdir()
        text = json.dumps(_plain(quality), indent=2, allow_nan=False)
        (temporary / "quality.json").write_text(text + "\n", encoding="utf-8")
        if draw is not None:
            draw(quality, temporary)
    return folder


def _plain(value: Any) -> Any:
    """Return dataclasses as dicts and arrays as lists; what is not finite as None."""
    if dataclasses.is_dataclass(value):
        held = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
        # images are drawn, not written as numbers
        return {name: _plain(one) for name, one in held.items() if np.ndim(one) < 2}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
