"""Topology of a phase: connected components, which of them are closed or span the volume, and the Euler number."""

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from porosity._kernels_components import measure_components
from porosity.configurations import CORNERS, configuration_counts, corner_set
from porosity.labels import Labels, VoxelSize, check_labels, phase_mask
from volio import InputError, Volume

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ConnectedComponents", "EulerNumber", "connect_components", "count_euler"]

Connectivity = Literal[6, 18, 26]


@dataclass(frozen=True, eq=False)
class ConnectedComponents:
    """The connected components of a phase.

    Attributes
    ----------
    labels : Volume
        The component of each voxel: 1, 2, ... in the order of size, largest first; 0 outside the phase.
    table : DataFrame
        One row a component, index its label: voxels, volume (`unit` cubed), open (touches the border of the volume),
        and for each axis "z", "y", "x" one of "spanning" (touches both faces), "one-sided" and "isolated" (touches
        none).
    fraction : float
        Volume fraction of the phase.
    unit : str
        Unit of length.
    """

    labels: Volume
    table: "pd.DataFrame"
    fraction: float
    unit: str

    @property
    def count(self) -> int:
        """How many components there are."""
        return len(self.table)

    @property
    def open_share(self) -> float:
        """Share of the phase in components that touch the border of the volume."""
        return self._share(self.table["open"])

    @property
    def closed_share(self) -> float:
        """Share of the phase in components that lie wholly inside the volume: closed pores."""
        return self._share(~self.table["open"])

    @property
    def spanning_share(self) -> tuple[float, float, float]:
        """Share of the phase in components that reach from one face to the opposite one, along z, y, x."""
        z, y, x = (self._share(self.table[axis] == "spanning") for axis in "zyx")
        return z, y, x

    @property
    def isolated_share(self) -> tuple[float, float, float]:
        """Share of the phase in components that reach neither of the two faces, along z, y, x."""
        z, y, x = (self._share(self.table[axis] == "isolated") for axis in "zyx")
        return z, y, x

    def _share(self, chosen: Any) -> float:
        return float(self.table["voxels"][chosen].sum() / self.table["voxels"].sum())


@dataclass(frozen=True)
class EulerNumber:
    """The Euler number of a phase: components minus tunnels plus closed cavities.

    Attributes
    ----------
    number : int
        Of the phase as it stands in the volume, cut by its faces.
    density : float
        Per volume of the material that this is a sample of, 1 / `unit` cubed, without what the cut at the faces does.
        The more negative, the better connected.
    connectivity : int
        How voxels of the phase are connected: 6 by faces, 26 by faces, edges and corners.
    unit : str
        Unit of length.
    """

    number: int
    density: float
    connectivity: int
    unit: str


def connect_components(
    labels: Any, *, phase: int, voxel_size: VoxelSize | None = None, connectivity: Connectivity = 6
) -> ConnectedComponents:
    """Find the connected components of a phase, and which of them reach the faces of the volume.

    Parameters
    ----------
    labels : Volume or array, shape (z, y, x)
        Label volume.
    phase : int
        Label of the phase.
    voxel_size : float or 3 floats, optional
        Edge lengths of a voxel (z, y, x), if the volume does not state them.
    connectivity : {6, 18, 26}
        Voxels are neighbours by faces; also by edges; also by corners.

    Returns
    -------
    ConnectedComponents

    Raises
    ------
    InputError
        If these are no labels, the phase does not occur, or `connectivity` is none of these.
    """
    checked = check_labels(labels, voxel_size)
    mask = phase_mask(checked, phase)
    numbers, sizes, faces = number_components(mask, connectivity)
    order = np.concatenate([[0], 1 + np.argsort(-sizes[1:], kind="stable")])
    rank = np.empty(len(order), numbers.dtype)
    rank[order] = np.arange(len(order))
    sizes, faces = sizes[order], faces[order]
    known = checked.unit != "voxel"
    volume = Volume(
        rank[numbers], voxel_size=checked.voxel_size if known else None, unit=checked.unit if known else "um"
    )
    return ConnectedComponents(
        volume, _component_table(sizes[1:], faces[1:], checked), int(np.count_nonzero(mask)) / mask.size, checked.unit
    )


def number_components(
    mask: NDArray[np.uint8], connectivity: Connectivity
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.uint8]]:
    """Return the component of each voxel, and for each (0: outside) its voxels and touched faces.

    Bits 0 ... 5 of the faces: first and last plane along z, along y, along x.
    """
    import cc3d

    if connectivity not in (6, 18, 26):
        raise InputError(f"connectivity must be 6 (faces), 18 (and edges) or 26 (and corners), got {connectivity!r}")
    numbers, count = cc3d.connected_components(mask, connectivity=connectivity, binary_image=True, return_N=True)
    numbers = np.ascontiguousarray(numbers)
    sizes, faces = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.uint8)
    measure_components(numbers, sizes, faces)
    return numbers, sizes, faces


def _component_table(sizes: NDArray[np.int64], faces: NDArray[np.uint8], labels: Labels) -> "pd.DataFrame":
    """Return one row a component."""
    import pandas as pd

    names = np.array(["isolated", "one-sided", "one-sided", "spanning"])
    columns: dict[str, Any] = {"voxels": sizes, "volume": sizes * labels.voxel_volume, "open": faces != 0}
    columns |= {axis: names[faces >> 2 * i & 3] for i, axis in enumerate("zyx")}
    return pd.DataFrame(columns, index=pd.RangeIndex(1, len(sizes) + 1, name="component"))


def count_euler(
    labels: Any,
    *,
    phase: int,
    voxel_size: VoxelSize | None = None,
    connectivity: Literal[6, 26] = 6,
    threads: int | None = None,
) -> EulerNumber:
    """Count the Euler number of a phase.

    Parameters
    ----------
    labels : Volume or array, shape (z, y, x)
        Label volume.
    phase : int
        Label of the phase.
    voxel_size : float or 3 floats, optional
        Edge lengths of a voxel (z, y, x), if the volume does not state them.
    connectivity : {6, 26}
        How voxels of the phase are connected; the rest is connected the other way (26, 6).
    threads : int, optional
        How many threads; the answer does not depend on it.

    Returns
    -------
    EulerNumber

    Raises
    ------
    InputError
        If these are no labels, the phase does not occur, or `connectivity` is neither 6 nor 26.

    Notes
    -----
    Vertices - edges + faces - cells of the complex that the voxels make: as closed cubes for 26 neighbours, as points
    joined with their neighbours for 6. Each configuration of 2 x 2 x 2 voxels holds its part of them [1]_. What is
    thinner than a voxel makes or breaks connections: compare only volumes with the same voxel size and connectivity.

    References
    ----------
    .. [1] J. Ohser, W. Nagel, K. Schladitz, The Euler number of discretized sets, Lecture Notes in Physics 600 (2002)
       275, doi:10.1007/3-540-45782-8_12.
    """
    if connectivity not in (6, 26):
        raise InputError(
            f"connectivity of the Euler number must be 6 (faces) or 26 (and edges and corners), got {connectivity!r}"
        )
    checked = check_labels(labels, voxel_size)
    mask = phase_mask(checked, phase)
    part = euler_parts(connectivity)
    number = part @ configuration_counts(np.pad(mask, 1), threads=threads)
    cells = np.prod([n - 1 for n in mask.shape])
    density = (
        part @ configuration_counts(mask, threads=threads) / (8 * cells * checked.voxel_volume) if cells else np.nan
    )
    return EulerNumber(int(number) // 8, float(density), connectivity, checked.unit)


def euler_parts(connectivity: int) -> NDArray[np.int64]:
    """Return eight times the part of the Euler number that each of the 256 configurations holds."""
    total = np.zeros(256, np.int64)
    for fixed in product((None, 0, 1), repeat=3):
        free = [axis for axis in range(3) if fixed[axis] is None]
        corners = [c for c in CORNERS if all(f is None or c[axis] == f for axis, f in enumerate(fixed))]
        states = np.stack([corner_set(corner) for corner in corners])
        # the corners of a vertex, edge, face or cell of 2 x 2 x 2 voxels, which 2 ** (fixed axes) configurations share
        present = states.all(axis=0) if connectivity == 6 else states.any(axis=0)
        dimension = len(free) if connectivity == 6 else 3 - len(free)
        total += (-1) ** dimension * 2 ** len(free) * present
    return total
