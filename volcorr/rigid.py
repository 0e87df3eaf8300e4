"""The rigid motion of a specimen between two scans, and the field that remains without it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from volcorr.fields import AXES, DISPLACEMENT, check_fields, displacement_array, valid_points
from volcorr.steps import each_step, stack_steps
from volio.errors import InputError

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["RigidMotion", "fit_rigid_motion", "remove_rigid_motion", "remove_rigid_motions"]


@dataclass(frozen=True, eq=False)
class RigidMotion:
    """A rotation about a centre, then a translation: ``x = centre + rotation (X - centre) + translation``.

    Attributes
    ----------
    rotation : (3, 3) array
        Rotation matrix, components z, y, x.
    translation : (3,) array
        Displacement of the centre, in the unit of the field.
    centre : (3,) array
        Mean position of the valid points.
    """

    rotation: "NDArray[np.float64]"
    translation: "NDArray[np.float64]"
    centre: "NDArray[np.float64]"

    @property
    def angle(self) -> float:
        """Rotation angle in degrees, 0 to 180."""
        sine = 0.5 * np.linalg.norm(self.rotation[[2, 0, 1], [1, 2, 0]] - self.rotation[[1, 2, 0], [2, 0, 1]])
        return float(np.degrees(np.arctan2(sine, 0.5 * (np.trace(self.rotation) - 1))))

    def displacement(self, positions: "NDArray[np.float64]") -> "NDArray[np.float64]":
        """Return the displacement (n, 3) of positions (n, 3)."""
        offset = positions - self.centre
        return offset @ self.rotation.T - offset + self.translation


def fit_rigid_motion(field: "xr.Dataset") -> RigidMotion:
    """Fit the rigid motion that leaves the smallest sum of squared displacements over the valid points.

    Raises
    ------
    InputError
        If fewer than three points are valid.

    Notes
    -----
    W. Kabsch, "A solution for the best rotation to relate two sets of vectors", Acta Cryst. A 32 (1976) 922-923,
    doi:10.1107/S0567739476001873.
    """
    check_fields(field)
    positions, u = _positions(field), displacement_array(field).reshape(3, -1).T
    valid = valid_points(field).ravel()
    if valid.sum() < 3:
        raise InputError(f"a rigid motion needs at least three valid points, the field has {valid.sum()}")
    before, after = positions[valid], positions[valid] + u[valid]
    centre, goal = before.mean(axis=0), after.mean(axis=0)
    left, _, right = np.linalg.svd((after - goal).T @ (before - centre))
    handed = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    return RigidMotion(left @ handed @ right, goal - centre, centre)


def remove_rigid_motion(field: "xr.Dataset") -> "tuple[xr.Dataset, RigidMotion]":
    """Take the specimen's rigid motion out of its displacement.

    What remains is the displacement seen by an observer that moves with the specimen: the rigid motion is undone at
    the moved points, so a Green-Lagrange strain is the same before and after.

    Returns
    -------
    field : xarray.Dataset
        The field with displacement ``R^T (x - c - t) + c - X``.
    motion : RigidMotion
        What was taken out.
    """
    motion = fit_rigid_motion(field)
    positions, u = _positions(field), displacement_array(field).reshape(3, -1).T
    moved = positions + u - motion.centre - motion.translation
    rest = (moved @ motion.rotation + motion.centre - positions).T.reshape(3, *field["u_z"].shape)
    new = {name: (AXES, rest[a], field[name].attrs) for a, name in enumerate(DISPLACEMENT)}
    return field.assign(new).assign_attrs(rigid_motion_removed=1), motion


def remove_rigid_motions(series: "xr.Dataset") -> "tuple[xr.Dataset, tuple[RigidMotion, ...]]":
    """Take the specimen's rigid motion out of every step of a series.

    Returns
    -------
    series : xarray.Dataset
        The series of what `remove_rigid_motion` gives for each step.
    motions : tuple of RigidMotion
        What was taken out, step by step.

    Raises
    ------
    InputError
        If a step has fewer than three valid points.
    """
    pairs = [remove_rigid_motion(field) for field in each_step(series)]
    return stack_steps(field for field, _ in pairs), tuple(motion for _, motion in pairs)


def _positions(field: "xr.Dataset") -> "NDArray[np.float64]":
    axes = [field[axis].to_numpy() for axis in AXES]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
