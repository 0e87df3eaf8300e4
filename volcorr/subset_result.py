"""What a study of subset sizes gives: a row for each size, the recommended one, and why."""

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SizeResult", "SubsetStudy", "format_study"]

Triple = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class SizeResult:
    """What one size of subset gives.

    Attributes
    ----------
    subset : three ints
        Edges along z, y, x, in voxels.
    edge : float
        Mean edge, in the unit of the study.
    spacing : three ints
        Distance between points of the measurement that is planned, in voxels.
    tried, valid : int
        Points of the study that could be measured, and those that were.
    mean_cc, median_cc : float
        Zero-normalised cross-correlation over the points that are compared.
    sigma : float
        Median uncertainty of a displacement component that the correlation states, in voxels.
    repeat_noise : float
        Scatter of a displacement component in the repeat scan, in voxels; NaN without one.
    strain_noise : float
        Standard deviation of a strain from `noise`.
    resolution, strain_resolution : float
        Period of a wave of displacement, and of strain, that loses a tenth of its amplitude, in the unit of the study.
    gauge : float
        Length of material that one strain looks at, in the unit of the study.
    total_error : float
        Noise, and loss of the detail that was named, of a strain together; NaN without a detail.
    independent : int
        Subsets that fit beside each other into the region or the mask.
    seconds : float
        Time of the correlation of the study's points, reading and start values included.
    points_per_second : float
        Points by the time of their refinement alone.
    """

    subset: Triple
    edge: float
    spacing: Triple
    tried: int
    valid: int
    mean_cc: float
    median_cc: float
    sigma: float
    repeat_noise: float
    strain_noise: float
    resolution: float
    strain_resolution: float
    gauge: float
    total_error: float
    independent: int
    seconds: float
    points_per_second: float

    @property
    def valid_share(self) -> float:
        """Part of the tried points that are valid."""
        return self.valid / self.tried

    @property
    def noise(self) -> float:
        """Noise of a displacement component in voxels: that of the repeat scan, or what the correlation states."""
        return self.sigma if math.isnan(self.repeat_noise) else self.repeat_noise

    @property
    def label(self) -> str:
        """The size in voxels: ``33``, or ``33 x 33 x 21``."""
        return _times(self.subset)


@dataclass(frozen=True, kw_only=True)
class SubsetStudy:
    """A study of subset sizes.

    Attributes
    ----------
    sizes : tuple of SizeResult
        From the largest to the smallest.
    chosen : int
        Index of the recommended size.
    reason : str
        Why, in words.
    unit : str
        Unit of lengths; "voxel" where the voxel size is not known.
    voxel_size : tuple of float or None
        Voxel size (z, y, x) in `unit`.
    reference, deformed : str
        Names of the volumes.
    points : int
        Points, valid at all sizes that are usable, at which these are compared.
    study_spacing : int
        Distance between the points of the study, in voxels.
    shape : str
        What a subset could follow.
    strain_window : three ints
        Points of the strain window.
    strain : float
        Largest principal value, without its sign, of the mean strain over all points.
    strain_noise_limit : float
        Noise of a strain that was accepted.
    min_valid : float
        Part of the points that had to be valid.
    detail : str or None
        Period of the finest wave that matters, with its unit.
    """

    sizes: tuple[SizeResult, ...]
    chosen: int
    reason: str
    unit: str
    voxel_size: tuple[float, float, float] | None
    reference: str
    deformed: str
    points: int
    study_spacing: int
    shape: str
    strain_window: Triple
    strain: float
    strain_noise_limit: float
    min_valid: float
    detail: str | None

    @property
    def recommended(self) -> SizeResult:
        """The recommended size."""
        return self.sizes[self.chosen]

    @property
    def has_repeat(self) -> bool:
        """Whether the noise was measured on a repeat scan."""
        return not all(math.isnan(row.repeat_noise) for row in self.sizes)

    def to_table(self) -> "pd.DataFrame":
        """Return one row a size; the names of lengths and noises end with their unit.

        Returns
        -------
        pandas.DataFrame
        """
        import pandas as pd

        unit = self.unit
        rows = []
        for number, row in enumerate(self.sizes):
            subset = dict(zip(("subset_z", "subset_y", "subset_x"), row.subset, strict=True))
            spacing = dict(zip(("spacing_z", "spacing_y", "spacing_x"), row.spacing, strict=True))
            rows.append(
                {
                    **subset,
                    f"edge_{unit}": row.edge,
                    "tried": row.tried,
                    "valid": row.valid,
                    "valid_share": row.valid_share,
                    "mean_cc": row.mean_cc,
                    "median_cc": row.median_cc,
                    "sigma_voxel": row.sigma,
                    "repeat_noise_voxel": row.repeat_noise,
                    **spacing,
                    "strain_noise": row.strain_noise,
                    f"resolution_{unit}": row.resolution,
                    f"strain_resolution_{unit}": row.strain_resolution,
                    f"gauge_{unit}": row.gauge,
                    "total_error": row.total_error,
                    "independent": row.independent,
                    "seconds": row.seconds,
                    "points_per_second": row.points_per_second,
                    "recommended": number == self.chosen,
                }
            )
        return pd.DataFrame(rows)

    def as_dict(self) -> dict[str, Any]:
        """All entries in types that JSON knows: what was not measured is None."""
        content = asdict(self)
        for row in content["sizes"]:
            row |= {name: None for name, value in row.items() if isinstance(value, float) and not math.isfinite(value)}
        return content


def format_study(study: SubsetStudy) -> str:
    """Lay a study out as lines of text for a terminal, without a final line break."""
    from textwrap import wrap

    physical = study.unit != "voxel"
    unit = study.unit if physical else "voxels"
    source = "repeat scan" if study.has_repeat else "stated by the correlation"
    head = ["subset", *([unit] if physical else []), "valid %", "ZNCC", "noise", "strain", "resolves", "in strain"]
    head += ["error", "subsets", "points/s"] if study.detail else ["subsets", "points/s"]
    under = ["voxels", *([""] if physical else []), "", "mean", "voxel", "noise %", unit, unit]
    under += ["total %", "in all", ""] if study.detail else ["in all", ""]
    lines = [_columns(head), _columns(under)]
    for number, row in enumerate(study.sizes):
        cells = [row.label, *([f"{row.edge:.4g}"] if physical else []), f"{100 * row.valid_share:.1f}"]
        cells += [_number(row.mean_cc, ".4f"), _number(row.noise, ".4f"), _number(100 * row.strain_noise, ".3f")]
        cells += [f"{row.resolution:.3g}", f"{row.strain_resolution:.3g}"]
        cells += [_number(100 * row.total_error, ".3f")] if study.detail else []
        cells += [f"{row.independent}", f"{row.points_per_second:.0f}"]
        lines.append(_columns(cells) + ("  <" if number == study.chosen else ""))
    spacing = ", ".join(dict.fromkeys(_times(row.spacing) for row in study.sizes))
    notes = [
        f"recommended: {study.reason}",
        f"noise: {source}, median of {study.points} points that are valid at every usable size; strain noise: for a "
        f"window of {_times(study.strain_window)} points every {spacing} voxels; resolves: period of a wave, of "
        "displacement and of strain, that loses a tenth of its amplitude",
    ]
    return "\n".join([*lines, "", *(line for note in notes for line in wrap(note, 100, subsequent_indent="  "))])


def _columns(cells: list[str]) -> str:
    """Cells in columns, the first one on the left."""
    return f"{cells[0]:<13}" + "".join(f"{cell:>10}" for cell in cells[1:])


def _number(value: float, style: str) -> str:
    return "-" if math.isnan(value) else format(value, style)


def _times(values: tuple[int, ...]) -> str:
    """``(33, 33, 33)`` as ``33``, ``(33, 33, 21)`` as ``33 x 33 x 21``."""
    return f"{values[0]}" if len(set(values)) == 1 else " x ".join(map(str, values))
