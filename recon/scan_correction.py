"""A scan of counts made into one of line integrals."""

from dataclasses import replace
from typing import Any

from recon.corrections import Corrected, Ranges, Transform, correct
from recon.scan import Scan
from volio.errors import InputError
from volio.progress import SupportsUpdate

__all__ = ["correct_scan"]


def correct_scan(
    scan: Scan,
    *,
    air: Ranges = (),
    dead_tolerance: float | None = 0.5,
    zinger_threshold: float | None = 8.0,
    binning: int = 1,
    phase: Transform | None = None,
    floor: float = 1e-4,
    out: Any | None = None,
    threads: int | None = None,
    progress: SupportsUpdate | None = None,
) -> Scan:
    """Correct the projections of a scan with its own flats and darks; for the options see `correct`.

    Returns
    -------
    Scan
        Of line integrals, without flats and darks; rotation axis, shifts and pixel size are those of the binned
        detector. What was assumed and counted is added to the notes in its metadata.

    Raises
    ------
    InputError
        If the scan has no flats, which means that its projections are line integrals already, or as `correct`.
    """
    if scan.flats is None:
        raise InputError(
            f"scan {scan.name!r} has no flats, so it holds line integrals already: give flats (Scan), or correct its "
            "arrays with recon.correct"
        )
    done = correct(
        scan.projections,
        flats=scan.flats,
        darks=scan.darks,
        flat_positions=scan.metadata.get("flat_positions"),
        air=air,
        dead_tolerance=dead_tolerance,
        zinger_threshold=zinger_threshold,
        binning=binning,
        phase=phase,
        floor=floor,
        out=out,
        threads=threads,
        progress=progress,
    )
    return replace(
        scan,
        projections=done.projections,
        flats=None,
        darks=None,
        pixel_size=None if scan.pixel_size is None else scan.pixel_size * binning,
        shifts=None if scan.shifts is None else scan.shifts / binning,
        center=None if scan.center is None else (scan.center + 0.5) / binning - 0.5,
        metadata={**scan.metadata, "notes": [*scan.metadata.get("notes", ()), *_notes(done, floor)]},
    )


def _notes(done: Corrected, floor: float) -> list[str]:
    """Return what a user should be told, one sentence each."""
    notes = list(done.assumptions)
    dead = int(done.dead_pixels.sum())
    if dead:
        notes.append(f"{dead} dead pixels of the detector were replaced by their neighbours")
    if done.zingers:
        notes.append(f"{done.zingers} zingers were replaced")
    if done.floored:
        notes.append(f"{done.floored} pixels let less than {floor:g} of the beam through and were set to that")
    return notes
