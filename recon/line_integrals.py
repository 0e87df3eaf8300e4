"""The first pass of a run: counts become line integrals, projection by projection, in memory or on disk."""

import logging
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final

import numpy as np

from recon.corrections import BLOCK_BYTES
from recon.opening import phase_of
from recon.scan import Scan
from recon.scan_correction import correct_scan
from recon.settings import ReconSettings
from recon.slabs import PROGRAM_BYTES
from volio.errors import InputError
from volio.lazy import LazyArray, slabs
from volio.progress import Progress

__all__ = ["correcting_threads", "correction_bytes", "make_lines", "shape_of_lines"]

logger = logging.getLogger(__name__)

#: float32 copies of a block that the corrections hold, and of a flat of each kind.
_COPIES: Final = 3


def shape_of_lines(scan: Scan, settings: ReconSettings) -> tuple[int, int, int]:
    """Return the shape of the line integrals of a scan."""
    factor = settings.binning
    return scan.n_angles, scan.rows // factor, scan.columns // factor


def correction_bytes(scan: Scan) -> int:
    """Return the memory in bytes that a thread of the corrections takes."""
    block = min(max(BLOCK_BYTES, scan.nbytes // scan.n_angles), scan.nbytes)
    # zingers are looked for with two projections more at both ends
    images = block // scan.dtype.itemsize + 4 * scan.rows * scan.columns
    return images * (scan.dtype.itemsize + 4 * _COPIES)


def correcting_threads(scan: Scan, *, memory: int, threads: int) -> int:
    """Return how many of the threads may correct projections at once.

    Parameters
    ----------
    scan : Scan
        Counts or line integrals.
    memory : int
        Bytes that they may take together.
    threads : int
        As many as there are.

    Raises
    ------
    InputError
        If there is not room for one.
    """
    each = correction_bytes(scan)
    if memory < each:
        raise InputError(
            f"memory has room for {max(memory, 0) / 1e9:.2f} GB beside the program, the corrections take "
            f"{each / 1e9:.2f} GB: give at least {(each + PROGRAM_BYTES) / 1e9:.1f}GB"
        )
    return min(memory // each, threads)


def make_lines(scan: Scan, settings: ReconSettings, *, out: Any, threads: int, progress: bool = True) -> Scan:
    """Write the line integrals of a scan to `out`, and return the scan of them.

    Parameters
    ----------
    scan : Scan
        Counts with flats, which are corrected; or line integrals, which are copied.
    settings : ReconSettings
        How they are corrected.
    out : array or DiskArray
        float32, of the shape of `shape_of_lines`.
    threads : int
        How many compute. The values do not depend on it.
    progress : bool
        Whether progress is shown.

    Returns
    -------
    Scan
        Its projections are `out`; what was assumed and counted is in its notes.

    Raises
    ------
    InputError
        If a value is NaN or infinite, or the flats cannot be used.
    """
    lines = out if isinstance(out, np.ndarray) else LazyArray.wrap(out, name="line integrals")
    with ExitStack() as stack:
        shown = stack.enter_context(Progress(scan.n_angles, "projections", "correcting")) if progress else None
        if scan.flats is None:
            for part, images in slabs(scan.projections):
                bad = np.flatnonzero(~np.isfinite(images).all(axis=(1, 2)))
                if bad.size:
                    raise InputError(
                        f"projection {part.start + int(bad[0])} holds values that are NaN or infinite: leave it out or "
                        "repair the file"
                    )
                out[part] = images
                if shown is not None:
                    shown.update(part.stop - part.start)
            return replace(scan, projections=lines)
        done = correct_scan(
            scan,
            air=settings.air,
            dead_tolerance=settings.dead_pixels or None,
            zinger_threshold=settings.zingers or None,
            binning=settings.binning,
            phase=phase_of(scan, settings),
            floor=settings.floor,
            out=out,
            threads=threads,
            progress=shown,
        )
    notes = [*done.metadata["notes"], *_phase_note(scan, settings)]
    return replace(done, projections=lines, metadata=done.metadata | {"notes": notes})


def _phase_note(scan: Scan, settings: ReconSettings) -> list[str]:
    """Say with what phase retrieval was made, if it was."""
    phase = phase_of(scan, settings)
    if phase is None:
        return []
    ratio, energy, distance = (phase.keywords[name] for name in ("delta_beta", "energy", "distance"))
    return [f"phase was retrieved with delta/beta {ratio:g}, {energy:g} keV and {distance:g} mm"]
