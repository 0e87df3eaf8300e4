"""How fine a detail survives a subset and a strain window: their weights, attenuation, and effect on noise.

Matching a subset fits a shape function to the displacement of its voxels by least squares, weighted by the texture.
For a texture that is the same everywhere, what is measured at the centre is therefore a weighted mean of the true
displacement, with the weights of a Savitzky-Golay filter, and a strain window takes a weighted mean of those. The
Fourier transform of the weights is the part of a wave that is left, the sum of their squares the noise that passes.

For an edge of w voxels and a wave of period L along one axis, with a = pi w / L, the limit of many voxels is

- translation, rigid and affine: ``sin(a) / a`` (a centred box: the odd terms of the shape do not reach the centre);
- quadratic: ``j0(a) + 5/2 j2(a)``, with the spherical Bessel functions j.

Sources: H. W. Schreier and M. A. Sutton, "Systematic errors in digital image correlation due to undermatched subset
shape functions", Experimental Mechanics 42 (2002) 303-310, doi:10.1007/BF02410987; A. Savitzky and M. J. E. Golay,
"Smoothing and differentiation of data by simplified least squares procedures", Analytical Chemistry 36 (1964)
1627-1639, doi:10.1021/ac60214a047. The formulas above and the gain of noise are derived from the weights here.
"""

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np

from volio.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "LOSS",
    "Shape",
    "displacement_resolution",
    "resolved_period",
    "strain_noise_gain",
    "strain_resolution",
    "strain_transfer",
    "subset_transfer",
]

Shape = Literal["translation", "rigid", "affine", "quadratic"]
Triple = tuple[int, int, int]
Transfer = Callable[["NDArray[np.float64]"], "NDArray[np.float64]"]

#: Part of a wave's amplitude that is lost at the period that is called resolved.
LOSS: Final = 0.1


def subset_transfer(period: "ArrayLike", *, edge: int, shape: Shape = "affine") -> "NDArray[np.float64]":
    """Return the part of a displacement wave that a subset keeps.

    Parameters
    ----------
    period : array_like
        Periods of waves along one axis, in voxels.
    edge : int
        Edge of the subset along that axis, in voxels (odd).
    shape : {"affine", "translation", "rigid", "quadratic"}
        What the subset can follow.

    Returns
    -------
    array
        Measured over true amplitude, of the shape of `period`: 1 is perfect; negative where the wave is turned over.

    Raises
    ------
    InputError
        If `shape` is not known.
    """
    plain, curved = _weights(edge, shape)
    weights = plain if curved is None else plain + curved
    offsets = np.arange(edge) - edge // 2
    waves = np.cos(2 * np.pi * offsets / np.asarray(period, np.float64)[..., None])
    return np.asarray(waves @ weights / edge)


def strain_transfer(
    period: "ArrayLike", *, edge: int, spacing: int, window: int = 3, shape: Shape = "affine", across: bool = False
) -> "NDArray[np.float64]":
    """Return the part of a strain wave that subset and strain window keep.

    Parameters
    ----------
    period : array_like
        Periods of waves along one axis, in voxels.
    edge, spacing : int
        Edge of the subset and distance between points along that axis, in voxels.
    window : int
        Points of the strain window along that axis (odd).
    shape : {"affine", "translation", "rigid", "quadratic"}
        What the subset can follow.
    across : bool
        The gradient is taken at right angles to the wave (as e_zz that varies along y), where the window averages,
        and not along it (e_zz that varies along z), where it takes differences.

    Returns
    -------
    array
        Measured over true amplitude, of the shape of `period`.
    """
    phase = 2 * np.pi * spacing / np.asarray(period, np.float64)[..., None]
    steps = np.arange(window) - window // 2
    if across:
        kept = np.cos(phase * steps).mean(axis=-1)
    else:
        kept = (np.sin(phase * steps) / phase * steps).sum(axis=-1) / (steps**2).sum()
    return np.asarray(kept * subset_transfer(period, edge=edge, shape=shape))


def resolved_period(transfer: Transfer, *, longest: float, loss: float = LOSS) -> float:
    """Find the shortest period from which on all longer waves lose at most a part of their amplitude.

    Parameters
    ----------
    transfer : callable
        Part that is kept, for an array of periods.
    longest : float
        A period at which less than `loss` is lost.
    loss : float
        Part of the amplitude that may be lost.

    Returns
    -------
    float
        The period, in the unit of `longest`.
    """
    periods = longest / np.linspace(1, 200, 2000)
    lost = np.flatnonzero(transfer(periods) < 1 - loss)
    long, short = (periods[lost[0] - 1], periods[lost[0]]) if len(lost) and lost[0] else (longest, periods[-1])
    for _ in range(40):
        middle = 0.5 * (long + short)
        kept = transfer(np.asarray([middle]))[0] >= 1 - loss
        long, short = (middle, short) if kept else (long, middle)
    return float(long)


def displacement_resolution(edge: int, *, shape: Shape = "affine", loss: float = LOSS) -> float:
    """Return the period (voxels) of the wave that loses `loss` of its amplitude to a subset of `edge` voxels."""
    return resolved_period(lambda p: subset_transfer(p, edge=edge, shape=shape), longest=20.0 * edge, loss=loss)


def strain_resolution(
    edge: int, *, spacing: int, window: int = 3, shape: Shape = "affine", loss: float = LOSS
) -> float:
    """Return the period (voxels) of the strain wave that loses `loss` of its amplitude to subset and window.

    The worse one of the two directions that the gradient can have (see `strain_transfer`).
    """
    longest = 20.0 * (edge + (window - 1) * spacing)

    def kept(periods: "NDArray[np.float64]") -> "NDArray[np.float64]":
        along, across = (
            strain_transfer(periods, edge=edge, spacing=spacing, window=window, shape=shape, across=across)
            for across in (False, True)
        )
        return np.minimum(along, across)

    return resolved_period(kept, longest=longest, loss=loss)


def strain_noise_gain(
    subset: Triple, *, spacing: Triple, window: Triple = (3, 3, 3), shape: Shape = "affine"
) -> "NDArray[np.float64]":
    """Return the standard deviation of a strain over that of a displacement, for white noise in the scans.

    Overlapping subsets share voxels, so their errors are alike: this is in the weights.

    Parameters
    ----------
    subset, spacing : three ints
        Edges of the subset and distances between points along z, y, x, in voxels.
    window : three ints
        Points of the strain window along z, y, x (odd), all of them valid.
    shape : {"affine", "translation", "rigid", "quadratic"}
        What the subset can follow.

    Returns
    -------
    (3,) array
        For gradients along z, y, x; per voxel.
    """
    terms = _terms(subset, shape)
    gains = np.full(3, np.nan)
    for axis in range(3):
        if window[axis] > 1:
            taps = [np.full(points, 1.0 / points) for points in window]
            steps = np.arange(window[axis]) - window[axis] // 2
            taps[axis] = steps / (spacing[axis] * (steps**2).sum())
            spread = [[_spread(*parts) for parts in zip(term, taps, spacing, strict=True)] for term in terms]
            gains[axis] = np.sqrt(_power(spread) / _power(terms))
    return gains


def _weights(edge: int, shape: Shape) -> "tuple[NDArray[np.float64], NDArray[np.float64] | None]":
    """Weights that the voxels along one axis have in the displacement of the centre, times their number.

    The constant part, and the one that a quadratic shape adds: a Gram polynomial, whose sum is zero.
    """
    if shape not in get_args(Shape):
        raise InputError(f"shape must be one of {', '.join(get_args(Shape))}, got {shape!r}")
    plain = np.ones(edge)
    if shape != "quadratic":
        return plain, None
    offsets = np.arange(edge) - edge // 2
    return plain, 1.25 * (edge**2 - 1 - 12.0 * offsets**2) / (edge**2 - 4)


def _terms(subset: Triple, shape: Shape) -> "list[list[NDArray[np.float64]]]":
    """Weights of the voxels of a subset as a sum of terms, each a product of one vector an axis."""
    kernels = [_weights(edge, shape) for edge in subset]
    flat = [plain for plain, _ in kernels]
    terms = [flat]
    for axis, (_, curved) in enumerate(kernels):
        if curved is not None:
            terms.append([*flat[:axis], curved, *flat[axis + 1 :]])
    return terms


def _spread(kernel: "NDArray[np.float64]", taps: "NDArray[np.float64]", step: int) -> "NDArray[np.float64]":
    """Weights of the voxels along one axis in a weighted sum of points that are `step` voxels apart."""
    out = np.zeros(len(kernel) + (len(taps) - 1) * step)
    for number, tap in enumerate(taps):
        out[number * step : number * step + len(kernel)] += tap * kernel
    return out


def _power(terms: "list[list[NDArray[np.float64]]]") -> float:
    """Sum of the squares of all weights."""
    pairs = itertools.product(terms, terms)
    return float(sum(np.prod([a @ b for a, b in zip(one, other, strict=True)]) for one, other in pairs))
