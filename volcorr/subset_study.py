"""Study which size of subset suits a pair: correlation, noise and resolution of several sizes at the same points."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from volcorr.grid import MIN_SUBSET, LengthLike, Roi, resolve_lengths, resolve_spacing, resolve_subset
from volcorr.resolution import Shape
from volcorr.sparse_points import spread_points
from volcorr.subset_choice import Target, choose_subset
from volcorr.subset_evaluation import STRAIN_FLOOR, Measured, Planned, evaluate_sizes, extract
from volcorr.subset_result import SubsetStudy
from volio.errors import InputError
from volio.progress import Progress
from volio.units import parse_length
from volio.volume import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["study_subsets"]

logger = logging.getLogger(__name__)

Triple = tuple[int, int, int]
Lengths = LengthLike | Sequence[LengthLike]

#: Sizes that are tried when none are given: in micrometres where the voxel size is known, else in voxels.
SIZES_UM: Final = (16, 14, 12, 10, 8, 6, 4)
SIZES_VOXELS: Final = (65, 49, 37, 29, 21, 17, 13, 11, 9)
#: Most sizes of the second kind.
MOST: Final = 7
#: Part of the mean strain of the pair that the noise of a strain may have.
TENTH: Final = 0.1


def study_subsets(
    reference: "Volume | NDArray[Any]",
    deformed: "Volume | NDArray[Any]",
    *,
    sizes: str | Sequence[Lengths] | None = None,
    repeat: "Volume | NDArray[Any] | None" = None,
    spacing: Lengths | None = None,
    strain_window: int = 3,
    mask: "Volume | NDArray[Any] | None" = None,
    roi: Roi | None = None,
    points: int = 500,
    shape: Shape = "affine",
    detail: LengthLike | None = None,
    min_valid: float = 0.95,
    max_strain_noise: float | None = None,
    progress: bool = True,
    **options: Any,
) -> SubsetStudy:
    """Correlate a pair with several sizes of subset, and recommend one.

    Every size is correlated at the same points: a coarse regular grid on which the largest subset fits everywhere,
    without those points where it leaves the mask or its match leaves the deformed volume. To judge all sizes on the
    same material, correlation and noise are taken over the points that are valid at every usable size, one at which
    at least half of the points are valid; other sizes are judged on their own valid points.

    Parameters
    ----------
    reference, deformed : Volume or (z, y, x) array
        The scan before and after the load. With plain arrays every length is in voxels.
    sizes : sequence of sizes, or str, optional
        Edges to try, each in voxels (``33``) or physical (``"8um"``), or three of them along z, y, x; or a text of
        them with commas between, such as ``"16um,12um,8um"``. When not given, 16, 14, ... 4 micrometres as far as
        these are at least 9 voxels and at most half of the volume; where fewer than three are, or the voxel size is
        not known, 65, 49, 37, 29, 21, 17, 13 voxels as far as they are at most half of the volume.
    repeat : Volume or (z, y, x) array, optional
        A second scan of the unloaded sample. The scatter of the displacement between `reference` and it, without its
        rigid motion, is then the noise; without it, the uncertainty that `correlate` states is.
    spacing : int, str, or three of them, optional
        Distance between points in the measurement that is planned: it sets noise and resolution of the strain. Half
        of each subset when not given.
    strain_window : int, default: 3
        Points of the strain window along each axis in that measurement.
    mask : Volume or (z, y, x) array, optional
        The specimen in the reference (above zero).
    roi : three pairs of ints, optional
        Half-open voxel ranges along z, y, x of the reference in which the points lie.
    points : int, default: 500
        Most points to correlate with each size.
    shape : {"affine", "translation", "rigid", "quadratic"}
        What a subset can follow (an option of `volcorr.correlate`).
    detail : int or str, optional
        Period of the finest wave of strain that matters: the size with the least total error of it is recommended,
        for a wave as high as the mean strain of the pair.
    min_valid : float, default: 0.95
        Part of the points that must be valid for a size to be recommended.
    max_strain_noise : float, optional
        Noise of a strain that can be accepted. A tenth of the mean strain of the pair when not given, that strain
        being taken as at least 0.5 %.
    progress : bool, default: True
        Show progress by size.
    **options
        Further options of `volcorr.correlate`.

    Returns
    -------
    SubsetStudy
        What was measured for each size, the recommended one, and the reason.

    Raises
    ------
    InputError
        If a size is below 9 voxels or does not fit into the volume, or an option is out of range.
    """
    ref, dfm = _as_volume(reference, "reference"), _as_volume(deformed, "deformed")
    stated = ref if ref.voxel_size is not None else dfm
    scale: dict[str, Any] = {"voxel_size": stated.voxel_size, "unit": stated.unit}
    _check_options(strain_window, min_valid, max_strain_noise)
    subsets = _resolve_sizes(sizes, ref.shape, scale)
    inside = None if mask is None else _read_mask(_as_volume(mask, "mask"), ref.shape)
    again = None if repeat is None else _as_volume(repeat, "repeat")
    if again is not None and again.shape != ref.shape:
        raise InputError(f"the repeat scan has the shape {again.shape}, the reference {ref.shape}: they must be equal")
    z, y, x = (max(subset[axis] for subset in subsets) for axis in range(3))
    box, step = spread_points(ref.shape, subset=(z, y, x), points=points, roi=roi, mask=inside)
    if shape != "affine":
        options["shape"] = shape
    options |= {"spacing": step, "roi": box, "mask": inside, "progress": False}
    plan: dict[str, Any] = {
        "window": (strain_window,) * 3,
        "shape": shape,
        "voxel_size": stated.voxel_size or (1.0, 1.0, 1.0),
        "detail": None if detail is None else resolve_lengths([detail] * 3, name="detail", **scale),
        "extent": _count_voxels(ref.shape, roi, inside),
    }
    plans, measured, repeats = [], [], []
    _warm_up(options.get("threads"))
    with Progress(len(subsets), unit="sizes", label="studying") if progress else nullcontext() as bar:
        for subset in subsets:
            found, seconds, refining = _measure(ref, dfm, subset, options)
            measured.append(found)
            repeats.append(None if again is None else _measure(ref, again, subset, options, still=True)[0])
            apart = _resolve_step(spacing, subset, scale)
            plans.append(Planned(subset=subset, spacing=apart, seconds=seconds, refining=refining, **plan))
            if bar is not None:
                bar.update()
    rows, used, strain = evaluate_sizes(plans, measured, repeats)
    limit = max_strain_noise or TENTH * max(strain, STRAIN_FLOOR)
    unit = "voxel" if stated.voxel_size is None else stated.unit
    target = Target(
        min_valid=min_valid,
        strain_noise=limit,
        strain=strain if max_strain_noise is None else None,
        detail=None if detail is None else str(parse_length(detail)),
        amplitude=max(strain, STRAIN_FLOOR),
    )
    chosen, reason = choose_subset(rows, target, unit=unit)
    return SubsetStudy(
        sizes=rows,
        chosen=chosen,
        reason=reason,
        unit=unit,
        voxel_size=stated.voxel_size,
        reference=ref.name,
        deformed=dfm.name,
        points=used,
        study_spacing=step,
        shape=shape,
        strain_window=plan["window"],
        strain=strain,
        strain_noise_limit=limit,
        min_valid=min_valid,
        detail=target.detail,
    )


def _as_volume(value: "Volume | NDArray[Any]", name: str) -> Volume:
    return value if isinstance(value, Volume) else Volume(np.asarray(value), name=name)


def _check_options(strain_window: int, min_valid: float, max_strain_noise: float | None) -> None:
    if strain_window < 3 or strain_window % 2 == 0:
        raise InputError(f"strain_window must be an odd number of points >= 3, got {strain_window}")
    if not 0 < min_valid <= 1:
        raise InputError(f"min_valid must be above 0 and at most 1, got {min_valid}; use for example 0.95")
    if max_strain_noise is not None and not max_strain_noise > 0:
        raise InputError(f"max_strain_noise must be above zero, got {max_strain_noise}; use for example 0.001")


def _resolve_sizes(sizes: str | Sequence[Lengths] | None, shape: Triple, scale: dict[str, Any]) -> list[Triple]:
    """Return the subsets in voxels, from the largest to the smallest, each once."""
    if sizes is None:
        subsets = _default_sizes(shape, scale)
    else:
        items = sizes.split(",") if isinstance(sizes, str) else sizes
        subsets = [resolve_subset(size, **scale) for size in items]
    if not subsets:
        raise InputError("sizes names no size: give for example 33,25,17 (voxels) or 16um,12um,8um")
    return sorted(set(subsets), key=lambda subset: (np.prod(subset), subset), reverse=True)


def _default_sizes(shape: Triple, scale: dict[str, Any]) -> list[Triple]:
    """Return sizes of which each fits into the volume twice."""
    most = max(min(shape) // 2, MIN_SUBSET)
    if scale["voxel_size"] is not None:
        lengths = [resolve_lengths(f"{size}um", name="sizes", **scale) for size in SIZES_UM]
        fit = [resolve_subset(size) for size in lengths if min(size) >= MIN_SUBSET and max(size) <= most]
        if len(set(fit)) >= 3:
            return fit
    return [(size, size, size) for size in SIZES_VOXELS if size <= most][:MOST]


def _read_mask(mask: Volume, shape: Triple) -> "NDArray[np.bool_]":
    if mask.shape != shape:
        raise InputError(f"the mask has the shape {mask.shape}, the volumes {shape}: make the mask on the reference")
    return np.asarray(np.asarray(mask.data[:]) > 0)


def _count_voxels(shape: Triple, roi: Roi | None, inside: "NDArray[np.bool_] | None") -> int:
    """Count the voxels of the region, or of the mask in it."""
    box = tuple(slice(*pair) for pair in roi or [(0, n) for n in shape])
    if inside is not None:
        return int(inside[box].sum())
    return int(np.prod([part.stop - part.start for part in box]))


def _resolve_step(spacing: Lengths | None, subset: Triple, scale: dict[str, Any]) -> Triple:
    """Return the spacing of the planned measurement: the given one, or half of the subset."""
    if spacing is not None:
        return resolve_spacing(spacing, **scale)
    z, y, x = (edge // 2 for edge in subset)
    return z, y, x


def _measure(
    reference: Volume, other: "Volume | NDArray[Any]", subset: Triple, options: dict[str, Any], *, still: bool = False
) -> tuple[Measured, float, float]:
    """Correlate with one size; return what was found, and the seconds of it all and of the refinement."""
    from volcorr.correlation import correlate

    seconds: dict[str, float] = {}
    begin = time.perf_counter()
    with _calm():
        fields = correlate(reference, other, subset_size=subset, timings=seconds, **options)
    total = time.perf_counter() - begin
    found = extract(fields, still=still)
    size = subset[0] if len(set(subset)) == 1 else " x ".join(map(str, subset))
    what = "repeat scan, " if still else ""
    logger.info("%ssubset %s: %d of %d points valid, %.1f s", what, size, found.valid.sum(), found.valid.size, total)
    return found, total, seconds.get("refinement", total)


def _warm_up(threads: int | None) -> None:
    """Load the compiled kernels, so that no size is charged with it."""
    from volcorr.correlation import correlate

    noise = np.random.default_rng(0).random((24, 24, 24))
    with _calm():
        correlate(noise, noise, subset_size=MIN_SUBSET, spacing=8, threads=threads, progress=False)


@contextmanager
def _calm() -> Iterator[None]:
    """Hold back what a single correlation logs of its stages; warnings are still told."""
    log = logging.getLogger("volcorr")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)
