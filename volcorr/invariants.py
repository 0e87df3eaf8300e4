"""What of a strain does not depend on the axes: principal strains, change of volume, equivalent strain, shear."""

from typing import TYPE_CHECKING

import numpy as np

from volcorr.fields import AXES, STRAIN
from volcorr.local_fit import plane_blocks
from volcorr.strain_measures import MEASURES, Measure, volume_change
from volcorr.strain_variables import COMPONENTS, DIRECTIONS, PRINCIPAL, ROTATION
from volio.blocks import run_blocks
from volio.errors import InputError

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["strain_invariants"]


def strain_invariants(field: "xr.Dataset", *, threads: int | None = None) -> "xr.Dataset":
    """Add the invariants of the strain tensor to a field, in the measure of its strain.

    Parameters
    ----------
    field : xarray.Dataset
        From `volcorr.strain`.
    threads : int, optional
        Number of threads; the result does not depend on it.

    Returns
    -------
    xarray.Dataset
        The field with

        - ``e_1 >= e_2 >= e_3``: principal strains;
        - ``n1_z, n1_y, n1_x``, ``n2_*``, ``n3_*``: unit vectors along them, the largest component positive; where two
          principal strains are equal their directions are arbitrary;
        - ``e_vol``: relative change of volume, det F - 1, of all finite measures; the trace of the infinitesimal one;
        - ``e_eq``: von Mises equivalent strain, ``sqrt(2/3 e' : e')`` with the deviator e';
        - ``e_shear``: largest shear strain, ``(e_1 - e_3) / 2`` (tensor; engineering shear is twice that);
        - ``rotation_angle``: length of the rotation vector, in degrees.

        NaN where a component of the strain is.

    Raises
    ------
    InputError
        If `field` has no strain.
    """
    measure = field.attrs.get("strain_measure")
    if measure not in MEASURES or any(name not in field for name in STRAIN):
        raise InputError("the field has no strain; compute it first with volcorr.strain(field)")
    components = [field[name].to_numpy() for name in STRAIN]
    shape = components[0].shape
    out = {name: np.full(shape, np.nan) for name in (*PRINCIPAL, *DIRECTIONS, "e_vol", "e_eq", "e_shear")}

    def task(block: slice) -> None:
        part = [values[block] for values in components]
        good = np.isfinite(part).all(axis=0)
        tensor = np.empty((3, 3, good.sum()))
        for (i, j), values in zip(COMPONENTS.values(), part, strict=True):
            tensor[i, j] = tensor[j, i] = values[good]
        for name, values in _invariants(tensor, measure).items():
            out[name][block][good] = values

    run_blocks(task, plane_blocks(shape), threads=threads)
    variables = {name: (AXES, values, {"units": "1", "long_name": _long_name(name)}) for name, values in out.items()}
    if all(name in field for name in ROTATION):
        angle = np.sqrt(sum(field[name].to_numpy() ** 2 for name in ROTATION))
        variables["rotation_angle"] = (AXES, angle, {"units": "degree", "long_name": "rotation angle"})
    return field.assign(variables)


def _invariants(tensor: "Array", measure: Measure) -> "dict[str, Array]":
    """Invariants of tensors (3, 3, n), by name."""
    values, axes = np.linalg.eigh(np.moveaxis(tensor, -1, 0))
    values, axes = values[:, ::-1].T, axes[:, :, ::-1]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    axes = axes * np.where(largest < 0, -1.0, 1.0)
    deviator = values - values.mean(axis=0)
    found = dict(zip(PRINCIPAL, values, strict=True))
    found |= dict(zip(DIRECTIONS, (axes[:, a, i] for i in range(3) for a in range(3)), strict=True))
    found["e_vol"] = volume_change(tensor, measure=measure)
    found["e_eq"] = np.sqrt(2 / 3 * (deviator**2).sum(axis=0))
    found["e_shear"] = 0.5 * (values[0] - values[2])
    return found


def _long_name(name: str) -> str:
    if name in DIRECTIONS:
        return f"direction of principal strain {name[1]}, component {name[-1]}"
    if name in PRINCIPAL:
        return f"principal strain {name[-1]}"
    return {
        "e_vol": "relative change of volume",
        "e_eq": "von Mises equivalent strain",
        "e_shear": "largest shear strain (tensor)",
    }[name]
