"""The settings of a segmentation of files, checked before anything is read."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from segmentation.features import FeatureKind, FeatureSet
from segmentation.thresholding import Method
from volio import InputError

if TYPE_CHECKING:
    from volcorr.settings import Lengths
    from volio import Volume
    from volio.blocks import ExecutorName

__all__ = ["FILTERS", "SegmentationSettings", "parse_filter"]

Flattening = Literal["background", "beam-hardening"]
LabelFormat = Literal["ome.zarr", "tif"]

#: Extensions of volumes, which the name of a result folder does not have.
_FILES: Final = (".tif", ".tiff", ".zarr", ".h5", ".hdf5", ".npy", ".nrrd", ".mrc", ".nii", ".raw")
#: Filters by the name that people write: the function of `segmentation`, its option, and whether that must be given.
FILTERS: Final[dict[str, tuple[str, str, type]]] = {
    "median": ("smooth_median", "size", int),
    "gaussian": ("smooth_gaussian", "sigma", float),
    "nlm": ("smooth_nonlocal", "noise", float),
    "diffusion": ("diffuse", "conductance", float),
    "unsharp": ("sharpen", "sigma", float),
}


@dataclass(frozen=True, kw_only=True)
class SegmentationSettings:
    """All settings of a segmentation of one volume or a series.

    Parameters
    ----------
    volumes : tuple of Path
        Grey volumes in the order of the load.
    output : Path
        Result folder to make.
    method, classes, values, fraction, window, weight
        See `segmentation.threshold`. Without `method` it is "fraction" where that is given, "manual" with as many
        classes as `values` make where those are, else "otsu".
    flatten : {"background", "beam-hardening"}, optional
        Make uneven grey values even first.
    filters : tuple of str
        Filters in the order in which they are applied, see `parse_filter`.
    match : bool
        Bring the contrast of all volumes to that of the first, and take its thresholds for all.
    classifier : Path, optional
        File of a trained pixel classifier, in place of thresholds.
    train : Path, optional
        Label image of the first volume to train a pixel classifier with, which is kept in the result.
    unlabelled : int
        The label in it that means nothing.
    features, sigmas : tuple, optional
        What the classifier looks at (`segmentation.FeatureSet`): what is trained, or must have been.
    specks, holes : int, optional
        Parts and holes of `phase` of fewer voxels are removed.
    keep_largest : bool
        Keep the largest connected part of `phase` only.
    phase : int, optional
        The phase that is tidied up; the one with the largest label when not given.
    sweep : bool
        Measure the mean pore radius of the darkest phase over the band of the threshold as well.
    mask : Path, optional
        Volume of the same shape that is not zero where there is something to segment.
    voxel_size, dataset
        See `volio.read`.
    format : {"ome.zarr", "tif"}
        Of the labels.
    memory, threads, executor, workers, scheduler, resume, overwrite
        How the work is carried out; the labels do not depend on it.

    Raises
    ------
    InputError
        Settings are not allowed, or contradict each other.
    """

    volumes: tuple[Path, ...]
    output: Path
    method: Method | None = None
    classes: int | None = None
    values: tuple[float, ...] | None = None
    fraction: float | None = None
    window: int = 25
    weight: float = 0.2
    flatten: Flattening | None = None
    filters: tuple[str, ...] = ()
    match: bool = False
    classifier: Path | None = None
    train: Path | None = None
    unlabelled: int = 0
    features: tuple[FeatureKind, ...] | None = None
    sigmas: tuple[float, ...] | None = None
    specks: int | None = None
    holes: int | None = None
    keep_largest: bool = False
    phase: int | None = None
    sweep: bool = False
    mask: Path | None = None
    voxel_size: "Lengths | None" = None
    dataset: str | None = None
    format: LabelFormat = "ome.zarr"
    memory: str | None = None
    threads: int | None = None
    executor: "ExecutorName | None" = None
    workers: int | None = None
    scheduler: str | None = None
    resume: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        if not self.volumes:
            raise InputError("there is no volume to segment: name one or more")
        if self.output.suffix.lower() in _FILES:
            raise InputError(
                f"{self.output} is to be a folder: leave {self.output.suffix} out; --format tif makes TIFF labels"
            )
        for text in self.filters:
            parse_filter(text)
        for name, allowed in (("flatten", Flattening), ("format", LabelFormat)):
            value = getattr(self, name)
            if value is not None and value not in get_args(allowed):
                raise InputError(f"{name} must be one of {', '.join(get_args(allowed))}, got {value!r}")
        self._check_choice()
        if self.match and len(self.volumes) < 2:
            raise InputError("match brings several volumes to the contrast of the first: give more than one")
        if self.memory is not None:
            from volio import parse_memory

            parse_memory(self.memory)

    def _check_choice(self) -> None:
        """Refuse thresholds beside a classifier, and what belongs to the other."""
        if self.classifier is not None and self.train is not None:
            raise InputError("a classifier is either read from a file or trained: give one of both")
        given = [name for name in ("method", "classes", "values", "fraction") if getattr(self, name) is not None]
        if self.learns and (given or self.sweep):
            raise InputError(
                f"a classifier has no {(given or ['sweep'])[0]}: leave it out, or leave out the classifier"
            )
        if not self.learns and (self.features or self.sigmas):
            raise InputError("features and sigmas belong to a classifier: give one, or labels to train with")
        if self.sweep and self.method in ("hysteresis", "sauvola", "local"):
            raise InputError(
                f"a sweep moves one threshold of the whole volume, and {self.method} has none: leave it out"
            )
        self.feature_set()

    def feature_set(self) -> FeatureSet | None:
        """Return what the classifier looks at, None where nothing was said."""
        if self.features is None and self.sigmas is None:
            return None
        default = FeatureSet()
        return FeatureSet(self.features or default.kinds, self.sigmas or default.sigmas)

    @property
    def learns(self) -> bool:
        """Whether a pixel classifier tells the phases apart, and not thresholds."""
        return self.classifier is not None or self.train is not None

    @property
    def stays_on_disk(self) -> bool | None:
        """Whether all volumes are left on disk; None: the large ones."""
        return True if self.memory is not None or self.executor == "dask" or self.scheduler is not None else None

    @property
    def threshold_options(self) -> dict[str, Any]:
        """Options of `segmentation.threshold`."""
        method: Method = self.method or ("fraction" if self.fraction is not None else "otsu")
        if self.method is None and self.values is not None:
            method = "manual"
        number = len(self.values) + 1 if self.values is not None and method == "manual" else 2
        found: dict[str, Any] = {"method": method, "classes": self.classes or number}
        found |= {name: getattr(self, name) for name in ("values", "fraction") if getattr(self, name) is not None}
        return found | ({"window": self.window, "weight": self.weight} if method in ("sauvola", "local") else {})

    @property
    def measured(self) -> dict[str, Any]:
        """All settings that the labels depend on, without the inputs."""
        names = ["flatten", "filters", "match", "specks", "holes", "keep_largest", "phase", "sweep"]
        names += ["voxel_size", "dataset", "format", *(["unlabelled", "features", "sigmas"] if self.learns else [])]
        values = {name: getattr(self, name) for name in names}
        given = {name: value for name, value in values.items() if value is not None and value is not False}
        return ({} if self.learns else self.threshold_options) | {name: v for name, v in given.items() if v != ()}

    @property
    def inputs(self) -> dict[str, Path]:
        """Input files by role."""
        roles: dict[str, Path | None] = {f"volume {number}": path for number, path in enumerate(self.volumes, 1)}
        roles |= {"mask": self.mask, "classifier": self.classifier, "training labels": self.train}
        return {role: path for role, path in roles.items() if path is not None}


def parse_filter(text: str) -> "Callable[..., Volume]":
    """Read a filter: its name, and behind a colon its strength.

    ``median:3`` (edge of the cube, voxels), ``gaussian:1`` (standard deviation, voxels), ``nlm:12`` (non-local means;
    noise, grey values), ``diffusion:40`` (largest difference that is smoothed, grey values), ``unsharp:1`` (standard
    deviation of the blur, voxels). Without a strength, ``nlm`` and ``diffusion`` go by the noise that they find.

    Parameters
    ----------
    text : str
        Such as ``"nlm"`` or ``"median:5"``.

    Returns
    -------
    callable
        The function of `segmentation` with its option.

    Raises
    ------
    InputError
        If there is no such filter, or its strength is no number.
    """
    import segmentation

    name, _, strength = text.partition(":")
    if name not in FILTERS:
        raise InputError(f"filter {name!r} is not known: choose from {', '.join(FILTERS)}, such as median:3")
    function, option, kind = FILTERS[name]
    try:
        options = {option: kind(strength)} if strength else {}
    except ValueError:
        raise InputError(f"filter {text!r} has no number behind its colon: write for example median:3") from None
    return partial(getattr(segmentation, function), **options)
