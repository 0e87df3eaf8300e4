"""How good a scan and its reconstruction are: one number for each question, and the curves behind them.

The scan is reconstructed twice, of its even and of its odd projections: what the two share is signal, what they do not
is noise.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from recon.fourier_correlation import (
    FourierCorrelation,
    check_pair,
    fourier_ring_correlation,
    fourier_shell_correlation,
)
from recon.missing_wedge import MissingWedge, find_missing_wedge, measure_axis_ratio, measure_common_power
from recon.ring_strength import RingStrength, measure_rings
from recon.scan import Scan
from volio import default_threads
from volio.errors import InputError

__all__ = ["ScanQuality", "VolumeQuality", "compare_halves", "measure_quality"]

Floats = npt.NDArray[np.float64]

#: Rows beyond those of the slices, which corrections and interpolation look at.
_HALO: Final = 4
#: Fewest slices and projections that say something.
_FEWEST_SLICES, _FEWEST_ANGLES = 16, 16
_NOISE_PROJECTIONS: Final = 32


@dataclass(frozen=True, eq=False)
class VolumeQuality:
    """What two reconstructions of the same specimen say about the one made of all projections.

    Lengths are in `unit`, grey values are attenuations as in the volume.

    Attributes
    ----------
    resolution : float
        Smallest detail by the half-bit criterion, as a full period; two voxels is the finest there is.
    resolution_seventh : float
        The same where the correlation of the halves falls to 1/7.
    resolution_across, resolution_along : float
        Half-bit resolution in the slices, within 45 degrees of the direction that was measured best, and of the
        middle of the missing wedge.
    axis_ratio : float
        By how much coarser the volume is along the missing wedge than across it.
    noise : float
        Standard deviation of the noise of the volume made of all projections.
    contrast : float
        Standard deviation of the signal.
    sharpness : float
        Root mean square frequency of the signal in the slices, in cycles per voxel: blur makes it less.
    ring_strength : float
        Root mean square of the rings.
    unit : str
        Unit of the resolutions; "voxel" if the size of the voxels is not known.
    voxel_size : float
        Edge of a voxel in `unit`.
    shells, across, along : FourierCorrelation
        The curves of the three resolutions.
    rings : RingStrength
        Rings against the distance from the axis.
    slices : FourierCorrelation
        Over all directions in the slices: what sharpness is made of.
    common_power : (y, x) float64 array
        See `recon.missing_wedge.measure_common_power`: what the axis ratio is made of.
    image, noise_image : (y, x) float32 arrays
        The middle slice of the mean of both halves, and of half their difference, which is its noise.
    """

    resolution: float
    resolution_seventh: float
    resolution_across: float
    resolution_along: float
    axis_ratio: float
    noise: float
    contrast: float
    sharpness: float
    ring_strength: float
    unit: str
    voxel_size: float
    shells: FourierCorrelation
    across: FourierCorrelation
    along: FourierCorrelation
    rings: RingStrength
    slices: FourierCorrelation
    common_power: Floats
    image: npt.NDArray[np.float32]
    noise_image: npt.NDArray[np.float32]

    @property
    def value_unit(self) -> str:
        """Unit of the attenuation: "1/um", or "1/voxel" where the size of the voxels is not known."""
        return f"1/{self.unit}"

    @property
    def contrast_to_noise(self) -> float:
        """Contrast over noise."""
        return self.contrast / self.noise if self.noise > 0 else math.inf


@dataclass(frozen=True, eq=False)
class ScanQuality:
    """How good a scan is.

    Attributes
    ----------
    volume : VolumeQuality
        Of its reconstruction.
    wedge : MissingWedge
        Directions that its angles leave out, and the axis ratio to be expected of them.
    projection_noise : float
        Standard deviation of the noise of a line integral, median over the projections.
    transmission : float
        Median part of the beam that passes through the specimen.
    sampling : float
        Projections over those needed for full resolution at the rim (Crowther; pi/2 times the columns for half a
        turn): below 1 the rim is coarser than the middle.
    """

    volume: VolumeQuality
    wedge: MissingWedge
    projection_noise: float
    transmission: float
    sampling: float


def measure_quality(
    scan: Scan, *, center: float | None = None, slices: int = 64, threads: int | None = None, **options: Any
) -> ScanQuality:
    """Measure the quality of a scan and of its reconstruction.

    Parameters
    ----------
    scan : Scan
        Line integrals; a scan with flats is corrected first, with the defaults of `recon.correct_scan`.
    center : float, optional
        Column of the rotation axis; that of the scan when not given, else it is searched for.
    slices : int, default: 64
        How many slices in the middle are reconstructed, at most.
    threads : int, optional
        How many compute. The answer does not depend on it.
    **options
        For `recon.reconstruct`: filter, cutoff, tilt ...; judge a volume with the options it was made with.

    Returns
    -------
    ScanQuality

    Raises
    ------
    InputError
        If there are fewer than 16 slices or projections, or as `recon.reconstruct`.
    """
    from recon.reconstruction import reconstruct

    count = default_threads() if threads is None else threads
    lines, part = _middle_rows(scan, slices, options)
    if lines.flats is not None:
        from recon.scan_correction import correct_scan

        lines = correct_scan(lines, threads=count)
    lines = replace(lines, center=_axis(lines, center, count))
    # neighbours in angle go to different halves, in whatever order they were taken
    order = np.argsort(lines.angles, kind="stable")
    halves = [
        reconstruct(lines.crop(angles=np.sort(order[k::2])), slices=part, threads=count, progress=False, **options)
        for k in (0, 1)
    ]
    voxel = None if halves[0].voxel_size is None else halves[0].voxel_size[0]
    wedge = find_missing_wedge(lines.angles)
    volume = compare_halves(
        np.asarray(halves[0].data), np.asarray(halves[1].data), angles=lines.angles, voxel_size=voxel, unit=lines.unit
    )
    noise, transmission = _projections(lines)
    needed = 0.5 * lines.columns * (np.pi - wedge.width)
    return ScanQuality(volume, wedge, noise, transmission, float(lines.n_angles / needed))


def compare_halves(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    angles: npt.ArrayLike,
    voxel_size: float | None = None,
    unit: str = "um",
) -> VolumeQuality:
    """Measure the quality of a volume of which there are two halves, each made of half of the projections.

    Parameters
    ----------
    first, second : array, shape (z, y, x)
        The halves; the rotation axis is in the middle of the slices. 16 slices or more.
    angles : array, shape (angles,)
        Of all projections, in radians.
    voxel_size : float, optional
        Edge of a voxel in `unit`; lengths are in voxels when not given.
    unit : str
        Unit of length.

    Returns
    -------
    VolumeQuality

    Raises
    ------
    InputError
        As `fourier_shell_correlation` and `measure_rings`.
    """
    size = 1.0 if voxel_size is None else float(voxel_size)
    one, other = check_pair(first, second, slices=_FEWEST_SLICES)
    direction = find_missing_wedge(angles).direction
    shells = fourier_shell_correlation(one, other, voxel_size=size)
    across, along = (
        fourier_ring_correlation(one, other, direction=direction + turn, voxel_size=size) for turn in (np.pi / 2, 0)
    )
    slices = fourier_ring_correlation(one, other, voxel_size=size)
    power = measure_common_power(one, other)
    mean = 0.5 * (one + other)
    rings = measure_rings(mean, angles=angles)
    noise, contrast = _noise_and_contrast(one, other)
    limit = size / shells.resolution if math.isfinite(shells.resolution) else 0.5
    middle = len(one) // 2
    return VolumeQuality(
        resolution=shells.resolution,
        resolution_seventh=shells.resolution_seventh,
        resolution_across=across.resolution,
        resolution_along=along.resolution,
        axis_ratio=measure_axis_ratio(power, direction=direction, cutoff=limit),
        noise=noise,
        contrast=contrast,
        sharpness=_sharpness(slices, limit),
        ring_strength=rings.strength,
        unit="voxel" if voxel_size is None else unit,
        voxel_size=size,
        shells=shells,
        across=across,
        along=along,
        rings=rings,
        slices=slices,
        common_power=power,
        image=mean[middle],
        noise_image=0.5 * (one[middle] - other[middle]),
    )


def _middle_rows(scan: Scan, slices: int, options: Mapping[str, Any]) -> tuple[Scan, tuple[int, int]]:
    """Return the detector rows that the slices in the middle are made of, and which slices of theirs these are.

    The same rows are left out above and below, so that the middle of the detector stays where it is.
    """
    step = float(options.get("voxel_size") or scan.pixel_size or 1.0) / (scan.pixel_size or 1.0)
    number = min(slices, round(scan.rows / step))
    if number < _FEWEST_SLICES or scan.n_angles < _FEWEST_ANGLES:
        raise InputError(
            f"quality needs {_FEWEST_SLICES} slices and {_FEWEST_ANGLES} projections or more, got "
            f"{number} and {scan.n_angles}"
        )
    moved = 0.0 if scan.shifts is None else float(np.abs(scan.shifts[:, 0]).max())
    halo = _HALO + math.ceil(moved + abs(float(options.get("tilt", 0.0))) * scan.columns)
    margin = max(math.floor(0.5 * (scan.rows - number * step)) - halo, 0)
    kept = scan.crop(rows=(margin, scan.rows - margin))
    start = (round(kept.rows / step) - number) // 2
    return kept, (start, start + number)


def _axis(scan: Scan, center: float | None, threads: int) -> float:
    """Return the column of the axis: one for both halves."""
    if center is not None:
        return float(center)
    if scan.center is not None:
        return scan.center
    from recon.axis import find_axis

    return find_axis(scan.projections, scan.angles, threads=threads).center


def _noise_and_contrast(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Return standard deviations of the noise of the mean of both and of what both share, within the cylinder."""
    places = [2.0 * (np.arange(n) - 0.5 * (n - 1)) / n for n in first.shape[1:]]
    inside = places[0][:, None] ** 2 + places[1] ** 2 < 0.9**2
    one, other = (volume[:, inside].astype(np.float64) for volume in (first, second))
    covariance = np.mean((one - one.mean()) * (other - other.mean()))
    return float(0.5 * np.std(one - other)), float(np.sqrt(max(covariance, 0.0)))


def _sharpness(rings: FourierCorrelation, cutoff: float) -> float:
    """Return the root mean square frequency of what both share, up to a cutoff."""
    kept = rings.frequencies <= cutoff
    # per ring: what is common of all its coefficients
    power = np.maximum(rings.common[kept], 0.0)
    total = float(power.sum())
    return float(np.sqrt(np.sum(power * rings.frequencies[kept] ** 2) / total)) if total > 0 else math.nan


def _projections(scan: Scan) -> tuple[float, float]:
    """Return the noise of line integrals, and the transmission.

    Noise by the second difference along rows and columns at once, which sees little of a smooth image (Immerkaer,
    doi:10.1006/cviu.1996.0060); its median, as edges and zingers are outliers.
    """
    noises, levels = [], []
    for k in np.unique(np.linspace(0, scan.n_angles - 1, min(_NOISE_PROJECTIONS, scan.n_angles)).astype(int)):
        image = np.asarray(scan.projections[k : k + 1], np.float64)[0]
        bend = np.diff(np.diff(image, 2, axis=0), 2, axis=1) / 6.0
        noises.append(1.4826 * float(np.median(np.abs(bend - np.median(bend)))))
        levels.append(float(np.median(image)))
    return float(np.median(noises)), float(np.exp(-np.median(levels)))
