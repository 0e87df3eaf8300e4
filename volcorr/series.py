"""Correlation of a compression series: the displacement of the same material points at every load step."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import numpy as np

from volcorr.composition import compose
from volcorr.correlation import correlate
from volcorr.fields import DISPLACEMENT, SIGMA, Status, check_fields, is_series, valid_points
from volcorr.moved_region import moved_mask, moved_roi
from volcorr.steps import OWN, each_step, stack_steps
from volio.errors import InputError, VolcorrError
from volio.volume import Volume

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from volcorr.grid import Roi
    from volio.checkpoint import Checkpoint

    Checkpoints = Callable[[int, int], Checkpoint | None]

__all__ = ["Labels", "Reference", "SeriesStopped", "correlate_series", "incremental"]

#: Which volume a step is correlated against.
Reference = Literal["first", "previous", "auto"]
#: What was measured at each step: name -> values, or name -> (values, unit).
Labels = Mapping[str, Sequence[float] | tuple[Sequence[float], str]]

#: Options of `volcorr.correlate` that belong to one pair of volumes.
_OF_ONE_PAIR: Final = ("deformed_mask", "checkpoint")
_VARIABLES: Final = (*DISPLACEMENT, *SIGMA, "cc", "iterations", "status")

logger = logging.getLogger(__name__)


class SeriesStopped(InputError):
    """A step of a series could not be measured.

    Attributes
    ----------
    finished : xarray.Dataset or None
        The series of the steps before it; None when it was the first.
    """

    finished: "xr.Dataset | None" = None


def correlate_series(
    volumes: "Sequence[Volume | NDArray[Any]]",
    *,
    reference: Reference = "first",
    min_series_cc: float = 0.85,
    steps: Labels | None = None,
    on_step: "Callable[[xr.Dataset], object] | None" = None,
    mask: "Volume | NDArray[Any] | None" = None,
    roi: "Roi | None" = None,
    timings: dict[str, float] | None = None,
    checkpoints: "Checkpoints | None" = None,
    **options: Any,
) -> "xr.Dataset":
    """Measure the displacement of the points of the first volume in every later volume of a series.

    Parameters
    ----------
    volumes : sequence of Volume or (z, y, x) arrays
        The scans in the order of the load, two at least, of one shape and voxel size; those on disk stay there, and
        no more than two are in memory at once.
    reference : {"first", "previous", "auto"}
        What each volume is correlated against. "first": the first, which gives the total displacement directly and
        with the least uncertainty, as long as the material can be recognised. "previous": the one before; the
        increments are composed (`volcorr.composition.compose`), and their uncertainties add up. "auto": the first,
        and from where that no longer holds, the last volume for which it did, and so on.
    min_series_cc : float, default: 0.85
        For "auto": a correlation no longer holds when its quality is below this part of the quality that the first
        step on the same reference had. The quality is the mean ZNCC of the points, 0 for each that was lost. The new
        reference is used only if it gives the step a better quality.
    steps : mapping, optional
        What was measured at each step beside the scan, such as ``{"force": ([0.2, 0.4, 0.8], "mN")}``: one value for
        each volume after the first, with a unit or without.
    on_step : callable, optional
        Is given the field of each step as soon as it is finished, see `volcorr.steps.save_step`.
    mask : Volume or (z, y, x) array, optional
        The specimen in the first volume. In later volumes it is where the points have moved to.
    roi : three pairs of ints, optional
        Half-open voxel ranges z, y, x of the first volume in which the points lie.
    timings : dict, optional
        Is filled with the seconds spent in each stage, all steps together.
    checkpoints : callable, optional
        ``checkpoints(first, second)`` gives the `volio.Checkpoint` that keeps finished blocks of a pair of volumes, by
        their numbers.
    **options
        Passed on to `volcorr.correlate`: ``subset_size``, ``spacing``, ``search`` and others, the same for all steps.

    Returns
    -------
    xarray.Dataset
        The series with dimensions (step, z, y, x): a field for each volume after the first, all at the material points
        of the first volume. Coordinates along ``step``: ``step`` from 1, ``step_name``, ``reference_step`` (the number
        of the volume that it was correlated against, 0 for the first), and the labels of `steps`.

    Raises
    ------
    InputError
        If the volumes do not match each other, or an option is not allowed.
    SeriesStopped
        If a step cannot be measured; its ``finished`` holds the steps before it. It is an InputError.

    Notes
    -----
    A point that is lost in one step of "first" may be valid again in the next. One that is lost in the volume that
    becomes a reference is lost from there on, since nobody knows where it is.
    """
    if reference not in get_args(Reference):
        raise InputError(f"reference must be one of {', '.join(get_args(Reference))}, got {reference!r}")
    if not 0 < min_series_cc < 1:
        raise InputError(f"min_series_cc must be between 0 and 1, got {min_series_cc}")
    for name in set(_OF_ONE_PAIR) & set(options):
        raise InputError(f"{name} belongs to one pair of volumes and is not an option of a series: leave it out")
    series = _as_volumes(volumes)
    labels = _as_labels(steps or {}, len(series) - 1)
    follower = _Follower(series, reference, min_series_cc, options, timings, mask is not None, checkpoints)
    anchor = _Anchor(0, None, mask, roi)
    done: list[xr.Dataset] = []
    for number in range(1, len(series)):
        try:
            total, anchor = follower.follow(number, anchor, done)
        except VolcorrError as error:
            raise _stopped(number, series, done, error) from error
        coordinates: dict[str, Any] = {
            "step": ((), number, {"long_name": "load step"}),
            "step_name": ((), np.array(series[number].name, object), {"long_name": "name of the volume"}),
            "reference_step": ((), anchor.number, {"long_name": "volume it was correlated against, 0 is the first"}),
        }
        coordinates |= {name: ((), values[number - 1], attrs) for name, (values, attrs) in labels.items()}
        total = total.assign_coords(coordinates).assign_attrs(series_reference=reference)
        done.append(total)
        if on_step is not None:
            on_step(total)
    return stack_steps(done)


def incremental(series: "xr.Dataset") -> "xr.Dataset":
    """Return what happened between one step and the next, at the same material points.

    Parameters
    ----------
    series : xarray.Dataset
        From `correlate_series`.

    Returns
    -------
    xarray.Dataset
        The series of the increments ``u(step) - u(step - 1)``, for the first step its own field. A point is valid where
        it is in both steps; where it was lost before, it has the status of that step. ``sigma`` is that of independent
        errors. Strain is left out: compute it anew from the increments; it is then referred to the first volume.

    Raises
    ------
    InputError
        If `series` has no steps.
    """
    check_fields(series, steps=True)
    if not is_series(series):
        raise InputError("this field has no steps: incremental takes the result of volcorr.correlate_series")
    before: xr.Dataset | None = None
    increments = []
    for total in each_step(series):
        increments.append(_difference(total[list(_VARIABLES)], before))
        before = total
    return stack_steps(increments).assign_attrs(displacement="incremental")


def _difference(total: "xr.Dataset", before: "xr.Dataset | None") -> "xr.Dataset":
    if before is None:
        return total
    with_attrs: dict[str, Any] = {}
    for u, sigma in zip(DISPLACEMENT, SIGMA, strict=True):
        both = np.hypot(total[sigma].to_numpy(), before[sigma].to_numpy())
        with_attrs[u] = (total[u].dims, total[u].to_numpy() - before[u].to_numpy(), total[u].attrs)
        with_attrs[sigma] = (total[u].dims, both, total[sigma].attrs)
    lost = valid_points(total) & ~valid_points(before)
    status = np.where(lost, before["status"].to_numpy(), total["status"].to_numpy())
    return total.assign(with_attrs | {"status": (total["status"].dims, status, total["status"].attrs)})


@dataclass
class _Anchor:
    """A volume that steps are correlated against.

    ``total`` is the field from the first volume to it (None for the first itself), ``quality`` that of the first step
    on it.
    """

    number: int
    total: "xr.Dataset | None"
    mask: Any
    roi: "Roi | None"
    quality: float | None = None

    def points(self, measured: "xr.Dataset") -> "NDArray[np.bool_]":
        """Return which points could be followed from here."""
        if self.total is not None:
            return valid_points(self.total)
        return np.asarray(measured["status"].to_numpy() != Status.OUTSIDE_MASK)


@dataclass
class _Follower:
    """Measures one step after the other."""

    volumes: list[Volume]
    mode: Reference
    least: float
    options: Mapping[str, Any]
    timings: dict[str, float] | None
    masked: bool
    checkpoints: "Checkpoints | None"
    _held: int = field(default=0, init=False)  # last volume for which the correlation held

    def follow(self, number: int, anchor: _Anchor, done: "list[xr.Dataset]") -> "tuple[xr.Dataset, _Anchor]":
        """Return the total field of step `number`, and the reference that it was measured on."""
        if self.mode == "previous" and number > 1:
            anchor = self._move_on(number - 1, done)
        total = self._measure(number, anchor)
        return self._hold(number, total, anchor, done) if self.mode == "auto" else (total, anchor)

    def _hold(
        self, number: int, total: "xr.Dataset", anchor: _Anchor, done: "list[xr.Dataset]"
    ) -> "tuple[xr.Dataset, _Anchor]":
        """Keep `total` where the correlation held or nothing better is found; else change the reference."""
        points = anchor.points(total)
        quality = _quality(total, points)
        if anchor.quality is None:
            anchor.quality = quality
        if quality >= self.least * anchor.quality:
            self._held = number
        elif self._held > anchor.number:
            another = self._try(number, done)
            if another is not None and _quality(another[0], points) > quality:
                logger.info("step %d: volume %d is the new reference", number, self._held)
                self._held = number
                return another
        return total, anchor

    def _try(self, number: int, done: "list[xr.Dataset]") -> "tuple[xr.Dataset, _Anchor] | None":
        """Measure step `number` against the last volume for which the correlation held."""
        try:
            anchor = self._move_on(self._held, done)
            total = self._measure(number, anchor)
        except InputError as error:
            logger.warning("step %d: volume %d cannot be the reference: %s", number, self._held, error)
            return None
        anchor.quality = _quality(total, anchor.points(total))
        return total, anchor

    def _move_on(self, number: int, done: "list[xr.Dataset]") -> _Anchor:
        """Make volume `number` the reference: the specimen is where its points have moved to."""
        total = done[number - 1]
        return _Anchor(number, total, moved_mask(total) if self.masked else None, moved_roi(total))

    def _measure(self, number: int, anchor: _Anchor) -> "xr.Dataset":
        """Correlate volume `number` against the anchor, and refer the field to the first volume."""
        logger.info("step %d of %d: against volume %d", number, len(self.volumes) - 1, anchor.number)
        options = dict(self.options)
        if self.checkpoints is not None:
            options["checkpoint"] = self.checkpoints(anchor.number, number)
        seconds: dict[str, float] = {}
        own = correlate(
            self.volumes[anchor.number],
            self.volumes[number],
            mask=anchor.mask,
            roi=anchor.roi,
            timings=seconds,
            **options,
        )
        if self.timings is not None:
            for stage, value in seconds.items():
                self.timings[stage] = self.timings.get(stage, 0.0) + value
        if anchor.total is None:
            return own
        scalars = {name: value for name, value in own.coords.items() if value.ndim == 0}
        return compose(anchor.total, own).assign_coords(scalars)


def _quality(total: "xr.Dataset", points: "NDArray[np.bool_]") -> float:
    """Return the mean ZNCC of `points`, 0 for each that is not valid."""
    cc = np.where(valid_points(total), total["cc"].to_numpy(), 0.0)[points]
    return float(cc.mean()) if cc.size else 0.0


def _stopped(number: int, volumes: list[Volume], done: "list[xr.Dataset]", error: VolcorrError) -> SeriesStopped:
    kept = f"the {len(done)} before it are finished" if done else "no step is finished"
    stopped = SeriesStopped(f"step {number} ({volumes[number].name}) cannot be measured, {kept}: {error}")
    stopped.finished = stack_steps(done) if done else None
    return stopped


def _as_volumes(volumes: "Sequence[Volume | NDArray[Any]]") -> list[Volume]:
    """Return the volumes with names and one voxel size, held against each other before any work is done."""
    if isinstance(volumes, Volume) or len(volumes) < 2:
        raise InputError("a series needs a list of at least two volumes, in the order of the load")
    series = [v if isinstance(v, Volume) else Volume(v) for v in volumes]
    series = [v if v.name else replace(v, name=f"volume {number}") for number, v in enumerate(series)]
    stated = next((v for v in series if v.voxel_size is not None), series[0])
    for number, volume in enumerate(series):
        if volume.shape != series[0].shape:
            raise InputError(
                f"volume {number} ({volume.name}) has the shape {volume.shape}, the first {series[0].shape}: "
                "crop all to the same region"
            )
        if volume.voxel_size is None:
            series[number] = replace(volume, voxel_size=stated.voxel_size, unit=stated.unit)
        elif volume.unit != stated.unit or not np.allclose(volume.voxel_size, stated.voxel_size or (), rtol=1e-4):
            raise InputError(
                f"volume {number} ({volume.name}) has the voxel size {volume.voxel_size} {volume.unit}, others "
                f"{stated.voxel_size} {stated.unit}: resample it, or state the true size"
            )
    return series


def _as_labels(steps: Labels, count: int) -> "dict[str, tuple[NDArray[np.float64], dict[str, str]]]":
    """Return the labels as name -> (values, attributes)."""
    labels = {}
    for name, given in steps.items():
        with_unit = isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], str)
        values = np.asarray(given[0] if with_unit else given, np.float64)
        if values.shape != (count,):
            raise InputError(
                f"steps: {name!r} needs {count} values, one for each volume after the first, got {values.size}"
            )
        if name in (*_VARIABLES, *OWN, "z", "y", "x") or not name.isidentifier():
            raise InputError(
                f"steps: {name!r} cannot be a name in a series: use letters, digits and _, as in press_force"
            )
        labels[name] = (values, {"units": str(given[1])} if with_unit else {})
    return labels
