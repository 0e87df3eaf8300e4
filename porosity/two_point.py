"""Two-point probability of a phase: how likely two points both lie in it, and what that says of its fraction."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from porosity.labels import Labels, VoxelSize, check_labels, check_mask, phase_mask
from volio import InputError, run_blocks
from volio.units import Length, parse_length

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TwoPointProbability", "correlate_phase"]

#: Columns of Fourier coefficients that one task transforms.
COLUMNS = 8
#: Covariance over variance below which it is noise rather than structure.
NEGLIGIBLE = 0.005


@dataclass(frozen=True, eq=False)
class TwoPointProbability:
    """The two-point probability S2 of a phase.

    Attributes
    ----------
    z, y, x : array, shape (lags + 1,)
        S2 along each axis, for lags of 0, 1, 2 ... voxels.
    distance : array, shape (n,)
        Mean distance of the lags in each shell, in `unit`.
    radial : array, shape (n,)
        S2 averaged over all directions, every pair of points with the same weight.
    fraction : float
        Fraction of the phase: S2 at distance 0.
    integral_range : float
        Volume (`unit` cubed) that counts as one independent observation of the fraction: the integral of the normalised
        covariance. NaN where the phase fills the volume.
    standard_error : float
        Standard deviation of the fraction of a volume of this size.
    voxel_size : 3 floats
        Edge lengths of a voxel (z, y, x).
    unit : str
        Unit of length.
    """

    z: NDArray[np.float64]
    y: NDArray[np.float64]
    x: NDArray[np.float64]
    distance: NDArray[np.float64]
    radial: NDArray[np.float64]
    fraction: float
    integral_range: float
    standard_error: float
    voxel_size: tuple[float, float, float]
    unit: str

    @property
    def table(self) -> "pd.DataFrame":
        """The radial curve: distance, probability, and covariance divided by its value at 0."""
        import pandas as pd

        variance = self.fraction * (1 - self.fraction)
        covariance = (self.radial - self.fraction**2) / variance if variance else np.full(len(self.radial), np.nan)
        return pd.DataFrame({"distance": self.distance, "probability": self.radial, "covariance": covariance})


def correlate_phase(
    labels: Any,
    *,
    phase: int,
    voxel_size: VoxelSize | None = None,
    mask: Any = None,
    longest: float | str | Length | None = None,
    periodic: bool = False,
    threads: int | None = None,
) -> TwoPointProbability:
    """Measure the two-point probability of a phase, along the axes and over all directions.

    Parameters
    ----------
    labels : Volume or array, shape (z, y, x)
        Label volume.
    phase : int
        Label of the phase.
    voxel_size : float or 3 floats, optional
        Edge lengths of a voxel (z, y, x), if the volume does not state them.
    mask : Volume or array, shape (z, y, x), optional
        Where phases are measured: pairs with a point outside do not count.
    longest : float, str or Length, optional
        The longest distance: a length ("8um"), or a number of voxels along each axis. A quarter of the volume along
        each axis when not given.
    periodic : bool, default: False
        Whether the volume goes on at the opposite face. Else pairs across its border do not exist: nothing wraps round.
    threads : int, optional
        How many threads; the answer does not depend on it.

    Returns
    -------
    TwoPointProbability

    Raises
    ------
    InputError
        If these are no labels, the phase does not occur or is all there is, or `longest` is not inside the volume.

    Notes
    -----
    Pairs are counted exactly: sums by fast Fourier transforms of the zero-padded volume are rounded to the whole
    numbers that they are. The variance of the fraction of a volume is the mean of the covariance over all pairs of its
    points [1]_; it is summed up to the distance where the radial covariance first falls below 0.5 % of its start, and
    corrected for the fraction that the covariance is taken about being measured in the same volume.

    References
    ----------
    .. [1] C. Lantuéjoul, Ergodicity and integral range, J. Microsc. 161 (1991) 387,
           doi:10.1111/j.1365-2818.1991.tb03099.x.
    """
    checked = check_labels(labels, voxel_size)
    chosen = phase_mask(checked, phase, whole=False)
    inside = None if mask is None else check_mask(mask, chosen.shape)
    if inside is not None:
        chosen = chosen & inside
    lags = _lags(longest, checked)
    both = _pairs(chosen, lags, periodic, threads)
    if inside is not None:
        points, all_pairs = int(np.count_nonzero(inside)), _pairs(inside, lags, periodic, threads)
    else:
        points, all_pairs = chosen.size, _pairs_of_box(chosen.shape, lags, periodic)
    return _summary(both, all_pairs, points, lags, checked)


def _lags(longest: float | str | Length | None, labels: Labels) -> tuple[int, int, int]:
    """Return the longest lag along each axis, in voxels."""
    shape = labels.data.shape
    if longest is None:
        z, y, x = (max(n // 4, min(1, n - 1)) for n in shape)
        return z, y, x
    length = longest if isinstance(longest, Length) else parse_length(str(longest))
    known = labels.unit != "voxel"
    z, y, x = (
        int(length.to_voxels(size if known else None, labels.unit if known else "um") + 1e-9)
        for size in labels.voxel_size
    )
    if not all(0 <= lag < n for lag, n in zip((z, y, x), shape, strict=True)) or max(z, y, x) == 0:
        raise InputError(
            f"longest must be 1 voxel at least and less than the volume {shape}, got {longest} = {(z, y, x)} voxels"
        )
    return z, y, x


def _pairs(
    mask: NDArray[np.uint8], lags: tuple[int, int, int], periodic: bool, threads: int | None
) -> NDArray[np.float64]:
    """Return how many pairs of set voxels lie at each lag: array (lz + 1, 2 ly + 1, 2 lx + 1), lag 0 at [0, ly, lx]."""
    from scipy import fft

    sizes = (
        mask.shape
        if periodic
        else [fft.next_fast_len(n + lag, real=True) for n, lag in zip(mask.shape, lags, strict=True)]
    )
    slabs = np.array_split(np.arange(mask.shape[0]), -(-mask.shape[0] // 16))
    columns = np.concatenate(run_blocks(lambda z: fft.rfft(mask[z], sizes[2], axis=2), slabs, threads=threads))

    def correlate(start: int) -> NDArray[np.complex128]:
        part = np.ascontiguousarray(columns[:, :, start : start + COLUMNS].transpose(2, 1, 0))
        spectrum = fft.fft(fft.fft(part, sizes[1], axis=1), sizes[0], axis=2)
        power = spectrum.real**2 + spectrum.imag**2
        along_z = fft.ifft(power, axis=2)[:, :, : lags[0] + 1]
        return np.ascontiguousarray(_centred(fft.ifft(along_z, axis=1), lags[1], 1).transpose(2, 1, 0))

    starts = range(0, columns.shape[2], COLUMNS)
    spectrum = np.concatenate(run_blocks(correlate, starts, threads=threads), axis=2)
    pairs: NDArray[np.float64] = np.rint(_centred(fft.irfft(spectrum, sizes[2], axis=2), lags[2], 2))
    return pairs


def _centred(field: NDArray[Any], lag: int, axis: int) -> NDArray[Any]:
    """Return lags -lag ... lag along an axis of a circular correlation."""
    return field.take(np.arange(-lag, lag + 1), axis=axis, mode="wrap")


def _pairs_of_box(shape: tuple[int, ...], lags: tuple[int, int, int], periodic: bool) -> NDArray[np.float64]:
    """Return how many pairs of voxels a whole box has at each lag, as `_pairs`."""
    starts = (0, -lags[1], -lags[2])
    steps = [np.abs(np.arange(start, lag + 1)) for start, lag in zip(starts, lags, strict=True)]
    z, y, x = (n - (0.0 if periodic else step) + 0.0 * step for n, step in zip(shape, steps, strict=True))
    return z[:, None, None] * y[:, None] * x


def _summary(
    both: NDArray[np.float64], pairs: NDArray[np.float64], points: int, lags: tuple[int, int, int], labels: Labels
) -> TwoPointProbability:
    """Make the curves and the integral range of the counts of pairs."""
    _, ly, lx = lags
    with np.errstate(invalid="ignore"):
        probability = both / np.where(pairs > 0, pairs, np.nan)
    # a lag with z > 0 stands for its opposite too
    twice = np.where(np.arange(len(both)) > 0, 2.0, 1.0)[:, None, None]
    fraction = float(both[0, ly, lx] / points)
    both, pairs = twice * both, twice * pairs
    dz, dy, dx = labels.voxel_size
    z, y, x = np.ogrid[0 : lags[0] + 1, -ly : ly + 1, -lx : lx + 1]
    distance = np.sqrt((z * dz) ** 2 + (y * dy) ** 2 + (x * dx) ** 2)
    step = min(labels.voxel_size)
    # beyond the shortest of the longest lags some directions would be missing
    reach = min((lag * size for lag, size in zip(lags, labels.voxel_size, strict=True) if lag > 0))
    shell = np.rint(distance / step).astype(np.int64)
    shell[distance > reach + 1e-9] = shell.max() + 1
    number = round(reach / step) + 1
    total = partial(np.bincount, shell.ravel(), minlength=number)
    weights = total(weights=pairs.ravel())[:number]
    used = weights > 0
    radial = total(weights=both.ravel())[:number][used] / weights[used]
    mean_distance = total(weights=(pairs * distance).ravel())[:number][used] / weights[used]
    variance = _variance(both, pairs, distance, mean_distance, radial, fraction, points)
    spread = fraction * (1 - fraction)
    return TwoPointProbability(
        z=probability[:, ly, lx],
        y=probability[0, ly:, lx],
        x=probability[0, ly, lx:],
        distance=mean_distance,
        radial=radial,
        fraction=fraction,
        integral_range=variance / spread * points * labels.voxel_volume if spread > 0 else np.nan,
        standard_error=float(np.sqrt(variance)),
        voxel_size=labels.voxel_size,
        unit=labels.unit,
    )


def _variance(
    both: NDArray[np.float64], pairs: NDArray[np.float64], distance: NDArray[np.float64],
    shells: NDArray[np.float64], radial: NDArray[np.float64], fraction: float, points: int,
) -> float:  # fmt: skip
    """Return the variance of the fraction: the mean covariance of all pairs of points."""
    below = np.flatnonzero(radial - fraction**2 <= NEGLIGIBLE * (fraction - fraction**2))
    cut = shells[below[0]] if len(below) else np.nextafter(shells[-1], np.inf)
    near = distance < cut
    covariance = float((both - fraction**2 * pairs)[near].sum()) / points**2
    weight = float(pairs[near].sum()) / points**2
    # the measured fraction scatters with the volume, which lowers every covariance by the variance sought
    return max(covariance, 0.0) / max(1 - weight, 0.1)
