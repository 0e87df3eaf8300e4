"""The scan of a run: opened, held against what was asked for, and refused before any work if that cannot be done."""

import logging
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from recon.flat_field import assume_flat_field
from recon.geometry import check_parallel
from recon.quality_report import check_measurable
from recon.reading import read_scan
from recon.scan import Scan
from recon.settings import ReconSettings
from recon.slice_grid import make_slice_grid
from recon.slice_plan import slice_range, voxel_step
from volio.errors import InputError
from volio.quiet import captured_log
from volio.units import conversion_factor, parse_length

__all__ = ["check_scan", "open_scan_of", "phase_of", "voxel_size_of"]

logger = logging.getLogger(__name__)


def open_scan_of(settings: ReconSettings) -> Scan:
    """Open the scan of a run, on disk; projections without flats become counts of an even beam if they are counts.

    Raises
    ------
    InputError, FormatError
        If it cannot be read, its beam is not parallel, or `check_scan` finds something wrong.
    """
    with captured_log("recon.reading") as records:
        scan = check_parallel(_read(settings, settings.flats))
    whole = scan.dtype.kind in "biu"
    assumed = scan.flats is None and (settings.values == "counts" or (settings.values == "auto" and whole))
    if not assumed:
        for record in records:
            logging.getLogger(record.name).handle(record)
    if assumed:
        # what is said of missing flats does not hold
        field = assume_flat_field(scan.projections)
        scan = check_parallel(_read(settings, float(field.responses[0, 0, 0])))
        _tell(scan, field.assumptions)
    elif settings.values == "attenuation" and scan.flats is not None:
        note = "the values were said to be line integrals: flats and darks are not used"
        scan = replace(scan, flats=None, darks=None)
        _tell(scan, (note,))
    elif scan.flats is None:
        _tell(scan, ("the values are taken for line integrals of the attenuation, as there are no flats",))
    check_scan(scan, settings)
    return scan


def _read(settings: ReconSettings, flats: Any) -> Scan:
    return read_scan(
        settings.scan,
        angles=settings.angles,
        angle_range=settings.angle_range,
        angle_unit=settings.angle_unit,
        pixel_size=settings.pixel_size,
        flats=flats,
        darks=settings.darks,
        dataset=settings.dataset,
        lazy=True,
    )


def _tell(scan: Scan, notes: tuple[str, ...]) -> None:
    """Say what is assumed, in the log and in the notes of the scan."""
    for note in notes:
        logger.warning("%s", note)
    scan.metadata["notes"] = [*scan.metadata.get("notes", ()), *notes]


def check_scan(scan: Scan, settings: ReconSettings) -> None:
    """Refuse what could only fail after much work.

    Raises
    ------
    InputError
        There are not two different projections at two different angles, or an option does not fit the scan.
    """
    label = scan.name or "the scan"
    if scan.n_angles < 2:
        raise InputError(f"{label} holds a single projection: a volume needs projections at several angles")
    if not scan.angular_range > 0:
        raise InputError(f"all {scan.n_angles} angles of {label} are equal: give those of the projections")
    first = np.asarray(scan.projections[0:1])
    if all(np.array_equal(first, np.asarray(scan.projections[k : k + 1])) for k in range(1, scan.n_angles)):
        raise InputError(f"all {scan.n_angles} projections of {label} are equal: the specimen did not turn")
    counts = scan.flats is not None
    if not counts and (settings.binning > 1 or settings.delta_beta is not None):
        option = "binning" if settings.binning > 1 else "delta_beta"
        raise InputError(f"{option} needs counts and flats, {label} holds line integrals: leave {option} out")
    factor = settings.binning
    if scan.rows < factor or scan.columns < factor:
        raise InputError(f"binning must be at most {min(scan.rows, scan.columns)}, the smaller edge, got {factor}")
    phase_of(scan, settings)
    middle = 0.5 * (scan.columns // factor - 1)
    binned = replace(
        scan,
        projections=_Shape((scan.n_angles, scan.rows // factor, scan.columns // factor)),
        flats=None,
        darks=None,
        pixel_size=None if scan.pixel_size is None else scan.pixel_size * factor,
    )
    step = voxel_step(binned, voxel_size_of(binned, settings))
    center = settings.binned_center if settings.binned_center is not None else middle
    make_slice_grid(binned.columns, center=center, step=step, region=settings.region)
    rows = max(round(binned.rows / step), 1)
    slice_range(settings.slices, rows)
    if settings.quality:
        check_measurable(rows, scan.n_angles)


class _Shape:
    """Stands for images of which nothing but the shape is asked."""

    dtype = np.dtype(np.float32)

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape = shape


def voxel_size_of(scan: Scan, settings: ReconSettings) -> float | None:
    """Return the edge of a voxel in the unit of the scan, or in pixels; None: that of the pixels.

    Raises
    ------
    InputError
        If a length was asked for and the pixel size is not known.
    """
    if settings.voxel_size is None:
        return None
    length = parse_length(settings.voxel_size)
    if length.unit is not None and scan.pixel_size is None:
        raise InputError(f"voxel_size {length} needs the pixel size, which is not known: give pixel_size, or pixels")
    return length.to_voxels(scan.pixel_size, scan.unit) * (scan.pixel_size or 1.0)


def phase_of(scan: Scan, settings: ReconSettings) -> partial[Any] | None:
    """Return the phase retrieval of a run; None where there is none.

    Raises
    ------
    InputError
        If the energy, the distance or the pixel size is stated by nobody.
    """
    if settings.delta_beta is None:
        return None
    from recon.phase import retrieve_phase

    geometry = scan.metadata.get("geometry", {})
    energy = settings.energy or scan.metadata.get("energy_kev")
    distance = settings.distance or geometry.get("detector_distance")
    for name, value in (("energy", energy), ("distance", distance), ("pixel_size", scan.pixel_size)):
        if not value:
            raise InputError(f"phase retrieval needs the {name}, which the scan does not state: give {name}")
    pixel = float(scan.pixel_size or 0.0) * conversion_factor(scan.unit, "um") * settings.binning
    return partial(
        retrieve_phase,
        energy=float(energy or 0.0),
        distance=float(distance or 0.0),
        delta_beta=settings.delta_beta,
        pixel_size=pixel,
    )
