"""Beam geometry: whether projections of a diverging beam may be taken for parallel ones."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from recon.scan import Scan
from volio.errors import InputError
from volio.units import conversion_factor

__all__ = ["LARGEST_ERROR", "ScanGeometry", "check_parallel", "parallel_error"]

#: Largest error of a position, in pixels, at which a diverging beam counts as parallel.
LARGEST_ERROR = 0.1

_SAMPLES = 2049


@dataclass(frozen=True)
class ScanGeometry:
    """How the beam runs; kept in ``Scan.metadata["geometry"]`` as a dict of the same entries.

    Attributes
    ----------
    beam : {"parallel", "cone", "not stated"}
        Shape of the beam.
    source_distance, detector_distance : float or None
        From the rotation axis, in mm.
    """

    beam: Literal["parallel", "cone", "not stated"] = "not stated"
    source_distance: float | None = None
    detector_distance: float | None = None


def parallel_error(source_distance: float, *, rows: int, columns: int, pixel_size: float) -> float:
    """Return how far at most a point is seen from where a parallel beam would show it, in pixels.

    A point at the height z and the distance y before the axis is magnified ``S / (S - y)`` times more than the axis
    itself, S the distance of the source. The largest shift within the cylinder that fills the detector is returned:
    the maximum of ``y sqrt(R^2 - y^2 + H^2) / (S - y)`` over its radius, with half the columns as R and half the
    rows as H.

    Parameters
    ----------
    source_distance : float
        From the source to the rotation axis, in the unit of `pixel_size`.
    rows, columns : int
        Pixels of the detector.
    pixel_size : float
        Edge of a pixel at the rotation axis.

    Raises
    ------
    InputError
        If a number is not positive, or the source lies within the field of view.
    """
    if not (source_distance > 0 and pixel_size > 0 and rows > 0 and columns > 0):
        raise InputError(
            "distance, pixel size and number of pixels must be positive, got "
            f"{source_distance:g}, {pixel_size:g}, {rows} x {columns}"
        )
    distance, radius, height = source_distance / pixel_size, columns / 2, rows / 2
    if distance <= radius:
        raise InputError(
            f"the source is {distance:g} pixels from the axis, inside a field of view of {columns} columns: "
            "check the distances and the pixel size"
        )
    depth = np.linspace(0.0, radius, _SAMPLES)
    return float(np.max(depth * np.sqrt(radius**2 - depth**2 + height**2) / (distance - depth)))


def check_parallel(scan: Scan) -> Scan:
    """Return the scan if its beam may be taken for parallel, and say how nearly it is.

    Returns
    -------
    Scan
        The same; of a cone beam ``metadata["geometry"]["parallel_error"]`` says how far a position is off at most.

    Raises
    ------
    InputError
        If positions would be more than 0.1 pixels off, or the geometry does not tell.
    """
    geometry = scan.metadata.get("geometry", {})
    if geometry.get("beam") != "cone":
        return scan
    label = scan.name or "the scan"
    distance = geometry.get("source_distance")
    advice = "reconstruct it with a program for cone beams"
    if distance is None or scan.pixel_size is None:
        missing = "source distance" if distance is None else "pixel size"
        raise InputError(f"{label} is a cone-beam scan without a {missing}, so it cannot count as parallel: {advice}")
    pixel = scan.pixel_size * conversion_factor(scan.unit, "mm")
    error = parallel_error(distance, rows=scan.rows, columns=scan.columns, pixel_size=pixel)
    if error > LARGEST_ERROR:
        raise InputError(
            f"{label} is a cone-beam scan (source {distance:g} mm from the axis): taken for parallel it would be up to "
            f"{error:.3g} pixels off, {LARGEST_ERROR} are allowed: {advice}"
        )
    geometry["parallel_error"] = error
    scan.metadata.setdefault("notes", []).append(
        f"the cone beam counts as parallel: positions are at most {error:.2g} pixels off"
    )
    return scan
