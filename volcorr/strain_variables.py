"""Names of the variables that strain adds to a field."""

from typing import TYPE_CHECKING, Final

from volcorr.fields import STRAIN

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["COMPONENTS", "DIRECTIONS", "INVARIANTS", "PRINCIPAL", "ROTATION", "SIGMA_STRAIN", "drop_strain"]

#: Standard uncertainty of each component of the strain tensor.
SIGMA_STRAIN: Final = tuple(f"sigma_{name}" for name in STRAIN)
#: Rotation vector of the polar decomposition.
ROTATION: Final = ("rotation_z", "rotation_y", "rotation_x")
#: Principal strains, largest first.
PRINCIPAL: Final = ("e_1", "e_2", "e_3")
#: Unit vectors along the principal strains: components z, y, x of the first, the second, the third.
DIRECTIONS: Final = tuple(f"n{i}_{axis}" for i in (1, 2, 3) for axis in "zyx")
#: All that `strain_invariants` adds.
INVARIANTS: Final = (*PRINCIPAL, *DIRECTIONS, "e_vol", "e_eq", "e_shear", "rotation_angle")
#: Place of each component in the tensor.
COMPONENTS: Final = dict(zip(STRAIN, [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)], strict=True))


def drop_strain(field: "xr.Dataset") -> "xr.Dataset":
    """Return the field without strain and what was derived from it: it is about to change."""
    names = (*STRAIN, *SIGMA_STRAIN, *ROTATION, *INVARIANTS, "strain_points")
    without = field.drop_vars([name for name in names if name in field])
    without.attrs = {name: value for name, value in field.attrs.items() if not name.startswith("strain_")}
    return without
