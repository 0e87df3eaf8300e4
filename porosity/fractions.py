"""Phase fractions: of the whole, in slabs along the axes and in rings about z, with their uncertainty."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from porosity._kernels_counts import count_phases
from porosity.labels import Labels, VoxelSize, check_labels, check_mask, present_labels
from porosity.two_point import correlate_phase
from volio import InputError, run_blocks
from volio.units import parse_length

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PhaseFractions", "phase_fractions"]

Uncertainty = Literal["integral-range", "bootstrap", "none"]

#: More labels than this are particles rather than phases.
MOST_PHASES = 64
#: Planes that one task counts.
PLANES = 16
#: Blocks along each axis, and how often they are drawn, of the bootstrap.
BLOCKS, DRAWS = 4, 2000
_NONE = np.empty((0, 0, 0), np.uint8)


@dataclass(frozen=True, eq=False)
class PhaseFractions:
    """Volume fractions of the phases.

    Attributes
    ----------
    phases : tuple of int
        Labels of the phases.
    fraction : array, shape (phases,)
        Volume fraction of each.
    standard_error, low, high : array, shape (phases,)
        Its standard error and confidence interval as a sample of a larger body; NaN where not known.
    band : array, shape (phases, 2), or None
        Lowest and highest fraction over the segmentations that were given as `band`.
    confidence : float
        Probability that the interval holds the true fraction.
    voxels : int
        How many voxels were counted.
    profiles : dict of str to DataFrame
        "z", "y", "x" and "radial": position (of the middle of a slab or ring, in `unit`) and the fraction of each
        phase. Positions count from the face of the volume, and from the axis along z through the middle of what is
        counted.
    unit : str
        Unit of length.
    """

    phases: tuple[int, ...]
    fraction: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    band: NDArray[np.float64] | None
    confidence: float
    voxels: int
    profiles: "dict[str, pd.DataFrame]"
    unit: str

    @property
    def table(self) -> "pd.DataFrame":
        """One row a phase: fraction, standard_error, low, high, and band_low, band_high where known."""
        import pandas as pd

        names = ("fraction", "standard_error", "low", "high")
        table = pd.DataFrame({name: getattr(self, name) for name in names}, index=pd.Index(self.phases, name="phase"))
        if self.band is not None:
            table["band_low"], table["band_high"] = self.band.T
        return table


def phase_fractions(
    labels: Any,
    *,
    voxel_size: VoxelSize | None = None,
    phases: Sequence[int] | None = None,
    mask: Any = None,
    slab: float | str = 1,
    band: tuple[Any, Any] | None = None,
    uncertainty: Uncertainty = "integral-range",
    confidence: float = 0.95,
    threads: int | None = None,
) -> PhaseFractions:
    """Measure the volume fraction of each phase.

    Parameters
    ----------
    labels : Volume or array, shape (z, y, x)
        Label volume.
    voxel_size : float or 3 floats, optional
        Edge lengths of a voxel (z, y, x), if the volume does not state them.
    phases : sequence of int, optional
        Labels of the phases; all that occur when not given.
    mask : Volume or array, shape (z, y, x), optional
        Where phases are counted, for instance the specimen without the air around it.
    slab : float or str, default: 1
        Thickness of the slabs and rings of the profiles: voxels, or a length ("2um").
    band : 2 label volumes, optional
        The same volume segmented with the lowest and the highest threshold that are sensible: what the choice of the
        threshold does to the fractions.
    uncertainty : {"integral-range", "bootstrap", "none"}
        How the uncertainty is found: see Notes.
    confidence : float, default: 0.95
        Probability that the interval holds the true fraction.
    threads : int, optional
        How many threads; the answer does not depend on it.

    Returns
    -------
    PhaseFractions

    Raises
    ------
    InputError
        If these are no labels or more than 64 different ones, a phase does not occur, or an option is not usable.

    Notes
    -----
    Neighbouring voxels are no independent observations: the binomial error of their number is far too small.
    "integral-range" takes the volume over the integral range of the phase as the number of independent ones
    (`correlate_phase`), and Wilson's interval for them. "bootstrap" draws blocks of the volume (a quarter of each edge)
    anew, 2000 times from a fixed seed; it needs a volume many times larger than its features, else it finds too little.
    """
    _check(uncertainty, confidence)
    checked = check_labels(labels, voxel_size)
    inside = _NONE if mask is None else check_mask(mask, checked.data.shape)
    chosen = _phases(checked, phases)
    by_plane, by_column = _count(checked.data, inside, chosen, threads)
    totals = by_plane.sum(axis=0)
    voxels = int(totals.sum())
    fraction = totals[:-1] / voxels
    options: dict[str, Any] = {"mask": None if mask is None else inside, "threads": threads}
    if uncertainty == "bootstrap":
        error, low, high = _bootstrap(checked.data, inside, chosen, confidence)
    else:
        error = np.full(len(chosen), np.nan)
        if uncertainty == "integral-range":
            error = _errors(checked, chosen, fraction, options)
        low, high = _wilson(fraction, error, confidence)
    limits = None
    if band is not None:
        limits = _band(fraction, band, chosen, inside, checked.data.shape, threads)
    profiles = _profiles(by_plane, by_column, chosen, checked, slab)
    return PhaseFractions(chosen, fraction, error, low, high, limits, confidence, voxels, profiles, checked.unit)


def _check(uncertainty: str, confidence: float) -> None:
    """Say which option is not usable."""
    if uncertainty not in ("integral-range", "bootstrap", "none"):
        raise InputError(f'uncertainty must be "integral-range", "bootstrap" or "none", got {uncertainty!r}')
    if not 0 < confidence < 1:
        raise InputError(f"confidence must be between 0 and 1, got {confidence!r}: 0.95 is usual")


def _phases(labels: Labels, phases: Sequence[int] | None) -> tuple[int, ...]:
    """Return the labels of the phases, or say which does not occur."""
    present = present_labels(labels.data)
    if phases is None:
        if len(present) > MOST_PHASES:
            raise InputError(
                f"the volume holds {len(present)} different labels, which are particles rather than phases: "
                "name the phases, or use measure_particles"
            )
        return tuple(int(one) for one in present)
    if len(set(phases)) != len(phases):
        raise InputError(f"phases {list(phases)} names one of them twice: name each once")
    missing = [one for one in phases if one not in present]
    if missing or not len(phases):
        found = ", ".join(map(str, present[:10])) + (", ..." if len(present) > 10 else "")
        raise InputError(f"phases {missing or list(phases)} do not occur in the labels: these are {found}")
    return tuple(int(one) for one in phases)


def _count(
    data: NDArray[Any], inside: NDArray[np.uint8], phases: tuple[int, ...], threads: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the counts (z, phases + 1) and (y, x, phases + 1); the last phase is all others."""
    number = np.full(65536, len(phases), np.int32)
    number[list(phases)] = np.arange(len(phases))
    by_plane = np.zeros((len(data), len(phases) + 1), np.int64)
    bands = np.array_split(np.arange(data.shape[1]), min(data.shape[1], PLANES))

    def count(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        part = slice(rows[0], rows[-1] + 1)
        columns = np.zeros((len(rows), data.shape[2], len(phases) + 1), np.int64)
        planes = np.zeros_like(by_plane)
        count_phases(data[:, part], inside[:, part] if inside.size else inside, number, planes, columns)
        return planes, columns

    parts = run_blocks(count, bands, threads=threads)
    return np.sum([one for one, _ in parts], axis=0), np.concatenate([one for _, one in parts])


def _errors(
    labels: Labels, phases: tuple[int, ...], fraction: NDArray[np.float64], options: dict[str, Any]
) -> NDArray[np.float64]:
    """Return the standard error of each fraction by the integral range."""
    errors = np.full(len(phases), np.nan)
    for i, phase in enumerate(phases):
        if i == 1 and len(phases) == 2 and np.isclose(fraction.sum(), 1):
            errors[1] = errors[0]  # of two phases one is where the other is not
        elif 0 < fraction[i] < 1:
            found = correlate_phase(labels.data, phase=phase, voxel_size=labels.voxel_size, **options)
            errors[i] = found.standard_error
    return errors


def _wilson(
    fraction: NDArray[np.float64], error: NDArray[np.float64], confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Wilson's interval for as many independent observations as the standard error speaks of."""
    from scipy.special import ndtri

    z = ndtri(0.5 + confidence / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = error**2 / (fraction * (1 - fraction))  # 1 / number of independent observations
        middle = (fraction + z * z * inverse / 2) / (1 + z * z * inverse)
        half = z * np.sqrt(error**2 + (z * inverse / 2) ** 2) / (1 + z * z * inverse)
    return middle - half, middle + half


def _bootstrap(
    data: NDArray[Any], inside: NDArray[np.uint8], phases: tuple[int, ...], confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return standard error and percentiles over blocks that are drawn anew."""
    if min(data.shape) < 2 * BLOCKS:
        raise InputError(f"bootstrap needs {2 * BLOCKS} voxels along each axis, the volume has {data.shape}")
    cuts = [np.array_split(np.arange(n), BLOCKS) for n in data.shape]
    counts, sizes = [], []
    for z, y, x in ((z, y, x) for z in cuts[0] for y in cuts[1] for x in cuts[2]):
        box = (slice(z[0], z[-1] + 1), slice(y[0], y[-1] + 1), slice(x[0], x[-1] + 1))
        part = data[box][inside[box] != 0] if inside.size else data[box]
        counts.append([np.count_nonzero(part == phase) for phase in phases])
        sizes.append(part.size)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=DRAWS)
    total = drawn @ np.array(sizes)
    found = (drawn @ np.array(counts))[total > 0] / total[total > 0, None]
    tail = 50 * (1 - confidence)
    low, high = np.percentile(found, [tail, 100 - tail], axis=0)
    return found.std(axis=0, ddof=1), low, high


def _band(
    fraction: NDArray[np.float64], band: tuple[Any, Any], phases: tuple[int, ...],
    inside: NDArray[np.uint8], shape: tuple[int, ...], threads: int | None,
) -> NDArray[np.float64]:  # fmt: skip
    """Return the lowest and highest fraction over the segmentations."""
    if len(band) != 2:
        raise InputError(f"band must be 2 label volumes, of the lowest and the highest threshold, got {len(band)}")
    found = [fraction]
    for one in band:
        data = check_labels(one).data
        if data.shape != shape:
            raise InputError(f"a volume of band has shape {data.shape}, the labels {shape}: give one of the same shape")
        counts = _count(data, inside, phases, threads)[0].sum(axis=0)
        found.append(counts[:-1] / counts.sum())
    return np.stack([np.min(found, axis=0), np.max(found, axis=0)], axis=1)


def _profiles(
    by_plane: NDArray[np.int64],
    by_column: NDArray[np.int64],
    phases: tuple[int, ...],
    labels: Labels,
    slab: float | str,
) -> "dict[str, pd.DataFrame]":
    """Return the fractions in slabs along z, y, x and in rings about the axis along z."""
    length = parse_length(str(slab))
    known = labels.unit != "voxel"
    counts = {"z": by_plane, "y": by_column.sum(axis=1), "x": by_column.sum(axis=0)}
    profiles = {}
    for axis, size in zip("zyx", labels.voxel_size, strict=True):
        voxels = length.to_voxels(size if known else None, labels.unit if known else "um")
        if not voxels >= 1:
            raise InputError(f"slab must be 1 voxel at least, got {slab} = {voxels:g} voxels along {axis}")
        if voxels > max(labels.data.shape):
            raise InputError(f"a slab of {slab} = {voxels:g} voxels is thicker than the volume {labels.data.shape}")
        number = np.floor(np.arange(len(counts[axis])) / voxels + 1e-9).astype(np.int64)
        profiles[axis] = _profile(counts[axis], number, voxels * size, phases)
    dy, dx = labels.voxel_size[1:]
    width = max(dy, dx) * length.to_voxels(max(dy, dx) if known else None, labels.unit if known else "um")
    weight = by_column.sum(axis=2)
    y, x = np.ogrid[: weight.shape[0], : weight.shape[1]]
    centre_y, centre_x = (weight * y).sum() / weight.sum(), (weight * x).sum() / weight.sum()
    radius = np.hypot((y - centre_y) * dy, (x - centre_x) * dx)
    ring = np.floor(radius / width).astype(np.int64).ravel()
    counted = weight.ravel() > 0
    profiles["radial"] = _profile(by_column[weight > 0], ring[counted], width, phases)
    return profiles


def _profile(
    counts: NDArray[np.int64], number: NDArray[np.int64], width: float, phases: tuple[int, ...]
) -> "pd.DataFrame":
    """Sum counts (n, phases + 1) into the bins `number` (n,) and return a table of fractions."""
    import pandas as pd

    sums = np.stack([np.bincount(number, weights=one) for one in counts.T], axis=1)
    total = sums.sum(axis=1, keepdims=True)
    share = np.divide(sums, total, out=np.full(sums.shape, np.nan), where=total > 0)
    table = pd.DataFrame({"position": (np.arange(len(sums)) + 0.5) * width})
    return table.assign(**{str(phase): share[:, i] for i, phase in enumerate(phases)})
