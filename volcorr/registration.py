"""Rigid registration of two scans: how the specimen as a whole was moved and turned between them.

Both volumes are averaged to some 48 voxels an edge, and their contrast is made even, so that the surface of the
specimen does not outweigh its texture.

1. The correlation of the two at all shifts gives the shift; where that does not convince, it is tried for rotations on
   a regular grid.
2. Gauss-Newton steps refine shift, rotation and mean stretch together.
3. The aligned volumes are correlated at all shifts once more. The registration counts as found only if the highest peak
   is at no shift, far above the noise, and clearly above every other peak.
"""

import itertools
import logging
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import ndimage

from volcorr.alignment import Aligned, Frame, Motion, align, move_back
from volcorr.averaging import Averaged, choose_factor, shrink
from volcorr.local_contrast import even_contrast
from volcorr.masked_correlation import MaskedVolume, correlate_masked
from volio.blocks import run_blocks
from volio.errors import InputError
from volio.lazy import LazyArray
from volio.volume import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Registration", "register_averages", "register_rigid"]

logger = logging.getLogger(__name__)

#: Voxels of the averages on which the motion is refined, and of those on which it is searched.
FINE, COARSE = 48**3, 32**3
#: Shortest axis that is accepted, in voxels.
SMALLEST = 8
#: For the alignment, what is even is smoothed by this standard deviation, in averaged voxels.
SMOOTH = 0.7
#: Largest shift that is searched, as a part of each edge: half the volume, and some compression on top.
REACH = 0.56
#: Smallest overlap, as a part of the voxels of the reference. Half the volume along all three axes leaves 1/8.
OVERLAP = 0.06
#: Distance of the rotations that are tried, in degrees. None is further than 5.2 degrees from one of them: that moves
#: the voxels of a 24^3 average by 0.9 on average, from where Gauss-Newton steps find the way.
TURN = 6.0
#: Largest rotation that can be searched, in degrees.
LARGEST_TURN = 45.0
#: How many rotations are refined before one is chosen.
CANDIDATES = 6
#: Half edge of a peak, in averaged voxels.
PEAK = 3
#: Found: height of the peak over the noise. Noise alone reaches 5 to 6 in the 10^7 shifts and rotations of a search.
HEIGHT = 8.0
#: Found: height of the peak over the second highest. The outline of a pillar alone gives 1.0 to 1.15, at any shift
#: along it; with matching texture it is 2 to 4, and 10 to 30 where texture fills the volume.
DISTINCT = 1.3
#: Found: range of the mean stretches.
STRETCH = (0.75, 1.3)
#: Correlation from which no other rotation is tried. Aligned texture gives 0.9 at any noise; steps that stopped half
#: way to the rotation align no more than the middle, and give 0.2 to 0.4.
SURE = 0.6


@dataclass(frozen=True, eq=False)
class Registration:
    """The rigid motion between two scans: ``x = c + R (X - c) + t``, in voxels, with c the centre of the volume.

    Attributes
    ----------
    found : bool
        Whether the motion can be trusted. Where False, it is no more than the best guess.
    rotation : (3, 3) array
        R, components z, y, x.
    translation : (3,) array
        t: displacement of the centre of the reference.
    centre : (3,) array
        c: centre of the reference.
    stretch : (3, 3) array
        Mean stretch of the specimen (symmetric, 1 where it kept its length), fitted beside the rigid motion.
    middle : (3,) array
        Mean position of the voxels in common, where the rigid motion and the fit with stretch agree.
    cc : float
        Zero-normalised cross-correlation of what the aligned volumes have in common, -1 to 1, after averaging and
        with even contrast. Low where nothing was found.
    overlap : float
        Part of the reference (within its mask) that is compared.
    height : float
        Height of the peak of the correlation over its noise.
    distinctness : float
        The same, over the second highest peak.
    """

    found: bool
    rotation: "NDArray[np.float64]"
    translation: "NDArray[np.float64]"
    centre: "NDArray[np.float64]"
    stretch: "NDArray[np.float64]" = field(repr=False)
    middle: "NDArray[np.float64]" = field(repr=False)
    cc: float
    overlap: float
    height: float
    distinctness: float

    @property
    def rotation_vector(self) -> "NDArray[np.float64]":
        """Axis of the rotation (z, y, x) times its angle in degrees.

        Like z, y, x themselves: a positive rotation about z turns y towards x.
        """
        r = self.rotation
        axis = 0.5 * np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
        sine = float(np.linalg.norm(axis))
        angle = math.degrees(math.atan2(sine, 0.5 * (np.trace(r) - 1)))
        return np.asarray(axis * (angle / sine) if sine > 0 else np.zeros(3))

    @property
    def angle(self) -> float:
        """Angle of the rotation in degrees."""
        return float(np.linalg.norm(self.rotation_vector))

    def displacement(self, points: "NDArray[Any]") -> "NDArray[np.float64]":
        """Return the displacement (n, 3) of the specimen as a rigid body at points (n, 3), in voxels."""
        return self.parameters(points)[:, :, 0]

    def parameters(
        self, points: "NDArray[Any]", *, model: Literal["rigid", "affine"] = "rigid"
    ) -> "NDArray[np.float64]":
        """Return displacement and its gradient (n, 3, 4) at points (n, 3).

        Row a holds the displacement along axis a and its derivatives along z, y, x. ``"affine"`` includes the mean
        stretch.
        """
        offset = np.asarray(points, np.float64)
        gradient = self.rotation - np.eye(3)
        at = self.translation + gradient @ (self.middle - self.centre)
        if model == "affine":
            gradient = self.rotation @ self.stretch - np.eye(3)
        out = np.empty((len(offset), 3, 4))
        # spelled out: the answer for a point must not depend on how many there are
        out[:, :, 0] = at + sum((offset[:, b, None] - self.middle[b]) * gradient[:, b] for b in range(3))
        out[:, :, 1:] = gradient
        return out


def register_rigid(
    reference: "Volume | NDArray[Any]",
    deformed: "Volume | NDArray[Any]",
    *,
    mask: "Volume | NDArray[Any] | None" = None,
    max_rotation: float = 15.0,
    threads: int | None = None,
) -> Registration:
    """Find the rigid motion of the specimen between two scans, without a start value.

    Shifts of up to half the volume along each axis are searched together with rotations about any axis. The volumes
    are read once, slab by slab; voxels are taken as cubes.

    Parameters
    ----------
    reference, deformed : Volume or (z, y, x) array
        The two scans; may be lazy. NaN and infinite voxels do not count.
    mask : Volume or (z, y, x) array, optional
        The specimen in the reference (above zero); only there the scans are compared.
    max_rotation : float, default: 15
        Largest rotation that is searched, in degrees; at most 45.
    threads : int, optional
        Number of threads; the result does not depend on it.

    Returns
    -------
    Registration
        ``found`` is False where nothing convincing was found, for whatever reason.

    Raises
    ------
    InputError
        If the mask has another shape than the reference, the voxel sizes differ, an axis is too short, or max_rotation
        is out of range.
    """
    one, two = (v if isinstance(v, Volume) else Volume(np.asarray(v)) for v in (reference, deformed))
    if one.voxel_size and two.voxel_size and (one.unit != two.unit or not np.allclose(one.voxel_size, two.voxel_size)):
        raise InputError(
            f"the volumes have different voxel sizes: reference {one.voxel_size} {one.unit}, deformed "
            f"{two.voxel_size} {two.unit}; resample one of them, or state the true size"
        )
    for name, volume in (("reference", one), ("deformed", two)):
        if min(volume.shape) < SMALLEST:
            raise InputError(
                f"the {name} volume has the shape {volume.shape}: each axis needs {SMALLEST} voxels at least"
            )
    factor = choose_factor(one.shape, FINE)
    averages = [shrink(volume.data, factor, threads=threads) for volume in (one, two)]
    inside = None
    if mask is not None:
        data = mask.data if isinstance(mask, Volume) else np.asarray(mask)
        if tuple(data.shape) != one.shape:
            raise InputError(f"the mask has the shape {tuple(data.shape)}, the reference {one.shape}: make it on that")
        inside = shrink(LazyArray.wrap(data).map(lambda part: part > 0, bool), factor, threads=threads)
    return register_averages(*averages, mask=inside, max_rotation=max_rotation, threads=threads)


def register_averages(
    reference: Averaged,
    deformed: Averaged,
    *,
    mask: Averaged | None = None,
    max_rotation: float = 15.0,
    threads: int | None = None,
) -> Registration:
    """Find the rigid motion between two volumes of which there are averages already (see `register_rigid`).

    Parameters
    ----------
    reference, deformed : Averaged
        By the same factor, some 48 voxels an edge.
    mask : Averaged, optional
        Of the mask of the reference, 1 in the specimen: blocks that are at least half in it count.
    max_rotation, threads
        As for `register_rigid`.

    Raises
    ------
    InputError
        If the averages do not match each other, or max_rotation is out of range.
    """
    if not 0 <= max_rotation <= LARGEST_TURN:
        raise InputError(f"max_rotation must be between 0 and {LARGEST_TURN:g} degrees, got {max_rotation}")
    if reference.factor != deformed.factor:
        raise InputError(f"the averages have different factors: {reference.factor} and {deformed.factor}")
    even = run_blocks(even_contrast, [reference, deformed], threads=threads)
    fine = coarse = _Pair.prepare(even[0], even[1], mask=mask, threads=threads)
    step = choose_factor(reference.values.shape, COARSE)
    if step != (1, 1, 1):
        # evened before as well: the average of a narrow surface is narrow
        one, two = (even_contrast(shrink(volume, step)) for volume in even)
        coarse = _Pair.prepare(one, two, mask=None if mask is None else shrink(mask, step), threads=threads)
    for rotations in ([np.eye(3)], _rotations(max_rotation)):
        aligned, check = coarse.search(rotations, threads)
        found = _convinces(aligned, check, max_rotation)
        if found:
            finer = fine.align(aligned.motion, steps=12, tolerance=0.01, threads=threads)
            aligned = finer if _plausible(finer, max_rotation) else aligned
        if max_rotation == 0 or (found and aligned.cc >= SURE):
            break
    logger.info("rigid registration: %s, height %.1f, distinctness %.2f", found, check.height, check.distinctness)
    return _describe(aligned, check, found=found, pair=fine if found else coarse, full=reference)


@dataclass(frozen=True, eq=False)
class _Check:
    """The highest peak of a correlation: where it is, over the noise, over the second highest."""

    shift: "NDArray[np.int64]"
    score: float
    height: float
    distinctness: float


@dataclass(frozen=True, eq=False)
class _Pair:
    """Averages of both volumes with even contrast, and smooth for the alignment; the mask is in the weights."""

    reference: MaskedVolume
    deformed: MaskedVolume
    smooth_reference: MaskedVolume
    smooth_deformed: MaskedVolume
    frame: Frame

    @classmethod
    def prepare(cls, reference: Averaged, deformed: Averaged, *, mask: Averaged | None, threads: int | None) -> "_Pair":
        inside = reference.weights if mask is None else reference.weights * (mask.values * mask.weights >= 0.5)
        one, two = MaskedVolume(reference.values, inside), MaskedVolume(deformed.values, deformed.weights)

        def smooth(volume: MaskedVolume) -> MaskedVolume:
            return replace(volume, values=ndimage.gaussian_filter(volume.values, SMOOTH, truncate=3))

        first, second = run_blocks(smooth, [one, two], threads=threads)
        return cls(one, two, first, second, Frame(np.asarray(reference.factor, np.float64), reference.centre))

    def align(self, start: Motion, *, steps: int, tolerance: float, threads: int | None) -> Aligned:
        """Refine a motion on the smooth volumes.

        Without smoothing the grid of the averages, which stays where it is, pulls rotations towards zero.
        """
        return align(
            self.smooth_reference,
            self.smooth_deformed,
            start,
            self.frame,
            steps=steps,
            tolerance=tolerance,
            threads=threads,
        )

    def search(self, rotations: "list[NDArray[np.float64]]", threads: int | None) -> tuple[Aligned, _Check]:
        """Try all shifts of each rotation, refine the best, and correlate once more what it aligns."""

        def shift(rotation: "NDArray[np.float64]") -> tuple[float, Motion]:
            peak = self.peak(Motion(rotation, np.zeros(3)))
            return peak.score, Motion(rotation, rotation @ (peak.shift * self.frame.factor))

        def refine(motion: Motion) -> Aligned:
            return self.align(motion, steps=20, tolerance=0.05, threads=1)

        ranked = sorted(run_blocks(shift, rotations, threads=threads), key=lambda scored: -scored[0])
        refined = run_blocks(refine, [motion for _, motion in ranked[:CANDIDATES]], threads=threads)
        best = max(refined, key=lambda aligned: float(_score(np.asarray(aligned.cc), np.asarray(aligned.overlap))))
        return best, self.peak(best.motion)

    def peak(self, motion: Motion) -> _Check:
        """Correlate the reference with the moved-back volume at all shifts, and look for peaks."""
        shape = self.reference.values.shape
        moved = move_back(self.deformed, motion, self.frame, shape)
        z, y, x = (min(math.ceil(REACH * n), n - 1) for n in shape)
        cc, overlap = correlate_masked(self.reference, moved, (z, y, x))
        enough = overlap >= max(OVERLAP * float(self.reference.weights.sum(dtype=np.float64)), 1.0)
        score = np.where(enough, _score(cc, overlap), 0)
        if not score.any():
            return _Check(np.zeros(3, np.int64), 0.0, 0.0, 0.0)
        at = np.array(np.unravel_index(score.argmax(), score.shape))
        top = float(score[tuple(at)])
        noise = 1.4826 * float(np.median(np.abs(score[enough])))
        score[tuple(slice(max(k - PEAK, 0), k + PEAK + 1) for k in at)] = 0
        return _Check(at - (z, y, x), top, top / max(noise, 1e-30), top / max(float(score.max()), 1e-30))


def _score(cc: "NDArray[Any]", overlap: "NDArray[Any]") -> "NDArray[np.float64]":
    """Return Fisher's z over its standard error: correlations of noise spread alike at any overlap."""
    return np.asarray(np.arctanh(np.clip(cc, -0.9999, 0.9999)) * np.sqrt(overlap))


def _rotations(largest: float) -> "list[NDArray[np.float64]]":
    """Return rotation matrices whose vectors lie on a cubic grid, up to half a diagonal beyond the largest angle."""
    limit = largest + TURN / 2
    steps = range(-math.floor(limit / TURN), math.floor(limit / TURN) + 1)
    vectors = [TURN * np.array(grid, np.float64) for grid in itertools.product(steps, repeat=3)]
    return [_turn(vector) for vector in vectors if np.linalg.norm(vector) <= limit]


def _turn(vector: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Return the matrix of a rotation vector in degrees (O. Rodrigues, 1840)."""
    angle = math.radians(float(np.linalg.norm(vector)))
    if angle == 0:
        return np.eye(3)
    z, y, x = np.radians(vector) / angle
    cross = np.array([[0, -x, y], [x, 0, -z], [-y, z, 0]])
    turn: NDArray[np.float64] = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    return turn


def _polar(deformation: "NDArray[np.float64]") -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Split a deformation gradient into rotation and stretch: F = R U."""
    left, stretches, right = np.linalg.svd(deformation)
    return np.asarray(left @ right), np.asarray(right.T * stretches @ right)


def _plausible(aligned: Aligned, max_rotation: float) -> bool:
    left, stretches, right = np.linalg.svd(aligned.motion.deformation)
    cosine = 0.5 * (np.trace(left @ right) - 1)
    return bool(
        np.linalg.det(left @ right) > 0
        and STRETCH[0] <= stretches.min() <= stretches.max() <= STRETCH[1]
        and cosine >= math.cos(math.radians(max_rotation + TURN))
    )


def _convinces(aligned: Aligned, check: _Check, max_rotation: float) -> bool:
    """Tell whether the aligned volumes have one peak, high and alone, and a motion that can be."""
    at_rest = bool(np.abs(check.shift).max() <= 1)
    return at_rest and check.height >= HEIGHT and check.distinctness >= DISTINCT and _plausible(aligned, max_rotation)


def _describe(aligned: Aligned, check: _Check, *, found: bool, pair: _Pair, full: Averaged) -> Registration:
    rotation, stretch = _polar(aligned.motion.deformation)
    centre = (np.asarray(full.shape) - 1) / 2
    shift = aligned.motion.shift + (aligned.motion.deformation - rotation) @ aligned.middle
    count = max(float(pair.reference.weights.sum(dtype=np.float64)), 1.0)
    return Registration(
        found=found,
        rotation=rotation,
        translation=shift,
        centre=centre,
        stretch=stretch,
        middle=centre + aligned.middle,
        cc=aligned.cc,
        overlap=min(aligned.overlap / count, 1.0),
        height=check.height,
        distinctness=check.distinctness,
    )
