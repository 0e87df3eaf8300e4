"""A scan seen from far: its corrected projections, averaged over squares of pixels, read once and small enough to keep.

What a reconstruction has to know before it starts (axis, shifts, rings) is decided on these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from recon.corrections import bin_pixels, correct
from recon.detector_rows import DetectorRows
from recon.scan import Scan
from volio.blocks import run_blocks
from volio.errors import InputError
from volio.lazy import slab_depth
from volio.progress import SupportsUpdate

__all__ = ["ScanOverview", "make_overview"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

#: Bytes of projections that are read at once where nothing is corrected.
_BLOCK_BYTES: Final = 32 * 2**20


@dataclass(frozen=True, eq=False)
class ScanOverview:
    """Line integrals of the middle of the detector, at several resolutions.

    Attributes
    ----------
    images : dict of int to (angles, rows, columns) float32 array
        For each binning, the edge of the squares of pixels that were averaged, the rows around the middle.
    notes : tuple of str
        What the corrections assumed.
    """

    images: dict[int, Singles]
    notes: tuple[str, ...] = ()

    def straighten(self, binning: int, shifts: Floats | None, *, rows: int) -> Singles:
        """Return evenly spaced rows of images, with the shifts of projections undone.

        Parameters
        ----------
        binning : int
            Which images.
        shifts : (angles, 2) array or None
            Rows and columns by which each projection lies too far, in pixels of the detector.
        rows : int
            How many; fewer if there are not as many.

        Returns
        -------
        (angles, rows, columns) float32 array
        """
        from scipy.ndimage import map_coordinates

        images = self.images[binning]
        height = images.shape[1]
        places = [int((k + 0.5) * height / min(rows, height)) for k in range(min(rows, height))]
        if shifts is None or not np.any(shifts):
            return np.ascontiguousarray(images[:, places])
        source = DetectorRows(images, np.zeros(len(images)), shifts[:, 0] / binning)
        straight = np.concatenate([source.read(place, place + 1) for place in places], axis=1)
        lines, columns = np.mgrid[: len(places), : images.shape[2]]
        for image, shift in zip(straight, shifts[:, 1] / binning, strict=True):
            image[:] = map_coordinates(image, [lines, columns + shift], order=3, mode="nearest")
        return straight


def make_overview(
    scan: Scan, *, rows: dict[int, int], threads: int | None = None, progress: SupportsUpdate | None = None
) -> ScanOverview:
    """Read a scan once and keep its middle at several resolutions.

    Parameters
    ----------
    scan : Scan
        Counts with flats, which are corrected as `recon.correct_scan` does by default, or line integrals.
    rows : dict of int to int
        For each binning how many rows of averaged pixels are kept, at most.
    threads : int, optional
        Blocks at a time. The answer does not depend on it.
    progress : Progress, optional
        Is told of finished projections.

    Raises
    ------
    InputError
        If the scan cannot be corrected, or holds NaN or infinite values.
    """
    kept = {binning: min(count, scan.rows // binning) for binning, count in rows.items()}
    span = max(binning * count for binning, count in kept.items())
    first = (scan.rows - span) // 2
    part = scan.crop(rows=(first, first + span))
    starts = {binning: (span - binning * count) // 2 for binning, count in kept.items()}
    images = {
        binning: np.empty((scan.n_angles, count, scan.columns // binning), np.float32)
        for binning, count in kept.items()
    }
    reducer = _Reducer(part.shape, images, starts)
    if part.flats is not None:
        done = correct(
            part.projections,
            flats=part.flats,
            darks=part.darks,
            flat_positions=part.metadata.get("flat_positions"),
            out=reducer,
            threads=threads,
            progress=progress,
        )
        return ScanOverview(images, done.assumptions)
    depth = slab_depth(part.projections, nbytes=_BLOCK_BYTES)
    blocks = [slice(start, min(start + depth, scan.n_angles)) for start in range(0, scan.n_angles, depth)]

    def task(block: slice) -> None:
        lines = np.asarray(part.projections[block], np.float32)
        if not np.isfinite(np.sum(lines, dtype=np.float64)):
            raise InputError(
                f"projections {block.start} to {block.stop - 1} hold values that are NaN or infinite: leave them out "
                "(Scan.crop) or repair the file"
            )
        reducer[block] = lines

    run_blocks(task, blocks, threads=threads, progress=progress, weight=lambda block: block.stop - block.start)
    return ScanOverview(images)


@dataclass(frozen=True, eq=False)
class _Reducer:
    """Takes blocks of line integrals as an array does, and keeps them averaged."""

    shape: Sequence[int]
    images: dict[int, Singles]
    starts: dict[int, int]

    def __setitem__(self, block: slice, lines: Singles) -> None:
        for binning, images in self.images.items():
            start = self.starts[binning]
            part = lines[:, start : start + binning * images.shape[1]]
            images[block] = part if binning == 1 else bin_pixels(part, factor=binning)
