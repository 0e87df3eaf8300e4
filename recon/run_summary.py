"""What a run has made, as numbers: the result of `recon.run_recon`."""

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["ReconSummary"]


@dataclass(frozen=True, kw_only=True)
class ReconSummary:
    """What a run has made.

    Attributes
    ----------
    output : str
        The volume.
    shape : three ints
        Voxels along z, y, x.
    voxel_size : float or None
        Edge of a voxel in `unit`; None where it is not known.
    unit : str
        Unit of lengths; "pixel" where the pixel size is not known.
    projections : int
        Projections used.
    angular_range : float
        Degrees between the outermost ones.
    center, center_sigma : float
        Column of the rotation axis, and its standard uncertainty; None where there is none.
    confidence : str
        How sure the axis is.
    tilt : float
        Of the axis in the detector, in radians.
    largest_shift : float or None
        Of a projection, in pixels; None where none was undone.
    rings : str
        How rings were removed, or "none".
    method : str
        What slices were made with.
    notes : tuple of str
        What was guessed, assumed and counted, one line each.
    seconds : dict of str to float
        Wall time by stage, and in all.
    slices_per_second : float or None
        Of the reconstruction alone; None where an earlier run had made all slices.
    earlier : int
        Slices that an earlier run had finished.
    executor : str
        Where slabs were made.
    peak_memory : int or None
        Largest resident memory of this process in bytes; None where the system does not tell.
    quality : str or None
        Folder of the quality report.
    resolution : float or None
        Half-bit resolution by it, in `unit`.
    """

    output: str
    shape: tuple[int, int, int]
    voxel_size: float | None
    unit: str
    projections: int
    angular_range: float
    center: float
    center_sigma: float | None
    confidence: str
    tilt: float
    largest_shift: float | None
    rings: str
    method: str
    notes: tuple[str, ...]
    seconds: dict[str, float]
    slices_per_second: float | None
    earlier: int
    executor: str
    peak_memory: int | None
    quality: str | None = None
    resolution: float | None = None

    @property
    def value_unit(self) -> str:
        """Unit of the attenuation."""
        return f"1/{self.unit}"

    def as_dict(self) -> dict[str, Any]:
        """Return all entries in types that JSON knows."""
        return asdict(self) | {"value_unit": self.value_unit}
