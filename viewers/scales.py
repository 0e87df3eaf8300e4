"""How values become colours: robust limits, colour-blind safe maps, units of strain."""

from dataclasses import dataclass, replace
from math import ceil, floor, log10
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Scale",
    "arrow_scale",
    "displacement_scale",
    "round_down",
    "sequential_scale",
    "signed_scale",
    "strain_scale",
    "strain_unit",
]


@dataclass(frozen=True)
class Scale:
    """How values become colours.

    Attributes
    ----------
    low, high : float
        Limits of the colour map, in the unit shown.
    cmap : Colormap
        The colour map.
    unit : str
        The unit shown, "" for none.
    factor : float
        What values are multiplied by to be in that unit.
    extend : str
        "neither", "min", "max" or "both": where values lie beyond the limits.
    empty : bool
        Whether there was no value.
    """

    low: float
    high: float
    cmap: Colormap
    unit: str = ""
    factor: float = 1.0
    extend: str = "neither"
    empty: bool = False

    @property
    def norm(self) -> Normalize:
        """The matplotlib norm from `low` to `high`."""
        return Normalize(self.low, self.high)


def _finite(values: "ArrayLike") -> "NDArray[np.float64]":
    array = np.asarray(values, np.float64).ravel()
    return array[np.isfinite(array)]


def _extend(values: "NDArray[np.float64]", low: float, high: float) -> str:
    slack = 1e-9 * (high - low)
    below = bool(values.size and values.min() < low - slack)
    above = bool(values.size and values.max() > high + slack)
    return {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[below, above]


def round_down(value: float) -> float:
    """Return the largest of 1, 2, 5 times a power of ten that is not above a positive `value`."""
    power = 10.0 ** floor(log10(value) + 1e-9)
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= value * (1 + 1e-9))


def _round_up(value: float) -> float:
    """Round a positive `value` up to two significant digits."""
    power = 10.0 ** (floor(log10(value)) - 1)
    return ceil(value / power - 1e-6) * power


def signed_scale(values: "ArrayLike", *, unit: str = "", factor: float = 1.0, percentile: float = 99.5) -> Scale:
    """Return a diverging scale that is symmetric about zero and holds `percentile` of the absolute values.

    The map is ColorBrewer's RdBu, which is safe for colour-blind readers: blue negative, red positive.
    """
    shown = _finite(values) * factor
    return _symmetric(shown, _robust_limit(shown, percentile), unit, factor)


def _robust_limit(shown: "NDArray[np.float64]", percentile: float) -> float:
    return float(np.percentile(np.abs(shown), percentile)) if shown.size else 0.0


def _symmetric(shown: "NDArray[np.float64]", limit: float, unit: str, factor: float) -> Scale:
    limit = _round_up(limit) if limit > 0 else 1.0
    return Scale(-limit, limit, mpl.colormaps["RdBu_r"], unit, factor, _extend(shown, -limit, limit), not shown.size)


def sequential_scale(
    values: "ArrayLike",
    *,
    unit: str = "",
    cmap: str = "viridis",
    percentile: float = 99.0,
    low: float | None = None,
) -> Scale:
    """Return a sequential scale between the robust extremes of `values`.

    Parameters
    ----------
    values : array
        What will be shown; not-finite values do not count.
    unit : str
        Unit of the values.
    cmap : str
        Name of a colour map of matplotlib.
    percentile : float
        The upper limit; the lower one is its complement.
    low : float, optional
        A fixed lower limit.
    """
    shown = _finite(values)
    if shown.size:
        bottom, top = (float(v) for v in np.percentile(shown, [100 - percentile, percentile]))
    else:
        bottom, top = 0.0, 1.0
    bottom = bottom if low is None else low
    least = 1e-6 * max(abs(bottom), abs(top), 1e-12)
    if top - bottom < least:
        bottom, top = (bottom, bottom + 2 * least) if low is not None else (bottom - least, top + least)
    return Scale(bottom, top, mpl.colormaps[cmap], unit, 1.0, _extend(shown, bottom, top), not shown.size)


def displacement_scale(values: "ArrayLike", *, unit: str) -> Scale:
    """Return a signed scale, or a sequential one where all displacements lie far to one side of zero."""
    signed, narrow = signed_scale(values, unit=unit), sequential_scale(values, unit=unit)
    return narrow if narrow.high - narrow.low < 0.6 * signed.high else signed


def arrow_scale(lengths: "ArrayLike", *, unit: str) -> Scale:
    """Return a scale for arrows over a light background: its bright end stays dark enough to be seen."""
    scale = sequential_scale(lengths, unit=unit)
    colours = mpl.colormaps["plasma"](np.linspace(0.0, 0.82, 256))
    cmap = LinearSegmentedColormap.from_list("plasma_dark", colours)
    return replace(scale, cmap=cmap)


def strain_scale(*components: "ArrayLike") -> Scale:
    """Return one signed scale for strain components, in percent above 0.1 %, else in microstrain (1e-6).

    The limit is that of the component that needs the largest: quiet components do not clip a lively one.
    """
    shown = np.concatenate([_finite(values) for values in components])
    unit, factor = strain_unit(shown)
    limit = max(_robust_limit(_finite(values) * factor, 99.5) for values in components)
    return _symmetric(shown * factor, limit, unit, factor)


def strain_unit(values: "ArrayLike") -> tuple[str, float]:
    """Return the unit in which strains are shown and the factor to it: ("%", 100) or ("µε", 1e6)."""
    finite = np.abs(_finite(values))
    large = bool(finite.size) and float(np.percentile(finite, 99.5)) > 1e-3
    return ("%", 100.0) if large else ("µε", 1e6)
