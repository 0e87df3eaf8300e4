"""What a scan is: the answer of ``volcorr info`` for projections."""

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from recon.reading import open_scan
from recon.scan import Scan
from volio.description import VolumeInfo, describe
from volio.errors import InputError
from volio.volume import Volume

__all__ = ["ScanInfo", "describe_scan"]

#: Rows of a volume that say nothing of projections.
_LEFT_OUT = ("file", "format", "shape (z, y, x)", "voxel size", "physical size", "origin")


@dataclass(frozen=True)
class ScanInfo:
    """Geometry, values and history of a scan; ``str(info)`` gives lines of text.

    Attributes
    ----------
    path, name, format : str
        Where it is, and as what.
    shape : 3 ints
        Projections, rows, columns.
    first_angle, last_angle, angular_range, angle_step : float
        In degrees; the range lies between the outermost angles, the step is the median.
    pixel_size : float or None
        In `unit`; None when not stated.
    unit : str
        Unit of length.
    flats, darks : int
        How many there are.
    largest_shift : float or None
        Longest shift of a projection, in pixels; None where none are known.
    center : float or None
        Column of the rotation axis, if it is known.
    values : VolumeInfo
        The values of the projections, and the metadata.
    """

    path: str
    name: str
    format: str
    shape: tuple[int, int, int]
    first_angle: float
    last_angle: float
    angular_range: float
    angle_step: float
    pixel_size: float | None
    unit: str
    flats: int
    darks: int
    largest_shift: float | None
    center: float | None
    values: VolumeInfo

    def rows(self) -> list[tuple[str, str]]:
        """Return (title, text) pairs, ready for a table."""
        number, rows, columns = self.shape
        size, field_of_view = "not stated", ""
        if self.pixel_size is not None:
            size = f"{self.pixel_size:.6g} {self.unit}"
            field_of_view = f"{rows * self.pixel_size:.6g} x {columns * self.pixel_size:.6g} {self.unit}"
        angles = (
            f"{self.first_angle:.6g} to {self.last_angle:.6g} degrees "
            f"(range {self.angular_range:.6g}, step {self.angle_step:.6g})"
        )
        entries = [
            ("file", self.path),
            ("format", self.format),
            ("projections", f"{number} of {rows} x {columns} pixels (rows x columns)"),
            ("angles", angles),
            ("pixel size", size),
            ("field of view", field_of_view),
            ("flats, darks", f"{self.flats}, {self.darks}"),
            ("shifts", "" if self.largest_shift is None else f"up to {self.largest_shift:.3g} pixels"),
            ("rotation axis", "" if self.center is None else f"column {self.center:.6g}"),
        ]
        return [row for row in entries if row[1]] + [row for row in self.values.rows() if row[0] not in _LEFT_OUT]

    def __str__(self) -> str:
        rows = self.rows()
        width = max(len(title) for title, _ in rows)
        return "\n".join(f"{title:<{width}}  {text}" for title, text in rows)


def describe_scan(scan: Scan | str | os.PathLike[str], **read_options: Any) -> ScanInfo:
    """Describe a scan or a file of one; a large one is sampled, not read.

    A single image, and a cone-beam scan that `read_scan` refuses, are described too.

    Parameters
    ----------
    scan : Scan or path
        What to describe.
    **read_options
        Options of `recon.read_scan` except `lazy`, when a path is given.

    Raises
    ------
    FormatError, InputError
        As `recon.read_scan`.
    """
    if not isinstance(scan, Scan):
        scan = open_scan(scan, **read_options)
    elif read_options:
        raise InputError(f"{', '.join(read_options)} belong to reading a file, but a Scan was given")
    metadata = {key: value for key, value in scan.metadata.items() if key != "per_projection"}
    for key, values in scan.metadata.get("per_projection", {}).items():
        metadata.setdefault(key, f"{min(values):.6g} to {max(values):.6g}")
    values = describe(Volume(scan.projections, name=scan.name, metadata=metadata))
    degrees = np.rad2deg(scan.angles)
    return ScanInfo(
        path=values.path,
        name=scan.name,
        format=values.format,
        shape=scan.shape,
        first_angle=float(degrees[0]),
        last_angle=float(degrees[-1]),
        angular_range=math.degrees(scan.angular_range),
        angle_step=math.degrees(scan.angle_step),
        pixel_size=scan.pixel_size,
        unit=scan.unit,
        flats=0 if scan.flats is None else int(scan.flats.shape[0]),
        darks=0 if scan.darks is None else int(scan.darks.shape[0]),
        largest_shift=None if scan.shifts is None else float(np.max(np.linalg.norm(scan.shifts, axis=1))),
        center=scan.center,
        values=values,
    )
