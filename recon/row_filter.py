"""Filtering of detector rows, and what is taken to lie beyond the ends of the detector."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from recon._kernels_row_filter import filter_rows
from recon.filters import FilterWindow, filter_response
from volio.errors import InputError
from volio.simd import LANES

__all__ = ["Padding", "RowFilter", "make_row_filter"]

Padding = Literal["cylinder", "taper", "zero"]
Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class RowFilter:
    """A filter for rows of a given length; its result are coefficients of a cubic B-spline.

    Attributes
    ----------
    response : array, shape (samples // 2 + 1,), float64
        At the frequencies of a real transform of a padded row.
    samples : int
        Length of a padded row, a power of two.
    fade : array, shape (samples - columns,), float32
        How much of the value at the right end stands beyond it; read backwards, of the one at the left end.
    """

    response: Floats
    samples: int
    fade: Singles

    def apply(self, rows: Singles, places: npt.NDArray[np.int64], shifts: Floats, *, lead: int, out: Singles) -> None:
        """Filter rows.

        Parameters
        ----------
        rows : (angles, slices, columns) float32 array
            Of at most `volio.simd.LANES` slices.
        places : (angles,) int64 array
            Where in `out` each angle goes.
        shifts : (slices,) float64 array
            By how many columns the rows of each slice are moved to the left.
        lead : int
            Place of column 0 in a row of `out`.
        out : (angles, width, LANES) float32 array
            Filled; beyond the ends of the detector stands what the filter makes there.
        """
        turn = 2 * np.pi * np.arange(self.samples) / self.samples
        turns = np.stack([np.cos(turn), -np.sin(turn)], axis=1).astype(np.float32)
        filter_rows(rows, places, turns.reshape(-1), self._spectrum(shifts), self.fade, lead, out)

    def _spectrum(self, shifts: Floats) -> Singles:
        """Return the response (samples, 2, LANES) in the order in which the kernel wants it."""
        frequency = np.fft.fftfreq(self.samples)
        moved = np.zeros(LANES)
        moved[: shifts.size] = shifts
        phase = 2 * np.pi * frequency[:, None] * moved
        values = np.concatenate([self.response, self.response[-2:0:-1]])[:, None] / self.samples
        spectrum = np.stack([values * np.cos(phase), values * np.sin(phase)], axis=1)
        spectrum[self.samples // 2, 1] = 0.0  # the highest frequency is both its own and its negative
        return np.ascontiguousarray(spectrum[_order(self.samples)], np.float32)


def make_row_filter(
    columns: int,
    *,
    window: FilterWindow = "ramp",
    cutoff: float = 1.0,
    padding: Padding = "taper",
    radius: float | None = None,
    smooth: float = 1.0,
) -> RowFilter:
    """Return the filter for rows of `columns` pixels.

    Parameters
    ----------
    columns : int
        Detector pixels.
    window, cutoff
        See `recon.filters.filter_response`.
    padding : {"cylinder", "taper", "zero"}
        What lies beyond the detector. "cylinder": the value at each end falls as behind a cylinder; for a specimen
        wider than the detector. "taper": it falls to 0 within half the width, which is right where both ends see air.
        "zero": nothing.
    radius : float, optional
        Of the cylinder, in columns (see `recon.truncation.specimen_radius`).
    smooth : float
        Pixels of the slice, in detector pixels; beyond 1 rows are averaged over this width.

    Raises
    ------
    InputError
        If the padding is not known or without the radius it needs, or for a filter that cannot be used.
    """
    if padding not in get_args(Padding):
        raise InputError(f"padding must be one of {', '.join(get_args(Padding))}, got {padding!r}")
    half = 0.5 * (columns - 1)
    if padding == "cylinder" and not (radius is not None and radius > half + 0.5):
        raise InputError(f"padding 'cylinder' needs a radius of more than {half + 0.5:g} columns, got {radius}")
    samples = 4
    while samples < max(2 * columns, 2 * (radius or 0.0) + 0.5 * columns):
        samples *= 2
    frequency = np.fft.rfftfreq(samples)
    response = filter_response(window, samples=samples, cutoff=cutoff)
    response = response * 3.0 / (2.0 + np.cos(2 * np.pi * frequency))
    if smooth > 1:
        response = response * np.sinc(frequency * smooth)
    beyond = np.arange(samples - columns) + 1.0
    part = beyond / (samples - columns + 1)
    fade = np.zeros_like(part)
    if padding == "taper":
        fade = np.cos(np.pi * part) ** 2
    elif padding == "cylinder" and radius is not None:
        fade = np.sqrt(np.maximum(radius**2 - (half + beyond) ** 2, 0.0) / (radius**2 - half**2))
    return RowFilter(response, samples, np.where(part < 0.5, fade, 0.0).astype(np.float32))


def _order(samples: int) -> npt.NDArray[np.int64]:
    """Return the frequency that the transform of the kernel leaves at each place."""
    order = np.zeros(1, np.int64) if samples.bit_length() % 2 else np.arange(2)
    while order.size < samples:
        order = np.concatenate([4 * order, 4 * order + 2, 4 * order + 1, 4 * order + 3])
    return order
