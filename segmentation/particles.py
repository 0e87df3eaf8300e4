"""Touching particles told apart: a watershed on the distance to the other phases."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from segmentation.components import Connectivity, order_of
from segmentation.inputs import as_labels, extend_metadata
from volio import InputError, Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["split_particles"]


def split_particles(labels: Volume, *, label: int = 1, depth: float = 1.0, connectivity: Connectivity = 26) -> Volume:
    """Tell touching particles of a phase apart.

    Each peak of the distance to the other phases is a particle, if it stands out by at least `depth` above the saddle
    to a higher one (the h-maxima of the distance); voxels go to the peak that a flood from above brings to them.
    Particles are not cut short at the faces of the volume: outside it, nothing is known.

    Parameters
    ----------
    labels : Volume or array, shape (z, y, x)
        Whole numbers. All of it is loaded: memory for 24 bytes a voxel is needed.
    label : int
        The phase.
    depth : float
        How far a peak must stand out, in voxels (in the shortest edge of a voxel if edges differ). Smaller values cut
        more; below about 0.5, the steps of the voxel grid make peaks of their own.
    connectivity : {6, 18, 26}
        Neighbours of a voxel: through faces, edges too, or corners too.

    Returns
    -------
    Volume
        int32: 0 outside the phase, and particles numbered from 1 in the order of their first voxels.

    Raises
    ------
    InputError
        If the phase is not there or fills all, or `depth` is negative.

    Notes
    -----
    S. Beucher and F. Meyer, "The morphological approach to segmentation: the watershed transformation", in Mathematical
    Morphology in Image Processing, Dekker (1993). Peaks are merged during the flood, by their dynamics (M. Grimaud,
    Proc. SPIE 1769 (1992) 292-305, doi:10.1117/12.60650).
    """
    from segmentation._kernels_watershed import flood

    if not depth >= 0:
        raise InputError(f"depth must be at least 0 voxels, got {depth}")
    most = order_of(connectivity)
    found = as_labels(labels)
    inside = np.asarray(found.data[:]) == label
    if not inside.any() or inside.all():
        amount = "all" if inside.any() else "none"
        raise InputError(f"label {label} is {amount} of {found.name or 'the labels'}: there are no particles to split")
    distance = _distance(inside, found.voxel_size)
    flat = distance.reshape(-1)
    places = np.flatnonzero(flat >= 0)
    order = places[np.argsort(-flat[places], kind="stable")]
    numbers = np.zeros(distance.shape, np.int32)
    flood(order, flat, _steps(distance.shape, most), np.float32(depth), numbers.reshape(-1))
    core = np.ascontiguousarray(numbers[1:-1, 1:-1, 1:-1])
    count = _renumber(core)
    entry = {"label": label, "depth": float(depth), "connectivity": connectivity, "count": count}
    return replace(found, data=core, metadata=extend_metadata(found, particles=entry))


def _distance(inside: "NDArray[np.bool_]", voxel_size: tuple[float, float, float] | None) -> "NDArray[np.float32]":
    """Return the distance to the other phases in shortest edges, -1 outside, with a margin of one voxel."""
    from scipy import ndimage

    edges = np.ones(3) if voxel_size is None else np.asarray(voxel_size) / min(voxel_size)
    distance = np.full([n + 2 for n in inside.shape], -1.0, np.float32)
    core = distance[1:-1, 1:-1, 1:-1]
    found = ndimage.distance_transform_edt(inside, sampling=edges)
    core[inside] = found[inside]
    return distance


def _steps(shape: tuple[int, ...], most: int) -> "NDArray[np.int64]":
    """Return the flat steps to the neighbours of a voxel that lie along up to `most` axes at once."""
    steps = [
        np.subtract(place, 1) @ np.array([shape[1] * shape[2], shape[2], 1])
        for place in np.ndindex(3, 3, 3)
        if 0 < np.abs(np.subtract(place, 1)).sum() <= most
    ]
    return np.array(steps, np.int64)


def _renumber(numbers: "NDArray[np.int32]") -> int:
    """Renumber from 1 in the order of first voxels, in place; return how many there are."""
    found, first = np.unique(numbers, return_index=True)
    found, first = found[found > 0], first[found > 0]
    table = np.zeros(int(found[-1]) + 1, np.int32)
    table[found[np.argsort(first)]] = np.arange(1, found.size + 1)
    numbers[...] = table[numbers]
    return int(found.size)
