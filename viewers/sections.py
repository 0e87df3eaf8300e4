"""Three orthogonal sections through the middle of the specimen: geometry, and the reference behind them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from viewers.style import unit_label
from volcorr.fields import AXES, Status, check_fields, spacing_of, valid_points
from volio.errors import InputError

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from volio import Volume

__all__ = ["Section", "Sections", "cut_sections"]

#: Vertical and horizontal axis of the sections: two with the compression axis upright, one across it.
PLANES: Final = (("z", "x"), ("z", "y"), ("y", "x"))
_MAX_PIXELS: Final = 1200
_MARGIN: Final = 0.02
_LEAST: Final = 0.12

Extent = tuple[float, float, float, float]


@dataclass(frozen=True)
class Section:
    """One plane of measurement points, and the reference behind it.

    Attributes
    ----------
    vertical, horizontal, normal : str
        Axes of the section: "z", "y" or "x".
    index : int
        Index of the plane among the measurement points along `normal`.
    position : float
        Its coordinate.
    window : four floats
        What is shown: left, right, bottom, top, in the unit of the coordinates.
    patches : four floats
        Outer edges of the patches that stand for the points; each patch is centred on its point.
    grey : (vertical, horizontal) float32 array or None
        The reference in this plane; None when there is none.
    grey_extent : four floats
        Outer edges of its voxels.
    """

    vertical: str
    horizontal: str
    normal: str
    index: int
    position: float
    window: Extent
    patches: Extent
    grey: "NDArray[np.float32] | None"
    grey_extent: Extent

    @property
    def name(self) -> str:
        """The plane as "zx", vertical axis first."""
        return self.vertical + self.horizontal

    @property
    def width(self) -> float:
        """Extent of the window along the horizontal axis."""
        return self.window[1] - self.window[0]

    @property
    def height(self) -> float:
        """Extent of the window along the vertical axis."""
        return self.window[3] - self.window[2]

    def cut(self, variable: "xr.DataArray") -> "NDArray[Any]":
        """Return the values of `variable` in this plane, as a (vertical, horizontal) array."""
        plane = variable.isel({self.normal: self.index})
        return np.asarray(plane.transpose(self.vertical, self.horizontal).to_numpy())


@dataclass(frozen=True)
class Sections:
    """The three sections zx, zy and yx, and what they share.

    Attributes
    ----------
    planes : three Section
        zx, zy, yx.
    unit : str
        Unit of the coordinates, "um" or "voxel".
    grey_limits : two floats
        Grey values drawn black and white. The robust extremes of the three sections are drawn in the lighter
        two thirds of the greys, so that the colours over them keep their hue.
    """

    planes: tuple[Section, Section, Section]
    unit: str
    grey_limits: tuple[float, float]

    @property
    def length_label(self) -> str:
        """The unit as printed."""
        return unit_label(self.unit)


def cut_sections(fields: "xr.Dataset", reference: "Volume | Sections | None" = None) -> Sections:
    """Cut the three sections through the middle of the valid points.

    Only these planes of the reference are read, so it may be lazy and larger than memory.

    Parameters
    ----------
    fields : xarray.Dataset
        Displacement or strain field with dimensions (z, y, x).
    reference : Volume, optional
        The (z, y, x) volume that the field was measured on. Sections that are already cut are returned.

    Returns
    -------
    Sections
        The planes zx, zy and yx.

    Raises
    ------
    InputError
        If the dataset is not a field, or the reference has not the shape of the volume that was measured.
    """
    if isinstance(reference, Sections):
        return reference
    check_fields(fields)
    shape = tuple(int(n) for n in fields.attrs["volume_shape"])
    if reference is not None and tuple(reference.shape) != shape:
        raise InputError(
            f"the reference has shape {tuple(reference.shape)}, but the field was measured on {shape}; "
            "give the reference volume of this field"
        )
    windows = _windows(fields)
    middle = _middle(valid_points(fields))
    planes = [_cut(fields, reference, plane, windows, middle) for plane in PLANES]
    limits = _grey_limits([plane.grey for plane in planes if plane.grey is not None])
    return Sections((planes[0], planes[1], planes[2]), str(fields.attrs["unit"]), limits)


def _middle(valid: "NDArray[np.bool_]") -> dict[str, int]:
    """Return the index of the middle plane along each axis: the median of the valid points."""
    if not valid.any():
        return {axis: n // 2 for axis, n in zip(AXES, valid.shape, strict=True)}
    return {axis: int(np.median(index)) for axis, index in zip(AXES, np.nonzero(valid), strict=True)}


def _voxels(fields: "xr.Dataset") -> dict[str, tuple[float, float, int]]:
    """Return origin, voxel size and number of voxels along each axis."""
    attrs = fields.attrs
    triples = zip(attrs["volume_origin"], attrs["voxel_size"], attrs["volume_shape"], strict=True)
    return {axis: (float(o), float(s), int(n)) for axis, (o, s, n) in zip(AXES, triples, strict=True)}


def _windows(fields: "xr.Dataset") -> dict[str, tuple[float, float]]:
    """Return the range shown along each axis: the specimen's points with their subsets, and a margin."""
    status = fields["status"].to_numpy()
    inside = ~np.isin(status, (Status.OUTSIDE_MASK, Status.OUTSIDE_VOLUME))
    inside = inside if inside.any() else np.ones_like(inside)
    reach = np.maximum(
        spacing_of(fields), np.asarray(fields.attrs["subset_size"]) * np.asarray(fields.attrs["voxel_size"])
    )
    windows = {}
    for axis, index, half in zip(AXES, np.nonzero(inside), reach / 2, strict=True):
        points = fields[axis].to_numpy()
        low, high = points[index.min()] - half, points[index.max()] + half
        origin, size, number = _voxels(fields)[axis]
        margin = _MARGIN * (high - low)
        windows[axis] = (
            float(max(low - margin, origin - size / 2)),
            float(min(high + margin, origin + (number - 0.5) * size)),
        )
    least = _LEAST * max(high - low for low, high in windows.values())
    return {axis: _at_least(window, least) for axis, window in windows.items()}


def _at_least(window: tuple[float, float], length: float) -> tuple[float, float]:
    low, high = window
    grow = max(0.0, length - (high - low)) / 2
    return low - grow, high + grow


def _cut(
    fields: "xr.Dataset",
    reference: "Volume | None",
    plane: tuple[str, str],
    windows: dict[str, tuple[float, float]],
    middle: dict[str, int],
) -> Section:
    vertical, horizontal = plane
    normal = next(axis for axis in AXES if axis not in plane)
    spacing = dict(zip(AXES, spacing_of(fields), strict=True))
    index = middle[normal]
    position = float(fields[normal].to_numpy()[index])
    patches = [
        edge
        for axis in (horizontal, vertical)
        for edge in (
            fields[axis].to_numpy()[0] - spacing[axis] / 2,
            fields[axis].to_numpy()[-1] + spacing[axis] / 2,
        )
    ]
    window = (*windows[horizontal], *windows[vertical])
    grey, extent = _read_grey(fields, reference, plane, windows, (normal, position))
    return Section(
        vertical,
        horizontal,
        normal,
        index,
        position,
        window,
        (float(patches[0]), float(patches[1]), float(patches[2]), float(patches[3])),
        grey,
        extent,
    )


def _read_grey(
    fields: "xr.Dataset",
    reference: "Volume | None",
    plane: tuple[str, str],
    windows: dict[str, tuple[float, float]],
    through: tuple[str, float],
) -> tuple["NDArray[np.float32] | None", Extent]:
    """Read a plane of the reference, averaged to `_MAX_PIXELS` at most, and the outer edges of its voxels."""
    vertical, horizontal = plane
    if reference is None:
        return None, (*windows[horizontal], *windows[vertical])
    voxels = _voxels(fields)
    slices, steps, edges = {}, {}, {}
    for axis in plane:
        origin, size, number = voxels[axis]
        start, stop = (round((edge - origin) / size + 0.5) for edge in windows[axis])
        start, stop = max(start - 1, 0), min(stop + 1, number)
        step = -(-(stop - start) // _MAX_PIXELS)
        stop -= (stop - start) % step
        slices[axis], steps[axis] = slice(start, stop), step
        edges[axis] = (origin + (start - 0.5) * size, origin + (stop - 0.5) * size)
    normal, position = through
    origin, size, number = voxels[normal]
    at = min(max(round((position - origin) / size), 0), number - 1)
    slices[normal] = slice(at, at + 1)
    block = np.asarray(reference.data[tuple(slices[axis] for axis in AXES)], np.float32)
    grey = block.squeeze(AXES.index(normal))  # AXES order keeps the vertical axis first
    rows, columns = (n // steps[axis] for n, axis in zip(grey.shape, plane, strict=True))
    grey = grey.reshape(rows, steps[vertical], columns, steps[horizontal]).mean(axis=(1, 3))
    return grey, (*edges[horizontal], *edges[vertical])


def _grey_limits(images: "list[NDArray[np.float32]]") -> tuple[float, float]:
    values = np.concatenate([image[np.isfinite(image)] for image in images]) if images else np.empty(0)
    if values.size == 0:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values, [0.5, 99.5]))
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    return low - 0.5 * (high - low), high
