"""Particles: size, shape, orientation, contacts and inner porosity of each."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from porosity._kernels_components import neighbours_of_components
from porosity._kernels_particles import count_contacts, count_cuts, list_contacts, measure_moments
from porosity.crofton import DIRECTIONS, area_per_cut
from porosity.labels import Labels, VoxelSize, check_labels
from porosity.topology import number_components
from volio import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Particles", "measure_particles"]


@dataclass(frozen=True, eq=False)
class Particles:
    """What was measured of the particles of a volume.

    Attributes
    ----------
    table : DataFrame
        One row a particle, index its label; lengths in `unit`.

        - voxels, volume, equivalent_diameter (of the sphere of that volume)
        - z, y, x: its centre of mass, from the outer corner of voxel 0
        - size_z, size_y, size_x: edges of its bounding box
        - surface, sphericity (surface of the sphere of that volume over its own): NaN where it touches the border
        - major, intermediate, minor: axes of the ellipsoid with its second moments
        - aspect: minor / major, 1 for a sphere
        - axis_z, axis_y, axis_x: direction of the major axis; angle_z: between it and z, degrees
        - contacts: how many other particles it touches with voxel faces; contact_area
        - touches_border: whether the border of the volume cuts it or may do so
        - inner_porosity: closed voids inside, over them and the volume
    contacts : DataFrame
        One row a pair of particles that touch: first, second, area (of voxel faces, `unit` squared).
    extent : 3 floats
        Edges (z, y, x) of the volume.
    voxel_size : 3 floats
        Edges (z, y, x) of a voxel.
    unit : str
        Unit of length.
    """

    table: "pd.DataFrame"
    contacts: "pd.DataFrame"
    extent: tuple[float, float, float]
    voxel_size: tuple[float, float, float]
    unit: str


def measure_particles(labels: Any, *, voxel_size: VoxelSize | None = None) -> Particles:
    """Measure every particle of a volume.

    Parameters
    ----------
    labels : Volume or array, shape (z, y, x)
        1, 2, ... where the particles are, 0 elsewhere. Particles that touch must have labels of their own. A label is
        one particle even if its voxels are not connected.
    voxel_size : float or 3 floats, optional
        Edge lengths of a voxel (z, y, x), if the volume does not state them.

    Returns
    -------
    Particles

    Raises
    ------
    InputError
        If these are no labels, or all are 0.

    Notes
    -----
    The surface is measured by Crofton's formula (`porosity.crofton.area_per_cut`): right within 2 % for spheres of 6
    voxels in diameter on, off by up to 7 % for flat faces along the axes. A void belongs to a particle if its voxels
    are connected by faces, it does not reach the border of the volume, and this particle alone surrounds it: cracks
    that reach the outside are none.
    """
    checked = check_labels(labels, voxel_size)
    data = checked.data
    most = int(data.max())
    if most == 0:
        raise InputError("the labels hold no particle: all voxels are 0; give each particle a label of 1 or more")
    sums = np.zeros((most + 1, 10), np.int64)
    box = np.tile(np.array([*data.shape, -1, -1, -1], np.int64), (most + 1, 1))
    measure_moments(data, sums, box)
    present = np.flatnonzero(sums[:, 0])
    columns = _sizes(sums[present], box[present], checked)
    columns |= _ellipsoids(sums[present], checked)
    columns |= _surfaces(present, columns, checked)
    pairs = _contacts(checked)
    columns |= _contact_counts(pairs, present, most)
    columns["inner_porosity"] = _inner_porosity(checked, most)[present]
    return Particles(_as_table(columns, present), pairs, checked.extent, checked.voxel_size, checked.unit)


def _as_table(columns: dict[str, NDArray[Any]], present: NDArray[np.int64]) -> "pd.DataFrame":
    """Return the columns in the order of `Particles.table`."""
    import pandas as pd

    order = (
        "voxels", "volume", "equivalent_diameter", "z", "y", "x", "size_z", "size_y", "size_x", "surface", "sphericity",
        "major", "intermediate", "minor", "aspect", "axis_z", "axis_y", "axis_x", "angle_z", "contacts", "contact_area",
        "touches_border", "inner_porosity",
    )  # fmt: skip
    return pd.DataFrame({name: columns[name] for name in order}, index=pd.Index(present, name="label"))


def _sizes(sums: NDArray[np.int64], box: NDArray[np.int64], labels: Labels) -> dict[str, NDArray[Any]]:
    """Return volumes, places and bounding boxes."""
    size = np.array(labels.voxel_size)
    volume = sums[:, 0] * labels.voxel_volume
    centre = (sums[:, 1:4] / sums[:, :1] + 0.5) * size
    edges = (box[:, 3:] - box[:, :3] + 1) * size
    touches = (box[:, :3] == 0).any(axis=1) | (box[:, 3:] == np.array(labels.data.shape) - 1).any(axis=1)
    columns = {"voxels": sums[:, 0], "volume": volume, "equivalent_diameter": np.cbrt(6 * volume / np.pi)}
    columns |= dict(zip("zyx", centre.T, strict=True)) | dict(zip(("size_z", "size_y", "size_x"), edges.T, strict=True))
    return columns | {"touches_border": touches}


def _ellipsoids(sums: NDArray[np.int64], labels: Labels) -> dict[str, NDArray[Any]]:
    """Return axes and direction of the ellipsoids with the second moments of the particles, voxels being boxes."""
    size = np.array(labels.voxel_size)
    mean = sums[:, 1:4] / sums[:, :1]
    second = sums[:, 4:] / sums[:, :1]
    order = np.array([[0, 3, 4], [3, 1, 5], [4, 5, 2]])
    covariance = second[:, order] - mean[:, :, None] * mean[:, None, :] + np.eye(3) / 12
    values, vectors = np.linalg.eigh(covariance * size[:, None] * size)
    minor, middle, major = 2 * np.sqrt(5 * values.T)
    # of the two directions of an axis the one that points to larger z, then y, then x
    axis = vectors[:, :, 2]
    first = np.abs(axis) > 1e-9
    lead = np.take_along_axis(axis, first.argmax(axis=1)[:, None], axis=1)
    axis = axis * np.sign(lead)
    columns = {"major": major, "intermediate": middle, "minor": minor, "aspect": minor / major}
    columns |= dict(zip(("axis_z", "axis_y", "axis_x"), axis.T, strict=True))
    return columns | {"angle_z": np.degrees(np.arccos(np.clip(axis[:, 0], 0, 1)))}


def _surfaces(present: NDArray[np.int64], columns: dict[str, NDArray[Any]], labels: Labels) -> dict[str, NDArray[Any]]:
    """Return surface and sphericity."""
    cuts = np.zeros((present[-1] + 1, len(DIRECTIONS)), np.int64)
    count_cuts(labels.data, DIRECTIONS, cuts)
    surface = np.where(columns["touches_border"], np.nan, cuts[present] @ area_per_cut(labels.voxel_size))
    return {"surface": surface, "sphericity": np.pi * columns["equivalent_diameter"] ** 2 / surface}


def _contacts(labels: Labels) -> "pd.DataFrame":
    """Return the pairs of particles that touch, and the area of their common faces."""
    import pandas as pd

    dz, dy, dx = labels.voxel_size
    found, areas = [], []
    for axis, area in enumerate((dy * dx, dz * dx, dz * dy)):
        pairs = np.empty(count_contacts(labels.data, axis), np.uint32)
        list_contacts(labels.data, axis, pairs)
        keys, counts = np.unique(pairs, return_counts=True)
        found.append(keys)
        areas.append(counts * area)
    keys, place = np.unique(np.concatenate(found), return_inverse=True)
    total = np.bincount(place, weights=np.concatenate(areas), minlength=len(keys))
    columns = {"first": (keys >> 16).astype(np.int64), "second": (keys & 0xFFFF).astype(np.int64), "area": total}
    return pd.DataFrame(columns)


def _contact_counts(pairs: "pd.DataFrame", present: NDArray[np.int64], most: int) -> dict[str, NDArray[Any]]:
    """Return how many others each particle touches, and with which area."""
    both = np.concatenate([pairs["first"], pairs["second"]])
    area = np.bincount(both, weights=np.tile(pairs["area"], 2), minlength=most + 1)[present]
    return {"contacts": np.bincount(both, minlength=most + 1)[present], "contact_area": area}


def _inner_porosity(labels: Labels, most: int) -> NDArray[np.float64]:
    """Return for each label the share of closed voids in it; NaN where there is no such label."""
    numbers, sizes, faces = number_components((labels.data == 0).view(np.uint8), 6)
    lowest, highest = np.full(len(sizes), most + 1, np.int64), np.zeros(len(sizes), np.int64)
    neighbours_of_components(numbers, labels.data, lowest, highest)
    closed = (faces == 0) & (lowest == highest)
    closed[0] = False
    voids = np.bincount(highest[closed], weights=sizes[closed], minlength=most + 1)
    solid = np.bincount(labels.data.ravel(), minlength=most + 1)
    with np.errstate(invalid="ignore"):
        share: NDArray[np.float64] = voids / np.where(solid > 0, voids + solid, np.nan)
    return share
